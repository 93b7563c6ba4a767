"""The outbox, the cursors that read it, and what was set aside."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Func

from banyan.kernel.tenancy.base import Audit, TenantModel


class CommitOrder(Func):
    """The writing transaction's id as a bigint: what readers order by and compare with the snapshot's horizon."""

    template = "(pg_current_xact_id()::text::bigint)"
    output_field = models.BigIntegerField()


class OutboxEvent(TenantModel):
    """One fact. ``commit_order`` with ``id`` is the reading order; rows are kept, they are the history of the business."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE
    database_rules: ClassVar[tuple[str, ...]] = (
        "DROP TRIGGER IF EXISTS wake_drains ON outbox_events",
        "CREATE TRIGGER wake_drains AFTER INSERT ON outbox_events REFERENCING NEW TABLE AS new_rows "
        "FOR EACH STATEMENT EXECUTE FUNCTION banyan_wake_drains()",
    )

    kind = models.CharField(max_length=80)
    version = models.SmallIntegerField()
    payload = models.JSONField()
    occurred_at = models.DateTimeField()
    commit_order = models.BigIntegerField(db_default=CommitOrder())

    class Meta:
        app_label = "kernel"
        db_table = "outbox_events"
        indexes = [models.Index(fields=["tenant_id", "kind", "commit_order", "id"], name="outbox_by_kind")]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


NOTIFY_FUNCTION = """
CREATE OR REPLACE FUNCTION banyan_wake_drains() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('banyan_events', tenant_id::text) FROM (SELECT DISTINCT tenant_id FROM new_rows) t;
  RETURN NULL;
END $$;
"""


class ReactionCursor(TenantModel):
    """How far one reaction has read. Moved in the same transaction as the reaction's effect."""

    audit: ClassVar[Audit] = Audit.NONE

    reaction = models.CharField(max_length=80)
    commit_order = models.BigIntegerField(default=0)
    event_id = models.BigIntegerField(default=0)

    class Meta:
        app_label = "kernel"
        db_table = "reaction_cursors"
        constraints = [models.UniqueConstraint(fields=["tenant_id", "reaction"], name="one_cursor_per_reaction")]

    def __str__(self) -> str:
        return self.reaction


class SetAsideEvent(TenantModel):
    """An event that one reaction could not take. Open until retried with success or dismissed with a reason."""

    audit: ClassVar[Audit] = Audit.CHANGES

    reaction = models.CharField(max_length=80)
    event_id = models.BigIntegerField()
    kind = models.CharField(max_length=80)
    error = models.TextField()
    attempts = models.IntegerField(default=1)
    set_aside_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    resolution = models.TextField(blank=True)

    class Meta:
        app_label = "kernel"
        db_table = "set_aside_events"
        constraints = [models.UniqueConstraint(fields=["tenant_id", "reaction", "event_id"], name="set_aside_once")]
        indexes = [
            models.Index(fields=["tenant_id", "set_aside_at"], name="set_aside_open", condition=models.Q(resolved_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.reaction} {self.event_id}"
