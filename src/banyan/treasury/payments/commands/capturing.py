"""Booking captured money. The channels' notices, the query job and imports all come through here."""

from __future__ import annotations

from collections.abc import Sequence

from banyan.kernel import events, sql, tenancy
from banyan.treasury.ledger import commands as ledger
from banyan.treasury.ledger.types import AccountKind, AccountRef, EntryKind, NewEntry
from banyan.treasury.payments.commands.incidents import record_incidents
from banyan.treasury.payments.engine.captures import KnownPayment, judge_captures
from banyan.treasury.payments.events import PaymentCaptured
from banyan.treasury.payments.types import CaptureNotice, CaptureOutcome, PaymentId, PaymentState

_RECEIVABLE = AccountRef(AccountKind.CHANNEL_RECEIVABLE)
_CLEARING = AccountRef(AccountKind.SALES_CLEARING)


def capture(notices: Sequence[CaptureNotice]) -> list[CaptureOutcome]:
    """Book captures, any number at once; one outcome per notice. Amounts in minor units.

    Idempotent: repeated, late and reordered notices give the same payments, entries and events. A closed payment is captured
    too (the order decides what to do with the money). What does not fit (see CaptureResult) books nothing and is recorded
    as an incident. Never raises for a bad notice.
    """
    if not notices:
        return []
    known = _lock(notices)
    verdict = judge_captures(known, _taken(notices), notices)
    if verdict.bookings:
        sql.execute(
            "UPDATE payments_payments p SET state = 'captured', transaction_id = u.transaction_id, captured_at = u.captured_at,"
            " due_at = NULL FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[]) AS u(id, transaction_id, captured_at)"
            " WHERE p.tenant_id = %s AND p.id = u.id AND p.state <> 'captured'",
            (
                sql.array_literal(payment.payment_id for payment, _ in verdict.bookings),
                sql.array_literal(notice.transaction_id for _, notice in verdict.bookings),
                sql.array_literal(notice.captured_at for _, notice in verdict.bookings),
                tenancy.current_tenant_id(),
            ),
        )
        ledger.post([_entry(payment, notice) for payment, notice in verdict.bookings])
        events.record(
            [
                PaymentCaptured(payment.payment_id, payment.order_id, payment.amount_minor, payment.currency, notice.captured_at)
                for payment, notice in verdict.bookings
            ]
        )
    record_incidents(verdict.incidents)
    return list(verdict.outcomes)


def _lock(notices: Sequence[CaptureNotice]) -> dict[str, KnownPayment]:
    """The named payments by our number, locked in id order."""
    rows = sql.fetch(
        "SELECT p.out_trade_no, p.id, p.order_id, p.channel, p.state, p.transaction_id, p.amount_minor, p.currency,"
        " EXISTS (SELECT 1 FROM payments_payments o WHERE o.tenant_id = p.tenant_id AND o.order_id = p.order_id"
        "  AND o.id <> p.id AND o.state = 'captured')"
        " FROM payments_payments p WHERE p.tenant_id = %s AND p.out_trade_no = ANY(%s::text[])"
        " ORDER BY p.id FOR NO KEY UPDATE OF p",
        (tenancy.current_tenant_id(), sql.array_literal({notice.out_trade_no for notice in notices})),
    )
    return {row[0]: KnownPayment(PaymentId(row[1]), row[2], row[3], _STATES[row[4]], *row[5:]) for row in rows}


_STATES = {state.value: state for state in PaymentState}


def _taken(notices: Sequence[CaptureNotice]) -> dict[tuple[str, str], str]:
    """Under which of our numbers each transaction of the channel is booked already."""
    rows = sql.fetch(
        "SELECT channel, transaction_id, out_trade_no FROM payments_payments"
        " WHERE tenant_id = %s AND channel = ANY(%s::text[]) AND transaction_id = ANY(%s::text[]) AND transaction_id <> ''",
        (
            tenancy.current_tenant_id(),
            sql.array_literal({notice.channel for notice in notices}),
            sql.array_literal({notice.transaction_id for notice in notices}),
        ),
    )
    return {(channel, transaction_id): number for channel, transaction_id, number in rows}


def _entry(payment: KnownPayment, notice: CaptureNotice) -> NewEntry:
    amount = payment.amount_minor
    return NewEntry(
        EntryKind.PAYMENT_CAPTURED,
        "payment",
        payment.payment_id,
        notice.captured_at,
        ((_RECEIVABLE, amount), (_CLEARING, -amount)),
        f"payment:{payment.payment_id}:captured",
        payment.currency,
    )
