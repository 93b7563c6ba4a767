"""Laws that hold for every period's close."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from banyan.earnings.commission.engine import compile_plan
from banyan.earnings.commission.engine.trial import PeriodTrial, Sold, try_period
from banyan.earnings.commission.tests.strategies import NOON, bands
from banyan.earnings.commission.types import (
    FULL_BP,
    TIERS,
    Band,
    Basis,
    Fixed,
    LegalCeiling,
    Measure,
    Member,
    OrderFacts,
    PaidLine,
    PaidOrder,
    Pays,
    Per,
    Period,
    Plan,
    PlanCaps,
    Progressive,
    Rate,
    Recipient,
    Rule,
    RuleCaps,
    Sales,
    Target,
    TargetStep,
    Unqualified,
    Weight,
    WholeBand,
)

many = settings(max_examples=60, deadline=None)
rates = st.integers(0, 2000)


@st.composite
def period_rules(draw: st.DrawFn, number: int) -> Rule:
    tier = draw(st.none() | st.sampled_from(TIERS[:3]))
    if draw(st.booleans()):
        weight = draw(st.sampled_from(Weight))
        weights = (("bronze", 1), ("gold", draw(st.integers(0, 5)))) if weight is Weight.TIER else ()
        least = draw(st.sampled_from([0, 0, 1, 4_000]))
        pays = Pays(
            Recipient.POOL, 0, tier, period=Period.MONTH, weight=weight, tier_weights=weights, min_sales_minor=least
        )  # fmt: skip
        return Rule(f"p{number}", pays, Rate(draw(rates)) if draw(st.booleans()) else Fixed(draw(rates), Per.PERIOD))
    least = draw(st.sampled_from([0, 0, 1, 4_000]))
    pays = Pays(Recipient.MEMBER, 0, tier, period=Period.MONTH, sales=draw(st.sampled_from(Sales)), min_sales_minor=least)
    amount = draw(
        st.one_of(
            rates.map(Rate),
            rates.map(lambda minor: Fixed(minor, Per.PERIOD)),
            bands().map(lambda steps: WholeBand(Measure.PERIOD, steps)),
            bands(rising=True).map(lambda steps: Progressive(Measure.PERIOD, steps)),
            rates.map(lambda minor: Target((TargetStep(5_000, minor), TargetStep(20_000, 2 * minor)))),
        )
    )
    caps = RuleCaps(period_minor=draw(st.none() | st.integers(0, 3000)))
    return Rule(f"m{number}", pays, amount, caps=caps, basis=draw(st.sampled_from(Basis)))


@st.composite
def sold(draw: st.DrawFn, number: int) -> Sold:
    line = PaidLine(number, draw(st.integers(1, 20_000)), 1, 1, (1,), (), None, cost_minor=draw(st.integers(0, 9_000)))
    people = draw(st.permutations([1, 2, 3]))[: draw(st.integers(0, 3))]
    upline = tuple(Member(person, depth, "gold", "active") for depth, person in enumerate(people))
    order = PaidOrder(number, NOON + timedelta(hours=number), (line,), upline, OrderFacts())
    back = {number: (draw(st.integers(0, line.base_minor)), line.base_minor)} if draw(st.booleans()) else {}
    return Sold(order, LegalCeiling("none", draw(st.integers(0, 3)), draw(st.none() | st.integers(0, 5000))), back)


@st.composite
def periods(draw: st.DrawFn) -> tuple[Plan, list[Sold], list[Member]]:
    rules = [draw(period_rules(number)) for number in range(draw(st.integers(1, 3)))]
    ladder = WholeBand(Measure.FIGURE, draw(bands()), "month_sales_minor", true_up=True)
    rules.append(Rule("seller", Pays(Recipient.SELLER), ladder))
    caps = PlanCaps(draw(st.integers(1, 6000)), margin_bp=draw(st.none() | st.integers(0, 10_000)))
    plan = Plan("Random", Unqualified.BREAKAGE, 7, caps, tuple(rules))
    orders = [draw(sold(number)) for number in range(1, draw(st.integers(1, 5)) + 1)]
    members = [
        Member(person, 0, draw(st.sampled_from(TIERS)), draw(st.sampled_from(["active", "active", "frozen"])))
        for person in range(1, 5)
    ]
    return plan, orders, members


def run(plan: Plan, orders: list[Sold], members: list[Member]) -> PeriodTrial:
    return try_period(compile_plan(plan), Period.MONTH, orders, members, UTC)


@many
@given(periods())
def test_a_pools_shares_are_the_pool(period: tuple[Plan, list[Sold], list[Member]]) -> None:
    trial = run(*period)
    for pot in trial.closing.pots:
        shared = sum(each.amount_minor for each in trial.closing.rewards if each.rule_key == pot.rule_key)
        assert shared == pot.shared_minor
        assert shared == pot.pot_minor or not shared
        assert pot.pot_minor <= pot.before_minor <= pot.base_minor


@many
@given(periods())
def test_orders_and_close_together_stay_within_plan_and_law(period: tuple[Plan, list[Sold], list[Member]]) -> None:
    plan, orders, members = period
    trial = run(plan, orders, members)
    paid = sum(each.amount_minor for each in trial.closing.rewards)
    net = plan_ceiling = 0
    for each in orders:
        line = each.order.lines[0]
        refund, of = each.returned.get(line.line_id, (0, 1))
        net += line.base_minor - line.base_minor * refund // of
        plan_ceiling += line.base_minor * plan.caps.total_bp // FULL_BP
    assert paid <= net * plan.caps.total_bp // FULL_BP + len(orders)  # each order's ceiling is floored by itself
    accrued = sum(share.amount_minor for _, shares in trial.shares for share in shares)
    changed = sum(each.difference.after_minor - each.difference.before_minor for each in trial.adjustments)
    assert accrued <= plan_ceiling
    assert accrued + changed <= plan_ceiling
    assert any(each.returned for each in orders) or accrued + changed + paid <= plan_ceiling
    if plan.caps.margin_bp is not None and not any(each.returned for each in orders):
        margins = sum(each.order.lines[0].margin_minor * plan.caps.margin_bp // FULL_BP for each in orders)
        assert accrued + changed + paid <= margins
    active = {member.distributor_id for member in members if member.status == "active"}
    assert all(each.payee_id in active and each.amount_minor <= each.base_minor for each in trial.closing.rewards)
    for rule in plan.rules:
        mine = [each.amount_minor for each in trial.closing.rewards if each.rule_key == rule.key]
        assert rule.caps.period_minor is None or max(mine, default=0) <= rule.caps.period_minor


@many
@given(periods(), st.randoms(use_true_random=False))
def test_the_order_of_rules_orders_and_members_has_no_meaning(
    period: tuple[Plan, list[Sold], list[Member]], random: object
) -> None:
    plan, orders, members = period
    rules, turned, people = list(plan.rules), list(orders), list(members)
    for each in (rules, turned, people):
        random.shuffle(each)  # type: ignore[attr-defined]
    assert run(replace(plan, rules=tuple(rules)), turned, people) == run(plan, orders, members)


@many
@given(periods())
def test_all_returned_before_the_close_leaves_nothing(period: tuple[Plan, list[Sold], list[Member]]) -> None:
    plan, orders, members = period
    back = [
        each._replace(returned={line.line_id: (line.base_minor, line.base_minor) for line in each.order.lines}) for each in orders
    ]
    trial = run(plan, back, members)
    assert trial.closing.rewards == ()
    assert all(each.booked_minor == 0 for each in trial.adjustments)


@many
@given(bands(), st.lists(st.integers(1, 20_000), min_size=1, max_size=4), st.integers(0, 5_000))
def test_more_sales_never_lower_a_periods_progressive_reward(ladder: tuple[Band, ...], amounts: list[int], more: int) -> None:
    rule = Rule("m", Pays(Recipient.MEMBER, period=Period.MONTH), Progressive(Measure.PERIOD, ladder))
    plan = Plan("Ladder", Unqualified.BREAKAGE, 7, PlanCaps(FULL_BP), (rule,))

    def reward(sales: list[int]) -> int:
        orders = [
            Sold(
                PaidOrder(number, NOON, (PaidLine(number, minor, 1, 1, (1,), (), None),), (Member(1, 0, "gold", "active"),)),
                LegalCeiling("none", 9, None),
                {},
            )
            for number, minor in enumerate(sales, start=1)
        ]
        return sum(each.amount_minor for each in run(plan, orders, [Member(1, 0, "gold", "active")]).closing.rewards)

    assert reward(amounts) <= reward([*amounts[:-1], amounts[-1] + more])
