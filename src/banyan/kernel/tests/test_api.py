"""The kernel's rows over HTTP: who may see and mend them, page by page."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from banyan.kernel import events, ids, sql
from banyan.kernel.events import core
from banyan.people.identity.types import NewUser, Role, scopes_of

Call = Callable[..., tuple[int, Any]]
refused: set[int] = set()


@dataclass(frozen=True)
class Knocked(events.Event):
    kind = "test.knocked"
    number: int


@pytest.fixture
def door() -> Iterator[None]:
    """A reaction that refuses the numbers in ``refused``."""

    @events.reaction("test.open_door", on=(Knocked,))
    def open_door(batch: list[Knocked]) -> None:
        if refused & {event.number for event in batch}:
            raise ValueError("poison")

    yield
    del core._reactions["test.open_door"]
    refused.clear()


@pytest.fixture
def calls(tenant: Any) -> Callable[..., Call]:
    """calls(role) → call(method, path, body) with a token of that role; calls(role, shop=other) in another shop."""

    def make(role: Role, shop: Any = tenant) -> Call:
        from banyan.people.identity import commands

        with shop.enter():
            (user,) = commands.register_users([NewUser(f"u{uuid.uuid4().hex[:8]}", None, "某人", None, (role,))])
            token = commands.issue_token(user, scopes_of([role]), "test")

        def call(method: str, path: str, body: Any = None) -> tuple[int, Any]:
            headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid.uuid4().hex}
            text = json.dumps(body) if body is not None else ""
            answer = Client().generic(method, f"/api/v1{path}", text, content_type="application/json", headers=headers)
            return answer.status_code, json.loads(answer.content)

        return call

    return make


@pytest.mark.usefixtures("door")
def test_set_aside_events_are_listed_tried_again_and_dismissed(tenant: Any, calls: Any, make_shop: Any) -> None:
    refused.update((1, 2, 3))
    with tenant.enter():
        events.record([Knocked(number) for number in (1, 2, 3)])
    tenant.drain()
    operator, finance = calls(Role.OPERATOR), calls(Role.FINANCE)
    first = finance("GET", "/events/set-aside?limit=2")[1]
    rest = finance("GET", f"/events/set-aside?limit=2&cursor={first['next_cursor']}")[1]
    rows = [*first["items"], *rest["items"]]
    assert (len(first["items"]), len(rows), rest["next_cursor"]) == (2, 3, None)
    assert {(row["reaction"], row["kind"], row["error"]) for row in rows} == {("test.open_door", "test.knocked", "ValueError")}
    assert finance("GET", "/events/set-aside?reaction=test.other")[1]["items"] == []

    third, second, one = (row["id"] for row in rows)
    assert finance("POST", f"/events/set-aside/{one}/retry")[0] == 403
    assert calls(Role.OPERATOR, make_shop())("POST", f"/events/set-aside/{one}/retry")[0] == 404
    failed = operator("POST", f"/events/set-aside/{one}/retry")
    assert (failed[0], failed[1]["attempts"], failed[1]["resolved_at"]) == (200, 2, None)
    refused.clear()
    assert operator("POST", f"/events/set-aside/{one}/retry")[1]["resolution"] == "retried"
    assert operator("POST", f"/events/set-aside/{one}/retry")[0] == 409
    assert operator("POST", f"/events/set-aside/{second}/dismiss", {"reason": ""})[0] == 422
    dismissed = operator("POST", f"/events/set-aside/{second}/dismiss", {"reason": "a test order"})[1]
    assert (dismissed["resolution"], dismissed["resolved_at"] is None) == ("dismissed: a test order", False)
    assert [row["id"] for row in finance("GET", "/events/set-aside")[1]["items"]] == [third]
    assert len(finance("GET", "/events/set-aside?state=all")[1]["items"]) == 3
    assert calls(Role.WAREHOUSE)("GET", "/events/set-aside")[0] == 403


def test_the_audit_log_is_read_by_auditors_only_and_filtered(tenant: Any, calls: Any, make_shop: Any) -> None:
    from banyan.people.identity import commands

    auditor, operator = calls(Role.AUDITOR), calls(Role.OPERATOR)
    with tenant.enter(actor="usr_somebody"):
        (user,) = commands.register_users([NewUser("seen", None, "某人", None, (Role.CONSUMER,))])
        commands.set_active(user, False)
    assert operator("GET", "/audit")[0] == 403
    found = auditor("GET", f"/audit?table=identity_users&actor=usr_somebody&row_id={user}")[1]["items"]
    assert [(row["operation"], row["after"].get("active"), row["reason"]) for row in found] == [
        ("update", False, "test"),
        ("insert", True, "test"),
    ]
    assert found[0]["before"] == {"active": True}
    first = auditor("GET", "/audit?limit=1")[1]
    assert auditor("GET", f"/audit?limit=1&cursor={first['next_cursor']}")[1]["items"][0]["id"] != first["items"][0]["id"]
    moment = found[0]["occurred_at"]
    with tenant.enter():
        assert sql.fetch(
            "SELECT occurred_at = %s::timestamptz FROM audit_entries WHERE id = %s", (moment, ids.parse("aud", found[0]["id"]))
        ) == [(True,)]
    earlier = auditor("GET", f"/audit?table=identity_users&until={moment}")[1]["items"]
    later = auditor("GET", f"/audit?table=identity_users&since={moment}")[1]["items"]
    assert found[1]["id"] in [row["id"] for row in earlier]
    assert [row["id"] for row in later] == [found[0]["id"]]
    assert auditor("GET", "/audit?since=2026-01-01T00:00:00")[0] == 422  # a moment without a zone is none
    stranger = calls(Role.AUDITOR, make_shop())
    assert stranger("GET", f"/audit?row_id={user}")[1]["items"] == []
    with tenant.enter():
        assert sql.fetch("SELECT count(*) FROM audit_entries WHERE row_id = %s", (user,)) == [(2,)]
    assert found[0]["id"].startswith("aud_") and ids.parse("aud", found[0]["id"]) > 0
