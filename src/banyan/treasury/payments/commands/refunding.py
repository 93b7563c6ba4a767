"""Giving money back: asked for under a key, held against the payment at once, booked when the channel has done it."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import replace

from banyan.kernel import clock, events, ids, sql, tenancy
from banyan.kernel.values.errors import Conflict, Invalid, Refusal
from banyan.treasury.ledger import commands as ledger
from banyan.treasury.ledger.types import AccountKind, AccountRef, EntryKind, NewEntry
from banyan.treasury.payments import queries
from banyan.treasury.payments.commands.incidents import record_incidents
from banyan.treasury.payments.engine.refunds import KnownRefund, Refundable, choose_payments, judge_refunds
from banyan.treasury.payments.events import RefundCompleted, RefundFailed
from banyan.treasury.payments.models import RefundRow
from banyan.treasury.payments.types import NewRefund, PaymentId, Refund, RefundId, RefundNotice, RefundOutcome, RefundState

_COLUMNS = (
    "id", "payment_id", "order_id", "channel", "out_refund_no", "reference", "state", "amount_minor", "currency", "reason", "key",
    "attempt_count", "failure", "requested_at", "due_at",
)  # fmt: skip
_RECEIVABLE = AccountRef(AccountKind.CHANNEL_RECEIVABLE)
_CLEARING = AccountRef(AccountKind.SALES_CLEARING)


class NothingCaptured(Conflict):
    """The order has no captured payment to refund."""

    code = "nothing_captured"
    advice = "Refund an order only after it was paid."


class RefundTooLarge(Refusal):
    """More than was captured and is not yet refunded."""

    code = "refund_too_large"
    status = 409
    advice = "Ask for at most reversible_minor of the details."


class RefundKeyReused(Conflict):
    """A refund key came again with another order or amount."""

    code = "refund_key_reused"
    advice = "Use a new key for a new refund."


class RefundByReturn(Conflict):
    """The money pays an order: given back here, it would leave the order's commission where it is."""

    code = "refund_by_return"
    advice = "Open a return for the order (refund only, where no goods come back): it takes the commission back, too."


def request_refunds(wishes: Sequence[NewRefund]) -> list[RefundId]:
    """Ask for refunds; returns ids in order. Amounts in minor units. A job hands them to the channel.

    Idempotent by key. The sum of refunds that have not failed never exceeds what was captured: guarded by the statement and by
    a CHECK, whoever asks at the same time. All or nothing: raises Invalid, NothingCaptured, RefundTooLarge, RefundKeyReused.
    """
    if not wishes:
        return []
    by_key: dict[str, NewRefund] = {}
    for wish in wishes:
        _check(wish)
        if by_key.setdefault(wish.key, wish) != wish:
            raise RefundKeyReused(f"The key {wish.key} appears twice with different content.", key=wish.key)
    refundables = _lock_payments([wish.order_id for wish in wishes])
    # Read after locking, so that the same key asked for at the same time is seen.
    asked = queries.find_refunds_by_keys(list(by_key))
    for key, refund in asked.items():
        _same_as_before(by_key[key], refund)
    fresh = [wish for key, wish in sorted(by_key.items()) if key not in asked]
    made = _hold_and_insert(fresh, refundables) if fresh else {}
    return [asked[wish.key].refund_id if wish.key in asked else made[wish.key] for wish in wishes]


def refund_extra(wish: NewRefund) -> RefundId:
    """Ask, for a person, for money that pays no order: what was captured twice, too late or wrongly, and whose refund failed.

    Idempotent by key. What pays an order goes back through a return only, which takes the commission back with it. Raises
    RefundByReturn, and what `request_refunds` raises.
    """
    found = [one for one in _lock_payments([wish.order_id]) if wish.payment_id in (None, one.payment_id)]
    extra = [one for one in found if one.is_extra]
    if found and not extra:
        raise RefundByReturn("This money pays the order.", order_id=ids.public("ord", wish.order_id))
    if extra:
        fitting = (one for one in extra if one.reversible_minor >= wish.amount_minor)
        wish = replace(wish, payment_id=next(fitting, extra[0]).payment_id, is_extra=True)
    return request_refunds([wish])[0]


def _check(wish: NewRefund) -> None:
    if wish.amount_minor <= 0:
        raise Invalid("A refund is above zero.", field="amount_minor")
    if wish.is_extra and wish.payment_id is None:
        raise Invalid("Extra money is that of one payment: name it.", field="payment_id")
    if not 0 < len(wish.key) <= 120:
        raise Invalid("A refund key has 1 to 120 characters.", field="key")


def _same_as_before(wish: NewRefund, refund: Refund) -> None:
    if (wish.order_id, wish.amount_minor) != (refund.order_id, refund.amount_minor):
        raise RefundKeyReused(f"The key {wish.key} was used for another refund.", key=wish.key)


def _lock_payments(order_ids: Sequence[int]) -> list[Refundable]:
    rows = sql.fetch(
        "SELECT id, order_id, channel, currency, amount_minor - refund_held_minor, captured_at, is_extra FROM payments_payments"
        " WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) AND state = 'captured' ORDER BY id FOR NO KEY UPDATE",
        (tenancy.current_tenant_id(), sql.array_literal(set(order_ids))),
    )
    rows.sort(key=lambda row: (row[5], row[0]))
    return [Refundable(PaymentId(row[0]), row[1], row[2], row[3], row[4], row[6]) for row in rows]


def _hold_and_insert(wishes: Sequence[NewRefund], refundables: Sequence[Refundable]) -> dict[str, RefundId]:
    chosen = choose_payments(refundables, wishes)
    for wish, payment in zip(wishes, chosen, strict=True):
        if payment is None:
            _refuse(wish, refundables)
    pairs = [(wish, payment) for wish, payment in zip(wishes, chosen, strict=True) if payment is not None]
    held: dict[int, int] = {}
    for wish, payment in pairs:
        held[payment.payment_id] = held.get(payment.payment_id, 0) + wish.amount_minor
    touched = _hold(held)
    if touched != len(held):
        raise RefundTooLarge("The payment has less left than was asked for.")
    _mark_extra({payment.payment_id for wish, payment in pairs if wish.is_extra})
    now = clock.now()
    rows = [
        (
            new_id, payment.payment_id, wish.order_id, payment.channel, secrets.token_hex(16), "", "requested", wish.amount_minor,
            payment.currency, wish.reason[:80], wish.key, 0, "", now, now,
        )
        for new_id, (wish, payment) in zip(ids.next_ids(len(pairs)), pairs, strict=True)
    ]  # fmt: skip
    sql.insert(RefundRow, _COLUMNS, rows)
    return {row[10]: RefundId(row[0]) for row in rows}


def _hold(held: dict[int, int]) -> int:
    """The guard itself: holds the amounts only where the payment has that much left; returns how many payments had."""
    return sql.execute(
        "UPDATE payments_payments p SET refund_held_minor = p.refund_held_minor + u.amount"
        " FROM unnest(%s::bigint[], %s::bigint[]) AS u(id, amount) WHERE p.tenant_id = %s AND p.id = u.id"
        " AND p.state = 'captured' AND p.refund_held_minor + u.amount <= p.amount_minor",
        (sql.array_literal(held), sql.array_literal(held.values()), tenancy.current_tenant_id()),
    )


def _mark_extra(payment_ids: Collection[int]) -> None:
    """These pay no order, for ever: from now on a person may ask for their money, too."""
    if payment_ids:
        sql.execute(
            "UPDATE payments_payments SET is_extra = true WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
            (tenancy.current_tenant_id(), sql.array_literal(payment_ids)),
        )


def _refuse(wish: NewRefund, refundables: Sequence[Refundable]) -> None:
    own = [p for p in refundables if p.order_id == wish.order_id and wish.payment_id in (None, p.payment_id)]
    if not own:
        raise NothingCaptured("The order has no captured payment.", order_id=ids.public("ord", wish.order_id))
    raise RefundTooLarge(
        "More than what was captured and is not yet refunded.",
        order_id=ids.public("ord", wish.order_id),
        asked_minor=wish.amount_minor,
        reversible_minor=max(payment.reversible_minor for payment in own),
    )


def complete_refunds(notices: Sequence[RefundNotice]) -> list[RefundOutcome]:
    """Book how refunds ended, any number at once; one outcome per notice. Amounts in minor units.

    Idempotent: repeated, late and reordered notices end in the same state with one set of postings. Completed stands; a
    failed refund frees what it held, and may still become completed while there is room. Everything that does not fit is
    recorded as an incident. Never raises for a bad notice.
    """
    if not notices:
        return []
    verdict = judge_refunds(_lock_refunds(notices), notices)
    record_incidents(verdict.incidents)
    if verdict.held_again:
        _hold(_sums(verdict.held_again))
    if verdict.completions:
        _complete(verdict.completions)
    if verdict.failures:
        _fail(verdict.failures)
    return list(verdict.outcomes)


def _lock_refunds(notices: Sequence[RefundNotice]) -> dict[str, KnownRefund]:
    """The named refunds by our number; their payments are locked first, both in id order."""
    scope = (tenancy.current_tenant_id(), sql.array_literal({notice.out_refund_no for notice in notices}))
    sql.fetch(
        "SELECT 1 FROM payments_payments WHERE id IN (SELECT payment_id FROM payments_refunds WHERE tenant_id = %s"
        " AND out_refund_no = ANY(%s::text[])) ORDER BY id FOR NO KEY UPDATE",
        scope,
    )
    rows = sql.fetch(
        "SELECT r.out_refund_no, r.id, r.payment_id, r.order_id, r.channel, r.state, r.amount_minor, r.currency, r.key,"
        " p.amount_minor - p.refund_held_minor FROM payments_refunds r JOIN payments_payments p ON p.id = r.payment_id"
        " WHERE r.tenant_id = %s AND r.out_refund_no = ANY(%s::text[]) ORDER BY r.id FOR NO KEY UPDATE OF r",
        scope,
    )
    return {
        row[0]: KnownRefund(RefundId(row[1]), PaymentId(row[2]), row[3], row[4], RefundState(row[5]), *row[6:]) for row in rows
    }


def _sums(refunds: Sequence[KnownRefund]) -> dict[int, int]:
    sums: dict[int, int] = {}
    for refund in refunds:
        sums[refund.payment_id] = sums.get(refund.payment_id, 0) + refund.amount_minor
    return sums


def _end(ends: Sequence[tuple[KnownRefund, RefundNotice]], assignments: str) -> None:
    sql.execute(
        f"UPDATE payments_refunds r SET {assignments}, reference = u.reference, failure = u.failure, due_at = NULL"
        " FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::text[]) AS u(id, at, reference, failure)"
        " WHERE r.tenant_id = %s AND r.id = u.id",
        (
            sql.array_literal(refund.refund_id for refund, _ in ends),
            sql.array_literal(notice.completed_at for _, notice in ends),
            sql.array_literal(notice.reference[:64] for _, notice in ends),
            sql.array_literal(notice.failure[:200] for _, notice in ends),
            tenancy.current_tenant_id(),
        ),
    )


def _complete(ends: Sequence[tuple[KnownRefund, RefundNotice]]) -> None:
    _end(ends, "state = 'completed', completed_at = u.at")
    sums = _sums([refund for refund, _ in ends])
    sql.execute(
        "UPDATE payments_payments p SET refunded_minor = p.refunded_minor + u.amount"
        " FROM unnest(%s::bigint[], %s::bigint[]) AS u(id, amount) WHERE p.tenant_id = %s AND p.id = u.id",
        (sql.array_literal(sums), sql.array_literal(sums.values()), tenancy.current_tenant_id()),
    )
    ledger.post(
        [
            NewEntry(
                EntryKind.PAYMENT_REFUNDED,
                "refund",
                refund.refund_id,
                notice.completed_at,
                ((_CLEARING, refund.amount_minor), (_RECEIVABLE, -refund.amount_minor)),
                f"refund:{refund.refund_id}:completed",
                refund.currency,
            )
            for refund, notice in ends
        ]
    )
    events.record(
        [
            RefundCompleted(refund.refund_id, refund.order_id, refund.amount_minor, notice.completed_at, refund.key)
            for refund, notice in ends
        ]
    )


def _fail(ends: Sequence[tuple[KnownRefund, RefundNotice]]) -> None:
    _end(ends, "state = 'failed'")
    # A refund that was failed before and failed again within this batch holds nothing any more.
    sums = _sums([refund for refund, _ in ends if refund.state is not RefundState.FAILED])
    sql.execute(
        "UPDATE payments_payments p SET refund_held_minor = p.refund_held_minor - u.amount"
        " FROM unnest(%s::bigint[], %s::bigint[]) AS u(id, amount) WHERE p.tenant_id = %s AND p.id = u.id",
        (sql.array_literal(sums), sql.array_literal(sums.values()), tenancy.current_tenant_id()),
    )
    events.record(
        [
            RefundFailed(refund.refund_id, refund.order_id, refund.amount_minor, notice.completed_at, refund.key)
            for refund, notice in ends
        ]
    )
