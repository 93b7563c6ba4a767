"""Transfers, stock takes, channel stock and alerts over HTTP, by the people whose work it is."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from banyan.goods.inventory import commands as inventory
from banyan.goods.warehousing.tests.making import Places, make_places
from banyan.kernel import clock, ids
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role, scopes_of


@dataclass
class Caller:
    """Somebody with a token."""

    token: str

    def __call__(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = Client().generic(
            method, f"/api/v1{path}", json.dumps(body) if body is not None else "", content_type="application/json",
            headers={"Authorization": f"Bearer {self.token}", "Idempotency-Key": uuid.uuid4().hex},
        )  # fmt: skip
        found = json.loads(answer.content)
        assert answer.status_code == status, found
        return found


@dataclass
class Yard:
    """Two warehouses of a shop and its people."""

    shop: Any
    places: Places
    clerk: Caller
    boss: Caller
    supplier: Caller

    def sku(self, number: int = 0) -> str:
        return ids.public("sku", self.places.skus[number])

    @property
    def here(self) -> str:
        return ids.public("whs", self.places.here)

    @property
    def there(self) -> str:
        return ids.public("whs", self.places.there)


@pytest.fixture
def yard(tenant: Any) -> Yard:
    def caller(login: str, role: Role) -> Caller:
        (user_id,) = identity.register_users([NewUser(login, None, "某人", None, (role,))])
        return Caller(identity.issue_token(user_id, scopes_of([role]), "test"))

    with tenant.enter():
        people = [caller("clerk", Role.WAREHOUSE), caller("boss", Role.OPERATOR), caller("supplier", Role.SUPPLIER)]
        return Yard(tenant, make_places([10, 4]), *people)


def test_a_transfer_from_draft_to_close(yard: Yard) -> None:
    body = {"source_id": yard.here, "destination_id": yard.there, "lines": [{"sku_id": yard.sku(), "quantity": 6}]}
    drafted = yard.clerk("POST", "/stock/transfers", body, 201)
    path = f"/stock/transfers/{drafted['id']}"
    assert drafted["state"] == "draft"
    assert yard.clerk("POST", f"{path}/send")["state"] == "sent"
    assert yard.clerk("GET", f"/stock/incoming?sku_id={yard.sku()}") == [
        {"warehouse_id": yard.there, "sku_id": yard.sku(), "quantity": 6}
    ]
    line = drafted["lines"][0]["id"]
    first = {"key": "k1", "lines": [{"line_id": line, "received": 4}]}
    assert yard.boss("POST", f"{path}/receive", first)["lines"][0]["left"] == 2
    lost = {"key": "k2", "lines": [{"line_id": line, "received": 1, "lost": 1}]}
    assert yard.boss("POST", f"{path}/receive", lost, 422)["error"]["details"]["field"] == "reason"
    lost["lines"][0]["reason"] = "破损"
    assert yard.boss("POST", f"{path}/receive", lost)["state"] == "closed"
    assert [row["lost"] for row in yard.clerk("GET", path)["receipts"]] == [0, 1]
    assert yard.clerk("POST", f"{path}/cancel", None, 409)["error"]["code"] == "transfer_not_drafted"
    too_many = yard.clerk("POST", "/stock/transfers", body, 201)
    refused = yard.clerk("POST", f"/stock/transfers/{too_many['id']}/send", None, 409)["error"]
    assert (refused["code"], refused["details"]["available"]) == ("stock_promised", 4)
    assert len(yard.clerk("GET", f"/stock/transfers?state=draft&warehouse_id={yard.there}")["items"]) == 1
    assert yard.supplier("GET", "/stock/transfers", None, 403)["error"]["code"] == "only_staff"
    assert yard.shop.verify() == []


def test_a_stock_take_needs_two_people(yard: Yard) -> None:
    take = yard.clerk("POST", "/stock/takes", {"warehouse_id": yard.here}, 201)
    path = f"/stock/takes/{take['id']}"
    assert take["line_count"] == 2
    counts = {"counts": [{"sku_id": yard.sku(0), "quantity": 9}, {"sku_id": yard.sku(1), "quantity": 4}]}
    assert yard.clerk("POST", f"{path}/counts", counts) == {"written": 2}
    (line,) = yard.clerk("GET", f"{path}/lines?different_only=true")["items"]
    assert (line["book"], line["counted"], line["difference"]) == (10, 9, -1)
    assert yard.clerk("POST", f"{path}/approve", None, 409)["error"]["code"] == "same_counter"
    assert yard.boss("POST", f"{path}/approve")["state"] == "approved"
    assert yard.boss("POST", f"{path}/cancel", None, 409)["error"]["code"] == "stock_take_decided"
    assert next(m["kind"] for m in yard.clerk("GET", f"/stock/movements?sku_id={yard.sku()}")["items"]) == "stock_take"
    assert yard.shop.verify() == []


def test_channel_stock_and_alerts(yard: Yard) -> None:
    shares = {"shares": [{"channel": "live/1", "sku_id": yard.sku(), "quantity": 7}]}
    (share,) = yard.boss("POST", "/stock/channels", shares)["items"]
    assert (share["left"], share["warehouse_id"]) == (7, yard.here)
    assert yard.boss("POST", "/stock/channels", shares, 409)["error"]["details"]["available"] == 3
    level = next(one for one in yard.clerk("GET", f"/stock?sku_id={yard.sku()}")["items"] if one["warehouse_id"] == yard.here)
    assert (level["set_aside"], level["available"]) == (7, 3)
    assert yard.clerk("GET", "/stock/channels?open_only=true")["items"] == [share]
    stocks = [{"warehouse_id": yard.here, "sku_id": yard.sku(n), "quantity": 5} for n in (0, 1)]
    assert yard.boss("PUT", "/stock/safety", {"stocks": stocks}) == {"changed": 2}
    assert len(yard.clerk("GET", "/stock/safety")["items"]) == 2
    with yard.shop.enter():
        assert inventory.raise_alerts(clock.now()) == 2
    alerts = yard.clerk("GET", "/stock/alerts")["items"]
    assert [(one["kind"], one["available"]) for one in alerts] == [("low_stock", 4), ("low_stock", 3)]
    assert yard.clerk("POST", "/stock/alerts/seen", {"alert_ids": [alerts[0]["id"]]}) == {"changed": 1}
    assert [one["state"] for one in yard.clerk("GET", "/stock/alerts?state=seen")["items"]] == ["seen"]
    assert yard.supplier("GET", "/stock/alerts")["items"] == yard.supplier("GET", "/stock/channels")["items"] == []
    assert yard.boss("POST", "/stock/channels/end", {"channel": "live/1"}) == {"returned": 7}
    assert yard.boss("PUT", "/stock/safety", {"stocks": [stocks[0] | {"quantity": None}]}) == {"changed": 1}
    with yard.shop.enter():
        assert inventory.raise_alerts(clock.now()) == 1
    assert len(yard.clerk("GET", "/stock/alerts")["items"]) == 1


def test_nothing_of_another_shop_is_found(yard: Yard, make_shop: Callable[..., Any]) -> None:
    body = {"source_id": yard.here, "destination_id": yard.there, "lines": [{"sku_id": yard.sku(), "quantity": 6}]}
    drafted = yard.clerk("POST", "/stock/transfers", body, 201)
    other = make_shop()
    with other.enter():
        (user_id,) = identity.register_users([NewUser("x", None, "某人", None, (Role.OPERATOR,))])
        stranger = Caller(identity.issue_token(user_id, scopes_of([Role.OPERATOR]), "test"))
    stranger("GET", f"/stock/transfers/{drafted['id']}", None, 404)
    stranger("POST", f"/stock/transfers/{drafted['id']}/send", None, 404)
    assert stranger("POST", "/stock/transfers", body, 404)["error"]["code"] == "unknown_warehouse"
    stranger("POST", "/stock/takes", {"warehouse_id": yard.here}, 404)
