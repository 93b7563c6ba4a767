"""The hold: it begins with receipt, waits for open returns, and ends by moving pending to available."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from banyan.earnings.commission.commands.accrual import REFERENCE_KIND, accrue
from banyan.earnings.commission.commands.turns import accrued_of, beside_close, lock_accrual
from banyan.earnings.commission.events import CommissionReleased
from banyan.kernel import events, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.trade.returns import queries as returns
from banyan.treasury.ledger import commands as ledger
from banyan.treasury.ledger import queries as balances
from banyan.treasury.ledger.types import AccountKind, AccountRef, EntryKind, NewEntry

ATTEMPTS = 5
LOOK_AGAIN = timedelta(hours=1)
"""When an order whose return is still open is looked at again, should the news of its end be lost."""


def mark_received(receipts: Sequence[tuple[int, datetime]]) -> int:
    """Start the hold of received orders: (order_id, received_at). Returns how many began; a second receipt changes nothing.

    The plan's days are 24 hours each, counted from the instant of receipt. An order that was not accrued yet is accrued
    first. Raises InputsMissing for an order that was never paid.
    """
    if not receipts:
        return 0
    order_ids = [order_id for order_id, _ in receipts]
    missing = set(order_ids) - accrued_of(order_ids)
    if missing:
        lock_accrual()
    sql.fetch(
        "SELECT 1 FROM commission_accruals WHERE tenant_id = %s AND id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE",
        (current_tenant_id(), order_ids),
    )
    if missing:
        accrue(sorted(missing))
    return sql.execute(
        "UPDATE commission_accruals a SET received_at = v.at, release_after = v.at + a.hold_days * interval '24 hours',"
        " due_at = CASE WHEN a.total_minor > 0 OR EXISTS (SELECT 1 FROM commission_commissions c WHERE c.tenant_id = a.tenant_id"
        "  AND c.order_id = a.id) THEN v.at + a.hold_days * interval '24 hours' END"
        " FROM (SELECT DISTINCT ON (id) id, at FROM unnest(%s::bigint[], %s::timestamptz[]) AS u(id, at) ORDER BY id, at) v"
        " WHERE a.tenant_id = %s AND a.id = v.id AND a.received_at IS NULL",
        (order_ids, [at for _, at in receipts], current_tenant_id()),
    )


def look_again(order_ids: Sequence[int]) -> int:
    """A return of these orders ended: look at their hold when it is over, not an hour later. Returns how many."""
    return sql.execute(
        "UPDATE commission_accruals SET due_at = release_after"
        " WHERE tenant_id = %s AND id = ANY(%s::bigint[]) AND released_at IS NULL AND due_at > release_after",
        (current_tenant_id(), list(order_ids)),
    )


def release_due(at: datetime, limit: int = 500) -> int:
    """Release the commission of orders whose hold is over at `at` and that have no open return; returns orders looked at.

    Hold: max(received_at + N days, returns closed). Moves pending to available, debt first. Idempotent: an order is released
    once. Orders with an open return are looked at again later and count as looked at; call again while the answer is not 0.
    """
    beside_close()
    rows = sql.fetch(
        "SELECT id, currency FROM commission_accruals WHERE tenant_id = %s AND released_at IS NULL AND due_at <= %s"
        " ORDER BY due_at, id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED",
        (current_tenant_id(), at, limit),
    )
    if not rows:
        return 0
    waiting = returns.open_returns([row[0] for row in rows])
    _postpone([row[0] for row in rows if row[0] in waiting], at + LOOK_AGAIN)
    due = [(order_id, currency) for order_id, currency in rows if order_id not in waiting]
    owed = _owed([order_id for order_id, _ in due])
    facts = []
    for currency in sorted({currency for _, currency in due}):
        order_ids = sorted(order_id for order_id, own in due if own == currency)
        _book({order_id: _by_payee(owed.get(order_id, ())) for order_id in order_ids}, currency, at)
        facts += [
            CommissionReleased(order_id, currency, tuple(owed[order_id]), at) for order_id in order_ids if owed.get(order_id)
        ]
    sql.execute(
        "UPDATE commission_accruals SET released_at = %s, due_at = NULL WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (at, current_tenant_id(), [order_id for order_id, _ in due]),
    )
    events.record(facts)
    return len(rows)


def _postpone(order_ids: Sequence[int], until: datetime) -> None:
    if order_ids:
        sql.execute(
            "UPDATE commission_accruals SET due_at = %s WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
            (until, current_tenant_id(), list(order_ids)),
        )


def _owed(order_ids: Sequence[int]) -> dict[int, list[tuple[int, int, int]]]:
    """(commission_id, payee_id, amount less reversals) by order, where anything is left."""
    rows = sql.fetch(
        "SELECT c.order_id, c.id, c.payee_id, c.amount_minor - coalesce((SELECT sum(r.amount_minor) FROM commission_reversals r"
        "  WHERE r.tenant_id = c.tenant_id AND r.commission_id = c.id), 0)::bigint"
        " FROM commission_commissions c WHERE c.tenant_id = %s AND c.order_id = ANY(%s::bigint[]) ORDER BY c.id",
        (current_tenant_id(), list(order_ids)),
    )
    owed: dict[int, list[tuple[int, int, int]]] = {}
    for order_id, commission_id, payee_id, amount in rows:
        if amount > 0:
            owed.setdefault(order_id, []).append((commission_id, payee_id, amount))
    return owed


def _by_payee(lines: Sequence[tuple[int, int, int]]) -> dict[int, int]:
    sums: dict[int, int] = {}
    for _, payee_id, amount in lines:
        sums[payee_id] = sums.get(payee_id, 0) + amount
    return sums


def release_now(orders: dict[int, dict[int, int]], currency: str, at: datetime, mark: str) -> None:
    """Release what was added to orders that are released already: sums by payee of each order. `mark` tells this release from
    the order's own."""
    _book(orders, currency, at, mark)


def _book(orders: dict[int, dict[int, int]], currency: str, at: datetime, mark: str = "") -> None:
    """Post one entry per order, debts netted in the order of ids; again with fresh balances where a debt moved meanwhile."""
    payees = sorted({payee_id for sums in orders.values() for payee_id in sums})
    for attempt in range(ATTEMPTS):
        debts = balances.balances([AccountRef(AccountKind.DISTRIBUTOR_DEBT, payee_id) for payee_id in payees], currency)
        left = {ref.owner_id: debt for ref, debt in debts.items()}
        entries = [_entry(order_id, sums, left, currency, at, mark) for order_id, sums in orders.items() if sums]
        try:
            ledger.post(entries)
        except ledger.InsufficientBalance:
            if attempt == ATTEMPTS - 1:
                raise
        else:
            return


def _entry(order_id: int, sums: dict[int, int], debts: dict[int, int], currency: str, at: datetime, mark: str = "") -> NewEntry:
    postings = []
    for payee_id, amount in sums.items():
        netted = min(amount, debts.get(payee_id, 0))
        postings.append((AccountRef(AccountKind.DISTRIBUTOR_PENDING, payee_id), amount))
        if netted:
            debts[payee_id] -= netted
            postings.append((AccountRef(AccountKind.DISTRIBUTOR_DEBT, payee_id), -netted))
        if amount > netted:
            postings.append((AccountRef(AccountKind.DISTRIBUTOR_AVAILABLE, payee_id), netted - amount))
    key = f"commission.released:{order_id}{mark}"
    return NewEntry(EntryKind.COMMISSION_RELEASED, REFERENCE_KIND, order_id, at, tuple(postings), key, currency)
