"""The audit log cannot be altered without `verify` naming the entry."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connections

from banyan.kernel import clock, ids, jobs, sql, verification
from banyan.kernel.audit import sealing
from banyan.kernel.audit.models import AuditEntry
from banyan.kernel.events.models import SetAsideEvent


@pytest.fixture
def sealed(tenant: Any) -> Any:
    """A tenant with five audited updates, sealed in one block."""
    with tenant.enter():
        row = SetAsideEvent.objects.create(reaction="r", event_id=ids.next_id(), kind="k", error="e0", set_aside_at=clock.now())
        for turn in range(1, 6):
            sql.execute("UPDATE set_aside_events SET error = %s WHERE id = %s", (f"e{turn}", row.pk))
    assert jobs.run_job("kernel.seal_audit", [tenant.id]) == 6  # the five, and the creation of the tenant
    return tenant


def _as_owner(statement: str, *params: Any) -> None:
    """Damage by somebody with every right: triggers off, straight SQL."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE audit_entries DISABLE TRIGGER facts_stand")
        cursor.execute(statement, params)
        cursor.execute("ALTER TABLE audit_entries ENABLE TRIGGER facts_stand")


def _findings(tenant: Any) -> list[tuple[str, Any]]:
    with tenant.enter():
        return [(f.subject, f.actual) for f in verification.run_checks({"audit.chain"})[0]]


def _entry_ids(tenant: Any) -> list[int]:
    with tenant.enter():
        return list(AuditEntry.objects.order_by("id").values_list("id", flat=True))


def test_an_untouched_log_is_clean_and_grows_by_blocks(sealed: Any) -> None:
    assert _findings(sealed) == []
    with sealed.enter():
        sql.execute("UPDATE set_aside_events SET error = 'later'")
    assert jobs.run_job("kernel.seal_audit", [sealed.id]) == 1
    assert jobs.run_job("kernel.seal_audit", [sealed.id]) == 0
    assert _findings(sealed) == []


def test_an_altered_entry_is_named(sealed: Any) -> None:
    entry = _entry_ids(sealed)[2]
    _as_owner("UPDATE audit_entries SET actor = 'somebody else' WHERE id = %s", entry)
    assert _findings(sealed) == [(f"audit entry {entry}", "altered")]


def test_a_removed_entry_is_named(sealed: Any) -> None:
    entry = _entry_ids(sealed)[4]
    _as_owner("DELETE FROM audit_entries WHERE id = %s", entry)
    assert _findings(sealed) == [(f"audit entry {entry}", "removed")]


def test_swapped_entries_are_both_named(sealed: Any) -> None:
    first, second = _entry_ids(sealed)[1:3]
    _as_owner(
        "UPDATE audit_entries a SET after = b.after, before = b.before FROM audit_entries b"
        " WHERE (a.id, b.id) IN ((%s, %s), (%s, %s))",
        first, second, second, first,
    )  # fmt: skip
    assert _findings(sealed) == [(f"audit entry {first}", "altered"), (f"audit entry {second}", "altered")]


def test_an_entry_put_in_afterwards_is_named(sealed: Any) -> None:
    _as_owner(
        "INSERT INTO audit_entries (tenant_id, occurred_at, actor, reason, origin, table_name, operation, transaction_id)"
        " SELECT tenant_id, occurred_at, 'planted', '', '', 'x', 'update', transaction_id - 1 FROM audit_entries WHERE id = %s",
        _entry_ids(sealed)[0],
    )
    assert [actual for _, actual in _findings(sealed)] == ["put in after sealing"]


def test_entries_put_in_afterwards_are_found_in_one_pass_over_the_log(sealed: Any) -> None:
    """A plan that walks every block for every entry would take hours on a grown log."""
    with sealed.enter():
        plan = "\n".join(row[0] for row in sql.fetch(f"EXPLAIN {sealing._STRAYS}", (sealed.id,) * 3))
    assert "Hash Anti Join" in plan or "Hash Right Anti Join" in plan, plan
