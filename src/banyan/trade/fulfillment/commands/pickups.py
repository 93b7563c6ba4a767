"""Orders that their buyers fetch at a store. Of the code only a keyed digest is kept; it is redeemed once, whoever tries."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b

from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import ReservationState, WarehouseId, WarehouseKind
from banyan.kernel import clock, events, ids, secrets, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import Conflict, NotFound
from banyan.people.identity.types import UserId
from banyan.trade.fulfillment import queries
from banyan.trade.fulfillment.commands import errors
from banyan.trade.fulfillment.commands.opening import follow_stock, held_pieces, open_fulfillments, settle
from banyan.trade.fulfillment.commands.packing import pack
from banyan.trade.fulfillment.engine.codes import LENGTH, typed, written
from banyan.trade.fulfillment.events import ParcelDelivered, PickupExpired, PickupReady
from banyan.trade.fulfillment.models import PickupRow, PickupTryRow
from banyan.trade.fulfillment.types import (
    Delivered,
    NewParcel,
    ParcelId,
    Pickup,
    PickupId,
    PickupState,
    Redemption,
)
from banyan.trade.orders import commands as orders
from banyan.trade.orders import queries as order_queries
from banyan.trade.orders.types import LeavingLine, OrderId, OrderState, PartShipment, Refused

CODE = "fulfillment_pickups.code"
CARRIER = "pickup"
WINDOW = timedelta(minutes=15)
WRONG_MAX = 5
REDEEM_GUARD = "AND state = 'ready'"


class NoStore(NotFound):
    """No such store that hands out orders."""

    code = "no_store"
    advice = "List the warehouses and choose an active one of the kind store."


class PickupChosen(Conflict):
    """The order is fetched at a store already."""

    code = "pickup_chosen"
    advice = "Cancel the pickup first, then choose another store."


class WrongPickupState(Conflict):
    """The pickup, or its order, is not where this step begins."""

    code = "pickup_state"
    advice = "Read the pickup's state and decide again."


class NotAtStore(Conflict):
    """The store does not have all of the order."""

    code = "not_at_store"
    advice = "Choose another store, have the order sent, or wait until the missing pieces come in."


def choose_pickup(order_id: OrderId, warehouse_id: WarehouseId) -> PickupId:
    """The buyer fetches the order at this store: what is held for it elsewhere is held there instead, all of it or nothing.

    Raises NoStore, PickupChosen, NotAtStore, AlreadyPacked, and WrongPickupState unless the order is placed or paid.
    """
    stores = {w.warehouse_id for w in stock.list_warehouses() if w.kind is WarehouseKind.STORE and w.is_active}
    if warehouse_id not in stores:
        raise NoStore("No such store.")
    orders.lock([order_id])  # whoever pays, packs or cancels it at this moment is first
    order = order_queries.get_order(order_id)
    if order.state not in (OrderState.PLACED, OrderState.PAID):
        raise WrongPickupState("Only an order that has not left can be fetched.", state=order.state)
    if queries.find_pickup(order_id) is not None:
        raise PickupChosen("A store is chosen already.")
    follow_stock([order_id])
    if any(line.packed_quantity for one in queries.list_fulfillments(order_ids=[order_id]) for line in one.lines):
        raise errors.AlreadyPacked("The order lies in a parcel already.")
    if not _at_store({order_id: warehouse_id}):
        raise NotAtStore("The store does not have all of this order.")
    follow_stock([order_id])
    pickup_id, now = PickupId(ids.next_id()), clock.now()
    rows = sql.insert(
        PickupRow, ("id", "order_id", "buyer_id", "warehouse_id", "state", "chosen_at"),
        [(pickup_id, order_id, order.buyer_id, warehouse_id, PickupState.CHOSEN.value, now)],
        on_conflict="ON CONFLICT (tenant_id, order_id) WHERE NOT (state = 'cancelled') DO NOTHING", returning="id",
    )  # fmt: skip
    if not rows:
        raise PickupChosen("A store is chosen already.")
    if order.state is OrderState.PAID:
        _make_ready([pickup_id], now)
    return pickup_id


def _at_store(wanted: Mapping[OrderId, WarehouseId]) -> set[OrderId]:
    """Those of these locked orders that their stores have whole, once what is held elsewhere is held there instead."""
    found = stock.list_reservations(wanted)
    there = set()
    for order_id, warehouse_id in wanted.items():
        rows = found.get(order_id, ())
        places = {one.warehouse_id for one in rows if one.state in (ReservationState.RESERVED, ReservationState.ALLOCATED)}
        is_whole = bool(places) and not any(one.state is ReservationState.LOST for one in rows)
        if is_whole and (places == {warehouse_id} or inventory.move_holds(order_id, warehouse_id)):
            there.add(order_id)
    return there


def cancel_pickup(pickup_id: PickupId) -> None:
    """The order is sent after all, from the store's stock. Idempotent. Raises WrongPickupState when it is over."""
    changed = sql.execute(
        "UPDATE fulfillment_pickups SET state = 'cancelled', code_index = NULL WHERE tenant_id = %s AND id = %s"
        " AND state IN ('chosen', 'ready', 'cancelled')",
        (current_tenant_id(), pickup_id),
    )
    if not changed:
        state = queries.get_pickup(pickup_id).state
        raise WrongPickupState("This pickup is over.", state=state)


def _make_ready(pickup_ids: Sequence[int], at: datetime) -> int:
    rows = sql.fetch(
        "UPDATE fulfillment_pickups SET state = 'ready', ready_at = %s, expires_at = %s WHERE tenant_id = %s"
        " AND id = ANY(%s::bigint[]) AND state = 'chosen' RETURNING id, order_id, buyer_id",
        (at, at + timedelta(days=queries.get_policy().pickup_days), current_tenant_id(), list(pickup_ids)),
    )
    events.record([PickupReady(pickup_id=i, order_id=order_id, buyer_id=buyer, occurred_at=at) for i, order_id, buyer in rows])
    return len(rows)


def prepare_pickups(at: datetime | None = None, limit: int = 500) -> int:
    """Chosen pickups follow their orders: paid ones become ready as soon as their stores have all of them (sourcing may have
    chosen another warehouse at payment), those of cancelled orders end. Returns how many changed. Pages hold ``limit``."""
    at = at or clock.now()
    changed, after = 0, 0
    while True:
        rows = sql.fetch(
            "SELECT order_id, id, warehouse_id FROM fulfillment_pickups WHERE tenant_id = %s AND state = 'chosen'"
            " AND order_id > %s ORDER BY order_id LIMIT %s",
            (current_tenant_id(), after, limit),
        )
        if not rows:
            return changed
        after = rows[-1][0]
        states = order_queries.states(OrderId(row[0]) for row in rows)
        changed += drop_pickups(row[0] for row in rows if states[OrderId(row[0])] not in (OrderState.PAID, OrderState.PLACED))
        states = orders.lock(order_id for order_id, state in states.items() if state is OrderState.PAID)
        paid = {OrderId(row[0]): row for row in rows if states.get(OrderId(row[0])) is OrderState.PAID}
        there = _at_store({order_id: WarehouseId(row[2]) for order_id, row in paid.items()})
        changed += _make_ready([paid[order_id][1] for order_id in there], at)


def drop_pickups(order_ids: Iterable[int]) -> int:
    """End the pickups of orders that ended; returns how many. Idempotent."""
    return sql.execute(
        "UPDATE fulfillment_pickups SET state = 'cancelled', code_index = NULL WHERE tenant_id = %s"
        " AND order_id = ANY(%s::bigint[]) AND state IN ('chosen', 'ready')",
        (current_tenant_id(), sorted(set(order_ids))),
    )


def issue_code(pickup_id: PickupId) -> str:
    """A fresh code for a pickup that is ready, shown once; the one before it is void. Raises WrongPickupState."""
    code = written(os.urandom(LENGTH))
    changed = sql.execute(
        "UPDATE fulfillment_pickups SET code_index = %s, code_issued_at = %s WHERE tenant_id = %s AND id = %s"
        " AND state = 'ready' AND expires_at > %s",
        (_index(code), clock.now(), current_tenant_id(), pickup_id, clock.now()),
    )
    if not changed:
        state = queries.get_pickup(pickup_id).state
        raise WrongPickupState("There is a code only while the order waits at the store.", state=state)
    return code


def _index(code: str) -> bytes:
    return secrets.blind_index(current_tenant_id(), CODE, code)


def redeem(text: str, staff_id: UserId, warehouse_id: WarehouseId, at: datetime | None = None) -> Redemption:
    """Hand out, at the desk of this store, the order that this code stands for: its goods leave the store, it is delivered and
    received. Once: of two who try at the same time one is told wrong_code.

    A wrong try is answered, not raised, so that it is counted: after five within 15 minutes this person is locked out until
    the oldest of them is 15 minutes old. A code of another store is answered with other_store and that store; it was no guess
    and stays good there. Raises NoStore when there is no such store, NotAtStore when it does not have all of the order,
    NothingToSend when the goods are gone; nothing is then handed out.
    """
    at = at or clock.now()
    places = {place.warehouse_id: place for place in stock.list_warehouses()}
    if warehouse_id not in places:
        raise NoStore("No such store.")
    key = blake2b(b"pickup/%d/%d" % (current_tenant_id(), staff_id), digest_size=8).digest()
    sql.fetch("SELECT pg_advisory_xact_lock(%s)", (int.from_bytes(key, "big", signed=True),))
    locked_until = _locked_until(staff_id, at)
    if locked_until is not None:
        wait = max(1, math.ceil((locked_until - at).total_seconds()))
        return Redemption(None, "too_many_tries", "Too many wrong codes. Wait a few minutes and try again.", wait)
    code = typed(text)
    pickup = _claim(code, staff_id, warehouse_id, at) if code is not None else None
    elsewhere = _other_store(code, warehouse_id, at) if code is not None and pickup is None else None
    is_right = pickup is not None or elsewhere is not None
    sql.insert(PickupTryRow, ("id", "staff_id", "tried_at", "was_right"), [(ids.next_id(), staff_id, at, is_right)])
    if pickup is not None:
        _hand_out(pickup, at)
        return Redemption(pickup)
    if elsewhere is not None:
        store = places[elsewhere]
        return Redemption(None, "other_store", f"This order waits at another store: {store.name}.", waits_at=store)
    return Redemption(None, "wrong_code", "No order waits for this code.")


def _locked_until(staff_id: UserId, at: datetime) -> datetime | None:
    rows = sql.fetch(
        "SELECT tried_at FROM fulfillment_pickup_tries WHERE tenant_id = %s AND staff_id = %s AND NOT was_right AND tried_at > %s"
        " ORDER BY tried_at DESC OFFSET %s LIMIT 1",
        (current_tenant_id(), staff_id, at - WINDOW, WRONG_MAX - 1),
    )
    return rows[0][0] + WINDOW if rows else None


def _claim(code: str, staff_id: UserId, warehouse_id: WarehouseId, at: datetime) -> Pickup | None:
    rows = sql.fetch(
        "UPDATE fulfillment_pickups SET state = 'redeemed', redeemed_at = %s, redeemed_by = %s"
        f" WHERE tenant_id = %s AND code_index = %s AND warehouse_id = %s AND expires_at > %s {REDEEM_GUARD} RETURNING id",
        (at, staff_id, current_tenant_id(), _index(code), warehouse_id, at),
    )
    return queries.get_pickup(PickupId(rows[0][0])) if rows else None


def _other_store(code: str, warehouse_id: WarehouseId, at: datetime) -> WarehouseId | None:
    """The store, other than this one, at whose desk this code is good."""
    rows = sql.fetch(
        "SELECT warehouse_id FROM fulfillment_pickups WHERE tenant_id = %s AND code_index = %s AND warehouse_id <> %s"
        " AND expires_at > %s AND state = 'ready'",
        (current_tenant_id(), _index(code), warehouse_id, at),
    )
    return WarehouseId(rows[0][0]) if rows else None


def _hand_out(pickup: Pickup, at: datetime) -> None:
    """One parcel with all of it, delivered over the counter."""
    order_id = pickup.order_id
    orders.lock([order_id])
    if not _at_store({order_id: pickup.warehouse_id}):
        raise NotAtStore("The store does not have all of this order.")
    follow_stock([order_id])
    open_fulfillments(held_pieces([order_id]))
    waiting = [
        one
        for one in queries.list_fulfillments(order_ids=[order_id])
        if any(line.quantity > line.packed_quantity for line in one.lines)
    ]
    outcomes = pack([NewParcel(one.fulfillment_id, carrier=CARRIER) for one in waiting])
    parcel_ids = [outcome for outcome in outcomes if not isinstance(outcome, Refused)]
    parcels = queries.list_parcels(parcel_ids=parcel_ids, limit=None)
    parts = [
        PartShipment(order_id, tuple(LeavingLine(line_id, one.warehouse_id, n) for line_id, _, n in one.pieces), CARRIER)
        for one in parcels
    ]
    if not parts or any(isinstance(outcome, Refused) for outcome in [*outcomes, *orders.ship_parts(parts, at)]):
        raise errors.NothingToSend("The goods of this order are not there any more.")
    _deliver([one.parcel_id for one in parcels], order_id, at)
    settle([one.fulfillment_id for one in waiting], at)
    orders.receive([order_id], at)


def _deliver(parcel_ids: Sequence[ParcelId], order_id: OrderId, at: datetime) -> None:
    tenant_id = current_tenant_id()
    sql.execute(
        "WITH gone AS (UPDATE fulfillment_parcels SET state = 'delivered', shipped_at = %s, delivered_at = %s,"
        "  delivered_by = 'pickup', ended_at = %s WHERE tenant_id = %s AND id = ANY(%s::bigint[]) RETURNING id, fulfillment_id)"
        " UPDATE fulfillment_lines l SET shipped_quantity = l.shipped_quantity + i.quantity"
        " FROM gone JOIN fulfillment_parcel_lines i ON i.parcel_id = gone.id"
        " WHERE l.tenant_id = %s AND l.fulfillment_id = gone.fulfillment_id AND l.line_id = i.line_id",
        (at, at, at, tenant_id, list(parcel_ids), tenant_id),
    )
    events.record(
        [
            ParcelDelivered(parcel_id=parcel_id, order_id=order_id, said_by=Delivered.PICKUP.value, occurred_at=at)
            for parcel_id in parcel_ids
        ]
    )


def expire_pickups(at: datetime | None = None, limit: int = 500) -> int:
    """Nobody came in time: the codes are void, and a return gives goods and money back (it hears ``PickupExpired``).
    Returns how many."""
    at = at or clock.now()
    rows = sql.fetch(
        "UPDATE fulfillment_pickups SET state = 'expired', code_index = NULL WHERE id IN (SELECT id FROM fulfillment_pickups"
        " WHERE tenant_id = %s AND state = 'ready' AND expires_at <= %s ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED)"
        " RETURNING id, order_id",
        (current_tenant_id(), at, limit),
    )
    events.record([PickupExpired(pickup_id=row[0], order_id=row[1], occurred_at=at) for row in sorted(rows)])
    return len(rows)


def forget_tries(limit: int = 5000) -> int:
    """Delete tries older than a day; returns how many."""
    return sql.execute(
        "DELETE FROM fulfillment_pickup_tries WHERE id IN (SELECT id FROM fulfillment_pickup_tries WHERE tenant_id = %s"
        " AND tried_at < %s LIMIT %s)",
        (current_tenant_id(), clock.now() - timedelta(days=1), limit),
    )
