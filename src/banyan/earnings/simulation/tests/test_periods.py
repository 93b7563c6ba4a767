"""Rewards of periods and true-ups in a simulation: to the cent what live closes paid, and named where they cannot be compared."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from banyan.earnings.commission import commands as commission
from banyan.earnings.commission.tests.shopfront import DOCUMENT, T0, Sales
from banyan.earnings.commission.tests.test_closing import BAND, BONUS, POOL, everybody_stands, give_back
from banyan.earnings.simulation import commands, queries
from banyan.earnings.simulation.types import NewRun
from banyan.kernel import clock, sql
from banyan.people.distributors.types import Status, Tier

__all__ = ["everybody_stands"]
APRIL, MAY = datetime(2026, 3, 31, 16, tzinfo=UTC), datetime(2026, 4, 30, 16, tzinfo=UTC)
"""First days of months in the shop's zone."""
DAILY = {"key": "daily", "pays": {"to": "member", "period": "day"}, "amount": {"kind": "rate", "rate_bp": 30}}
FULL: dict[str, Any] = {
    **DOCUMENT,
    "title": "Months",
    "caps": {"total_bp": 1100},
    "rules": [BAND, {"key": "parent", "pays": {"to": "ancestor", "depth": 1}, "amount": {"kind": "rate", "rate_bp": 77}},
              BONUS, POOL, DAILY],
}  # fmt: skip
MARCH = (APRIL - timedelta(days=31), APRIL)


def _live(sales: Sales, *, days: int = 31, seed: int = 5) -> None:
    """A month of the real commands: a few sales a day, returns of some, days closed and the month provided for every week."""
    chance, sold = random.Random(seed), list[int]()
    for day in range(days):
        at = T0 + timedelta(days=day)
        orders = []
        for hour in range(chance.choice((0, 1, 2))):
            upline = [(each, Status.ACTIVE, Tier.GOLD) for each in chance.sample(range(1, 6), chance.randint(1, 3))]
            orders.append(sales.sell(chance.randint(700, 9_999), upline=upline, paid_at=at + timedelta(hours=hour)))
        with sales.shop.enter():
            commission.accrue(orders)
        sold += orders
        if sold and chance.random() < 0.3:
            back = chance.choice(sold)
            give_back(sales, back, sales.orders[back].lines[0].commissionable_minor // 3, day + 1, at + timedelta(hours=5))
        _midnight(sales, at.replace(hour=17, minute=30), provided=day % 7 == 6)


def _midnight(sales: Sales, at: datetime, *, provided: bool = True) -> None:
    with clock.driven(at), sales.shop.enter():
        while commission.close_due(at):
            pass
        while provided and commission.provide_due(at):
            pass


def _sell(sales: Sales, at: datetime, amount: int, *people: int) -> int:
    order_id = sales.sell(amount, upline=people, paid_at=at)
    with sales.shop.enter():
        commission.accrue([order_id])
    return order_id


def _simulate(sales: Sales, document: dict[str, Any], start_at: datetime, end_at: datetime) -> commands.Simulated:
    found = commands.simulate(sales.shop.id, document, start_at, end_at, processes=0)
    assert found is not None
    return found


def _booked(sales: Sales) -> dict[int, int]:
    """What each payee was ever given, less what true-ups and closes took off it again; before returns."""
    with sales.shop.enter():
        rows = sql.fetch(
            "SELECT c.payee_id, sum(c.amount_minor - coalesce((SELECT sum(r.lowered_minor) FROM commission_reversals r"
            " WHERE r.commission_id = c.id), 0))::bigint FROM commission_commissions c WHERE c.tenant_id = %s GROUP BY 1",
            (sales.shop.id,),
        )
    return {payee: minor for payee, minor in rows if minor}


def _per_payee(paid: dict[tuple[int, int, str], int], side: int) -> dict[int, int]:
    sums: dict[int, int] = {}
    for (payee, on, _), amount in paid.items():
        if on == side:
            sums[payee] = sums.get(payee, 0) + amount
    return {payee: minor for payee, minor in sums.items() if minor}


def test_the_plan_in_force_simulated_over_a_closed_month_is_what_was_paid(sales: Sales, monkeypatch: pytest.MonkeyPatch) -> None:
    sales.publish(FULL)
    _live(sales)
    tally = _simulate(sales, FULL, *MARCH).tally
    assert tally.differing == 0
    rules = [{rule: minor for (on, rule), minor in tally.by_rule.items() if on == side} for side in (0, 1)]
    assert rules[0] == rules[1]
    assert {rule for rule, minor in rules[1].items() if minor} == {"band", "parent", "bonus", "pool", "daily"}
    assert _per_payee(tally.paid, 1) == _per_payee(tally.paid, 0) == _booked(sales) != {}
    assert len(tally.by_period) > 10
    assert all(pair.old == pair.new and pair.is_whole and not pair.is_open for pair in tally.by_period.values())
    assert all(pair.old == pair.new for sums in (tally.by_tier, tally.by_depth, tally.released) for pair in sums.values())
    assert all(old == new for _, _, old, new in tally.by_day.values())
    monkeypatch.setattr("banyan.earnings.simulation.commands.running.SLICE", 7)
    assert _simulate(sales, FULL, *MARCH).tally == tally


def test_what_comes_back_of_earlier_orders_lowers_the_same_plans_period_and_no_others(sales: Sales) -> None:
    """10,000 of March; in April 6,000, and 4,000 of March come back: 1 % of 2,000; of 6,000 by a plan that March did not have."""
    sales.publish({**DOCUMENT, "rules": [BONUS]})
    first = _sell(sales, T0, 10_000, 1)
    _midnight(sales, APRIL + timedelta(hours=2))
    _sell(sales, APRIL + timedelta(days=2), 6_000, 1)
    give_back(sales, first, 4_000, 1, APRIL + timedelta(days=3))
    _midnight(sales, MAY + timedelta(hours=2))
    tally = _simulate(sales, {**DOCUMENT, "rules": [BONUS]}, APRIL, MAY).tally
    assert (tally.total.old, tally.total.new) == (20, 20)
    other = {**DOCUMENT, "rules": [{**BONUS, "key": "other"}]}
    assert _simulate(sales, other, APRIL, MAY).tally.total.new == 60


def test_a_draft_with_pools_is_not_cheap_where_the_plan_in_force_has_none(sales: Sales) -> None:
    """Net sales 6,000 and 20,000: 1 % of his own each; 2 % of 26,000 by team sales of 6,000, 26,000 and 26,000."""
    sales.publish(DOCUMENT)
    first = _sell(sales, T0, 10_000, 1, 2, 3)
    _sell(sales, T0 + timedelta(days=1), 20_000, 2, 3)
    give_back(sales, first, 4_000, 1, T0 + timedelta(days=4))
    draft = {**DOCUMENT, "rules": [*DOCUMENT["rules"], BONUS, POOL]}
    with sales.shop.enter():
        run_id = commands.request(NewRun(draft, *MARCH))
    assert commands.run_due(sales.shop.id) == 1
    with sales.shop.enter():
        run = queries.get_run(run_id)
    outcome = run.outcome
    assert outcome is not None
    assert {row["payee_id"]: row["delta_minor"] for row in outcome["gainers"]} == {1: 60 + 54, 2: 200 + 233, 3: 233}
    assert outcome["delta_minor"] == 780 and outcome["losers"] == []
    added = [(row["rule"], row["new_minor"]) for row in outcome["by_rule"] if row["old_minor"] == 0]
    assert added == [("bonus", 260), ("pool", 520)]
    for name in ("by_rule", "by_tier", "by_depth", "by_month", "by_day"):
        assert sum(row["new_minor"] for row in outcome[name]) == outcome["new_minor"], name
    assert [(row["day"], row["new_minor"]) for row in outcome["by_day"]][-1] == ("2026-04-01", 780)
    assert [(row["day"], row["new_minor"]) for row in outcome["released_by_day"]] == [("2026-04-08", 780)]
    assert outcome["by_period"] == [
        {"period": "month", "first_day": "2026-03-01", "end_day": "2026-04-01", "old_minor": 0, "new_minor": 780,
         "delta_minor": 780, "is_whole": True, "is_open": False}
    ]  # fmt: skip
    assert len(list(queries.rows_of(run, "periods"))) == 2


def test_periods_in_part_and_periods_not_closed_yet_are_named(sales: Sales) -> None:
    sales.publish({**DOCUMENT, "rules": [BONUS]})
    _sell(sales, T0, 10_000, 1)
    _sell(sales, T0 + timedelta(days=10), 5_000, 1)
    _midnight(sales, APRIL + timedelta(hours=2))
    _sell(sales, APRIL + timedelta(days=1), 3_000, 1)
    tally = _simulate(sales, {**DOCUMENT, "rules": [BONUS]}, T0 + timedelta(days=5), MAY).tally
    march, april = (tally.by_period["month", day] for day in ("2026-03-01", "2026-04-01"))
    assert (march.old, march.new, march.is_whole, march.is_open) == (150, 50, False, False)
    assert (april.old, april.new, april.is_whole, april.is_open) == (0, 30, True, True)


@pytest.mark.slow
def test_two_processes_close_the_same_periods(sales: Sales, monkeypatch: pytest.MonkeyPatch) -> None:
    sales.publish(FULL)
    for day in range(0, 61, 4):
        _sell(sales, T0 + timedelta(days=day), 4_000 + day, 1 + day % 3, 5)
    alone = _simulate(sales, FULL, MARCH[0], MAY)
    monkeypatch.setattr("banyan.earnings.simulation.commands.running.SLICE", 5)
    together = commands.simulate(sales.shop.id, FULL, MARCH[0], MAY, processes=2)
    assert together is not None
    assert together.tally == alone.tally
    assert {"band", "bonus", "pool"} <= {rule for _, rule in together.tally.by_rule}


def test_a_plan_without_rewards_of_periods_counts_nothing_for_them(sales: Sales, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("asked")

    sales.publish(DOCUMENT)
    _sell(sales, T0, 10_000, 1)
    for name in ("window_orders", "close_window", "true_up_window", "count_earlier"):
        monkeypatch.setattr(f"banyan.earnings.simulation.commands.slicing.commission.{name}", never)
    assert _simulate(sales, DOCUMENT, *MARCH).tally.by_period == {}
