"""How much money goes back: pure arithmetic over frozen line amounts.

A line sold as n units for P minor units has the frozen schedule c(q) = ⌊P·q / n⌋: what q returned units are worth
together. Returning units q+1 … q+k is worth c(q+k) − c(q), so however a line is cut into partial returns the parts add
up to P to the cent, and refunding one part never changes the price of another.

Amounts refunded without goods (price adjustments) lower what the units still with the buyer are worth, evenly; with the
latest unit exactly the rest of P goes back. The whole state of a line is (returned quantity, refunded amount).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from banyan.kernel.values.filled import Filled
from banyan.kernel.values.money import cumulative_share
from banyan.trade.returns.types import Fault, FreightRule, LineClaim, LineRefund, LineState, OrderState, RefundDecision


def worth_of(line: LineState, quantity: int) -> int:
    """Minor units that the first `quantity` units of the line are worth on its frozen schedule."""
    return cumulative_share(line.of_minor, quantity, line.of_quantity)


def goods_refund(line: LineState, quantity: int) -> int:
    """Refund for `quantity` more units. Raises ValueError when more units are claimed than are left."""
    left = line.of_quantity - line.returned_quantity
    if not 0 < quantity <= left:
        raise ValueError(Filled("{quantity} of {left} units left", quantity=quantity, left=left))
    before, after = worth_of(line, line.returned_quantity), worth_of(line, line.returned_quantity + quantity)
    adjusted = line.refunded_minor - before  # refunded without goods, not yet absorbed by returned units
    worth, rest = after - before, line.of_minor - after
    # The adjustment is absorbed evenly; never more than these units are worth, never less than the others cannot absorb.
    absorbed = min(max(adjusted * quantity // left, adjusted - rest, 0), worth)
    return worth - absorbed


def left_to_ask(line: LineState, claimed_quantity: int, asked_minor: int) -> int:
    """Minor units of the line that neither went back nor are asked back by open returns: `claimed_quantity` units, those that
    came back included, and amounts of `asked_minor` together. Negative when more is asked than there is."""
    rest = line.of_minor - line.refunded_minor
    awaited = claimed_quantity - line.returned_quantity
    return rest - asked_minor - (min(goods_refund(line, awaited) + _rounding(line, awaited), rest) if awaited else 0)


def _rounding(line: LineState, quantity: int) -> int:
    """By how much units that come back one by one may exceed what they are worth together: each absorbs its part of an amount
    that went back without goods rounded down."""
    return quantity - 1 if line.refunded_minor > worth_of(line, line.returned_quantity) else 0


def line_refund(line: LineState, claim: LineClaim, deducted_minor: int = 0) -> LineRefund:
    """Decide one line; `deducted_minor` of it is kept, at most all. Raises ValueError when the claim is empty or larger than
    what is left of the line."""
    if claim.quantity:
        worth_minor = goods_refund(line, claim.quantity)
    else:
        worth_minor = claim.amount_minor
        left_minor = line.of_minor - line.refunded_minor
        if not 0 < worth_minor <= left_minor:
            raise ValueError(Filled("{wanted} of {left} minor units left", wanted=worth_minor, left=left_minor))
    kept_minor = min(deducted_minor, worth_minor)
    return LineRefund(line.line_id, claim.quantity, worth_minor - kept_minor, line.of_quantity, line.of_minor, kept_minor)


def freight_refund(rule: FreightRule, fault: Fault, completes: bool, left_minor: int) -> int:
    """Freight that goes back: all that is left of it, or nothing. `completes`: no goods stay with the buyer after this."""
    with_goods = completes and rule in (FreightRule.LATEST_GOODS, FreightRule.LATEST_GOODS_OR_MERCHANT_FAULT)
    by_fault = fault is Fault.MERCHANT and rule in (FreightRule.MERCHANT_FAULT, FreightRule.LATEST_GOODS_OR_MERCHANT_FAULT)
    return left_minor if with_goods or by_fault else 0


def decide_refund(
    order: OrderState,
    claims: Iterable[LineClaim],
    rule: FreightRule,
    fault: Fault,
    deductions: Mapping[int, int] | None = None,
) -> RefundDecision:
    """Decide the refund of one return; `deductions` by line id. Raises ValueError on an unknown line, a line claimed twice, or
    too large a claim."""
    states = {line.line_id: line for line in order.lines}
    refunds: list[LineRefund] = []
    back = {line.line_id: line.returned_quantity for line in order.lines}
    for claim in claims:
        state = states.pop(claim.line_id, None)
        if state is None:
            raise ValueError(Filled("line {line} is not in the order or is claimed twice", line=claim.line_id))
        refunds.append(line_refund(state, claim, (deductions or {}).get(claim.line_id, 0)))
        back[claim.line_id] += claim.quantity
    takes_goods = any(refund.quantity for refund in refunds)
    completes = takes_goods and all(back[line.line_id] == line.of_quantity for line in order.lines)
    left_minor = order.freight_minor - order.freight_refunded_minor
    return RefundDecision(tuple(refunds), freight_refund(rule, fault, completes, left_minor))


def after(order: OrderState, decision: RefundDecision) -> OrderState:
    """The order's state once the decision is carried out."""
    changes = {refund.line_id: refund for refund in decision.lines}
    lines = tuple(
        LineState(
            line.line_id,
            line.of_quantity,
            line.of_minor,
            line.returned_quantity + (changes[line.line_id].quantity if line.line_id in changes else 0),
            line.refunded_minor + (changes[line.line_id].gone_minor if line.line_id in changes else 0),
        )
        for line in order.lines
    )
    return OrderState(lines, order.freight_minor, order.freight_refunded_minor + decision.freight_minor)
