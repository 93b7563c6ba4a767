"""Replays payouts: each state has exactly its entries, to the cent, and clearing holds what is under way."""

from __future__ import annotations

from collections.abc import Iterator

from banyan.kernel import ids, sql, tenancy
from banyan.kernel.verification import Finding, Tally, check
from banyan.treasury.payouts.engine.transitions import OPEN, UNPAID
from banyan.treasury.payouts.types import PayoutState

_ENTRIES = (
    dict.fromkeys(OPEN, ("payout_submitted",))
    | dict.fromkeys(UNPAID, ("payout_failed", "payout_submitted"))
    | {
        PayoutState.COMPLETED: ("payout_completed", "payout_submitted"),
        PayoutState.RETURNED: ("payout_completed", "payout_returned", "payout_submitted"),
    }
)


@check("payouts.entries")
def entries_fit_states(tally: Tally) -> Iterator[Finding]:
    """The entries of every payout are those of its state, each once and of its amount."""
    tenant_id = tenancy.current_tenant_id()
    rows = sql.fetch(
        "SELECT coalesce(p.id, e.reference_id), p.state, p.amount_minor, coalesce(e.kinds, '{}'), coalesce(e.low, 0)::bigint,"
        " coalesce(e.high, 0)::bigint FROM (SELECT * FROM payouts_payouts WHERE tenant_id = %s) p FULL JOIN ("
        "  SELECT x.reference_id, array_agg(x.kind::text ORDER BY x.kind) AS kinds, min(x.amount) AS low, max(x.amount) AS high"
        "  FROM (SELECT e.reference_id, e.kind, sum(l.amount_minor) FILTER (WHERE l.amount_minor > 0) AS amount"
        "   FROM ledger_entries e JOIN ledger_postings l ON l.tenant_id = e.tenant_id AND l.entry_id = e.id"
        "   WHERE e.tenant_id = %s AND e.reference_kind = 'payout' GROUP BY e.id) x GROUP BY x.reference_id) e"
        " ON e.reference_id = p.id",
        (tenant_id, tenant_id),
    )
    tally.compared += len(rows)
    for payout_id, state, amount, kinds, low, high in rows:
        expected = _ENTRIES[PayoutState(state)] if state else ()
        if tuple(kinds) != expected:
            yield Finding("payouts.entries", ids.public("pyo", payout_id), list(expected), list(kinds))
        elif (low, high) != (amount, amount):
            yield Finding("payouts.entries", ids.public("pyo", payout_id), amount, [low, high])


@check("payouts.clearing")
def clearing_is_under_way(tally: Tally) -> Iterator[Finding]:
    """What payout_clearing holds is the sum of the payouts that have not ended, per currency."""
    tenant_id = tenancy.current_tenant_id()
    rows = sql.fetch(
        "SELECT currency, sum(held)::bigint, sum(owed)::bigint FROM ("
        " SELECT p.currency, -p.amount_minor AS held, 0 AS owed"
        "  FROM ledger_postings p JOIN ledger_accounts a ON a.id = p.account_id"
        "  WHERE p.tenant_id = %s AND a.kind = 'payout_clearing'"
        " UNION ALL SELECT currency, 0, amount_minor FROM payouts_payouts WHERE tenant_id = %s AND state = ANY(%s::text[])) s"
        " GROUP BY currency",
        (tenant_id, tenant_id, sql.array_literal([state.value for state in OPEN])),
    )
    tally.compared += len(rows)
    for currency, held, owed in rows:
        if held != owed:
            yield Finding("payouts.clearing", f"payout_clearing {currency}", owed, held)
