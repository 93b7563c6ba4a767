"""What ``banyan verify`` recomputes of orders."""

from __future__ import annotations

from collections.abc import Iterator

from banyan.goods.inventory.queries import held_quantities
from banyan.kernel import ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.verification import Finding, Tally, check

_TOTALS = """
SELECT o.id, coalesce(l.gross, 0), coalesce(l.discount, 0), coalesce(l.tax, 0), coalesce(l.payable, 0) + o.shipping_minor,
       o.gross_minor, o.discount_minor, o.tax_minor, o.total_minor
FROM orders_orders o LEFT JOIN (
  SELECT order_id, sum(gross_minor)::bigint AS gross, sum(discount_minor)::bigint AS discount, sum(tax_minor)::bigint AS tax,
         sum(payable_minor)::bigint AS payable FROM orders_lines WHERE tenant_id = %(tenant)s GROUP BY order_id
) l ON l.order_id = o.id
WHERE o.tenant_id = %(tenant)s
"""
PAGE = 5_000
SHIPPED = frozenset({"shipped"})
HELD = {
    "paid": frozenset({"allocated", "lost"}), "partly_shipped": frozenset({"allocated", "lost", "shipped"}), "shipped": SHIPPED,
    "received": SHIPPED, "closed": SHIPPED,
}  # fmt: skip
"""In these states of an order, all of its pieces are in reservations of these states; in every other state nothing is owed."""


@check("orders.totals")
def totals(tally: Tally) -> Iterator[Finding]:
    """Every order's amounts are the sums of its lines."""
    rows = sql.fetch(_TOTALS, {"tenant": current_tenant_id()})  # type: ignore[arg-type]
    tally.compared += 4 * len(rows)
    for order_id, *amounts in rows:
        if amounts[:4] != amounts[4:]:
            yield Finding("orders.totals", ids.public("ord", order_id), amounts[:4], amounts[4:])


@check("orders.goods")
def goods(tally: Tally) -> Iterator[Finding]:
    """What an order owes is exactly what the stock holds or sent for it: no paid order without goods, no goods"
    " without an order."""
    after = 0
    while True:
        rows = sql.fetch(
            "SELECT o.id, o.state, (SELECT sum(quantity)::bigint FROM orders_lines l WHERE l.tenant_id = o.tenant_id AND"
            " l.order_id = o.id)"
            " FROM orders_orders o WHERE o.tenant_id = %s AND o.id > %s ORDER BY o.id LIMIT %s",
            (current_tenant_id(), after, PAGE),
        )
        if not rows:
            return
        after = rows[-1][0]
        tally.compared += len(rows)
        held = held_quantities([row[0] for row in rows])
        for order_id, state, ordered in rows:
            states = held.get(order_id, {})
            right = HELD.get(state, frozenset())
            owed = ("allocated", "lost", "shipped")
            wrong = {name: pieces for name, pieces in states.items() if name in owed and name not in right}
            pieces = sum(states.get(name, 0) for name in right)
            half = state == "partly_shipped" and ("shipped" not in states or not {"allocated", "lost"} & states.keys())
            # Less than ordered is a partial refund before shipping, which the returns house answers for; nothing at all
            # without a released reservation means that the goods were never held.
            if wrong or half or pieces > ordered or (right and not pieces and "released" not in states):
                expected = {" + ".join(sorted(right)): ordered} if right else {}
                actual = states
                yield Finding("orders.goods", ids.public("ord", order_id), expected, actual)
