"""Rewards of a period that runs: provided for at midnight, adjusted by what they rose or fell, for good when it closes."""

from __future__ import annotations

import random
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import pytest

from banyan.earnings.commission import commands, queries
from banyan.earnings.commission.commands import closing
from banyan.earnings.commission.queries import closings
from banyan.earnings.commission.tests.shopfront import T0
from banyan.earnings.commission.tests.test_api import Caller, make_distributor
from banyan.earnings.commission.tests.test_closing import (
    APRIL,
    BONUS,
    POOL,
    close,
    everybody_stands,
    give_back,
    plan,
    sell,
    verified,
)
from banyan.earnings.commission.types import Commission, Hold
from banyan.kernel import clock, ids
from banyan.people.distributors.types import DistributorId, Standing, Status, Tier
from banyan.people.identity.types import Role
from banyan.treasury.ledger.types import AccountKind

__all__ = ["everybody_stands"]
FIXED_POOL = {**POOL, "amount": {"kind": "fixed", "minor": 300, "per": "period"}}


def provide(sales: Any, at: datetime) -> int:
    count = 0
    with clock.driven(at), sales.shop.enter():
        while commands.provide_due(at):
            count += 1
    return count


def sell_at(sales: Any, at: datetime, amount: int, **told: Any) -> int:
    order_id = sales.sell(amount, paid_at=at, **told)
    with sales.shop.enter():
        commands.accrue([order_id])
    return int(order_id)


def rewards(sales: Any, payee_id: int) -> list[Commission]:
    with sales.shop.enter():
        return queries.list_commissions(payee_id=payee_id)


def test_a_members_reward_follows_his_sales_day_by_day_and_the_close_has_the_last_word(sales: Any) -> None:
    sales.publish(plan(BONUS))
    order = sell_at(sales, T0, 10_000)
    assert provide(sales, T0) == 0  # the period began today
    assert provide(sales, T0 + timedelta(days=1)) == 1
    assert provide(sales, T0 + timedelta(days=1, minutes=30)) == 0
    assert sales.balance(1) == 100
    give_back(sales, order, 4_000, 1, T0 + timedelta(days=2))
    assert provide(sales, T0 + timedelta(days=3)) == 1
    assert sales.balance(1) == 60
    sell_at(sales, T0 + timedelta(days=4), 5_000)
    assert provide(sales, T0 + timedelta(days=5)) == 1
    assert sales.balance(1) == 110
    verified(sales)
    with sales.shop.enter():
        assert commands.release_due(APRIL + timedelta(days=90), 100) == 0  # nothing is released before the close
    sell_at(sales, T0 + timedelta(days=20), 1_000)
    assert close(sales) == 1
    assert sales.balance(1) == 120
    verified(sales)
    with sales.shop.enter():
        closings = queries.list_closings()
        assert [(each.is_final, each.reward_minor) for each in closings] == [(True, 120), (False, 110), (False, 60), (False, 100)]
        assert commands.release_due(APRIL + timedelta(days=7), 100) == 1
    assert sales.balance(1, AccountKind.DISTRIBUTOR_AVAILABLE) == 120
    assert close(sales) == provide(sales, APRIL + timedelta(hours=2)) == 0
    verified(sales)


def test_what_fell_to_nothing_is_taken_back_by_the_close(sales: Any) -> None:
    sales.publish(plan(BONUS))
    order = sell_at(sales, T0, 10_000)
    provide(sales, T0 + timedelta(days=1))
    give_back(sales, order, 10_000, 1, T0 + timedelta(days=20))
    assert close(sales) == 1
    assert sales.balance(1) == 0
    verified(sales)
    with sales.shop.enter():
        assert commands.release_due(APRIL + timedelta(days=7), 100) == 1
    assert sales.balance(1, AccountKind.DISTRIBUTOR_AVAILABLE) == 0
    verified(sales)


def test_a_pool_is_whole_at_every_midnight_though_shares_fall(sales: Any) -> None:
    sales.publish(plan(FIXED_POOL))
    sell_at(sales, T0, 10_000, upline=(1, 2, 3))
    provide(sales, T0 + timedelta(days=1))
    assert [sales.balance(each) for each in (1, 2, 3)] == [100, 100, 100]
    sell_at(sales, T0 + timedelta(days=2), 20_000, upline=(4,))
    provide(sales, T0 + timedelta(days=3))
    assert [sales.balance(each) for each in (1, 2, 3, 4)] == [60, 60, 60, 120]
    verified(sales)
    assert close(sales) == 1
    assert [sales.balance(each) for each in (1, 2, 3, 4)] == [60, 60, 60, 120]
    verified(sales)


def test_who_is_frozen_at_midnight_has_no_share_from_then_on(sales: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sales.publish(plan(BONUS))
    sell_at(sales, T0, 10_000)
    provide(sales, T0 + timedelta(days=1))

    def standings_at(of: list[int], _at: datetime) -> dict[int, Standing]:
        return {each: Standing(DistributorId(each), Status.FROZEN, Tier.GOLD) for each in of}

    monkeypatch.setattr("banyan.earnings.commission.queries.closings.distributors.standings_at", standings_at)
    provide(sales, T0 + timedelta(days=2))
    assert sales.balance(1) == 0
    verified(sales)


def test_what_is_provided_takes_nothing_of_a_budget_from_the_orders(sales: Any) -> None:
    """A budget of 1,500: 1,000 for the first order, 500 provided; the second order still has its 500, and the reward none."""
    seller = {"key": "seller", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 1000}}
    bonus = {**BONUS, "amount": {"kind": "rate", "rate_bp": 1000}}
    sales.publish(plan(seller, bonus, caps={"total_bp": 2500, "budget_minor": 1500}))
    sell_at(sales, T0, 10_000)
    provide(sales, T0 + timedelta(days=1))
    assert sales.balance(1) == 1_500
    sell_at(sales, T0 + timedelta(days=2), 10_000)
    assert sales.balance(1) == 2_000
    provide(sales, T0 + timedelta(days=3))
    assert sales.balance(1) == 1_500
    assert close(sales) == 1
    assert sales.balance(1) == 1_500
    verified(sales)


def test_a_provisional_reward_explains_itself_and_says_what_it_waits_for(sales: Any) -> None:
    sales.publish(plan(BONUS))
    sell_at(sales, T0, 10_000)
    provide(sales, T0 + timedelta(days=1))
    sell_at(sales, T0 + timedelta(days=2), 5_000)
    provide(sales, T0 + timedelta(days=3))
    added, first = rewards(sales, 1)
    assert (first.amount_minor, added.amount_minor, added.hold) == (100, 50, Hold.PROVISIONAL)
    with sales.shop.enter():
        explained = [queries.explain(each.commission_id) for each in (first, added)]
    assert all(each.decision.agrees for each in explained)
    words = " ".join(explained[1].words)
    assert "这是预提" in words and "已在本周期内较早计提" in words and "收货" not in words
    close(sales)
    assert {each.hold for each in rewards(sales, 1)} == {Hold.HOLDING_PERIOD}


def test_over_http_a_reward_has_its_closing_and_no_order(sales: Any) -> None:
    one, operator = Caller(sales, Role.DISTRIBUTOR), Caller(sales, Role.OPERATOR)
    payee = make_distributor(sales, one)
    seller = {"key": "seller", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 500}}
    sales.publish(plan(seller, BONUS))
    (order,) = sell(sales, 10_000, upline=(payee,))
    provide(sales, T0 + timedelta(days=1))
    with clock.driven(T0 + timedelta(days=1)):
        reward, share = one.send("GET", "/commissions")["items"]
        (provided,) = operator.send("GET", "/plans/closings")["items"]
    assert (reward["kind"], reward["hold"], reward["order_id"], reward["line_id"]) == ("bonus", "provisional", None, None)
    assert reward["closing_id"] == provided["closing_id"]
    assert (provided["is_final"], provided["reward_minor"]) == (False, 100)
    assert (share["order_id"], share["closing_id"]) == (ids.public("ord", order), None)


def test_what_was_provided_before_takes_nothing_from_the_periods_caps(sales: Any) -> None:
    """20 % of 10,000 within 25 %: no matter how many midnights saw it before."""
    sales.publish(plan({**BONUS, "amount": {"kind": "rate", "rate_bp": 2000}}))
    sell_at(sales, T0, 10_000)
    for day in (1, 2, 3):
        assert provide(sales, T0 + timedelta(days=day)) == 1
        assert sales.balance(1) == 2_000
    assert close(sales) == 1
    assert sales.balance(1) == 2_000
    verified(sales)


def read_orders(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The orders that closings read from now on."""
    read, real = list[int](), closings.thaw_inputs

    def noted(order_id: int, *inputs: Any) -> Any:
        read.append(order_id)
        return real(order_id, *inputs)

    monkeypatch.setattr(closings, "thaw_inputs", noted)
    return read


def test_a_midnight_reads_the_orders_since_the_one_before(sales: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sales.publish(plan(BONUS, POOL))
    first = sell_at(sales, T0, 10_000)
    read = read_orders(monkeypatch)
    provide(sales, T0 + timedelta(days=1))
    second = sell_at(sales, T0 + timedelta(days=1), 5_000)
    provide(sales, T0 + timedelta(days=2))
    assert read == [first, second]
    give_back(sales, first, 4_000, 1, T0 + timedelta(days=2))
    third = sell_at(sales, T0 + timedelta(days=20), 2_000)
    assert close(sales) == 1
    assert read == [first, second, third, first]  # at last for what came back of it
    with sales.shop.enter():
        assert queries.list_closings()[0].order_count == 3
    verified(sales)


def test_an_order_that_is_told_of_late_is_added_up_with_all_others(sales: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sales.publish(plan(BONUS))
    first = sell_at(sales, T0, 10_000)
    provide(sales, T0 + timedelta(days=1))
    late, second = sell_at(sales, T0 + timedelta(hours=1), 3_000), sell_at(sales, T0 + timedelta(days=1), 5_000)
    read = read_orders(monkeypatch)
    provide(sales, T0 + timedelta(days=2))
    assert read == [first, late, second]
    assert sales.balance(1) == 180
    verified(sales)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_added_to_the_midnight_before_is_what_all_orders_add_up_to(
    sales: Any, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Random sales and returns, also of the same line on several days and told of late: the same sums as from the beginning."""
    seller = {"key": "seller", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 333}}
    caps = {"total_bp": 777, "margin_bp": 9_000, "budget_minor": 5_000, "budget_per": "version"}
    caps |= {"payee_period_minor": 900} if seed % 2 else {}
    pools = [] if seed % 2 else [POOL, {**FIXED_POOL, "key": "fixed", "amount": {"kind": "fixed", "minor": 99, "per": "period"}}]
    sales.publish(plan(seller, BONUS, *pools, caps=caps))
    chance, sold = random.Random(seed), list[int]()
    real, compared = closing._add_up, list[int]()

    def both(due: Any, currency: str) -> Any:
        found = real(due, currency)
        with monkeypatch.context() as alone:
            alone.setattr(closing, "provided_before", lambda *_: None)
            whole = real(due, currency)
        assert (asdict(found[0].sums), asdict(found[1]), found[2]) == (asdict(whole[0].sums), asdict(whole[1]), whole[2])
        compared.append(found[2])
        return found

    monkeypatch.setattr(closing, "_add_up", both)
    for day in range(8):
        at = T0 + timedelta(days=day)
        for hour in range(chance.randint(0, 3)):
            upline = tuple(chance.sample(range(1, 5), chance.randint(0, 3)))
            sold.append(
                sell_at(sales, at - timedelta(hours=chance.choice((hour, 0, 30))), chance.randint(1, 9_999), upline=upline)
            )
        for number in range(2 if sold else 0):
            back = chance.choice(sold)
            part = sales.orders[back].lines[0].commissionable_minor // 3
            give_back(sales, back, part, 10 * day + number, at - timedelta(hours=chance.choice((0, 30))))
        provide(sales, at + timedelta(days=1))
    assert close(sales) >= 1
    assert len(compared) > 8 and compared[-1] > 5
    verified(sales)
