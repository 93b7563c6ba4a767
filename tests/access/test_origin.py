"""Every audit entry of a write over HTTP says from where it came."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client, RequestFactory, override_settings

from banyan.kernel import sql
from banyan.kernel.http import address_of
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role, scopes_of

PEER, CALLER = "192.0.2.7", "2001:db8::5"


@pytest.fixture
def write(tenant: Any) -> Callable[..., None]:
    """write(headers): an operator changes the rules of binding from ``PEER``."""
    with tenant.enter():
        (user_id,) = identity.register_users([NewUser("boss", None, "店主", None, (Role.OPERATOR,))])
        token = identity.issue_token(user_id, scopes_of((Role.OPERATOR,)), "test")

    def put(**headers: str) -> None:
        sent = {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid.uuid4().hex, **headers}
        answer = Client(REMOTE_ADDR=PEER).put(
            "/api/v1/network/binding-rules", json.dumps({"mode": "sign_up"}), content_type="application/json", headers=sent
        )
        assert answer.status_code == 200, answer.content

    return put


def _origins(tenant: Any) -> list[tuple[str, str]]:
    with tenant.enter():
        return sql.fetch("SELECT reason, origin FROM audit_entries WHERE table_name = 'network_binding_settings' ORDER BY id")


def test_a_write_over_the_api_is_audited_with_the_address_of_the_peer(tenant: Any, write: Any) -> None:
    write(**{"X-Forwarded-For": CALLER})
    assert _origins(tenant) == [("api", PEER)]


def test_behind_a_proxy_of_ours_with_what_the_proxy_saw(tenant: Any, write: Any) -> None:
    with override_settings(BANYAN_PROXY_COUNT=1):
        write(**{"X-Forwarded-For": f"10.9.8.7, {CALLER}"})
    assert _origins(tenant) == [("api", CALLER)]


@pytest.mark.parametrize(
    ("count", "told", "address"),
    [
        (0, CALLER, PEER),
        (1, "", PEER),
        (1, "<script>", PEER),
        (1, f"made up, {CALLER}", CALLER),
        (2, f"made up, {CALLER}, 10.0.0.2", CALLER),
        (2, CALLER, PEER),
    ],
)
def test_only_the_addresses_that_our_proxies_appended_are_believed(count: int, told: str, address: str) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR=PEER, headers={"X-Forwarded-For": told})
    with override_settings(BANYAN_PROXY_COUNT=count):
        assert address_of(request) == address
