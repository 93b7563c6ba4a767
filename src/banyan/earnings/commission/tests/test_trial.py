"""A sample period is decided as real orders take their turns: each sees what those before it sold and were paid."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

from banyan.earnings.commission.engine import compile_plan, parse_plan
from banyan.earnings.commission.engine.trial import Sold, try_period
from banyan.earnings.commission.tests.strategies import NOON
from banyan.earnings.commission.types import LegalCeiling, Member, OrderFacts, PaidLine, PaidOrder, Period, Spent

PLAN = {"format": 1, "title": "T", "unqualified": "breakage", "hold_days": 7}
FREE = LegalCeiling("none", 9, None)


def paid(document: dict[str, Any], orders: list[PaidOrder]) -> list[int]:
    """What each order paid."""
    sold = [Sold(order, FREE, {}) for order in orders]
    trial = try_period(compile_plan(parse_plan({**PLAN, **document})), Period.MONTH, sold, [], UTC)
    return [sum(share.amount_minor for share in shares) for _, shares in trial.shares]


def order(number: int, facts: OrderFacts | None = None, day: int = 0) -> PaidOrder:
    line = PaidLine(number, 10_000, 1, 1, (1,), (), None)
    return PaidOrder(number, NOON + timedelta(days=day), (line,), (Member(1, 0, "gold", "active"),), facts)


def test_a_buyer_and_a_partner_climb_by_their_own_sales() -> None:
    steps = [{"from_minor": 0, "rate_bp": 100}, {"from_minor": 10_000, "rate_bp": 300}]
    band = {"kind": "whole_band", "by": "figure", "figure": "month_sales_minor", "bands": steps}
    for pays, facts in (
        ({"to": "buyer"}, OrderFacts(buyer=Member(1, 0, "gold", "active"))),
        (
            {"to": "regional_partner", "scope": "city"},
            OrderFacts(region_code="440304", partners=(("city", Member(1, 0, "gold", "active")),)),
        ),
    ):
        document = {"caps": {"total_bp": 3000}, "rules": [{"key": "a", "pays": pays, "amount": band}]}
        assert paid(document, [order(1, facts), order(2, facts)]) == [100, 300]


def test_caps_by_day_begin_anew_and_a_budget_of_the_version_does_not() -> None:
    rules = [{"key": "a", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 1000}, "caps": {"period_minor": 1500}}]
    caps = {"total_bp": 3000, "period": "day"}
    three = [order(1), order(2), order(3, day=1)]
    assert paid({"caps": caps, "rules": rules}, three) == [1000, 500, 1000]
    assert paid({"caps": {**caps, "budget_minor": 1700, "budget_per": "version"}, "rules": rules}, three) == [1000, 500, 200]


def test_shorter_periods_close_on_the_way_and_a_version_budget_knows_of_it() -> None:
    """5 % of each order, of each day, of the month, of a budget of 1,600: 500 + 500, 500 and the last 100."""
    by = [{"key": period, "pays": {"to": "member", "period": period}, "amount": {"kind": "rate", "rate_bp": 500}}
          for period in ("day", "month")]  # fmt: skip
    rules = [{"key": "a", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 500}}, *by]
    caps = {"total_bp": 3000, "budget_minor": 1600, "budget_per": "version"}
    plan = compile_plan(parse_plan({**PLAN, "caps": caps, "rules": rules}))
    sold = [Sold(order(1), FREE, {}), Sold(order(2, day=1), FREE, {})]
    trial = try_period(plan, Period.MONTH, sold, [Member(1, 0, "gold", "active")], UTC)
    assert [sum(share.amount_minor for share in shares) for _, shares in trial.shares] == [500, 500]
    assert [sum(each.amount_minor for each in earlier.closing.rewards) for earlier in trial.earlier] == [500, 100]
    assert trial.closing.rewards == ()


def test_a_day_is_trued_up_before_its_month_is_rewarded() -> None:
    """Two orders a day at 5 %, 8 % from 15,000 of the day: the month is left 2 % of what 10 % allow."""
    steps = [{"from_minor": 0, "rate_bp": 500}, {"from_minor": 15_000, "rate_bp": 800}]
    band = {"kind": "whole_band", "by": "figure", "figure": "day_sales_minor", "true_up": True, "bands": steps}
    month = {"key": "m", "pays": {"to": "member", "period": "month"}, "amount": {"kind": "rate", "rate_bp": 900}}
    rules = [{"key": "a", "pays": {"to": "seller"}, "amount": band}, month]
    plan = compile_plan(parse_plan({**PLAN, "caps": {"total_bp": 1000}, "rules": rules}))
    sold = [Sold(order(number, day=day), FREE, {}) for number, day in ((1, 0), (2, 0), (3, 1))]
    trial = try_period(plan, Period.MONTH, sold, [Member(1, 0, "gold", "active")], UTC)
    assert [each.booked_minor for each in trial.adjustments] == [300, 300]
    assert [each.amount_minor for each in trial.closing.rewards] == [3000 - 1600 - 500]


def test_an_order_that_says_what_was_spent_before_it_is_taken_at_its_word() -> None:
    rules = [{"key": "a", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 1000}}]
    told = order(2, OrderFacts(spent=Spent(payees=((1, 900),))))
    assert paid({"caps": {"total_bp": 3000, "payee_period_minor": 1200}, "rules": rules}, [order(1), told]) == [1000, 300]
