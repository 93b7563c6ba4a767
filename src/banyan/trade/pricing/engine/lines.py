"""From lines, an order discount and freight to exact amounts. Integer minor units, tax included in prices."""

from __future__ import annotations

from collections.abc import Sequence

from banyan.kernel.values.errors import Invalid
from banyan.kernel.values.money import BP_ONE, allocate
from banyan.trade.pricing.types import LineRequest, PricedLine, PricedOrder

QUANTITY_MAX = 1_000_000_000
AMOUNT_MAX = 10**15
"""Beyond this an order is a mistake; far below a bigint's limit when summed."""


class BadAmounts(Invalid):
    """Quantities, prices or discounts that no order can have."""

    code = "bad_amounts"
    advice = "Send quantities from 1, amounts from 0, and a discount not above the goods."


def contained_tax(amount_minor: int, tax_bp: int) -> int:
    """The tax inside a price that includes it: amount × r / (1 + r), rounded half up to the minor unit."""
    if not tax_bp:
        return 0
    whole = BP_ONE + tax_bp
    return (2 * amount_minor * tax_bp + whole) // (2 * whole)


def price_order(lines: Sequence[LineRequest], discount_minor: int = 0, shipping_minor: int = 0) -> PricedOrder:
    """Price one order. The discount is spread over the lines by what they cost (their gross less a discount of their own) with
    largest remainders, so the parts sum to it exactly and a line that costs 0 gets none. Raises BadAmounts."""
    if not lines:
        raise BadAmounts("An order needs at least one line.", field="lines")
    if discount_minor < 0 or not 0 <= shipping_minor <= AMOUNT_MAX:
        raise BadAmounts("Discount and shipping must not be negative.", field="discount_minor")
    grosses = [_gross(line) for line in lines]
    costs = [gross - line.discount_minor for gross, line in zip(grosses, lines, strict=True)]
    if discount_minor > sum(costs):
        raise BadAmounts("The discount is larger than the goods.", field="discount_minor", gross_minor=sum(costs))
    shares = allocate(discount_minor, costs) if discount_minor else [0] * len(costs)
    priced = []
    tax = 0
    for line, line_gross, cost, share in zip(lines, grosses, costs, shares, strict=True):
        payable = cost - share
        line_tax = contained_tax(payable, line.tax_bp)
        tax += line_tax
        priced.append(
            PricedLine(
                line.sku_id, line.quantity, line.unit_price_minor, line_gross, line_gross - payable, payable, line_tax,
                line.bundle_sku_id,
            )
        )  # fmt: skip
    gross, discount = sum(grosses), sum(line.discount_minor for line in priced)
    return PricedOrder(tuple(priced), gross, discount, shipping_minor, tax, gross - discount + shipping_minor)


def _gross(line: LineRequest) -> int:
    if not 0 < line.quantity <= QUANTITY_MAX:
        raise BadAmounts("A quantity must lie within 1 and 1,000,000,000.", field="quantity", sku_id=line.sku_id)
    gross = line.quantity * line.unit_price_minor
    if not 0 <= gross <= AMOUNT_MAX:
        raise BadAmounts("A line's amount is negative or beyond any order.", field="unit_price_minor", sku_id=line.sku_id)
    if not 0 <= line.discount_minor <= gross:
        raise BadAmounts("A line gives away more than it costs.", field="discount_minor", sku_id=line.sku_id)
    return gross
