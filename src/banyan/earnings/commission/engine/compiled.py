"""A plan compiled once into tuples and closures, and the one decision on one order.

Steps, each in the canonical order (rules by priority then key, lines by id), so that neither the order of rules in the
document nor the order of lines matters:

1. seats: whom each rule pays; 2. evaluation with line caps; 3. stacking inside each group; 4. the rules' caps per payee, per
payee and period, and per order; 5. overlays on what the groups pay, with 2–4 of their own; 6. the payee's caps per order and
per period; 7. the margin of each line; 8. the order cap, the plan's total cap, what is left of the budget and the law's
ceiling, of which the lowest cuts. Every cut is spread over the shares by largest remainder.

Rules that a period's close decides take no part here (`engine.closing`).

`decide` is the hot path; `trace` is the same code with a log switched on.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from banyan.earnings.commission.types import (
    FULL_BP,
    Basis,
    CommissionKind,
    Differential,
    LegalCeiling,
    Measure,
    Member,
    Multiplier,
    OrderFacts,
    PaidLine,
    PaidOrder,
    Plan,
    Progressive,
    Recipient,
    Rule,
    Share,
    Spent,
    Stacking,
    Trace,
    Unqualified,
    Uplift,
    WholeBand,
    is_periodic,
    is_trued_up,
)

from .amounts import compile_amount
from .conditions import compile_condition
from .cuts import Award, cut_to, margin_limit, stack
from .differential import share_by_difference
from .log import TraceLog
from .needs import Needs, needs_of
from .seats import Seat, WideSeat

_by_line = attrgetter("line_id")
_by_depth = attrgetter("depth")


class CompiledRule:
    """One rule, ready to run. Kept in slots and read by attribute: this is the inside of the loop."""

    __slots__ = (
        "amount", "compressed", "evaluate", "group", "key", "kind", "line_cap", "matches", "of_margin", "order_cap", "overlay",
        "payee_cap", "period_cap", "priority", "seat", "splits", "stacking", "wide",
    )  # fmt: skip

    def __init__(self, rule: Rule, plan: Plan, reach: int) -> None:
        self.key = rule.key
        self.group = rule.group
        self.stacking = dict(plan.groups)[rule.group]
        self.priority = rule.priority
        self.amount = rule.amount
        self.matches = compile_condition(rule.when) if rule.when is not None else None
        self.of_margin = rule.basis is Basis.MARGIN
        self.line_cap = rule.caps.line_minor
        self.payee_cap = rule.caps.payee_minor
        self.period_cap = rule.caps.period_minor
        self.order_cap = rule.caps.order_minor
        self.compressed = plan.unqualified is Unqualified.COMPRESSION
        to = rule.pays.to
        self.seat = Seat(rule.pays, self.compressed, reach) if to in (Recipient.SELLER, Recipient.ANCESTOR) else None
        self.wide = None if self.seat is not None or to is Recipient.EARNER else WideSeat(rule.pays, self.compressed)
        self.kind = _KINDS.get(to)
        self.overlay = isinstance(rule.amount, Multiplier | Uplift)
        shared = self.overlay or isinstance(rule.amount, Differential)
        self.evaluate = None if shared else compile_amount(rule.amount)
        self.splits = isinstance(rule.amount, Progressive | WholeBand) and rule.amount.by is not Measure.LINE


_KINDS = {
    Recipient.BUYER: CommissionKind.SELF,
    Recipient.REGIONAL_PARTNER: CommissionKind.REGIONAL,
    Recipient.PERSON: CommissionKind.NAMED,
}
"""Others are paid for their place: direct at depth 0, override above."""
_NOTHING_SPENT = Spent()


class CompiledPlan:
    """Pure: the same order, upline and ceiling give the same shares for ever."""

    __slots__ = (
        "caps_margin", "caps_rules", "chooses", "closes", "needs", "of_margin", "order_caps", "ordinary", "overlays", "periodic",
        "plan", "reach",
    )  # fmt: skip

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.needs: Needs = needs_of(plan)
        """What has to be read of an order before this plan can decide it."""
        deepest = max((rule.pays.depth for rule in plan.rules if rule.pays.to is Recipient.ANCESTOR), default=0)
        self.reach = plan.reach if plan.reach is not None else deepest
        ordered = sorted(plan.rules, key=lambda rule: (rule.priority, rule.key))
        self.periodic: tuple[Rule, ...] = tuple(rule for rule in ordered if is_periodic(rule))
        rules = [CompiledRule(rule, plan, self.reach) for rule in ordered if not is_periodic(rule)]
        self.ordinary = tuple(rule for rule in rules if not rule.overlay)
        self.overlays = tuple(rule for rule in rules if rule.overlay)
        self.chooses = any(rule.stacking is not Stacking.ADD for rule in self.ordinary)
        self.order_caps = any(rule.order_cap is not None for rule in rules)
        self.caps_rules = any(rule.payee_cap is not None or rule.period_cap is not None for rule in rules)
        self.closes = bool(self.periodic) or any(is_trued_up(rule) for rule in plan.rules)
        """Whether the end of a period pays or adjusts something."""
        self.caps_margin = plan.caps.margin_bp is not None
        self.of_margin = any(rule.of_margin for rule in rules)

    def decide(self, order: PaidOrder, legal: LegalCeiling) -> list[Share]:
        """The shares of one paid order, in canonical order; an order without a base, or nobody to pay, gives none."""
        return self._run(order, legal, None)

    def trace(self, order: PaidOrder, legal: LegalCeiling) -> Trace:
        """The same decision with every step written down."""
        log = TraceLog(order, legal)
        return log.finish(self._run(order, legal, log))

    def _run(self, order: PaidOrder, legal: LegalCeiling, log: TraceLog | None) -> list[Share]:
        lines = [line for line in order.lines if line.base_minor > 0]
        if not lines:
            return []
        if len(lines) > 1:
            lines.sort(key=_by_line)
        base_total = sum([line.base_minor for line in lines])
        upline = order.upline if len(order.upline) < 2 else sorted(order.upline, key=_by_depth)
        awards = self._evaluate(order, lines, upline, legal, log)
        if self.chooses:
            awards = stack(awards, log)
        if self.caps_rules:
            _cap_rule_payees(awards, _spent(order.facts), log)
        if self.order_caps:
            awards = _cap_rules(awards, log)
        if self.overlays and awards:
            awards += self._overlay(order, lines, upline, legal, awards, log)
        awards = [award for award in awards if award.amount > 0]
        self._cap_payees(awards, order, log)
        if self.caps_margin:
            self._cap_margins(awards, lines, log)
        self._cap_order(awards, base_total, order, legal, log)
        return [
            Share(
                award.line.line_id,
                award.member.distributor_id,
                award.member.depth,
                award.rule.key,
                award.kind,
                award.line.base_minor,
                award.rate_bp,
                award.amount,
            )
            for award in awards
            if award.amount > 0
        ]

    def _evaluate(
        self, order: PaidOrder, lines: list[PaidLine], upline: Sequence[Member], legal: LegalCeiling, log: TraceLog | None
    ) -> list[Award]:
        awards: list[Award] = []
        seated: dict[tuple[int, int], Member | None] = {}
        for rule in self.ordinary:
            seat = rule.seat
            if seat is None:
                awards += self._evaluate_wide(rule, order, lines, upline, legal, log)
                continue
            assert rule.evaluate is not None
            if log is not None:
                member = log.seat(rule.key, seat, upline, legal)
            elif seat.key in seated:
                member = seated[seat.key]
            else:
                member = seated[seat.key] = seat.find(upline, legal, None)
            if member is None:
                continue
            matched: Sequence[PaidLine] = lines if not rule.of_margin else _on_margin(lines)
            if rule.matches is not None:
                matched = [line for line in matched if rule.matches(line, order, member.tier)]
            if not matched:
                continue
            kind = CommissionKind.OVERRIDE if member.depth else CommissionKind.DIRECT
            for line, amount, rate_bp in rule.evaluate(matched, member):
                award = Award(rule, line, member, kind, rate_bp, _within(amount, line, rule.line_cap))
                awards.append(award)
                if log is not None:
                    log.evaluated(award, amount, matched)
        return awards

    def _evaluate_wide(
        self,
        rule: CompiledRule,
        order: PaidOrder,
        lines: list[PaidLine],
        upline: Sequence[Member],
        legal: LegalCeiling,
        log: TraceLog | None,
    ) -> list[Award]:
        """A rule that pays several people, or somebody who need not stand above the seller."""
        assert rule.wide is not None
        base_lines = _on_margin(lines) if rule.of_margin else lines
        if isinstance(rule.amount, Differential):
            walked = rule.wide.walk(upline, legal)
            return share_by_difference(rule, rule.amount, order, base_lines, walked, log)
        awards = []
        assert rule.evaluate is not None
        for member in rule.wide.find(order, upline, legal, rule.key, log):
            matched = [line for line in base_lines if rule.matches is None or rule.matches(line, order, member.tier)]
            if not matched:
                continue
            kind = rule.kind or (CommissionKind.OVERRIDE if member.depth else CommissionKind.DIRECT)
            for line, amount, rate_bp in rule.evaluate(matched, member):
                award = Award(rule, line, member, kind, rate_bp, _within(amount, line, rule.line_cap))
                awards.append(award)
                if log is not None:
                    log.evaluated(award, amount, matched)
        awards.sort(key=_by_place)
        return awards

    def _overlay(
        self,
        order: PaidOrder,
        lines: list[PaidLine],
        upline: Sequence[Member],
        legal: LegalCeiling,
        earned: list[Award],
        log: TraceLog | None,
    ) -> list[Award]:
        """Overlays on (line, payee) pairs that earn in the target group; each works on the amount before any overlay."""
        totals: dict[tuple[str, int, int], int] = {}
        pairs: dict[tuple[str, int, int], Award] = {}
        for award in earned:
            if award.amount > 0:
                place = (award.rule.group, award.line.line_id, award.member.distributor_id)
                totals[place] = totals.get(place, 0) + award.amount
                pairs.setdefault(place, award)
        extra: list[Award] = []
        whole = {line.line_id: line for line in lines} if self.of_margin else None
        for rule in self.overlays:
            only: Member | None = None
            if rule.seat is not None:
                only = log.seat(rule.key, rule.seat, upline, legal) if log is not None else rule.seat.find(upline, legal, None)
                if only is None:
                    continue
            assert isinstance(rule.amount, Multiplier | Uplift)
            for place, award in pairs.items():
                line, member = award.line, award.member
                if place[0] != rule.amount.of or (only is not None and only.distributor_id != member.distributor_id):
                    continue
                if whole is not None:
                    line = whole[line.line_id]
                if rule.matches is not None and not rule.matches(line, order, member.tier):
                    continue
                if isinstance(rule.amount, Multiplier):
                    rate_bp = rule.amount.times_bp - FULL_BP
                    amount = totals[place] * rate_bp // FULL_BP
                else:
                    rate_bp = rule.amount.rate_bp
                    amount = line.base_minor * rate_bp // FULL_BP
                capped = _within(amount, line, rule.line_cap)
                bonus = Award(rule, line, member, CommissionKind.BOOSTER, rate_bp, capped, totals[place])
                extra.append(bonus)
                if log is not None:
                    log.evaluated(bonus, amount, (line,))
        extra.sort(key=lambda award: (award.rule.priority, award.rule.key, *_by_place(award)))
        extra = stack(extra, log)
        _cap_rule_payees(extra, _spent(order.facts), log)
        return _cap_rules(extra, log)

    def _cap_payees(self, awards: list[Award], order: PaidOrder, log: TraceLog | None) -> None:
        caps = self.plan.caps
        if caps.payee_minor is None and caps.payee_period_minor is None:
            return
        before = dict(_spent(order.facts).payees)
        by_payee: dict[int, list[Award]] = {}
        for award in awards:
            by_payee.setdefault(award.member.distributor_id, []).append(award)
        for payee_id, group in by_payee.items():
            if caps.payee_minor is not None:
                cut_to(group, caps.payee_minor, "plan_payee", str(payee_id), log)
            if caps.payee_period_minor is not None:
                left = max(caps.payee_period_minor - before.get(payee_id, 0), 0)
                cut_to(group, left, "plan_payee_period", str(payee_id), log)

    def _cap_margins(self, awards: list[Award], lines: Sequence[PaidLine], log: TraceLog | None) -> None:
        by_line: dict[int, list[Award]] = {}
        for award in awards:
            by_line.setdefault(award.line.line_id, []).append(award)
        for line in lines:
            cut_to(by_line.get(line.line_id, []), margin_limit(self.plan.caps, line), "plan_margin", f"line:{line.line_id}", log)

    def _cap_order(
        self, awards: list[Award], base_total: int, order: PaidOrder, legal: LegalCeiling, log: TraceLog | None
    ) -> None:
        caps = self.plan.caps
        limit, name = base_total * caps.total_bp // FULL_BP, "plan_total"
        if caps.order_minor is not None and caps.order_minor < limit:
            limit, name = caps.order_minor, "plan_order"
        if caps.budget_minor is not None:
            left = max(caps.budget_minor - _spent(order.facts).budget_minor, 0)
            if left < limit:
                limit, name = left, "plan_budget"
        if legal.total_bp is not None:
            lawful = base_total * legal.total_bp // FULL_BP
            if lawful < limit:
                limit, name = lawful, "legal_total"
        cut_to(awards, limit, name, "order", log)


def compile_plan(plan: Plan) -> CompiledPlan:
    """Compile once per plan version and keep; compiling costs about as much as deciding a hundred orders."""
    return CompiledPlan(plan)


def _within(amount: int, line: PaidLine, line_cap: int | None) -> int:
    """No share is larger than what was paid for the line, nor than the rule's own cap per line."""
    amount = min(amount, line.base_minor)
    return line_cap if line_cap is not None and amount > line_cap else amount


def _cap_rules(awards: list[Award], log: TraceLog | None) -> list[Award]:
    by_rule: dict[str, list[Award]] = {}
    for award in awards:
        if award.rule.order_cap is not None:
            by_rule.setdefault(award.rule.key, []).append(award)
    for group in by_rule.values():
        limit = group[0].rule.order_cap
        assert limit is not None
        cut_to(group, limit, "rule_order", group[0].rule.key, log)
    return awards


def _cap_rule_payees(awards: list[Award], spent: Spent, log: TraceLog | None) -> None:
    """The rules' caps per payee of an order, and per payee in the plan's cap period."""
    by_place: dict[tuple[str, int], list[Award]] = {}
    for award in awards:
        if award.rule.payee_cap is not None or award.rule.period_cap is not None:
            by_place.setdefault((award.rule.key, award.member.distributor_id), []).append(award)
    if not by_place:
        return
    before = {(key, payee_id): minor for key, payee_id, minor in spent.rules}
    for place, group in by_place.items():
        rule, subject = group[0].rule, f"{place[0]}:{place[1]}"
        if rule.payee_cap is not None:
            cut_to(group, rule.payee_cap, "rule_payee", subject, log)
        if rule.period_cap is not None:
            cut_to(group, max(rule.period_cap - before.get(place, 0), 0), "rule_period", subject, log)


def _on_margin(lines: Sequence[PaidLine]) -> list[PaidLine]:
    """The lines with their margin in the place of what was paid; those without one are left out."""
    return [line._replace(base_minor=line.margin_minor) for line in lines if line.margin_minor > 0]


def _spent(facts: OrderFacts | None) -> Spent:
    return facts.spent or _NOTHING_SPENT if facts is not None else _NOTHING_SPENT


def _by_place(award: Award) -> tuple[int, int, int]:
    return (award.line.line_id, award.member.depth, award.member.distributor_id)
