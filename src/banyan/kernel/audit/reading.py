"""Reads of the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from banyan.kernel import tenancy
from banyan.kernel.audit.models import AuditEntry


@dataclass(frozen=True)
class Wanted:
    """Which entries to read: None is any. ``since`` is inside, ``until`` outside."""

    table: str | None = None
    row_id: int | None = None
    actor: str | None = None
    operation: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def list_entries(wanted: Wanted, before_id: int | None, count: int) -> Sequence[AuditEntry]:
    """Newest first, at most ``count``, with id below ``before_id``."""
    conditions = {
        "table_name": wanted.table,
        "row_id": wanted.row_id,
        "actor": wanted.actor,
        "operation": wanted.operation,
        "occurred_at__gte": wanted.since,
        "occurred_at__lt": wanted.until,
        "id__lt": before_id,
    }
    given = {name: value for name, value in conditions.items() if value is not None}
    return list(AuditEntry.objects.filter(tenant_id=tenancy.current_tenant_id(), **given).order_by("-id")[:count])
