"""Asking the channels about payments that no notice settled, and closing there what is closed here."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from banyan.kernel import clock, sql, tenancy
from banyan.treasury.payments.commands.capturing import capture
from banyan.treasury.payments.ports import PaymentChannel, channel_for, is_registered
from banyan.treasury.payments.types import (
    CaptureNotice,
    ChannelError,
    ChannelPayment,
    ChannelPaymentState,
    ChannelUnknown,
    PaymentId,
    PaymentState,
)

LEASE = timedelta(minutes=2)
BACKOFF_SECONDS = (60, 300, 900, 3600)
CALLS_AT_ONCE = 8
ACTOR = "job:payments.query_due"
DUE = (
    "SELECT id FROM payments_payments WHERE tenant_id = %s AND due_at <= %s AND state <> 'captured'"
    " ORDER BY due_at, id LIMIT %s FOR UPDATE SKIP LOCKED"
)


@dataclass(frozen=True, slots=True)
class _Question:
    payment_id: PaymentId
    channel: str
    out_trade_no: str
    state: PaymentState
    is_expired: bool
    ask_count: int


@dataclass(frozen=True, slots=True)
class _Finding:
    question: _Question
    payment: ChannelPayment | None
    is_closed: bool = False


def query_due(tenant_id: int, limit: int = 100) -> int:
    """Ask the channels about at most `limit` payments that are due; returns how many. Call it outside of `tenancy.enter`.

    Captured ones are booked like any notice; an expired or unwanted one is closed at the channel and here; the rest is asked
    about again later, ever less often.
    """
    if tenancy.entered() is not None:
        raise RuntimeError("query_due calls the channel and must not run inside a transaction")
    with tenancy.enter(tenant_id, actor=ACTOR):
        questions = _claim(limit)
    if not questions:
        return 0
    channels = {name: channel_for(name, tenant_id) for name in {q.channel for q in questions if is_registered(q.channel)}}
    with ThreadPoolExecutor(max_workers=min(CALLS_AT_ONCE, len(questions))) as pool:
        findings = list(pool.map(lambda q: _ask(channels.get(q.channel), q), questions))
    with tenancy.enter(tenant_id, actor=ACTOR):
        _record(findings)
    return len(questions)


def _claim(limit: int) -> list[_Question]:
    now = clock.now()
    rows = sql.fetch(
        f"WITH due AS ({DUE})"
        " UPDATE payments_payments p SET due_at = %s, ask_count = least(p.ask_count + 1, 30000) FROM due WHERE p.id = due.id"
        " RETURNING p.id, p.channel, p.out_trade_no, p.state, p.expires_at <= %s, p.ask_count",
        (tenancy.current_tenant_id(), now, limit, now + LEASE, now),
    )
    return [_Question(PaymentId(row[0]), row[1], row[2], PaymentState(row[3]), row[4], row[5]) for row in rows]


def _ask(channel: PaymentChannel | None, question: _Question) -> _Finding:
    """Runs on a thread without a database. Closing a payment that was paid meanwhile answers that it was paid."""
    if channel is None:  # never wired in: nobody can have paid there
        return _Finding(question, None, is_closed=question.is_expired or question.state is PaymentState.CLOSED)
    try:
        payment = channel.query(question.out_trade_no)
        if payment.state in (ChannelPaymentState.CAPTURED, ChannelPaymentState.CLOSED):
            return _Finding(question, payment, is_closed=payment.state is ChannelPaymentState.CLOSED)
        if not question.is_expired and question.state is PaymentState.PENDING:
            return _Finding(question, payment)
        if payment.state is ChannelPaymentState.PENDING:
            channel.close(question.out_trade_no)
        # Unknown there, but a call that opens it may be under way: ask once more before believing it.
        is_early = payment.state is ChannelPaymentState.NOT_FOUND and not question.is_expired and question.ask_count == 1
        return _Finding(question, payment, is_closed=not is_early)
    except (ChannelUnknown, ChannelError):
        return _Finding(question, None)


def _record(findings: Sequence[_Finding]) -> None:
    now = clock.now()
    notices: list[CaptureNotice] = []
    closed: list[int] = []
    later: list[tuple[int, datetime]] = []
    for finding in findings:
        question, payment = finding.question, finding.payment
        if payment is not None and payment.state is ChannelPaymentState.CAPTURED:
            moment = payment.captured_at or now
            notices.append(
                CaptureNotice(
                    question.channel,
                    question.out_trade_no,
                    payment.transaction_id,
                    payment.amount_minor,
                    payment.currency,
                    moment,
                )
            )
        elif finding.is_closed:
            closed.append(question.payment_id)
        else:
            pause = BACKOFF_SECONDS[min(question.ask_count, len(BACKOFF_SECONDS)) - 1]
            later.append((question.payment_id, now + timedelta(seconds=pause)))
    capture(notices)
    if closed:
        sql.execute(
            "UPDATE payments_payments SET state = 'closed', due_at = NULL"
            " WHERE tenant_id = %s AND id = ANY(%s::bigint[]) AND state <> 'captured'",
            (tenancy.current_tenant_id(), sql.array_literal(closed)),
        )
    if later:
        sql.execute(
            "UPDATE payments_payments p SET due_at = u.due_at FROM unnest(%s::bigint[], %s::timestamptz[]) AS u(id, due_at)"
            " WHERE p.tenant_id = %s AND p.id = u.id AND p.state <> 'captured'",
            (sql.array_literal(i for i, _ in later), sql.array_literal(at for _, at in later), tenancy.current_tenant_id()),
        )
