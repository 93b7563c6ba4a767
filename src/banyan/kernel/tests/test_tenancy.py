"""Nothing crosses from one tenant to another, and nothing is visible without one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from banyan.kernel import clock, database, ids, secrets, sql, tenancy
from banyan.kernel.audit.models import AuditEntry
from banyan.kernel.events.models import ReactionCursor, SetAsideEvent


def _put(reaction: str) -> int:
    identity = ids.next_id()
    sql.insert(ReactionCursor, ("id", "reaction", "commit_order", "event_id"), [(identity, reaction, 0, 0)])
    return identity


def test_without_a_tenant_raw_sql_sees_no_row_and_writes_none(tenant: Any) -> None:
    with tenant.enter():
        _put("seen")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM reaction_cursors")
        assert cursor.fetchone() == (0,)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO reaction_cursors (id, tenant_id, reaction, commit_order, event_id) VALUES (%s, %s, 'x', 0, 0)",
            (1, tenant.id),
        )


def test_a_tenant_cannot_read_change_or_plant_rows_of_another(make_shop: Callable[..., Any]) -> None:
    ours, theirs = make_shop(), make_shop()
    with theirs.enter():
        row = _put("theirs")
    with ours.enter():
        assert not ReactionCursor.objects.filter(pk=row).exists()
        assert sql.execute("UPDATE reaction_cursors SET event_id = 9 WHERE id = %s", (row,)) == 0
        assert sql.execute("DELETE FROM reaction_cursors WHERE id = %s", (row,)) == 0
    with pytest.raises(DatabaseError), ours.enter():
        sql.execute(
            "INSERT INTO reaction_cursors (id, tenant_id, reaction, commit_order, event_id) VALUES (%s, %s, 'x', 0, 0)",
            (ids.next_id(), theirs.id),
        )
    with theirs.enter():
        assert ReactionCursor.objects.get(pk=row).event_id == 0


def test_a_pooled_connection_carries_no_tenant_over(tenant: Any) -> None:
    with tenant.enter():
        _put("x")
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('banyan.tenant', true)")
        assert cursor.fetchone()[0] in (None, "")


def test_two_tenants_do_not_mix_in_one_transaction(make_shop: Callable[..., Any]) -> None:
    first, second = make_shop(), make_shop()
    with first.enter(), pytest.raises(tenancy.TenantMixing), second.enter():
        pass
    with pytest.raises(tenancy.NoTenant):
        tenancy.current_tenant_id()


def test_every_tenant_table_has_its_policy(database: None) -> None:
    from django.apps import apps

    from banyan.kernel.database import is_tenant_scoped

    scoped = {m._meta.db_table for m in apps.get_models() if m.__module__.startswith("banyan.") and is_tenant_scoped(m)}
    protected = {
        name
        for (name,) in sql.fetch(
            "SELECT c.relname FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid "
            " WHERE c.relrowsecurity AND p.polname = 'tenant_only'"
        )
    }
    assert scoped <= protected
    with_column = {
        name
        for (name,) in sql.fetch(
            "SELECT table_name FROM information_schema.columns WHERE column_name = 'tenant_id' AND table_schema = 'public'"
        )
    }
    views = {name for (name,) in sql.fetch("SELECT table_name FROM information_schema.views WHERE table_schema = 'public'")}
    assert with_column - views <= protected


def test_the_application_role_owns_nothing_and_bypasses_nothing(database: None) -> None:
    assert sql.fetch("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user") == [(False, False)]
    assert sql.fetch(
        "SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = current_user AND relkind IN ('r', 'S', 'v')"
    ) == [(0,)]


def test_installing_the_rules_twice_changes_nothing(database: None) -> None:
    query = "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2"
    before = sql.fetch(query)
    from banyan.kernel.database import install

    install()
    assert sql.fetch(query) == before


def _set_aside(error: str) -> SetAsideEvent:
    return SetAsideEvent.objects.create(reaction="r", event_id=ids.next_id(), kind="k", error=error, set_aside_at=clock.now())


def test_raw_sql_leaves_an_audit_row_with_before_and_after(tenant: Any) -> None:
    with tenant.enter(actor="usr_x"):
        row = _set_aside("old")
        sql.execute("UPDATE set_aside_events SET error = 'new' WHERE id = %s", (row.pk,))
    with tenant.enter():
        entry = AuditEntry.objects.get(table_name="set_aside_events", row_id=row.pk)
        assert (entry.operation, entry.actor, entry.before, entry.after) == (
            "update",
            "usr_x",
            {"error": "old"},
            {"error": "new"},
        )


def test_a_write_without_an_actor_is_still_audited(tenant: Any) -> None:
    with tenant.enter(actor=""):
        row = _set_aside("old")
        sql.execute("DELETE FROM set_aside_events WHERE id = %s", (row.pk,))
    with tenant.enter():
        entry = AuditEntry.objects.get(table_name="set_aside_events", row_id=row.pk)
        assert (entry.operation, entry.actor) == ("delete", "database:banyan_app")
        assert entry.before is not None and entry.before["error"] == "old"


def test_the_application_cannot_edit_the_audit_log(tenant: Any) -> None:
    for statement in ("UPDATE audit_entries SET actor = 'me'", "DELETE FROM audit_entries", "TRUNCATE audit_entries"):
        with pytest.raises(DatabaseError), tenant.enter():
            sql.execute(statement)


def test_sealed_text_opens_only_in_its_own_place() -> None:
    from cryptography.exceptions import InvalidTag

    sealed = secrets.seal(1, "t.c", 5, "张三")
    assert secrets.unseal(1, "t.c", 5, sealed) == "张三"
    for place in ((2, "t.c", 5), (1, "t.d", 5), (1, "t.c", 6)):
        with pytest.raises(InvalidTag):
            secrets.unseal(*place, sealed)
    assert secrets.blind_index(1, "t.c", "x") == secrets.blind_index(1, "t.c", "x") != secrets.blind_index(2, "t.c", "x")


def test_ids_are_unique_over_threads(database: None) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        taken = [
            identity
            for block in pool.map(lambda n: list(ids.next_ids(n)), [1, 999, 1000, 2500, 3, 700] * 5)
            for identity in block
        ]
    assert len(taken) == len(set(taken)) == (1 + 999 + 1000 + 2500 + 3 + 700) * 5


def test_rules_are_derived_for_every_model() -> None:
    assert any("tenant_only" in rule for rule in database.rules_of(SetAsideEvent, "banyan_app"))
