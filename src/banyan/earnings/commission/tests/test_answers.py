"""Why this, why not me, why not yet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.utils import translation

from banyan.earnings.commission import commands, queries
from banyan.earnings.commission.tests.shopfront import T0, Sales
from banyan.people.distributors.types import Status, Tier


def test_an_order_is_answered_for_everybody_paid_or_not(sales: Sales, driven_clock: Callable[[datetime], None]) -> None:
    sales.publish()
    frozen = (3, Status.FROZEN, Tier.GOLD)
    order = sales.sell(10_000, upline=(1, 2, frozen, 4))
    with sales.shop.enter(), translation.override("en"):
        commands.accrue([order])
        answers = {person: queries.answer_for(order, person) for person in (1, 2, 3, 4, 5)}
        assert (answers[1].outcome, answers[1].amount_minor, answers[1].reasons) == ("waiting", 1000, ("awaiting_receipt",))
        assert "¥10.00" in answers[1].words[0]
        assert (answers[3].outcome, answers[3].reasons) == ("nothing", ("not_active",))
        assert answers[4].reasons == ("no_rule",)
        assert answers[5].reasons == ("not_in_path",)
        assert all(each.words for each in answers.values())
        assert queries.answer_for(1, 1).outcome == "undecided"
        commands.mark_received([(order, T0)])
        assert queries.answer_for(order, 2).reasons == ("holding_period",)
    driven_clock(T0 + timedelta(days=8))
    with sales.shop.enter():
        commands.release_due(T0 + timedelta(days=8), 10)
        assert queries.answer_for(order, 1).outcome == "paid"


def test_an_order_of_a_time_without_a_plan_says_so(sales: Sales) -> None:
    order = sales.sell(10_000)
    with sales.shop.enter():
        commands.accrue([order])
        assert queries.answer_for(order, 1).reasons == ("no_plan",)
