"""Periods close over the real tables and ledger: rewards, true-ups, holds, returns before and after, and verify finds nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from banyan.earnings.commission import commands, queries
from banyan.earnings.commission.queries.closings import closing_rewards
from banyan.earnings.commission.tests.shopfront import DOCUMENT, T0
from banyan.earnings.commission.types import Cause, ReturnedLine, Takeback
from banyan.kernel import clock, sql, verification
from banyan.people.distributors.types import DistributorId, Standing, Status, Tier
from banyan.treasury.ledger.types import AccountKind

APRIL = datetime(2026, 3, 31, 16, tzinfo=UTC)
"""The first of April in the shop's zone."""
LADDER = {
    "kind": "whole_band",
    "by": "figure",
    "figure": "month_sales_minor",
    "true_up": True,
    "bands": [{"from_minor": 0, "rate_bp": 500}, {"from_minor": 10_000, "rate_bp": 800}],
}
BAND = {"key": "band", "pays": {"to": "seller"}, "amount": LADDER}
BONUS = {"key": "bonus", "pays": {"to": "member", "period": "month"}, "amount": {"kind": "rate", "rate_bp": 100}}
POOL = {
    "key": "pool",
    "pays": {"to": "pool", "period": "month", "weight": "team_sales"},
    "amount": {"kind": "rate", "rate_bp": 200},
}


@pytest.fixture(autouse=True)
def everybody_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Distributors of this house's tests are told, not registered: all active and gold."""

    def standings_at(ids: list[int], _at: datetime) -> dict[int, Standing]:
        return {each: Standing(DistributorId(each), Status.ACTIVE, Tier.GOLD) for each in ids}

    monkeypatch.setattr("banyan.earnings.commission.queries.closings.distributors.standings_at", standings_at)


def plan(*rules: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**DOCUMENT, "title": "Months", "rules": list(rules), **changes}


def sell(sales: Any, *amounts: int, **told: Any) -> list[int]:
    """One order per amount, an hour apart, accrued."""
    orders = [sales.sell(amount, paid_at=T0 + timedelta(hours=hour), **told) for hour, amount in enumerate(amounts)]
    with sales.shop.enter():
        commands.accrue(orders)
    return orders


def give_back(sales: Any, order_id: int, refund: int, cause_id: int, at: datetime) -> None:
    of = sales.orders[order_id].lines[0].commissionable_minor
    with sales.shop.enter():
        line = ReturnedLine(sales.lines(order_id)[0], refund, of)
        commands.reverse([Takeback(Cause.RETURN, cause_id, order_id, (line,), at)])


def close(sales: Any, at: datetime = APRIL + timedelta(hours=2)) -> int:
    count = 0
    with clock.driven(at), sales.shop.enter():
        while commands.close_due(at):
            count += 1
    return count


def verified(sales: Any) -> None:
    """All checks of commission and ledger but commission.inputs: this house's tests tell orders, that check reads real ones."""
    names = {each.name for each in verification.checks() if each.name.startswith(("commission.", "ledger."))}
    with sales.shop.enter():
        found, compared = verification.run_checks(names - {"commission.inputs"})
    assert compared
    assert not found


def test_nothing_closes_before_the_period_is_over_and_each_period_once(sales: Any) -> None:
    sales.publish(plan(BONUS))
    sell(sales, 10_000)
    assert close(sales, APRIL + timedelta(minutes=59)) == 0
    assert close(sales) == 1
    assert close(sales) == 0
    assert sales.balance(1) == 100
    with sales.shop.enter():
        (closing,) = queries.list_closings()
    assert (closing.order_count, closing.reward_minor, closing.start_at) == (1, 100, APRIL - timedelta(days=31))
    verified(sales)


def test_a_pool_is_shared_to_the_last_cent_and_released_after_the_hold(sales: Any) -> None:
    sales.publish(plan(POOL))
    sell(sales, 10_001, upline=(1, 2, 3))
    assert close(sales) == 1
    assert [sales.balance(each) for each in (1, 2, 3)] == [67, 67, 66]  # 2 % of 10,001
    with sales.shop.enter():
        assert commands.release_due(APRIL + timedelta(days=7), 100) == 1
    assert [sales.balance(each, AccountKind.DISTRIBUTOR_AVAILABLE) for each in (1, 2, 3)] == [67, 67, 66]
    verified(sales)


def test_a_true_up_raises_earlier_orders_and_their_returns_take_their_part(sales: Any) -> None:
    sales.publish(plan(BAND))
    first, second = sell(sales, 9_000, 6_000)
    assert sales.balance(1) == 450 + 300
    assert close(sales) == 1
    assert sales.balance(1) == 720 + 480
    give_back(sales, first, 4_500, 1, APRIL + timedelta(days=1))
    assert sales.balance(1) == 360 + 480
    give_back(sales, first, 4_500, 2, APRIL + timedelta(days=2))
    give_back(sales, second, 6_000, 3, APRIL + timedelta(days=2))
    assert sales.balance(1) == 0
    verified(sales)


def test_a_true_up_lowers_where_returns_pulled_the_month_down(sales: Any) -> None:
    """9,000 + 6,000 + 1,000 accrue 450, 300 and 80; then the second and half the first come back: the third falls to 5 %."""
    sales.publish(plan(BAND))
    first, second, third = sell(sales, 9_000, 6_000, 1_000)
    give_back(sales, second, 6_000, 1, T0 + timedelta(days=3))
    give_back(sales, first, 4_500, 2, T0 + timedelta(days=3))
    assert sales.balance(1) == 225 + 0 + 80
    assert close(sales) == 1
    assert sales.balance(1) == 225 + 0 + 50
    give_back(sales, third, 500, 3, APRIL + timedelta(days=1))
    assert sales.balance(1) == 225 + 25
    give_back(sales, third, 500, 4, APRIL + timedelta(days=1))
    give_back(sales, first, 4_500, 5, APRIL + timedelta(days=1))
    assert sales.balance(1) == 0
    verified(sales)


def test_a_released_order_is_raised_into_what_is_available(sales: Any) -> None:
    sales.publish(plan(BAND))
    orders = sell(sales, 9_000, 6_000, 1_000)
    with sales.shop.enter():
        commands.mark_received([(each, T0 + timedelta(days=1)) for each in orders])
        commands.release_due(T0 + timedelta(days=10), 100)
    assert sales.balance(1, AccountKind.DISTRIBUTOR_AVAILABLE) == 450 + 300 + 80
    assert close(sales) == 1
    assert sales.balance(1, AccountKind.DISTRIBUTOR_AVAILABLE) == 720 + 480 + 80
    assert sales.balance(1) == 0
    verified(sales)


def test_a_return_after_the_close_lowers_the_next_period(sales: Any) -> None:
    sales.publish(plan(BONUS))
    (first,) = sell(sales, 10_000)
    assert close(sales) == 1
    give_back(sales, first, 4_000, 1, APRIL + timedelta(days=3))
    later = sales.sell(10_000, paid_at=APRIL + timedelta(days=5))
    with sales.shop.enter():
        commands.accrue([later])
    assert close(sales, datetime(2026, 5, 1, tzinfo=UTC)) == 1
    assert sales.balance(1) == 100 + 60
    verified(sales)


def test_rewards_stay_within_the_plans_total_after_what_orders_paid(sales: Any) -> None:
    seller = {"key": "seller", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 950}}
    sales.publish(plan(seller, BONUS, caps={"total_bp": 1000}))
    sell(sales, 10_000)
    assert close(sales) == 1
    assert sales.balance(1) == 950 + 50
    verified(sales)


def test_closes_of_a_day_and_its_month_stay_within_the_plans_total_together(sales: Any) -> None:
    daily = {"key": "daily", "pays": {"to": "member", "period": "day"}, "amount": {"kind": "rate", "rate_bp": 800}}
    monthly = {**BONUS, "amount": {"kind": "rate", "rate_bp": 800}}
    sales.publish(plan(daily, monthly, caps={"total_bp": 1000}))
    sell(sales, 10_000)
    assert close(sales) > 1
    assert sales.balance(1) == 800 + 200
    verified(sales)


WEEKLY = {"key": "weekly", "pays": {"to": "member", "period": "week"}, "amount": {"kind": "rate", "rate_bp": 800}}
MONTHLY = {**BONUS, "amount": {"kind": "rate", "rate_bp": 800}}


@pytest.mark.parametrize(
    ("rules", "at", "words"),
    [
        ([WEEKLY, MONTHLY], "rules[0].pays.period", "only day and week"),  # 31 March: 8 % by the month and 8 % by its week
        ([BAND, {**WEEKLY, "pays": {"to": "member", "period": "day"}}], "rules[1].pays.period", "in which that of true_up lies"),
    ],
)
def test_periods_that_could_exceed_the_total_together_are_refused_and_it_says_what_to_change(
    sales: Any, rules: list[dict[str, Any]], at: str, words: str
) -> None:
    document = plan(*rules, caps={"total_bp": 1000})
    with sales.shop.enter():
        faults = dict(queries.check_document(document, T0).faults)
    assert words in faults[at] and "(now 1600)" in faults[at]
    with pytest.raises(commands.InvalidPlan):
        sales.publish(document)
    with sales.shop.enter():
        assert not queries.check_document({**document, "caps": {"total_bp": 1600}}, T0).faults
        assert queries.check_document({**document, "caps": {"total_bp": 1600, "margin_bp": 5000}}, T0).faults


def test_closes_of_a_week_and_a_month_stay_within_rates_that_fit_together(sales: Any) -> None:
    sales.publish(plan(WEEKLY, MONTHLY, caps={"total_bp": 1600}))
    order = sales.sell(10_000, paid_at=APRIL - timedelta(hours=2))
    with sales.shop.enter():
        commands.accrue([order])
    assert close(sales, APRIL + timedelta(days=9)) > 1
    assert sales.balance(1) == 1_600
    verified(sales)


def test_a_period_reward_says_what_it_is_paid_on(sales: Any) -> None:
    sales.publish(plan(BONUS))
    sell(sales, 10_000)
    close(sales)
    with sales.shop.enter():
        (bonus,) = queries.list_commissions(payee_id=1)
        explanation = queries.explain(bonus.commission_id)
    assert (bonus.kind, bonus.base_minor, bonus.amount_minor) == ("bonus", 10_000, 100)
    assert explanation.decision.agrees
    assert explanation.words


def test_one_closing_is_decided_again(sales: Any) -> None:
    sales.publish(plan(BONUS, POOL))
    sell(sales, 10_000, upline=(1, 2))
    close(sales)
    with sales.shop.enter():
        (listed,) = queries.list_closings()
        account = queries.get_closing_account(listed.closing_id)
        booked = closing_rewards(listed.closing_id)
        with pytest.raises(queries.ClosingNotFound):
            queries.get_closing_account(listed.closing_id + 1)
    assert account.agrees and account.closing == listed
    assert booked == sorted((each.rule_key, each.payee_id, each.amount_minor) for each in account.rewards)
    assert [(rule.rule_key, rule.pot_minor) for rule in account.rules if rule.pot_minor is not None] == [("pool", 200)]


def test_a_closing_and_its_rewards_stand(sales: Any) -> None:
    sales.publish(plan(BONUS))
    sell(sales, 10_000)
    close(sales)
    with pytest.raises(Exception, match=r"immutable|permission|stands|change"), sales.shop.enter():
        sql.execute("UPDATE commission_closings SET reward_minor = 0 WHERE tenant_id = %s", (sales.shop.id,))
