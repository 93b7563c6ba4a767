"""Reads of fulfillment. All run inside ``tenancy.enter``."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from banyan.goods.catalog import queries as catalog
from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory import queries as inventory
from banyan.goods.inventory.types import LotState, WarehouseId
from banyan.kernel import clock, sql
from banyan.kernel.secrets import unseal
from banyan.kernel.tenancy import current_tenant_id, get_tenant
from banyan.kernel.values.errors import NotFound
from banyan.people.identity.types import UserId
from banyan.trade.fulfillment.engine.picking import LyingLot, first_expired
from banyan.trade.fulfillment.ports import registered_carriers
from banyan.trade.fulfillment.types import (
    GIVEN_UP,
    Booking,
    Delivered,
    Fulfillment,
    FulfillmentId,
    FulfillmentLine,
    FulfillmentState,
    Label,
    Parcel,
    ParcelId,
    ParcelState,
    PickRow,
    Pickup,
    PickupId,
    PickupState,
    Policy,
    Shelf,
    TrackCode,
    TrackEvent,
    Wave,
    WaveId,
)
from banyan.trade.orders.types import OrderId

EVER = 2**63 - 1

_FULFILLMENT = """
SELECT f.id, f.order_id, f.buyer_id, f.warehouse_id, f.wave_id, f.state, f.opened_at, f.shipped_at, f.delivered_at, f.received_at
FROM fulfillments f WHERE f.tenant_id = %s
"""
_PARCEL = """
SELECT p.id, p.fulfillment_id, p.order_id, f.buyer_id, f.warehouse_id, p.state, p.carrier, p.tracking_number, p.weight_grams,
       p.booking, p.failure, p.packed_at, p.shipped_at, p.delivered_at, p.delivered_by,
       EXISTS (SELECT 1 FROM fulfillment_labels l WHERE l.tenant_id = p.tenant_id AND l.id = p.id)
FROM fulfillment_parcels p JOIN fulfillments f ON f.id = p.fulfillment_id WHERE p.tenant_id = %s
"""
_PICKUP = """
SELECT id, order_id, buyer_id, warehouse_id, state, chosen_at, ready_at, expires_at, code_issued_at, redeemed_at, redeemed_by
FROM fulfillment_pickups WHERE tenant_id = %s
"""


def _where(conditions: Sequence[tuple[str, Any]]) -> tuple[str, list[Any]]:
    kept = [(condition, value) for condition, value in conditions if value is not None]
    return "".join(f" AND {condition}" for condition, _ in kept), [value for _, value in kept]


def list_fulfillments(
    *,
    order_ids: Iterable[int] | None = None,
    wave_id: WaveId | None = None,
    state: FulfillmentState | None = None,
    fulfillment_ids: Iterable[int] | None = None,
    before_id: int | None = None,
    limit: int | None = 50,
) -> list[Fulfillment]:
    """Fulfillments with their lines, newest first, at most ``limit`` (None: all)."""
    condition, params = _where(
        (
            ("f.order_id = ANY(%s::bigint[])", list(order_ids) if order_ids is not None else None), ("f.wave_id = %s", wave_id),
            ("f.state = %s", state.value if state else None),
            ("f.id = ANY(%s::bigint[])", list(fulfillment_ids) if fulfillment_ids is not None else None),
            ("f.id < %s", before_id),
        )
    )  # fmt: skip
    rows = sql.fetch(f"{_FULFILLMENT}{condition} ORDER BY f.id DESC LIMIT %s", (current_tenant_id(), *params, limit))
    lines: dict[int, list[FulfillmentLine]] = {row[0]: [] for row in rows}
    for fulfillment_id, *line in sql.fetch(
        "SELECT fulfillment_id, line_id, sku_id, quantity, packed_quantity, shipped_quantity FROM fulfillment_lines"
        " WHERE tenant_id = %s AND fulfillment_id = ANY(%s::bigint[]) ORDER BY line_id",
        (current_tenant_id(), list(lines)),
    ):
        lines[fulfillment_id].append(FulfillmentLine(*line))
    return [_fulfillment(row, lines[row[0]]) for row in rows]


def _fulfillment(row: Sequence[Any], lines: Sequence[FulfillmentLine]) -> Fulfillment:
    values: list[Any] = [*row[:5], FulfillmentState(row[5]), *row[6:], tuple(lines)]
    return Fulfillment(*values)


def get_fulfillment(fulfillment_id: FulfillmentId) -> Fulfillment:
    """One fulfillment; raises NotFound."""
    found = list_fulfillments(fulfillment_ids=[fulfillment_id])
    if not found:
        raise NotFound("No such fulfillment.")
    return found[0]


def list_waves(warehouse_id: WarehouseId | None = None, before_id: int | None = None, limit: int = 50) -> list[Wave]:
    """Waves, newest first, with how much is left of them."""
    return _waves((("w.warehouse_id = %s", warehouse_id), ("w.id < %s", before_id)), limit)


def get_wave(wave_id: WaveId) -> Wave:
    """One wave; raises NotFound."""
    found = _waves((("w.id = %s", wave_id),), 1)
    if not found:
        raise NotFound("No such wave.")
    return found[0]


def _waves(conditions: Sequence[tuple[str, Any]], limit: int) -> list[Wave]:
    condition, params = _where(conditions)
    rows = sql.fetch(
        "WITH w AS (SELECT w.id, w.warehouse_id, w.opened_at, w.opened_by FROM fulfillment_waves w WHERE w.tenant_id = %s"
        f" {condition} ORDER BY w.id DESC LIMIT %s)"
        " SELECT w.id, w.warehouse_id, w.opened_at, w.opened_by, count(f.id), coalesce(sum(l.pieces), 0)::bigint,"
        "  count(f.id) FILTER (WHERE f.state = 'open')"
        " FROM w LEFT JOIN fulfillments f ON f.tenant_id = %s AND f.wave_id = w.id"
        " LEFT JOIN LATERAL (SELECT sum(quantity) AS pieces FROM fulfillment_lines l WHERE l.tenant_id = f.tenant_id"
        "  AND l.fulfillment_id = f.id) l ON true"
        " GROUP BY w.id, w.warehouse_id, w.opened_at, w.opened_by ORDER BY w.id DESC",
        (current_tenant_id(), *params, limit, current_tenant_id()),
    )
    return [Wave(*row) for row in rows]


def pick_list(wave_id: WaveId) -> list[PickRow]:
    """What is still to be taken from the shelves for this wave, in the order of the shelves; SKUs without a shelf come last.

    Pieces that lie in a parcel already are left out, and so is what was given back meanwhile.
    """
    rows = sql.fetch(
        "SELECT coalesce(s.shelf, ''), l.sku_id, sum(l.quantity - l.packed_quantity)::bigint, count(DISTINCT f.order_id)"
        " FROM fulfillments f JOIN fulfillment_lines l ON l.tenant_id = f.tenant_id AND l.fulfillment_id = f.id"
        " LEFT JOIN fulfillment_shelves s ON s.tenant_id = f.tenant_id AND s.warehouse_id = f.warehouse_id"
        "  AND s.sku_id = l.sku_id"
        " WHERE f.tenant_id = %s AND f.wave_id = %s AND f.state = 'open' AND l.quantity > l.packed_quantity"
        " GROUP BY 1, 2 ORDER BY (coalesce(s.shelf, '') = ''), 1, 2",
        (current_tenant_id(), wave_id),
    )
    names, lots = catalog.sku_names([row[1] for row in rows]), _lying_lots(wave_id, [row[1] for row in rows])
    return [
        PickRow(shelf, sku_id, *names.get(sku_id, ("", "")), quantity, orders, first_expired(lots.get(sku_id, ()), quantity))
        for shelf, sku_id, quantity, orders in rows
    ]


def _lying_lots(wave_id: WaveId, sku_ids: Sequence[SkuId]) -> dict[SkuId, list[LyingLot]]:
    """The lots of these SKUs that may be picked in the wave's warehouse."""
    found: dict[SkuId, list[LyingLot]] = {}
    if not sku_ids:
        return found
    today = clock.now().astimezone(get_tenant(current_tenant_id()).zone).date()
    for _row, stock, lot in inventory.shelf_of(get_wave(wave_id).warehouse_id, limit=5000, sku_ids=sku_ids):
        pieces = stock.on_hand - stock.quarantined
        if pieces > 0 and lot.state is LotState.OPEN and (lot.expires_on is None or lot.expires_on > today):
            found.setdefault(stock.sku_id, []).append(LyingLot(lot.lot_id, lot.number, pieces, lot.expires_on, lot.produced_on))
    return found


def list_shelves(warehouse_id: WarehouseId, before_id: int | None = None, limit: int = 50) -> list[Shelf]:
    """Where SKUs lie in a warehouse, the latest that was told first."""
    rows = sql.fetch(
        "SELECT id, sku_id, shelf FROM fulfillment_shelves WHERE tenant_id = %s AND warehouse_id = %s AND id < %s"
        " ORDER BY id DESC LIMIT %s",
        (current_tenant_id(), warehouse_id, EVER if before_id is None else before_id, limit),
    )
    named = catalog.sku_names([row[1] for row in rows])
    return [Shelf(shelf_id, warehouse_id, sku_id, *named.get(sku_id, ("", "")), shelf) for shelf_id, sku_id, shelf in rows]


def list_parcels(
    *,
    state: ParcelState | None = None,
    order_ids: Iterable[int] | None = None,
    fulfillment_ids: Iterable[int] | None = None,
    parcel_ids: Iterable[int] | None = None,
    tracking_number: str | None = None,
    buyer_id: UserId | None = None,
    is_given_up: bool = False,
    before_id: int | None = None,
    limit: int | None = 50,
) -> list[Parcel]:
    """Parcels with what lies in them, newest first, at most ``limit`` (None: all). ``is_given_up``: those only that their
    carrier is asked about no more."""
    condition, params = _where(
        (
            ("p.state = %s", state.value if state else None),
            ("p.order_id = ANY(%s::bigint[])", list(order_ids) if order_ids is not None else None),
            ("p.fulfillment_id = ANY(%s::bigint[])", list(fulfillment_ids) if fulfillment_ids is not None else None),
            ("p.id = ANY(%s::bigint[])", list(parcel_ids) if parcel_ids is not None else None),
            ("p.tracking_number = %s AND p.tracking_number <> ''", tracking_number),
            ("f.buyer_id = %s", buyer_id),
            (f"(%s AND p.failure IN {GIVEN_UP})", is_given_up or None),
            ("p.id < %s", before_id),
        )
    )
    rows = sql.fetch(f"{_PARCEL}{condition} ORDER BY p.id DESC LIMIT %s", (current_tenant_id(), *params, limit))
    pieces = pieces_of([row[0] for row in rows])
    return [_parcel(row, pieces.get(row[0], ())) for row in rows]


def _parcel(row: Sequence[Any], pieces: Sequence[tuple[Any, Any, int]]) -> Parcel:
    said_by = Delivered(row[14]) if row[14] else None
    values: list[Any] = [*row[:5], ParcelState(row[5]), *row[6:9], Booking(row[9]), *row[10:14], said_by, row[15], tuple(pieces)]
    return Parcel(*values)


def pieces_of(parcel_ids: Iterable[int]) -> dict[int, list[tuple[Any, Any, int]]]:
    """What lies in these parcels, as (line, SKU, pieces)."""
    found: dict[int, list[tuple[Any, Any, int]]] = {}
    for parcel_id, line_id, sku_id, quantity in sql.fetch(
        "SELECT parcel_id, line_id, sku_id, quantity FROM fulfillment_parcel_lines WHERE tenant_id = %s AND parcel_id ="
        " ANY(%s::bigint[]) ORDER BY line_id",
        (current_tenant_id(), list(parcel_ids)),
    ):
        found.setdefault(parcel_id, []).append((line_id, sku_id, quantity))
    return found


def get_parcel(parcel_id: ParcelId) -> Parcel:
    """One parcel; raises NotFound."""
    found = list_parcels(parcel_ids=[parcel_id])
    if not found:
        raise NotFound("No such parcel.")
    return found[0]


def carriers() -> tuple[str, ...]:
    """The carriers that are wired in: they are asked for waybills, and tell where parcels are."""
    return registered_carriers()


def list_track(carrier: str, tracking_number: str) -> list[TrackEvent]:
    """What the carrier told about a number, newest first."""
    rows = sql.fetch(
        "SELECT key, code, occurred_at, place, text FROM fulfillment_track_events WHERE tenant_id = %s AND carrier = %s"
        " AND tracking_number = %s ORDER BY occurred_at DESC, id DESC",
        (current_tenant_id(), carrier, tracking_number),
    )
    return [TrackEvent(row[0], TrackCode(row[1]), *row[2:]) for row in rows]


def get_label(parcel_id: ParcelId) -> Label | None:
    """The parcel's label, decrypted; None when its carrier has given none. Personal: never log it."""
    rows = sql.fetch(
        "SELECT content_type, content FROM fulfillment_labels WHERE tenant_id = %s AND id = %s", (current_tenant_id(), parcel_id)
    )
    if not rows:
        return None
    text = unseal(current_tenant_id(), "fulfillment_labels.content", parcel_id, bytes(rows[0][1]))
    return Label(rows[0][0], b64decode(text))


def packed_pieces(order_ids: Iterable[int]) -> dict[tuple[int, int], int]:
    """Pieces of these orders in parcels that have not left, by (line, warehouse): they cannot be sent from elsewhere."""
    rows = sql.fetch(
        "SELECT l.line_id, f.warehouse_id, sum(l.packed_quantity - l.shipped_quantity)::bigint FROM fulfillments f"
        " JOIN fulfillment_lines l ON l.tenant_id = f.tenant_id AND l.fulfillment_id = f.id"
        "  AND l.packed_quantity > l.shipped_quantity"
        " WHERE f.tenant_id = %s AND f.order_id = ANY(%s::bigint[]) GROUP BY 1, 2",
        (current_tenant_id(), list(order_ids)),
    )
    return {(row[0], row[1]): row[2] for row in rows}


def shipped_pieces(order_ids: Iterable[int]) -> dict[tuple[int, int, int], int]:
    """Pieces that left in parcels, by (order, line, warehouse): what the stock must say, too."""
    rows = sql.fetch(
        "SELECT p.order_id, l.line_id, f.warehouse_id, sum(l.quantity)::bigint FROM fulfillment_parcels p"
        " JOIN fulfillments f ON f.id = p.fulfillment_id"
        " JOIN fulfillment_parcel_lines l ON l.tenant_id = p.tenant_id AND l.parcel_id = p.id"
        " WHERE p.tenant_id = %s AND p.order_id = ANY(%s::bigint[]) AND p.state NOT IN ('packed', 'void') GROUP BY 1, 2, 3",
        (current_tenant_id(), list(order_ids)),
    )
    return {(row[0], row[1], row[2]): row[3] for row in rows}


def list_pickups(
    *,
    state: PickupState | None = None,
    buyer_id: UserId | None = None,
    order_ids: Iterable[int] | None = None,
    before_id: int | None = None,
    limit: int | None = 50,
) -> list[Pickup]:
    """Pickups, newest first."""
    condition, params = _where(
        (
            ("state = %s", state.value if state else None), ("buyer_id = %s", buyer_id),
            ("order_id = ANY(%s::bigint[])", list(order_ids) if order_ids is not None else None),
            ("id < %s", before_id),
        )
    )  # fmt: skip
    rows = sql.fetch(f"{_PICKUP}{condition} ORDER BY id DESC LIMIT %s", (current_tenant_id(), *params, limit))
    return [_pickup(row) for row in rows]


def _pickup(row: Sequence[Any]) -> Pickup:
    values: list[Any] = [*row[:4], PickupState(row[4]), *row[5:]]
    return Pickup(*values)


def get_pickup(pickup_id: PickupId) -> Pickup:
    """One pickup; raises NotFound."""
    rows = sql.fetch(f"{_PICKUP} AND id = %s", (current_tenant_id(), pickup_id))
    if not rows:
        raise NotFound("No such pickup.")
    return _pickup(rows[0])


def find_pickup(order_id: OrderId) -> Pickup | None:
    """The pickup of an order, cancelled ones aside."""
    found = [one for one in list_pickups(order_ids=[order_id], limit=None) if one.state is not PickupState.CANCELLED]
    return found[0] if found else None


def fetched_orders(order_ids: Iterable[int]) -> set[int]:
    """Those of these orders that wait for their buyers to fetch them: nobody picks or packs them for a carrier."""
    rows = sql.fetch(
        "SELECT order_id FROM fulfillment_pickups WHERE tenant_id = %s AND order_id = ANY(%s::bigint[])"
        " AND state NOT IN ('cancelled', 'redeemed')",
        (current_tenant_id(), list(order_ids)),
    )
    return {row[0] for row in rows}


def get_policy() -> Policy:
    """The tenant's terms; the defaults when nothing was set."""
    rows = sql.fetch(
        "SELECT receive_after_days, pickup_days, sender_phone, silent_days FROM fulfillment_policies WHERE tenant_id = %s",
        (current_tenant_id(),),
    )
    return Policy(*rows[0]) if rows else Policy()


def count_by_state(since: datetime) -> dict[ParcelState, int]:
    """Parcels packed since then, by state: for the head of the parcels' page."""
    rows = sql.fetch(
        "SELECT state, count(*) FROM fulfillment_parcels WHERE tenant_id = %s AND packed_at >= %s GROUP BY state",
        (current_tenant_id(), since),
    )
    return {ParcelState(row[0]): row[1] for row in rows}


def count_troubled() -> int:
    """Parcels that somebody has to look after, troubled or given up, counted to 1,000 and no further."""
    return _count_parcels("state = 'troubled'", f"state <> 'troubled' AND failure IN {GIVEN_UP}")


def count_given_up() -> int:
    """Parcels that their carrier is asked about no more, counted to 1,000 and no further."""
    return _count_parcels(f"failure IN {GIVEN_UP}")


def _count_parcels(*conditions: str) -> int:
    """Each condition on its own, so that each is read from its partial index: the menu of every page asks for this."""
    parts = " UNION ALL ".join(f"SELECT 1 FROM fulfillment_parcels WHERE tenant_id = %s AND {one}" for one in conditions)
    tenant_id = current_tenant_id()
    rows = sql.fetch(f"SELECT count(*) FROM ({parts} LIMIT 1000) waiting", (tenant_id,) * len(conditions))
    return int(rows[0][0])
