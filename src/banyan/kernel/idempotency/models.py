"""Answers already given, so that a repeated request gets the same one."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from banyan.kernel.tenancy.base import Audit, TenantModel

# Lock, then look, in one round trip: each statement of a volatile function sees what was committed before it began, so an
# answer that its holder has just committed is found. A plan made while the table was empty would read all of it for every key
# until somebody analyzes it, so only the plan by index is allowed.
FIND_ANSWERS = """
CREATE OR REPLACE FUNCTION banyan_find_answers(wanted_locks bigint[], of_tenant bigint, of_actors bigint[], of_keys text[])
RETURNS TABLE (is_free boolean, known bytea, status smallint, body text) LANGUAGE plpgsql VOLATILE
SET search_path = public SET enable_seqscan = off AS $$
BEGIN
  FOR place IN 1 .. cardinality(wanted_locks) LOOP
    is_free := pg_try_advisory_xact_lock(wanted_locks[place]);
    known := NULL; status := NULL; body := NULL;
    IF is_free THEN
      SELECT r.digest, r.status, r.body INTO known, status, body FROM idempotency_records r
      WHERE r.tenant_id = of_tenant AND r.actor_id = of_actors[place] AND r.key = of_keys[place];
    END IF;
    RETURN NEXT;
  END LOOP;
END $$
"""


class IdempotencyRecord(TenantModel):
    """One answered write request, stored in the transaction of its effect. Kept 30 days."""

    immutable: ClassVar[bool] = False
    audit: ClassVar[Audit] = Audit.NONE
    database_rules: ClassVar[tuple[str, ...]] = (FIND_ANSWERS,)

    actor_id = models.BigIntegerField()
    key = models.CharField(max_length=200)
    digest = models.BinaryField(max_length=32)
    status = models.SmallIntegerField()
    body = models.TextField()
    answered_at = models.DateTimeField()

    class Meta:
        app_label = "kernel"
        db_table = "idempotency_records"
        constraints = [models.UniqueConstraint(fields=["tenant_id", "actor_id", "key"], name="one_answer_per_key")]

    def __str__(self) -> str:
        return self.key
