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
WITH counted AS (
  SELECT l.line_id, coalesce(sum(l.quantity) FILTER (WHERE r.status NOT IN ('rejected', 'withdrawn', 'expired')), 0) AS claimed,
         coalesce(sum(l.quantity) FILTER (WHERE r.accepted_at IS NOT NULL AND r.mode <> 'exchange'), 0) AS returned,
         coalesce(sum(l.quantity) FILTER (WHERE r.accepted_at IS NOT NULL AND r.mode = 'exchange'), 0) AS exchanged
  FROM return_lines l JOIN returns r ON r.tenant_id = l.tenant_id AND r.id = l.return_id WHERE l.tenant_id = %(tenant)s
  GROUP BY l.line_id
), taken AS (
  SELECT source_line_id AS line_id, sum(refund_minor) AS refunded, sum(deducted_minor) AS deducted,
         sum(CASE WHEN line_id = source_line_id THEN carried_minor ELSE - refund_minor - deducted_minor END) AS carried
  FROM return_draws WHERE tenant_id = %(tenant)s GROUP BY source_line_id
), used AS (
  SELECT line_id, sum(refund_minor + deducted_minor + carried_minor) AS used
  FROM return_draws WHERE tenant_id = %(tenant)s AND line_id <> source_line_id GROUP BY line_id
), credited AS (
  SELECT line_id, sum(amount_minor) AS credited, sum(used_minor) AS used FROM return_credits WHERE tenant_id = %(tenant)s
  GROUP BY line_id
)
SELECT c.line_id, coalesce(f.claimed, 0)::bigint, coalesce(f.returned, 0)::bigint, coalesce(f.exchanged, 0)::bigint,
       coalesce(t.refunded, 0)::bigint, coalesce(t.deducted, 0)::bigint, coalesce(t.carried, 0)::bigint,
       coalesce(k.credited, 0)::bigint, coalesce(u.used, 0)::bigint, coalesce(k.used, 0)::bigint,
       c.claimed_quantity::bigint, c.returned_quantity::bigint, c.exchanged_quantity::bigint, c.refunded_minor, c.deducted_minor,
       c.carried_minor, c.credited_minor, c.credit_used_minor, c.credit_used_minor, c.of_quantity::bigint, c.of_minor
FROM returnable_lines c LEFT JOIN counted f USING (line_id) LEFT JOIN taken t USING (line_id) LEFT JOIN used u USING (line_id)
LEFT JOIN credited k USING (line_id) WHERE c.tenant_id = %(tenant)s
"""

# What a replacement's source lines gave back counts for the orders whose money it was; freight for the return's own order.
_ORDERS = """
WITH parts AS (
  SELECT order_id, sum(amount_minor) AS refunded FROM return_refunds WHERE tenant_id = %(tenant)s GROUP BY order_id
), freight AS (
  SELECT order_id, sum(freight_minor) AS freight FROM returns WHERE tenant_id = %(tenant)s GROUP BY order_id
), lines AS (
  SELECT order_id, sum(refunded_minor) AS goods FROM returnable_lines WHERE tenant_id = %(tenant)s GROUP BY order_id
)
SELECT c.order_id, coalesce(p.refunded, 0)::bigint, coalesce(f.freight, 0)::bigint, c.refunded_minor, c.refunded_freight_minor,
       coalesce(l.goods, 0)::bigint
FROM returnable_orders c LEFT JOIN parts p USING (order_id) LEFT JOIN freight f USING (order_id)
LEFT JOIN lines l USING (order_id)
WHERE c.tenant_id = %(tenant)s
"""

_RETURNS = """
WITH lines AS (
  SELECT return_id, sum(refund_minor) AS refund, sum(deducted_minor) AS deducted, sum(carried_minor) AS carried,
         sum(restock_quantity + scrap_quantity + quarantine_quantity) AS inspected, sum(quantity) AS quantity
  FROM return_lines WHERE tenant_id = %(tenant)s GROUP BY return_id
), draws AS (
  -- What was carried on and then given back (the difference was never paid) no longer counts as carried.
  SELECT d.return_id, sum(d.refund_minor) AS refund, sum(d.deducted_minor) AS deducted,
         sum(d.carried_minor - CASE WHEN r.replacement_order_id = x.order_id THEN d.refund_minor ELSE 0 END) AS carried
  FROM return_draws d JOIN returns r ON r.tenant_id = d.tenant_id AND r.id = d.return_id
  JOIN returnable_lines x ON x.tenant_id = d.tenant_id AND x.line_id = d.line_id WHERE d.tenant_id = %(tenant)s
  GROUP BY d.return_id
), parts AS (
  SELECT return_id, sum(amount_minor) AS amount FROM return_refunds WHERE tenant_id = %(tenant)s GROUP BY return_id
)
SELECT r.id, r.mode IN ('goods_back', 'exchange'), r.refund_minor, r.freight_minor, coalesce(l.refund, 0)::bigint,
       coalesce(p.amount, 0)::bigint, ARRAY[coalesce(l.refund, 0), coalesce(l.deducted, 0), coalesce(l.carried, 0)]::bigint[],
       ARRAY[coalesce(d.refund, 0), coalesce(d.deducted, 0), coalesce(d.carried, 0)]::bigint[],
       coalesce(l.inspected, 0)::bigint, coalesce(l.quantity, 0)::bigint
FROM returns r LEFT JOIN lines l ON l.return_id = r.id LEFT JOIN draws d ON d.return_id = r.id
LEFT JOIN parts p ON p.return_id = r.id
WHERE r.tenant_id = %(tenant)s AND r.accepted_at IS NOT NULL
"""


@check("returns.lines")
def lines(tally: Tally) -> Iterator[Finding]:
    """What is kept per order line is the sum over returns and draws; a line that is back whole has nothing left."""
    rows = sql.fetch(_LINES, {"tenant": current_tenant_id()})  # type: ignore[arg-type]
    names = (
        "claimed", "returned", "exchanged", "refunded_minor", "deducted_minor", "carried_minor", "credited_minor",
        "credit_used_minor", "credits_minor",
    )  # fmt: skip
    tally.compared += len(names) * len(rows)
    for line_id, *numbers, sold, of_minor in rows:
        expected = dict(zip(names, numbers[: len(names)], strict=True))
        actual = dict(zip(names, numbers[len(names) :], strict=True))
        subject = f"returnable_lines/line {line_id}"
        if expected != actual:
            yield Finding("returns.lines", subject, expected, actual)
        gone = actual["refunded_minor"] + actual["deducted_minor"] + actual["carried_minor"] + actual["credit_used_minor"]
        worth = of_minor + actual["credited_minor"]
        # What was carried on and came back as a refund is still gone from the line, so the sum stands.
        if actual["returned"] + actual["exchanged"] == sold and gone != worth:
            yield Finding("returns.lines", subject, {"gone_minor": worth}, {"gone_minor": gone})


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
    """An accepted return's refund is freight plus its lines, and the parts by payment; lines are what was drawn; every piece
    that came back was inspected."""
    rows = sql.fetch(_RETURNS, {"tenant": current_tenant_id()})  # type: ignore[arg-type]
    tally.compared += len(rows)
    for return_id, wants_goods, refund, freight, goods, parts, kept, drawn, inspected, quantity in rows:
        expected = {"refund_minor": freight + goods, "parts_minor": refund, "lines": drawn, "inspected": quantity}
        actual = {
            "refund_minor": refund,
            "parts_minor": parts,
            "lines": kept,
            "inspected": inspected if wants_goods else quantity,
        }
        if expected != actual:
            yield Finding("returns.returns", ids.public("ret", return_id), expected, actual)


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
    """Every part of a return's refund is exactly one refund of that amount at payments."""
    after = 0
    while True:
        rows = sql.fetch(
            "SELECT p.id, p.return_id, p.order_id, p.amount_minor, p.attempt, r.order_id FROM return_refunds p"
            " JOIN returns r ON r.tenant_id = p.tenant_id AND r.id = p.return_id"
            " WHERE p.tenant_id = %s AND p.id > %s ORDER BY p.id LIMIT %s",
            (current_tenant_id(), after, PAGE),
        )
        if not rows:
            return
        after = rows[-1][0]
        keys = {
            row[0]: refund_key(return_id, attempt, None if order_id == own else order_id)
            for row in rows
            for _, return_id, order_id, _, attempt, own in (row,)
        }
        found = payments.find_refunds_by_keys(list(keys.values()))
        tally.compared += len(rows)
        for part_id, return_id, order_id, amount_minor, _, _ in rows:
            refund = found.get(keys[part_id])
            actual = (refund.order_id, refund.amount_minor) if refund is not None else None
            if actual != (order_id, amount_minor):
                yield Finding("returns.refunds", ids.public("ret", return_id), (order_id, amount_minor), actual)
