"""True-up: a period's orders decided once more when it closes, the differences to be booked.

Orders of rules with `true_up` are decided whole bands by the payee's net sales of the whole period, progressive ones on the exact
running sum. The caps of the order hold then as they did before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from banyan.earnings.commission.types import Member, PaidOrder, Period, Plan, Progressive, Rule, Share, WholeBand, is_trued_up

from .clawback import part_back
from .closing import part_of
from .compiled import CompiledPlan, compile_plan
from .figures import people_of, period_of, with_people

FINAL, RUNNING = "final_", "running_"
"""Marks of figures as they are known at the close; a plan document cannot name them."""


def true_up_period(plan: Plan) -> Period | None:
    """The period whose close adjusts this plan's orders; None: none does."""
    for rule in plan.rules:
        if isinstance(rule.amount, Progressive | WholeBand) and rule.amount.true_up and rule.amount.figure:
            return period_of(rule.amount.figure)
    return None


def compile_for_closing(plan: Plan) -> CompiledPlan:
    """The plan with its trued-up rules looking at the figures of the close in the place of those frozen with the order."""
    return compile_plan(replace(plan, rules=tuple(_at_close(rule) for rule in plan.rules)))


def _at_close(rule: Rule) -> Rule:
    if not is_trued_up(rule) or not isinstance(rule.amount, Progressive | WholeBand):
        return rule
    mark = FINAL if isinstance(rule.amount, WholeBand) else RUNNING
    return replace(rule, amount=replace(rule.amount, figure=f"{mark}{rule.amount.figure}"))


def with_closing_figures(order: PaidOrder, figures: Mapping[int, Mapping[str, int]]) -> PaidOrder:
    """The order with the figures of the close beside the frozen ones, for everybody whom it can pay."""

    def figured(member: Member) -> Member:
        return member._replace(figures={**(member.figures or {}), **figures.get(member.distributor_id, {})})

    return with_people(order, figured)


class Difference(NamedTuple):
    """By how much the close changes one share; `share` is the new one, or the old one where nothing is left of it."""

    share: Share
    before_minor: int
    after_minor: int

    def booked_minor(self, returned: Mapping[int, tuple[int, int]]) -> int:
        """What is really booked of it, where part of the share's line was returned: line → (refund, of how much)."""
        back = returned.get(self.share.line_id, (0, 0))
        changed = self.after_minor - self.before_minor
        if changed > 0:  # what is added is a commission of its own, of which its own part goes back
            return changed - part_back(changed, *back)
        return changed - part_back(self.after_minor, *back) + part_back(self.before_minor, *back)


def differences(before: Sequence[Share], after: Sequence[Share]) -> list[Difference]:
    """What changed between two decisions on the same order, in the order of the shares."""
    old = {(share.line_id, share.payee_id, share.rule_key, share.kind): share for share in before}
    new = {(share.line_id, share.payee_id, share.rule_key, share.kind): share for share in after}
    places = list(dict.fromkeys([*new, *old]))
    return [
        Difference(new.get(place) or old[place], was, now)
        for place in places
        if (was := old[place].amount_minor if place in old else 0) != (now := new[place].amount_minor if place in new else 0)
    ]


class FigureBook:
    """The figures of a period's close, in two passes over its orders in the order of payment.

    Final ones are net of what was returned until the close; running ones gross, since a return takes back its own part of each
    commission and moves no other order.
    """

    def __init__(self, plan: Plan) -> None:
        self.names = sorted(
            {
                rule.amount.figure
                for rule in plan.rules
                if isinstance(rule.amount, Progressive | WholeBand) and rule.amount.true_up and rule.amount.figure
            }
        )
        self.final: dict[int, dict[str, int]] = {}
        self.running: dict[int, dict[str, int]] = {}

    def count(self, order: PaidOrder, returned: Mapping[int, tuple[int, int]]) -> None:
        """First pass."""
        back = sum(part_of(line.base_minor, *returned[line.line_id]) for line in order.lines if line.line_id in returned)
        self._add(self.final, FINAL, order, _base_of(order) - back)

    def close(self, order: PaidOrder) -> PaidOrder:
        """Second pass: the order with the figures of the close, for everybody whom it can pay."""
        people = {member.distributor_id for member in people_of(order)}
        figures = {each: {**self.final.get(each, {}), **self.running.get(each, {})} for each in people}
        closed = with_closing_figures(order, figures)
        self._add(self.running, RUNNING, order, _base_of(order))
        return closed

    def _add(self, figures: dict[int, dict[str, int]], mark: str, order: PaidOrder, minor: int) -> None:
        for member in order.upline:
            for name in self.names:
                if member.depth == 0 or "_team_" in name:
                    mine = figures.setdefault(member.distributor_id, {})
                    mine[mark + name] = mine.get(mark + name, 0) + minor


def _base_of(order: PaidOrder) -> int:
    return sum(line.base_minor for line in order.lines)
