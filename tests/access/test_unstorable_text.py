"""U+0000, which PostgreSQL cannot keep, is refused in every body, path and query; what still gets past is a 422, not a 500."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DataError
from django.test import Client, override_settings

from banyan.kernel import ids
from banyan.kernel.http.api import answer_defect
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role, scopes_of

NUL = "a\x00b"
SKU = {"code": "s1", "price_minor": 100}
BODIES: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/warehouses", {"code": NUL, "name": "main"}),
    ("POST", "/warehouses", {"code": "main", "name": NUL}),
    ("POST", "/stock/receipts", {"receipts": [], "key": NUL}),
    ("POST", "/stock/adjustments", {"adjustments": [], "reason": NUL}),
    ("POST", "/products", {"code": "p", "name_zh": "茶", "name_en": NUL, "skus": [SKU]}),
    ("POST", "/products", {"code": "p", "name_zh": "茶", "description": NUL, "skus": [SKU]}),
    ("POST", "/products", {"code": "p", "name_zh": "茶", "skus": [SKU | {"name": NUL}]}),
    ("POST", "/plans/drafts", {"document": {"title": NUL}, "name": "plan"}),
    ("POST", "/plans/drafts", {"document": {NUL: 1}, "name": "plan"}),
    ("POST", "/auth/sign-up", {"shop": NUL, "login": "a", "password": "b", "display_name": "c"}),
]


@pytest.fixture
def send(tenant: Any) -> Callable[..., Any]:
    """send(method, path, body): by somebody with every scope; text bodies go as they are."""
    with tenant.enter():
        (user_id,) = identity.register_users([NewUser("everybody", None, "测试", None, tuple(Role))])
        token = identity.issue_token(user_id, scopes_of(tuple(Role)), "test")
    client = Client(raise_request_exception=False)

    def ask(method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid.uuid4().hex}
        sent = body if isinstance(body, str | bytes) else json.dumps(body)
        return client.generic(method, f"/api/v1{path}", sent, content_type="application/json", headers=headers)

    return ask


@pytest.mark.parametrize(("method", "path", "body"), BODIES)
def test_nul_in_a_body_is_refused(send: Any, method: str, path: str, body: dict[str, Any]) -> None:
    answer = send(method, path, body)
    assert "U+0000" in answer.json()["error"]["message"]
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")


@pytest.mark.parametrize("path", ["/users?cursor=%00", "/users/search?login=a%00", "/orders?number=%00", "/products/%00"])
def test_nul_in_an_address_is_refused(send: Any, path: str) -> None:
    answer = send("GET", path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")


def test_other_ways_to_write_it(send: Any) -> None:
    body = json.dumps({"code": "main", "name": "NAME"})
    for written in ("\x00", "\\u0000", "\\\\\\u0000"):
        answer = send("POST", "/warehouses", body.replace("NAME", written))
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
    assert send("POST", "/warehouses", body.encode("utf-16")).status_code == 422
    kept = send("POST", "/warehouses", body.replace("NAME", "\\\\u0000"))
    assert (kept.status_code, kept.json()["name"]) == (201, "\\u0000")


@pytest.mark.parametrize("field", ["code", "link", "channel", "name", "phone", "address", "sku_id"])
def test_an_order_refuses_it_with_its_own_schema(send: Any, field: str) -> None:
    order: dict[str, Any] = {"lines": [{"sku_id": ids.public("sku", 5), "quantity": 1}]}
    recipient = {"name": "周", "phone": "13800000000", "address": "杭州"}
    if field == "sku_id":
        order["lines"][0][field] += NUL
    elif field in recipient:
        order["recipient"] = recipient | {field: NUL}
    else:
        order[field] = NUL
    answer = send("POST", "/orders", order)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")


def test_what_only_the_database_refuses_is_no_defect() -> None:
    answer = answer_defect("/api/v1/somewhere", DataError('value "secret" is out of range'))
    assert (answer.status_code, json.loads(answer.content)["error"]["code"]) == (422, "unstorable")
    assert b"secret" not in answer.content


def test_a_body_that_is_too_large_is_told_so_in_our_shape(send: Any) -> None:
    with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=100):
        for path in ("/warehouses", "/orders", "/auth/sign-up"):
            answer = send("POST", path, {"name": "x" * 200})
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
