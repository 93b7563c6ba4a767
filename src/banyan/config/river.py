"""Checks that join houses: what one house says happened, the next one must have done.

Each house checks its own numbers; a row that is missing on one side of a door shows only when both sides are read.
"""

from __future__ import annotations

from collections.abc import Iterator

from banyan.kernel import ids, sql, tenancy
from banyan.kernel.verification import Check, Finding, Tally


def paid_orders_have_their_money(tally: Tally) -> Iterator[Finding]:
    """Every paid order names a captured payment of exactly its total; an order of nothing needs none."""
    rows = sql.fetch(
        "SELECT o.id, o.total_minor, o.currency, p.amount_minor, p.currency, p.state, p.order_id FROM orders_orders o"
        " LEFT JOIN payments_payments p ON p.tenant_id = o.tenant_id AND p.id = o.payment_id"
        " WHERE o.tenant_id = %s AND o.paid_at IS NOT NULL AND o.total_minor > 0",
        (tenancy.current_tenant_id(),),
    )
    tally.compared += len(rows)
    for order_id, total, currency, amount, paid_currency, state, paid_order in rows:
        if (amount, paid_currency, state, paid_order) != (total, currency, "captured", order_id):
            yield Finding(
                "river.paid_orders", ids.public("ord", order_id), f"{total} {currency} captured", f"{amount} {state or 'nothing'}"
            )


def paid_orders_were_accrued(tally: Tally) -> Iterator[Finding]:
    """Every paid order whose event has been heard was decided upon, and nothing was decided that was not paid."""
    tenant_id = tenancy.current_tenant_id()
    rows = sql.fetch(
        "SELECT coalesce(o.id, a.id), o.id IS NULL, a.id IS NULL FROM"
        " (SELECT id FROM orders_orders WHERE tenant_id = %s AND paid_at IS NOT NULL) o"
        " FULL JOIN (SELECT id FROM commission_accruals WHERE tenant_id = %s) a ON a.id = o.id",
        (tenant_id, tenant_id),
    )
    tally.compared += len(rows)
    missing = [order_id for order_id, _, not_accrued in rows if not_accrued]
    waiting = _not_heard(missing) if missing else set()
    for order_id, not_paid, not_accrued in rows:
        if not_paid:
            yield Finding("river.accruals", ids.public("ord", order_id), "a paid order", "an accrual without one")
        elif not_accrued and order_id not in waiting:
            yield Finding("river.accruals", ids.public("ord", order_id), "accrued", "not accrued")


def _not_heard(order_ids: list[int]) -> set[int]:
    """Orders whose payment the commission house has not been told yet, or whose event was set aside (a finding of its own)."""
    rows = sql.fetch(
        "SELECT (e.payload->>'order_id')::bigint FROM outbox_events e LEFT JOIN reaction_cursors c"
        "  ON c.tenant_id = e.tenant_id AND c.reaction = 'commission.accrue'"
        " WHERE e.tenant_id = %s AND e.kind = 'orders.order_paid' AND (e.payload->>'order_id')::bigint = ANY(%s::bigint[])"
        " AND (c.reaction IS NULL OR (e.commit_order, e.id) > (c.commit_order, c.event_id)"
        "  OR EXISTS (SELECT FROM set_aside_events s WHERE s.tenant_id = e.tenant_id AND s.event_id = e.id"
        "   AND s.reaction = 'commission.accrue' AND s.resolved_at IS NULL))",
        (tenancy.current_tenant_id(), order_ids),
    )
    return {row[0] for row in rows}


CHECKS = (Check("river.paid_orders", paid_orders_have_their_money), Check("river.accruals", paid_orders_were_accrued))
