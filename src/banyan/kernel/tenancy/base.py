"""The base of every table that belongs to a tenant."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from django.db import models

from banyan.kernel import ids
from banyan.kernel.tenancy.context import current_tenant_id


class Audit(StrEnum):
    """Which writes of a table the audit triggers record."""

    ALL = "all"
    """Insert, update and delete."""
    CHANGES = "changes"
    """Update and delete: for tables whose inserted row is itself the lasting record."""
    NONE = "none"
    """Nothing: for caches that a checker re-derives, and for the kernel's own queues."""


class TenantModel(models.Model):
    """One row of one tenant. PostgreSQL shows it only while that tenant is entered.

    Subclasses may set ``immutable`` (UPDATE and DELETE are refused by a trigger and not granted), ``audit``,
    ``audit_excluded`` (columns never copied into the audit log) and ``database_rules`` (idempotent SQL run after
    migrations). Indexes and unique constraints start with ``tenant_id``.
    """

    immutable: ClassVar[bool] = False
    audit: ClassVar[Audit] = Audit.CHANGES
    audit_excluded: ClassVar[tuple[str, ...]] = ()
    database_rules: ClassVar[tuple[str, ...]] = ()

    id = models.BigIntegerField(primary_key=True, default=ids.next_id, editable=False)
    tenant_id = models.BigIntegerField(default=current_tenant_id, editable=False)

    class Meta:
        abstract = True
