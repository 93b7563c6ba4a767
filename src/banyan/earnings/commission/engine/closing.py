"""What a period's close pays, and what it adds to or takes from the period's orders. Pure, and fed order by order.

Net sales of a period: the bases of its orders that match the rule, less what was returned in the period, whenever the order was
paid. So a return after the close lowers the next period, and a closed one is never computed again.

Rewards: each member by his own or his team's net sales; each pool's pot by weight, to the last cent. No reward is larger than the
sales it is paid on. Together with what the orders accrued they stay within the plan's total cap, its floor at the margin, its
caps by period and the law: what is too much is cut from rewards and pots in proportion, by largest remainder, before pots are
shared. A pot that nobody shares takes nothing, so it has no part in that.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from banyan.earnings.commission.types import (
    FULL_BP,
    Basis,
    ClosingCut,
    ClosingDecision,
    CommissionKind,
    Fixed,
    LegalCeiling,
    Member,
    PaidLine,
    PaidOrder,
    Period,
    Plan,
    Pot,
    Progressive,
    Rate,
    Recipient,
    Reward,
    Rule,
    Sales,
    Skipped,
    SkipReason,
    Target,
    Weight,
    WholeBand,
)
from banyan.kernel.values.money import allocate

from .amounts import climb_e4
from .conditions import Predicate, compile_condition
from .cuts import margin_limit
from .seats import TIER_RANK, unfit


@dataclass(slots=True)
class RuleSales:
    """Net sales of one period rule: of everybody, and by person."""

    turnover: int = 0
    personal: dict[int, int] = field(default_factory=dict)
    team: dict[int, int] = field(default_factory=dict)

    def add(self, order: PaidOrder, legal: LegalCeiling, minor: int) -> None:
        self.turnover += minor
        for member in order.upline:
            if member.depth == 0:
                self.personal[member.distributor_id] = self.personal.get(member.distributor_id, 0) + minor
            if member.depth <= legal.upline_depth:  # whoever may not be paid for a place is not paid on it either
                self.team[member.distributor_id] = self.team.get(member.distributor_id, 0) + minor

    def negated(self) -> RuleSales:
        """What takes these sales away again."""
        personal, team = ({person: -minor for person, minor in sales.items()} for sales in (self.personal, self.team))
        return RuleSales(-self.turnover, personal, team)

    def merge(self, part: RuleSales) -> None:
        """Add what another part of the period's orders sold."""
        self.turnover += part.turnover
        for mine, more in ((self.personal, part.personal), (self.team, part.team)):
            for distributor_id, minor in more.items():
                mine[distributor_id] = mine.get(distributor_id, 0) + minor


@dataclass(slots=True)
class ClosingSums:
    """All that the decision needs of a period's orders; frozen with the closing. Amounts in minor units."""

    rules: dict[str, RuleSales] = field(default_factory=dict)
    base: int = 0
    plan_ceiling: int = 0
    legal_ceiling: int | None = 0
    """None as soon as one order's law named no rate."""
    accrued: int = 0
    """What the orders paid, less what went back."""
    by_payee: dict[int, int] = field(default_factory=dict)
    """The same by payee; filled only where the plan caps a payee's period."""
    budget_left: int | None = None
    margin_ceiling: int | None = None
    """What the margins of the lines leave; None where the plan has no floor at the margin."""

    def negated(self) -> ClosingSums:
        """What takes these sums away again, where they are merged into others."""
        return ClosingSums(
            {key: sales.negated() for key, sales in self.rules.items()},
            -self.base,
            -self.plan_ceiling,
            -self.legal_ceiling if self.legal_ceiling is not None else None,
            -self.accrued,
            {payee_id: -minor for payee_id, minor in self.by_payee.items()},
            None,
            -self.margin_ceiling if self.margin_ceiling is not None else None,
        )

    def merge(self, part: ClosingSums) -> None:
        """Add the sums of another part of the same period's orders, by the same plan. `budget_left` is not a sum: it stays."""
        for key, sales in part.rules.items():
            self.rules[key].merge(sales)
        self.base += part.base
        self.plan_ceiling += part.plan_ceiling
        self.accrued += part.accrued
        if self.legal_ceiling is not None:
            self.legal_ceiling = self.legal_ceiling + part.legal_ceiling if part.legal_ceiling is not None else None
        if self.margin_ceiling is not None and part.margin_ceiling is not None:
            self.margin_ceiling += part.margin_ceiling
        for payee_id, minor in part.by_payee.items():
            self.by_payee[payee_id] = self.by_payee.get(payee_id, 0) + minor


class PeriodBook:
    """Adds up a period's orders and returns for one plan version."""

    def __init__(self, plan: Plan, period: Period) -> None:
        self.plan = plan
        self.rules = [rule for rule in plan.rules if rule.pays.period is period]
        self.matches: dict[str, Predicate | None] = {
            rule.key: compile_condition(rule.when) if rule.when is not None else None for rule in self.rules
        }
        self.sums = ClosingSums(rules={rule.key: RuleSales() for rule in self.rules})
        if plan.caps.margin_bp is not None:
            self.sums.margin_ceiling = 0

    def sell(self, order: PaidOrder, legal: LegalCeiling, accrued_minor: int = 0) -> None:
        """One order paid in the period, and what its commission is by now."""
        sums = self.sums
        base = sum(line.base_minor for line in order.lines)
        sums.base += base
        sums.plan_ceiling += base * self.plan.caps.total_bp // FULL_BP
        if legal.total_bp is None or sums.legal_ceiling is None:
            sums.legal_ceiling = None
        else:
            sums.legal_ceiling += base * legal.total_bp // FULL_BP
        if sums.margin_ceiling is not None:
            sums.margin_ceiling += sum(margin_limit(self.plan.caps, line) for line in order.lines)
        sums.accrued += accrued_minor
        for rule in self.rules:
            sums.rules[rule.key].add(order, legal, sum(_on(rule, line) for line in self._matched(rule, order)))

    def give_back(self, order: PaidOrder, legal: LegalCeiling, returned: Mapping[int, tuple[int, int]]) -> None:
        """What was returned in the period of an order of this or an earlier one: line → (refund, of how much)."""
        for line_id, (refund, of) in returned.items():
            line = next((each for each in order.lines if each.line_id == line_id), None)
            if line is None or of <= 0:
                continue
            self.sums.base -= part_of(line.base_minor, refund, of)
            self.sums.plan_ceiling -= part_of(line.base_minor, refund, of) * self.plan.caps.total_bp // FULL_BP
            if self.sums.legal_ceiling is not None and legal.total_bp is not None:
                self.sums.legal_ceiling -= part_of(line.base_minor, refund, of) * legal.total_bp // FULL_BP
            if self.sums.margin_ceiling is not None:
                self.sums.margin_ceiling -= part_of(margin_limit(self.plan.caps, line), refund, of)
            for rule in self.rules:
                if line in self._matched(rule, order):
                    self.sums.rules[rule.key].add(order, legal, -part_of(_on(rule, line), refund, of))

    def _matched(self, rule: Rule, order: PaidOrder) -> list[PaidLine]:
        matches = self.matches[rule.key]
        return [line for line in order.lines if line.base_minor > 0 and (matches is None or matches(line, order, ""))]


def decide_closing(plan: Plan, period: Period, sums: ClosingSums, members: Iterable[Member]) -> ClosingDecision:
    """Who gets what. `members`: everybody as he stands at the period's end; the order has no meaning."""
    people = sorted(members, key=lambda member: member.distributor_id)
    rules = sorted((rule for rule in plan.rules if rule.pays.period is period), key=lambda rule: (rule.priority, rule.key))
    skipped: list[Skipped] = []
    cuts: list[ClosingCut] = []
    rewards: list[Reward] = []
    pots: list[tuple[Rule, int, int, dict[int, int]]] = []  # rule, base, pot, weights
    for rule in rules:
        sales = sums.rules[rule.key]
        if rule.pays.to is Recipient.POOL:
            base = max(sales.turnover, 0)
            pots.append((rule, base, _pot(rule, base), _weights(rule, sales, people, skipped)))
        else:
            rewards += _member_rewards(rule, sales, people, skipped, cuts)
    wanted = [each.amount_minor for each in rewards] + [pot if weights else 0 for _, _, pot, weights in pots]
    amounts = _within_caps(plan, sums, wanted, cuts)
    decided = [each._replace(amount_minor=amount) for each, amount in zip(rewards, amounts, strict=False)]
    shared = []
    for (rule, base, before, weights), left in zip(pots, amounts[len(rewards) :], strict=True):
        pot = left if weights else before
        parts = _share_pot(rule, base, pot, weights)
        decided += parts
        shared.append(Pot(rule.key, base, before, pot, sum(part.amount_minor for part in parts)))
    decided = _within_payees(plan, sums, decided, cuts)
    return ClosingDecision(tuple(each for each in decided if each.amount_minor), tuple(shared), tuple(cuts), tuple(skipped))


def _member_rewards(
    rule: Rule, sales: RuleSales, people: Sequence[Member], skipped: list[Skipped], cuts: list[ClosingCut]
) -> list[Reward]:
    found = []
    for member in people:
        mine = (sales.team if rule.pays.sales is Sales.TEAM else sales.personal).get(member.distributor_id, 0)
        if not _takespart_of(rule, member, mine, mine, skipped):
            continue
        amount, rate_bp = _reward(rule, mine)
        amount = min(amount, mine)
        if rule.caps.period_minor is not None and amount > rule.caps.period_minor:
            cuts.append(ClosingCut("rule_period", f"{rule.key}:{member.distributor_id}", rule.caps.period_minor, amount))
            amount = rule.caps.period_minor
        if amount:
            found.append(Reward(rule.key, member.distributor_id, CommissionKind.BONUS, mine, rate_bp, amount))
    return found


def _takespart_of(rule: Rule, member: Member, sold: int, of: int, skipped: list[Skipped]) -> bool:
    """`sold`: what the minimum asks for; `of`: what he is rewarded for. Only who has sales is told why he got nothing."""
    if of <= 0:
        return False
    reason = unfit(member, TIER_RANK[rule.pays.min_tier] if rule.pays.min_tier else 0)
    if reason is None and sold < rule.pays.min_sales_minor:
        reason = SkipReason.BELOW_MINIMUM
    if reason is not None:
        skipped.append(Skipped(rule.key, member.distributor_id, 0, reason))
    return reason is None


def _reward(rule: Rule, sales: int) -> tuple[int, int]:
    match rule.amount:
        case Fixed():
            return rule.amount.minor, 0
        case Rate():
            return sales * rule.amount.rate_bp // FULL_BP, rule.amount.rate_bp
        case Progressive():
            return climb_e4(rule.amount.bands, sales) // FULL_BP, 0
        case WholeBand():
            starts = [band.from_minor for band in rule.amount.bands]
            rate_bp = rule.amount.bands[bisect_right(starts, sales) - 1].rate_bp
            return sales * rate_bp // FULL_BP, rate_bp
        case Target():
            return next((step.minor for step in reversed(rule.amount.steps) if sales >= step.from_minor), 0), 0
    raise TypeError(f"{type(rule.amount).__name__} is not decided when a period closes")


def _pot(rule: Rule, base: int) -> int:
    assert isinstance(rule.amount, Fixed | Rate)
    return min(rule.amount.minor, base) if isinstance(rule.amount, Fixed) else base * rule.amount.rate_bp // FULL_BP


def _weights(rule: Rule, sales: RuleSales, people: Sequence[Member], skipped: list[Skipped]) -> dict[int, int]:
    """Who takes part in a pool, and by how much."""
    weights = {}
    for member in people:
        weight = max(_weight(rule, member, sales), 0)
        sold = sales.personal.get(member.distributor_id, 0)
        if _takespart_of(rule, member, sold, weight, skipped):
            weights[member.distributor_id] = weight
    return weights


def _share_pot(rule: Rule, base: int, pot: int, weights: dict[int, int]) -> list[Reward]:
    if not weights:
        return []
    parts = allocate(pot, list(weights.values()))
    rate_bp = rule.amount.rate_bp if isinstance(rule.amount, Rate) else 0
    return [
        Reward(rule.key, payee_id, CommissionKind.POOL, base, rate_bp, part, weight)
        for (payee_id, weight), part in zip(weights.items(), parts, strict=True)
        if part
    ]


def _weight(rule: Rule, member: Member, sales: RuleSales) -> int:
    match rule.pays.weight:
        case Weight.EQUAL:
            return 1
        case Weight.TIER:
            return dict(rule.pays.tier_weights).get(member.tier, 0)
        case Weight.PERSONAL_SALES:
            return sales.personal.get(member.distributor_id, 0)
        case Weight.TEAM_SALES:
            return sales.team.get(member.distributor_id, 0)


def _within_caps(plan: Plan, sums: ClosingSums, amounts: list[int], cuts: list[ClosingCut]) -> list[int]:
    """All together: what the plan's total cap, the law, the margins and the budget leave after what the orders accrued."""
    limit, name = sums.plan_ceiling - sums.accrued, "plan_total"
    if sums.legal_ceiling is not None and sums.legal_ceiling - sums.accrued < limit:
        limit, name = sums.legal_ceiling - sums.accrued, "legal_total"
    if sums.margin_ceiling is not None and sums.margin_ceiling - sums.accrued < limit:
        limit, name = sums.margin_ceiling - sums.accrued, "plan_margin"
    if sums.budget_left is not None and sums.budget_left < limit:
        limit, name = sums.budget_left, "plan_budget"
    limit, total = max(limit, 0), sum(amounts)
    if total <= limit:
        return amounts
    cuts.append(ClosingCut(name, "period", limit, total))
    return allocate(limit, amounts)


def _within_payees(plan: Plan, sums: ClosingSums, rewards: list[Reward], cuts: list[ClosingCut]) -> list[Reward]:
    """The plan's cap of one payee's period: what it takes from a member stays with the shop (a pool has no such cap)."""
    if plan.caps.payee_period_minor is None:
        return rewards
    by_payee: dict[int, list[int]] = {}
    for place, reward in enumerate(rewards):
        by_payee.setdefault(reward.payee_id, []).append(place)
    capped = list(rewards)
    for payee_id, places in by_payee.items():
        left = max(plan.caps.payee_period_minor - sums.by_payee.get(payee_id, 0), 0)
        amounts = [rewards[place].amount_minor for place in places]
        if sum(amounts) > left:
            cuts.append(ClosingCut("plan_payee_period", str(payee_id), left, sum(amounts)))
            for place, part in zip(places, allocate(left, amounts), strict=True):
                capped[place] = rewards[place]._replace(amount_minor=part)
    return capped


def _on(rule: Rule, line: PaidLine) -> int:
    return line.margin_minor if rule.basis is Basis.MARGIN else line.base_minor


def part_of(minor: int, refund: int, of: int) -> int:
    """The part of an amount that a refund of `refund` out of `of` stands for."""
    return minor * min(refund, of) // of
