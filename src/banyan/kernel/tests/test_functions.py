"""The database's own functions read tables by index, whatever the tables held when a connection planned them."""

from __future__ import annotations

import re
from typing import Any

from django.db import connections

from banyan.kernel import idempotency, sql

READ = re.compile(r"\b(?:FROM|JOIN)\s+([a-z_]+)", re.IGNORECASE)
FEW_ROWS = {"commission_guard_versions", "commission_guard_approvals", "banyan_visitor"}
"""Read tables of some dozens of rows, when somebody acts by hand."""


def seq_scans(table: str) -> int:
    """How often this transaction has read the table from end to end."""
    return int(sql.fetch("SELECT coalesce(sum(seq_scan), 0) FROM pg_stat_xact_user_tables WHERE relname = %s", (table,))[0][0])


def test_every_function_that_reads_a_table_of_ours_may_not_read_it_from_end_to_end(tenant: Any) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = {name for (name,) in cursor.fetchall()}
        cursor.execute(
            "SELECT p.proname, p.prosrc, coalesce(p.proconfig, '{}') FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
            " WHERE n.nspname = 'public' AND pg_get_userbyid(p.proowner) = current_user"
        )
        found = cursor.fetchall()
    reading = {name: settings for name, source, settings in found if set(READ.findall(source)) & tables}
    assert {"banyan_find_answers", "banyan_authenticate", "ledger_apply_postings"} <= reading.keys()
    free = {name for name, settings in reading.items() if "enable_seqscan=off" not in settings}
    assert {name for name in free if not name.startswith("procrastinate")} <= FEW_ROWS


def test_answers_are_found_by_index_in_a_table_that_was_known_to_be_empty_when_the_look_up_was_planned(tenant: Any) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE idempotency_records")
    with tenant.enter():
        asked = [(tenant.id, f"key-{number}", b"digest") for number in range(20)]
        assert idempotency.find_answers(asked) == [None] * 20
        assert seq_scans("idempotency_records") == 0
