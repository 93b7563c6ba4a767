"""Plans that ask more about an order: each question answered from the houses below, frozen, and decided again to the cent."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from banyan.earnings.commission import commands, queries
from banyan.earnings.commission.tests.shopfront import DOCUMENT, T0
from banyan.kernel import clock, sql

SELLER = {"key": "seller", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 1000}}


def plan(*rules: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**DOCUMENT, "title": "Facts", "rules": list(rules), **changes}


def shares(sales: Any, order_id: int) -> dict[str, int]:
    with sales.shop.enter():
        kept = queries.list_for_orders([order_id]).get(order_id, [])
        decision = queries.decide_again(order_id)
    assert decision.agrees
    return {f"{each.rule_key}:{each.payee_id}": each.amount_minor for each in kept}


def accrue(sales: Any, *order_ids: int) -> None:
    with sales.shop.enter():
        commands.accrue(order_ids)


def test_a_plan_that_asks_nothing_keeps_its_bytes(sales: Any) -> None:
    sales.publish()
    order_id = sales.sell(10_000)
    accrue(sales, order_id)
    with sales.shop.enter():
        (text,) = sql.fetch("SELECT inputs FROM commission_accruals WHERE id = %s", (order_id,))[0]
    line_id = sales.lines(order_id)[0]
    upline = ",".join(f'[{member},{depth},"gold","active",null]' for depth, member in enumerate((1, 2, 3)))
    listed = T0.isoformat()
    assert text == f'{{"lines":[[{line_id},10000,1,7,[1,12],["eco"],"{listed}"]],"upline":[{upline}]}}'


def test_margin_needs_the_cost_of_the_goods(sales: Any) -> None:
    sales.publish(plan({**SELLER, "basis": "margin"}))
    order_id = sales.sell(10_000)
    order = sales.orders[order_id]
    sku = order.lines[0].sku._replace(cost_minor=6_500)
    sales.orders[order_id] = order._replace(lines=(order.lines[0]._replace(sku=sku),))
    accrue(sales, order_id)
    assert shares(sales, order_id) == {"seller:1": 350}


def test_sales_of_the_month_lift_the_band_and_only_earlier_orders_count(sales: Any) -> None:
    bands = [{"from_minor": 0, "rate_bp": 500}, {"from_minor": 10_000, "rate_bp": 800}]
    ladder = {"kind": "whole_band", "by": "figure", "figure": "month_sales_minor", "bands": bands}
    team = {"kind": "whole_band", "by": "figure", "figure": "month_team_sales_minor", "bands": bands}
    sales.publish(plan({**SELLER, "amount": ladder}, {"key": "up", "pays": {"to": "ancestor", "depth": 1}, "amount": team}))
    early = sales.sell(6_000)
    accrue(sales, early)
    second, third = sales.sell(6_000, paid_at=T0 + timedelta(hours=1)), sales.sell(5_000, paid_at=T0 + timedelta(hours=2))
    accrue(sales, third, second)
    assert shares(sales, early) == {"seller:1": 300, "up:2": 300}
    assert shares(sales, second) == {"seller:1": 300, "up:2": 300}
    assert shares(sales, third) == {"seller:1": 400, "up:2": 400}
    next_month = sales.sell(5_000, paid_at=T0 + timedelta(days=31))
    accrue(sales, next_month, early)  # told again: nothing is counted twice
    assert shares(sales, next_month) == {"seller:1": 250, "up:2": 250}
    assert sales.count("commission_sales") == 6


def test_a_plan_published_in_the_month_counts_what_was_sold_before(sales: Any) -> None:
    sales.publish(plan(SELLER))
    accrue(sales, sales.sell(9_000), sales.sell(2_000))
    bands = [{"from_minor": 0, "rate_bp": 500}, {"from_minor": 10_000, "rate_bp": 800}]
    ladder = {"kind": "whole_band", "by": "figure", "figure": "month_sales_minor", "bands": bands}
    with clock.driven(T0 + timedelta(days=1)):
        sales.publish(plan({**SELLER, "amount": ladder}), "Ladder")
    order_id = sales.sell(1_000, paid_at=T0 + timedelta(days=2))
    accrue(sales, order_id)
    assert shares(sales, order_id) == {"seller:1": 80}


@pytest.mark.parametrize(
    ("caps", "rule_caps", "expected"),
    [
        ({"budget_minor": 1_500}, {}, [1000, 500, 0]),
        ({"payee_period_minor": 1_200}, {}, [1000, 200, 0]),
        ({}, {"period_minor": 1_100}, [1000, 100, 0]),
        ({"budget_minor": 2_500, "budget_per": "version"}, {}, [1000, 1000, 500]),
    ],
)
def test_caps_by_period_and_budget_see_what_was_accrued_before(
    sales: Any, caps: dict[str, Any], rule_caps: dict[str, Any], expected: list[int]
) -> None:
    sales.publish(plan({**SELLER, "caps": rule_caps}, caps={"total_bp": 2500, **caps}))
    orders = [sales.sell(10_000, paid_at=T0 + timedelta(minutes=minute)) for minute in range(3)]
    accrue(sales, orders[0])
    accrue(sales, *orders[1:])
    assert [sum(shares(sales, order_id).values()) for order_id in orders] == expected


def test_channel_region_first_order_and_clock_are_read_once_for_the_batch(sales: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """T0 is 10:00 in the shop's zone."""
    asked: list[tuple[str, int]] = []

    def channels(order_ids: list[int]) -> dict[int, str]:
        asked.append(("channel", len(order_ids)))
        return dict.fromkeys(order_ids[:1], "live")

    def region_codes(order_ids: list[int]) -> dict[int, str]:
        asked.append(("region", len(order_ids)))
        return dict.fromkeys(order_ids[:1], "440304")

    houses = SimpleNamespace(channels=channels, region_codes=region_codes, first_paid=lambda order_ids: set(order_ids[1:]))
    monkeypatch.setattr("banyan.earnings.commission.queries.facts.orders", houses)
    rules = [
        {**SELLER, "key": key, "when": when}
        for key, when in {
            "live": {"channel": ["live"]},
            "south": {"region": ["44"]},
            "first": {"first_order": True},
            "morning": {"time_of_day": {"from": "09:00", "to": "11:00"}},
            "night": {"time_of_day": {"from": "22:00", "to": "06:00"}},
        }.items()
    ]
    sales.publish(plan(*rules, caps={"total_bp": 10_000}))
    one, two = sales.sell(1_000), sales.sell(1_000)
    accrue(sales, one, two)
    assert set(shares(sales, one)) == {"live:1", "south:1", "morning:1"}
    assert set(shares(sales, two)) == {"first:1", "morning:1"}
    assert asked == [("channel", 2), ("region", 2)]
