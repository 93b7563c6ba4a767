"""Distributors over HTTP, and the four people everywhere: owner, team-mate, stranger, other shop."""

from __future__ import annotations

from typing import Any

import pytest

from banyan.kernel import ids, sql
from banyan.people.distributors import queries
from banyan.people.identity.types import Role


def snapshot(tenant: Any) -> Any:
    with tenant.enter():
        return [
            sql.fetch("SELECT id, status, tier, sponsor_id FROM distributors ORDER BY id"),
            sql.fetch("SELECT id, valid_to, reason FROM distributors_status_facts ORDER BY id"),
            sql.fetch("SELECT id, valid_to, reason FROM distributors_tier_facts ORDER BY id"),
        ]


def test_from_application_to_closing(tenant: Any, make_users: Any, token_for: Any, caller: Any) -> None:
    with tenant.enter():
        boss, person = make_users(2)
    operator, consumer = caller(token_for(boss, Role.OPERATOR)), caller(token_for(person, Role.CONSUMER))
    status, mine = consumer("POST", "/distributors", {})
    assert (status, mine["status"], mine["tier"]) == (201, "applied", "bronze")
    assert consumer("POST", "/distributors", {})[1]["error"]["code"] == "already_applied"
    assert [row["id"] for row in operator("GET", "/distributors?status=applied")[1]["items"]] == [mine["id"]]
    assert operator("POST", "/distributors/approve", {"ids": [mine["id"]]}) == (
        200,
        [{"id": mine["id"], "done": True, "error": None}],
    )
    assert operator("POST", "/distributors/approve", {"ids": [mine["id"]]})[1]["error"]["code"] == "wrong_status"
    for step in ("freeze", "unfreeze"):
        assert operator("POST", f"/distributors/{step}", {"ids": [mine["id"]], "reason": "review"})[0] == 200
    assert operator("POST", "/distributors/tier", {"ids": [mine["id"]], "tier": "gold", "reason": "sales"})[0] == 200
    assert consumer("GET", f"/distributors/{mine['id']}")[1]["tier"] == "gold"
    history = consumer("GET", f"/distributors/{mine['id']}/history")[1]
    assert [fact["value"] for fact in history["statuses"]] == ["applied", "active", "frozen", "active"]
    assert operator("POST", "/distributors/close", {"ids": [mine["id"]], "reason": "left"})[0] == 200
    assert consumer("GET", f"/distributors/{mine['id']}")[1]["status"] == "closed"
    assert tenant.verify() == []


def test_one_bad_id_does_not_stop_a_batch(
    tenant: Any, make_users: Any, make_distributors: Any, token_for: Any, caller: Any
) -> None:
    with tenant.enter():
        (boss,) = make_users(1)
        (good,) = make_distributors(1)
    unknown = ids.public("dst", 10**15)
    body = {"ids": [ids.public("dst", good), unknown], "reason": "review"}
    status, answer = caller(token_for(boss, Role.OPERATOR))("POST", "/distributors/freeze", body)
    assert status == 200
    assert [(o["id"], o["done"], o["error"] and o["error"]["code"]) for o in answer] == [
        (ids.public("dst", good), True, None),
        (unknown, False, "distributor_not_found"),
    ]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/distributors/{id}", None),
        ("GET", "/distributors/{id}/history", None),
        ("GET", "/distributors", None),
        ("POST", "/distributors/approve", {"ids": ["{id}"]}),
        ("POST", "/distributors/reject", {"ids": ["{id}"], "reason": "x"}),
        ("POST", "/distributors/freeze", {"ids": ["{id}"], "reason": "x"}),
        ("POST", "/distributors/unfreeze", {"ids": ["{id}"], "reason": "x"}),
        ("POST", "/distributors/close", {"ids": ["{id}"], "reason": "x"}),
        ("POST", "/distributors/tier", {"ids": ["{id}"], "tier": "gold", "reason": "x"}),
    ],
)
def test_team_mates_strangers_and_other_shops_read_and_change_nothing(
    tenant: Any,
    make_shop: Any,
    make_users: Any,
    make_distributors: Any,
    token_for: Any,
    caller: Any,
    method: str,
    path: str,
    body: Any,
) -> None:
    with tenant.enter():
        owner, mate = make_distributors(2)
        users = queries.find_users_of([owner, mate])
        (stranger, auditor) = make_users(2)
    other = make_shop()
    with other.enter():
        from banyan.people.identity import commands
        from banyan.people.identity.types import scopes_of

        (foreign_user,) = make_users(1, Role.OPERATOR)
        foreign = commands.issue_token(foreign_user, scopes_of([Role.OPERATOR]), "t")
    public = ids.public("dst", owner)
    target = path.format(id=public)
    payload = {**body, "ids": [public]} if body else None
    tokens = {
        "owner": token_for(users[owner], Role.DISTRIBUTOR), "mate": token_for(users[mate], Role.DISTRIBUTOR),
        "stranger": token_for(stranger, Role.CONSUMER), "auditor": token_for(auditor, Role.AUDITOR), "foreign": foreign,
    }  # fmt: skip
    before = snapshot(tenant)
    answers = {name: caller(token)(method, target, payload) for name, token in tokens.items()}
    assert caller()(method, target, payload)[0] == 401
    if method == "POST":
        assert [answers[name][0] for name in ("owner", "mate", "stranger", "auditor", "foreign")] == [403, 403, 403, 403, 404]
    elif path == "/distributors":
        shown = {name: public in str(answer) for name, (_, answer) in answers.items()}
        assert shown == {"owner": True, "mate": False, "stranger": False, "auditor": True, "foreign": False}
    else:
        assert {name: status for name, (status, _) in answers.items()} == {
            "owner": 200, "mate": 404, "stranger": 404, "auditor": 200, "foreign": 404,
        }  # fmt: skip
    assert snapshot(tenant) == before
