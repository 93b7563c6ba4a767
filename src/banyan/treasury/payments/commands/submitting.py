"""Handing refunds to the channels: claim, call outside of any transaction, record.

A refund is claimed by moving `due_at` to the end of a lease, in a transaction of its own. Whoever is killed in between
leaves a claim that runs out; the next one asks the channel by the same number before it asks for anything, so the channel
refunds once whatever happens here.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from banyan.kernel import clock, sql, tenancy
from banyan.treasury.payments.commands.incidents import record_incidents
from banyan.treasury.payments.commands.opening import notify_url
from banyan.treasury.payments.commands.refunding import complete_refunds
from banyan.treasury.payments.ports import PaymentChannel, channel_for, is_registered
from banyan.treasury.payments.types import (
    ChannelError,
    ChannelRefund,
    ChannelRefundState,
    ChannelUnknown,
    Incident,
    IncidentKind,
    PaymentId,
    RefundId,
    RefundNotice,
    RefundNoticeState,
    RefundOrder,
    RefundState,
)

LEASE = timedelta(minutes=2)
"""Longer than the longest call, so that a living job is not overtaken."""
ASK_AGAIN_AFTER = timedelta(minutes=10)
"""For refunds that the channel has taken in; its notice usually comes first."""
BACKOFF_SECONDS = (5, 30, 120, 600, 3600)
CALLS_AT_ONCE = 8
ACTOR = "job:payments.submit_due_refunds"


@dataclass(frozen=True, slots=True)
class _Claim:
    refund_id: RefundId
    payment_id: PaymentId
    channel: str
    attempt_count: int
    is_first: bool
    order: RefundOrder


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the channel said: an answer, or the state to go on from."""

    claim: _Claim
    refund: ChannelRefund | None = None
    state: RefundState = RefundState.UNKNOWN
    failure: str = ""
    is_permanent: bool = False


def submit_due_refunds(tenant_id: int, limit: int = 50) -> int:
    """Hand over, or ask about, at most `limit` refunds that are due; returns how many. Call it outside of `tenancy.enter`.

    Bounded concurrency; no transaction is open during a call. A time-out leaves the refund `unknown`: it is asked for by its
    own number next time, and never asked for under another one.
    """
    if tenancy.entered() is not None:
        raise RuntimeError("submit_due_refunds calls the channel and must not run inside a transaction")
    with tenancy.enter(tenant_id, actor=ACTOR):
        claims = _claim(limit)
    if not claims:
        return 0
    channels = {name: channel_for(name, tenant_id) for name in {claim.channel for claim in claims}}
    with ThreadPoolExecutor(max_workers=min(CALLS_AT_ONCE, len(claims))) as pool:
        answers = list(pool.map(lambda claim: _call(channels[claim.channel], claim), claims))
    with tenancy.enter(tenant_id, actor=ACTOR):
        _record(answers)
    return len(claims)


def _claim(limit: int) -> list[_Claim]:
    now = clock.now()
    names = [name for name in _due_channels(now) if is_registered(name)]
    rows = sql.fetch(
        "WITH due AS (SELECT id, state FROM payments_refunds WHERE tenant_id = %s AND due_at <= %s AND channel = ANY(%s::text[])"
        "  ORDER BY due_at, id LIMIT %s FOR UPDATE SKIP LOCKED)"
        " UPDATE payments_refunds r SET state = CASE WHEN r.state = 'requested' THEN 'submitting' ELSE r.state END,"
        "  attempt_count = least(r.attempt_count + 1, 30000), due_at = %s FROM due, payments_payments p"
        " WHERE r.id = due.id AND p.id = r.payment_id"
        " RETURNING r.id, r.payment_id, r.channel, r.attempt_count, due.state, r.out_refund_no, p.out_trade_no, p.transaction_id,"
        "  r.amount_minor, p.amount_minor, r.currency, r.reason",
        (tenancy.current_tenant_id(), now, sql.array_literal(names), limit, now + LEASE),
    )
    return [
        _Claim(
            RefundId(row[0]), PaymentId(row[1]), row[2], row[3], row[3] == 1 and row[4] == "requested",
            RefundOrder(row[5], row[6], row[7], row[8], row[9], row[10], row[11], notify_url(row[2])),
        )
        for row in rows
    ]  # fmt: skip


def _due_channels(now: object) -> list[str]:
    rows = sql.fetch(
        "SELECT DISTINCT channel FROM payments_refunds WHERE tenant_id = %s AND due_at <= %s", (tenancy.current_tenant_id(), now)
    )
    return [row[0] for row in rows]


def _call(channel: PaymentChannel, claim: _Claim) -> _Answer:
    """Runs on a thread without a database. Anything but the first try asks before it acts."""
    try:
        if not claim.is_first:
            known = channel.query_refund(claim.order.out_refund_no)
            if known.state is not ChannelRefundState.NOT_FOUND:
                return _Answer(claim, known)
        return _refund(channel, claim)
    except (ChannelUnknown, ChannelError):  # a question that was refused says nothing about the refund
        return _Answer(claim)
    except Exception as error:  # an adapter's defect is as unclear as a time-out; the others of the batch must be recorded
        return _Answer(claim, failure=type(error).__name__)


def _refund(channel: PaymentChannel, claim: _Claim) -> _Answer:
    """A refusal is believed on the first try; later ones may refuse because an earlier, lost one succeeded, so we ask."""
    try:
        return _Answer(claim, channel.refund(claim.order))
    except ChannelError as error:
        if error.permanent and not claim.is_first:
            known = channel.query_refund(claim.order.out_refund_no)
            if known.state is not ChannelRefundState.NOT_FOUND:
                return _Answer(claim, known)
        failure = f"{error.code} {error.message}".strip()
        return _Answer(claim, state=RefundState.REQUESTED, failure=failure, is_permanent=error.permanent)


def _record(answers: Sequence[_Answer]) -> None:
    now = clock.now()
    notices = []
    later = []
    for answer in answers:
        claim, refund = answer.claim, answer.refund
        if refund is not None and refund.state in (ChannelRefundState.COMPLETED, ChannelRefundState.FAILED):
            notices.append(
                RefundNotice(
                    claim.channel, claim.order.out_refund_no, refund.reference, RefundNoticeState(refund.state.value),
                    refund.amount_minor or claim.order.amount_minor, refund.currency or claim.order.currency,
                    refund.completed_at or now, refund.failure,
                )
            )  # fmt: skip
        elif answer.is_permanent:
            notices.append(
                RefundNotice(
                    claim.channel, claim.order.out_refund_no, "", RefundNoticeState.FAILED, claim.order.amount_minor,
                    claim.order.currency, now, answer.failure,
                )
            )  # fmt: skip
        elif refund is not None:
            later.append((claim.refund_id, RefundState.SUBMITTED.value, refund.reference, "", now + ASK_AGAIN_AFTER))
        else:
            pause = BACKOFF_SECONDS[min(claim.attempt_count, len(BACKOFF_SECONDS)) - 1]
            later.append((claim.refund_id, answer.state.value, "", answer.failure[:200], now + timedelta(seconds=pause)))
    complete_refunds(notices)
    _postpone(later)
    defects = [a for a in answers if a.refund is None and a.state is RefundState.UNKNOWN and a.failure]
    record_incidents([_defect(answer) for answer in defects])


def _defect(answer: _Answer) -> Incident:
    order, details = answer.claim.order, (("failure", answer.failure),)
    return Incident(IncidentKind.ADAPTER_DEFECT, answer.claim.channel, order.out_refund_no, answer.claim.payment_id, details)


def _postpone(later: Sequence[tuple[int, str, str, str, object]]) -> None:
    """Only where nothing ended it meanwhile: a notice may have been faster than the answer."""
    if not later:
        return
    columns = list(zip(*later, strict=True))
    sql.execute(
        "UPDATE payments_refunds r SET state = u.state, due_at = u.due_at, failure = u.failure,"
        " reference = coalesce(nullif(u.reference, ''), r.reference)"
        " FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])"
        "  AS u(id, state, reference, failure, due_at)"
        " WHERE r.tenant_id = %s AND r.id = u.id AND r.state NOT IN ('completed', 'failed')",
        (*(sql.array_literal(column) for column in columns), tenancy.current_tenant_id()),
    )
