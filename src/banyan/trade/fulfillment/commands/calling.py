"""Talking with carriers: claim, call outside of any transaction, record.

A parcel is claimed by moving ``due_at`` to the end of a lease, in a transaction of its own. Whoever is killed in between leaves a
claim that runs out; the next one asks the carrier by our own number before it asks for a waybill, so there is one waybill
whatever happens here.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from banyan.goods.inventory import queries as inventory
from banyan.kernel import clock, ids, sql, tenancy
from banyan.kernel.secrets import seal
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import Forbidden, Invalid, NotFound
from banyan.trade.fulfillment import queries
from banyan.trade.fulfillment.commands.shipping import ASK_AFTER
from banyan.trade.fulfillment.commands.tracking import fall_silent, give_up, record_track
from banyan.trade.fulfillment.models import LabelRow
from banyan.trade.fulfillment.ports import (
    Carrier,
    CarrierError,
    CarrierRejected,
    CarrierUnknown,
    carrier_for,
    is_registered,
    registered_carriers,
)
from banyan.trade.fulfillment.types import Booking, Label, Sender, Track, WaybillOrder
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import OrderId, Recipient

T = TypeVar("T")
R = TypeVar("R")

LEASE = timedelta(minutes=2)
"""Longer than the longest call, so that a living job is not overtaken."""
BACKOFF_SECONDS = (5, 30, 120, 600, 3600)
CALLS_AT_ONCE = 8
TRACK_AT_ONCE = 10
ACTOR = "job:fulfillment.carriers"


@dataclass(frozen=True, slots=True)
class _Claim:
    parcel_id: int
    carrier: str
    attempt_count: int
    is_first: bool
    order: WaybillOrder | None
    """None: the order has no recipient."""


@dataclass(frozen=True, slots=True)
class _Answer:
    claim: _Claim
    tracking_number: str = ""
    label: Label | None = None
    booking: Booking = Booking.UNKNOWN
    failure: str = ""


@dataclass(frozen=True, slots=True)
class _Told:
    """What a carrier answered: tracks, numbers that it told nothing of, and numbers that it refused to be asked for."""

    tracks: tuple[Track, ...] = ()
    unknown: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def book_due(tenant_id: int, limit: int = 40) -> int:
    """Ask carriers for the waybills that are due, at most ``limit``; returns how many. Call it outside of ``tenancy.enter``.

    No transaction is open during a call. After a time-out the parcel is *unknown*: its own number is asked for first.
    """
    _outside()
    with tenancy.enter(tenant_id, actor=ACTOR):
        claims = _claim(limit)
    if not claims:
        return 0
    carriers = {name: carrier_for(name, tenant_id) for name in {claim.carrier for claim in claims}}
    answers = _side_by_side(lambda claim: _book(carriers[claim.carrier], claim), claims)
    with tenancy.enter(tenant_id, actor=ACTOR):
        _record(answers)
    return len(claims)


def _outside() -> None:
    if tenancy.entered() is not None:
        raise RuntimeError("this calls carriers and must not run inside a transaction")


def _side_by_side(call: Callable[[T], R], items: Sequence[T]) -> list[R]:
    with ThreadPoolExecutor(max_workers=min(CALLS_AT_ONCE, len(items))) as pool:
        return list(pool.map(call, items))


def _claim(limit: int) -> list[_Claim]:
    now = clock.now()
    rows = sql.fetch(
        "WITH due AS (SELECT id, booking FROM fulfillment_parcels WHERE tenant_id = %s AND due_at <= %s AND state = 'packed'"
        "  AND carrier = ANY(%s::text[]) ORDER BY due_at, id LIMIT %s FOR UPDATE SKIP LOCKED)"
        " UPDATE fulfillment_parcels p SET booking = 'unknown', attempt_count = least(p.attempt_count + 1, 30000), due_at = %s"
        " FROM due WHERE p.id = due.id AND p.tenant_id = %s"
        " RETURNING p.id, p.carrier, p.attempt_count, due.booking, p.order_id, p.weight_grams, p.fulfillment_id",
        (current_tenant_id(), now, list(registered_carriers()), limit, now + LEASE, current_tenant_id()),
    )
    recipients = orders.list_recipients((OrderId(row[4]) for row in rows), whole=True)
    senders = _senders()
    found = queries.list_fulfillments(fulfillment_ids=[row[6] for row in rows], limit=None)
    places = {one.fulfillment_id: one.warehouse_id for one in found}
    pieces = queries.pieces_of([row[0] for row in rows])
    return [
        _Claim(
            row[0], row[1], row[2], row[3] == Booking.REQUESTED.value,
            _waybill(row[0], senders[places[row[6]]], recipients.get(OrderId(row[4])), row[5],
                     sum(quantity for _, _, quantity in pieces.get(row[0], ()))),
        )
        for row in rows
    ]  # fmt: skip


def _senders() -> dict[int, Sender]:
    phone = queries.get_policy().sender_phone
    return {int(w.warehouse_id): Sender(w.name, phone, w.address or w.name, w.region_code) for w in inventory.list_warehouses()}


def _waybill(parcel_id: int, sender: Sender, recipient: Recipient | None, weight: int, pieces: int) -> WaybillOrder | None:
    return WaybillOrder(ids.public("pcl", parcel_id), sender, recipient, weight, pieces) if recipient else None


def _book(carrier: Carrier, claim: _Claim) -> _Answer:
    """Runs on a thread without a database. Anything but the first try asks before it acts."""
    if claim.order is None:
        return _Answer(claim, booking=Booking.REFUSED, failure="no_recipient")
    number = ""
    try:
        if not claim.is_first:
            number = carrier.find(claim.order.own_number).tracking_number
        if not number:
            number = carrier.book(claim.order).tracking_number
        return _Answer(claim, number, carrier.label(number), Booking.BOOKED)
    except CarrierUnknown:
        return _Answer(claim, number)
    except CarrierError as error:
        # Of an earlier try that got lost nothing is known: a later refusal may mean that it succeeded, so we ask again. And
        # a refused label is no refused waybill: the parcel can leave, the label is asked for again.
        final = error.permanent and claim.is_first and not number
        booking = Booking.REFUSED if final else Booking.UNKNOWN
        return _Answer(claim, number, booking=booking, failure=f"{error.code} {error.message}".strip())
    except Exception as error:  # an adapter's defect is as unclear as a time-out; the others of the batch must be recorded
        return _Answer(claim, number, failure=type(error).__name__)


def _record(answers: Sequence[_Answer]) -> None:
    now, tenant_id = clock.now(), current_tenant_id()
    labels = [(a.claim.parcel_id, a.label) for a in answers if a.label is not None]
    rows = []
    for answer in answers:
        pause = BACKOFF_SECONDS[min(answer.claim.attempt_count, len(BACKOFF_SECONDS)) - 1]
        due = now + timedelta(seconds=pause) if answer.booking is Booking.UNKNOWN else None
        rows.append((answer.claim.parcel_id, answer.booking.value, answer.tracking_number, answer.failure[:200], due))
    # Also where the parcel was unpacked meanwhile: its waybill is known, and is nobody else's.
    sql.execute(
        "UPDATE fulfillment_parcels p SET booking = u.booking, failure = u.failure,"
        " tracking_number = CASE WHEN u.number <> '' AND p.state IN ('packed', 'void') THEN u.number ELSE p.tracking_number END,"
        " due_at = CASE WHEN p.state = 'packed' THEN u.due_at ELSE p.due_at END"
        " FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::timestamptz[]) AS u(id, booking, number, failure,"
        " due_at) WHERE p.tenant_id = %s AND p.id = u.id AND p.booking <> 'booked'",
        (*(sql.array_literal(column) for column in zip(*rows, strict=True)), tenant_id),
    )
    sql.insert(
        LabelRow, ("id", "content_type", "content"),
        [
            (i, label.content_type[:60], seal(tenant_id, "fulfillment_labels.content", i, b64encode(label.content).decode()))
            for i, label in labels
        ],
        on_conflict="ON CONFLICT (id) DO NOTHING",
    )  # fmt: skip


def track_due(tenant_id: int, limit: int = 100) -> int:
    """Ask carriers about parcels that they have been silent about, at most ``limit``; returns how many. Call it outside of
    ``tenancy.enter``. What was pushed and got lost is found this way; numbers that a carrier does not know, and parcels that it
    tells nothing new of, are given up in the end (``give_up``, ``fall_silent``). An adapter's defect is raised after the others'
    answers are kept, so that it stands in the jobs' log."""
    _outside()
    with tenancy.enter(tenant_id, actor=ACTOR):
        now = clock.now()
        rows = sql.fetch(
            "UPDATE fulfillment_parcels SET due_at = %s WHERE id IN (SELECT id FROM fulfillment_parcels WHERE tenant_id = %s"
            " AND due_at <= %s AND state NOT IN ('packed', 'void') AND carrier = ANY(%s::text[]) ORDER BY due_at, id LIMIT %s"
            " FOR UPDATE SKIP LOCKED) RETURNING carrier, tracking_number",
            (now + ASK_AFTER, current_tenant_id(), now, list(registered_carriers()), limit),
        )
    asked: dict[str, list[str]] = {}
    for carrier, number in rows:
        asked.setdefault(carrier, []).append(number)
    calls = [
        (name, tuple(numbers[first : first + TRACK_AT_ONCE]))
        for name, numbers in asked.items()
        for first in range(0, len(numbers), TRACK_AT_ONCE)
    ]
    if calls:
        told = _side_by_side(lambda call: _ask(carrier_for(call[0], tenant_id), call[1]), calls)
        with tenancy.enter(tenant_id, actor=ACTOR):
            heard = [(name, answer) for (name, _), answer in zip(calls, told, strict=True) if isinstance(answer, _Told)]
            # A carrier that refuses everything may refuse the shop's account: that says nothing of a number.
            speaking = {name for name, answer in heard if answer.tracks or answer.unknown}
            for name, said in heard:
                record_track(name, said.tracks)
                nothing = (*said.unknown, *(said.refused if name in speaking else ()))
                give_up(name, nothing, now)
                fall_silent(name, (*nothing, *(track.tracking_number for track in said.tracks)), now)
        for answer in told:
            if isinstance(answer, Exception):
                raise answer
    return len(rows)


def _ask(carrier: Carrier, numbers: tuple[str, ...]) -> _Told | Exception:
    try:
        tracks = carrier.track(numbers)
    except CarrierError as error:
        if error.permanent and len(numbers) > 1:  # one bad number does not speak for the others
            return _joined([_ask(carrier, (number,)) for number in numbers])
        return _Told(refused=numbers if error.permanent else ())
    except CarrierUnknown:
        return _Told()  # asked again after a while
    except Exception as defect:
        return defect
    known = {track.tracking_number for track in tracks if track.events}
    return _Told(tracks, tuple(number for number in numbers if number not in known))


def _joined(answers: Sequence[_Told | Exception]) -> _Told | Exception:
    defect = next((one for one in answers if isinstance(one, Exception)), None)
    told = [one for one in answers if isinstance(one, _Told)]
    return defect or _Told(
        tuple(track for one in told for track in one.tracks),
        tuple(number for one in told for number in one.unknown),
        tuple(number for one in told for number in one.refused),
    )


class PushRefused(Forbidden):
    """The push does not prove its sender, or is too old."""

    code = "push_refused"
    advice = "Sign the push with the shop's own key at this carrier and send it again."


class PushUnreadable(Invalid):
    """The push cannot be read."""

    code = "push_unreadable"


def take_push(tenant_id: int, carrier: str, headers: Mapping[str, str], body: bytes) -> tuple[str, bytes]:
    """Verify a carrier's push and keep what it tells; returns the carrier's way of being told that it arrived, as content type
    and body. Opens its own transaction. Raises NotFound, PushRefused, PushUnreadable."""
    tenancy.get_tenant(tenant_id)
    if not is_registered(carrier):
        raise NotFound("No such carrier.")
    account = carrier_for(carrier, tenant_id)
    try:
        tracks = account.parse_push(headers, body)
    except CarrierRejected as rejected:
        if rejected.code == "malformed":
            raise PushUnreadable(rejected.message) from None
        raise PushRefused(rejected.message, reason=rejected.code) from None
    with tenancy.enter(tenant_id, actor=f"carrier:{carrier}", reason="push"):
        record_track(carrier, tracks)
    return account.push_answer()
