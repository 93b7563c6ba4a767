"""The one place where movements are written. Pieces of a lot-tracked SKU always move as pieces of a lot: what leaves without a
named lot is taken first expired first. Lock order: levels by (sku, warehouse), then lots by id, then their stock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from django.db import OperationalError

from banyan.goods.inventory.engine.picking import LotPieces, Shelf
from banyan.goods.inventory.models import LotStock, Movement
from banyan.goods.inventory.queries import UnknownLot
from banyan.goods.inventory.types import MovementKind
from banyan.kernel import ids, sql
from banyan.kernel.tenancy import current_tenant_id, get_tenant
from banyan.kernel.values.errors import Conflict, Invalid


class LotMissing(Invalid):
    """Pieces of a lot-tracked SKU came without their lot."""

    code = "lot_missing"
    advice = "Name the lot of these pieces."


class LotShort(Conflict):
    """The lot, or all lots that may be picked, have fewer pieces there than are to leave."""

    code = "lot_short"
    advice = "Read the stock by lot. Lots past their date are taken out of sale within minutes; then try again."


class Change(NamedTuple):
    """One change of the pieces on hand. ``quarantined``: of the pieces that lie apart."""

    warehouse_id: int
    sku_id: int
    kind: MovementKind
    quantity_change: int
    order_id: int | None = None
    reference: str = ""
    key: str | None = None
    lot_id: int | None = None
    quarantined: bool = False


class Moved(NamedTuple):
    """A written change: ``asked`` is the position of the wish it came from."""

    asked: int
    change: Change


Place = tuple[int, int]
"""(sku_id, warehouse_id), in lock order."""


class KeyRaced(OperationalError):
    """Two with one key at one moment: the transaction is tried again, as after a deadlock."""


def tracked(sku_ids: Iterable[int]) -> set[int]:
    """Those of these SKUs that are lot-tracked."""
    rows = sql.fetch(
        "SELECT sku_id FROM inventory_lot_rules WHERE tenant_id = %s AND sku_id = ANY(%s::bigint[])",
        (current_tenant_id(), list(set(sku_ids))),
    )
    return {row[0] for row in rows}


def shop_day(at: datetime) -> date:
    """The day in the shop's time zone: lots expire by the calendar."""
    return at.astimezone(get_tenant(current_tenant_id()).zone).date()


def write_movements(changes: Sequence[Sequence[object]], at: datetime) -> list[Moved]:
    """Write movements; those whose key is known are skipped. Levels are the caller's part, stock by lot is done here.

    A member is a ``Change`` or a tuple of its first fields. Raises LotMissing, UnknownLot, LotShort for lot-tracked SKUs.
    """
    wanted = [(asked, Change(*change)) for asked, change in enumerate(changes)]  # type: ignore[arg-type]
    with_lots = tracked(change.sku_id for _, change in wanted)
    if with_lots:
        lock_places((c.sku_id, c.warehouse_id) for _, c in wanted if c.sku_id in with_lots)
        wanted = _by_lot(wanted, with_lots, shop_day(at))
    if any(change.lot_id is not None and change.sku_id not in with_lots for _, change in wanted):
        raise Invalid("This SKU is not lot-tracked.", field="lot_id")
    if not wanted:
        return []
    identities = list(ids.next_ids(len(wanted)))
    written = {
        row[0]
        for row in sql.insert(
            Movement,
            (
                "id", "warehouse_id", "sku_id", "kind", "quantity_change", "order_id", "reference", "key", "lot_id",
                "quarantined", "occurred_at",
            ),
            [(identity, *change, at) for identity, (_, change) in zip(identities, wanted, strict=True)],
            on_conflict="ON CONFLICT (tenant_id, key) WHERE key IS NOT NULL DO NOTHING",
            returning="id",
        )
    }  # fmt: skip
    moved = [Moved(*wish) for identity, wish in zip(identities, wanted, strict=True) if identity in written]
    if with_lots:
        if len(moved) != len(wanted):
            raise KeyRaced("The same change was written at this moment.")
        _change_lot_stock([change for _, change in moved if change.lot_id is not None])
    return moved


def lock_places(places: Iterable[Place]) -> None:
    """Lock levels in order; those that do not exist yet are made first, so that there is something to lock."""
    wanted = sorted(set(places))
    skus, warehouses = [place[0] for place in wanted], [place[1] for place in wanted]
    tenant_id = current_tenant_id()
    sql.execute(
        "INSERT INTO inventory_stock_levels (tenant_id, id, sku_id, warehouse_id, on_hand, reserved, allocated)"
        " SELECT %s, u.id, u.sku_id, u.warehouse_id, 0, 0, 0 FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[])"
        " AS u(id, sku_id, warehouse_id) ORDER BY u.sku_id, u.warehouse_id"
        " ON CONFLICT (tenant_id, sku_id, warehouse_id) DO NOTHING",
        (tenant_id, list(ids.next_ids(len(wanted))), skus, warehouses),
    )
    sql.execute(
        "SELECT 1 FROM inventory_stock_levels s JOIN unnest(%s::bigint[], %s::bigint[]) AS u(sku_id, warehouse_id)"
        " USING (sku_id, warehouse_id) WHERE s.tenant_id = %s ORDER BY s.sku_id, s.warehouse_id FOR UPDATE OF s",
        (skus, warehouses, tenant_id),
    )


def lock_skus(sku_ids: Iterable[int]) -> None:
    """Lock the levels of these SKUs in every warehouse, in order."""
    array, params = sql.few(list(set(sku_ids)))
    sql.fetch(
        f"SELECT count(*) FROM (SELECT 1 FROM inventory_stock_levels WHERE tenant_id = %s AND sku_id = ANY({array})"
        " ORDER BY sku_id, warehouse_id FOR UPDATE) locked",
        (current_tenant_id(), *params),
    )


_LYING = """
SELECT k.sku_id, k.warehouse_id, k.lot_id, k.on_hand - k.quarantined, l.expires_on, l.produced_on, l.state
FROM inventory_lot_stock k JOIN inventory_lots l ON l.id = k.lot_id
WHERE k.tenant_id = %s AND k.sku_id = ANY(%s::bigint[]) AND k.warehouse_id = ANY(%s::bigint[]) AND k.on_hand > 0
"""


def _shelves(picking: Sequence[Change], today: date) -> dict[Place, Shelf]:
    """The lots to pick from. Whoever changes their state locks the levels first, which are ours now."""
    if not picking:
        return {}
    skus, warehouses = {change.sku_id for change in picking}, {change.warehouse_id for change in picking}
    lying: dict[Place, list[LotPieces]] = {}
    for sku_id, warehouse_id, lot_id, pieces, expires_on, produced_on, state in sql.fetch(
        _LYING, (current_tenant_id(), list(skus), list(warehouses))
    ):
        may_be_picked = state == "open" and (expires_on is None or expires_on > today)
        lots = lying.setdefault((sku_id, warehouse_id), [])
        lots.append(LotPieces(lot_id, pieces, expires_on, produced_on, may_be_picked))
    return {place: Shelf(lots) for place, lots in lying.items()}


def _skus_of(lot_ids: set[int]) -> dict[int, int]:
    """The SKUs of these lots. Locked: nobody may change their state while their first level somewhere is still ours alone."""
    if not lot_ids:
        return {}
    rows = sql.fetch(
        "SELECT id, sku_id FROM inventory_lots WHERE tenant_id = %s AND id = ANY(%s::bigint[]) ORDER BY id FOR SHARE",
        (current_tenant_id(), list(lot_ids)),
    )
    return dict(rows)


def known_keys(keys: Sequence[str]) -> set[str]:
    """Those of these keys under which a movement is written."""
    if not keys:
        return set()
    rows = sql.fetch(
        "SELECT key FROM inventory_movements WHERE tenant_id = %s AND key = ANY(%s::text[])", (current_tenant_id(), list(keys))
    )
    return {row[0] for row in rows}


def _by_lot(wanted: Sequence[tuple[int, Change]], with_lots: set[int], today: date) -> list[tuple[int, Change]]:
    """The same wishes with their lots; what is written already is left out. The levels are locked."""
    known = known_keys([change.key for _, change in wanted if change.key is not None])
    of_sku = _skus_of({change.lot_id for _, change in wanted if change.lot_id is not None})
    picking = [change for _, change in wanted if change.sku_id in with_lots and change.lot_id is None]
    shelves = _shelves(picking, today)
    answer: list[tuple[int, Change]] = []
    for asked, change in wanted:
        if change.key is not None and change.key in known:
            continue
        if change.key is not None:
            known.add(change.key)
        if change.sku_id not in with_lots:
            answer.append((asked, change))
            continue
        answer += [(asked, part) for part in _parts(change, shelves.get((change.sku_id, change.warehouse_id)), of_sku)]
    return answer


def _parts(change: Change, shelf: Shelf | None, of_sku: dict[int, int]) -> list[Change]:
    if change.kind is MovementKind.TRACKING and change.lot_id is None:
        return [change]
    if change.lot_id is not None:
        if of_sku.get(change.lot_id) != change.sku_id:
            raise UnknownLot("No such lot of this SKU.")
        if shelf is not None and not change.quarantined:
            shelf.take(change.lot_id, -change.quantity_change)
        return [change]
    if change.quantity_change > 0 or change.quarantined:
        raise LotMissing("Pieces of a lot-tracked SKU need their lot.", field="lot_id", sku_id=ids.public("sku", change.sku_id))
    taken = shelf.pick(-change.quantity_change) if shelf is not None else None
    if taken is None:
        raise LotShort(
            "Fewer pieces of lots that may be picked are there than are to leave.", sku_id=ids.public("sku", change.sku_id)
        )
    return [
        change._replace(quantity_change=-part.pieces, lot_id=part.lot_id, key=change.key if first else None)
        for first, part in ((number == 0, part) for number, part in enumerate(taken))
    ]


def _change_lot_stock(changes: Sequence[Change]) -> None:
    totals: dict[tuple[int, int, int], tuple[int, int]] = {}
    for change in changes:
        assert change.lot_id is not None
        place = (change.lot_id, change.warehouse_id, change.sku_id)
        on_hand, quarantined = totals.get(place, (0, 0))
        apart = change.quantity_change if change.quarantined else 0
        totals[place] = (on_hand + change.quantity_change, quarantined + apart)
    places = sorted(totals)
    sql.insert(
        LotStock,
        ("id", "lot_id", "warehouse_id", "sku_id", "on_hand", "quarantined"),
        [(identity, *place, 0, 0) for identity, place in zip(ids.next_ids(len(places)), places, strict=True)],
        on_conflict="ON CONFLICT (tenant_id, lot_id, warehouse_id) DO NOTHING",
    )
    sql.execute(
        "UPDATE inventory_lot_stock k SET on_hand = k.on_hand + u.on_hand, quarantined = k.quarantined + u.quarantined"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]) AS u(lot_id, warehouse_id, on_hand, quarantined)"
        " WHERE k.tenant_id = %s AND k.lot_id = u.lot_id AND k.warehouse_id = u.warehouse_id",
        (
            [p[0] for p in places], [p[1] for p in places], [totals[p][0] for p in places], [totals[p][1] for p in places],
            current_tenant_id(),
        ),
    )  # fmt: skip


def raise_levels(changes: Sequence[Change]) -> None:
    """Add written changes to the levels, in lock order: on hand, the part that lies apart, the part of lots not for sale."""
    if not changes:
        return
    lock_places((change.sku_id, change.warehouse_id) for change in changes)
    if tracked(change.sku_id for change in changes) != {change.sku_id for change in changes if change.lot_id is not None}:
        raise KeyRaced("The SKU became lot-tracked, or ceased to be, at this moment.")
    sql.execute(
        "WITH wanted AS ("
        " SELECT u.sku_id, u.warehouse_id, sum(u.change) AS on_hand,"
        " coalesce(sum(u.change) FILTER (WHERE u.quarantined), 0) AS quarantined,"
        " coalesce(sum(u.change) FILTER (WHERE NOT u.quarantined AND l.state <> 'open'), 0) AS held"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bool[])"
        " AS u(sku_id, warehouse_id, change, lot_id, quarantined) LEFT JOIN inventory_lots l ON l.id = u.lot_id"
        " GROUP BY u.sku_id, u.warehouse_id)"
        " UPDATE inventory_stock_levels s SET on_hand = s.on_hand + w.on_hand, quarantined = s.quarantined + w.quarantined,"
        " held = s.held + w.held FROM wanted w"
        " WHERE s.tenant_id = %s AND s.sku_id = w.sku_id AND s.warehouse_id = w.warehouse_id",
        (
            [c.sku_id for c in changes], [c.warehouse_id for c in changes], [c.quantity_change for c in changes],
            [c.lot_id for c in changes], [c.quarantined for c in changes], current_tenant_id(),
        ),
    )  # fmt: skip
