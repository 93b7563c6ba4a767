"""Checks of what PostgreSQL itself enforces: row-level security, triggers, constraints and rights are as the models say.

A switched-off trigger or a dropped policy changes no number today and lets any number be changed tomorrow, so it is a
finding like a wrong sum.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connections, models

from banyan.kernel.database import is_tenant_scoped, rules_of
from banyan.kernel.verification import Finding, Tally

_TRIGGER = re.compile(r'CREATE\s+(?:CONSTRAINT\s+)?TRIGGER\s+"?(\w+)"?.*?\sON\s+"?(\w+)"?', re.IGNORECASE | re.DOTALL)


def our_models() -> list[type[models.Model]]:
    """Every table of ours that Django manages."""
    return [model for model in apps.get_models() if model.__module__.startswith("banyan.") and model._meta.managed]


def _rows(query: str, *parameters: str) -> list[tuple[Any, ...]]:
    with connections["owner"].cursor() as cursor:
        cursor.execute(query, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def check_structure(tally: Tally) -> Iterator[Finding]:
    """All structural checks, read with the owner's eyes."""
    for check in (_tables_and_policies, _triggers, _constraints, _app_role, _no_strays):
        yield from check(tally)


def _tables_and_policies(tally: Tally) -> Iterator[Finding]:
    tables = dict(
        _rows(
            "SELECT relname, relrowsecurity FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        )
    )
    policies: dict[str, list[tuple[Any, ...]]] = {}
    for table, *policy in _rows(
        "SELECT tablename, policyname, permissive, roles::text[], cmd, qual, with_check"
        " FROM pg_policies WHERE schemaname = 'public'"
    ):
        policies.setdefault(table, []).append(tuple(policy))
    for model in our_models():
        name = model._meta.db_table
        tally.compared += 1
        if name not in tables:
            yield Finding("structure.tables", name, "present", "missing")
            continue
        if not is_tenant_scoped(model):
            continue
        tally.compared += 2
        if not tables[name]:
            yield Finding("structure.row_level_security", name, "enabled", "disabled")
        found = policies.get(name, [])
        if [policy[0] for policy in found] != ["tenant_only"]:
            yield Finding("structure.policies", name, "tenant_only alone", ", ".join(sorted(str(p[0]) for p in found)) or "none")
            continue
        _, _, roles, command, reads, writes = found[0]
        guarded = "banyan.tenant" in str(reads) and reads == writes and " or " not in str(reads).lower()
        if command != "ALL" or roles != [settings.BANYAN_APP_ROLE] or not guarded:
            yield Finding(
                "structure.policies", name, "the tenant's rows, for reading and writing", f"{command}: {reads} / {writes}"
            )


def expected_triggers(model: type[models.Model]) -> set[tuple[str, str]]:
    """(table, trigger) pairs that the model's rules create."""
    statements = [*rules_of(model, '"role"'), *getattr(model, "database_rules", ())]
    return {(match[1], match[0]) for text in statements for match in _TRIGGER.findall(text)}


def _triggers(tally: Tally) -> Iterator[Finding]:
    expected = {pair for model in our_models() for pair in expected_triggers(model)}
    found = {
        (str(table), str(trigger)): state
        for table, trigger, state in _rows(
            "SELECT c.relname, t.tgname, t.tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace"
        )
    }
    disabled_internal = _rows(
        "SELECT c.relname, count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        "WHERE t.tgisinternal AND t.tgenabled = 'D' AND c.relnamespace = 'public'::regnamespace GROUP BY 1"
    )
    tally.compared += len(expected)
    for table, trigger in sorted(expected):
        state = found.get((table, trigger))
        if state not in ("O", "A"):
            actual = "missing" if state is None else "disabled"
            yield Finding("structure.triggers", f"{table}.{trigger}", "enabled", actual)
    for table, count in disabled_internal:
        yield Finding("structure.triggers", f"{table} foreign keys", "enforced", f"{count} triggers disabled")


def _constraints(tally: Tally) -> Iterator[Finding]:
    constraints = {str(name): bool(ok) for name, ok in _rows("SELECT conname, convalidated FROM pg_constraint")}
    indexes = {
        str(name): bool(ok)
        for name, ok in _rows("SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid")
    }
    for model in our_models():
        for constraint in model._meta.constraints:
            tally.compared += 1
            if not (constraints.get(constraint.name) or indexes.get(constraint.name)):
                held = constraint.name in constraints or constraint.name in indexes
                yield Finding(
                    "structure.constraints",
                    f"{model._meta.db_table}.{constraint.name}",
                    "in force",
                    "not valid" if held else "missing",
                )


def _app_role(tally: Tally) -> Iterator[Finding]:
    """The role of the application owns nothing and cannot step over row-level security."""
    role = settings.BANYAN_APP_ROLE
    owner = connections["owner"].settings_dict["USER"]
    if role == owner:  # one database user for everything: an outside server that was set up so
        yield Finding("structure.app_role", role, "a role that owns no table", "the owner itself")
        return
    tally.compared += 2
    rows = _rows("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = %s", role)
    if rows and any(rows[0]):
        yield Finding("structure.app_role", role, "no superuser, no BYPASSRLS", "has one of them")
    owned = _rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tableowner = %s ORDER BY 1", role)
    for (name,) in owned:
        yield Finding("structure.app_role", name, "owned by another role", f"owned by {role}")
    for model in our_models():
        if getattr(model, "immutable", False) or hasattr(model, "app_rights"):
            tally.compared += 1
            rights = _rows(
                "SELECT privilege_type FROM information_schema.table_privileges "
                "WHERE table_name = %s AND grantee = %s AND privilege_type IN ('UPDATE', 'DELETE', 'TRUNCATE')",
                model._meta.db_table,
                role,
            )
            for (right,) in rights:
                yield Finding("structure.rights", model._meta.db_table, "facts cannot be edited", f"{role} has {right}")


def _no_strays(tally: Tally) -> Iterator[Finding]:
    """No row belongs to a tenant that does not exist: such a row would be seen by no check at all."""
    for model in our_models():
        if is_tenant_scoped(model):
            table = model._meta.db_table
            tally.compared += 1
            query = (
                f'SELECT tenant_id, count(*) FROM "{table}" x'
                " WHERE NOT EXISTS (SELECT FROM tenants t WHERE t.id = x.tenant_id)"
                f"{' AND x.tenant_id <> 0' if getattr(model, 'may_belong_to_nobody', False) else ''} GROUP BY 1"
            )
            for tenant_id, count in _rows(query):
                yield Finding(
                    "structure.tenants", f"{table} of tenant {tenant_id}", "a tenant that exists", f"{count} stray rows"
                )
