"""What is left of orders and their lines: opened once, locked in order of order id, changed under guards.

Every write of this house takes the order's row first, so two requests, decisions or refunds of one order wait for each
other. The guards in the statements and the CHECKs in the tables hold even for a writer that forgot the lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from banyan.kernel import ids, sql, tenancy
from banyan.kernel.values.errors import Conflict
from banyan.trade.orders.types import Order
from banyan.trade.returns.models import ReturnableLineRow, ReturnableOrderRow
from banyan.trade.returns.types import LineState, OrderState, RefundDecision

LOCK = "FOR NO KEY UPDATE"
CLAIM_GUARD = "AND l.claimed_quantity + d.quantity <= l.of_quantity"
LINE_GUARD = "AND l.refunded_minor + d.refund_minor <= l.of_minor AND l.returned_quantity + d.quantity <= l.claimed_quantity"
ORDER_GUARD = (
    "AND o.refunded_minor + d.refund_minor <= o.paid_minor AND o.refunded_freight_minor + d.freight_minor <= o.freight_minor"
)


class ExceedsSold(Conflict):
    """More units are claimed than are left of the line."""

    code = "return_exceeds_sold"
    advice = "Read what is left of each line and ask for at most that many units."


class ExceedsPaid(Conflict):
    """More money is asked back than is left of what was paid."""

    code = "refund_exceeds_paid"
    advice = "Read what is left of each line and ask for at most that amount."


@dataclass
class Line:
    """One line as locked."""

    state: LineState
    sku_id: int
    claimed_quantity: int


@dataclass
class Standing:
    """One order as locked."""

    order_id: int
    buyer_id: int
    currency: str
    freight_minor: int
    freight_refunded_minor: int
    lines: dict[int, Line]

    def order_state(self) -> OrderState:
        """The order as the refund engine sees it."""
        return OrderState(tuple(line.state for line in self.lines.values()), self.freight_minor, self.freight_refunded_minor)

    def is_returned_whole(self) -> bool:
        """Whether every unit of every line went back."""
        return all(line.state.returned_quantity == line.state.of_quantity for line in self.lines.values())

    def apply(self, changed: OrderState) -> None:
        """Take over the engine's result, so that the next return of the batch sees it."""
        self.freight_refunded_minor = changed.freight_refunded_minor
        for state in changed.lines:
            self.lines[state.line_id].state = state


def open_orders(orders: Iterable[Order]) -> None:
    """Make the rows of orders that have none yet, from the amounts frozen at placement. Idempotent."""
    found = sorted(orders, key=lambda order: order.order_id)
    lines = [(order, line) for order in found for line in order.lines]
    sql.insert(
        ReturnableOrderRow,
        ("id", "order_id", "buyer_id", "currency", "paid_minor", "freight_minor", "refunded_minor", "refunded_freight_minor"),
        [
            (i, order.order_id, order.buyer_id, order.currency, order.total_minor, order.shipping_minor, 0, 0)
            for i, order in zip(ids.next_ids(len(found)), found, strict=True)
        ],
        on_conflict="ON CONFLICT (tenant_id, order_id) DO NOTHING",
    )
    columns = (
        "id",
        "order_id",
        "line_id",
        "sku_id",
        "of_quantity",
        "of_minor",
        "claimed_quantity",
        "returned_quantity",
        "refunded_minor",
    )
    sql.insert(
        ReturnableLineRow,
        columns,
        [
            (i, order.order_id, line.line_id, line.sku.sku_id, line.quantity, line.payable_minor, 0, 0, 0)
            for i, (order, line) in zip(ids.next_ids(len(lines)), lines, strict=True)
        ],
        on_conflict="ON CONFLICT (tenant_id, line_id) DO NOTHING",
    )


def lock_orders(order_ids: Iterable[int]) -> dict[int, Standing]:
    """Lock these orders until the end of the transaction, lowest id first, and read what is left of them."""
    tenant_id, wanted = tenancy.current_tenant_id(), sorted(set(order_ids))
    if not wanted:
        return {}
    rows = sql.fetch(
        "SELECT order_id, buyer_id, currency, freight_minor, refunded_freight_minor FROM returnable_orders"
        f" WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) ORDER BY order_id {LOCK}",
        (tenant_id, wanted),
    )
    standings = {row[0]: Standing(row[0], row[1], row[2], row[3], row[4], {}) for row in rows}
    for order_id, line_id, sku_id, sold, of_minor, claimed, returned, refunded in sql.fetch(
        "SELECT order_id, line_id, sku_id, of_quantity, of_minor, claimed_quantity, returned_quantity, refunded_minor"
        " FROM returnable_lines WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) ORDER BY line_id",
        (tenant_id, wanted),
    ):
        standings[order_id].lines[line_id] = Line(LineState(line_id, sold, of_minor, returned, refunded), sku_id, claimed)
    return standings


def change_claims(changes: Mapping[int, int]) -> None:
    """Claim (positive) or free (negative) units by line id. Raises ExceedsSold; nothing of the batch is then kept."""
    claims = {line_id: quantity for line_id, quantity in changes.items() if quantity}
    if not claims:
        return
    changed = sql.execute(
        "UPDATE returnable_lines l SET claimed_quantity = l.claimed_quantity + d.quantity"
        " FROM unnest(%s::bigint[], %s::int[]) AS d(line_id, quantity)"
        f" WHERE l.tenant_id = %s AND l.line_id = d.line_id {CLAIM_GUARD}",
        (list(claims), list(claims.values()), tenancy.current_tenant_id()),
    )
    if changed != len(claims):
        raise ExceedsSold("Another return claimed these units first.")


def book_refunds(decisions: Iterable[tuple[int, RefundDecision]]) -> None:
    """Book decided refunds, given as (order id, decision). Raises ExceedsPaid; nothing of the batch is then kept."""
    by_line: dict[int, tuple[int, int]] = {}
    by_order: dict[int, tuple[int, int]] = {}
    for order_id, decision in decisions:
        total, freight = by_order.get(order_id, (0, 0))
        by_order[order_id] = (total + decision.total_minor, freight + decision.freight_minor)
        for line in decision.lines:
            quantity, refund = by_line.get(line.line_id, (0, 0))
            by_line[line.line_id] = (quantity + line.quantity, refund + line.refund_minor)
    tenant_id = tenancy.current_tenant_id()
    orders_changed = sql.execute(
        "UPDATE returnable_orders o SET refunded_minor = o.refunded_minor + d.refund_minor,"
        " refunded_freight_minor = o.refunded_freight_minor + d.freight_minor"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS d(order_id, refund_minor, freight_minor)"
        f" WHERE o.tenant_id = %s AND o.order_id = d.order_id {ORDER_GUARD}",
        (list(by_order), [total for total, _ in by_order.values()], [freight for _, freight in by_order.values()], tenant_id),
    )
    lines_changed = sql.execute(
        "UPDATE returnable_lines l SET returned_quantity = l.returned_quantity + d.quantity,"
        " refunded_minor = l.refunded_minor + d.refund_minor"
        " FROM unnest(%s::bigint[], %s::int[], %s::bigint[]) AS d(line_id, quantity, refund_minor)"
        f" WHERE l.tenant_id = %s AND l.line_id = d.line_id {LINE_GUARD}",
        (list(by_line), [quantity for quantity, _ in by_line.values()], [refund for _, refund in by_line.values()], tenant_id),
    )
    if (orders_changed, lines_changed) != (len(by_order), len(by_line)):
        raise ExceedsPaid("Another refund of this order came first.")
