"""Parcels over real HTTP with the carrier on the other side: booked once, told in any order, received, come back, fetched."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.journeys.test_callbacks import at_once

pytestmark = pytest.mark.slow
CARRIER = "sf_express"
TO = {"name": "周大福", "phone": "13900001111", "address": "上海市静安区 9 号", "region_code": "310106"}


@pytest.fixture
def express(stage: Any) -> Iterator[Any]:
    """SF Express's simulator, wired in, with our address in its console."""
    from banyan.adapters.sf_express import SfExpressCarrier, SfExpressSettings
    from banyan.adapters.simulators.sf_express import SfExpressSimulator
    from banyan.kernel import ids
    from banyan.trade.fulfillment import ports

    with SfExpressSimulator() as running:
        account = SfExpressCarrier(SfExpressSettings("BANYAN", running.checkword, "755", running.base_url, 2.0, 2.0))
        ports.register_carrier(CARRIER, lambda tenant_id: account)
        running.push_url = str(stage.http.base_url).rstrip("/") + f"/carriers/{CARRIER}/{ids.public('tnt', stage.shop.id)}/push"
        yield running
        ports._factories.pop(CARRIER, None)


def job(stage: Any, *names: str) -> None:
    from banyan.kernel import jobs

    for name in names:
        jobs.run_job(f"fulfillment.{name}", [stage.shop.id])


def paid(stage: Any, quantity: int = 1) -> dict[str, Any]:
    """An order of Zhou's with a recipient, paid."""
    lines = [{"sku_id": stage.sku_id, "quantity": quantity}]
    order_id = stage.zhou.post("/orders", {"lines": lines, "recipient": TO})["id"]
    payment_id = stage.zhou.post(f"/orders/{order_id}/payment", {"channel": "wechat_pay"})["payment_id"]
    stage.zhou.post(f"/payments/{payment_id}/open", {"payer": "openid-zhou"})
    stage.channel.pay(stage.zhou.get(f"/payments/{payment_id}")["out_trade_no"])
    stage.run()
    order = stage.zhou.get(f"/orders/{order_id}")
    assert order["state"] == "paid"
    return dict(order)


def packed(stage: Any, *parcels: list[int] | None) -> list[str]:
    """A wave of everything that waits, each fulfillment packed into parcels of so many pieces; the parcels."""
    (place,) = stage.warehouse.get("/warehouses")
    wave = stage.warehouse.post("/fulfillment/waves", {"warehouse_id": place["id"]})
    made = []
    for one, split in zip(stage.warehouse.get(f"/fulfillment/fulfillments?wave_id={wave['id']}")["items"], parcels, strict=True):
        line_id = one["lines"][0]["line_id"]
        for pieces in split or [0]:
            body = {"fulfillment_id": one["id"], "carrier": CARRIER, "weight_grams": 800}
            if pieces:
                body["pieces"] = [{"line_id": line_id, "quantity": pieces}]
            (outcome,) = stage.warehouse.post("/fulfillment/parcels", {"parcels": [body]})
            assert outcome["code"] is None, outcome
            made.append(outcome["parcel_id"])
    return made


def test_booked_once_told_in_any_order_and_received(stage: Any, express: Any) -> None:
    from banyan.adapters.simulators.sf_express import Effect, Fault, PushPolicy
    from banyan.kernel import clock

    # ── 2 March: two parcels are packed; the carrier's first answer is lost after it did the work ──
    stage.found()
    stage.at("2026-03-02 10:00")
    order = paid(stage, 3)
    first, second = packed(stage, [2, 1])
    express.fail(Fault("create", Effect.LOSE_ANSWER))
    job(stage, "book_due")
    for _ in range(3):
        clock.advance(timedelta(minutes=3))
        job(stage, "book_due")
    assert len(express.numbers) == 2 and express.calls.count("create") == 2
    shown = {one["id"]: one for one in stage.warehouse.get("/fulfillment/parcels")["items"]}
    assert {one["booking"] for one in shown.values()} == {"booked"}
    label = stage.warehouse.ask("GET", f"/fulfillment/parcels/{first}/label")
    assert TO["name"] in label.text and stage.zhou.ask("GET", f"/fulfillment/parcels/{first}/label").status_code == 403

    # ── one leaves, the other a day later ──
    (outcome,) = stage.warehouse.post("/fulfillment/parcels/ship", {"parcels": [{"parcel_id": first}]})
    assert outcome["code"] is None and stage.zhou.get(f"/orders/{order['id']}")["state"] == "partly_shipped"
    stage.at("2026-03-03 10:00")
    stage.warehouse.post("/fulfillment/parcels/ship", {"parcels": [{"parcel_id": second}]})
    assert stage.zhou.get(f"/orders/{order['id']}")["state"] == "shipped"

    # ── the pushes come ten times, shuffled, some lost; what is lost is asked for ──
    express.policy = PushPolicy(times=10, shuffle=True, drop_each=7)
    numbers = [shown[one]["tracking_number"] for one in (first, second)]
    for hour, code in enumerate(("50", "30", "44", "33", "44", "80")):
        for number in numbers:
            express.happen(number, code, clock.now() - timedelta(hours=12 - hour))
    express.push_due()
    assert set(express.answers) == {200}
    both = [stage.zhou.get(f"/fulfillment/parcels/{one}") for one in (first, second)]
    assert [(one["state"], one["delivered_by"], len(one["track"])) for one in both] == [("delivered", "carrier", 6)] * 2
    assert stage.zhou.get(f"/orders/{order['id']}")["state"] == "shipped"

    # ── nobody says anything: seven days after delivery it is received, which the commission's hold follows ──
    stage.settled(days=6)
    job(stage, "receive_due")
    assert stage.zhou.get(f"/orders/{order['id']}")["state"] == "shipped"
    stage.settled(days=1, hours=1)
    job(stage, "receive_due")
    stage.run()
    assert stage.zhou.get(f"/orders/{order['id']}")["state"] == "received"
    assert ("holding_period", 3000) in stage.mei.waits_for()
    stage.verify()


def test_ten_pushes_at_once_beside_the_question_are_one_delivery(stage: Any, express: Any) -> None:
    from banyan.kernel import clock, sql

    stage.found()
    stage.at("2026-03-02 10:00")
    paid(stage)
    (parcel,) = packed(stage, None)
    job(stage, "book_due")
    stage.warehouse.post("/fulfillment/parcels/ship", {"parcels": [{"parcel_id": parcel}]})
    (number,) = express.numbers
    for code in ("50", "30", "44", "80"):
        express.happen(number, code)
    pushes = [one.body for one in express._owed] * 3
    random.Random(3).shuffle(pushes)
    clock.advance(timedelta(hours=7))
    answers = at_once([lambda body=body: express.push(body) for body in pushes] + [lambda: job(stage, "track_due")] * 2)
    assert answers[: len(pushes)] == [200] * len(pushes) and answers[len(pushes) :] == [None, None]
    with stage.shop.enter():
        assert sql.fetch("SELECT count(*) FROM fulfillment_track_events") == [(4,)]
        assert sql.fetch("SELECT count(*) FROM outbox_events WHERE kind = 'fulfillment.parcel_delivered'") == [(1,)]
    assert express.push(pushes[0], checkword="forged") == 403
    assert express.push(pushes[0], at=clock.now() - timedelta(minutes=6)) == 403
    assert express.push("{}") == 422
    stage.verify()


def test_what_the_carrier_kept_to_itself_is_asked_for_and_what_came_back_is_in_stock(stage: Any, express: Any) -> None:
    from banyan.kernel import clock

    stage.found()
    stage.at("2026-03-02 10:00")
    order = paid(stage, 2)
    (parcel,) = packed(stage, None)
    job(stage, "book_due")
    stage.warehouse.post("/fulfillment/parcels/ship", {"parcels": [{"parcel_id": parcel}]})
    before = stage.warehouse.get("/stock")["items"][0]["available"]
    for code in ("50", "33", "99", "648"):
        express.happen(express.numbers[0], code)
        clock.advance(timedelta(hours=1))
    clock.advance(timedelta(hours=6))
    job(stage, "track_due")  # no push was sent at all
    assert stage.zhou.get(f"/fulfillment/parcels/{parcel}")["state"] == "returned"
    line_id = order["lines"][0]["id"]
    back = {"restock": [{"line_id": line_id, "quantity": 1}]}
    assert stage.warehouse.post(f"/fulfillment/parcels/{parcel}/take-back", back)["state"] == "taken_back"
    assert stage.warehouse.refused("POST", f"/fulfillment/parcels/{parcel}/take-back", back) == (409, "parcel_not_returning")
    assert stage.warehouse.get("/stock")["items"][0]["available"] == before + 1  # the other one waits in quarantine
    stage.settled(days=60)
    job(stage, "receive_due", "deliver_silent")
    assert stage.zhou.get(f"/orders/{order['id']}")["state"] == "shipped"  # nobody has received it
    stage.verify()


def test_fetched_at_the_store(stage: Any) -> None:
    # ── 2 March: Zhou pays, chooses the store around the corner, and shows the code at its counter ──
    stage.found()
    stage.at("2026-03-02 10:00")
    store = stage.operator.post("/warehouses", {"code": "store", "name": "西湖店", "kind": "store", "priority": 200})
    receipt = {"warehouse_id": store["id"], "sku_id": stage.sku_id, "quantity": 5}
    stage.operator.post("/stock/receipts", {"receipts": [receipt]})
    order = paid(stage)
    path = f"/orders/{order['id']}/pickup"
    assert stage.lin.refused("POST", path, {"warehouse_id": store["id"]})[0] == 404
    assert stage.zhou.post(path, {"warehouse_id": store["id"]})["state"] == "ready"
    code = stage.zhou.post(f"{path}/code")["code"]
    desk = {"warehouse_id": store["id"]}
    assert stage.warehouse.post("/fulfillment/pickups/redeem", {"code": "ABCDEFGH", **desk})["code"] == "wrong_code"
    assert stage.zhou.refused("POST", "/fulfillment/pickups/redeem", {"code": code, **desk})[0] == 403
    desks = [lambda: stage.warehouse.post("/fulfillment/pickups/redeem", {"code": code, **desk}) for _ in range(4)]
    answers = at_once(desks)
    assert sorted(one["code"] or "handed out" for one in answers) == ["handed out", "wrong_code", "wrong_code", "wrong_code"]
    stage.run()
    assert stage.zhou.get(f"/orders/{order['id']}")["state"] == "received"
    assert ("holding_period", 1000) in stage.mei.waits_for()
    stage.verify()
