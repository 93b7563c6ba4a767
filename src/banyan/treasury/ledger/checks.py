"""Replays the ledger: every entry balances, every stored balance and checkpoint is the sum of its postings."""

from __future__ import annotations

from collections.abc import Iterator

from banyan.kernel import ids, sql, tenancy
from banyan.kernel.verification import Finding, Tally, check


@check("ledger.entries")
def entries_balance(tally: Tally) -> Iterator[Finding]:
    """Σ = 0 per entry, as many postings as the entry declares, one currency, every posting with its entry and account."""
    tenant_id = tenancy.current_tenant_id()
    tally.compared += sql.fetch("SELECT count(*) FROM ledger_entries WHERE tenant_id = %s", (tenant_id,))[0][0]
    rows = sql.fetch(
        "SELECT coalesce(e.id, p.entry_id), coalesce(p.total, 0)::bigint, coalesce(p.line_count, 0),"
        " coalesce(e.posting_count, 0), coalesce(p.currencies, 0), p.low IS DISTINCT FROM e.currency"
        " FROM (SELECT * FROM ledger_entries WHERE tenant_id = %s) e"
        " FULL JOIN (SELECT entry_id, sum(amount_minor) AS total, count(*) AS line_count, count(DISTINCT currency) AS currencies,"
        "  min(currency) AS low FROM ledger_postings WHERE tenant_id = %s GROUP BY entry_id) p ON p.entry_id = e.id"
        " WHERE p.entry_id IS NULL OR e.id IS NULL OR p.total <> 0 OR p.line_count <> e.posting_count"
        "  OR p.currencies <> 1 OR p.low <> e.currency",
        (tenant_id, tenant_id),
    )
    for entry_id, total, line_count, posting_count, currencies, other_currency in rows:
        subject = ids.public("ent", entry_id)
        if total:
            yield Finding("ledger.entries", subject, "sum 0", f"sum {total}")
        if line_count != posting_count:
            yield Finding("ledger.entries", subject, f"{posting_count} postings", f"{line_count} postings")
        if line_count and (currencies != 1 or other_currency):
            yield Finding("ledger.entries", subject, "the entry's currency", f"{currencies} currencies")
    strays = sql.fetch(
        "SELECT p.id, p.account_id FROM ledger_postings p"
        " LEFT JOIN ledger_accounts a ON a.id = p.account_id AND a.tenant_id = p.tenant_id AND a.currency = p.currency"
        " WHERE p.tenant_id = %s AND a.id IS NULL",
        (tenant_id,),
    )
    for posting_id, _ in strays:
        yield Finding("ledger.entries", f"ledger_postings {posting_id}", "an account of its currency", "none")


@check("ledger.balances")
def balances_are_sums(tally: Tally) -> Iterator[Finding]:
    """Every guarded balance is the sum of its postings, not negative, and exists; no unguarded account has one."""
    tenant_id = tenancy.current_tenant_id()
    rows = sql.fetch(
        "SELECT a.id, a.is_guarded, b.balance_minor, (a.natural_sign * coalesce(s.total, 0))::bigint FROM ledger_accounts a"
        " LEFT JOIN ledger_balances b ON b.id = a.id"
        " LEFT JOIN (SELECT account_id, sum(amount_minor) AS total FROM ledger_postings"
        "  WHERE tenant_id = %s GROUP BY account_id) s ON s.account_id = a.id"
        " WHERE a.tenant_id = %s AND (a.is_guarded OR b.id IS NOT NULL)",
        (tenant_id, tenant_id),
    )
    tally.compared += len(rows)
    for account_id, is_guarded, balance, total in rows:
        expected = total if is_guarded else None
        if balance != expected:
            yield Finding("ledger.balances", ids.public("acc", account_id), expected, balance)
        if total < 0 and is_guarded:
            yield Finding("ledger.balances", ids.public("acc", account_id), "not negative", total)


@check("ledger.checkpoints")
def checkpoints_are_sums(tally: Tally) -> Iterator[Finding]:
    """Every checkpoint is the sum of the postings below its horizon."""
    rows = sql.fetch(
        "SELECT c.id, c.balance_minor, (SELECT coalesce(sum(p.amount_minor), 0) FROM ledger_postings p"
        "  WHERE p.tenant_id = c.tenant_id AND p.account_id = c.id AND p.commit_order < c.through_commit_order)::bigint"
        " FROM ledger_checkpoints c WHERE c.tenant_id = %s",
        (tenancy.current_tenant_id(),),
    )
    tally.compared += len(rows)
    for account_id, balance, total in rows:
        if balance != total:
            yield Finding("ledger.checkpoints", ids.public("acc", account_id), total, balance)
