"""What the database itself enforces, put in place from the models' own attributes after every migration and change of these.

Idempotent: running it again changes nothing. Row-level security, grants, audit and immutability are derived from the
model classes, so a new table cannot forget them.
"""

from __future__ import annotations

from hashlib import sha256

from django.apps import apps
from django.conf import settings
from django.db import connections, models, transaction

from banyan.kernel import ids
from banyan.kernel.audit.models import AUDIT_FUNCTION, IMMUTABLE_FUNCTION
from banyan.kernel.events.models import NOTIFY_FUNCTION
from banyan.kernel.tenancy.base import Audit, TenantModel

POLICY = "tenant_id = (SELECT nullif(current_setting('banyan.tenant', true), '')::bigint)"
"""A sub-select, so that PostgreSQL reads the setting once per statement; unset gives NULL, which matches no row."""


def is_tenant_scoped(model: type[models.Model]) -> bool:
    """Whether rows of this table belong to a tenant."""
    return issubclass(model, TenantModel) or bool(getattr(model, "tenant_scoped", False))


def rules_of(model: type[models.Model], app_role: str) -> list[str]:
    """The statements that put one table under its rules."""
    table = f'"{model._meta.db_table}"'
    name = model._meta.db_table
    immutable = bool(getattr(model, "immutable", False))
    audit = getattr(model, "audit", Audit.NONE)
    rights = getattr(model, "app_rights", "SELECT, INSERT" if immutable else "SELECT, INSERT, UPDATE, DELETE")
    statements = [f"REVOKE ALL ON {table} FROM {app_role}", f"GRANT {rights} ON {table} TO {app_role}"]
    if is_tenant_scoped(model):
        statements += [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"DROP POLICY IF EXISTS tenant_only ON {table}",
            f"CREATE POLICY tenant_only ON {table} TO {app_role} USING ({POLICY}) WITH CHECK ({POLICY})",
        ]
    statements.append(f"DROP TRIGGER IF EXISTS facts_stand ON {table}")
    if immutable:
        statements.append(
            f"CREATE TRIGGER facts_stand BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION banyan_immutable()"
        )
    scope = "tenant_id" if is_tenant_scoped(model) else ("id" if name == "tenants" else "tenant_id")
    hidden = "{" + ",".join(getattr(model, "audit_excluded", ())) + "}"
    watched = {
        "insert": (audit == Audit.ALL, "NEW TABLE AS new_rows"),
        "update": (audit != Audit.NONE, "OLD TABLE AS old_rows NEW TABLE AS new_rows"),
        "delete": (audit != Audit.NONE, "OLD TABLE AS old_rows"),
    }
    for operation, (wanted, transition) in watched.items():
        trigger = f"audit_{operation}"
        statements.append(f"DROP TRIGGER IF EXISTS {trigger} ON {table}")
        if wanted:
            statements.append(
                f"CREATE TRIGGER {trigger} AFTER {operation.upper()} ON {table} REFERENCING {transition} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION banyan_audit('{hidden}', '{scope}')"
            )
    return statements


def all_rules() -> list[str]:
    """Every statement that puts the rules of this code in place, in order."""
    app_role = connections["owner"].ops.quote_name(settings.BANYAN_APP_ROLE)
    ours = [model for model in apps.get_models() if model.__module__.startswith("banyan.") and model._meta.managed]
    return [
        f"CREATE SEQUENCE IF NOT EXISTS {ids.SEQUENCE} INCREMENT BY {ids.BLOCK} MINVALUE 1000 START WITH 1000",
        f"GRANT USAGE ON SCHEMA public TO {app_role}",
        # Tables of libraries (jobs, sessions, content types): ordinary rights, no tenant inside.
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {app_role}",
        f"GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {app_role}",
        AUDIT_FUNCTION,
        IMMUTABLE_FUNCTION,
        NOTIFY_FUNCTION,
        *(";\n".join(rules_of(model, app_role)) for model in ours),
        *(rule.replace("{app_role}", app_role) for model in ours for rule in getattr(model, "database_rules", ())),
    ]


def _digest(rules: list[str]) -> str:
    return f"rules {sha256(chr(0).join(rules).encode()).hexdigest()}"


def install() -> None:
    """Put every rule in place, as the owner, in one transaction; the database keeps the digest of what was put in place."""
    rules = all_rules()
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('banyan.install'))")
        for rule in rules:
            cursor.execute(rule)
        cursor.execute(f"COMMENT ON SEQUENCE {ids.SEQUENCE} IS '{_digest(rules)}'")


def is_installed() -> bool:
    """Whether the rules that were put in place are those of this code: they may change without a migration."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT obj_description(to_regclass(%s), 'pg_class')", (ids.SEQUENCE,))
        row = cursor.fetchone()
    return row is not None and row[0] == _digest(all_rules())
