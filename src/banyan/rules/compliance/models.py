"""The tenants' recorded acceptances of a reading of the law. The law itself lives in files, not in tables."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from banyan.kernel.tenancy import Audit, TenantModel
from banyan.rules.compliance.types import FeedWay, Reading, StandingGrade


class ReadingAcknowledgement(TenantModel):
    """One acceptance or withdrawal. The latest row of a jurisdiction at a moment is the reading of that moment.

    `roles` is what the person held when accepting. The two numbers are set for `counsel` only and are counsel's.
    """

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.ALL

    jurisdiction = models.CharField(_("jurisdiction"), max_length=20)
    reading = models.CharField(_("reading"), max_length=12, choices=[(one.value, one.value) for one in Reading])
    rule_set = models.CharField(_("rule set"), max_length=60)
    granted = models.BooleanField(_("granted"))
    statement = models.TextField(_("accepted words"))
    accepted_by_id = models.BigIntegerField(_("accepted by"))
    roles = models.JSONField(_("roles"))
    accepted_at = models.DateTimeField(_("accepted at"))
    upline_depth_paid = models.SmallIntegerField(_("upline depth paid"), null=True)
    total_rate_bp = models.IntegerField(_("total rate (bp)"), null=True)

    class Meta:
        app_label = "compliance"
        verbose_name = _("reading acknowledgement")
        verbose_name_plural = _("reading acknowledgements")
        indexes = [models.Index(fields=["tenant_id", "jurisdiction", "-accepted_at"], name="acknowledgement_latest")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(upline_depth_paid__isnull=True) | models.Q(upline_depth_paid__range=(0, 100)),
                name="acknowledgement_depth",
            ),
            models.CheckConstraint(
                condition=models.Q(total_rate_bp__isnull=True) | models.Q(total_rate_bp__range=(0, 10_000)),
                name="acknowledgement_rate",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.jurisdiction} {self.reading} {self.accepted_at:%Y-%m-%d}"


class LawUpdateRow(models.Model):
    """One signed update of the law, kept as it came. All shops of a jurisdiction share its law, so it has no tenant."""

    immutable: ClassVar[bool] = True

    id = models.BigAutoField(primary_key=True)
    key_id = models.CharField(_("key"), max_length=60)
    sequence = models.BigIntegerField(_("sequence"))
    issued_at = models.DateTimeField(_("issued at"))
    received_at = models.DateTimeField(_("received at"))
    way = models.CharField(_("way"), max_length=10, choices=[(one.value, _(one.value)) for one in FeedWay])
    jurisdictions = models.JSONField(_("jurisdictions"))
    payload = models.TextField(_("payload"))
    signature = models.CharField(_("signature"), max_length=120)

    class Meta:
        app_label = "compliance"
        db_table = "compliance_law_updates"
        verbose_name = _("update of the law")
        verbose_name_plural = _("updates of the law")
        constraints = [models.UniqueConstraint(fields=["key_id", "sequence"], name="one_law_update_per_sequence")]

    def __str__(self) -> str:
        return f"{self.key_id}/{self.sequence}"


class OrganizationWarningRow(TenantModel):
    """An organization's grade from a moment on. Written when it changes; the latest row of an organizer counts."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE

    organizer_id = models.BigIntegerField(_("organizer"))
    people = models.IntegerField(_("people"))
    layers = models.IntegerField(_("layers"))
    grade = models.CharField(_("grade"), max_length=10, choices=[(one.value, _(one.value)) for one in StandingGrade])
    seen_at = models.DateTimeField(_("seen at"))

    class Meta:
        app_label = "compliance"
        db_table = "compliance_organization_warnings"
        verbose_name = _("organization near the line")
        verbose_name_plural = _("organizations near the line")
        indexes = [models.Index(fields=["tenant_id", "organizer_id", "-seen_at"], name="organization_warning_latest")]

    def __str__(self) -> str:
        return f"{self.organizer_id} {self.grade}"
