"""Law over HTTP: read by those who may, acknowledged by operators alone, bad input refused in words."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.test import Client

from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role, scopes_of
from banyan.rules.compliance import queries


def _token(shop: Any, *roles: Role) -> str:
    with shop.enter():
        user_id = identity.register_users([NewUser(f"u{uuid.uuid4().hex[:10]}", None, "Somebody", None, roles)])[0]
        return identity.issue_token(user_id, scopes_of(roles), "test")


def _send(token: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid.uuid4().hex}
    content = json.dumps(body) if body is not None else ""
    answer = Client().generic(method, f"/api/v1{path}", content, content_type="application/json", headers=headers)
    return answer.status_code, answer.json()


def test_reading_the_law_and_asking_for_a_verdict(tenant: Any) -> None:
    token = _token(tenant, Role.FINANCE)
    status, listed = _send(token, "GET", "/compliance/jurisdictions")
    assert status == 200
    assert len(listed) == 21
    status, china = _send(token, "GET", "/compliance/jurisdictions/CN")
    assert status == 200
    assert {one["reading"]: one["is_law"] for one in china["rule_sets"]} == {"letter": True, "practice": False}
    assert len(china["facts"]) > 40
    assert _send(token, "GET", "/compliance/jurisdictions/zz")[0] == 404
    status, verdict = _send(token, "POST", "/compliance/verdicts", {"upline_depth_paid": 1, "total_rate_bp": 3001})
    assert status == 200
    assert [one["clause"] for one in verdict["findings"]] == ["upline_depth", "total_rate"]
    assert verdict["findings"][0]["article"] == "第七条(三)"
    assert "Not legal advice" in verdict["disclaimer"]


def test_only_an_operator_acknowledges_and_only_word_for_word(tenant: Any) -> None:
    operator, finance = _token(tenant, Role.OPERATOR), _token(tenant, Role.FINANCE)
    standing = _send(finance, "GET", "/compliance/standing")[1]
    words = standing["statements"]["practice"]["zh"]
    body = {"reading": "practice", "statement": words}
    assert _send(finance, "POST", "/compliance/acknowledgements", body)[0] == 403
    status, refused = _send(operator, "POST", "/compliance/acknowledgements", {**body, "statement": "ok"})
    assert (status, refused["error"]["code"]) == (422, "statement_differs")
    with tenant.enter():
        assert queries.list_acknowledgements() == []
    status, done = _send(operator, "POST", "/compliance/acknowledgements", body)
    assert status == 200
    assert (done["standing"]["reading"], done["standing"]["upline_depth_paid"]) == ("practice", 1)
    assert [one["granted"] for one in _send(finance, "GET", "/compliance/acknowledgements")[1]["items"]] == [True]
    assert _send(operator, "POST", "/compliance/withdrawals", {"reason": "advised"})[1]["standing"]["reading"] == "letter"
    first = _send(finance, "GET", "/compliance/acknowledgements?limit=1")[1]
    rest = _send(finance, "GET", f"/compliance/acknowledgements?limit=1&cursor={first['next_cursor']}")[1]
    assert [one["granted"] for page in (first, rest) for one in page["items"]] == [False, True]
    assert rest["next_cursor"] is None
    assert _send(_token(tenant, Role.CONSUMER), "GET", "/compliance/standing")[0] == 403


@pytest.mark.parametrize(
    "body",
    [
        {"upline_depth_paid": -1, "total_rate_bp": 0}, {"upline_depth_paid": "x", "total_rate_bp": 0}, {}, [],
        {"upline_depth_paid": 10**30, "total_rate_bp": 0}, {"upline_depth_paid": 0, "total_rate_bp": 0, "currency": "x"},
        {"upline_depth_paid": 0, "total_rate_bp": 0, "entry_fee_minor": 10**20},
    ],
)  # fmt: skip
def test_nonsense_is_refused_in_words(tenant: Any, body: Any) -> None:
    status, answer = _send(_token(tenant, Role.OPERATOR), "POST", "/compliance/verdicts", body)
    assert status == 422
    assert answer["error"]["code"] == "invalid"
