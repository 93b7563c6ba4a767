"""The back office pages of the street, through a real login: they open, find, act, and nobody writes facts by form."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from banyan.kernel import ids
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role
from banyan.treasury.ledger.models import EntryRow
from banyan.treasury.payments import commands as payments
from banyan.treasury.payments.models import IncidentRow
from banyan.treasury.payments.types import CaptureNotice, NewPayment, NewRefund
from banyan.treasury.payouts import commands, queries
from banyan.treasury.payouts.tests.channel import AT, MemoryPayoutChannel
from banyan.treasury.payouts.types import NewPayout, PayoutState

PASSWORD = "Correct-horse-9"
LISTS = (
    "ledger_entryrow", "ledger_accountrow", "payments_paymentrow", "payments_refundrow", "payments_incidentrow",
    "payouts_payoutrow",
)  # fmt: skip


@pytest.fixture
def browser(tenant: Any) -> Any:
    """A function that signs somebody in."""

    def sign_in(role: Role) -> Client:
        login = f"{role}{uuid.uuid4().hex[:6]}"
        with tenant.enter():
            identity.register_users([NewUser(login, PASSWORD, "测试", None, (role,))])
        client = Client()
        answer = client.post("/console/login/", {"shop": tenant.slug, "username": login, "password": PASSWORD})
        assert answer.status_code == 302
        return client

    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield sign_in


@pytest.fixture
def busy(tenant: Any, owed: Any, channel: MemoryPayoutChannel) -> int:
    """A shop in which something of everything has happened; returns a payout's id."""
    owed(7, 500)
    with tenant.enter():
        payments.open_payments([NewPayment(n, 900, "CNY", "elsewhere") for n in range(1, 4)])
        from banyan.treasury.payments import queries as payment_queries

        found = payment_queries.list_payments()
        payments.capture([CaptureNotice("elsewhere", p.out_trade_no, f"T{p.payment_id}", 900, "CNY", AT) for p in found])
        payments.capture([CaptureNotice("elsewhere", "0" * 32, "T", 900, "CNY", AT)])
        payments.request_refunds([NewRefund(1, 100, "why", "k")])
        return commands.request_payouts([NewPayout(7, 500, "CNY", channel.name, "openid-secret", 1, "k", "张三")])[0]


def _rows(page: Any, name: str) -> list[int]:
    """The rows that a list shows, by the links to them; links to records of other kinds do not count."""
    return sorted({int(key) for key in re.findall(rf"/{name.replace('_', '/', 1)}/(\d+)/change/", page.content.decode())})


def test_every_list_opens_and_every_row_can_be_looked_at(tenant: Any, browser: Any, busy: int) -> None:
    client = browser(Role.FINANCE)
    for name in LISTS:
        page = client.get(reverse(f"admin:{name}_changelist"))
        assert page.status_code == 200, name
        rows = _rows(page, name)
        assert rows, name
        shown = client.get(reverse(f"admin:{name}_change", args=[rows[0]]))
        assert shown.status_code == 200, name
        text = page.content.decode() + shown.content.decode()
        assert "openid-secret" not in text
        assert "张三" not in text
        assert client.get(reverse(f"admin:{name}_add")).status_code == 403
        assert client.post(reverse(f"admin:{name}_delete", args=[rows[0]]), {"post": "yes"}).status_code == 403
    with tenant.enter():
        assert EntryRow.objects.count() == 5


def test_lists_take_as_many_statements_for_many_rows_as_for_one(tenant: Any, browser: Any, busy: int, owed: Any) -> None:
    client = browser(Role.FINANCE)

    def statements(name: str) -> int:
        with CaptureQueriesContext(connection) as caught:
            assert client.get(reverse(f"admin:{name}_changelist")).status_code == 200
        return len(caught)

    before = {name: statements(name) for name in LISTS}
    for owner in range(20, 30):
        owed(owner, 5)
    with tenant.enter():
        payments.open_payments([NewPayment(n, 900, "CNY", "elsewhere") for n in range(50, 60)])
    assert {name: statements(name) for name in LISTS} == before


def test_searching_finds_what_operators_paste(tenant: Any, browser: Any, busy: int) -> None:
    client = browser(Role.AUDITOR)

    def found(name: str, text: str) -> int:
        return len(_rows(client.get(reverse(f"admin:{name}_changelist"), {"q": text}), name))

    with tenant.enter():
        payout = queries.get_payout(busy)
    assert found("payouts_payoutrow", ids.public("pyo", busy)) == 1
    assert found("payouts_payoutrow", payout.out_bill_no) == 1
    assert found("payouts_payoutrow", ids.public("dst", 7)) == 1
    assert found("payments_paymentrow", ids.public("ord", 2)) == 1
    assert found("ledger_entryrow", ids.public("pyo", busy)) == 1
    assert found("ledger_accountrow", ids.public("dst", 7)) == 1
    assert found("payouts_payoutrow", "anything else; DROP TABLE") == 0


def test_finance_takes_a_payout_back_and_resolves_an_incident_and_an_auditor_cannot(tenant: Any, browser: Any, busy: int) -> None:
    payouts, incidents = reverse("admin:payouts_payoutrow_changelist"), reverse("admin:payments_incidentrow_changelist")
    with tenant.enter():
        incident = IncidentRow.objects.get().pk
    for role, state, resolved in ((Role.AUDITOR, PayoutState.REQUESTED, False), (Role.FINANCE, PayoutState.CANCELLED, True)):
        client = browser(role)
        client.post(payouts, {"action": "cancel", "reason": "wrong person", "_selected_action": [busy]})
        client.post(incidents, {"action": "resolve", "reason": "a test", "_selected_action": [incident]})
        with tenant.enter():
            assert queries.get_payout(busy).state is state
            assert (IncidentRow.objects.get().resolved_at is not None) is resolved
    assert browser(Role.WAREHOUSE).get(payouts).status_code == 403
    assert tenant.verify(alone=True) == []
