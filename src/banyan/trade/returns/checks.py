"""What ``banyan verify`` recomputes of returns: what went back is a cache of accepted returns, and refunds follow them."""

from __future__ import annotations

from collections.abc import Iterator

from banyan.kernel import ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.verification import Finding, Tally, check
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import OrderId
from banyan.trade.returns.types import refund_key
from banyan.treasury.payments import queries as payments

PAGE = 2000

_LINES = """
WITH facts AS (
  SELECT l.line_id, coalesce(sum(l.quantity) FILTER (WHERE r.status NOT IN ('rejected', 'withdrawn')), 0) AS claimed,
         coalesce(sum(l.quantity) FILTER (WHERE r.accepted_at IS NOT NULL), 0) AS returned,
         coalesce(sum(l.refund_minor), 0) AS refunded
  FROM return_lines l JOIN returns r ON r.tenant_id = l.tenant_id AND r.id = l.return_id WHERE l.tenant_id = %(tenant)s
  GROUP BY l.line_id
)
SELECT c.line_id, coalesce(f.claimed, 0)::bigint, coalesce(f.returned, 0)::bigint, coalesce(f.refunded, 0)::bigint,
       c.claimed_quantity::bigint, c.returned_quantity::bigint, c.refunded_minor, c.of_quantity::bigint, c.of_minor
FROM returnable_lines c LEFT JOIN facts f USING (line_id) WHERE c.tenant_id = %(tenant)s
"""

_ORDERS = """
WITH facts AS (
  SELECT order_id, sum(refund_minor) AS refunded, sum(freight_minor) AS freight FROM returns WHERE tenant_id = %(tenant)s
  GROUP BY order_id
), lines AS (
  SELECT order_id, sum(refunded_minor) AS goods FROM returnable_lines WHERE tenant_id = %(tenant)s GROUP BY order_id
)
SELECT c.order_id, coalesce(f.refunded, 0)::bigint, coalesce(f.freight, 0)::bigint, c.refunded_minor, c.refunded_freight_minor,
       coalesce(l.goods, 0)::bigint
FROM returnable_orders c LEFT JOIN facts f USING (order_id) LEFT JOIN lines l USING (order_id) WHERE c.tenant_id = %(tenant)s
"""

_RETURNS = """
SELECT r.id, r.refund_minor, r.freight_minor, coalesce(sum(l.refund_minor), 0)::bigint,
       coalesce(sum(l.restock_quantity + l.scrap_quantity), 0)::bigint, coalesce(sum(l.quantity), 0)::bigint
FROM returns r LEFT JOIN return_lines l ON l.tenant_id = r.tenant_id AND l.return_id = r.id
WHERE r.tenant_id = %(tenant)s AND r.accepted_at IS NOT NULL GROUP BY r.id
HAVING r.refund_minor <> r.freight_minor + coalesce(sum(l.refund_minor), 0)
    OR (r.mode = 'goods_back' AND coalesce(sum(l.restock_quantity + l.scrap_quantity), 0) <> coalesce(sum(l.quantity), 0))
"""


@check("returns.lines")
def lines(tally: Tally) -> Iterator[Finding]:
    """Claimed, returned and refunded per order line are the sums over returns; a line that is back whole is refunded whole."""
    rows = sql.fetch(_LINES, {"tenant": current_tenant_id()})  # type: ignore[arg-type]
    tally.compared += 3 * len(rows)
    names = ("claimed", "returned", "refunded_minor")
    for line_id, *numbers, sold, of_minor in rows:
        expected, actual = dict(zip(names, numbers[:3], strict=True)), dict(zip(names, numbers[3:], strict=True))
        subject = f"returnable_lines/line {line_id}"
        if expected != actual:
            yield Finding("returns.lines", subject, expected, actual)
        if actual["returned"] == sold and actual["refunded_minor"] != of_minor:
            yield Finding("returns.lines", subject, {"refunded_minor": of_minor}, {"refunded_minor": actual["refunded_minor"]})


@check("returns.orders")
def refunded_orders(tally: Tally) -> Iterator[Finding]:
    """What went back of an order is the sum of its returns, and of its lines and freight."""
    rows = sql.fetch(_ORDERS, {"tenant": current_tenant_id()})  # type: ignore[arg-type]
    tally.compared += 3 * len(rows)
    for order_id, refunded, freight, stored, stored_freight, goods in rows:
        expected = {"refunded_minor": refunded, "freight_minor": freight, "lines_minor": refunded - freight}
        actual = {"refunded_minor": stored, "freight_minor": stored_freight, "lines_minor": goods}
        if expected != actual:
            yield Finding("returns.orders", ids.public("ord", order_id), expected, actual)


@check("returns.returns")
def accepted_returns(tally: Tally) -> Iterator[Finding]:
    """An accepted return's refund is freight plus its lines, and every unit that came back was restocked or scrapped."""
    tally.compared += sql.fetch(
        "SELECT count(*) FROM returns WHERE tenant_id = %s AND accepted_at IS NOT NULL", (current_tenant_id(),)
    )[0][0]
    for return_id, refund, freight, goods, inspected, quantity in sql.fetch(_RETURNS, {"tenant": current_tenant_id()}):  # type: ignore[arg-type]
        expected = {"refund_minor": freight + goods, "inspected": quantity}
        yield Finding("returns.returns", ids.public("ret", return_id), expected, {"refund_minor": refund, "inspected": inspected})


@check("returns.sold")
def sold(tally: Tally) -> Iterator[Finding]:
    """The frozen quantities and amounts are those of the order lines."""
    after = 0
    while True:
        rows = sql.fetch(
            "SELECT order_id, paid_minor, freight_minor FROM returnable_orders WHERE tenant_id = %s AND order_id > %s"
            " ORDER BY order_id LIMIT %s",
            (current_tenant_id(), after, PAGE),
        )
        if not rows:
            return
        after = rows[-1][0]
        found = orders.list_by_ids([OrderId(row[0]) for row in rows])
        kept: dict[int, dict[int, tuple[int, int]]] = {}
        for order_id, line_id, quantity, of_minor in sql.fetch(
            "SELECT order_id, line_id, of_quantity, of_minor FROM returnable_lines WHERE tenant_id = %s AND order_id ="
            " ANY(%s::bigint[])",
            (current_tenant_id(), [row[0] for row in rows]),
        ):
            kept.setdefault(order_id, {})[line_id] = (quantity, of_minor)
        for order_id, paid, freight in rows:
            order = found.get(OrderId(order_id))
            tally.compared += 2 + len(kept.get(order_id, {}))
            actual = (paid, freight, kept.get(order_id, {}))
            expected = (
                (
                    order.total_minor,
                    order.shipping_minor,
                    {line.line_id: (line.quantity, line.payable_minor) for line in order.lines},
                )
                if order
                else None
            )
            if expected != actual:
                yield Finding("returns.sold", ids.public("ord", order_id), expected, actual)


@check("returns.refunds")
def refunds(tally: Tally) -> Iterator[Finding]:
    """Every accepted return that gives money back has exactly one refund of that amount; every such refund has its return."""
    after = 0
    while True:
        rows = sql.fetch(
            "SELECT id, refund_minor, refund_attempt FROM returns WHERE tenant_id = %s AND id > %s AND refund_minor >"
            " 0 ORDER BY id LIMIT %s",
            (current_tenant_id(), after, PAGE),
        )
        if not rows:
            return
        after = rows[-1][0]
        found = payments.find_refunds_by_keys([refund_key(row[0], row[2]) for row in rows])
        tally.compared += len(rows)
        for return_id, refund_minor, attempt in rows:
            refund = found.get(refund_key(return_id, attempt))
            actual = refund.amount_minor if refund is not None else None
            if actual != refund_minor:
                yield Finding("returns.refunds", ids.public("ret", return_id), refund_minor, actual)
