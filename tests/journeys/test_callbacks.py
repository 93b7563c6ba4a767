"""Each callback ten times, in parallel, in every order, with the poll beside it: one final state, one set of postings."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from django.db import connections


def at_once(jobs: list[Callable[[], Any]]) -> list[Any]:
    """Run every job in a thread of its own, all started together."""
    answers: list[Any] = [None] * len(jobs)
    start = threading.Barrier(len(jobs))

    def run(position: int) -> None:
        try:
            start.wait()
            answers[position] = jobs[position]()
        except Exception as error:  # what a test must see
            answers[position] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(position,)) for position in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def poll(stage: Any, *names: str) -> None:
    """The jobs that ask the channel by our own numbers."""
    from banyan.kernel import jobs

    for name in names:
        jobs.run_job(name, [stage.shop.id])


@pytest.mark.slow
def test_ten_captures_at_once_with_the_poll_are_one_payment_and_one_set_of_commission(stage: Any) -> None:
    # ── 2 March: Zhou pays; the same callback arrives ten times while we ask the channel ourselves ──
    stage.found()
    stage.at("2026-03-02 10:00")
    held = stage.holding_callbacks()
    placed = stage.zhou.post("/orders", {"lines": [{"sku_id": stage.sku_id, "quantity": 3}]})
    payment_id = stage.zhou.post(f"/orders/{placed['id']}/payment", {"channel": "wechat_pay"})["payment_id"]
    stage.zhou.post(f"/payments/{payment_id}/open", {"payer": "openid-zhou"})
    stage.channel.pay(stage.zhou.get(f"/payments/{payment_id}")["out_trade_no"])
    stage.channel.deliver_due()
    (capture,) = held
    answers = at_once([lambda: stage.send(capture)] * 10 + [lambda: poll(stage, "payments.query_due")] * 2)
    assert answers[:10] == [200] * 10 and answers[10:] == [None, None]
    at_once([stage.shop.drain] * 4)
    stage.run()
    kinds = stage.ledger_kinds()
    assert (kinds["payment_captured"], kinds["commission_accrued"]) == (1, 1)
    assert (stage.mei.waits_for(), stage.lin.waits_for()) == ([("awaiting_receipt", 3_000)], [("awaiting_receipt", 1_500)])
    stage.verify()


@pytest.mark.slow
def test_captures_and_refunds_in_every_order_end_alike(stage: Any) -> None:
    """Six orders, two refunds each; the capture's echo and both refunds arrive in all six orders, ten times each, in parallel."""
    stage.found()
    stage.at("2026-03-02 10:00")
    rounds: list[tuple[str, list[Any]]] = []
    for _ in range(6):
        forwarded = stage.channel.deliverer.post
        echo: list[Any] = []

        def pass_on(url: str, headers: dict[str, str], body: str, forwarded: Any = forwarded, echo: list[Any] = echo) -> str:
            echo.append((url, headers, body))
            return str(forwarded(url, headers, body))

        stage.channel.deliverer.post = pass_on
        order = stage.buy(stage.zhou, stage.sku_id, 3)
        stage.channel.deliverer.post = forwarded
        held = stage.holding_callbacks()
        for _ in range(2):
            stage.give_back(order, "unshipped")
        poll(stage, "payments.submit_due_refunds")
        stage.channel.deliver_due()
        del stage.channel.deliverer.post
        assert (len(echo), len(held)) == (1, 2)
        rounds.append((order["id"], [*echo, *held]))
    before = stage.ledger_kinds()
    for (order_id, notices), order_of_arrival in zip(rounds, permutations(range(3)), strict=True):
        for position in order_of_arrival:
            assert at_once([lambda n=notices[position]: stage.send(n)] * 10) == [200] * 10
        stage.run()
        assert [one["status"] for one in stage.zhou.get(f"/returns?order_id={order_id}")["items"]] == ["refunded", "refunded"]
        assert stage.zhou.get(f"/orders/{order_id}")["state"] == "paid"
    after = stage.ledger_kinds()
    assert after["payment_captured"] == before["payment_captured"] == 6
    assert after["payment_refunded"] == 12
    assert (sum(amount for _, amount in stage.mei.waits_for()), sum(amount for _, amount in stage.lin.waits_for())) == (
        6_000,
        3_000,
    )
    stage.verify()


@pytest.mark.slow
def test_ten_transfer_callbacks_at_once_with_the_poll_pay_once(stage: Any) -> None:
    # ── March: an order runs through; 1 April: settled ──
    stage.found()
    stage.at("2026-03-02 10:00")
    stage.ship(stage.buy(stage.zhou, stage.sku_id, 3))
    stage.at("2026-03-20 10:00")
    stage.at("2026-04-01 00:00")
    assert stage.approve(stage.mei_id) == "paying"
    stage.settled(minutes=1)
    held = stage.holding_callbacks()
    stage.channel.confirm(stage.mei.latest_payout()["out_bill_no"])
    stage.channel.deliver_due()
    (transfer,) = held
    answers = at_once([lambda: stage.send(transfer)] * 10 + [lambda: poll(stage, "payouts.submit_due")] * 2)
    assert answers[:10] == [200] * 10
    at_once([stage.shop.drain] * 4)
    stage.run()
    assert stage.mei.statements() == [("paid", 3_000)]
    assert stage.ledger_kinds()["payout_completed"] == 1
    assert stage.channel.paid_out() == {"openid-mei": 3_000}
    stage.verify()
