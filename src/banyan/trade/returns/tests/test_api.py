"""Returns over HTTP: the four people (owner, another consumer, staff, another shop), and that a denial leaves no trace."""

from __future__ import annotations

import json
import uuid
from base64 import b64encode
from typing import Any

import pytest
from django.test import Client

from banyan.kernel import ids, sql
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role, scopes_of
from banyan.trade.returns.tests.making import deliver, place_paid


class Person:
    """Somebody with a token of one shop."""

    def __init__(self, shop: Any, role: Role) -> None:
        with shop.enter():
            (self.user_id,) = identity.register_users([NewUser(f"u{uuid.uuid4().hex[:8]}", None, "测试", None, (role,))])
            self.token = identity.issue_token(self.user_id, scopes_of((role,)), "test")

    def call(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key or uuid.uuid4().hex}
        text = json.dumps(body) if body is not None else ""
        answer = Client(raise_request_exception=False).generic(
            method, f"/api/v1{path}", text, content_type="application/json", headers=headers
        )
        assert answer.status_code < 500, answer.content
        return answer


@pytest.fixture
def scene(tenant: Any, make_shop: Any) -> dict[str, Any]:
    """A delivered order of its owner, and everybody else."""
    owner = Person(tenant, Role.CONSUMER)
    (order,) = place_paid(tenant, [(1000, 3)], buyer_id=owner.user_id)
    deliver(tenant, [order])
    other_shop = make_shop()
    return {
        "shop": tenant,
        "order": order,
        "owner": owner,
        "stranger": Person(tenant, Role.CONSUMER),
        "operator": Person(tenant, Role.OPERATOR),
        "warehouse": Person(tenant, Role.WAREHOUSE),
        "finance": Person(tenant, Role.FINANCE),
        "auditor": Person(tenant, Role.AUDITOR),
        "foreign": Person(other_shop, Role.OPERATOR),
        "body": {
            "order_id": ids.public("ord", order.order_id),
            "mode": "goods_back",
            "reason": "尺码不合适",
            "lines": [{"line_id": ids.public("oln", order.lines[0].line_id), "quantity": 2}],
        },
    }


def trace(shop: Any) -> Any:
    """Everything a request could have changed."""
    with shop.enter():
        return sql.fetch("SELECT (SELECT array_agg(r::text ORDER BY r.id) FROM returns r), (SELECT count(*) FROM outbox_events)")


def test_the_whole_way_over_http(scene: dict[str, Any]) -> None:
    owner, operator, warehouse = scene["owner"], scene["operator"], scene["warehouse"]
    left = owner.call("GET", f"/returns/of-order/{scene['body']['order_id']}").json()
    assert [(line["quantity"], line["amount_minor"]) for line in left["lines"]] == [(3, 3000)]
    asked = owner.call("POST", "/returns", scene["body"], key="one")
    assert asked.status_code == 201, asked.content
    again = owner.call("POST", "/returns", scene["body"], key="one")
    assert (again.json(), again["Idempotent-Replayed"]) == (asked.json(), "true")
    path = f"/returns/{asked.json()['return_id']}"
    assert operator.call("POST", f"{path}/approve").status_code == 200
    inspection = {"line_id": scene["body"]["lines"][0]["line_id"], "restock_quantity": 1, "scrap_quantity": 1}
    assert warehouse.call("POST", f"{path}/receive", {"inspections": [inspection]}).json()["status"] == "received"
    assert warehouse.call("POST", f"{path}/accept").status_code == 403
    done = operator.call("POST", f"{path}/accept").json()
    assert (done["status"], done["refund_minor"], done["lines"][0]["refund_minor"]) == ("accepted", 2000, 2000)
    assert owner.call("GET", "/returns").json()["items"] == [done]
    refused = owner.call("POST", "/returns", scene["body"])
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "return_exceeds_sold")
    assert refused.json()["error"]["advice"]
    scene["shop"].drain()
    assert scene["shop"].verify() == []


def test_long_keys_with_one_beginning_are_two_requests(scene: dict[str, Any]) -> None:
    (line,) = scene["body"]["lines"]
    one_piece = scene["body"] | {"lines": [line | {"quantity": 1}]}
    asked = [scene["owner"].call("POST", "/returns", one_piece, key="k" * 150 + end).json()["return_id"] for end in "ab"]
    assert len(set(asked)) == 2


def test_nobody_else_reads_or_changes_it(scene: dict[str, Any]) -> None:
    asked = scene["owner"].call("POST", "/returns", scene["body"]).json()
    path, before = f"/returns/{asked['return_id']}", trace(scene["shop"])
    for name in ("stranger", "foreign"):
        person = scene[name]
        assert person.call("GET", path).status_code == 404
        assert person.call("GET", "/returns").json()["items"] == []
        assert person.call("GET", f"/returns/of-order/{scene['body']['order_id']}").status_code == 404
        assert person.call("POST", "/returns", scene["body"]).status_code == 404
        assert person.call("POST", f"{path}/withdraw").status_code in (404, 403)
    for name in ("owner", "stranger", "finance", "auditor"):
        for action, body in (("approve", {}), ("accept", {}), ("reject", {"reason": "x"}), ("receive", {"inspections": []})):
            assert scene[name].call("POST", f"{path}/{action}", body).status_code in (403, 422)
        batch = {"action": "accept", "return_ids": [asked["return_id"]]}
        assert scene[name].call("POST", "/returns/batch", batch).status_code == 403
        assert scene[name].call("PUT", "/returns/policy", {"days_after_receipt": 0, "freight_rule": "never"}).status_code == 403
    for action in ("approve", "accept"):
        assert scene["foreign"].call("POST", f"{path}/{action}").status_code == 404
    assert scene["owner"].call("POST", "/returns", {**scene["body"], "goodwill": True}).status_code == 403
    assert trace(scene["shop"]) == before
    assert scene["auditor"].call("GET", path).status_code == 200
    assert scene["owner"].call("POST", f"{path}/withdraw").json()["status"] == "withdrawn"


def test_a_batch_tells_what_became_of_each(scene: dict[str, Any]) -> None:
    asked = scene["owner"].call("POST", "/returns", scene["body"]).json()
    batch = {"action": "approve", "return_ids": [asked["return_id"], ids.public("ret", 999_999)]}
    outcomes = scene["operator"].call("POST", "/returns/batch", batch).json()["outcomes"]
    assert [(one["status"], one["refused"]) for one in outcomes] == [("approved", ""), (None, "not_found")]


@pytest.mark.parametrize(
    "change",
    [
        {"lines": []},
        {"lines": [{"line_id": "oln_zzz", "quantity": 1}]},
        {"lines": [{"line_id": 5, "quantity": 1}]},
        {"reason": ""},
        {"reason": "\u0000"},
        {"mode": "teleport"},
        {"order_id": "ord_0000000000000"},
        {"lines": [{"line_id": "oln_0000000000000", "quantity": 10**30}]},
    ],
)
def test_bad_input_is_refused_with_words(scene: dict[str, Any], change: dict[str, Any]) -> None:
    before = trace(scene["shop"])
    answer = scene["owner"].call("POST", "/returns", {**scene["body"], **change})
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]["code"] and answer.json()["error"]["advice"]
    assert trace(scene["shop"]) == before


def test_the_policy_is_read_and_set(scene: dict[str, Any]) -> None:
    assert scene["owner"].call("GET", "/returns/policy").json()["days_after_receipt"] == 7
    wanted = {"days_after_receipt": 30, "freight_rule": "merchant_fault"}
    assert scene["operator"].call("PUT", "/returns/policy", wanted).json().items() >= wanted.items()
    assert scene["owner"].call("GET", "/returns/policy").json().items() >= wanted.items()


PHOTO = b64encode(b"\xff\xd8\xff\xe0" + bytes(64) + b"\xff\xd9").decode()


def test_photos_are_seen_by_their_owner_and_staff_alone(scene: dict[str, Any]) -> None:
    owner = scene["owner"]
    uploaded = owner.call("POST", "/returns/photos", {"content_base64": PHOTO})
    assert (uploaded.status_code, uploaded.json()["media_type"]) == (201, "image/jpeg")
    photo_id = uploaded.json()["photo_id"]
    body = {**scene["body"], "reason_code": "defective", "reason": "", "photo_ids": [photo_id]}
    asked = owner.call("POST", "/returns", body).json()
    assert (asked["photo_ids"], asked["fault"], asked["reason"]) == ([photo_id], "merchant", "商品质量问题")
    for name, status in (("owner", 200), ("operator", 200), ("auditor", 200), ("stranger", 404), ("foreign", 404)):
        seen = scene[name].call("GET", f"/returns/photos/{photo_id}")
        assert seen.status_code == status, name
        assert (status != 200) or (seen["Content-Type"], seen["X-Content-Type-Options"]) == ("image/jpeg", "nosniff")
    of_it = {"content_base64": PHOTO, "return_id": asked["return_id"]}
    assert scene["stranger"].call("POST", "/returns/photos", of_it).status_code == 404
    assert owner.call("POST", "/returns/photos", of_it).status_code == 201
    for content in ("!!", b64encode(b"<svg onload=alert(1)>" + bytes(40)).decode(), ""):
        assert owner.call("POST", "/returns/photos", {"content_base64": content}).status_code == 422


def test_an_exchange_over_http(scene: dict[str, Any]) -> None:
    owner, operator, warehouse = scene["owner"], scene["operator"], scene["warehouse"]
    places = {"addresses": [{"name": "退货仓", "phone": "021", "address": "上海"}]}
    assert operator.call("PUT", "/returns/addresses", places).status_code == 200
    assert owner.call("GET", "/returns/addresses").status_code == 403
    asked = owner.call("POST", "/returns", {**scene["body"], "mode": "exchange", "reason_code": "wrong_size"}).json()
    path = f"/returns/{asked['return_id']}"
    assert owner.call("POST", f"{path}/parcel", {"tracking_number": "SF1"}).status_code == 409  # not approved yet
    approved = operator.call("POST", f"{path}/approve").json()
    assert (approved["address"]["name"], bool(approved["send_back_by"])) == ("退货仓", True)
    assert scene["stranger"].call("POST", f"{path}/parcel", {"tracking_number": "SF1"}).status_code == 404
    assert owner.call("POST", f"{path}/parcel", {"carrier": "顺丰", "tracking_number": "SF1"}).json()["status"] == "sent"
    line_id = scene["body"]["lines"][0]["line_id"]
    pieces = [{"quantity": 1, "disposition": "quarantine", "note": "待检"}, {"quantity": 1, "disposition": "restock"}]
    received = warehouse.call("POST", f"{path}/receive", {"inspections": [{"line_id": line_id, "pieces": pieces}]}).json()
    assert [piece["disposition"] for piece in received["lines"][0]["pieces"]] == ["quarantine", "restock"]
    done = operator.call("POST", f"{path}/accept").json()
    assert (done["status"], done["refund_minor"], done["difference_minor"]) == ("exchanged", 0, 0)
    order = owner.call("GET", f"/orders/{done['replacement_order_id']}").json()
    assert (order["state"], order["total_minor"]) == ("paid", 0)
    scene["shop"].drain()
    assert scene["shop"].verify() == []


def test_the_terms_are_read_by_all_and_set_by_operators(scene: dict[str, Any]) -> None:
    owner, operator = scene["owner"], scene["operator"]
    assert owner.call("GET", "/returns/law").json()["rules"][0]["days"] == 7
    assert "damaged" in {reason["code"] for reason in owner.call("GET", "/returns/reasons").json()["reasons"]}
    category = ids.public("cat", scene["order"].lines[0].sku.category_path[0])
    wanted = {
        "/returns/reasons": {"reasons": [{"code": "a", "name_zh": "甲", "name_en": "A"}]},
        "/returns/exclusions": {"exclusions": [{"category_id": category, "kind": "perishable"}]},
        "/returns/policy": {
            "days_after_receipt": 15,
            "freight_rule": "never",
            "days_by_tier": {"gold": 30},
            "review": {"automatic_tiers": ["gold", "diamond"], "trusted_below_minor": 5000},
        },
    }
    for path, body in wanted.items():
        assert owner.call("PUT", path, body).status_code == 403
        assert operator.call("PUT", path, body).status_code == 200, path
    policy = owner.call("GET", "/returns/policy").json()
    assert (policy["days_by_tier"], policy["review"]["automatic_tiers"]) == ({"gold": 30}, ["gold", "diamond"])
    assert policy["review"]["newcomer_orders"] == 3
    assert owner.call("GET", "/returns/exclusions").json()["exclusions"][0]["category_id"] == category
