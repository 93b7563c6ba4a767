"""Replays payments: what was captured and refunded is what the ledger says, and never more back than came in."""

from __future__ import annotations

from collections.abc import Iterator

from banyan.kernel import ids, sql, tenancy
from banyan.kernel.verification import Finding, Tally, check


@check("payments.captures")
def captures_are_posted(tally: Tally) -> Iterator[Finding]:
    """Every captured payment has exactly its entry, to the cent, and no other payment has one."""
    tenant_id = tenancy.current_tenant_id()
    tally.compared += sql.fetch("SELECT count(*) FROM payments_payments WHERE tenant_id = %s", (tenant_id,))[0][0]
    rows = sql.fetch(
        "SELECT coalesce(p.id, e.reference_id), CASE WHEN p.state = 'captured' THEN p.amount_minor ELSE 0 END,"
        " coalesce(e.amount, 0)::bigint FROM (SELECT * FROM payments_payments WHERE tenant_id = %s) p"
        " FULL JOIN (SELECT e.reference_id, sum(l.amount_minor) FILTER (WHERE l.amount_minor > 0) AS amount"
        "  FROM ledger_entries e JOIN ledger_postings l ON l.tenant_id = e.tenant_id AND l.entry_id = e.id"
        "  WHERE e.tenant_id = %s AND e.reference_kind = 'payment' AND e.kind = 'payment_captured' GROUP BY e.reference_id) e"
        "  ON e.reference_id = p.id"
        " WHERE (CASE WHEN p.state = 'captured' THEN p.amount_minor ELSE 0 END) <> coalesce(e.amount, 0)",
        (tenant_id, tenant_id),
    )
    for payment_id, expected, actual in rows:
        yield Finding("payments.captures", ids.public("pay", payment_id), expected, actual)


@check("payments.refunds")
def refunds_are_posted_and_held(tally: Tally) -> Iterator[Finding]:
    """Every completed refund has exactly its entry; each payment holds and has refunded what its refunds say."""
    tenant_id = tenancy.current_tenant_id()
    tally.compared += sql.fetch("SELECT count(*) FROM payments_refunds WHERE tenant_id = %s", (tenant_id,))[0][0]
    rows = sql.fetch(
        "SELECT coalesce(r.id, e.reference_id), CASE WHEN r.state = 'completed' THEN r.amount_minor ELSE 0 END,"
        " coalesce(e.amount, 0)::bigint FROM (SELECT * FROM payments_refunds WHERE tenant_id = %s) r"
        " FULL JOIN (SELECT e.reference_id, sum(l.amount_minor) FILTER (WHERE l.amount_minor > 0) AS amount"
        "  FROM ledger_entries e JOIN ledger_postings l ON l.tenant_id = e.tenant_id AND l.entry_id = e.id"
        "  WHERE e.tenant_id = %s AND e.reference_kind = 'refund' AND e.kind = 'payment_refunded' GROUP BY e.reference_id) e"
        "  ON e.reference_id = r.id"
        " WHERE (CASE WHEN r.state = 'completed' THEN r.amount_minor ELSE 0 END) <> coalesce(e.amount, 0)",
        (tenant_id, tenant_id),
    )
    for refund_id, expected, actual in rows:
        yield Finding("payments.refunds", ids.public("rfd", refund_id), expected, actual)
    rows = sql.fetch(
        "SELECT p.id, p.amount_minor, p.refund_held_minor, coalesce(r.held, 0)::bigint, p.refunded_minor,"
        " coalesce(r.completed, 0)::bigint FROM payments_payments p LEFT JOIN (SELECT payment_id,"
        "  sum(amount_minor) FILTER (WHERE state <> 'failed') AS held,"
        "  sum(amount_minor) FILTER (WHERE state = 'completed') AS completed"
        "  FROM payments_refunds WHERE tenant_id = %s GROUP BY payment_id) r ON r.payment_id = p.id"
        " WHERE p.tenant_id = %s AND (p.refund_held_minor <> coalesce(r.held, 0) OR p.refunded_minor <> coalesce(r.completed, 0)"
        "  OR coalesce(r.held, 0) > p.amount_minor)",
        (tenant_id, tenant_id),
    )
    for payment_id, amount, stored_held, held, stored_done, done in rows:
        subject = ids.public("pay", payment_id)
        if stored_held != held:
            yield Finding("payments.refunds", subject, f"held {held}", f"held {stored_held}")
        if stored_done != done:
            yield Finding("payments.refunds", subject, f"refunded {done}", f"refunded {stored_done}")
        if held > amount:
            yield Finding("payments.refunds", subject, f"at most {amount} back", held)
