"""Members with their stored ancestor paths, sponsorship history, consumer bindings and their rules."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from banyan.kernel.tenancy.base import Audit, TenantModel
from banyan.people.distributors.models import Distributor, never_twice
from banyan.people.identity.models import User
from banyan.people.network.types import BindingMode, BindSource

INDEXED_DEPTH = 64
"""The subtree index holds this many ids of a path: index rows have a size limit, paths have not."""

CLOSURE_VIEW = """
CREATE OR REPLACE VIEW network_closure WITH (security_invoker = true) AS
SELECT m.tenant_id, a.ancestor, m.id AS descendant, (m.depth - a.place + 1)::integer AS depth
FROM network_members m CROSS JOIN LATERAL unnest(m.path) WITH ORDINALITY AS a(ancestor, place)
"""
"""One row per pair of ancestor and descendant, depth 0 being everybody himself: for those who want rows."""


class Member(TenantModel):
    """A distributor's place; the row's id is the distributor's. ``parent`` is the truth, all else is derived and checked.

    ``path`` holds all ancestors from the root down to the own id, so an upline is one array of one row and a subtree is one
    range of an index. ``path_since`` tells since when this very path holds: for moments after it no history is needed.
    """

    audit: ClassVar[Audit] = Audit.CHANGES
    # A move of one member rewrites the paths below; the log keeps the move, which explains them all.
    audit_excluded: ClassVar[tuple[str, ...]] = ("path", "depth", "path_since", "frontline_count")
    database_rules: ClassVar[tuple[str, ...]] = (
        f"CREATE INDEX IF NOT EXISTS members_by_path ON network_members (tenant_id, (path[1:{INDEXED_DEPTH}]))",
        CLOSURE_VIEW,
        "GRANT SELECT ON network_closure TO {app_role}",
    )

    id = None  # type: ignore[assignment]
    distributor = models.OneToOneField(
        Distributor, on_delete=models.PROTECT, primary_key=True, db_column="id", related_name="+", verbose_name=_("distributor")
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

    distributor = models.ForeignKey(
        Distributor, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("distributor")
    )
    sponsor = models.ForeignKey(
        Distributor, on_delete=models.PROTECT, related_name="+", null=True, db_index=False, verbose_name=_("sponsor")
    )
    valid_from = models.DateTimeField(_("valid from"))
    valid_to = models.DateTimeField(_("valid to"), null=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        db_table = "network_sponsorships"
        verbose_name = _("sponsorship")
        verbose_name_plural = _("sponsorship history")
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")), name="sponsorship_for_a_time"
            ),
            never_twice("one_sponsor_at_a_time"),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "distributor", "valid_from"], name="sponsorships_by_time"),
            models.Index(fields=["tenant_id", "sponsor"], name="sponsorships_by_sponsor"),
        ]

    def __str__(self) -> str:
        return f"{self.distributor_id} ← {self.sponsor_id}"


class BindingRow(TenantModel):
    """A consumer belonged to a distributor for a time. The open row (``valid_to`` empty) holds until ``expires_at``, if set."""

    audit: ClassVar[Audit] = Audit.CHANGES

    consumer = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("consumer"))
    distributor = models.ForeignKey(
        Distributor, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("distributor")
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
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")), name="binding_for_a_time"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("valid_from")), name="binding_expires_later"
            ),
            never_twice("one_binding_at_a_time", of="consumer_id"),
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
