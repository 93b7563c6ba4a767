"""A table may name its columns as it likes, also like the audit function's own variables."""

from __future__ import annotations

from typing import Any

from django.db import connections

from banyan.kernel import sql


def test_columns_named_like_the_functions_variables(tenant: Any) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "CREATE TABLE audit_probe (id bigint PRIMARY KEY, tenant_id bigint, scope text, who text, why text, hidden text)"
        )
        try:
            cursor.execute("GRANT ALL ON audit_probe TO banyan_app")
            for operation, tables in (
                ("INSERT", "NEW TABLE AS new_rows"),
                ("UPDATE", "OLD TABLE AS old_rows NEW TABLE AS new_rows"),
                ("DELETE", "OLD TABLE AS old_rows"),
            ):
                cursor.execute(
                    f"CREATE TRIGGER audit_{operation} AFTER {operation} ON audit_probe REFERENCING {tables}"
                    " FOR EACH STATEMENT EXECUTE FUNCTION banyan_audit('{hidden}', 'tenant_id')"
                )
            with tenant.enter():
                sql.execute("INSERT INTO audit_probe VALUES (1, %s, 'a', 'b', 'c', 'd')", (tenant.id,))
                sql.execute("UPDATE audit_probe SET scope = 'z', hidden = 'y'")
                sql.execute("DELETE FROM audit_probe")
                rows = sql.fetch(
                    "SELECT operation, before, after FROM audit_entries WHERE table_name = 'audit_probe' ORDER BY id"
                )
        finally:
            cursor.execute("DROP TABLE audit_probe")
    assert [row[0] for row in rows] == ["insert", "update", "delete"]
    assert rows[1][1:] == ({"scope": "a"}, {"scope": "z"})
    assert "hidden" not in rows[0][2] and rows[0][2]["who"] == "b"
