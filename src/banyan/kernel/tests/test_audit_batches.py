"""The audit trigger keeps up with set-based writes: its cost grows with the rows, not with their square."""

from __future__ import annotations

from typing import Any

from banyan.kernel import clock, ids, sql
from banyan.kernel.audit.models import AuditEntry
from banyan.kernel.events.models import SetAsideEvent

COLUMNS = ("id", "reaction", "event_id", "kind", "error", "attempts", "set_aside_at", "resolution")


def test_one_changed_row_and_then_thousands(tenant: Any) -> None:
    with tenant.enter():
        rows = [(i, "test", i, "kind", "", 1, clock.now(), "") for i in ids.next_ids(6000)]
        sql.insert(SetAsideEvent, COLUMNS, rows)
        # A plan made for one row must still do for six thousand; comparing all with all takes minutes.
        sql.execute("UPDATE set_aside_events SET attempts = 2 WHERE tenant_id = %s AND id = %s", (tenant.id, rows[0][0]))
        sql.execute("SET LOCAL statement_timeout = '10s'")
        assert sql.execute("UPDATE set_aside_events SET attempts = 3 WHERE tenant_id = %s", (tenant.id,)) == 6000
        found = AuditEntry.objects.filter(table_name="set_aside_events")
        assert found.count() == 6001
        of_first = found.filter(row_id=rows[0][0]).order_by("id").values_list("before", "after")
        assert list(of_first) == [({"attempts": 1}, {"attempts": 2}), ({"attempts": 2}, {"attempts": 3})]
