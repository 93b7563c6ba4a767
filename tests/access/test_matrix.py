"""Every endpoint, every role, foreign ids: nothing read, nothing changed.

The requests come from the OpenAPI document, the rows from two small shops that have lived through the whole river of
money. Public ids are 64-bit values that cannot collide, so an id in an answer proves that its row was read.
"""

from __future__ import annotations

import re
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from banyan.config.demo import building, world
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role, scopes_of
from tests.access.openapi_requests import operations, requests_for

PUBLIC_ID = re.compile(r"\b[a-z]{2,5}_[0-9a-hjkmnp-tv-z]{13}\b")
PUBLIC_GOODS = {"cat", "prd", "sku"}
"""What every visitor of a shop may see."""
MONEY_AND_PEOPLE = (
    "orders_orders",
    "payments_payments",
    "payments_refunds",
    "commission_commissions",
    "settlement_statements",
    "payouts_payouts",
    "identity_users",
    "distributors",
    "network_members",
    "ledger_entries",
    "ledger_postings",
    "ledger_balances",
)
pytestmark = pytest.mark.slow


@dataclass
class Shop:
    """A shop that has lived, a token for each role, and the ids that its all-seeing reader finds."""

    tenant_id: int
    tokens: dict[Role, str] = field(default_factory=dict)
    ids: dict[str, set[str]] = field(default_factory=dict)


def _send(token: str | None, method: str, url: str, body: str | None = None) -> Any:
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return Client(raise_request_exception=False).generic(
        method.upper(), url, body or "", content_type="application/json", headers=headers
    )


def _newcomer(shop: Any, roles: tuple[Role, ...]) -> str:
    from banyan.kernel import tenancy

    with tenancy.enter(shop.tenant_id, actor="test"):
        (user_id,) = identity.register_users([NewUser(f"new{uuid.uuid4().hex[:8]}", None, "新人", None, roles)])
        return identity.issue_token(user_id, scopes_of(roles), "matrix")


def _ids_in(text: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for public_id in PUBLIC_ID.findall(text):
        found[public_id.split("_", 1)[0]].add(public_id)
    return found


def _read_everything(token: str, schema: dict[str, Any]) -> dict[str, set[str]]:
    """All ids that this token can list, following what it finds into the detail pages once."""
    found: dict[str, set[str]] = defaultdict(set)
    for _ in range(2):
        known = {prefix: sorted(ids)[0] for prefix, ids in found.items()}
        for operation, url, _ in requests_for(schema, known):
            if not operation.writes:
                for prefix, ids in _ids_in(_send(token, "get", url).content.decode(errors="replace")).items():
                    found[prefix] |= ids
    return found


@pytest.fixture(scope="module")
def schema(database: None) -> dict[str, Any]:
    from banyan.config.urls import api

    return api.get_openapi_schema()


@pytest.fixture(scope="module")
def shops(database: None, schema: dict[str, Any]) -> tuple[Shop, Shop]:
    """Ours and theirs."""
    made = []
    for name in ("ours", "theirs"):
        built = building.build(
            world.Scale(distributors=12, days=26, orders_per_day=5),
            seed=3,
            slug=f"{name}{uuid.uuid4().hex[:6]}",
            password="matrix-Pass-1",
        )
        assert built.findings == []
        shop = Shop(built.shop.tenant_id)
        shop.tokens = {role: _newcomer(shop, (role,)) for role in Role}
        shop.ids = _read_everything(_newcomer(shop, tuple(Role)), schema)
        made.append(shop)
    return made[0], made[1]


def _snapshot(shop: Shop) -> dict[str, dict[int, str]]:
    """Every row of the tenant by table and id, as the owner sees it: content hashed by PostgreSQL."""
    taken: dict[str, dict[int, str]] = {}
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT c.table_name FROM information_schema.columns c"
            " JOIN information_schema.tables t USING (table_schema, table_name)"
            " WHERE c.column_name = 'tenant_id' AND c.table_schema = 'public' AND t.table_type = 'BASE TABLE'"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT id, md5(t::text) FROM "{table}" t WHERE tenant_id = %s', (shop.tenant_id,))
            taken[table] = dict(cursor.fetchall())
    return taken


def test_the_shops_have_lived(shops: tuple[Shop, Shop]) -> None:
    ours, theirs = shops
    assert {"ord", "cms", "usr", "sku"} <= set(ours.ids)
    assert all(ours.ids[prefix].isdisjoint(theirs.ids[prefix]) for prefix in ours.ids.keys() & theirs.ids.keys())


@pytest.mark.parametrize("role", list(Role))
def test_no_role_reads_or_changes_another_tenant(role: Role, shops: tuple[Shop, Shop], schema: dict[str, Any]) -> None:
    ours, theirs = shops
    before = _snapshot(theirs)
    foreign = {prefix: sorted(ids)[0] for prefix, ids in theirs.ids.items()}
    every_foreign_id = set().union(*theirs.ids.values())
    for operation, url, body in requests_for(schema, foreign):
        response = _send(ours.tokens[role], operation.method, url, body)
        text = response.content.decode(errors="replace")
        where = f"{role} {operation.method} {url} -> {response.status_code}"
        assert response.status_code < 500, f"{where} {text[:300]}"
        if response.status_code < 400:
            assert not every_foreign_id & set(PUBLIC_ID.findall(text)), f"{where} shows foreign rows"
            path_ids = PUBLIC_ID.findall(url.split("?")[0])
            assert not path_ids, f"{where} accepted a foreign id"
    assert _snapshot(theirs) == before


@pytest.mark.parametrize("role", [Role.CONSUMER, Role.DISTRIBUTOR, Role.SUPPLIER])
def test_a_stranger_in_the_shop_sees_and_changes_nobody_elses_rows(
    role: Role, shops: tuple[Shop, Shop], schema: dict[str, Any]
) -> None:
    ours, _ = shops
    stranger = _newcomer(ours, (role,))
    before = _snapshot(ours)
    private = set().union(*(ids for prefix, ids in ours.ids.items() if prefix not in PUBLIC_GOODS))
    known = {prefix: sorted(ids)[0] for prefix, ids in ours.ids.items()}
    for operation, url, body in requests_for(schema, known):
        response = _send(stranger, operation.method, url, body)
        text = response.content.decode(errors="replace")
        where = f"{role} {operation.method} {url} -> {response.status_code}"
        assert response.status_code < 500, f"{where} {text[:300]}"
        if response.status_code < 400 and operation.method == "get":
            assert not private & set(PUBLIC_ID.findall(text)), f"{where} shows other people's rows: {text[:200]}"
    after = _snapshot(ours)
    for table in MONEY_AND_PEOPLE:
        assert {row: after[table].get(row) for row in before[table]} == before[table], f"{role} changed rows of {table}"


def test_without_a_token_everything_but_the_public_doors_is_401(shops: tuple[Shop, Shop], schema: dict[str, Any]) -> None:
    ours, _ = shops
    before = _snapshot(ours)
    for operation, url, body in requests_for(schema, {prefix: sorted(ids)[0] for prefix, ids in ours.ids.items()}):
        response = _send(None, operation.method, url, body)
        if not operation.public:
            assert response.status_code == 401, f"{operation.method} {url} -> {response.status_code}"
        assert not set().union(*ours.ids.values()) & set(PUBLIC_ID.findall(response.content.decode(errors="replace")))
    assert _snapshot(ours) == before


def test_every_operation_declares_its_scope(schema: dict[str, Any]) -> None:
    from banyan.config.urls import api

    undeclared = [
        f"{operation.methods} {prefix}{operation.path}"
        for prefix, router in api._routers
        for view in router.path_operations.values()
        for operation in view.operations
        if not hasattr(operation.view_func, "banyan_scope")
    ]
    assert undeclared == []
    assert len(operations(schema)) > 60, Path(__file__).name
