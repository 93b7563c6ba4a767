"""The returns desk in the console: pages open, an action calls the command, a role without the right changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client, override_settings
from django.urls import reverse

from banyan.kernel import ids
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role
from banyan.trade.returns import queries
from banyan.trade.returns.tests.making import ask, claim, deliver, place_paid
from banyan.trade.returns.types import ReturnStatus

PASSWORD = "Correct-horse-9"


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


def test_the_desk(tenant: Any, quick_hashes: None) -> None:
    (order,) = place_paid(tenant, [(1000, 3)])
    deliver(tenant, [order])
    with tenant.enter():
        first, second = ask(claim(order, [(0, 1, 0)], key="1")), ask(claim(order, [(0, 1, 0)], key="2"))
    operator, auditor = sign_in(tenant, Role.OPERATOR), sign_in(tenant, Role.AUDITOR)
    listing = reverse("admin:returns_returnrow_changelist")
    for client in (operator, auditor):
        page = client.get(listing).content.decode()
        assert ids.public("ret", first) in page
    found = operator.get(listing, {"q": ids.public("ret", second)}).content.decode()
    assert ids.public("ret", second) in found and ids.public("ret", first) not in found
    assert operator.get(listing, {"q": "ret_nonsense"}).status_code == 200
    assert operator.get(reverse("admin:returns_returnrow_change", args=[first])).status_code == 200
    auditor.post(listing, {"action": "approve", "_selected_action": [first]})
    with tenant.enter():
        assert queries.get_return(first).status is ReturnStatus.REQUESTED
    operator.post(listing, {"action": "approve", "_selected_action": [first]})
    operator.post(listing, {"action": "reject", "_selected_action": [second]})
    with tenant.enter():
        assert queries.get_return(first).status is ReturnStatus.APPROVED
        assert queries.get_return(second).status is ReturnStatus.REQUESTED
    operator.post(listing, {"action": "reject", "_selected_action": [second], "reason": "已使用"})
    with tenant.enter():
        rejected = queries.get_return(second)
        assert (rejected.status, rejected.decision_reason) == (ReturnStatus.REJECTED, "已使用")
    assert tenant.verify() == []
