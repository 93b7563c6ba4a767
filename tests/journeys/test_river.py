"""The whole river of money, told as a dated story over HTTP: order, commission, return, settlement, payout, debt, freeze."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.slow
def test_the_whole_river(stage: Any) -> None:
    # ── 1 March: the shop opens ──
    stage.found()
    stage.verify()
    first = sell_and_release(stage)
    settle_and_pay(stage)
    take_back_after_payout(stage, first)
    earn_the_debt_back(stage)
    freeze_and_clear(stage)


def sell_and_release(stage: Any) -> dict[str, Any]:
    """2 to 12 March: an order, a part of it back, the rest received and released. Returns the order."""
    lin, mei, zhou = stage.lin, stage.mei, stage.zhou
    # ── 2 March: Zhou, who came by Mei's code, buys three teas and pays with WeChat ──
    stage.at("2026-03-02 10:00")
    first = stage.buy(zhou, stage.sku_id, 3)
    assert first["state"] == "paid"
    assert (mei.waits_for(), lin.waits_for()) == ([("awaiting_receipt", 3_000)], [("awaiting_receipt", 1_500)])
    stage.verify()

    # ── 3 March: one tea goes back before it ships; both lose exactly a third ──
    stage.at("2026-03-03 10:00")
    assert stage.give_back(first, "unshipped")["refund_minor"] == 10_000
    stage.settled(minutes=10)
    assert zhou.get("/returns")["items"][0]["status"] == "refunded"
    assert (mei.waits_for(), lin.waits_for()) == ([("awaiting_receipt", 2_000)], [("awaiting_receipt", 1_000)])
    stage.verify()

    # ── 4 March: the rest is shipped and received; 12 March: the hold is over ──
    stage.at("2026-03-04 10:00")
    stage.ship(first)
    assert [reason for reason, _ in mei.waits_for()] == ["holding_period"]
    stage.at("2026-03-12 10:00")
    assert (mei.waits_for(), lin.waits_for()) == ([("period_running", 2_000)], [("period_running", 1_000)])
    stage.verify()
    return dict(first)


def settle_and_pay(stage: Any) -> None:
    """1 and 2 April: statements, approval, payout; one payout expires and is tried again."""
    lin, mei = stage.lin, stage.mei
    # ── 1 April: first settlement ──
    stage.at("2026-03-31 23:59")
    assert mei.statements() == []
    stage.at("2026-04-01 00:00")
    assert (mei.statements(), lin.statements()) == ([("under_review", 2_000)], [("under_review", 1_000)])
    own = mei.get("/settlements/statements")["items"][0]["statement_id"]
    assert lin.refused("GET", f"/settlements/statements/{own}") == (404, "not_found")
    assert mei.refused("POST", f"/settlements/statements/{own}/review", {"decision": "approve"}) == (403, "forbidden")
    assert (stage.approve(stage.mei_id), stage.approve(stage.lin_id)) == ("paying", "paying")
    stage.settled(minutes=1)
    payout = mei.latest_payout()
    assert lin.refused("GET", f"/payouts/{payout['id']}/confirmation")[0] == 404
    stage.confirm(mei)
    assert mei.statements() == [("paid", 2_000)]
    stage.verify()

    # ── 2 April: Lin did not confirm within 24 hours; the payout expires and is tried again under a new number ──
    expired = lin.latest_payout()
    stage.at("2026-04-02 00:30")
    stage.settled(minutes=5)
    again = lin.latest_payout()
    assert again["out_bill_no"] != expired["out_bill_no"]
    assert lin.get(f"/payouts/{expired['id']}")["state"] == "expired"
    stage.confirm(lin)
    assert lin.statements() == [("paid", 1_000)]
    assert stage.channel.paid_out() == {"openid-mei": 2_000, "openid-lin": 1_000}
    stage.verify()


def take_back_after_payout(stage: Any, first: dict[str, Any]) -> None:
    """5 April: what was paid out is owed."""
    lin, mei, zhou = stage.lin, stage.mei, stage.zhou
    # ── 5 April: another tea goes back after everybody was paid; the closed order needs goodwill; both now owe ──
    stage.at("2026-04-05 10:00")
    body = {
        "order_id": first["id"],
        "mode": "goods_back",
        "reason": "受潮",
        "lines": [{"line_id": first["lines"][0]["id"], "quantity": 1}],
    }
    assert zhou.refused("POST", "/returns", body) == (409, "order_closed")
    assert stage.give_back(first, "goods_back", goodwill=True, fault="merchant")["refund_minor"] == 10_000
    stage.settled(minutes=10)
    assert (mei.waits_for(), lin.waits_for()) == ([("debt", -1_000)], [("debt", -500)])
    stage.verify()


def earn_the_debt_back(stage: Any) -> None:
    """6 to 14 April: commission pays the debt before anything else."""
    lin, mei, zhou = stage.lin, stage.mei, stage.zhou
    # ── 6 to 14 April: four more teas; what is released first pays the debt ──
    stage.at("2026-04-06 10:00")
    second = stage.buy(zhou, stage.sku_id, 4)
    stage.ship(second)
    stage.at("2026-04-14 10:00")
    assert (mei.waits_for(), lin.waits_for()) == ([("period_running", 3_000)], [("period_running", 1_500)])
    stage.verify()


def freeze_and_clear(stage: Any) -> None:
    """20 April to 3 May: a frozen distributor's statement waits, the others' are paid; cleared, hers is paid too."""
    lin, mei = stage.lin, stage.mei
    # ── 20 April: Mei is frozen; 1 May: her statement is held, Lin's is paid with the debt netted ──
    stage.at("2026-04-20 10:00")
    stage.operator.post("/distributors/freeze", {"ids": [stage.mei_id], "reason": "投诉核查"})
    stage.at("2026-05-01 00:00")
    assert mei.statements()[0] == ("held", 3_000)
    assert mei.waits_for() == [("frozen", 3_000)]
    assert stage.approve(stage.lin_id) == "paying"
    stage.settled(minutes=1)
    stage.confirm(lin)
    statement = lin.get("/settlements/statements")["items"][0]
    lines = lin.get(f"/settlements/statements/{statement['statement_id']}/lines")["items"]
    assert sorted((line["source_kind"], line["amount_minor"]) for line in lines) == [
        ("commission_released", 2_000),
        ("commission_reversed", -500),
    ]
    assert (statement["status"], statement["amount_minor"]) == ("paid", 1_500)
    stage.verify()

    # ── 3 May: cleared; her statement is reviewed, approved and paid ──
    stage.at("2026-05-03 10:00")
    stage.operator.post("/distributors/unfreeze", {"ids": [stage.mei_id], "reason": "核查无误"})
    stage.run()
    assert mei.statements()[0] == ("under_review", 3_000)
    assert stage.approve(stage.mei_id) == "paying"
    stage.settled(minutes=1)
    stage.confirm(mei)
    assert (mei.statements(), mei.waits_for(), lin.waits_for()) == ([("paid", 3_000), ("paid", 2_000)], [], [])
    assert stage.channel.paid_out() == {"openid-mei": 5_000, "openid-lin": 2_500}
    stage.verify()
