"""No operation without a scope, no tenant's table without row-level security."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import connections, models
from ninja import NinjaAPI, Router

from banyan.kernel.database import is_tenant_scoped
from banyan.kernel.http import endpoint


def bare_operations(api: NinjaAPI) -> list[str]:
    """Operations whose view wears neither @endpoint nor @public_endpoint, and public ones that still ask for a token."""
    faults = []
    for router in api._get_bound_routers():
        for path, view in router.path_operations.items():
            for operation in view.operations:
                scope = getattr(operation.view_func, "banyan_scope", None)
                if not scope:
                    faults.append(f"{','.join(operation.methods)} {path}: {operation.view_func.__name__} wears no @endpoint")
                elif scope != "public" and not operation.auth_callbacks:
                    faults.append(f"{','.join(operation.methods)} {path}: asks for no token")
    return faults


def test_every_operation_wears_endpoint() -> None:
    from banyan.config.urls import api

    assert bare_operations(api) == []


def test_every_scope_guards_an_operation() -> None:
    """A right that opens nothing is a promise that nobody keeps."""
    from banyan.config.urls import api
    from banyan.people.identity.types import Scope

    operations = [
        operation
        for router in api._get_bound_routers()
        for view in router.path_operations.values()
        for operation in view.operations
    ]
    guarded = {getattr(operation.view_func, "banyan_scope", "") for operation in operations}
    assert sorted(set(Scope) - guarded) == []


def test_a_planted_bare_operation_is_caught() -> None:
    router = Router()

    @router.get("/bare")
    def bare(request: Any) -> str:
        return ""

    @router.get("/worn")
    @endpoint(scope="orders:read")
    def worn(request: Any) -> str:
        return ""

    api = NinjaAPI(urls_namespace="planted")
    api.add_router("", router)
    faults = bare_operations(api)
    assert len(faults) == 2
    assert "bare wears no @endpoint" in faults[0]
    assert "asks for no token" in faults[1]


UNPROTECTED = """
    SELECT c.relname FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT (
        c.relrowsecurity
        AND EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polqual IS NOT NULL AND p.polwithcheck IS NOT NULL)
        AND NOT EXISTS (
            SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND pg_get_expr(p.polqual, p.polrelid) NOT LIKE '%%banyan.tenant%%'
        )
    ) ORDER BY 1
"""


def _unprotected(cursor: Any) -> list[str]:
    cursor.execute(UNPROTECTED)
    return [row[0] for row in cursor.fetchall()]


@pytest.mark.usefixtures("database")
def test_every_table_with_a_tenant_is_protected() -> None:
    with connections["owner"].cursor() as cursor:
        assert _unprotected(cursor) == []
        cursor.execute("SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relrowsecurity")
        tables = {model._meta.db_table for model in apps.get_models() if is_tenant_scoped(model) and model._meta.managed}
        assert cursor.fetchone()[0] >= len(tables) > 3
        for fault in (
            "CREATE TABLE planted (tenant_id bigint)",
            "CREATE TABLE planted (tenant_id bigint); ALTER TABLE planted ENABLE ROW LEVEL SECURITY",
            "CREATE TABLE planted (tenant_id bigint); ALTER TABLE planted ENABLE ROW LEVEL SECURITY;"
            " CREATE POLICY open ON planted USING (true) WITH CHECK (true)",
        ):
            cursor.execute(fault)
            try:
                assert _unprotected(cursor) == ["planted"], fault
            finally:
                cursor.execute("DROP TABLE planted")


@pytest.mark.usefixtures("database")
def test_without_a_tenant_every_table_is_empty_and_closed(tenant: Any) -> None:
    """Raw SQL as the application's role with no tenant set reads 0 rows and writes none."""
    tables = [model for model in apps.get_models() if is_tenant_scoped(model) and model._meta.managed]
    with connections["default"].cursor() as cursor:
        for model in tables:
            cursor.execute(f'SELECT count(*) FROM "{model._meta.db_table}"')
            assert cursor.fetchone() == (0,), model._meta.db_table


@pytest.mark.usefixtures("database")
def test_the_application_role_is_bound() -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False, False)
        cursor.execute("SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = current_user")
        assert cursor.fetchone() == (0,)


def test_models_with_a_tenant_column_are_tenant_models() -> None:
    loose = [
        model._meta.label
        for model in apps.get_models()
        if model.__module__.startswith("banyan.")
        and not is_tenant_scoped(model)
        and any(isinstance(f, models.Field) and f.column == "tenant_id" for f in model._meta.get_fields())
    ]
    assert loose == []
