"""Checks that join houses: what one house says happened, the next one must have done.

Each house checks its own numbers; a row that is missing on one side of a door shows only when both sides are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from banyan.kernel import events, ids, sql, tenancy
from banyan.kernel.verification import Check, Finding, Tally
from banyan.trade.orders.events import OrderPaid, OrderReceived
from banyan.trade.returns.events import ReturnAccepted
from banyan.treasury.payments.events import PaymentCaptured


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
    waiting = _not_heard("commission.accrue", OrderPaid, "order_id", missing)
    for order_id, not_paid, not_accrued in rows:
        if not_paid:
            yield Finding("river.accruals", ids.public("ord", order_id), "a paid order", "an accrual without one")
        elif not_accrued and order_id not in waiting:
            yield Finding("river.accruals", ids.public("ord", order_id), "accrued", "not accrued")


def captured_money_pays_or_goes_back(tally: Tally) -> Iterator[Finding]:
    """Every captured payment pays its order, or else all of it was asked back; never both.

    A refund that the channel refused is an incident of payments, for a person, and no finding.
    """
    tenant_id = tenancy.current_tenant_id()
    captured = "SELECT count(*) FROM payments_payments WHERE tenant_id = %s AND state = 'captured'"
    tally.compared += sql.fetch(captured, (tenant_id,))[0][0]
    rows = sql.fetch(
        "SELECT p.id, p.amount_minor, p.refund_held_minor, o.id IS NOT NULL FROM payments_payments p"
        " LEFT JOIN orders_orders o ON o.tenant_id = p.tenant_id AND o.id = p.order_id AND o.payment_id = p.id"
        "  AND o.paid_at IS NOT NULL"
        " WHERE p.tenant_id = %s AND p.state = 'captured' AND (CASE WHEN o.id IS NOT NULL THEN p.is_extra"
        "  ELSE p.refund_held_minor < p.amount_minor AND NOT EXISTS (SELECT 1 FROM payments_refunds r"
        "   WHERE r.tenant_id = p.tenant_id AND r.payment_id = p.id AND r.state = 'failed') END)",
        (tenant_id,),
    )
    waiting = _not_heard("orders.mark_paid", PaymentCaptured, "payment_id", [row[0] for row in rows])
    for payment_id, amount, held, pays in rows:
        subject = ids.public("pay", payment_id)
        if pays:
            yield Finding("river.captures", subject, "money that pays its order", "marked as extra money")
        elif payment_id not in waiting:
            yield Finding("river.captures", subject, f"a paid order, or {amount} back", f"no paid order, and {held} back")


def received_orders_are_on_hold(tally: Tally) -> Iterator[Finding]:
    """The hold of an accrued order begins when the order was received, and not without that."""
    rows = sql.fetch(
        "SELECT o.id, o.received_at, a.received_at FROM orders_orders o"
        " JOIN commission_accruals a ON a.tenant_id = o.tenant_id AND a.id = o.id"
        " WHERE o.tenant_id = %s AND (o.received_at IS NOT NULL OR a.received_at IS NOT NULL)",
        (tenancy.current_tenant_id(),),
    )
    tally.compared += len(rows)
    wrong = [row for row in rows if row[1] != row[2]]
    waiting = _not_heard("commission.mark_received", OrderReceived, "order_id", [row[0] for row in wrong])
    for order_id, received_at, on_hold_since in wrong:
        if order_id not in waiting:
            yield Finding("river.holds", ids.public("ord", order_id), f"on hold since {received_at}", str(on_hold_since))


def returned_lines_were_clawed_back(tally: Tally) -> Iterator[Finding]:
    """Each commission of a line for which an accepted return gave money back was reversed for that return."""
    rows = sql.fetch(
        "SELECT r.id, c.id, v.id IS NULL FROM returns r"
        " JOIN return_draws l ON l.tenant_id = r.tenant_id AND l.return_id = r.id AND l.refund_minor > 0"
        " JOIN commission_commissions c ON c.tenant_id = r.tenant_id AND c.order_id = l.source_order_id"
        "  AND c.line_id = l.source_line_id"
        " LEFT JOIN commission_reversals v ON v.tenant_id = c.tenant_id AND v.commission_id = c.id AND v.cause = 'return'"
        "  AND v.cause_id = r.id"
        " WHERE r.tenant_id = %s AND r.accepted_at IS NOT NULL",
        (tenancy.current_tenant_id(),),
    )
    tally.compared += len(rows)
    missing = [(return_id, commission_id) for return_id, commission_id, is_missing in rows if is_missing]
    waiting = _not_heard("commission.reverse", ReturnAccepted, "return_id", [row[0] for row in missing])
    for return_id, commission_id in missing:
        if return_id not in waiting:
            subject = f"{ids.public('ret', return_id)} {ids.public('cms', commission_id)}"
            yield Finding("river.clawbacks", subject, "reversed", "not reversed")


def refunds_have_their_reason(tally: Tally) -> Iterator[Finding]:
    """Of the money that pays an order exactly what its accepted returns say goes back; extra money goes back by itself."""
    tenant_id = tenancy.current_tenant_id()
    rows = sql.fetch(
        "SELECT order_id, coalesce(b.back, 0)::bigint, coalesce(d.due, 0)::bigint FROM"
        " (SELECT r.order_id, sum(r.amount_minor) AS back FROM payments_refunds r"
        "   JOIN payments_payments p ON p.tenant_id = r.tenant_id AND p.id = r.payment_id AND NOT p.is_extra"
        "   WHERE r.tenant_id = %s AND r.state <> 'failed' GROUP BY r.order_id) b"
        " FULL JOIN (SELECT t.order_id, sum(t.amount_minor) AS due FROM return_refunds t"
        "   JOIN returns o ON o.tenant_id = t.tenant_id AND o.id = t.return_id"
        "   LEFT JOIN payments_refunds f ON f.tenant_id = t.tenant_id AND f.key = 'return/' || t.return_id ||"
        "    CASE WHEN t.order_id <> o.order_id THEN '/' || t.attempt || '/' || t.order_id"
        "     WHEN t.attempt > 1 THEN '/' || t.attempt ELSE '' END"
        "   WHERE t.tenant_id = %s AND f.state IS DISTINCT FROM 'failed' GROUP BY t.order_id) d"
        " USING (order_id)",
        (tenant_id, tenant_id),
    )
    tally.compared += len(rows)
    for order_id, back, due in rows:
        if back != due:
            yield Finding("river.refunds", ids.public("ord", order_id), f"{due} back for its returns", f"{back} back")


def sales_count_what_stands(tally: Tally) -> Iterator[Finding]:
    """What an order took of a flash sale counts for its buyer exactly as long as the order stands."""
    rows = sql.fetch(
        "SELECT c.order_id, c.ended_at IS NULL, o.state FROM offers_claims c LEFT JOIN orders_orders o ON o.id = c.order_id"
        " WHERE c.tenant_id = %s",
        (tenancy.current_tenant_id(),),
    )
    tally.compared += len(rows)
    for order_id, counts, state in rows:
        if counts == (state in (None, "cancelled", "expired")):
            told = "counts" if counts else "does not count"
            yield Finding("river.sales", ids.public("ord", order_id), f"the sale's as a {state} order is", f"it {told}")


def _not_heard(reaction: str, kind: type[events.Event], key: str, wanted: Sequence[int]) -> set[int]:
    """What `key` names in the events of this kind that the reaction has still to take; asked only when something is missing."""
    return {getattr(event, key) for event in events.unheard(reaction, kind)} if wanted else set()


CHECKS = (
    Check("river.paid_orders", paid_orders_have_their_money),
    Check("river.captures", captured_money_pays_or_goes_back),
    Check("river.refunds", refunds_have_their_reason),
    Check("river.accruals", paid_orders_were_accrued),
    Check("river.holds", received_orders_are_on_hold),
    Check("river.clawbacks", returned_lines_were_clawed_back),
    Check("river.sales", sales_count_what_stands),
)
