"""Laws of the judgement itself, for any plan under any rule set, and of the organization's standing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banyan.rules.compliance import engine
from banyan.rules.compliance.queries import law
from banyan.rules.compliance.types import PlanFacts, Reading, RuleSet, StandingGrade

ALL = [rules for one in law.list_jurisdictions() for rules in one.rule_sets]
any_rules = st.sampled_from(ALL)
any_plan = st.builds(
    PlanFacts,
    upline_depth_paid=st.integers(0, 12),
    total_rate_bp=st.integers(0, 12_000),
    pays_on_recruitment=st.booleans(),
    entry_fee_minor=st.integers(0, 100_000),
    starter_purchase_required=st.booleans(),
    pays_on_team_sales=st.booleans(),
    currency=st.sampled_from(["CNY", "KRW", "USD"]),
)


@given(any_plan, any_rules)
def test_the_same_question_gets_the_same_answer(plan: PlanFacts, rules: RuleSet) -> None:
    assert engine.judge(plan, rules) == engine.judge(plan, rules)


@given(any_plan, any_rules, st.integers(1, 5), st.integers(1, 2_000))
def test_paying_more_or_deeper_never_heals_a_plan(plan: PlanFacts, rules: RuleSet, deeper: int, more: int) -> None:
    worse = PlanFacts(
        plan.upline_depth_paid + deeper, plan.total_rate_bp + more, plan.pays_on_recruitment, plan.entry_fee_minor,
        plan.starter_purchase_required, plan.pays_on_team_sales, plan.currency,
    )  # fmt: skip
    before = {one.clause for one in engine.judge(plan, rules).findings}
    assert before <= {one.clause for one in engine.judge(worse, rules).findings}


@given(any_rules)
def test_a_plan_at_the_caps_is_legal_and_one_step_beyond_is_not(rules: RuleSet) -> None:
    caps = engine.caps_of(rules)
    assert engine.judge(PlanFacts(caps.upline_depth_paid, caps.total_rate_bp), rules).legal
    assert not engine.judge(PlanFacts(caps.upline_depth_paid + 1, caps.total_rate_bp), rules).legal
    assert not engine.judge(PlanFacts(caps.upline_depth_paid, caps.total_rate_bp + 1), rules).legal


def test_negative_facts_are_a_defect_of_the_caller() -> None:
    with pytest.raises(ValueError, match="negative"):
        engine.judge(PlanFacts(-1, 0), ALL[0])


@pytest.mark.parametrize(
    ("people", "layers", "grade"),
    [
        (1, 1, StandingGrade.CLEAR), (500, 2, StandingGrade.CLEAR), (3, 3, StandingGrade.WARN), (29, 3, StandingGrade.WARN),
        (29, 12, StandingGrade.WARN), (30, 3, StandingGrade.ESCALATE), (30, 2, StandingGrade.CLEAR),
        (10**6, 9, StandingGrade.ESCALATE),
    ],
)  # fmt: skip
def test_standing_needs_both_lines_to_escalate(people: int, layers: int, grade: StandingGrade) -> None:
    china = next(rules for rules in ALL if rules.jurisdiction == "cn" and rules.reading is Reading.LETTER)
    standing = engine.organization_standing(people, layers, china)
    assert standing.grade is grade
    assert engine.organization_standing(people, layers).grade is grade
    wanted = {
        StandingGrade.CLEAR: [],
        StandingGrade.WARN: ["cn.25.criminal_levels_min"],
        StandingGrade.ESCALATE: ["cn.25.criminal_levels_min", "cn.26.criminal_people_min"],
    }
    assert [one.fact_id for one in standing.findings] == wanted[grade]


@given(st.integers(1, 200), st.integers(1, 20), st.integers(0, 50), st.integers(0, 5))
def test_a_larger_organization_never_stands_better(people: int, layers: int, more: int, deeper: int) -> None:
    layers = min(layers, people)
    order = list(StandingGrade)
    larger = engine.organization_standing(people + more + deeper, layers + deeper)
    assert order.index(larger.grade) >= order.index(engine.organization_standing(people, layers).grade)


@pytest.mark.parametrize(("people", "layers"), [(0, 1), (1, 0), (2, 3)])
def test_an_impossible_organization_is_refused(people: int, layers: int) -> None:
    with pytest.raises(ValueError, match="organization"):
        engine.organization_standing(people, layers)
