"""Whether a return may be asked for: pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from banyan.kernel.values.errors import Conflict, Invalid, Refusal
from banyan.kernel.values.filled import Filled
from banyan.trade.returns.types import (
    Deadline,
    ExclusionKind,
    LineInspection,
    LineRefund,
    Mode,
    Reason,
    RequestReturn,
    StatutoryReturn,
)

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
    """The days after receipt that the shop's terms and the law give are over."""

    code = "return_deadline_passed"
    advice = "Ask the shop: an operator can open a goodwill return after the deadline."


class UnknownReason(Invalid):
    """The reason is not in the shop's catalogue, or not for this kind of return."""

    code = "return_reason_unknown"
    advice = "Read /returns/reasons and send the code of one that fits the kind of return."


class PhotosNeeded(Invalid):
    """This kind of return or this reason needs photos."""

    code = "return_photos_needed"
    advice = "Upload the photos first (POST /returns/photos) and send their ids with the request."


class ExcludedByLaw(Conflict):
    """These goods have no return without a reason: the law excludes them."""

    code = "return_excluded_by_law"
    advice = "Faulty or wrong goods can still be returned: give the reason that applies. Else ask the shop for goodwill."


class NotExchangeable(Invalid):
    """Something is wanted instead in a return that is no exchange, or what is wanted cannot be had."""

    code = "return_not_exchangeable"
    advice = "Exchange one line at a time, and name as exchange_sku_id only goods that are on sale in the order's currency."


class BadInspection(Invalid):
    """An inspection that does not account for exactly the claimed units."""

    code = "inspection_incomplete"
    advice = (
        "For every line of the return give restock, quarantine and scrap quantities, or pieces, that add up to the claimed"
        " quantity; a deduction needs its reason."
    )


class BadDeduction(BadInspection):
    """More is kept for damage than the goods are worth, or nobody says why."""

    code = "inspection_deduction_bad"
    advice = "Keep at most what the goods are worth, and say why: the buyer is shown it."


@dataclass(frozen=True)
class OrderStanding:
    """What the judgement needs of an order; `state` is the order house's word."""

    state: str
    received_at: datetime | None
    deadline: Deadline | None = None


_STATES_FOR = {
    Mode.UNSHIPPED: ("paid", "partly_shipped"),
    Mode.GOODS_BACK: ("partly_shipped", "shipped", "received", "closed"),
    Mode.EXCHANGE: ("shipped", "received", "closed"),
    Mode.REFUND_ONLY: ("paid", "partly_shipped", "shipped", "received", "closed"),
    Mode.DAMAGE_CLAIM: ("partly_shipped", "shipped", "received", "closed"),
}


def judge_reason(request: RequestReturn, reason: Reason | None, photo_count: int) -> Refusal | None:
    """Whether the reason fits and the photos are there. A request in the shop's own words (no code) needs no catalogue."""
    if request.reason_code and (reason is None or not reason.is_active):
        return UnknownReason("No such reason.", reason_code=request.reason_code)
    if reason is not None and reason.modes and request.mode.value not in reason.modes:
        return UnknownReason("This reason is not for this kind of return.", reason_code=reason.code, modes=list(reason.modes))
    needed = request.mode is Mode.DAMAGE_CLAIM or (reason is not None and reason.needs_photos)
    if photo_count != len(set(request.photo_ids)):
        return PhotosNeeded("A photo of this request does not exist, or belongs to another return.")
    return PhotosNeeded("This return needs photos.") if needed and not photo_count else None


def judge_exclusion(kinds: set[ExclusionKind], reason: Reason | None, law: StatutoryReturn | None) -> Refusal | None:
    """Goods that the law excludes are not returned without a reason; for every other reason they are."""
    excluded = kinds & set(law.exclusions) if law is not None else set()
    if not excluded or reason is None or not reason.is_no_reason or law is None:
        return None
    grounds = sorted(kind.value for kind in excluded)
    return ExcludedByLaw(f"{law.law} {law.article}", law=law.law, article=law.article, grounds=grounds, rule=law.rule_id)


def judge_request(request: RequestReturn, order: OrderStanding) -> Refusal | None:
    """The refusal of a request, or None. What is left of each line is judged later, under the order's lock."""
    if not 0 < len(request.reason.strip()) <= MAX_REASON_LENGTH:
        return ReasonMissing("The request has no usable reason.")
    lines = [claim.line_id for claim in request.lines]
    by_amount = request.mode.is_by_amount
    if not lines or len(lines) != len(set(lines)):
        return NothingClaimed("The request names no line, or one line twice.")
    for claim in request.lines:
        fits = (claim.quantity == 0 and claim.amount_minor > 0) if by_amount else (claim.quantity > 0 and claim.amount_minor == 0)
        if not fits:
            return NothingClaimed(
                f"A line claims {claim.quantity} units and {claim.amount_minor} minor units ({request.mode.value})."
            )
    deadline = order.deadline
    is_late = deadline is not None and request.requested_at >= deadline.at
    if order.state == "closed" and not request.goodwill and (deadline is None or is_late):
        return OrderIsClosed("The order is closed.")
    if order.state not in _STATES_FOR[request.mode]:
        return NotReturnable(f"An order that is {order.state} cannot be returned as {request.mode.value}.", state=order.state)
    if any(claim.exchange_sku_id is not None for claim in request.lines) and request.mode is not Mode.EXCHANGE:
        return NotExchangeable("Only an exchange names what is wanted instead.")
    if request.mode is Mode.EXCHANGE and len(request.lines) != 1:
        return NotExchangeable("An exchange is asked for line by line.")
    if deadline is not None and is_late and not request.goodwill:
        until = deadline.at.isoformat()
        return DeadlinePassed(f"Returns were possible until {until}.", deadline=until, ground=deadline.ground)
    return None


def judge_inspection(claimed: dict[int, int], inspections: tuple[LineInspection, ...]) -> Refusal | None:
    """`claimed` is quantity by line id. None when every claimed unit is restocked, quarantined or scrapped."""
    found = {one.line_id: one for one in inspections}
    if len(found) != len(inspections) or found.keys() != claimed.keys():
        return BadInspection("The inspection does not cover exactly the lines of the return.")
    for line_id, quantity in claimed.items():
        one = found[line_id]
        counts = (one.restock_quantity, one.quarantine_quantity, one.scrap_quantity)
        if min(counts) < 0 or (one.pieces and any(counts)) or any(group.quantity <= 0 for group in one.pieces):
            return BadInspection("Pieces are counted once, as plain counts or in groups of at least one.")
        inspected = sum(group.quantity for group in one.groups)
        if inspected != quantity:
            said = Filled("{claimed} units are claimed, {inspected} were inspected.", claimed=quantity, inspected=inspected)
            return BadInspection(said)
        if one.deducted_minor < 0 or (one.deducted_minor and not 0 < len(one.deduction_reason.strip()) <= MAX_REASON_LENGTH):
            return BadDeduction("A deduction is not negative and has its reason.")
    return None


def judge_deduction(one: LineInspection, worth: LineRefund) -> Refusal | None:
    """A deduction keeps at most what the goods are worth. None when it fits."""
    if one.deducted_minor > worth.refund_minor:
        return BadDeduction("More is kept than the goods are worth.", left_minor=worth.refund_minor)
    return None
