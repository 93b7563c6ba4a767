"""What a period pays leads to the period's closing, and the closing to what it paid."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from banyan.config import explaining
from banyan.earnings.commission import commands, queries
from banyan.earnings.commission.tests.conftest import sales
from banyan.earnings.commission.tests.shopfront import T0
from banyan.earnings.commission.tests.test_closing import BONUS, close, everybody_stands, give_back, plan, sell
from banyan.kernel import clock, ids

__all__ = ["everybody_stands", "sales"]


def _heads(chain: list[tuple[str, str]]) -> list[str]:
    return [name for name, _ in chain]


def _provide(sales: Any, days: int) -> None:
    with clock.driven(T0 + timedelta(days=days)), sales.shop.enter():
        assert commands.provide_due(T0 + timedelta(days=days)) == 1


def test_a_periods_reward_leads_to_its_closing_and_back(sales: Any) -> None:
    sales.publish(plan(BONUS))
    (order,) = sell(sales, 10_000)
    _provide(sales, 1)
    sell(sales, 5_000)
    _provide(sales, 2)
    give_back(sales, order, 4_000, 1, T0 + timedelta(days=3))
    assert close(sales) == 1
    with sales.shop.enter():
        final, second, first = (ids.public("clg", each.closing_id) for each in queries.list_closings())
        later, earlier = (ids.public("cms", each.commission_id) for each in queries.list_commissions(payee_id=1))
        (entry, *_) = (name for name in _heads(explaining.explain_here(earlier).led_to) if name.startswith("ent_"))
        booked = explaining.explain_here(entry)
        reward, closing, last = (explaining.explain_here(each) for each in (later, second, final))
    assert reward.facts["closing_id"] == second and not {"order_id", "line_id"} & reward.facts.keys()
    assert _heads(reward.came_from) == [second, first]
    assert closing.kind == "closing" and closing.facts["reward_minor"] == 150 and closing.facts["is_final"] is False
    assert later in _heads(closing.led_to) and earlier not in _heads(closing.led_to)
    assert booked.facts["reference_id"] == first == booked.came_from[0][0]
    (taken,) = (name for name in _heads(last.led_to) if name.startswith("crv_"))
    assert explaining.explain(taken).facts["closing_id"] == first
    assert final in _heads(explaining.explain(taken).came_from)
    assert not any(name.startswith("ord_") for told in (reward, closing, last, booked) for name in _heads(told.came_from))
