"""Settlement over HTTP: the payee, another distributor, staff, another shop; denied means nothing read and nothing changed."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from banyan.earnings.settlement import queries
from banyan.earnings.settlement.tests.making import MONTHLY, earn, open_all, open_policy
from banyan.kernel import clock, ids, sql
from banyan.people.distributors import commands as distributors
from banyan.people.distributors.types import Application, Tier
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role, scopes_of

APRIL = datetime(2026, 4, 1, tzinfo=UTC) - timedelta(hours=8)


class Person:
    """Somebody with a token of one shop; a distributor is an active one."""

    def __init__(self, shop: Any, role: Role) -> None:
        self.distributor_id = 0
        with shop.enter():
            (self.user_id,) = identity.register_users([NewUser(f"u{uuid.uuid4().hex[:8]}", None, "测试", None, (role,))])
            if role is Role.DISTRIBUTOR:
                (applied,) = distributors.apply([Application(self.user_id, None, clock.now())])
                self.distributor_id = applied.distributor_id  # type: ignore[union-attr]
                distributors.approve([applied.distributor_id], clock.now())  # type: ignore[union-attr]
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
def scene(tenant: Any, make_shop: Any, driven_clock: Any) -> dict[str, Any]:
    """A statement under review, and everybody."""
    driven_clock(APRIL - timedelta(days=20))
    people = {
        role.value: Person(tenant, role) for role in (Role.DISTRIBUTOR, Role.OPERATOR, Role.FINANCE, Role.AUDITOR, Role.CONSUMER)
    }
    mate, foreign = Person(tenant, Role.DISTRIBUTOR), Person(make_shop(), Role.FINANCE)
    with tenant.enter():
        open_policy(MONTHLY)
        earn([(people["distributor"].distributor_id, 1_000), (mate.distributor_id, 2_000)])
        driven_clock(APRIL)
        open_all()
        (statement,) = queries.list_statements(distributor_id=people["distributor"].distributor_id)
    path = f"/settlements/statements/{ids.public('stm', statement.statement_id)}"
    return {"shop": tenant, **people, "mate": mate, "foreign": foreign, "path": path, "statement": statement}


def trace(shop: Any) -> Any:
    """Everything a request could have changed."""
    with shop.enter():
        return sql.fetch(
            "SELECT (SELECT array_agg(s::text ORDER BY s.id) FROM settlement_statements s),"
            " (SELECT count(*) FROM settlement_decisions), (SELECT count(*) FROM settlement_payees),"
            " (SELECT count(*) FROM settlement_policies), (SELECT count(*) FROM ledger_entries)"
        )


def test_a_distributor_reads_own_statements_lines_and_why_not_yet(scene: dict[str, Any]) -> None:
    payee = scene["distributor"]
    found = payee.call("GET", "/settlements/statements").json()["items"]
    assert [one["amount_minor"] for one in found] == [1_000]
    assert payee.call("GET", scene["path"]).json() == found[0]
    (line,) = payee.call("GET", f"{scene['path']}/lines").json()["items"]
    assert (line["source_kind"], line["source"][:4], line["amount_minor"]) == ("commission_released", "cms_", 1_000)
    (waiting,) = payee.call("GET", "/settlements/why-not-yet").json()["items"]
    assert (waiting["reason"], waiting["amount_minor"], waiting["statement_id"]) == (
        "under_review",
        1_000,
        found[0]["statement_id"],
    )


def test_nobody_else_reads_or_changes_it(scene: dict[str, Any]) -> None:
    before, path = trace(scene["shop"]), scene["path"]
    own = ids.public("dst", scene["distributor"].distributor_id)
    for name in ("mate", "foreign"):
        person = scene[name]
        assert person.call("GET", path).status_code == 404
        assert person.call("GET", f"{path}/lines").status_code == 404
        assert person.call("GET", f"/settlements/why-not-yet?distributor_id={own}").status_code == 404
        listed = person.call("GET", f"/settlements/statements?distributor_id={own}")
        assert listed.status_code == 404 or listed.json()["items"] == []
    assert [one["amount_minor"] for one in scene["mate"].call("GET", "/settlements/statements").json()["items"]] == [2_000]
    for name in ("distributor", "mate", "operator", "auditor", "consumer"):
        for action, body in (("review", {"decision": "approve"}), ("retry", None), ("return", {"reason": "x"})):
            assert scene[name].call("POST", f"{path}/{action}", body).status_code == 403
        assert scene[name].call("POST", "/settlements/reviews", {"reviews": []}).status_code in (403, 422)
    for name in ("distributor", "mate", "auditor", "consumer"):
        policy = {"scope": "tenant", "cycle": "daily", "lane": "automatic"}
        assert scene[name].call("POST", "/settlements/policies", policy).status_code == 403
        assert scene[name].call("PUT", f"/settlements/accounts/{own}", {"account": "mine"}).status_code == 403
    for name in ("distributor", "mate", "consumer"):
        assert scene[name].call("GET", "/settlements/policies").status_code == 403
        assert scene[name].call("GET", "/settlements/review-queue").status_code == 403
    assert scene["foreign"].call("POST", f"{path}/review", {"decision": "approve"}).status_code == 404
    assert scene["foreign"].call("PUT", f"/settlements/accounts/{own}", {"account": "mine"}).status_code == 404
    assert scene["consumer"].call("PUT", "/settlements/my-account", {"account": "mine"}).status_code == 409
    assert trace(scene["shop"]) == before
    assert scene["auditor"].call("GET", path).status_code == 200


def test_review_over_http(scene: dict[str, Any]) -> None:
    finance, path = scene["finance"], scene["path"]
    (first, *_) = finance.call("GET", "/settlements/review-queue").json()["items"]
    assert first["status"] == "under_review"
    refused = finance.call("POST", f"{path}/review", {"decision": "hold"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "reason_missing")
    assert refused.json()["error"]["advice"]
    stale = finance.call("POST", f"{path}/review", {"decision": "approve", "expected_minor": 1})
    assert (stale.status_code, stale.json()["error"]["code"]) == (409, "statement_changed")
    account = scene["distributor"].call("PUT", "/settlements/my-account", {"account": "openid-1", "account_name": "张三"})
    assert account.json() == {"channel": "wechat_pay", "known": True}
    once = finance.call("POST", f"{path}/review", {"decision": "approve", "expected_minor": 1_000}, key="k")
    again = finance.call("POST", f"{path}/review", {"decision": "approve", "expected_minor": 1_000}, key="k")
    assert (once.json()["status"], again.json(), again["Idempotent-Replayed"]) == ("paying", once.json(), "true")
    batch = {"reviews": [{"statement_id": path.rsplit("/", 1)[1], "decision": "reject", "reason": "x"}]}
    (outcome,) = finance.call("POST", "/settlements/reviews", batch).json()["outcomes"]
    assert (outcome["status"], outcome["refused"]) == (None, "statement_state")
    assert finance.call("POST", f"{path}/retry").status_code == 409
    assert scene["shop"].verify() == []


def pages(person: Person, path: str) -> list[list[Any]]:
    """Every page of a list, one row each."""
    found, cursor = [], ""
    while cursor is not None:
        page = person.call("GET", f"{path}{'&' if '?' in path else '?'}limit=1{f'&cursor={cursor}' if cursor else ''}").json()
        found.append(page["items"])
        cursor = page["next_cursor"]
    return found


def test_the_review_queue_goes_on_page_by_page(scene: dict[str, Any], driven_clock: Any) -> None:
    finance = scene["finance"]
    with scene["shop"].enter():
        gold, late = (Person(scene["shop"], Role.DISTRIBUTOR).distributor_id for _ in range(2))
        distributors.set_tiers({gold: Tier.GOLD}, clock.now(), "test")
        earn([(gold, 500), (late, 700)])
        driven_clock(APRIL + timedelta(days=31))
        open_all()
        order = [one.statement_id for one in queries.list_review_queue()]
    whole = finance.call("GET", "/settlements/review-queue").json()
    assert (whole["next_cursor"], len(whole["items"])) == (None, 4)
    assert [one["statement_id"] for one in whole["items"]] == [ids.public("stm", one) for one in order]
    assert whole["items"][0]["distributor_id"] == ids.public("dst", gold)
    assert pages(finance, "/settlements/review-queue") == [[one] for one in whole["items"]]
    foreign = finance.call("GET", "/settlements/statements?limit=1").json()["next_cursor"]
    refused = finance.call("GET", f"/settlements/review-queue?cursor={foreign}")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "bad_cursor")


def test_policies_over_http(scene: dict[str, Any]) -> None:
    finance = scene["finance"]
    own = ids.public("dst", scene["mate"].distributor_id)
    body = {"scope": "distributor", "subject": own, "cycle": "weekly", "weekday": 4, "lane": "automatic", "minimum_minor": 10}
    made = finance.call("POST", "/settlements/policies", body)
    assert (made.status_code, made.json()["subject"]) == (201, own)
    assert len(finance.call("GET", "/settlements/policies").json()["items"]) == 2
    retired = finance.call("POST", f"/settlements/policies/{made.json()['policy_id']}/retire").json()
    assert retired["retired_at"] is not None
    assert len(finance.call("GET", "/settlements/policies?with_retired=true").json()["items"]) == 2
    assert len(pages(finance, "/settlements/policies?with_retired=true")) == 2
    for bad in (
        {**body, "subject": "dst_0000000000000"},
        {**body, "subject": "me"},
        {**body, "weekday": 9},
        {**body, "minimum_minor": 0},
        {**body, "scope": "tier", "subject": "wood"},
        {**body, "four_eyes_minor": 10**30},
        {**body, "channel": "A\u0000"},
    ):
        answer = finance.call("POST", "/settlements/policies", bad)
        assert 400 <= answer.status_code < 500
        assert answer.json()["error"]["code"]
