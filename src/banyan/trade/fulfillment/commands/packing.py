"""Packing: which pieces lie in which parcel. Guarded by a condition in the statement and a CHECK in the table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory.types import ReturnedGoods
from banyan.goods.sourcing import commands as sourcing
from banyan.goods.sourcing.queries import waiting_whole
from banyan.kernel import clock, ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.trade.fulfillment import queries
from banyan.trade.fulfillment.commands import errors
from banyan.trade.fulfillment.commands.opening import follow_locked, follow_stock, held_pieces, lock
from banyan.trade.fulfillment.engine.packing import to_pack
from banyan.trade.fulfillment.models import ParcelLineRow, ParcelRow
from banyan.trade.fulfillment.ports import is_registered
from banyan.trade.fulfillment.types import (
    Booking,
    Fulfillment,
    FulfillmentLine,
    FulfillmentState,
    NewParcel,
    ParcelId,
    ParcelState,
    Pieces,
)
from banyan.trade.orders import commands as orders
from banyan.trade.orders.types import OrderId, Refused

WEIGHT_MAX = 1_000_000
PACK_GUARD = "AND l.packed_quantity + d.quantity <= l.quantity"

Packed = list[tuple[Fulfillment, NewParcel, tuple[Pieces, ...], ParcelId]]


def check_parcel(carrier: str, tracking_number: str, weight_grams: int) -> None:
    """Raises BadParcel on a weight outside of 0 to 1,000 kg, over-long or unprintable text."""
    if not 0 <= weight_grams <= WEIGHT_MAX:
        raise errors.BadParcel("A parcel weighs 0 to 1,000,000 g.", field="weight_grams")
    if len(carrier) > 60 or len(tracking_number) > 80 or not (carrier + tracking_number).isprintable():
        raise errors.BadParcel(
            "Carrier and tracking number have at most 60 and 80 printable characters.", field="tracking_number"
        )


def pack(parcels: Sequence[NewParcel]) -> list[ParcelId | Refused]:
    """Pack parcels; one outcome each, in order. A piece is packed once, however many pack at the same time.

    A carrier that is wired in, and no tracking number: its waybill is asked for by the job. Refusals: fulfillment_not_found,
    waits_for_goods, nothing_left, nothing_to_send for an order that waits for its buyer at a store. Raises BadParcel for the
    whole batch.
    """
    for parcel in parcels:
        check_parcel(parcel.carrier, parcel.tracking_number, parcel.weight_grams)
    named = sorted({parcel.fulfillment_id for parcel in parcels})
    _hold_still(sorted({int(one.order_id) for one in queries.list_fulfillments(fulfillment_ids=named, limit=None)}))
    outcomes, packed = _decide(parcels, named)
    _write(packed)
    return outcomes


def _hold_still(order_ids: Sequence[int]) -> None:
    """Nobody else packs these orders or holds elsewhere what is packed here; the rows say what the stock does."""
    rows = lock(order_ids)
    inventory.lock_holds(order_ids)
    follow_locked(rows)


def _decide(parcels: Sequence[NewParcel], named: Sequence[int]) -> tuple[list[ParcelId | Refused], Packed]:
    """After the locks of ``_hold_still``, so that nobody packs the same pieces meanwhile."""
    found = {one.fulfillment_id: one for one in queries.list_fulfillments(fulfillment_ids=named, limit=None)}
    fetched = queries.fetched_orders(one.order_id for one in found.values())
    waiting = waiting_whole(one.order_id for one in found.values())
    taken: dict[tuple[int, int], int] = {}
    outcomes: list[ParcelId | Refused] = []
    packed: Packed = []
    for parcel, parcel_id in zip(parcels, ids.next_ids(len(parcels)), strict=True):
        one = found.get(parcel.fulfillment_id)
        if one is None:
            outcomes.append(Refused(errors.FulfillmentNotFound("No such fulfillment.")))
            continue
        if one.order_id in fetched:
            outcomes.append(Refused(errors.NothingToSend("The buyer fetches this order at a store.")))
            continue
        if one.order_id in waiting:
            outcomes.append(Refused(errors.WaitsForGoods("Pieces of this order are missing: it waits whole.")))
            continue
        pieces = to_pack(_left(one, taken), parcel.pieces) if one.state is FulfillmentState.OPEN else None
        if pieces is None:
            outcomes.append(Refused(errors.NothingLeft("So many pieces are not left to pack.")))
            continue
        for line_id, quantity in pieces:
            taken[one.fulfillment_id, line_id] = taken.get((one.fulfillment_id, line_id), 0) + quantity
        packed.append((one, parcel, pieces, ParcelId(parcel_id)))
        outcomes.append(ParcelId(parcel_id))
    return outcomes, packed


def _left(one: Fulfillment, taken: dict[tuple[int, int], int]) -> list[FulfillmentLine]:
    return [
        FulfillmentLine(
            line.line_id, line.sku_id, line.quantity, line.packed_quantity + taken.get((one.fulfillment_id, line.line_id), 0),
            line.shipped_quantity,
        )
        for line in one.lines
    ]  # fmt: skip


def _write(packed: Packed) -> None:
    now = clock.now()
    rows, lines = [], []
    for one, parcel, pieces, parcel_id in packed:
        asks = is_registered(parcel.carrier) and not parcel.tracking_number
        booking = Booking.REQUESTED if asks else Booking.NONE
        rows.append(
            (
                parcel_id, one.fulfillment_id, one.order_id, ParcelState.PACKED.value, parcel.carrier.strip(),
                parcel.tracking_number.strip(), parcel.weight_grams, booking.value, now if asks else None, 0, "", now, "",
            )
        )  # fmt: skip
        skus = {line.line_id: line.sku_id for line in one.lines}
        lines += [(parcel_id, one.fulfillment_id, line_id, skus[line_id], quantity) for line_id, quantity in pieces]
    sql.insert(
        ParcelRow,
        ("id", "fulfillment_id", "order_id", "state", "carrier", "tracking_number", "weight_grams", "booking", "due_at",
         "attempt_count", "failure", "packed_at", "delivered_by"),
        rows,
    )  # fmt: skip
    sql.insert(
        ParcelLineRow, ("id", "parcel_id", "line_id", "sku_id", "quantity"),
        [
            (i, parcel_id, line_id, sku_id, quantity)
            for i, (parcel_id, _, line_id, sku_id, quantity) in zip(ids.next_ids(len(lines)), lines, strict=True)
        ],
    )  # fmt: skip
    count_packed([(fulfillment_id, line_id, quantity) for _, fulfillment_id, line_id, _, quantity in lines])


def count_packed(changes: Iterable[tuple[int, int, int]]) -> None:
    """Add (fulfillment, line, pieces) to what is packed; negative takes back. Raises NothingLeft."""
    totals: dict[tuple[int, int], int] = {}
    for fulfillment_id, line_id, quantity in changes:
        totals[fulfillment_id, line_id] = totals.get((fulfillment_id, line_id), 0) + quantity
    if not totals:
        return
    changed = sql.execute(
        "UPDATE fulfillment_lines l SET packed_quantity = l.packed_quantity + d.quantity"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::int[]) AS d(fulfillment_id, line_id, quantity)"
        f" WHERE l.tenant_id = %s AND l.fulfillment_id = d.fulfillment_id AND l.line_id = d.line_id {PACK_GUARD}",
        ([f for f, _ in totals], [line for _, line in totals], list(totals.values()), current_tenant_id()),
    )
    if changed != len(totals):
        raise errors.NothingLeft("Somebody else packed these pieces first.")


def unpack(parcel_ids: Sequence[ParcelId]) -> list[ParcelId | Refused]:
    """Open packed parcels that have not left; their pieces can be packed again. One outcome each.

    A waybill that the carrier has given stays with it, unused. Refusals: parcel_not_found, parcel_state.
    """
    found = lock_parcels(parcel_ids)
    void = {parcel_id for parcel_id, (_, state) in found.items() if state is ParcelState.PACKED}
    sql.execute(
        "UPDATE fulfillment_parcels SET state = 'void', due_at = NULL, ended_at = %s WHERE tenant_id = %s AND id ="
        " ANY(%s::bigint[])",
        (clock.now(), current_tenant_id(), sorted(void)),
    )
    pieces = queries.pieces_of(void)
    count_packed((found[p][0], line_id, -quantity) for p in void for line_id, _, quantity in pieces[p])
    order_ids = {one.order_id for one in queries.list_parcels(parcel_ids=void, limit=None)}
    follow_stock(order_ids)
    sourcing.open_stuck(order_ids, clock.now())  # what stayed in a closed warehouse for its parcel's sake waits there now
    return [_unpacked(parcel_id, found, void) for parcel_id in parcel_ids]


def _unpacked(parcel_id: ParcelId, found: dict[int, tuple[int, ParcelState]], void: set[int]) -> ParcelId | Refused:
    if parcel_id not in found:
        return Refused(errors.ParcelNotFound("No such parcel."))
    if parcel_id not in void:
        return Refused(errors.WrongParcelState("Only a packed parcel can be unpacked.", state=found[parcel_id][1]))
    return parcel_id


def lock_parcels(parcel_ids: Iterable[int]) -> dict[int, tuple[int, ParcelState]]:
    """Lock the orders of these parcels, their fulfillments, then the parcels, each lowest id first: (fulfillment, state) by
    parcel."""
    tenant_id, wanted = current_tenant_id(), sorted(set(parcel_ids))
    owners = sql.fetch(
        "SELECT DISTINCT order_id FROM fulfillment_parcels WHERE tenant_id = %s AND id = ANY(%s::bigint[])", (tenant_id, wanted)
    )
    orders.lock(OrderId(row[0]) for row in owners)
    sql.fetch(
        "SELECT id FROM fulfillments WHERE tenant_id = %s AND id IN (SELECT fulfillment_id FROM fulfillment_parcels"
        " WHERE tenant_id = %s AND id = ANY(%s::bigint[])) ORDER BY id FOR NO KEY UPDATE",
        (tenant_id, tenant_id, wanted),
    )
    rows = sql.fetch(
        "SELECT id, fulfillment_id, state FROM fulfillment_parcels WHERE tenant_id = %s AND id = ANY(%s::bigint[])"
        " ORDER BY id FOR NO KEY UPDATE",
        (tenant_id, wanted),
    )
    return {row[0]: (row[1], ParcelState(row[2])) for row in rows}


def withhold(goods: Sequence[ReturnedGoods]) -> None:
    """For the returns house: give back what is held for lines that have not left, and no longer pick or pack it. An order of
    which nothing is left to send is shipped.

    Raises AlreadyPacked when the pieces lie in a parcel, and NotHeld when fewer are held; then nothing is given back.
    """
    order_ids = sorted({OrderId(one.order_id) for one in goods})
    follow_stock(order_ids)  # locks before the stock is touched
    inventory.release_lines(goods)
    _check_unpacked(order_ids)
    follow_stock(order_ids)
    orders.finish_shipping(order_ids)


def _check_unpacked(order_ids: Sequence[OrderId]) -> None:
    held = held_pieces(order_ids)
    for one in queries.list_fulfillments(order_ids=order_ids, limit=None):
        lines = held.get((one.order_id, one.warehouse_id), {})
        for line in one.lines:
            waiting = line.packed_quantity - line.shipped_quantity
            if waiting > lines.get((line.line_id, line.sku_id), 0) and one.state is FulfillmentState.OPEN:
                raise errors.AlreadyPacked("These pieces lie in a parcel.")
