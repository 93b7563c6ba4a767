"""What orders add to those after them: sales figures of the running periods, and what counts for caps by period and budgets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, tzinfo

from banyan.earnings.commission.types import Member, OrderFacts, PaidOrder, Share, Spent

from .compiled import CompiledPlan
from .figures import Days, figures_for, people_of, sales_of, with_people
from .periods import span_of

EVER = date.min
"""The beginning of what a budget for the whole version counts."""


class RunningSales:
    """Sales of the running periods: what there was before, and what each order adds."""

    def __init__(self, zone: tzinfo, days: Days | None = None) -> None:
        self.zone = zone
        self.days: Days = days if days is not None else {}
        self.by_person: dict[int, set[date]] = {}
        for distributor_id, day in self.days:
            self.by_person.setdefault(distributor_id, set()).add(day)

    def with_figures(self, order: PaidOrder, names: Sequence[str]) -> PaidOrder:
        """The order with the figures of everybody whom it can pay."""
        if not names:
            return order
        day = order.paid_at.astimezone(self.zone).date()

        def figured(member: Member) -> Member:
            return figures_for(member, names, self.days, self.by_person, day)

        return with_people(order, figured)

    def add(self, order: PaidOrder) -> None:
        for place, personal, team in sales_of(order, self.zone):
            kept = self.days.setdefault(place, [0, 0])
            kept[0] += personal
            kept[1] += team
            self.by_person.setdefault(place[0], set()).add(place[1])


class RunningSpent:
    """What plan versions accrued, less what went back, in their cap periods and in all; and what each order adds."""

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self.budgets: dict[tuple[int, date], int] = {}
        self.payees: dict[tuple[int, date, int], int] = {}
        self.rules: dict[tuple[int, date, str, int], int] = {}

    def begin(self, version_id: int, first_day: date, accrued: Iterable[tuple[str, int, int]]) -> None:
        """What there was before in one cap period: (rule, payee, minor)."""
        for rule_key, payee_id, minor in accrued:
            self.rules[version_id, first_day, rule_key, payee_id] = minor
            place = (version_id, first_day, payee_id)
            self.payees[place] = self.payees.get(place, 0) + minor

    def with_spent(self, order: PaidOrder, version_id: int, plan: CompiledPlan) -> PaidOrder:
        """The order with what its plan's caps have to know of those before it."""
        if not plan.needs.spent:
            return order
        caps = plan.plan.caps
        first = span_of(caps.period, order.paid_at, self.zone).first_day
        people = sorted({member.distributor_id for member in people_of(order)})
        keys = [rule.key for rule in plan.plan.rules if rule.caps.period_minor is not None]
        rules = [(key, each, self.rules.get((version_id, first, key, each), 0)) for key in keys for each in people]
        payees = [(each, self.payees.get((version_id, first, each), 0)) for each in people]
        spent = Spent(
            self.budgets.get((version_id, EVER if caps.budget_is_total else first), 0),
            tuple(each for each in payees if each[1]),
            tuple(each for each in rules if each[2]),
        )
        return order._replace(facts=(order.facts or OrderFacts())._replace(spent=spent))

    def add(self, order: PaidOrder, version_id: int, plan: CompiledPlan, shares: Sequence[Share]) -> None:
        if not plan.needs.spent:
            return
        caps = plan.plan.caps
        first = span_of(caps.period, order.paid_at, self.zone).first_day
        since = EVER if caps.budget_is_total else first
        for share in shares:
            self.budgets[version_id, since] = self.budgets.get((version_id, since), 0) + share.amount_minor
            payee = (version_id, first, share.payee_id)
            self.payees[payee] = self.payees.get(payee, 0) + share.amount_minor
            rule = (version_id, first, share.rule_key, share.payee_id)
            self.rules[rule] = self.rules.get(rule, 0) + share.amount_minor

    def reward(self, version_id: int, plan: CompiledPlan, minor: int) -> None:
        """What a close paid, of which only a budget of the whole version knows when later orders are decided."""
        if plan.plan.caps.budget_is_total:
            self.budgets[version_id, EVER] = self.budgets.get((version_id, EVER), 0) + minor
