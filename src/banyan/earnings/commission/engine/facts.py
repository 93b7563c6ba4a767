"""What a plan can pay at worst, for the legal judgement: an upper bound by the engine's own algebra, never sampled."""

from __future__ import annotations

from typing import NamedTuple

from banyan.earnings.commission.types import (
    FULL_BP,
    Amount,
    Fixed,
    Multiplier,
    Plan,
    Progressive,
    Rate,
    Recipient,
    Rule,
    Stacking,
    Unqualified,
    Uplift,
    WholeBand,
    is_overlay,
)


class PaidRange(NamedTuple):
    """`upline_depth`: the deepest ancestor above the seller that can be paid (0: the seller only).
    `total_rate_bp`: no order pays more than this part of its commissionable amount."""

    upline_depth: int
    total_rate_bp: int


def paid_range(plan: Plan) -> PaidRange:
    """The bound is min(total cap, Σ over seats and groups of what their rules can give on one line).

    A fixed amount has no rate of its own, so it counts as the whole line: such plans are bounded by their total cap.
    """
    compressed = plan.unqualified is Unqualified.COMPRESSION
    deepest = max((rule.pays.depth for rule in plan.rules), default=0)
    if deepest and compressed and plan.reach is not None:
        deepest = max(deepest, plan.reach)
    seats: dict[tuple[str, int, str | None], list[int]] = {}
    for rule in plan.rules:
        if not is_overlay(rule):
            # Under compression rules of one depth but different tiers can reach different people, who do not stack.
            seat = (rule.group, rule.pays.depth, rule.pays.min_tier if compressed else None)
            seats.setdefault(seat, []).append(_top_rate(rule.amount, 0))
    earned = {seat: _stacked(plan, seat[0], tops) for seat, tops in seats.items()}
    total = sum(earned.values())
    overlays = [rule for rule in plan.rules if is_overlay(rule)]
    for group in {rule.group for rule in overlays}:
        for seat, earned_bp in earned.items():
            tops = [
                _top_rate(rule.amount, earned_bp)
                for rule in overlays
                if rule.group == group and earned_bp and _reaches(rule, seat[0], seat[1], compressed)
            ]
            total += _stacked(plan, group, tops)
    return PaidRange(deepest, min(plan.caps.total_bp, total))


def _stacked(plan: Plan, group: str, tops: list[int]) -> int:
    return sum(tops) if dict(plan.groups)[group] is Stacking.ADD else max(tops, default=0)


def _reaches(overlay: Rule, group: str, depth: int, compressed: bool) -> bool:
    assert isinstance(overlay.amount, Multiplier | Uplift)
    if overlay.amount.of != group:
        return False
    if overlay.pays.to is Recipient.ANCESTOR:
        return depth > 0 if compressed else depth == overlay.pays.depth
    return depth == 0 or overlay.pays.to is Recipient.EARNER


def _top_rate(amount: Amount, earned_bp: int) -> int:
    match amount:
        case Fixed():
            return FULL_BP if amount.minor else 0
        case Rate():
            return amount.rate_bp
        case Progressive() | WholeBand():
            return max(band.rate_bp for band in amount.bands)
        case Multiplier():
            return -(-earned_bp * (amount.times_bp - FULL_BP) // FULL_BP)  # rounded up: a bound
        case Uplift():
            return amount.rate_bp
