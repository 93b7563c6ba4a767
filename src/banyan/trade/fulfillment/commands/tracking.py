"""Where parcels are: what carriers tell, in any order and as often as they like; what buyers and staff say; what comes back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory.types import Disposition, ReturnedGoods
from banyan.kernel import clock, events, ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import Invalid, Refusal
from banyan.trade.fulfillment import queries
from banyan.trade.fulfillment.commands import errors
from banyan.trade.fulfillment.commands.opening import settle
from banyan.trade.fulfillment.commands.packing import lock_parcels
from banyan.trade.fulfillment.commands.shipping import ASK_AFTER
from banyan.trade.fulfillment.engine.tracking import standing
from banyan.trade.fulfillment.events import ParcelCameBack, ParcelDelivered
from banyan.trade.fulfillment.models import TrackEventRow
from banyan.trade.fulfillment.ports import registered_carriers
from banyan.trade.fulfillment.types import (
    GIVEN_UP,
    UNDER_WAY,
    CameBack,
    Delivered,
    Parcel,
    ParcelId,
    ParcelState,
    Track,
    TrackCode,
    TrackEvent,
)
from banyan.trade.orders import commands as orders
from banyan.trade.orders import queries as order_queries
from banyan.trade.orders.types import OrderId, OrderState, Refused

GIVE_UP_AFTER = timedelta(days=14)
"""How long a carrier may know nothing of a number before it is asked no more."""
_OPEN = sorted(state.value for state in UNDER_WAY)


def record_track(carrier: str, tracks: Sequence[Track]) -> int:
    """Keep what a carrier told and let the parcels follow; returns how many parcels changed.

    The same event told again changes nothing, and the state is a function of the set of events: any order, any number of
    times, one state. Numbers that no parcel carries are left out.
    """
    parcels = _parcels_of(carrier, [track.tracking_number for track in tracks])
    known = {row[1] for row in parcels}
    _keep(carrier, [track for track in tracks if track.tracking_number in known])
    before = lock_parcels(row[0] for row in parcels)  # whoever comes second reads the events of the first
    told = _events(carrier, known)
    arrived = {parcel_id for parcel_id, (_, state) in before.items() if state is ParcelState.DELIVERED}
    return _follow({row[0]: told[row[1]] for row in parcels if row[1] in told}, arrived)


def _parcels_of(carrier: str, numbers: Iterable[str]) -> list[tuple[int, str]]:
    return sql.fetch(
        "SELECT id, tracking_number FROM fulfillment_parcels WHERE tenant_id = %s AND tracking_number = ANY(%s::text[])"
        " AND tracking_number <> '' AND carrier = %s AND state NOT IN ('packed', 'void')",
        (current_tenant_id(), sorted(set(numbers)), carrier),
    )


def _keep(carrier: str, tracks: Sequence[Track]) -> None:
    now = clock.now()
    # Sorted, so that two pushes of the same events wait for each other instead of deadlocking.
    told = sorted({(track.tracking_number, event.key): event for track in tracks for event in track.events}.items())
    sql.insert(
        TrackEventRow,
        ("id", "carrier", "tracking_number", "key", "code", "occurred_at", "place", "text", "noted_at"),
        [
            (i, carrier, number, key, event.code.value, event.occurred_at, event.place[:100], event.text[:300], now)
            for i, ((number, key), event) in zip(ids.next_ids(len(told)), told, strict=True)
        ],
        on_conflict="ON CONFLICT (tenant_id, carrier, tracking_number, key) DO NOTHING",
    )


def _events(carrier: str, numbers: Iterable[str]) -> dict[str, list[TrackEvent]]:
    found: dict[str, list[TrackEvent]] = {}
    for number, key, code, occurred_at in sql.fetch(
        "SELECT tracking_number, key, code, occurred_at FROM fulfillment_track_events WHERE tenant_id = %s AND carrier = %s"
        " AND tracking_number = ANY(%s::text[])",
        (current_tenant_id(), carrier, sorted(set(numbers))),
    ):
        found.setdefault(number, []).append(TrackEvent(key, TrackCode(code), occurred_at))
    return found


def _follow(told: Mapping[int, Sequence[TrackEvent]], arrived: set[int]) -> int:
    """Set the states of locked parcels from their events, and tell of those that had not ``arrived`` before. What people said
    (delivered to the buyer, taken back) stands."""
    now = clock.now()
    says = {parcel_id: standing(events_of) for parcel_id, events_of in told.items()}
    rows = sql.fetch(
        "UPDATE fulfillment_parcels p SET state = u.state, delivered_at = u.delivered_at, due_at = CASE WHEN u.state ="
        " 'delivered' THEN NULL ELSE %s END, delivered_by = CASE WHEN u.state = 'delivered' THEN 'carrier' ELSE '' END,"
        " ended_at = CASE WHEN u.state = 'delivered' THEN %s::timestamptz END, failure = ''"
        " FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[]) AS u(id, state, delivered_at)"
        " WHERE p.tenant_id = %s AND p.id = u.id AND (p.state = ANY(%s::text[]) OR (p.state = 'delivered' AND p.delivered_by ="
        "  'carrier')) AND (p.state <> u.state OR p.delivered_at IS DISTINCT FROM u.delivered_at OR p.failure <> '')"
        " RETURNING p.id, p.fulfillment_id, p.order_id, p.state, p.delivered_at",
        (
            now + ASK_AFTER, now, list(says), [one.state.value for one in says.values()],
            [one.delivered_at for one in says.values()], current_tenant_id(), _OPEN,
        ),
    )  # fmt: skip
    fresh = [row for row in rows if row[3] == ParcelState.DELIVERED.value and row[0] not in arrived]
    _tell_delivered([(row[0], row[2], row[4]) for row in fresh], Delivered.CARRIER)
    settle([row[1] for row in rows], now)
    return len(rows)


def give_up(carrier: str, numbers: Iterable[str], at: datetime) -> int:
    """Ask no more for parcels that their carrier has just been asked for and has told nothing of in GIVE_UP_AFTER since they
    left, or since a person had it asked again: they are troubled, with the failure ``number_unknown``, until somebody says where
    they are or the carrier tells after all. Returns how many."""
    return sql.execute(
        "UPDATE fulfillment_parcels p SET state = 'troubled', failure = 'number_unknown', due_at = NULL WHERE tenant_id = %s"
        " AND carrier = %s AND tracking_number = ANY(%s::text[]) AND state = 'shipped'"
        " AND greatest(shipped_at, asked_again_at) <= %s"
        " AND NOT EXISTS (SELECT 1 FROM fulfillment_track_events e WHERE e.tenant_id = p.tenant_id AND e.carrier = p.carrier"
        "  AND e.tracking_number = p.tracking_number)",
        (current_tenant_id(), carrier, sorted(set(numbers)), at - GIVE_UP_AFTER),
    )


def fall_silent(carrier: str, numbers: Iterable[str], at: datetime) -> int:
    """Ask no more for parcels under way that their carrier has just been asked for and has told nothing new of for the tenant's
    ``silent_days``, after it had told something: the failure is ``carrier_silent``, and the parcel stays where its events say,
    until somebody says where it is, has it asked again, or the carrier tells after all. Returns how many."""
    parcels = _parcels_of(carrier, numbers)
    lock_parcels(row[0] for row in parcels)  # what is being pushed at this moment is seen, and is no silence
    return sql.execute(
        "UPDATE fulfillment_parcels p SET failure = 'carrier_silent', due_at = NULL WHERE tenant_id = %s"
        " AND id = ANY(%s::bigint[]) AND state = ANY(%s::text[]) AND due_at IS NOT NULL"
        " AND greatest(asked_again_at, (SELECT max(e.noted_at) FROM fulfillment_track_events e WHERE e.tenant_id = p.tenant_id"
        "  AND e.carrier = p.carrier AND e.tracking_number = p.tracking_number)) <= %s"
        " AND EXISTS (SELECT 1 FROM fulfillment_track_events e WHERE e.tenant_id = p.tenant_id AND e.carrier = p.carrier"
        "  AND e.tracking_number = p.tracking_number)",
        (current_tenant_id(), [row[0] for row in parcels], _OPEN, at - timedelta(days=queries.get_policy().silent_days)),
    )


def ask_again(parcel_ids: Sequence[ParcelId], at: datetime | None = None) -> list[ParcelId | Refused]:
    """Have carriers asked once more for parcels that were given up, from now on and for as long as in the beginning. One outcome
    each. A number that was not known is under way again.

    Refusals: parcel_not_found, parcel_still_asked, carrier_not_wired_in.
    """
    at = at or clock.now()
    found = lock_parcels(parcel_ids)
    read = {one.parcel_id: one for one in queries.list_parcels(parcel_ids=found, limit=None)}
    rows = sql.fetch(
        "UPDATE fulfillment_parcels SET state = CASE WHEN failure = 'number_unknown' THEN 'shipped' ELSE state END, failure = '',"
        f" due_at = %s, asked_again_at = %s WHERE tenant_id = %s AND id = ANY(%s::bigint[]) AND failure IN {GIVEN_UP}"
        " AND carrier = ANY(%s::text[]) RETURNING id",
        (at, at, current_tenant_id(), sorted(found), list(registered_carriers())),
    )
    asked = {row[0] for row in rows}
    return [parcel_id if parcel_id in asked else Refused(_not_asked(read.get(parcel_id))) for parcel_id in parcel_ids]


def _not_asked(parcel: Parcel | None) -> Refusal:
    if parcel is None:
        return errors.ParcelNotFound("No such parcel.")
    if parcel.failure in GIVEN_UP:
        return errors.NoSuchCarrier("The carrier of this parcel is not wired in.", carrier=parcel.carrier)
    return errors.StillAsked("This parcel was not given up.", state=parcel.state)


def _tell_delivered(rows: Sequence[tuple[int, int, datetime]], said_by: Delivered) -> None:
    events.record([ParcelDelivered(parcel_id=p, order_id=o, said_by=said_by.value, occurred_at=at) for p, o, at in rows])


def confirm(parcel_ids: Sequence[ParcelId], said_by: Delivered, at: datetime | None = None) -> list[ParcelId | Refused]:
    """Take parcels that are under way as delivered because somebody other than the carrier says so. One outcome each.

    Refusals: parcel_not_found, parcel_state. A parcel that is delivered already is done again without effect.
    """
    at = at or clock.now()
    found = lock_parcels(parcel_ids)
    _deliver([parcel_id for parcel_id, (_, state) in found.items() if state in UNDER_WAY], said_by, at)
    outcomes: list[ParcelId | Refused] = []
    for parcel_id in parcel_ids:
        state = found[parcel_id][1] if parcel_id in found else None
        if state is None:
            outcomes.append(Refused(errors.ParcelNotFound("No such parcel.")))
        elif state in UNDER_WAY or state is ParcelState.DELIVERED:
            outcomes.append(parcel_id)
        else:
            outcomes.append(Refused(errors.WrongParcelState("This parcel is not under way.", state=state)))
    return outcomes


def _deliver(parcel_ids: Sequence[int], said_by: Delivered, at: datetime) -> None:
    rows = sql.fetch(
        "UPDATE fulfillment_parcels SET state = 'delivered', delivered_at = %s, delivered_by = %s, due_at = NULL, ended_at = %s,"
        " failure = '' WHERE tenant_id = %s AND id = ANY(%s::bigint[]) AND state = ANY(%s::text[])"
        " RETURNING id, fulfillment_id, order_id",
        (at, said_by.value, at, current_tenant_id(), sorted(parcel_ids), _OPEN),
    )
    _tell_delivered([(row[0], row[2], at) for row in rows], said_by)
    settle([row[1] for row in rows], at)


def close_received(received: Mapping[int, datetime]) -> int:
    """The buyers of these orders have their goods: what was under way is delivered, the fulfillments are received. What came
    back, or has yet to leave, stays. Returns how many fulfillments ended. Idempotent. For the reaction."""
    wanted = sorted(received)
    tenant_id = current_tenant_id()
    rows = sql.fetch(
        "SELECT id, order_id FROM fulfillments WHERE tenant_id = %s AND order_id = ANY(%s::bigint[])"
        " AND state IN ('shipped', 'delivered') ORDER BY id FOR NO KEY UPDATE",
        (tenant_id, wanted),
    )
    if not rows:
        return 0
    under_way = sql.fetch(
        "SELECT id, order_id FROM fulfillment_parcels WHERE tenant_id = %s AND fulfillment_id = ANY(%s::bigint[])"
        " AND state = ANY(%s::text[]) AND state NOT IN ('returning', 'returned') ORDER BY id FOR NO KEY UPDATE",
        (tenant_id, [row[0] for row in rows], _OPEN),
    )
    for at in sorted({received[row[1]] for row in under_way}):
        _deliver([row[0] for row in under_way if received[row[1]] == at], Delivered.BUYER, at)
    ended = sql.fetch(
        "UPDATE fulfillments f SET state = 'received', received_at = u.at FROM unnest(%s::bigint[], %s::timestamptz[]) AS"
        " u(order_id, at) WHERE f.tenant_id = %s AND f.order_id = u.order_id AND f.id = ANY(%s::bigint[])"
        " AND f.state = 'delivered' RETURNING f.id",
        (wanted, [received[order_id] for order_id in wanted], tenant_id, [row[0] for row in rows]),
    )
    return len(ended)


def receive_due(at: datetime | None = None, limit: int = 500) -> int:
    """Take orders as received whose parcels have all arrived for the tenant's number of days, and whose buyers said nothing.
    Returns how many."""
    at = at or clock.now()
    due = _arrived_whole(at - timedelta(days=queries.get_policy().receive_after_days), limit)
    outcomes = orders.receive(due, at)
    received = [order_id for order_id in outcomes if not isinstance(order_id, Refused)]
    close_received(dict.fromkeys(received, at))  # at once, so that the next batch does not find them again
    return len(received)


def _arrived_whole(until: datetime, limit: int) -> list[OrderId]:
    """Shipped orders of which no part waits, is under way, or arrived later than ``until``, at most ``limit`` and the longest
    first. Orders that wait for goods to come in stand before them for as long as they wait, so they are passed over."""
    found: list[OrderId] = []
    after = (datetime.min.replace(tzinfo=UTC), 0)
    while len(found) < limit:
        rows = sql.fetch(
            "SELECT f.delivered_at, f.id, f.order_id FROM fulfillments f WHERE f.tenant_id = %s AND f.state = 'delivered'"
            " AND f.delivered_at <= %s AND (f.delivered_at, f.id) > (%s, %s)"
            " AND NOT EXISTS (SELECT 1 FROM fulfillments o WHERE o.tenant_id = f.tenant_id AND o.order_id = f.order_id"
            "  AND (o.state IN ('open', 'shipped') OR (o.state = 'delivered' AND o.delivered_at > %s)))"
            " ORDER BY f.delivered_at, f.id LIMIT %s",
            (current_tenant_id(), until, *after, until, limit),
        )
        if not rows:
            break
        after = rows[-1][:2]
        states = order_queries.states(OrderId(row[2]) for row in rows)
        found += [order_id for order_id, state in states.items() if state is OrderState.SHIPPED]
    return sorted(set(found))


def deliver_silent(at: datetime | None = None, limit: int = 500) -> int:
    """Nobody is asked about parcels of carriers that are not wired in: they count as delivered after the days that orders
    without parcels are given. Returns how many."""
    at = at or clock.now()
    rows = sql.fetch(
        "SELECT p.id FROM fulfillments f JOIN fulfillment_parcels p ON p.tenant_id = f.tenant_id AND p.fulfillment_id = f.id"
        " WHERE f.tenant_id = %s AND f.state = 'shipped' AND f.shipped_at <= %s AND p.state = 'shipped'"
        " AND p.shipped_at <= %s AND p.carrier <> ALL(%s::text[]) ORDER BY f.shipped_at LIMIT %s",
        (current_tenant_id(), *([at - timedelta(days=order_queries.get_policy().receive_after_days)] * 2),
         list(registered_carriers()), limit),
    )  # fmt: skip
    if rows:
        lock_parcels(row[0] for row in rows)
        _deliver([row[0] for row in rows], Delivered.CLOCK, at)
    return len(rows)


def take_back(parcels: Sequence[CameBack], at: datetime | None = None) -> list[ParcelId | Refused]:
    """Undelivered parcels are in the warehouse again: sound pieces go back on sale, the others into quarantine. One outcome
    each; the buyer's money goes back by a return, which hears ``ParcelCameBack``.

    Refusals: parcel_not_found, parcel_not_returning. Raises Invalid when more is restocked than the parcel held.
    """
    at = at or clock.now()
    found = lock_parcels(one.parcel_id for one in parcels)
    back = {p for p, (_, state) in found.items() if state in UNDER_WAY}
    read = {one.parcel_id: one for one in queries.list_parcels(parcel_ids=back, limit=None)}
    goods = [piece for one in parcels if one.parcel_id in read for piece in _goods(one, read[one.parcel_id])]
    sql.execute(
        "UPDATE fulfillment_parcels SET state = 'taken_back', due_at = NULL, ended_at = %s, failure = '' WHERE tenant_id = %s"
        " AND id = ANY(%s::bigint[])",
        (at, current_tenant_id(), sorted(back)),
    )
    inventory.restock_returns(goods)
    settle([one.fulfillment_id for one in read.values()], at)
    events.record(
        [ParcelCameBack(parcel_id=p, order_id=one.order_id, lines=one.pieces, occurred_at=at) for p, one in read.items()]
    )
    missing, wrong = errors.ParcelNotFound("No such parcel."), errors.AfterDelivery("This parcel is not under way.")
    return [p if p in back else Refused(wrong if p in found else missing) for p in (one.parcel_id for one in parcels)]


def _goods(came: CameBack, parcel: Parcel) -> list[ReturnedGoods]:
    sound = dict(came.restock)
    held = {line_id: quantity for line_id, _, quantity in parcel.pieces}
    if any(quantity < 0 or quantity > held.get(line_id, 0) for line_id, quantity in sound.items()):
        raise Invalid("No more pieces go back on sale than the parcel held.", field="restock")
    goods = []
    for line_id, sku_id, quantity in parcel.pieces:
        parts = ((Disposition.RESTOCK, sound.get(line_id, 0)), (Disposition.QUARANTINE, quantity - sound.get(line_id, 0)))
        goods += [
            ReturnedGoods(
                parcel.order_id, line_id, sku_id, part, f"parcel/{parcel.parcel_id}/{line_id}/{disposition.value}",
                parcel.warehouse_id, disposition,
            )
            for disposition, part in parts
            if part
        ]  # fmt: skip
    return goods
