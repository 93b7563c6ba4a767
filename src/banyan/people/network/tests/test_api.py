"""The network over HTTP, and the four people everywhere: owner, team-mate, stranger, other shop."""

from __future__ import annotations

from typing import Any

import pytest

from banyan.kernel import ids, sql
from banyan.people.conftest import START
from banyan.people.distributors import queries as distributors
from banyan.people.identity import commands as identity
from banyan.people.identity.types import Role, scopes_of
from banyan.people.network import commands, queries
from banyan.people.network.types import BindRequest, BindSource, Joining


def dst(distributor_id: int) -> str:
    return ids.public("dst", distributor_id)


@pytest.fixture
def people(tenant: Any, make_users: Any, make_distributors: Any, token_for: Any) -> dict[str, Any]:
    """root ← owner ← (below ← deep), root ← mate; a consumer bound to the owner; a stranger; an operator."""
    with tenant.enter():
        root, owner, mate, below, deep = make_distributors(5)
        consumer, stranger, boss = make_users(3)
        pairs = [(root, None), (owner, root), (mate, root), (below, owner), (deep, below)]
        commands.join([Joining(member, sponsor, START) for member, sponsor in pairs])
        commands.bind([BindRequest(consumer, owner, BindSource.LINK, START)])
        users = distributors.find_users_of([owner, mate])
    return {
        "root": root, "owner": owner, "mate": mate, "below": below, "deep": deep, "consumer": consumer, "stranger": stranger,
        "tokens": {
            "owner": token_for(users[owner], Role.DISTRIBUTOR), "mate": token_for(users[mate], Role.DISTRIBUTOR),
            "consumer": token_for(consumer, Role.CONSUMER), "stranger": token_for(stranger, Role.CONSUMER),
            "operator": token_for(boss, Role.OPERATOR),
        },
    }  # fmt: skip


def snapshot(tenant: Any) -> Any:
    tables = ("network_members", "network_sponsorships", "network_bindings", "network_binding_settings")
    with tenant.enter():
        return [sql.fetch(f"SELECT t.* FROM {table} t ORDER BY id") for table in tables]


def test_the_owner_sees_the_own_place_team_and_consumers(people: Any, caller: Any) -> None:
    call, path = caller(people["tokens"]["owner"]), f"/network/members/{dst(people['owner'])}"
    assert call("GET", path)[1]["frontline_count"] == 1
    assert call("GET", f"{path}/upline")[1]["upline"] == [dst(people["root"])]
    assert [m["distributor_id"] for m in call("GET", f"{path}/frontline")[1]["items"]] == [dst(people["below"])]
    assert {m["distributor_id"] for m in call("GET", f"{path}/team")[1]["items"]} == {dst(people["below"]), dst(people["deep"])}
    assert len(call("GET", f"{path}/team?depth=1")[1]["items"]) == 1
    assert call("GET", f"{path}/team/size")[1] == {"frontline_count": 1, "team_count": 2, "consumer_count": 1}
    assert [b["consumer_id"] for b in call("GET", f"{path}/consumers")[1]["items"]] == [ids.public("usr", people["consumer"])]
    assert [s["sponsor_id"] for s in call("GET", f"{path}/sponsorships")[1]["items"]] == [dst(people["root"])]
    first = call("GET", f"{path}/team?limit=1")[1]
    rest = call("GET", f"{path}/team?limit=1&cursor={first['next_cursor']}")[1]
    assert [len(first["items"]), len(rest["items"]), rest["next_cursor"]] == [1, 1, None]


def test_an_operator_moves_a_team_and_the_past_stays(tenant: Any, people: Any, caller: Any) -> None:
    call, path = caller(people["tokens"]["operator"]), f"/network/members/{dst(people['owner'])}"
    status, answer = call("POST", f"{path}/move", {"sponsor_id": dst(people["mate"]), "reason": "asked by both"})
    assert (status, answer["moved_count"], answer["member"]["depth"]) == (200, 3, 2)
    deep = f"/network/members/{dst(people['deep'])}"
    assert call("GET", f"{deep}/upline")[1]["upline"] == [dst(people[n]) for n in ("below", "owner", "mate", "root")]
    before = call("GET", f"{deep}/upline?at=2026-01-02T00:00:00Z")[1]
    assert before["upline"] == [dst(people[n]) for n in ("below", "owner", "root")]
    assert call("GET", f"{deep}/upline?at=2025-01-02T00:00:00Z")[0] == 404
    assert call("GET", f"{deep}/upline?at=2999-01-02T00:00:00Z")[0] == 422
    assert call("GET", f"{deep}/upline?at=2026-01-02T00:00:00")[0] == 422
    status, answer = call("POST", f"{path}/move", {"sponsor_id": dst(people["deep"]), "reason": "a circle"})
    assert (status, answer["error"]["code"]) == (409, "circle")
    assert tenant.verify() == []


def test_binding_releasing_and_rules(tenant: Any, people: Any, caller: Any) -> None:
    with tenant.enter():
        codes = {name: distributors.get_distributor(people[name]).code for name in ("owner", "mate")}
    operator, consumer = caller(people["tokens"]["operator"]), caller(people["tokens"]["consumer"])
    assert consumer("POST", "/network/bindings", {"code": codes["owner"]})[1]["result"] == "kept"
    assert consumer("POST", "/network/bindings", {"code": codes["mate"]})[1]["error"]["code"] == "consumer_protected"
    assert consumer("POST", "/network/bindings", {"code": "nonsense"})[1]["error"]["code"] == "unknown_referral_code"
    owner = caller(people["tokens"]["owner"])
    assert owner("POST", "/network/bindings", {"code": codes["owner"]})[1]["error"]["code"] == "self_binding"
    release = {"consumer_id": ids.public("usr", people["consumer"]), "reason": "asked"}
    assert operator("POST", "/network/bindings/release", release)[0] == 204
    assert operator("POST", "/network/bindings/release", release)[1]["error"]["code"] == "not_bound"
    rules = {"mode": "overriding", "protect_days": None, "validity_days": 30}
    assert operator("PUT", "/network/binding-rules", rules) == (200, rules)
    assert operator("PUT", "/network/binding-rules", {"mode": "overriding", "validity_days": 0})[0] == 422
    body = {"code": codes["mate"], "consumer_id": ids.public("usr", people["consumer"])}
    assert operator("POST", "/network/bindings", body)[1]["result"] == "bound"
    rows = operator("GET", f"/network/bindings/{ids.public('usr', people['consumer'])}")[1]
    assert consumer("GET", f"/network/bindings/{ids.public('usr', people['consumer'])}") == (200, rows)
    assert [(row["source"], row["ended_reason"]) for row in rows["items"]] == [("link", "asked"), ("operator", "")]
    mine = f"/network/bindings/{ids.public('usr', people['consumer'])}?limit=1"
    first = consumer("GET", mine)[1]
    rest = consumer("GET", f"{mine}&cursor={first['next_cursor']}")[1]
    assert ([*first["items"], *rest["items"]], rest["next_cursor"]) == (rows["items"], None)
    foreign = operator("GET", f"/network/members/{dst(people['owner'])}/team?limit=1")[1]["next_cursor"]
    assert consumer("GET", f"{mine}&cursor={foreign}")[1]["error"]["code"] == "bad_cursor"  # a cursor of another list
    assert tenant.verify() == []


def test_signing_up_binds_in_the_same_breath(tenant: Any, people: Any, caller: Any) -> None:
    with tenant.enter():
        code = distributors.get_distributor(people["owner"]).code
    body = {
        "shop": tenant.slug,
        "login": "newcomer",
        "password": "a long enough passphrase",
        "display_name": "新人",
        "code": code,
    }
    status, answer = caller()("POST", "/auth/sign-up", body)
    assert (status, answer["bound_to"], answer["not_bound_because"]) == (201, dst(people["owner"]), None)
    assert caller()("POST", "/auth/sign-up", body)[1]["error"]["code"] == "login_taken"
    status, answer = caller()("POST", "/auth/sign-up", {**body, "login": "second", "code": "nonsense"})
    assert (status, answer["bound_to"]) == (201, None)
    assert "referral code" in answer["not_bound_because"]
    assert caller()("POST", "/auth/sign-up", {**body, "shop": "no-such-shop"})[0] == 404
    assert tenant.verify() == []


def test_a_sign_up_whose_answer_was_lost_is_sent_again_with_its_key(tenant: Any, people: Any, caller: Any) -> None:
    from banyan.people.identity.commands import signing_in

    with tenant.enter():
        code = distributors.get_distributor(people["owner"]).code
    body = {
        "shop": tenant.slug, "login": "lost", "password": "a long enough passphrase", "display_name": "新人", "code": code,
    }  # fmt: skip
    key = {"Idempotency-Key": "lost-answer"}
    first = caller()("POST", "/auth/sign-up", body, **key)
    for _ in range(signing_in.SIGN_UPS_PER_ADDRESS):  # a repetition is no further sign-up of this address
        assert caller()("POST", "/auth/sign-up", body, **key) == first
    assert (first[0], first[1]["bound_to"]) == (201, dst(people["owner"]))
    other = caller()("POST", "/auth/sign-up", {**body, "login": "other"}, **key)
    assert (other[0], other[1]["error"]["code"]) == (422, "idempotency_key_reused")
    unusable = caller()("POST", "/auth/sign-up", {**body, "login": "other"}, **{"Idempotency-Key": "k" * 201})
    assert (unusable[0], unusable[1]["error"]["code"]) == (400, "idempotency_key_missing")
    assert caller()("POST", "/auth/sign-up", body)[1]["error"]["code"] == "login_taken"
    with tenant.enter():
        assert sql.fetch("SELECT count(*)::int FROM identity_users WHERE login IN ('lost', 'other')") == [(1,)]
        assert body["password"] not in str(sql.fetch("SELECT key, body, digest FROM idempotency_records WHERE actor_id = 0"))


def test_the_token_of_another_shop_does_not_hinder_signing_up(
    tenant: Any, make_shop: Any, make_users: Any, people: Any, caller: Any
) -> None:
    body = {"shop": tenant.slug, "login": "guest", "password": "a long enough passphrase", "display_name": "新人"}
    status, answer = caller(foreign_operator(make_shop, make_users))("POST", "/auth/sign-up", body)
    assert (status, answer["bound_to"]) == (201, None)
    status, answer = caller(people["tokens"]["stranger"])("POST", "/auth/sign-up", {**body, "login": "own"})
    assert status == 201
    with tenant.enter():
        assert sql.fetch("SELECT count(*)::int FROM identity_users WHERE login IN ('guest', 'own')") == [(2,)]


def test_one_address_cannot_fill_a_shop(tenant: Any, caller: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from banyan.people.identity.commands import signing_in

    monkeypatch.setattr(signing_in, "SIGN_UPS_PER_ADDRESS", 2)
    body = {"shop": tenant.slug, "password": "a long enough passphrase", "display_name": "新人"}
    answers = [caller()("POST", "/auth/sign-up", {**body, "login": f"n{n}"}) for n in range(3)]
    assert [status for status, _ in answers] == [201, 201, 429]
    assert answers[2][1]["error"]["details"]["retry_after_seconds"] > 3000


READS = ("", "/upline", "/frontline", "/team", "/team/size", "/consumers", "/sponsorships")


@pytest.mark.parametrize("suffix", READS)
def test_only_the_owner_and_staff_read_a_place(
    tenant: Any, make_shop: Any, make_users: Any, people: Any, caller: Any, suffix: str
) -> None:
    path = f"/network/members/{dst(people['owner'])}{suffix}"
    answers = {name: caller(token)("GET", path)[0] for name, token in people["tokens"].items()}
    assert answers == {"owner": 200, "mate": 404, "consumer": 404, "stranger": 404, "operator": 200}
    assert caller(foreign_operator(make_shop, make_users))("GET", path)[0] == 404
    assert caller()("GET", path)[0] == 401


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/network/members", {"distributor_id": "{owner}", "sponsor_id": None}),
        ("POST", "/network/members/{owner}/move", {"sponsor_id": None, "reason": "x"}),
        ("POST", "/network/bindings/release", {"consumer_id": "{consumer}", "reason": "x"}),
        ("PUT", "/network/binding-rules", {"mode": "overriding"}),
    ],
)
def test_writes_of_others_change_nothing(
    tenant: Any, make_shop: Any, make_users: Any, people: Any, caller: Any, method: str, path: str, body: Any
) -> None:
    names = {"{owner}": dst(people["owner"]), "{consumer}": ids.public("usr", people["consumer"])}
    target = path.replace("{owner}", names["{owner}"])
    payload = {key: names.get(value, value) for key, value in body.items()}
    before = snapshot(tenant)
    for name in ("owner", "mate", "consumer", "stranger"):
        assert caller(people["tokens"][name])(method, target, payload)[0] == 403
    assert caller()(method, target, payload)[0] == 401
    status, _ = caller(foreign_operator(make_shop, make_users))(method, target, payload)
    assert status in ((200,) if path.endswith("rules") else (404, 409))  # its own rules, or nothing of ours
    assert snapshot(tenant) == before


def test_nobody_binds_another_consumer(tenant: Any, people: Any, caller: Any) -> None:
    with tenant.enter():
        code = distributors.get_distributor(people["mate"]).code
    body = {"code": code, "consumer_id": ids.public("usr", people["stranger"])}
    before = snapshot(tenant)
    for name in ("owner", "mate", "consumer"):
        assert caller(people["tokens"][name])("POST", "/network/bindings", body)[0] == 404
    assert snapshot(tenant) == before
    mine = f"/network/bindings/{ids.public('usr', people['consumer'])}"
    assert caller(people["tokens"]["mate"])("GET", mine)[0] == 404
    assert caller(people["tokens"]["stranger"])("GET", mine)[0] == 404


def foreign_operator(make_shop: Any, make_users: Any) -> str:
    with make_shop().enter():
        (user,) = make_users(1, Role.OPERATOR)
        return str(identity.issue_token(user, scopes_of([Role.OPERATOR]), "t"))


def test_raw_sql_without_a_tenant_sees_nothing(tenant: Any, people: Any) -> None:
    from django.db import connection

    for table in ("identity_users", "identity_tokens", "distributors", "network_members", "network_bindings", "network_closure"):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() == (0,)


def test_the_parent_is_audited_even_when_raw_sql_changes_it(tenant: Any, people: Any) -> None:
    with tenant.enter():
        sql.execute("UPDATE network_members SET parent_id = %s WHERE id = %s", (people["mate"], people["deep"]))
        rows = sql.fetch("SELECT before, after, operation, actor FROM audit_entries WHERE table_name = 'network_members'")
        sql.execute("UPDATE network_members SET parent_id = %s WHERE id = %s", (people["below"], people["deep"]))
    assert rows == [({"parent_id": people["below"]}, {"parent_id": people["mate"]}, "update", "test")]
    with tenant.enter():
        assert queries.uplines([people["deep"]])[people["deep"]][0] == people["below"]


NASTY = ("\x00", "a\x00b", "\ud800", "\u202e", " ", "", "'; DROP TABLE x; --", "9" * 5000, None, 7, [], {})


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/distributors", {"sponsor_code": None, "user_id": None}),
        ("POST", "/distributors/freeze", {"ids": None, "reason": None}),
        ("POST", "/distributors/tier", {"ids": None, "tier": None, "reason": None}),
        ("POST", "/network/members", {"distributor_id": None, "sponsor_id": None}),
        ("POST", "/network/members/{owner}/move", {"sponsor_id": None, "reason": None, "at": None}),
        ("POST", "/network/bindings", {"code": None, "consumer_id": None}),
        ("POST", "/network/bindings/release", {"consumer_id": None, "reason": None}),
        ("PUT", "/network/binding-rules", {"mode": None, "protect_days": None, "validity_days": None}),
        ("POST", "/auth/sign-in", {"login": None, "password": None, "shop": None}),
        (
            "POST",
            "/auth/sign-up",
            {"shop": "{slug}", "login": None, "password": None, "display_name": None, "phone": None, "code": None},
        ),
        ("POST", "/users", {"login": None, "display_name": None, "password": None, "phone": None, "roles": None}),
        ("POST", "/me/tokens", {"name": None, "scopes": None, "days": None}),
        ("PATCH", "/me", {"display_name": None, "phone": None}),
        ("GET", "/users?cursor={nasty}&role={nasty}", None),
        ("GET", "/users/search?login={nasty}&phone={nasty}", None),
        ("GET", "/distributors?cursor={nasty}&status={nasty}", None),
        ("GET", "/network/members/{nasty}/team?depth={nasty}", None),
        ("GET", "/network/members/{owner}/upline?at={nasty}", None),
    ],
)
def test_nonsense_is_refused_and_never_a_defect(tenant: Any, people: Any, caller: Any, method: str, path: str, body: Any) -> None:
    from urllib.parse import quote

    call = caller(people["tokens"]["operator"])
    for nasty in NASTY:
        text = quote(str(nasty).encode("utf-8", "surrogatepass"))
        target = path.replace("{owner}", dst(people["owner"])).replace("{nasty}", text)
        for field in body or {"": None}:
            filled = {key: value or "x" * 11 for key, value in (body or {}).items()} | {field: nasty}
            payload = {key: tenant.slug if value == "{slug}" else value for key, value in filled.items()} if body else None
            status, answer = call(method, target, payload)
            assert status < 500, (target, payload, answer)
            if status >= 400:
                assert answer["error"]["code"], (target, payload, answer)
