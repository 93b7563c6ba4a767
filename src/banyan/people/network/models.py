"""Members with their stored ancestor paths, sponsorship history, consumer bindings and their rules."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from banyan.kernel import dated
from banyan.kernel.tenancy.base import Audit, TenantModel
from banyan.people.network.types import BindingMode, BindSource

CLOSURE_VIEW = """
CREATE OR REPLACE VIEW network_closure WITH (security_invoker = true) AS
SELECT m.tenant_id, a.ancestor, m.id AS descendant, (m.depth - a.place + 1)::integer AS depth
FROM network_members m CROSS JOIN LATERAL unnest(m.path) WITH ORDINALITY AS a(ancestor, place)
"""
"""One row per pair of ancestor and descendant, depth 0 being everybody himself: for those who want rows."""


AUDIT_PARENT_FUNCTION = """
CREATE OR REPLACE FUNCTION network_audit_parent() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO audit_entries (tenant_id, occurred_at, actor, reason, origin, table_name, row_id, operation, before, after,
                             transaction_id)
  VALUES (OLD.tenant_id, clock_timestamp(),
          coalesce(nullif(current_setting('banyan.actor', true), ''), 'database:' || session_user),
          coalesce(current_setting('banyan.reason', true), ''), coalesce(current_setting('banyan.origin', true), ''),
          TG_TABLE_NAME, OLD.id, lower(TG_OP), jsonb_build_object('parent_id', OLD.parent_id),
          CASE WHEN TG_OP = 'UPDATE' THEN jsonb_build_object('parent_id', NEW.parent_id) END, pg_current_xact_id()::text::bigint);
  RETURN NULL;
END $$
"""
"""A move of one member rewrites thousands of derived paths: the log keeps the one change that explains them all."""


class Member(TenantModel):
    """A distributor's place; the row's id is the distributor's. ``parent`` is the truth, all else is derived and checked.

    ``path`` holds all ancestors from the root down to the own id, so an upline is one array of one row.
    ``path_since`` tells since when this very path holds: for moments after it no history is needed.
    """

    # Most of the row is a cache that the checks derive again; the truth in it, the parent, has an audit trigger of its own.
    audit: ClassVar[Audit] = Audit.NONE
    database_rules: ClassVar[tuple[str, ...]] = (
        CLOSURE_VIEW,
        "GRANT SELECT ON network_closure TO {app_role}",
        AUDIT_PARENT_FUNCTION,
        "DROP TRIGGER IF EXISTS audit_parent ON network_members",
        "DROP TRIGGER IF EXISTS audit_removal ON network_members",
        "CREATE TRIGGER audit_parent AFTER UPDATE OF id, tenant_id, parent_id ON network_members FOR EACH ROW"
        " WHEN ((OLD.id, OLD.tenant_id, OLD.parent_id) IS DISTINCT FROM (NEW.id, NEW.tenant_id, NEW.parent_id))"
        " EXECUTE FUNCTION network_audit_parent()",
        "CREATE TRIGGER audit_removal AFTER DELETE ON network_members FOR EACH ROW EXECUTE FUNCTION network_audit_parent()",
    )

    id = None  # type: ignore[assignment]
    distributor = models.OneToOneField(
        "distributors.Distributor",
        on_delete=models.PROTECT,
        primary_key=True,
        db_column="id",
        related_name="+",
        verbose_name=_("distributor"),
    )
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, related_name="+", null=True, db_index=False, verbose_name=_("sponsor")
    )
    path = ArrayField(models.BigIntegerField(), verbose_name=_("path"))
    depth = models.IntegerField(_("depth"))
    frontline_count = models.IntegerField(_("frontline"), default=0)
    joined_at = models.DateTimeField(_("joined at"))
    sponsored_since = models.DateTimeField(_("under this sponsor since"))
    path_since = models.DateTimeField(_("path unchanged since"))

    class Meta:
        db_table = "network_members"
        verbose_name = _("network member")
        verbose_name_plural = _("network members")
        constraints = [
            models.CheckConstraint(condition=Q(depth__gte=0) & Q(frontline_count__gte=0), name="member_counts"),
            models.CheckConstraint(condition=Q(path__len=F("depth") + 1), name="member_path_length"),
            models.CheckConstraint(condition=Q(parent__isnull=True) | ~Q(parent=F("distributor")), name="member_not_own_parent"),
        ]
        indexes = [models.Index(fields=["tenant_id", "parent", "distributor"], name="members_by_parent")]

    def __str__(self) -> str:
        return str(self.pk)


class Sponsorship(TenantModel):
    """Who stood directly under whom, from when until when. ``sponsor_id`` None: was a root."""

    audit: ClassVar[Audit] = Audit.CHANGES
    database_rules: ClassVar[tuple[str, ...]] = dated.rules("network_sponsorships", "distributor_id")

    distributor = models.ForeignKey(
        "distributors.Distributor", on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("distributor")
    )
    sponsor = models.ForeignKey(
        "distributors.Distributor",
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        db_index=False,
        verbose_name=_("sponsor"),
    )
    valid_from = models.DateTimeField(_("valid from"))
    valid_to = models.DateTimeField(_("valid to"), null=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        db_table = "network_sponsorships"
        verbose_name = _("sponsorship")
        verbose_name_plural = _("sponsorship history")
        constraints = dated.constraints("sponsorship", "distributor")
        indexes = [
            models.Index(fields=["tenant_id", "distributor", "valid_from"], name="sponsorships_by_time"),
            models.Index(fields=["tenant_id", "sponsor"], name="sponsorships_by_sponsor"),
        ]

    def __str__(self) -> str:
        return f"{self.distributor_id} ← {self.sponsor_id}"


class BindingRow(TenantModel):
    """A consumer belonged to a distributor for a time. The open row (``valid_to`` empty) holds until ``expires_at``, if set."""

    audit: ClassVar[Audit] = Audit.CHANGES
    database_rules: ClassVar[tuple[str, ...]] = dated.rules("network_bindings", "consumer_id")

    consumer = models.ForeignKey(
        "identity.User", on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("consumer")
    )
    distributor = models.ForeignKey(
        "distributors.Distributor", on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("distributor")
    )
    source = models.CharField(_("source"), max_length=10, choices=[(s.value, _(s.value)) for s in BindSource])
    valid_from = models.DateTimeField(_("valid from"))
    valid_to = models.DateTimeField(_("valid to"), null=True)
    expires_at = models.DateTimeField(_("expires at"), null=True)
    ended_reason = models.CharField(_("reason of the end"), max_length=200, blank=True)

    class Meta:
        db_table = "network_bindings"
        verbose_name = _("binding")
        verbose_name_plural = _("bindings")
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("valid_from")), name="binding_expires_later"
            ),
            *dated.constraints("binding", "consumer"),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "consumer", "valid_from"], name="bindings_by_consumer"),
            models.Index(fields=["tenant_id", "distributor", "valid_from"], name="bindings_by_distributor"),
        ]

    def __str__(self) -> str:
        return f"{self.consumer_id} → {self.distributor_id}"


class BindingSettingsRow(TenantModel):
    """The tenant's rules of binding; no row means the defaults of ``types.BindingSettings``."""

    audit: ClassVar[Audit] = Audit.ALL

    mode = models.CharField(_("binding mode"), max_length=12, choices=[(m.value, _(m.value)) for m in BindingMode])
    protect_days = models.IntegerField(_("protect period in days"), null=True)
    validity_days = models.IntegerField(_("validity in days"), null=True)

    class Meta:
        db_table = "network_binding_settings"
        verbose_name = _("binding rules")
        verbose_name_plural = _("binding rules")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id"], name="one_binding_settings_row"),
            models.CheckConstraint(
                condition=Q(protect_days__isnull=True) | Q(protect_days__gte=0), name="protect_days_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(validity_days__isnull=True) | Q(validity_days__gt=0), name="validity_days_positive"
            ),
        ]

    def __str__(self) -> str:
        return self.mode
