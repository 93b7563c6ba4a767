"""Signing in: throttled per login and per address, also against many tries at once, and without telling what exists."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client, override_settings
from hypothesis import given
from hypothesis import strategies as st

from banyan.kernel import clock, sql
from banyan.people.identity import commands
from banyan.people.identity.commands import signing_in
from banyan.people.identity.engine.normalizing import normalize_login, normalize_phone
from banyan.people.identity.engine.permissions import allows, may_open
from banyan.people.identity.types import NewUser, Role, Scope, scopes_of

PASSWORD = "a long enough passphrase"
AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def user(tenant: Any) -> Any:
    with tenant.enter():
        return commands.register_users([NewUser("ming", PASSWORD, "小明", None, (Role.OPERATOR,))])[0]


def attempt(tenant: Any, password: str, login: str = "ming", address: str = "192.0.2.1") -> str:
    try:
        commands.sign_in(f"{login}@{tenant.slug}", password, address)
    except (commands.SignInRefused, commands.TooManyAttempts) as refusal:
        return refusal.code
    return "ok"


def test_five_failures_lock_the_login_for_a_quarter_of_an_hour(tenant: Any, user: Any) -> None:
    with clock.driven(AT):
        assert [attempt(tenant, "wrong") for _ in range(6)] == ["sign_in_refused"] * 5 + ["too_many_attempts"]
        assert attempt(tenant, PASSWORD) == "too_many_attempts"
        with pytest.raises(commands.TooManyAttempts) as refused:
            commands.sign_in(f"ming@{tenant.slug}", PASSWORD, "198.51.100.9")
        assert refused.value.retry_after_seconds == 900
        assert refused.value.details["retry_at"] == (AT + timedelta(minutes=15)).isoformat()
    with clock.driven(AT + timedelta(minutes=15)):
        assert attempt(tenant, PASSWORD) == "ok"


def test_a_success_starts_the_count_anew(tenant: Any, user: Any) -> None:
    for minute in range(3):
        with clock.driven(AT + timedelta(minutes=minute)):
            assert [attempt(tenant, "wrong") for _ in range(4)] == ["sign_in_refused"] * 4
        with clock.driven(AT + timedelta(minutes=minute, seconds=1)):
            assert attempt(tenant, PASSWORD) == "ok"


def test_an_operator_lifts_the_lock(tenant: Any, user: Any) -> None:
    with clock.driven(AT):
        for _ in range(6):
            attempt(tenant, "wrong")
        with tenant.enter():
            assert commands.lift_lock("MING") == 5
        assert attempt(tenant, PASSWORD) == "ok"


def test_one_address_cannot_try_many_logins(tenant: Any, user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing_in, "FAILURES_PER_ADDRESS", 6)
    with clock.driven(AT):
        answers = [attempt(tenant, "wrong", login=f"person{n}") for n in range(7)]
        assert answers == ["sign_in_refused"] * 6 + ["too_many_attempts"]
        assert attempt(tenant, PASSWORD) == "too_many_attempts"
        assert attempt(tenant, PASSWORD, address="198.51.100.9") == "ok"


def many_at_once(tenant: Any) -> list[str]:
    def run(_: int) -> str:
        try:
            return attempt(tenant, "wrong")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(12) as pool:
        return list(pool.map(run, range(24)))


def test_many_tries_at_once_get_no_more_than_five(tenant: Any, user: Any) -> None:
    answers = many_at_once(tenant)
    assert answers.count("sign_in_refused") == 5
    assert answers.count("too_many_attempts") == 19


def test_without_the_lock_many_tries_at_once_get_more(tenant: Any, user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: every try counts before any is written."""
    import threading

    barrier = threading.Barrier(12)
    original = signing_in._nth_failure

    def count_together(*args: Any) -> Any:
        found = original(*args)
        if args[1] == "login_index":
            try:
                barrier.wait(timeout=5)
            except threading.BrokenBarrierError:
                pass
        return found

    numbers = iter(range(10**9))
    monkeypatch.setattr(signing_in, "_lock_key", lambda tenant_id, part: next(numbers))
    monkeypatch.setattr(signing_in, "_nth_failure", count_together)
    assert many_at_once(tenant).count("sign_in_refused") > 5


def test_unknown_shop_login_and_wrong_password_sound_the_same_and_are_counted(tenant: Any, user: Any) -> None:
    answers = set()
    for account in (f"ming@{tenant.slug}", f"nobody@{tenant.slug}", "ming@no-such-shop", "", "@", "a@b@c", "x" * 500, "\u0000"):
        with pytest.raises(commands.SignInRefused) as refused:
            commands.sign_in(account, "wrong", "192.0.2.77")
        answers.add(str(refused.value.as_body()))
    assert len(answers) == 1
    with tenant.enter():
        assert sql.fetch("SELECT count(*), count(user_id) FROM identity_login_attempts") == [(2, 1)]


def test_the_attempt_log_keeps_no_login_text(tenant: Any, user: Any) -> None:
    attempt(tenant, "wrong", login="mysecretpassword")
    with tenant.enter():
        assert "mysecretpassword" not in str(sql.fetch("SELECT a.* FROM identity_login_attempts a"))


def test_old_attempts_are_forgotten(tenant: Any, user: Any) -> None:
    with clock.driven(AT):
        attempt(tenant, "wrong")
    with clock.driven(AT + timedelta(days=91)), tenant.enter():
        assert commands.forget_old_attempts() == 1
        assert commands.forget_old_attempts() == 0


def test_a_console_session_works_in_its_own_shop(tenant: Any, make_shop: Any, user: Any) -> None:
    """The real hashers, the real backend, the real middleware."""
    from django.contrib.auth import authenticate, get_user, login

    other = make_shop()
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.PBKDF2PasswordHasher"]):
        with tenant.enter():
            commands.set_password(user, "the password of today")
        request = _request()
        assert authenticate(request, username=f"ming@{other.slug}", password="the password of today") is None
        found = authenticate(request, username=f"ming@{tenant.slug}", password="the password of today")
        assert found is not None
        login(request, found)
    assert request.session["banyan_tenant_id"] == tenant.id
    with tenant.enter():
        assert get_user(request).pk == user
        commands.set_active(user, False)
        assert not get_user(request).is_authenticated
        commands.set_active(user, True)
        commands.set_password(user, "yet another password")
        assert not get_user(request).is_authenticated
    with other.enter():
        assert not get_user(request).is_authenticated


def test_a_platform_user_visits_and_returns_by_session(database: None, tenant: Any) -> None:
    from django.contrib.auth import authenticate, get_user, login

    from banyan.kernel import tenancy
    from banyan.kernel.tenancy.registry import find_tenant_by_slug
    from banyan.people.identity import sessions

    name = f"visitor{tenant.id}"
    commands.found_platform(name, PASSWORD, "Root")
    home = find_tenant_by_slug("platform")
    assert home is not None
    home_id = home.id
    request = _request()
    found = authenticate(request, username=name, password=PASSWORD)
    assert found is not None
    login(request, found)
    with tenancy.enter(home_id, actor="console"):
        sessions.visit(request, get_user(request), tenant.slug, "asked for help")
    assert request.session["banyan_tenant_id"] == tenant.id
    with tenant.enter():
        visitor = get_user(request)
        assert (visitor.login, visitor.is_staff, visitor.has_perm("orders.view_order")) == (name, True, True)
        sessions.return_home(request, visitor)
        assert sql.fetch("SELECT reason, left_at IS NOT NULL FROM identity_visits") == [("asked for help", True)]
    assert request.session["banyan_tenant_id"] == home_id


def _request() -> Any:
    from django.contrib.sessions.backends.db import SessionStore
    from django.test import RequestFactory

    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.5")
    request.session = SessionStore()
    return request


def test_pages_without_a_session_see_no_tenant(tenant: Any) -> None:
    assert Client().get("/healthz").content == b"ok"


def test_console_permissions_follow_the_scopes() -> None:
    assert allows([Role.FINANCE], "ledger.view_entry")
    assert not allows([Role.WAREHOUSE], "ledger.view_entry")
    assert not allows([Role.AUDITOR], "distributors.change_distributor")
    assert allows([Role.AUDITOR], "kernel.view_auditentry")
    assert not allows([Role.OPERATOR], "kernel.view_auditentry")
    assert not allows([Role.OPERATOR], "auth.view_group")
    assert not allows([Role.PLATFORM], "nonsense")
    assert allows([Role.WAREHOUSE], "orders.ship_order")
    assert not allows([Role.WAREHOUSE], "orders.change_order")
    assert not allows([Role.FINANCE], "orders.ship_order")
    assert allows([Role.WAREHOUSE], "returns.receive_returnrow")
    assert not allows([Role.WAREHOUSE], "returns.decide_returnrow")
    assert allows([Role.OPERATOR], "returns.decide_returnrow")
    assert may_open([Role.FINANCE], "settlement")
    assert not may_open([Role.WAREHOUSE], "commission")


def test_reading_roles_cannot_write_and_nobody_has_an_unknown_scope() -> None:
    assert {scope for scope in scopes_of([Role.AUDITOR]) if not scope.endswith(":read")} == {Scope.ME_WRITE}
    assert not scopes_of([Role.OPERATOR]) & {Scope.PAYOUTS_SUBMIT, Scope.SETTLEMENTS_REVIEW, Scope.TENANTS_READ}
    assert scopes_of([]) == frozenset()


@given(st.text(max_size=100))
def test_normalizing_a_login_twice_changes_nothing_more(text: str) -> None:
    once = normalize_login(text)
    if once is not None:
        assert normalize_login(once) == once
        assert "@" not in once


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True))
def test_every_spelling_of_a_mobile_number_is_one(number: str) -> None:
    spellings = {number, f"+86{number}", f"0086 {number[:3]} {number[3:7]} {number[7:]}", f"+86-{number[:3]}-{number[3:]}"}
    assert {normalize_phone(spelling) for spelling in spellings} == {f"+86{number}"}


def test_tries_at_shops_that_do_not_exist_are_counted_forgotten_and_no_finding(database: None) -> None:
    from banyan.config import structure
    from banyan.kernel import tenancy, verification

    def try_nowhere(address: str) -> None:
        with pytest.raises(commands.SignInRefused):
            commands.sign_in("somebody@no-such-shop-at-all", PASSWORD, address)

    def addresses() -> set[str]:
        with tenancy.enter(signing_in.NOBODY):
            return {row[0] for row in sql.fetch("SELECT address FROM identity_login_attempts WHERE tenant_id = 0", ())}

    with clock.driven(AT):
        try_nowhere("192.0.2.201")
    assert "192.0.2.201" in addresses()
    findings = list(structure._no_strays(verification.Tally()))
    assert [finding for finding in findings if "login_attempts" in finding.subject] == []
    with clock.driven(AT + signing_in.ATTEMPTS_KEPT + timedelta(days=1)):
        try_nowhere("192.0.2.202")
    assert "192.0.2.201" not in addresses()
