"""The audit log, append-only, filled by the trigger function below and by nothing else."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from banyan.kernel.tenancy.base import Audit, TenantModel


class AuditEntry(models.Model):
    """One changed row. ``before``/``after`` hold the changed columns only (all columns for insert and delete).

    ``tenant_id`` is 0 for tables outside of any tenant. ``actor`` is ``database:<role>`` where no actor was set.
    No foreign keys: the log outlives what it speaks of.
    """

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE
    tenant_scoped: ClassVar[bool] = True

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.BigIntegerField()
    occurred_at = models.DateTimeField()
    actor = models.TextField()
    reason = models.TextField()
    origin = models.TextField()
    table_name = models.TextField()
    row_id = models.BigIntegerField(null=True)
    operation = models.CharField(max_length=6)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    transaction_id = models.BigIntegerField()

    class Meta:
        app_label = "kernel"
        db_table = "audit_entries"
        indexes = [
            models.Index(fields=["tenant_id", "table_name", "row_id"], name="audit_by_row"),
            models.Index(fields=["tenant_id", "occurred_at"], name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.table_name} {self.row_id}"


# Nested loops are off because plpgsql keeps the plan of the first call: what is cheapest for one changed row would compare
# every old row with every new one when thousands change at once.
AUDIT_FUNCTION = """
CREATE OR REPLACE FUNCTION banyan_audit() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp SET enable_nestloop = off SET jit = off AS $$
#variable_conflict use_variable
DECLARE
  who text := coalesce(nullif(current_setting('banyan.actor', true), ''), 'database:' || session_user);
  why text := coalesce(current_setting('banyan.reason', true), '');
  origin text := coalesce(current_setting('banyan.origin', true), '');
  hidden text[] := TG_ARGV[0]::text[];
  scope text := TG_ARGV[1];
BEGIN
  IF TG_OP = 'UPDATE' THEN
    INSERT INTO audit_entries (tenant_id, occurred_at, actor, reason, origin, table_name, row_id, operation,
                               before, after, transaction_id)
    SELECT coalesce((c.after ->> scope)::bigint, 0), clock_timestamp(), who, why, origin, TG_TABLE_NAME,
           (c.after ->> 'id')::bigint, 'update',
           (SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(c.before) e WHERE c.after -> e.key IS DISTINCT FROM e.value),
           (SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(c.after) e WHERE c.before -> e.key IS DISTINCT FROM e.value),
           pg_current_xact_id()::text::bigint
    FROM (SELECT to_jsonb(a) - hidden AS after, to_jsonb(b) - hidden AS before
          FROM new_rows a JOIN old_rows b ON b.id = a.id OFFSET 0) c
    WHERE c.before IS DISTINCT FROM c.after;
  ELSIF TG_OP = 'INSERT' THEN
    INSERT INTO audit_entries (tenant_id, occurred_at, actor, reason, origin, table_name, row_id, operation,
                               before, after, transaction_id)
    SELECT coalesce((to_jsonb(t) ->> scope)::bigint, 0), clock_timestamp(), who, why, origin, TG_TABLE_NAME,
           (to_jsonb(t) ->> 'id')::bigint,
           'insert', NULL, to_jsonb(t) - hidden, pg_current_xact_id()::text::bigint
    FROM new_rows t;
  ELSE
    INSERT INTO audit_entries (tenant_id, occurred_at, actor, reason, origin, table_name, row_id, operation,
                               before, after, transaction_id)
    SELECT coalesce((to_jsonb(t) ->> scope)::bigint, 0), clock_timestamp(), who, why, origin, TG_TABLE_NAME,
           (to_jsonb(t) ->> 'id')::bigint,
           'delete', to_jsonb(t) - hidden, NULL, pg_current_xact_id()::text::bigint
    FROM old_rows t;
  END IF;
  RETURN NULL;
END $$;
"""

IMMUTABLE_FUNCTION = """
CREATE OR REPLACE FUNCTION banyan_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% rows are facts: % is refused; reverse it with a new row', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'restrict_violation';
END $$;
"""


class AuditSeal(TenantModel):
    """One sealed block of audit entries: their ids and digests, chained to the block before.

    Entries are sealed in the order of (transaction_id, id) below the snapshot's horizon, so a late commit cannot fall into a
    block that is closed. ``digest`` covers the previous block's digest, the ids and the digests.
    """

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE

    number = models.IntegerField()
    entry_ids = ArrayField(models.BigIntegerField())
    entry_digests = models.BinaryField()
    """32 bytes per entry, in the order of ``entry_ids``."""
    until_transaction_id = models.BigIntegerField()
    until_entry_id = models.BigIntegerField()
    previous_digest = models.BinaryField()
    digest = models.BinaryField()
    sealed_at = models.DateTimeField()

    class Meta:
        app_label = "kernel"
        db_table = "audit_seals"
        constraints = [models.UniqueConstraint(fields=["tenant_id", "number"], name="one_audit_chain")]

    def __str__(self) -> str:
        return f"seal {self.number}"
