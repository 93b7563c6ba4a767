"""Shipping: parcels leave with their carriers, the goods leave the stock, the order follows. In batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from banyan.kernel import clock, events, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import Refusal
from banyan.trade.fulfillment import queries
from banyan.trade.fulfillment.commands import errors
from banyan.trade.fulfillment.commands.opening import follow_stock, held_pieces, open_fulfillments, settle
from banyan.trade.fulfillment.commands.packing import check_parcel, lock_parcels, pack
from banyan.trade.fulfillment.events import ParcelShipped
from banyan.trade.fulfillment.ports import is_registered
from banyan.trade.fulfillment.types import (
    Booking,
    Fulfillment,
    FulfillmentState,
    NewParcel,
    OrderShipment,
    Parcel,
    ParcelId,
    ParcelShipment,
    ParcelState,
)
from banyan.trade.orders import commands as orders
from banyan.trade.orders.types import LeavingLine, OrderId, PartShipment, Refused

ASK_AFTER = timedelta(hours=6)
"""How long a carrier that is wired in may be silent before it is asked for the track."""


def ship(shipments: Sequence[ParcelShipment], at: datetime | None = None) -> list[ParcelId | Refused]:
    """Hand packed parcels over; one outcome each, in order. All parcels of one order in a batch leave, or none of them.

    Refusals: parcel_not_found, parcel_state, no_tracking_number, tracking_number_used, and those of ``orders.ship_parts``.
    Idempotent in effect: a parcel that has left is refused with parcel_state. Raises BadParcel.
    """
    for shipment in shipments:
        check_parcel(shipment.carrier, shipment.tracking_number, 0)
    at = at or clock.now()
    lock_parcels(shipment.parcel_id for shipment in shipments)
    found = {one.parcel_id: one for one in queries.list_parcels(parcel_ids=[s.parcel_id for s in shipments], limit=None)}
    named = {s.parcel_id: _named(s, found.get(s.parcel_id)) for s in shipments}
    refusals = _judge(shipments, found, named)
    leaving = [found[parcel_id] for parcel_id in dict.fromkeys(s.parcel_id for s in shipments) if parcel_id not in refusals]
    refusals |= _leave(leaving, named, at)
    return [Refused(refusals[s.parcel_id]) if s.parcel_id in refusals else s.parcel_id for s in shipments]


def _named(shipment: ParcelShipment, parcel: Parcel | None) -> tuple[str, str]:
    """Carrier and number: what the carrier gave the parcel; else what is written now, else what was written at packing."""
    carrier, number = shipment.carrier.strip(), shipment.tracking_number.strip()
    if parcel is None:
        return carrier, number
    if parcel.booking is Booking.BOOKED:
        return parcel.carrier, parcel.tracking_number
    return carrier or parcel.carrier, number or parcel.tracking_number


def _judge(
    shipments: Sequence[ParcelShipment], found: Mapping[ParcelId, Parcel], named: Mapping[ParcelId, tuple[str, str]]
) -> dict[ParcelId, Refusal]:
    refusals: dict[ParcelId, Refusal] = {}
    owners = _owners([number for _, number in named.values()])
    for shipment in shipments:
        parcel = found.get(shipment.parcel_id)
        if parcel is None:
            refusals[shipment.parcel_id] = errors.ParcelNotFound("No such parcel.")
        elif parcel.state is not ParcelState.PACKED:
            refusals[shipment.parcel_id] = errors.WrongParcelState("Only a packed parcel can be shipped.", state=parcel.state)
        elif not all(named[shipment.parcel_id]):
            refusals[shipment.parcel_id] = errors.NoTrackingNumber("The parcel has no carrier and tracking number.")
        elif owners.setdefault(named[shipment.parcel_id], parcel.buyer_id) != parcel.buyer_id:
            refusals[shipment.parcel_id] = errors.TrackingNumberUsed("The number is on a parcel to somebody else.")
    return refusals


def _owners(numbers: Iterable[str]) -> dict[tuple[str, str], int]:
    """Whose parcels carry these numbers already."""
    rows = sql.fetch(
        "SELECT p.carrier, p.tracking_number, f.buyer_id FROM fulfillment_parcels p"
        " JOIN fulfillments f ON f.id = p.fulfillment_id WHERE p.tenant_id = %s"
        " AND p.tracking_number = ANY(%s::text[]) AND p.tracking_number <> '' AND p.state <> 'void'",
        (current_tenant_id(), sorted(set(numbers))),
    )
    return {(row[0], row[1]): row[2] for row in rows}


def _leave(parcels: Sequence[Parcel], named: Mapping[ParcelId, tuple[str, str]], at: datetime) -> dict[ParcelId, Refusal]:
    parts = [
        PartShipment(
            one.order_id, tuple(LeavingLine(line_id, one.warehouse_id, quantity) for line_id, _, quantity in one.pieces),
            *named[one.parcel_id],
        )
        for one in parcels
    ]  # fmt: skip
    refusals: dict[ParcelId, Refusal] = {}
    gone: list[Parcel] = []
    for one, outcome in zip(parcels, orders.ship_parts(parts, at) if parts else [], strict=True):
        if isinstance(outcome, Refused):
            refusals[one.parcel_id] = outcome.reason
        else:
            gone.append(one)
    _write(gone, named, at)
    return refusals


def _write(gone: Sequence[Parcel], named: Mapping[ParcelId, tuple[str, str]], at: datetime) -> None:
    if not gone:
        return
    tenant_id = current_tenant_id()
    due = [at + ASK_AFTER if is_registered(named[one.parcel_id][0]) else None for one in gone]
    sql.execute(
        "UPDATE fulfillment_parcels p SET state = 'shipped', carrier = u.carrier, tracking_number = u.number, shipped_at = %s,"
        " due_at = u.due_at, attempt_count = 0, failure = ''"
        " FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[]) AS u(id, carrier, number, due_at)"
        " WHERE p.tenant_id = %s AND p.id = u.id",
        (
            at, [one.parcel_id for one in gone], [named[one.parcel_id][0] for one in gone],
            [named[one.parcel_id][1] for one in gone], due, tenant_id,
        ),
    )  # fmt: skip
    sql.execute(
        "UPDATE fulfillment_lines l SET shipped_quantity = l.shipped_quantity + d.quantity FROM ("
        "  SELECT p.fulfillment_id, i.line_id, sum(i.quantity) AS quantity FROM fulfillment_parcel_lines i"
        "  JOIN fulfillment_parcels p ON p.id = i.parcel_id WHERE i.tenant_id = %s AND i.parcel_id = ANY(%s::bigint[])"
        "  GROUP BY 1, 2) d"
        " WHERE l.tenant_id = %s AND l.fulfillment_id = d.fulfillment_id AND l.line_id = d.line_id",
        (tenant_id, [one.parcel_id for one in gone], tenant_id),
    )
    settle([one.fulfillment_id for one in gone], at)
    events.record(
        [
            ParcelShipped(
                parcel_id=one.parcel_id, order_id=one.order_id, carrier=named[one.parcel_id][0],
                tracking_number=named[one.parcel_id][1], occurred_at=at,
            )
            for one in gone
        ]
    )  # fmt: skip


def ship_orders(shipments: Sequence[OrderShipment], at: datetime | None = None) -> list[ParcelId | Refused]:
    """Send all that one warehouse owes each of these orders, each in one parcel: what pasting a carrier's list of numbers does.

    What is packed in one parcel leaves as it is; what is not packed is packed. One outcome each. Refusals: nothing_to_send,
    several_warehouses, several_parcels, and those of ``ship``. Raises BadParcel.
    """
    for one in shipments:
        check_parcel(one.carrier, one.tracking_number, one.weight_grams)
    known = orders.lock(one.order_id for one in shipments)
    waiting = set(known) - {OrderId(order_id) for order_id in queries.fetched_orders(known)}
    follow_stock(waiting)
    open_fulfillments(held_pieces(waiting))
    chosen, refusals = _choose(shipments, waiting)
    packed = _pack(chosen)
    for index, outcome in packed.items():
        if isinstance(outcome, Refused):
            refusals[index] = outcome.reason
    ready = [index for index in packed if index not in refusals]
    outcomes = ship([ParcelShipment(packed[i], shipments[i].carrier, shipments[i].tracking_number) for i in ready], at)  # type: ignore[arg-type]
    by_index = dict(zip(ready, outcomes, strict=True))
    return [Refused(refusals[i]) if i in refusals else by_index[i] for i in range(len(shipments))]


_Chosen = dict[int, tuple[OrderShipment, Fulfillment, list[Parcel]]]


def _choose(shipments: Sequence[OrderShipment], waiting: set[OrderId]) -> tuple[_Chosen, dict[int, Refusal]]:
    """Which fulfillment each of them sends, with its packed parcels; nothing is packed for what must be refused."""
    open_ones: dict[OrderId, list[Fulfillment]] = {}
    for one in queries.list_fulfillments(order_ids=waiting, state=FulfillmentState.OPEN, limit=None):
        open_ones.setdefault(one.order_id, []).append(one)
    packed: dict[int, list[Parcel]] = {}
    for parcel in queries.list_parcels(order_ids=waiting, state=ParcelState.PACKED, limit=None):
        packed.setdefault(parcel.fulfillment_id, []).append(parcel)
    owners = _owners([one.tracking_number.strip() for one in shipments])
    chosen: _Chosen = {}
    refusals: dict[int, Refusal] = {}
    used: set[int] = set()
    for index, shipment in enumerate(shipments):
        here = [
            one
            for one in open_ones.get(shipment.order_id, ())
            if shipment.warehouse_id in (None, one.warehouse_id) and one.fulfillment_id not in used
        ]
        refusal = _refusal(shipment, here, packed, owners)
        if refusal is not None:
            refusals[index] = refusal
            continue
        used.add(here[0].fulfillment_id)
        chosen[index] = (shipment, here[0], packed.get(here[0].fulfillment_id, []))
    return chosen, refusals


def _refusal(
    shipment: OrderShipment,
    here: Sequence[Fulfillment],
    packed: Mapping[int, Sequence[Parcel]],
    owners: dict[tuple[str, str], int],
) -> Refusal | None:
    carrier, number = shipment.carrier.strip(), shipment.tracking_number.strip()
    if not here:
        return errors.NothingToSend("Nothing waits to be sent for this order.")
    if len(here) > 1:
        return errors.SeveralWarehouses("The order waits in several warehouses.")
    parcels = packed.get(here[0].fulfillment_id, ())
    unpacked = any(line.quantity > line.packed_quantity for line in here[0].lines)
    if len(parcels) > 1 or (parcels and unpacked):
        return errors.SeveralParcels("Parcels of this order are packed already.")
    if not (carrier and number) and not (parcels and parcels[0].tracking_number):
        return errors.NoTrackingNumber("The parcel has no carrier and tracking number.")
    if number and owners.setdefault((carrier, number), here[0].buyer_id) != here[0].buyer_id:
        return errors.TrackingNumberUsed("The number is on a parcel to somebody else.")
    return None


def _pack(chosen: _Chosen) -> dict[int, ParcelId | Refused]:
    fresh = [index for index, (_, _, parcels) in chosen.items() if not parcels]
    outcomes = pack(
        [
            NewParcel(one.fulfillment_id, (), shipment.weight_grams, shipment.carrier, shipment.tracking_number)
            for shipment, one, _ in (chosen[index] for index in fresh)
        ]
    )
    packed: dict[int, ParcelId | Refused] = dict(zip(fresh, outcomes, strict=True))
    return packed | {index: parcels[0].parcel_id for index, (_, _, parcels) in chosen.items() if parcels}
