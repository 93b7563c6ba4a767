"""Fulfillment over HTTP: the warehouse works, the buyer sees the own parcels, everybody else nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from banyan.kernel import clock, ids, sql
from banyan.trade.fulfillment import commands, ports, queries
from banyan.trade.fulfillment.commands.tracking import fall_silent
from banyan.trade.fulfillment.tests.making import stock
from banyan.trade.fulfillment.types import Track, TrackCode, TrackEvent


def test_the_warehouse_works_and_buyers_see_their_own(tenant: Any, make_buyers: Any, call_as: Any) -> None:
    shop = stock(tenant, make_buyers)
    (placed,) = shop.paid([(0, 2), (1, 1)])
    with tenant.enter():
        warehouse, finance = call_as("warehouse"), call_as("finance")
        owner, stranger = call_as("consumer", shop.buyers[0]), call_as("consumer", shop.buyers[1])
        operator = call_as("operator")
    place, order_id = ids.public("whs", shop.warehouses[0]), ids.public("ord", placed.order_id)
    sku = ids.public("sku", shop.skus[0])
    assert finance("POST", "/fulfillment/waves", {"warehouse_id": place})[0] == 403
    shelves = {"warehouse_id": place, "shelves": [{"sku_id": sku, "shelf": "A-01"}]}
    assert warehouse("PUT", "/fulfillment/shelves", shelves) == (200, {"known": 1})
    (shelf,) = warehouse("GET", f"/fulfillment/shelves?warehouse_id={place}")[1]["items"]
    assert (shelf["sku_id"], shelf["shelf"], bool(shelf["sku_code"])) == (sku, "A-01", True)
    assert owner("GET", f"/fulfillment/shelves?warehouse_id={place}")[1]["items"] == []
    status, wave = warehouse("POST", "/fulfillment/waves", {"warehouse_id": place})
    assert (status, wave["order_count"], wave["piece_count"]) == (201, 1, 3)
    assert warehouse("POST", "/fulfillment/waves", {"warehouse_id": place})[1]["error"]["code"] == "nothing_to_pick"
    rows = warehouse("GET", f"/fulfillment/waves/{wave['id']}/pick-list")[1]["rows"]
    assert [(row["shelf"], row["quantity"]) for row in rows] == [("A-01", 2), ("", 1)]
    assert owner("GET", f"/fulfillment/waves/{wave['id']}/pick-list")[0] == 404
    assert owner("GET", "/fulfillment/waves")[1]["items"] == []
    body = {"orders": [{"order_id": order_id, "carrier": "顺丰", "tracking_number": "SF123", "weight_grams": 700}]}
    ((outcome,),) = (warehouse("POST", "/fulfillment/orders/ship", body)[1],)
    parcel = f"/fulfillment/parcels/{outcome['parcel_id']}"
    shown = owner("GET", parcel)[1]
    assert (shown["state"], shown["tracking_number"], shown["track"]) == ("shipped", "SF123", [])
    assert stranger("GET", parcel)[0] == 404
    assert stranger("GET", f"/fulfillment/parcels?order_id={order_id}")[1]["items"] == []
    assert len(owner("GET", "/fulfillment/parcels?state=shipped")[1]["items"]) == 1
    assert warehouse("GET", f"{parcel}/label")[0] == 404
    assert warehouse("POST", "/fulfillment/parcels/deliver", {"parcel_ids": [outcome["parcel_id"]]})[1][0]["code"] is None
    policy = {"receive_after_days": 3, "pickup_days": 5, "sender_phone": "0571-88888888", "silent_days": 20}
    assert operator("PUT", "/fulfillment/policy", policy) == (200, policy)
    assert stranger("GET", "/fulfillment/policy")[1]["sender_phone"] == ""
    assert tenant.verify() == []


def test_what_was_given_up_is_listed_and_asked_again(tenant: Any, make_buyers: Any, call_as: Any) -> None:
    shop = stock(tenant, make_buyers)
    (placed,) = shop.paid([(0, 1)])
    ports.register_carrier("posthorn", lambda tenant_id: None)  # type: ignore[arg-type, return-value]
    try:
        (parcel,) = shop.sent(placed, carrier="posthorn")
        with tenant.enter():
            number = queries.get_parcel(parcel).tracking_number
            told = TrackEvent("1", TrackCode.IN_TRANSIT, clock.now())
            commands.record_track("posthorn", [Track(number, (told,))])
            assert fall_silent("posthorn", [number], clock.now() + timedelta(days=31)) == 1
            callers = {role: call_as(role) for role in ("warehouse", "finance", "supplier")}
            owner = call_as("consumer", shop.buyers[0])
        body = {"parcel_ids": [ids.public("pcl", parcel)]}
        listed = {who: call("GET", "/fulfillment/parcels?given_up=true")[1]["items"] for who, call in callers.items()}
        assert {who: [one["failure"] for one in items] for who, items in listed.items()} == {
            "warehouse": ["carrier_silent"], "finance": ["carrier_silent"], "supplier": [],
        }  # fmt: skip
        assert owner("GET", "/fulfillment/parcels?given_up=true")[1]["items"] == []
        for call in (owner, callers["finance"], callers["supplier"]):
            assert call("POST", "/fulfillment/parcels/ask-again", body)[0] == 403
        outcomes = [callers["warehouse"]("POST", "/fulfillment/parcels/ask-again", body)[1][0] for _ in range(2)]
        assert [one["code"] for one in outcomes] == [None, "parcel_still_asked"]
        assert callers["warehouse"]("GET", "/fulfillment/parcels?given_up=true")[1]["items"] == []
    finally:
        ports._factories.pop("posthorn")


def test_a_paste_is_answered_line_by_line(tenant: Any, make_buyers: Any, call_as: Any) -> None:
    shop = stock(tenant, make_buyers)
    first, second = shop.paid([(0, 1)], [(0, 1)])
    with tenant.enter():
        warehouse = call_as("warehouse")
    orders = [
        {"order_id": ids.public("ord", first.order_id), "carrier": "圆通", "tracking_number": "YT1"},
        {"order_id": ids.public("ord", second.order_id), "carrier": "圆通", "tracking_number": ""},
        {"order_id": ids.public("ord", 5), "carrier": "圆通", "tracking_number": "YT2"},
    ]
    status, outcomes = warehouse("POST", "/fulfillment/orders/ship", {"orders": orders})
    assert (status, [one["code"] for one in outcomes]) == (200, [None, "no_tracking_number", "nothing_to_send"])
    assert warehouse("POST", "/fulfillment/parcels/ship", {"parcels": []})[0] == 422


def test_a_code_is_shown_once_and_kept_nowhere(tenant: Any, make_buyers: Any, call_as: Any) -> None:
    shop = stock(tenant, make_buyers, ((5,),), stores=1)
    (placed,) = shop.paid([(0, 1)])
    with tenant.enter():
        owner = call_as("consumer", shop.buyers[0])
        commands.choose_pickup(placed.order_id, shop.warehouses[0])
    path = f"/orders/{ids.public('ord', placed.order_id)}/pickup/code"
    status, shown = owner("POST", path, **{"Idempotency-Key": "once"})
    assert (status, len(shown["code"])) == (200, 8)
    status, again = owner("POST", path, **{"Idempotency-Key": "once"})
    assert (status, again["error"]["code"]) == (409, "shown_once")
    with tenant.enter():
        assert sql.fetch("SELECT count(*) FROM idempotency_records WHERE body LIKE %s", (f"%{shown['code']}%",)) == [(0,)]


def test_a_desk_says_whose_code_it_is(tenant: Any, make_buyers: Any, call_as: Any) -> None:
    shop = stock(tenant, make_buyers, ((5,), (5,)), stores=2)
    (placed,) = shop.paid([(0, 1)])
    with tenant.enter():
        desk = call_as("warehouse")
        code = commands.issue_code(commands.choose_pickup(placed.order_id, shop.warehouses[0]))
    own, other = (ids.public("whs", one) for one in shop.warehouses)
    path = "/fulfillment/pickups/redeem"
    assert desk("POST", path, {"code": code})[0] == 422
    status, told = desk("POST", path, {"code": code, "warehouse_id": other})
    assert (status, told["code"], told["warehouse_id"], told["pickup"]) == (200, "other_store", own, None)
    assert desk("POST", path, {"code": code, "warehouse_id": own})[1]["pickup"]["state"] == "redeemed"


def test_carriers_that_are_not_wired_in_push_nothing(tenant: Any, call_as: Any) -> None:
    with tenant.enter():
        nobody = call_as("consumer")
    nobody.token = None
    status, answer = nobody("POST", f"/carriers/nobody/{ids.public('tnt', tenant.id)}/push", {})
    assert (status, answer["error"]["code"]) == (404, "not_found")
