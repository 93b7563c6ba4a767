"""What a plan can pay at worst, for the legal judgement: an upper bound by the engine's own algebra, never sampled.

Deny by default: what has no bound of its own counts as the whole sale, and the plan's total cap is what bounds it.
"""

from __future__ import annotations

from typing import NamedTuple

from banyan.earnings.commission.types import (
    FULL_BP,
    Amount,
    Differential,
    Fixed,
    Multiplier,
    Plan,
    Progressive,
    Rate,
    Recipient,
    Rule,
    Sales,
    Stacking,
    Target,
    UnitBands,
    Unqualified,
    Uplift,
    Weight,
    WholeBand,
    is_overlay,
    is_periodic,
)


class PaidRange(NamedTuple):
    """`upline_depth`: the deepest ancestor above the seller whom a rule pays for his place (0: the seller only). Whoever is
    paid for something else (buyer, regional partner, named person) is held to the law's depth at payment.
    `total_rate_bp`: no order, and no period with what its close adds, pays more than this part of its commissionable amount.
    `pays_on_team_sales`: something is paid on, or by, the sales of whole teams or of the whole shop, without a depth."""

    upline_depth: int
    total_rate_bp: int
    pays_on_team_sales: bool = False


class _Seat(NamedTuple):
    """Who can meet in one person's hands: awards of one group that stack. Different seats are bounded as different people."""

    group: str
    kind: str
    depth: int = 0
    key: object = None


class _Earned(NamedTuple):
    top_bp: int
    heads: int
    """How many people can earn in the seat: each can get an overlay of his own."""


def paid_range(plan: Plan) -> PaidRange:
    """The bound is min(total cap, Σ over seats and groups of what their rules can give on one line, and Σ of what a period's
    close can give on its sales).

    A fixed amount has no rate of its own, so it counts as the whole line: such plans are bounded by their total cap.
    """
    compressed = plan.unqualified is Unqualified.COMPRESSION
    earned = _earned(plan, compressed)
    total = sum(each.top_bp for each in earned.values())
    overlays = [rule for rule in plan.rules if is_overlay(rule)]
    for group in {rule.group for rule in overlays}:
        for seat, each in earned.items():
            tops = [
                _top_rate(rule.amount, each.top_bp) * (each.heads if isinstance(rule.amount, Uplift) else 1)
                for rule in overlays
                if rule.group == group and each.top_bp and _reaches(rule, seat, compressed)
            ]
            total += _stacked(plan, group, tops)
    total += sum(_closing_rate(rule) for rule in plan.rules if is_periodic(rule))
    return PaidRange(_deepest(plan, compressed), min(plan.caps.total_bp, total), any(_is_on_teams(rule) for rule in plan.rules))


def _deepest(plan: Plan, compressed: bool) -> int:
    ancestors = [rule.pays.depth for rule in plan.rules if rule.pays.to is Recipient.ANCESTOR]
    deepest = max(ancestors, default=0)
    if deepest and compressed and plan.reach is not None:
        deepest = max(deepest, plan.reach)
    wide = [rule.pays.to_depth for rule in plan.rules if rule.pays.to in (Recipient.PATH, Recipient.GENERATION)]
    return max([deepest, *wide])


def _earned(plan: Plan, compressed: bool) -> dict[_Seat, _Earned]:
    tops: dict[_Seat, list[int]] = {}
    heads: dict[_Seat, int] = {}
    for rule in plan.rules:
        if is_overlay(rule) or is_periodic(rule):
            continue
        for seat in _seats(rule, compressed):
            tops.setdefault(seat, []).append(_top_rate(rule.amount, 0))
            heads[seat] = rule.pays.to_depth - rule.pays.depth + 1 if seat.kind == "difference" else 1
    return {seat: _Earned(_stacked(plan, seat.group, each), heads[seat]) for seat, each in tops.items()}


def _seats(rule: Rule, compressed: bool) -> list[_Seat]:
    pays = rule.pays
    match pays.to:
        case Recipient.SELLER | Recipient.ANCESTOR:
            # Under compression rules of one depth but different tiers can reach different people, who do not stack.
            return [_Seat(rule.group, "place", pays.depth, pays.min_tier if compressed else None)]
        case Recipient.PATH if isinstance(rule.amount, Differential):
            return [_Seat(rule.group, "difference", key=rule.key)]
        case Recipient.PATH:
            kind, key = ("path", rule.key) if compressed else ("place", None)
            return [_Seat(rule.group, kind, depth, key) for depth in range(pays.depth, pays.to_depth + 1)]
        case _:
            return [_Seat(rule.group, pays.to.value, pays.depth, (pays.min_tier, pays.scope, pays.distributor_id))]


def _stacked(plan: Plan, group: str, tops: list[int]) -> int:
    return sum(tops) if dict(plan.groups)[group] is Stacking.ADD else max(tops, default=0)


def _reaches(overlay: Rule, seat: _Seat, compressed: bool) -> bool:
    assert isinstance(overlay.amount, Multiplier | Uplift)
    if overlay.amount.of != seat.group:
        return False
    if overlay.pays.to is Recipient.EARNER or seat.kind != "place":
        return True  # a partner, a buyer, a member of a path may be the very person
    if overlay.pays.to is Recipient.ANCESTOR:
        return seat.depth > 0 if compressed else seat.depth == overlay.pays.depth
    return seat.depth == 0


def _top_rate(amount: Amount, earned_bp: int) -> int:
    match amount:
        case Fixed():
            return FULL_BP if amount.minor else 0
        case Rate():
            return amount.rate_bp
        case Progressive() | WholeBand():
            return max(band.rate_bp for band in amount.bands)
        case UnitBands():
            return FULL_BP if any(band.minor for band in amount.bands) else 0
        case Differential():
            return _difference(amount)
        case Target():
            return FULL_BP
        case Multiplier():
            return -(-earned_bp * (amount.times_bp - FULL_BP) // FULL_BP)  # rounded up: a bound
        case Uplift():
            return amount.rate_bp


def _difference(amount: Differential) -> int:
    """The differences end at the greatest rate; each tier that can lift the rate has `most` peers."""
    rates = {rate_bp for _, rate_bp in amount.rates if rate_bp}
    top = max(rates, default=0)
    if amount.peer is None:
        return top
    if amount.peer.of_earned:
        return top + -(-top * amount.peer.rate_bp * amount.peer.most // FULL_BP)
    return top + len(rates) * amount.peer.most * amount.peer.rate_bp


def _closing_rate(rule: Rule) -> int:
    """What a period's close can give of the period's sales. A target of one's own sales is bounded by itself: its bonus is paid
    on at least the step's sales. What teams' sales give has no bound: one sale counts for everybody above it."""
    if rule.pays.to is Recipient.MEMBER and rule.pays.sales is Sales.TEAM:
        return FULL_BP
    if isinstance(rule.amount, Target):
        return max(min(-(-step.minor * FULL_BP // step.from_minor), FULL_BP) for step in rule.amount.steps)
    return _top_rate(rule.amount, 0)


def _is_on_teams(rule: Rule) -> bool:
    pays, amount = rule.pays, rule.amount
    if pays.to is Recipient.POOL:
        return True
    by_team = isinstance(amount, Progressive | WholeBand) and amount.figure is not None and "team_" in amount.figure
    return by_team or (pays.to is Recipient.MEMBER and pays.sales is Sales.TEAM) or pays.weight is Weight.TEAM_SALES
