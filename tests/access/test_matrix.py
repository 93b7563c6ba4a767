"""Every endpoint, every role, foreign ids: nothing read, nothing changed.

The requests come from the OpenAPI document, the rows from two small shops that have lived through the whole river of
money. Public ids are 64-bit values that cannot collide, so an id in an answer proves that its row was read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from banyan.people.identity.types import Role, scopes_of
from tests.access.lived import PUBLIC_ID, Shop, changes, newcomer, send, snapshot
from tests.access.openapi_requests import Operation, operations, requests_for

PUBLIC_GOODS = {"cat", "prd", "sku", "off"}
"""What every visitor of a shop may see."""
SHOWN = {Role.SUPPLIER: {"whs"}}
"""What a role may see besides: where suppliers deliver to."""
STRANGERS = (Role.CONSUMER, Role.DISTRIBUTOR, Role.SUPPLIER)
"""Roles that see their own rows only."""
TRACES = {"idempotency_records", "audit_entries", "offers_places"}
"""Where a stranger's requests leave new rows: the answer under their own key, that they changed their own name or token, their
own place in the queue of a flash sale."""
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scopes(schema: dict[str, Any]) -> dict[tuple[str, str], str]:
    """The scope that each documented operation asks for, by method and path; "public" needs no token."""
    from banyan.config.urls import api

    found = {
        (method.lower(), f"/api/v1{prefix}{path}"): operation.view_func.banyan_scope
        for prefix, router in api._routers
        for path, view in router.path_operations.items()
        for operation in view.operations
        for method in operation.methods
    }
    assert {(one.method, one.path) for one in operations(schema)} <= set(found)
    return found


def test_the_shops_have_lived(shops: tuple[Shop, Shop]) -> None:
    ours, theirs = shops
    assert {"ord", "cms", "usr", "sku"} <= set(ours.ids)
    assert all(ours.ids[prefix].isdisjoint(theirs.ids[prefix]) for prefix in ours.ids.keys() & theirs.ids.keys())


@pytest.mark.parametrize("role", list(Role))
def test_no_role_reads_or_changes_another_tenant(
    role: Role, shops: tuple[Shop, Shop], schema: dict[str, Any], scopes: dict[tuple[str, str], str]
) -> None:
    ours, theirs = shops
    before = snapshot(theirs.tenant_id)
    foreign = theirs.known()
    every_foreign_id = set().union(*theirs.ids.values())
    for operation, url, body in requests_for(schema, foreign):
        response = send(ours.tokens[role], operation.method, url, body)
        text = response.content.decode(errors="replace")
        where = f"{role} {operation.method} {url} -> {response.status_code}"
        assert response.status_code < 500, f"{where} {text[:300]}"
        assert response.status_code != 401 or scopes[operation.method, operation.path] == "public", where
        if response.status_code < 400:
            named = set(PUBLIC_ID.findall(f"{url} {body}"))  # a batch says of each that there is no such row
            assert not (every_foreign_id - named) & set(PUBLIC_ID.findall(text)), f"{where} shows foreign rows"
            path_ids = PUBLIC_ID.findall(url.split("?")[0])
            assert not path_ids, f"{where} accepted a foreign id"
    assert snapshot(theirs.tenant_id) == before


def _refused(role: Role, operation: Operation, scopes: dict[tuple[str, str], str]) -> bool:
    return scopes[operation.method, operation.path] not in {"public", *scopes_of((role,))}


@pytest.mark.parametrize("role", list(Role))
def test_what_a_role_has_no_scope_for_is_refused_and_changes_nothing(
    role: Role, shops: tuple[Shop, Shop], schema: dict[str, Any], scopes: dict[tuple[str, str], str]
) -> None:
    ours, _ = shops
    somebody = newcomer(ours, (role,))
    before = snapshot(ours.tenant_id)
    refused, malformed = [], []
    for operation, url, body in requests_for(schema, ours.known()):
        if not _refused(role, operation, scopes):
            continue
        response = send(somebody, operation.method, url, body)
        where = f"{role} {operation.method} {url} -> {response.status_code}"
        # What is no valid request is told so before anybody looks at scopes.
        assert response.status_code in (403, 422), f"{where} {response.content[:300]!r}"
        (refused if response.status_code == 403 else malformed).append(operation.path)
    assert len(malformed) <= max(2, len(refused) // 10), malformed
    assert changes(before, snapshot(ours.tenant_id)) == {}


@pytest.mark.parametrize("role", STRANGERS)
def test_a_stranger_in_the_shop_sees_and_changes_nobody_elses_rows(
    role: Role, shops: tuple[Shop, Shop], schema: dict[str, Any], scopes: dict[tuple[str, str], str]
) -> None:
    ours, _ = shops
    without_them = snapshot(ours.tenant_id)
    stranger = newcomer(ours, (role,))
    before = snapshot(ours.tenant_id)
    open_to_them = PUBLIC_GOODS | SHOWN.get(role, set())
    private = set().union(*(ids for prefix, ids in ours.ids.items() if prefix not in open_to_them))
    for operation, url, body in requests_for(schema, ours.known()):
        response = send(stranger, operation.method, url, body)
        text = response.content.decode(errors="replace")
        where = f"{role} {operation.method} {url} -> {response.status_code}"
        assert response.status_code < 500, f"{where} {text[:300]}"
        assert response.status_code != 401 or scopes[operation.method, operation.path] == "public", where
        if response.status_code < 400 and operation.method == "get":
            assert not private & set(PUBLIC_ID.findall(text)), f"{where} shows other people's rows: {text[:200]}"
    after = snapshot(ours.tenant_id)
    changed = {
        f"{table} {row}"
        for table, rows in before.items()
        for row in rows
        if after[table].get(row) != rows[row] and row in without_them[table]
    }
    assert not changed, f"{role} changed or removed other people's rows"
    grown = {table for table in after if after[table].keys() - before[table].keys()}
    assert grown <= TRACES, f"{role} added rows to {grown - TRACES}"


def test_without_a_token_everything_but_the_public_doors_is_401(shops: tuple[Shop, Shop], schema: dict[str, Any]) -> None:
    ours, _ = shops
    before = snapshot(ours.tenant_id)
    for operation, url, body in requests_for(schema, ours.known()):
        response = send(None, operation.method, url, body)
        if not operation.public:
            assert response.status_code == 401, f"{operation.method} {url} -> {response.status_code}"
        assert not set().union(*ours.ids.values()) & set(PUBLIC_ID.findall(response.content.decode(errors="replace")))
    assert snapshot(ours.tenant_id) == before


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
