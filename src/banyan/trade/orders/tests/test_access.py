"""Who sees and does what with an order over HTTP: owner, team-mate, stranger, other shop, staff."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import NewWarehouse, Receipt
from banyan.kernel import ids
from banyan.trade.orders import queries
from banyan.trade.orders.api.schemas import PlacedOut, placed_json, placed_out
from banyan.trade.orders.types import OrderId, OrderLineId, OrderState, Placed

RECIPIENT = {"name": "王小明", "phone": "13800000000", "address": "杭州市西湖区 1 号", "region_code": "330106"}


@dataclass
class Scene:
    """One placed order and everybody around it."""

    shop: Any
    sku: Any
    order: dict[str, Any]
    callers: dict[str, Any]

    def call(self, who: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        return self.callers[who](method, path.replace("{id}", self.order["id"]), body)  # type: ignore[no-any-return]

    def state(self) -> OrderState:
        with self.shop.enter():
            return queries.get_order(ids.parse("ord", self.order["id"])).state  # type: ignore[arg-type]


@pytest.fixture
def scene(tenant: Any, make_shop: Callable[..., Any], make_team: Any, make_buyers: Any, call_as: Any) -> Scene:
    with tenant.enter():
        (sku,) = make_skus([1000], weight_grams=300)
        warehouse = inventory.open_warehouses([NewWarehouse("w", "仓")])[0]
        inventory.receive_stock([Receipt(warehouse, sku, 10)])
        team = make_team(2)
        (buyer,) = make_buyers(1)
        callers = {
            "owner": call_as("consumer", buyer),
            "stranger": call_as("consumer"),
            "referrer": call_as("distributor", team.users[1]),
            "team_mate": call_as("distributor", team.users[0]),
            "clerk": call_as("operator", scopes=("orders:read",)),
            **{role: call_as(role) for role in ("operator", "finance", "warehouse", "auditor", "supplier")},
        }
    other = make_shop()
    with other.enter():
        callers["other_shop"] = call_as("operator")
    body = {"lines": [{"sku_id": ids.public("sku", sku), "quantity": 2}], "code": team.codes[1], "recipient": RECIPIENT}
    status, order = callers["owner"]("POST", "/orders", body)
    assert status == 201, order
    return Scene(tenant, sku, order, callers)


def test_each_sees_the_order_as_he_may(scene: Scene) -> None:
    seen = {who: scene.call(who, "GET", "/orders/{id}") for who in scene.callers}
    for who in ("stranger", "team_mate", "other_shop", "supplier"):
        assert seen[who][0] == 404, who
        assert "王" not in str(seen[who][1])
    for who in ("owner", "operator"):
        assert (seen[who][0], seen[who][1]["view"], seen[who][1]["recipient"]) == (200, "whole", RECIPIENT), who
    for who in ("finance", "auditor"):
        assert (seen[who][1]["view"], seen[who][1]["recipient"]) == ("whole", None), who
    warehouse = seen["warehouse"][1]
    assert (warehouse["view"], warehouse["recipient"], warehouse["total_minor"], warehouse["buyer_id"]) == (
        "fulfilment", RECIPIENT, None, None,
    )  # fmt: skip
    assert warehouse["lines"][0]["payable_minor"] is None and warehouse["lines"][0]["quantity"] == 2
    assert scene.call("clerk", "GET", "/orders/{id}")[1]["recipient"] == {
        "name": "王**", "phone": "138******00", "address": "浙江省杭州市西湖区***", "region_code": "330106",
    }, "an operator's token that may not ship"  # fmt: skip
    referrer = seen["referrer"][1]
    assert (referrer["view"], referrer["buyer_id"], referrer["buyer_name"], referrer["recipient"]) == (
        "referred",
        None,
        "某**",
        None,
    )
    assert referrer["total_minor"] == 2000


def test_lists_hold_the_same(scene: Scene) -> None:
    def listed(who: str, query: str = "") -> int:
        status, page = scene.call(who, "GET", f"/orders{query}")
        assert status == 200, page
        return len(page["items"])

    assert [listed(who) for who in ("owner", "stranger", "team_mate", "referrer", "other_shop", "supplier")] == [1, 0, 0, 0, 0, 0]
    assert [listed(who, "?referred=true") for who in ("referrer", "team_mate", "stranger")] == [1, 0, 0]
    assert [listed(who) for who in ("operator", "finance", "warehouse", "auditor")] == [1, 1, 1, 1]
    number = f"?number={scene.order['number']}"
    assert [listed(who, number) for who in ("owner", "operator", "stranger", "team_mate", "other_shop")] == [1, 1, 0, 0, 0]
    assert [listed("operator", f"?state={state}") for state in ("placed", "paid")] == [1, 0]


@pytest.mark.parametrize("who", ["stranger", "team_mate", "referrer", "other_shop"])
def test_others_change_nothing(scene: Scene, who: str) -> None:
    assert scene.call(who, "POST", "/orders/{id}/cancel")[0] == 404
    assert scene.call(who, "POST", "/orders/{id}/receive")[0] == 404
    assert scene.call(who, "POST", "/orders/{id}/payment", {"channel": "wechat_pay"})[0] == 404
    assert scene.state() is OrderState.PLACED
    with scene.shop.enter():
        assert stock.available([scene.sku]) == {scene.sku: 8}


@pytest.mark.parametrize("who", ["finance", "warehouse", "auditor", "supplier"])
def test_staff_without_the_right_are_refused(scene: Scene, who: str) -> None:
    assert scene.call(who, "POST", "/orders/{id}/cancel")[0] == 403
    assert scene.call(who, "POST", "/orders", {"lines": [{"sku_id": ids.public("sku", scene.sku), "quantity": 1}]})[0] == 403
    assert scene.state() is OrderState.PLACED


def test_only_operators_give_discounts(scene: Scene) -> None:
    body = {"lines": [{"sku_id": ids.public("sku", scene.sku), "quantity": 1}], "discount_minor": 999}
    status, answer = scene.call("owner", "POST", "/orders", body)
    assert (status, answer["error"]["code"]) == (403, "only_operators")
    assert scene.call("operator", "POST", "/orders", body)[1]["total_minor"] == 1
    assert scene.call("owner", "POST", "/orders/batch", {"orders": [body]})[0] == 403
    status, outcomes = scene.call(
        "operator", "POST", "/orders/batch", {"orders": [body | {"client_key": "a"}, body | {"discount_minor": 1001}]}
    )
    assert status == 200 and outcomes[0]["placed"]["total_minor"] == 1 and outcomes[1]["code"] == "bad_amounts"


def test_the_way_of_an_order_over_http(scene: Scene) -> None:
    tariff = {"base_minor": 500, "first_grams": 300, "step_grams": 300, "step_minor": 100}
    assert scene.call("operator", "PUT", "/orders/policy", {"tariff": tariff})[0] == 200
    line = {"sku_id": ids.public("sku", scene.sku), "quantity": 2}
    assert scene.call("owner", "POST", "/quotes", {"lines": [line]})[1]["total_minor"] == 2600
    assert scene.call("owner", "POST", "/orders", {"lines": [line]})[1]["total_minor"] == 2600
    status, answer = scene.call("owner", "POST", "/orders", {"lines": [line | {"quantity": 100}]})
    assert (status, answer["error"]["code"], answer["error"]["details"]["shortages"][0]["available"]) == (409, "out_of_stock", 6)
    status, payment = scene.call("owner", "POST", "/orders/{id}/payment", {"channel": "wechat_pay"})
    assert (status, payment["payment_id"][:4]) == (200, "pay_")
    ship = {"shipments": [{"order_id": scene.order["id"], "carrier": "顺丰", "tracking_number": "SF1"}]}
    assert scene.call("warehouse", "POST", "/orders/ship", ship)[1][0]["code"] == "wrong_state"
    assert scene.call("owner", "POST", "/orders/{id}/cancel")[1]["state"] == "cancelled"
    assert scene.call("owner", "POST", "/orders/{id}/cancel")[1]["error"]["code"] == "wrong_state"


def test_a_repeated_request_places_one_order(scene: Scene) -> None:
    body = {"lines": [{"sku_id": ids.public("sku", scene.sku), "quantity": 1}]}
    first = scene.callers["owner"]("POST", "/orders", body, **{"Idempotency-Key": "same"})
    again = scene.callers["owner"]("POST", "/orders", body, **{"Idempotency-Key": "same"})
    assert first == again and first[0] == 201
    with scene.shop.enter():
        assert stock.available([scene.sku]) == {scene.sku: 7}


def test_links_belong_to_their_distributor(scene: Scene) -> None:
    status, link = scene.call("referrer", "POST", "/links", {})
    assert status == 201 and scene.call("referrer", "POST", "/links", {})[1]["token"] == link["token"]
    assert scene.call("owner", "POST", f"/links/{link['token']}/clicks")[0] == 204
    assert scene.call("referrer", "GET", "/links")[1]["items"][0]["click_count"] == 1
    assert scene.call("team_mate", "GET", "/links")[1]["items"] == []
    assert scene.call("stranger", "POST", "/links", {})[1]["error"]["code"] == "not_a_distributor"
    assert scene.call("other_shop", "GET", f"/links/{link['token']}")[0] == 404
    assert len(scene.call("referrer", "GET", "/links/code")[1]["code"]) > 3
    assert scene.call("referrer", "PUT", "/attribution/policy", {"self_purchase": True})[0] == 403


def test_buyers_are_found_as_distributors(scene: Scene) -> None:
    """A distributor's own purchase goes under his sponsor although he names his own code."""
    line = {"sku_id": ids.public("sku", scene.sku), "quantity": 1}
    code = scene.call("referrer", "GET", "/links/code")[1]["code"]
    status, own = scene.call("referrer", "POST", "/orders", {"lines": [line], "code": code})
    assert status == 201
    assert scene.call("team_mate", "GET", f"/orders/{own['id']}")[1]["view"] == "referred"


def test_the_quick_answer_is_what_the_schema_says() -> None:
    """placed_json is PlacedOut as pydantic writes it."""
    for micro in (0, 123456):
        expires_at = datetime(2026, 3, 1, 12, 30, 5, micro, tzinfo=UTC)
        placed = Placed(OrderId(5), "2603010000000001", 1999, "CNY", (OrderLineId(6), OrderLineId(7)), expires_at)
        expected = PlacedOut(**placed_out(placed)).model_dump_json()
        assert json.loads(placed_json(placed)) == json.loads(expected)
