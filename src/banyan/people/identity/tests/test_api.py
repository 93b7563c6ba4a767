"""Identity over HTTP: what each may do, and that nothing is read or changed otherwise."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from banyan.kernel import clock, ids, sql
from banyan.people.identity import commands, queries
from banyan.people.identity.types import NewUser, Role, scopes_of

PASSWORD = "a long enough passphrase"


@pytest.fixture
def staff(tenant: Any) -> dict[str, tuple[Any, str]]:
    """For some roles: (user id, token with every scope of the role)."""
    with tenant.enter():
        people = {}
        for role in (Role.OPERATOR, Role.FINANCE, Role.CONSUMER, Role.AUDITOR):
            (user,) = commands.register_users([NewUser(role.value, PASSWORD, f"某{role.value}", None, (role,))])
            people[role.value] = (user, commands.issue_token(user, scopes_of([role]), "test"))
        return people


def test_signing_in_gives_a_working_token_and_signing_out_ends_it(tenant: Any, staff: Any, caller: Any) -> None:
    status, answer = caller()("POST", "/auth/sign-in", {"login": "Operator", "password": PASSWORD, "shop": tenant.slug})
    assert status == 200, answer
    call = caller(answer["token"])
    status, me = call("GET", "/me")
    assert (status, me["login"], me["roles"]) == (200, "operator", ["operator"])
    assert me["id"] == ids.public("usr", staff["operator"][0])
    assert call("POST", "/auth/sign-out")[0] == 204
    assert call("GET", "/me")[0] == 401


def test_a_repeated_request_for_a_token_does_not_show_the_secret_again(tenant: Any, staff: Any, caller: Any) -> None:
    call = caller(staff["finance"][1])
    body = {"name": "till", "scopes": ["ledger:read"]}
    status, first = call("POST", "/me/tokens", body, **{"Idempotency-Key": "once"})
    assert status == 201
    status, again = call("POST", "/me/tokens", body, **{"Idempotency-Key": "once"})
    assert (status, again["error"]["code"]) == (409, "shown_once")
    with tenant.enter():
        assert first["token"] not in str(sql.fetch("SELECT body FROM idempotency_records"))
        assert sql.fetch("SELECT count(*) FROM identity_tokens WHERE name = 'till'") == [(1,)]


def test_a_narrow_token_cannot_make_a_wide_one(tenant: Any, staff: Any, caller: Any) -> None:
    with tenant.enter():
        narrow = commands.issue_token(staff["finance"][0], ["me:write"], "narrow")
    status, answer = caller(narrow)("POST", "/me/tokens", {"name": "wide", "scopes": ["ledger:read"]})
    assert (status, answer["error"]["code"]) == (403, "scope_not_held")
    assert answer["error"]["details"] == {"missing": ["ledger:read"]}


def test_tokens_are_listed_and_revoked(tenant: Any, staff: Any, caller: Any) -> None:
    call = caller(staff["consumer"][1])
    _, fresh = call("POST", "/me/tokens", {"name": "phone", "scopes": ["me:read"], "days": 30})
    rows = call("GET", "/me/tokens")[1]["items"]
    assert [row["name"] for row in rows] == ["phone", "test"]
    first = call("GET", "/me/tokens?limit=1")[1]
    rest = call("GET", f"/me/tokens?limit=1&cursor={first['next_cursor']}")[1]
    assert ([*first["items"], *rest["items"]], rest["next_cursor"]) == (rows, None)
    assert "token" not in rows[0]
    assert caller(staff["finance"][1])("DELETE", f"/me/tokens/{rows[0]['id']}")[0] == 404
    assert caller(fresh["token"])("GET", "/me")[0] == 200
    assert call("DELETE", f"/me/tokens/{rows[0]['id']}")[0] == 204
    assert caller(fresh["token"])("GET", "/me")[0] == 401


def test_an_operator_registers_finds_and_administers_users(tenant: Any, staff: Any, caller: Any) -> None:
    call = caller(staff["operator"][1])
    body = {"login": "Hong", "display_name": "小红", "phone": "138 0013 8000", "roles": ["warehouse"], "password": PASSWORD}
    status, user = call("POST", "/users", body)
    assert (status, user["login"], user["phone"]) == (201, "hong", "+8613800138000")
    assert call("POST", "/users", body)[1]["error"]["code"] == "login_taken"
    assert [u["id"] for u in call("GET", "/users/search?phone=%2B86-138-0013-8000")[1]] == [user["id"]]
    assert [u["id"] for u in call("GET", "/users/search?login=HONG")[1]] == [user["id"]]
    assert call("PUT", f"/users/{user['id']}/roles", {"roles": ["finance"]})[1]["roles"] == ["finance"]
    assert call("POST", f"/users/{user['id']}/deactivate")[1]["active"] is False
    sign_in = {"login": "hong", "password": PASSWORD, "shop": tenant.slug}
    assert caller()("POST", "/auth/sign-in", sign_in)[1]["error"]["code"] == "sign_in_refused"
    assert call("POST", f"/users/{user['id']}/activate")[1]["active"] is True
    assert call("PUT", f"/users/{user['id']}/password", {"new": "another good passphrase"})[0] == 204
    assert caller()("POST", "/auth/sign-in", {**sign_in, "password": "another good passphrase"})[0] == 200
    pages = call("GET", "/users?limit=2")[1]
    assert len(pages["items"]) == 2
    rest = call("GET", f"/users?limit=200&cursor={pages['next_cursor']}")[1]
    assert len(rest["items"]) == 3
    assert rest["next_cursor"] is None


def test_nobody_raises_himself_or_makes_platform_users(tenant: Any, staff: Any, caller: Any) -> None:
    call = caller(staff["operator"][1])
    me, other = (ids.public("usr", staff[role][0]) for role in ("operator", "consumer"))
    assert call("PUT", f"/users/{me}/roles", {"roles": ["operator", "finance"]})[1]["error"]["code"] == "not_allowed"
    assert call("PUT", f"/users/{other}/roles", {"roles": ["platform"]})[1]["error"]["code"] == "not_allowed"
    body = {"login": "boss", "display_name": "Boss", "roles": ["platform"]}
    assert call("POST", "/users", body)[1]["error"]["code"] == "not_allowed"
    with tenant.enter():
        assert queries.find_user_by_login("boss") is None
        assert queries.get_user(staff["operator"][0]).roles == (Role.OPERATOR,)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/users", None),
        ("GET", "/users/{id}", None),
        ("GET", "/users/search?login=operator", None),
        ("GET", "/users/{id}/tokens", None),
        ("POST", "/users", {"login": "x", "display_name": "x"}),
        ("PUT", "/users/{id}/roles", {"roles": []}),
        ("POST", "/users/{id}/deactivate", None),
        ("PUT", "/users/{id}/password", {"new": "a brand new passphrase"}),
        ("DELETE", "/users/{id}/tokens", None),
        ("POST", "/platform/visits", {"shop": "platform", "reason": "curious"}),
    ],
)
def test_strangers_and_other_shops_read_and_change_nothing(
    tenant: Any, make_shop: Any, staff: Any, caller: Any, method: str, path: str, body: Any
) -> None:
    other = make_shop()
    with other.enter():
        (foreigner,) = commands.register_users([NewUser("boss", None, "Boss", None, (Role.OPERATOR,))])
        foreign = commands.issue_token(foreigner, scopes_of([Role.OPERATOR]), "t")
    target = path.format(id=ids.public("usr", staff["auditor"][0]))
    before = snapshot(tenant)
    assert caller()(method, target, body)[0] == 401
    assert caller(staff["consumer"][1])(method, target, body)[0] == 403
    status, answer = caller(foreign)(method, target, body)
    if "{id}" in path:
        assert status == 404, answer
    elif path == "/platform/visits":
        assert status == 403
    elif method == "GET":
        assert status == 200
        assert "auditor" not in str(answer)
    assert snapshot(tenant) == before


def snapshot(tenant: Any) -> Any:
    with tenant.enter():
        return [
            sql.fetch("SELECT id, login, password, roles, active FROM identity_users ORDER BY id"),
            sql.fetch("SELECT id, scopes, revoked_at FROM identity_tokens ORDER BY id"),
        ]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"login": "a b", "display_name": "x"}, "bad_login"),
        ({"login": "a", "display_name": "x", "phone": "abc"}, "bad_phone"),
        ({"login": "a", "display_name": "\u0000"}, "invalid"),
        ({"login": "a", "display_name": "   "}, "bad_name"),
        ({"login": "a", "display_name": "x", "password": "short"}, "weak_password"),
        ({"login": "a", "display_name": "x", "password": "password123"}, "weak_password"),
        ({"login": "a", "display_name": "x", "roles": ["king"]}, "invalid"),
    ],
)
def test_bad_input_is_refused_with_advice(tenant: Any, staff: Any, caller: Any, body: Any, code: str) -> None:
    status, answer = caller(staff["operator"][1])("POST", "/users", body)
    assert (status, answer["error"]["code"]) == (422, code)
    assert answer["error"]["advice"]


def test_changing_the_own_password_needs_the_present_one(tenant: Any, staff: Any, caller: Any) -> None:
    call = caller(staff["finance"][1])
    assert (
        call("PUT", "/me/password", {"present": "wrong", "new": "a brand new passphrase"})[1]["error"]["code"] == "wrong_password"
    )
    assert call("PUT", "/me/password", {"present": PASSWORD, "new": "finance"})[1]["error"]["code"] == "weak_password"
    assert call("PUT", "/me/password", {"present": PASSWORD, "new": "a brand new passphrase"})[0] == 204
    sign_in = {"login": "finance", "shop": tenant.slug}
    assert caller()("POST", "/auth/sign-in", {**sign_in, "password": PASSWORD})[0] == 401
    assert caller()("POST", "/auth/sign-in", {**sign_in, "password": "a brand new passphrase"})[0] == 200


def test_the_own_profile_changes_and_stays_sealed(tenant: Any, staff: Any, caller: Any) -> None:
    call = caller(staff["consumer"][1])
    status, me = call("PATCH", "/me", {"display_name": "新名字", "phone": "+44 20 7946 0958"})
    assert (status, me["display_name"], me["phone"]) == (200, "新名字", "+442079460958")
    assert call("PATCH", "/me", {"phone": ""})[1]["phone"] is None
    with tenant.enter():
        stored = sql.fetch("SELECT display_name FROM identity_users WHERE id = %s", (staff["consumer"][0],))[0][0]
        assert "新名字".encode() not in bytes(stored)
    assert tenant.verify() == []


def test_the_platform_enters_a_shop_openly_and_only_for_an_hour(database: None, tenant: Any, staff: Any, caller: Any) -> None:
    from banyan.kernel import tenancy
    from banyan.kernel.tenancy.registry import find_tenant_by_slug

    login = f"root{tenant.id}"
    root = commands.found_platform(login, None, "Root")
    home = find_tenant_by_slug("platform")
    assert home is not None
    with tenancy.enter(home.id, actor="test"):
        token = commands.issue_token(root, scopes_of([Role.PLATFORM]), "t")
    call = caller(token)
    assert call("GET", f"/users/{ids.public('usr', staff['consumer'][0])}")[0] == 404
    assert call("POST", "/platform/visits", {"shop": "no-such-shop", "reason": "support"})[0] == 404
    status, visit = call("POST", "/platform/visits", {"shop": tenant.slug, "reason": "support case 7"})
    assert status == 201, visit
    inside = caller(visit["token"])
    assert inside("GET", f"/users/{ids.public('usr', staff['consumer'][0])}")[0] == 200
    assert inside("GET", "/me")[1]["login"] == login
    assert inside("POST", f"/users/{ids.public('usr', staff['consumer'][0])}/deactivate")[1]["active"] is False
    with tenant.enter():
        assert sql.fetch("SELECT visitor_login, reason FROM identity_visits") == [(login, "support case 7")]
        actors = sql.fetch("SELECT actor FROM audit_entries WHERE table_name = 'identity_users' AND operation = 'update'")
        assert (ids.public("usr", root),) in actors
    with clock.driven(clock.now() + timedelta(hours=1, seconds=1)):
        assert inside("GET", "/me")[0] == 401
    assert inside("GET", "/me")[0] == 200
    assert inside("POST", "/auth/sign-out")[0] == 204
    assert inside("GET", "/me")[0] == 401
    with tenant.enter():
        assert sql.fetch("SELECT left_at IS NOT NULL FROM identity_visits") == [(True,)]


def test_every_operation_asks_for_a_scope_that_some_role_has() -> None:
    from banyan.config.urls import api
    from banyan.people.identity.types import ROLE_SCOPES, Scope

    asked = {
        getattr(operation.view_func, "banyan_scope", "")
        for router in api._get_bound_routers()
        for view in router.path_operations.values()
        for operation in view.operations
    }
    assert asked - {"public"} <= set(Scope)
    held = frozenset().union(*(scopes for role, scopes in ROLE_SCOPES.items() if role is not Role.PLATFORM))
    assert asked - {"public"} - {Scope.TENANTS_READ, Scope.TENANTS_WRITE} <= held


@pytest.fixture
def root(database: None, tenant: Any, caller: Any) -> Any:
    """A call with every right of a platform person."""
    from banyan.kernel import tenancy
    from banyan.kernel.tenancy.registry import find_tenant_by_slug

    person = commands.found_platform(f"opener{tenant.id}", None, "Root")
    home = find_tenant_by_slug("platform")
    assert home is not None
    with tenancy.enter(home.id, actor="test"):
        return caller(commands.issue_token(person, scopes_of([Role.PLATFORM]), "test"))


def test_the_platform_opens_a_shop_whose_operator_can_begin(tenant: Any, root: Any, caller: Any) -> None:
    from banyan.kernel import tenancy

    slug = f"new-{tenant.slug}"
    body = {"slug": slug, "name": "新店", "timezone": "Asia/Tokyo", "currency": "JPY", "jurisdiction": "jp", "login": "boss"}
    status, opened = root("POST", "/platform/shops", body, **{"Idempotency-Key": slug})
    assert status == 201, opened
    assert {key: opened[key] for key in ("slug", "currency", "jurisdiction", "login")} == {
        "slug": slug, "currency": "JPY", "jurisdiction": "JP", "login": "boss",
    }  # fmt: skip
    assert root("POST", "/platform/shops", body, **{"Idempotency-Key": slug})[1]["error"]["code"] == "shown_once"
    assert root("POST", "/platform/shops", body)[1]["error"]["code"] == "slug_taken"
    sign_in = {"login": "boss", "shop": slug, "password": opened["password"]}
    _, session = caller()("POST", "/auth/sign-in", sign_in)
    boss = caller(session["token"])
    assert boss("POST", "/users", {"login": "till", "display_name": "Till", "roles": ["finance"]})[0] == 201
    assert boss("PUT", "/me/password", {"present": opened["password"], "new": "a brand new passphrase"})[0] == 204
    assert caller()("POST", "/auth/sign-in", sign_in)[0] == 401
    found = tenancy.find_tenant_by_slug(slug)
    assert found is not None
    with tenancy.enter(found.id, actor="test"):
        rows = sql.fetch("SELECT actor, reason FROM audit_entries WHERE table_name IN ('tenants', 'identity_users') ORDER BY id")
    me = root("GET", "/me")[1]["id"]
    assert rows[:2] == [(me, "opening the shop")] * 2


def test_the_platform_pages_through_the_shops(tenant: Any, make_shop: Any, root: Any) -> None:
    slugs = [make_shop().slug for _ in range(3)]
    first = root("GET", "/platform/shops?limit=2")[1]
    rest = root("GET", f"/platform/shops?limit=200&cursor={first['next_cursor']}")[1]
    seen = [shop["slug"] for shop in [*first["items"], *rest["items"]]]
    assert seen[:3] == slugs[::-1]
    assert len(first["items"]) == 2
    assert tenant.slug in seen


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"slug": "Bad"}, "invalid"),
        ({"slug": "platform"}, "slug_taken"),
        ({"timezone": "Mars/Olympus"}, "invalid"),
        ({"timezone": "America"}, "invalid"),
        ({"jurisdiction": "ZZ"}, "unknown_jurisdiction"),
        ({"currency": "yen"}, "invalid"),
        ({"name": "  "}, "invalid"),
        ({"login": "a b"}, "bad_login"),
    ],
)
def test_a_refused_shop_leaves_nothing(tenant: Any, root: Any, change: dict[str, str], code: str) -> None:
    from banyan.kernel import tenancy

    body = {"slug": f"refused-{tenant.slug}", "name": "新店"} | change
    status, answer = root("POST", "/platform/shops", body)
    assert (status in (409, 422), answer["error"]["code"]) == (True, code)
    assert answer["error"]["advice"]
    assert tenancy.find_tenant_by_slug(f"refused-{tenant.slug}") is None


@pytest.mark.parametrize("role", list(Role))
def test_nobody_else_sees_or_opens_shops(tenant: Any, caller: Any, role: Role) -> None:
    """Not even somebody who bears the platform's role inside a shop."""
    from banyan.kernel import tenancy

    with tenant.enter():
        (user,) = commands.register_users([NewUser("someone", None, "某人", None, (role,))])
        call = caller(commands.issue_token(user, scopes_of([role]), "test"))
    slug = f"stolen-{tenant.slug}"
    assert call("POST", "/platform/shops", {"slug": slug, "name": "x"})[0] == 403
    assert call("GET", "/platform/shops")[0] == 403
    assert tenancy.find_tenant_by_slug(slug) is None


def test_an_operator_lifts_a_lock(tenant: Any, staff: Any, caller: Any) -> None:
    sign_in = {"login": "finance", "shop": tenant.slug, "password": PASSWORD}
    for _ in range(5):
        assert caller()("POST", "/auth/sign-in", {**sign_in, "password": "wrong"})[0] == 401
    assert caller()("POST", "/auth/sign-in", sign_in)[0] == 429
    path = f"/users/{ids.public('usr', staff['finance'][0])}/lift-lock"
    assert caller(staff["auditor"][1])("POST", path)[0] == 403
    assert caller(staff["operator"][1])("POST", path) == (200, {"forgiven_count": 5})
    assert caller()("POST", "/auth/sign-in", sign_in)[0] == 200
