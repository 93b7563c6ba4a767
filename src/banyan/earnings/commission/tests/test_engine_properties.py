"""Laws that hold for every plan and every order."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from banyan.earnings.commission.engine import compile_plan, paid_range, parse_plan, reverse_line, write_plan
from banyan.earnings.commission.engine.amounts import climb_e4
from banyan.earnings.commission.tests.strategies import NOON, bands, ceilings, orders, plans
from banyan.earnings.commission.types import (
    FULL_BP,
    Band,
    CommissionKind,
    LegalCeiling,
    Measure,
    Member,
    PaidLine,
    PaidOrder,
    Pays,
    Plan,
    PlanCaps,
    Progressive,
    Recipient,
    Rule,
    Spent,
    Unqualified,
)

BESIDE = (CommissionKind.SELF, CommissionKind.REGIONAL, CommissionKind.NAMED, CommissionKind.BOOSTER)
"""Paid for something else than a place above the seller, or on top of such pay."""
many = settings(max_examples=100, deadline=None)


def base_of(order: PaidOrder) -> int:
    return sum(line.base_minor for line in order.lines)


@many
@given(plans())
def test_document_round_trip(plan: Plan) -> None:
    assert parse_plan(json.loads(json.dumps(write_plan(plan)))) == plan


@many
@given(plans(), orders(), ceilings, st.data())
def test_every_decision_keeps_the_laws(plan: Plan, order: PaidOrder, legal: LegalCeiling, data: st.DataObject) -> None:
    """One random case, all laws: to draw plans and orders takes far longer than to decide them."""
    never_over_a_cap(plan, order, legal)
    conservation_a_cut_is_spread_to_the_last_cent(plan, order, legal)
    the_trace_is_the_decision(plan, order, legal)
    no_order_pays_more_than_the_worst_case(plan, order)
    accrue_and_full_return_is_nothing_in_any_split(plan, order, legal, data)


def never_over_a_cap(plan: Plan, order: PaidOrder, legal: LegalCeiling) -> None:
    shares = compile_plan(plan).decide(order, legal)
    total = sum(share.amount_minor for share in shares)
    spent = (order.facts.spent if order.facts else None) or Spent()
    assert all(share.amount_minor > 0 for share in shares)
    assert total <= base_of(order) * plan.caps.total_bp // FULL_BP
    assert plan.caps.order_minor is None or total <= plan.caps.order_minor
    assert legal.total_bp is None or total <= base_of(order) * legal.total_bp // FULL_BP
    assert all(share.depth <= legal.upline_depth for share in shares)
    for member in order.upline:
        mine = [share for share in shares if share.payee_id == member.distributor_id]
        by_place = [share for share in mine if share.kind not in BESIDE]
        assert not by_place or member.status == "active"
    for payee_id in {share.payee_id for share in shares}:
        paid = sum(share.amount_minor for share in shares if share.payee_id == payee_id)
        assert plan.caps.payee_minor is None or paid <= plan.caps.payee_minor
        before = dict(spent.payees).get(payee_id, 0)
        assert plan.caps.payee_period_minor is None or paid <= max(plan.caps.payee_period_minor - before, 0)
    assert plan.caps.budget_minor is None or total <= max(plan.caps.budget_minor - spent.budget_minor, 0)
    for line in order.lines:
        on_line = sum(share.amount_minor for share in shares if share.line_id == line.line_id)
        assert plan.caps.margin_bp is None or on_line <= line.margin_minor * plan.caps.margin_bp // FULL_BP
    for rule in plan.rules:
        given_by = [share for share in shares if share.rule_key == rule.key]
        amounts = [share.amount_minor for share in given_by]
        assert rule.caps.order_minor is None or sum(amounts) <= rule.caps.order_minor
        assert rule.caps.line_minor is None or max(amounts, default=0) <= rule.caps.line_minor
        for payee_id in {share.payee_id for share in given_by}:
            mine = sum(share.amount_minor for share in given_by if share.payee_id == payee_id)
            before = {(key, payee): minor for key, payee, minor in spent.rules}.get((rule.key, payee_id), 0)
            assert rule.caps.payee_minor is None or mine <= rule.caps.payee_minor
            assert rule.caps.period_minor is None or mine <= max(rule.caps.period_minor - before, 0)


def conservation_a_cut_is_spread_to_the_last_cent(plan: Plan, order: PaidOrder, legal: LegalCeiling) -> None:
    trace = compile_plan(plan).trace(order, legal)
    total = sum(share.amount_minor for share in trace.shares)
    assert trace.legal.paid_minor == total
    whole_order = [cut for cut in trace.cuts if cut.subject == "order"]
    if whole_order:
        assert total == whole_order[-1].after_minor < whole_order[-1].before_minor
    for cut in trace.cuts:
        assert cut.after_minor == cut.limit_minor < cut.before_minor


def the_trace_is_the_decision(plan: Plan, order: PaidOrder, legal: LegalCeiling) -> None:
    compiled = compile_plan(plan)
    shares = compiled.decide(order, legal)
    assert list(compiled.trace(order, legal).shares) == shares
    keys = [(share.line_id, share.payee_id, share.rule_key, share.kind) for share in shares]
    assert len(keys) == len(set(keys))


@many
@given(plans(), orders(), ceilings, st.randoms(use_true_random=False))
def test_order_of_rules_and_lines_has_no_meaning(plan: Plan, order: PaidOrder, legal: LegalCeiling, random: object) -> None:
    rules, lines, upline = list(plan.rules), list(order.lines), list(order.upline)
    for each in (rules, lines, upline):
        random.shuffle(each)  # type: ignore[attr-defined]
    shuffled = compile_plan(replace(plan, rules=tuple(rules), groups=tuple(reversed(plan.groups))))
    turned = order._replace(lines=tuple(lines), upline=tuple(upline))
    assert shuffled.decide(turned, legal) == compile_plan(plan).decide(order, legal)


def no_order_pays_more_than_the_worst_case(plan: Plan, order: PaidOrder) -> None:
    worst = paid_range(plan)
    uncapped = replace(plan, caps=PlanCaps(FULL_BP))
    bound = paid_range(uncapped).total_rate_bp
    lawless = LegalCeiling("none", 99, None)
    for version, rate_bp in ((plan, worst.total_rate_bp), (uncapped, bound)):
        shares = compile_plan(version).decide(order, lawless)
        assert sum(share.amount_minor for share in shares) * FULL_BP <= base_of(order) * rate_bp
        assert all(share.depth <= worst.upline_depth for share in shares if share.kind not in BESIDE)


def accrue_and_full_return_is_nothing_in_any_split(
    plan: Plan, order: PaidOrder, legal: LegalCeiling, data: st.DataObject
) -> None:
    by_line = {line.line_id: line for line in order.lines}
    for share in compile_plan(plan).decide(order, legal):
        line = by_line[share.line_id]
        assert take_back(share.amount_minor, line.base_minor, [line.base_minor]) == [share.amount_minor]
        stops = sorted(data.draw(st.lists(st.integers(0, line.base_minor), max_size=5)))
        edges = [0, *stops, line.base_minor]
        parts = [after - before for before, after in pairwise(edges)]
        assert sum(take_back(share.amount_minor, line.base_minor, parts)) == share.amount_minor


@many
@given(st.integers(0, 10**7), st.integers(1, 10**7), st.lists(st.integers(0, 10**6), max_size=8))
def test_partial_returns_sum_to_the_one_return_of_their_sum(amount: int, of_minor: int, refunds: list[int]) -> None:
    split = take_back(amount, of_minor, refunds)
    assert all(step >= 0 for step in split)
    assert sum(split) == sum(take_back(amount, of_minor, [sum(refunds)])) <= amount


@many
@given(bands(), st.integers(0, 40_000), st.integers(0, 5_000))
def test_more_sales_never_lower_a_progressive_reward(ladder: tuple[Band, ...], amount: int, more: int) -> None:
    assert climb_e4(ladder, amount) <= climb_e4(ladder, amount + more)
    rewards = [reward(ladder, base) for base in (amount, amount + more)]
    assert rewards[0] <= rewards[1]


@many
@given(bands(), st.lists(st.integers(0, 20_000), min_size=1, max_size=5), st.integers(0, 20_000))
def test_a_ladder_climbed_in_steps_never_gives_more_than_in_one(ladder: tuple[Band, ...], steps: list[int], start: int) -> None:
    """Frozen figures: order after order on top of the month's sales gives what one great order gives, less flooring."""
    total = climb_e4(ladder, start + sum(steps)) - climb_e4(ladder, start)
    reached, given_minor = start, 0
    for step in steps:
        given_minor += reward(ladder, step, Measure.FIGURE, reached)
        reached += step
    assert total // FULL_BP - len(steps) <= given_minor <= total // FULL_BP


def reward(ladder: tuple[Band, ...], base: int, by: Measure = Measure.LINE, figure: int = 0) -> int:
    rule = Rule("ladder", Pays(Recipient.SELLER), Progressive(by, ladder, "sales" if by is Measure.FIGURE else None))
    plan = Plan("Ladder", Unqualified.BREAKAGE, 7, PlanCaps(FULL_BP), (rule,))
    line = PaidLine(1, base, 1, 1, (1,), (), None)
    order = PaidOrder(1, NOON, (line,), (Member(1, 0, "gold", "active", {"sales": figure}),))
    return sum(share.amount_minor for share in compile_plan(plan).decide(order, LegalCeiling("none", 9, None)))


def take_back(amount: int, of_minor: int, refunds: list[int]) -> list[int]:
    returned, steps = 0, []
    for refund in refunds:
        step = reverse_line(
            amount, of_minor=of_minor, returned_before_minor=returned, reversed_before_minor=sum(steps), refund_minor=refund
        )
        returned += step.returned_minor
        steps.append(step.amount_minor)
    return steps
