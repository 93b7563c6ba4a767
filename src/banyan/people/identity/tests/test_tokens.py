"""Tokens: one look-up finds tenant, user, roles and scopes; a bad token finds nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.db import transaction

from banyan.kernel import clock, sql
from banyan.people.identity import commands, queries
from banyan.people.identity.types import NewUser, Role, Scope, scopes_of


def authenticate(secret: str) -> list[tuple[Any, ...]]:
    with transaction.atomic():
        return sql.fetch(
            "SELECT tenant_id, user_id, roles, scopes, distributor_id, status, current_setting('banyan.tenant', true),"
            " current_setting('banyan.actor', true) FROM banyan_authenticate(%s, %s)",
            (sha256(secret.encode()).digest(), clock.now()),
        )


@pytest.fixture
def user(tenant: Any) -> Any:
    with tenant.enter():
        return commands.register_users([NewUser("ming", None, "小明", "13800138000", (Role.CONSUMER,))])[0]


def test_one_statement_finds_the_principal_and_enters_its_tenant(tenant: Any, user: Any) -> None:
    with tenant.enter():
        secret = commands.issue_token(user, [Scope.ORDERS_READ, Scope.ME_READ], "shop")
    assert secret.startswith("byn_")
    ((tenant_id, user_id, roles, scopes, distributor_id, status, entered, actor),) = authenticate(secret)
    assert (tenant_id, user_id, roles, status) == (tenant.id, user, ["consumer"], "ok")
    assert set(scopes) == {"orders:read", "me:read"}
    assert distributor_id is None
    assert entered == str(tenant.id)
    assert actor.startswith("usr_")


def test_unknown_expired_revoked_and_inactive_tokens_enter_nothing(tenant: Any, user: Any) -> None:
    assert authenticate("byn_unknown") == []
    at = datetime(2026, 3, 1, tzinfo=UTC)
    with clock.driven(at):
        with tenant.enter():
            short = commands.issue_token(user, [Scope.ME_READ], "short", at + timedelta(hours=1))
            lasting = commands.issue_token(user, [Scope.ME_READ], "lasting")
        assert authenticate(short)[0][5] == "ok"
        with clock.driven(at + timedelta(hours=1)):
            assert authenticate(short)[0][5] == "expired"
            assert authenticate(short)[0][6] in (None, "")
        with tenant.enter():
            commands.set_active(user, False)
        assert authenticate(lasting)[0][5] == "inactive"
        with tenant.enter():
            commands.set_active(user, True)
            token_ids = {t.name: t.id for t in queries.list_tokens(user, at)}
            commands.revoke_token(user, token_ids["lasting"])
        assert authenticate(lasting)[0][5] == "revoked"


def test_only_the_digest_is_stored_and_never_audited(tenant: Any, user: Any) -> None:
    with tenant.enter():
        secret = commands.issue_token(user, [Scope.ME_READ], "t")
        assert sql.fetch("SELECT count(*) FROM identity_tokens WHERE digest = %s", (sha256(secret.encode()).digest(),)) == [(1,)]
        everything = str(sql.fetch("SELECT t.* FROM identity_tokens t")) + str(
            sql.fetch("SELECT a.before, a.after FROM audit_entries a")
        )
    assert secret not in everything
    assert sha256(secret.encode()).hexdigest() not in everything
    assert "小明" not in everything and "13800138000" not in everything


def test_a_token_carries_only_scopes_that_the_roles_have(tenant: Any, user: Any) -> None:
    with tenant.enter():
        with pytest.raises(commands.ScopeNotHeld) as refused:
            commands.issue_token(user, [Scope.LEDGER_READ], "too much")
        assert refused.value.details == {"missing": ["ledger:read"]}


def test_losing_a_role_narrows_the_tokens_at_once_and_regaining_it_does_not_widen_them(tenant: Any, user: Any) -> None:
    with tenant.enter():
        commands.set_roles(user, [Role.CONSUMER, Role.FINANCE])
        secret = commands.issue_token(user, scopes_of([Role.CONSUMER, Role.FINANCE]), "wide")
    assert "ledger:read" in authenticate(secret)[0][3]
    with tenant.enter():
        commands.set_roles(user, [Role.CONSUMER])
    assert set(authenticate(secret)[0][3]) == set(scopes_of([Role.CONSUMER]))
    with tenant.enter():
        commands.set_roles(user, [Role.FINANCE])
    assert "ledger:read" not in authenticate(secret)[0][3]
    assert tenant.verify() == []
