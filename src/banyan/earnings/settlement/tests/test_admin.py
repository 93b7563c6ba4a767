"""The settlement desk in the console: pages open, actions call commands, a role without the right changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client, override_settings
from django.urls import reverse

from banyan.earnings.settlement import queries
from banyan.earnings.settlement.tests.making import earn, make_distributors, open_all, open_policy
from banyan.earnings.settlement.types import StatementStatus
from banyan.kernel import ids
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role

PASSWORD = "Correct-horse-9"
APRIL = datetime(2026, 4, 1, tzinfo=UTC) - timedelta(hours=8)


@pytest.fixture
def quick_hashes() -> Any:
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


def sign_in(shop: Any, role: Role) -> Client:
    with shop.enter():
        identity.register_users([NewUser(role.value, PASSWORD, "测试", None, (role,))])
    client = Client()
    answer = client.post("/console/login/", {"shop": shop.slug, "username": role.value, "password": PASSWORD})
    assert answer.status_code == 302, answer.content.decode()[:500]
    return client


def test_the_desk(tenant: Any, driven_clock: Any, quick_hashes: None) -> None:
    driven_clock(APRIL - timedelta(days=3))
    with tenant.enter():
        policy_id = open_policy()
        payees = make_distributors(3)
        earn([(payee, 1_000) for payee in payees])
        driven_clock(APRIL)
        open_all()
        one, two, three = sorted(queries.list_statements(), key=lambda found: found.statement_id)
    finance, auditor = sign_in(tenant, Role.FINANCE), sign_in(tenant, Role.AUDITOR)
    queue, statements = (
        reverse("admin:settlement_reviewqueueentry_changelist"),
        reverse("admin:settlement_statementrow_changelist"),
    )
    for client in (finance, auditor):
        for address in (queue, statements, reverse("admin:settlement_policyrow_changelist")):
            assert client.get(address).status_code == 200
        assert ids.public("stm", one.statement_id) in client.get(queue).content.decode()
        detail = client.get(reverse("admin:settlement_statementrow_change", args=[one.statement_id])).content.decode()
        assert "cms_" in detail and "¥10.00" in detail
    assert finance.get(statements, {"q": ids.public("dst", two.distributor_id)}).status_code == 200
    assert finance.get(statements, {"q": "stm_x"}).status_code == 200
    auditor.post(queue, {"action": "approve", "_selected_action": [one.statement_id]})
    with tenant.enter():
        assert queries.get_statement(one.statement_id).status is StatementStatus.UNDER_REVIEW
    finance.post(queue, {"action": "approve", "_selected_action": [one.statement_id]})
    finance.post(queue, {"action": "hold", "_selected_action": [two.statement_id], "reason": "等资料"})
    finance.post(queue, {"action": "reject", "_selected_action": [three.statement_id]})
    with tenant.enter():
        found = [queries.get_statement(each.statement_id).status for each in (one, two, three)]
        assert found == [StatementStatus.PAYING, StatementStatus.HELD, StatementStatus.UNDER_REVIEW]
    finance.post(statements, {"action": "resume", "_selected_action": [two.statement_id]})
    finance.post(statements, {"action": "retry", "_selected_action": [one.statement_id]})
    finance.post(reverse("admin:settlement_policyrow_changelist"), {"action": "retire", "_selected_action": [policy_id]})
    with tenant.enter():
        assert queries.get_statement(two.statement_id).status is StatementStatus.UNDER_REVIEW
        assert queries.get_policy(policy_id).retired_at is not None
    assert tenant.verify() == []
