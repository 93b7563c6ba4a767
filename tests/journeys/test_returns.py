"""Goods come back at every stage of the river, whole, twice and in thirds; answers get lost; no cent does."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.slow
def test_a_return_at_every_stage(stage: Any) -> None:
    """One order of three teas per stage; the order called thirds loses one tea at three different stages."""
    # ── 2 March: everything is bought on one day ──
    stage.found()
    stage.at("2026-03-02 10:00")
    names = ("unshipped", "received", "released", "reviewed", "paying", "paid", "thirds")
    orders = {name: stage.buy(stage.zhou, stage.sku_id, 3) for name in names}
    stage.verify()
    before_the_release(stage, orders)
    after_the_release(stage, orders)
    during_settlement(stage, orders)
    after_the_payout(stage, orders)


def before_the_release(stage: Any, orders: dict[str, Any]) -> None:
    """2 and 4 March: unshipped, then received and still on hold."""
    # ── before it ships ──
    stage.give_back(orders["unshipped"], "unshipped")
    stage.give_back(orders["thirds"], "unshipped")
    stage.settled(minutes=10)
    stage.verify()

    # ── after receipt, within the hold; twice on the same order, and never more than was bought ──
    stage.at("2026-03-04 10:00")
    for order in orders.values():
        stage.ship(order)
    stage.settled(hours=1)
    for _ in range(3):
        stage.give_back(orders["received"], "goods_back")
    line = orders["received"]["lines"][0]["id"]
    body = {
        "order_id": orders["received"]["id"],
        "mode": "goods_back",
        "reason": "再退",
        "lines": [{"line_id": line, "quantity": 1}],
    }
    assert stage.zhou.refused("POST", "/returns", body) == (409, "return_exceeds_sold")
    stage.settled(minutes=10)
    assert sum(amount for _, amount in stage.mei.waits_for()) == 1_000 * (7 * 3 - 1 - 1 - 3)
    stage.verify()


def after_the_release(stage: Any, orders: dict[str, Any]) -> None:
    """20 March."""
    # ── after the release ──
    stage.at("2026-03-20 10:00")
    stage.give_back(orders["released"], "goods_back", goodwill=True)
    stage.give_back(orders["thirds"], "goods_back", goodwill=True)
    stage.settled(minutes=10)
    assert stage.mei.waits_for() == [("period_running", 14_000)]
    stage.verify()


def during_settlement(stage: Any, orders: dict[str, Any]) -> None:
    """1 and 2 April: under review, then while the money is on its way."""
    lin, mei = stage.lin, stage.mei
    # ── 1 April: while the statement is under review, it shrinks before the reviewer's eyes ──
    stage.at("2026-04-01 00:00")
    assert (mei.statements(), lin.statements()) == ([("under_review", 14_000)], [("under_review", 7_000)])
    stage.give_back(orders["reviewed"], "goods_back", goodwill=True)
    stage.settled(minutes=10)
    assert (mei.statements(), lin.statements()) == ([("under_review", 13_000)], [("under_review", 6_500)])
    stage.verify()

    # ── approved, while the money is on its way ──
    assert (stage.approve(stage.mei_id), stage.approve(stage.lin_id)) == ("paying", "paying")
    stage.settled(minutes=1)
    stage.give_back(orders["paying"], "goods_back", goodwill=True)
    stage.settled(minutes=10)
    stage.verify()
    stage.confirm(mei)
    assert mei.statements() == [("paid", 13_000)]

    # ── Lin's payout expires; her reversal came meanwhile, so the amount goes into the next statement ──
    stage.at("2026-04-02 00:30")
    stage.settled(minutes=10)
    assert lin.statements() == [("returned", 6_500)]
    stage.verify()


def after_the_payout(stage: Any, orders: dict[str, Any]) -> None:
    """10 April, and the next settlement on 1 May."""
    lin, mei = stage.lin, stage.mei
    # ── after the payout ──
    stage.at("2026-04-10 10:00")
    stage.give_back(orders["paid"], "goods_back", goodwill=True)
    stage.give_back(orders["thirds"], "goods_back", goodwill=True)
    stage.settled(minutes=10)
    assert mei.waits_for() == [("debt", -3_000)]
    stage.verify()

    # ── 1 May: Mei's debt is carried and said so; Lin is paid what is left ──
    stage.at("2026-05-01 00:00")
    assert mei.statements()[0] == ("carried", -3_000)
    assert lin.statements()[0] == ("under_review", 5_000)
    assert stage.approve(stage.lin_id) == "paying"
    stage.settled(minutes=1)
    stage.confirm(lin)
    assert stage.channel.paid_out() == {"openid-mei": 13_000, "openid-lin": 5_000}
    refunded = [one["refund_minor"] for one in stage.zhou.get(f"/returns?order_id={orders['thirds']['id']}")["items"]]
    assert refunded == [10_000, 10_000, 10_000]
    stage.verify()


@pytest.mark.slow
def test_lost_answers_cost_nobody_anything(stage: Any) -> None:
    """The channel does what we asked and its answer is lost, three times in a row for each kind of call."""
    # ── 2 March: the order ──
    stage.found()
    stage.at("2026-03-02 10:00")
    order = stage.buy(stage.zhou, stage.sku_id, 3)

    # ── the refund's answers are lost ──
    stage.channel.break_next("refund", "lose_answer", 3)
    stage.give_back(order, "unshipped")
    for _ in range(6):
        stage.settled(minutes=30)
    assert stage.zhou.get("/returns")["items"][0]["status"] == "refunded"
    assert [row["amount"] for row in stage.channel.state()["refunds"]] == [10_000]
    stage.verify()

    # ── 1 April: the transfer's answers are lost ──
    stage.ship(order)
    stage.at("2026-03-20 10:00")
    stage.at("2026-04-01 00:00")
    stage.channel.break_next("transfer", "lose_answer", 3)
    assert stage.approve(stage.mei_id) == "paying"
    for _ in range(6):
        stage.settled(minutes=30)
    stage.confirm(stage.mei)
    assert len(stage.channel.state()["transfers"]) == 1
    assert stage.channel.paid_out() == {"openid-mei": 2_000}
    assert stage.mei.statements() == [("paid", 2_000)]
    stage.verify()
