"""What every endpoint promises: who may call, one answer per key, one shape of error, nothing left after a refusal."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from banyan.kernel import clock
from banyan.kernel.idempotency.models import IdempotencyRecord
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role, scopes_of

Caller = Callable[..., Any]


@pytest.fixture
def token_of(tenant: Any) -> Callable[..., str]:
    """A function that registers somebody with a role and returns a token."""

    def make(role: Role, shop: Any = tenant, expires_at: datetime | None = None) -> str:
        with shop.enter():
            login = f"{role}{uuid.uuid4().hex[:6]}"
            (user_id,) = identity.register_users([NewUser(login, None, "测试", None, (role,))])
            return identity.issue_token(user_id, scopes_of((role,)), "test", expires_at)

    return make


def _call(method: str, path: str, token: str | None, body: Any = None, key: str | None = None) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if key is not None:
        headers["Idempotency-Key"] = key
    return Client(raise_request_exception=False).generic(
        method, f"/api/v1{path}", json.dumps(body or {}), content_type="application/json", headers=headers
    )


def _new_category() -> dict[str, Any]:
    return {"code": f"c{uuid.uuid4().hex[:8]}", "name_zh": "茶"}


WRITE = "/categories"


def test_no_token_an_unknown_one_and_an_expired_one_are_401_with_advice(token_of: Caller) -> None:
    expired = token_of(Role.OPERATOR, expires_at=clock.now() + timedelta(days=1))
    assert _call("GET", "/me", expired).status_code == 200
    with clock.driven(datetime.now(UTC) + timedelta(days=2)):
        late = _call("GET", "/me", expired)
    for response, said in (
        (_call("GET", "/me", None), "No valid"),
        (_call("GET", "/me", "byn_no"), "unknown"),
        (late, "expired"),
    ):
        assert response.status_code == 401
        error = response.json()["error"]
        assert error["code"] == "unauthenticated" and said in error["message"] and "Bearer" in error["advice"]


def test_a_scope_that_is_missing_is_403_and_names_itself(token_of: Caller) -> None:
    response = _call("POST", WRITE, token_of(Role.CONSUMER), _new_category(), key="k")
    assert response.status_code == 403
    assert response.json()["error"]["details"] == {"scope": "catalog:write"}


def test_a_write_without_a_key_is_400(token_of: Caller) -> None:
    response = _call("POST", WRITE, token_of(Role.OPERATOR), _new_category())
    assert (response.status_code, response.json()["error"]["code"]) == (400, "idempotency_key_missing")


def test_the_same_key_gets_the_same_answer_and_one_effect(token_of: Caller, tenant: Any) -> None:
    token, body, key = token_of(Role.OPERATOR), _new_category(), "key-1"
    first, second = (_call("POST", WRITE, token, body, key) for _ in range(2))
    assert first.status_code < 300 and first.content == second.content and first.status_code == second.status_code
    assert "Idempotent-Replayed" not in first and second["Idempotent-Replayed"] == "true"
    other = _call("POST", WRITE, token, _new_category(), key)
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert _call("POST", WRITE, token_of(Role.OPERATOR), _new_category(), key).status_code < 300, (
        "another person's key is another key"
    )


def test_a_refused_request_leaves_nothing_and_its_key_free(token_of: Caller, tenant: Any) -> None:
    token, body = token_of(Role.OPERATOR), _new_category()
    assert _call("POST", WRITE, token, body, "a").status_code < 300
    refused = _call("POST", WRITE, token, body, "b")  # the code is taken now
    assert 400 <= refused.status_code < 500 and refused.json()["error"]["advice"]
    with tenant.enter():
        assert not IdempotencyRecord.objects.filter(key="b").exists()
    assert _call("POST", WRITE, token, _new_category(), "b").status_code < 300


def test_one_key_at_once_from_many_threads_takes_effect_once(token_of: Caller, tenant: Any) -> None:
    token, body = token_of(Role.OPERATOR), _new_category()
    start, answers = threading.Barrier(8), []

    def send() -> None:
        start.wait()
        answers.append(_call("POST", WRITE, token, body, "same"))
        connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = [a for a in answers if a.status_code < 300]
    waiting = [a for a in answers if a.status_code == 409]
    assert len(done) + len(waiting) == 8 and done
    assert len({a.content for a in done}) == 1
    assert all(a.json()["error"]["code"] == "idempotency_in_progress" and a["Retry-After"] == "1" for a in waiting)
    with tenant.enter():
        assert IdempotencyRecord.objects.filter(key="same").count() == 1


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"\xff\xfe", b'{"code": 5}'])
def test_bad_bodies_are_4xx_in_the_one_shape(token_of: Caller, body: bytes) -> None:
    response = Client(raise_request_exception=False).generic(
        "POST", f"/api/v1{WRITE}", body, content_type="application/json",
        headers={"Authorization": f"Bearer {token_of(Role.OPERATOR)}", "Idempotency-Key": "x"},
    )  # fmt: skip
    assert 400 <= response.status_code < 500
    assert set(response.json()["error"]) >= {"code", "message", "advice", "details"}


def test_unknown_paths_and_wrong_methods_have_the_same_shape(token_of: Caller) -> None:
    token = token_of(Role.OPERATOR)
    for method, path, status, code in (("GET", "/nowhere", 404, "no_such_path"), ("DELETE", "/me", 405, "method_not_allowed")):
        for caller in (token, None):
            response = _call(method, path, caller, key="k")
            assert (response.status_code, response.json()["error"]["code"]) == (status, code)
