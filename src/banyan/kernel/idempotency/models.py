"""Answers already given, so that a repeated request gets the same one."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from banyan.kernel.tenancy.base import Audit, TenantModel


class IdempotencyRecord(TenantModel):
    """One answered write request, stored in the transaction of its effect. Kept 30 days."""

    immutable: ClassVar[bool] = False
    audit: ClassVar[Audit] = Audit.NONE

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
