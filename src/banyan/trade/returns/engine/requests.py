"""Whether a return may be asked for: pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from banyan.kernel.values.errors import Conflict, Invalid, Refusal
from banyan.trade.returns.types import LineInspection, Mode, RequestReturn, ReturnPolicy

MAX_REASON_LENGTH = 500


class NothingClaimed(Invalid):
    """A request without lines, or with a line that claims nothing sensible."""

    code = "return_claims_nothing"
    advice = "Name each line once, with a quantity of at least 1, or for a refund only with a positive amount and quantity 0."


class ReasonMissing(Invalid):
    """A request or decision without a reason."""

    code = "return_reason_missing"
    advice = f"Say why, in 1 to {MAX_REASON_LENGTH} characters."


class NotReturnable(Conflict):
    """The order is in a state in which nothing can come back in this way."""

    code = "order_not_returnable"
    advice = (
        "An unpaid order is cancelled; a paid one that has not shipped is returned as unshipped; a shipped one with its goods."
    )


class OrderIsClosed(Conflict):
    """The order was closed: the time for ordinary returns is over."""

    code = "order_closed"
    advice = "Ask the shop: an operator can open a goodwill return for a closed order."


class DeadlinePassed(Conflict):
    """The policy's days after receipt are over."""

    code = "return_deadline_passed"
    advice = "Ask the shop: an operator can open a goodwill return after the deadline."


class BadInspection(Invalid):
    """An inspection that does not account for exactly the claimed units."""

    code = "inspection_incomplete"
    advice = "For every line of the return give restock and scrap quantities that add up to the claimed quantity."


@dataclass(frozen=True)
class OrderStanding:
    """What the judgement needs of an order; `state` is the order house's word."""

    state: str
    received_at: datetime | None


_STATES_FOR = {
    Mode.UNSHIPPED: ("paid",),
    Mode.GOODS_BACK: ("shipped", "received", "closed"),
    Mode.REFUND_ONLY: ("paid", "shipped", "received", "closed"),
}


def judge_request(request: RequestReturn, order: OrderStanding, policy: ReturnPolicy) -> Refusal | None:
    """The refusal of a request, or None. What is left of each line is judged later, under the order's lock."""
    if not 0 < len(request.reason.strip()) <= MAX_REASON_LENGTH:
        return ReasonMissing("The request has no usable reason.")
    lines = [claim.line_id for claim in request.lines]
    by_amount = request.mode is Mode.REFUND_ONLY
    if not lines or len(lines) != len(set(lines)):
        return NothingClaimed("The request names no line, or one line twice.")
    for claim in request.lines:
        fits = (claim.quantity == 0 and claim.amount_minor > 0) if by_amount else (claim.quantity > 0 and claim.amount_minor == 0)
        if not fits:
            return NothingClaimed(
                f"A line claims {claim.quantity} units and {claim.amount_minor} minor units ({request.mode.value})."
            )
    if order.state == "closed" and not request.goodwill:
        return OrderIsClosed("The order is closed.")
    if order.state not in _STATES_FOR[request.mode]:
        return NotReturnable(f"An order that is {order.state} cannot be returned as {request.mode.value}.", state=order.state)
    if order.received_at is not None and not request.goodwill:
        deadline = order.received_at + timedelta(days=policy.days_after_receipt)
        if request.requested_at > deadline:
            return DeadlinePassed(f"Returns were possible until {deadline.isoformat()}.", deadline=deadline.isoformat())
    return None


def judge_inspection(claimed: dict[int, int], inspections: tuple[LineInspection, ...]) -> Refusal | None:
    """`claimed` is quantity by line id. None when every claimed unit is either restocked or scrapped."""
    found = {one.line_id: one for one in inspections}
    if len(found) != len(inspections) or found.keys() != claimed.keys():
        return BadInspection("The inspection does not cover exactly the lines of the return.")
    for line_id, quantity in claimed.items():
        one = found[line_id]
        if min(one.restock_quantity, one.scrap_quantity) < 0 or one.restock_quantity + one.scrap_quantity != quantity:
            return BadInspection(f"{quantity} units are claimed, {one.restock_quantity} + {one.scrap_quantity} were inspected.")
    return None
