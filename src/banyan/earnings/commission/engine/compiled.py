"""A plan compiled once into tuples and closures, and the one decision on one order.

Steps, each in the canonical order (rules by priority then key, lines by id), so that neither the order of rules in the
document nor the order of lines matters:

1. seats: whom each rule pays; 2. evaluation with line caps; 3. stacking inside each group; 4. the rules' order caps;
5. overlays on what the groups pay, with 2–4 of their own; 6. the payee cap; 7. the order cap, the plan's total cap and the
law's ceiling, of which the lowest cuts. Every cut is spread over the shares by largest remainder.

`decide` is the hot path; `trace` is the same code with a log switched on.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from banyan.earnings.commission.types import (
    FULL_BP,
    CommissionKind,
    LegalCeiling,
    Measure,
    Member,
    Multiplier,
    PaidLine,
    PaidOrder,
    Plan,
    Progressive,
    Recipient,
    Rule,
    Share,
    Stacking,
    Trace,
    Unqualified,
    Uplift,
    WholeBand,
)

from .amounts import compile_amount
from .conditions import compile_condition
from .cuts import Award, cut_to, stack
from .log import TraceLog
from .seats import Seat

_by_line = attrgetter("line_id")
_by_depth = attrgetter("depth")


class CompiledRule:
    """One rule, ready to run. Kept in slots and read by attribute: this is the inside of the loop."""

    __slots__ = (
        "amount", "evaluate", "group", "key", "line_cap", "matches", "order_cap", "priority", "seat", "splits", "stacking"
    )  # fmt: skip

    def __init__(self, rule: Rule, plan: Plan, reach: int) -> None:
        self.key = rule.key
        self.group = rule.group
        self.stacking = dict(plan.groups)[rule.group]
        self.priority = rule.priority
        self.amount = rule.amount
        self.matches = compile_condition(rule.when) if rule.when is not None else None
        self.line_cap = rule.caps.line_minor
        self.order_cap = rule.caps.order_minor
        self.seat = (
            None if rule.pays.to is Recipient.EARNER else Seat(rule.pays, plan.unqualified is Unqualified.COMPRESSION, reach)
        )
        overlay = isinstance(rule.amount, Multiplier | Uplift)
        self.evaluate = None if overlay else compile_amount(rule.amount)
        self.splits = isinstance(rule.amount, Progressive | WholeBand) and rule.amount.by is not Measure.LINE


class CompiledPlan:
    """Pure: the same order, upline and ceiling give the same shares for ever."""

    __slots__ = ("chooses", "order_caps", "ordinary", "overlays", "plan", "reach")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        deepest = max((rule.pays.depth for rule in plan.rules), default=0)
        self.reach = plan.reach if plan.reach is not None else deepest
        rules = [CompiledRule(rule, plan, self.reach) for rule in sorted(plan.rules, key=lambda rule: (rule.priority, rule.key))]
        self.ordinary = tuple(rule for rule in rules if rule.evaluate is not None)
        self.overlays = tuple(rule for rule in rules if rule.evaluate is None)
        self.chooses = any(rule.stacking is not Stacking.ADD for rule in self.ordinary)
        self.order_caps = any(rule.order_cap is not None for rule in rules)

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
        if self.order_caps:
            awards = _cap_rules(awards, log)
        if self.overlays and awards:
            awards += self._overlay(order, lines, upline, legal, awards, log)
        awards = [award for award in awards if award.amount > 0]
        if self.plan.caps.payee_minor is not None:
            _cap_payees(awards, self.plan.caps.payee_minor, log)
        self._cap_order(awards, base_total, legal, log)
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
            assert seat is not None
            assert rule.evaluate is not None
            if log is not None:
                member = log.seat(rule.key, seat, upline, legal)
            elif seat.key in seated:
                member = seated[seat.key]
            else:
                member = seated[seat.key] = seat.find(upline, legal, None)
            if member is None:
                continue
            matched: Sequence[PaidLine] = lines
            if rule.matches is not None:
                matched = [line for line in lines if rule.matches(line, order, member.tier)]
                if not matched:
                    continue
            kind = CommissionKind.OVERRIDE if member.depth else CommissionKind.DIRECT
            for line, amount, rate_bp in rule.evaluate(matched, member):
                award = Award(rule, line, member, kind, rate_bp, _within(amount, line, rule.line_cap))
                awards.append(award)
                if log is not None:
                    log.evaluated(award, amount, matched)
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
                place = (award.rule.group, award.line.line_id, award.member.depth)
                totals[place] = totals.get(place, 0) + award.amount
                pairs.setdefault(place, award)
        extra: list[Award] = []
        for rule in self.overlays:
            only: Member | None = None
            if rule.seat is not None:
                only = log.seat(rule.key, rule.seat, upline, legal) if log is not None else rule.seat.find(upline, legal, None)
                if only is None:
                    continue
            assert isinstance(rule.amount, Multiplier | Uplift)
            for place, award in pairs.items():
                line, member = award.line, award.member
                if place[0] != rule.amount.of or (only is not None and only is not member):
                    continue
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
        extra.sort(key=lambda award: (award.rule.priority, award.rule.key, award.line.line_id, award.member.depth))
        return _cap_rules(stack(extra, log), log)

    def _cap_order(self, awards: list[Award], base_total: int, legal: LegalCeiling, log: TraceLog | None) -> None:
        caps = self.plan.caps
        limit, name = base_total * caps.total_bp // FULL_BP, "plan_total"
        if caps.order_minor is not None and caps.order_minor < limit:
            limit, name = caps.order_minor, "plan_order"
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


def _cap_payees(awards: list[Award], limit: int, log: TraceLog | None) -> None:
    by_payee: dict[int, list[Award]] = {}
    for award in awards:
        by_payee.setdefault(award.member.distributor_id, []).append(award)
    for payee_id, group in by_payee.items():
        cut_to(group, limit, "plan_payee", str(payee_id), log)
