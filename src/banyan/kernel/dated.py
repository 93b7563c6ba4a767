"""Dated facts: rows with ``valid_from`` and ``valid_to`` (half-open, empty while it holds) that never overlap for one subject.

Two open facts are stopped by a partial unique index, which also holds between concurrent transactions; any other overlap
by a statement trigger that looks at all written rows at once. A GiST exclusion constraint would say the same, but needs an
extension or, without one, 20 times as long per row.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q


def constraints(name: str, subject: str) -> list[models.BaseConstraint]:
    """For ``Meta.constraints``: a fact holds for some time, and one subject has at most one open fact."""
    return [
        models.CheckConstraint(condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")), name=f"{name}_for_a_time"),
        models.UniqueConstraint(fields=["tenant_id", subject], condition=Q(valid_to__isnull=True), name=f"one_open_{name}"),
    ]


def rules(table: str, subject_column: str) -> tuple[str, ...]:
    """For ``database_rules``: the trigger against overlaps. The table needs an index on (tenant_id, subject, valid_from)."""
    function = f"{table}_never_overlap"
    return (
        # Planned once per session from whatever batch comes first, so only the plan that suits every size is allowed.
        f"""
        CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = public, pg_temp SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
        BEGIN
          IF EXISTS (
            SELECT 1 FROM new_rows n JOIN {table} o ON o.tenant_id = n.tenant_id AND o.{subject_column} = n.{subject_column}
            AND o.id <> n.id AND o.valid_from < coalesce(n.valid_to, 'infinity')
            AND n.valid_from < coalesce(o.valid_to, 'infinity')
          ) THEN
            RAISE EXCEPTION '{table}: facts of one {subject_column} would overlap in time' USING ERRCODE = 'exclusion_violation';
          END IF;
          RETURN NULL;
        END $$
        """,
        f"DROP TRIGGER IF EXISTS never_overlap_insert ON {table}",
        f"DROP TRIGGER IF EXISTS never_overlap_update ON {table}",
        f"CREATE TRIGGER never_overlap_insert AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {function}()",
        f"CREATE TRIGGER never_overlap_update AFTER UPDATE ON {table} REFERENCING NEW TABLE AS new_rows"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {function}()",
    )
