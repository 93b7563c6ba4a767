"""Plans and their versions, and what guards the way into force. A published version stands: PostgreSQL refuses to change it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from banyan.earnings.commission.types import VersionStatus
from banyan.kernel.tenancy import Audit, TenantModel

VERSION_STANDS = "commission_version_stands"
VERSION_UNJUDGED = "commission_version_unjudged"
VERSION_UNPROVEN = "commission_version_unproven"
VERSION_UNAPPROVED = "commission_version_unapproved"
VERSIONS_OVERLAP = "commission_versions_overlap"

# The way into force is guarded here as well, below every command: a version is born a draft, it becomes published only with a
# legal verdict on exactly the document it holds and the approval of a second person, and from then on nothing but its end can
# be written. Where no law counts (the sandbox) nobody has to approve.
GUARD_VERSIONS_FUNCTION = """
CREATE OR REPLACE FUNCTION commission_guard_versions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF OLD.status <> 'draft' THEN
      RAISE EXCEPTION 'a published plan version stands'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'commission_version_stands';
    END IF;
    RETURN OLD;
  END IF;
  IF TG_OP = 'INSERT' THEN
    IF NEW.status <> 'draft' THEN
      RAISE EXCEPTION 'a plan version begins as a draft'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'commission_version_unjudged';
    END IF;
    RETURN NEW;
  END IF;
  IF OLD.status = 'draft' THEN
    IF NEW.status = 'published' AND (NEW.judged_digest IS DISTINCT FROM md5(NEW.document::text) OR NEW.rule_set = ''
        OR NEW.effective_from IS NULL OR NEW.upline_depth_paid IS NULL OR NEW.total_rate_bp IS NULL) THEN
      RAISE EXCEPTION 'a plan version is published only with a legal verdict on its document'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'commission_version_unjudged';
    ELSIF NEW.status = 'published' AND NOT EXISTS (
        SELECT 1 FROM commission_plan_proofs p WHERE p.tenant_id = NEW.tenant_id AND p.version_id = NEW.id
          AND p.digest = md5(NEW.document::text) AND p.rule_set = NEW.rule_set AND p.total_rate_bp = NEW.total_rate_bp
          AND p.upline_depth_paid = NEW.upline_depth_paid) THEN
      RAISE EXCEPTION 'a plan version is published only with a proof of its worst case within law and margin'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'commission_version_unproven';
    ELSIF NEW.status = 'published' AND NOT EXISTS (
        SELECT 1 FROM commission_plan_approvals a WHERE a.tenant_id = NEW.tenant_id AND a.version_id = NEW.id
          AND a.digest = md5(NEW.document::text) AND a.approved_by <> '' AND a.approved_by <> NEW.drafted_by)
        AND NOT EXISTS (SELECT 1 FROM tenants t WHERE t.id = NEW.tenant_id AND lower(t.jurisdiction) = 'sandbox') THEN
      RAISE EXCEPTION 'a plan version is published only when a second person has approved its document'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'commission_version_unapproved';
    ELSIF NEW.status NOT IN ('draft', 'published') THEN
      RAISE EXCEPTION 'a draft can only be published' USING ERRCODE = 'check_violation', CONSTRAINT = 'commission_version_stands';
    END IF;
    RETURN NEW;
  END IF;
  IF NEW.status = 'draft'
     OR (to_jsonb(NEW) - '{status,effective_to,ended_reason}'::text[])
        IS DISTINCT FROM (to_jsonb(OLD) - '{status,effective_to,ended_reason}'::text[])
     OR (OLD.effective_to IS NOT NULL AND (NEW.effective_to IS NULL OR NEW.effective_to > OLD.effective_to)) THEN
    RAISE EXCEPTION 'a published plan version stands; only its end can be set' USING ERRCODE = 'check_violation',
      CONSTRAINT = 'commission_version_stands';
  END IF;
  RETURN NEW;
END $$
"""

NO_OVERLAP = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'commission_versions_overlap') THEN
    ALTER TABLE commission_plan_versions ADD CONSTRAINT commission_versions_overlap EXCLUDE USING gist (
      int8range(tenant_id, tenant_id, '[]') WITH &&, tstzrange(effective_from, effective_to) WITH &&
    ) WHERE (status <> 'draft');
  END IF;
END $$
"""
"""A tenant has one version in force at a time. The tenant is written as a range so that plain GiST can compare it."""


class PlanRow(TenantModel):
    """A commission plan: a name for a line of versions."""

    audit: ClassVar[Audit] = Audit.ALL

    name = models.CharField(_("name"), max_length=120)
    created_at = models.DateTimeField(_("created at"))
    created_by = models.CharField(_("created by"), max_length=40, default="", blank=True)

    class Meta:
        app_label = "commission"
        db_table = "commission_plans"
        verbose_name = _("commission plan")
        verbose_name_plural = _("commission plans")
        constraints = [models.UniqueConstraint(fields=["tenant_id", "name"], name="commission_plan_name")]

    def __str__(self) -> str:
        return self.name


class PlanVersionRow(TenantModel):
    """One version of a plan: the document, its dates, and the verdict it was published with.

    `judged_digest` is md5(document::text) of what was judged, so that a document changed in between cannot slip through.
    """

    audit: ClassVar[Audit] = Audit.ALL
    database_rules: ClassVar[tuple[str, ...]] = (
        GUARD_VERSIONS_FUNCTION,
        "DROP TRIGGER IF EXISTS guard_versions ON commission_plan_versions",
        "CREATE TRIGGER guard_versions BEFORE INSERT OR UPDATE OR DELETE ON commission_plan_versions "
        "FOR EACH ROW EXECUTE FUNCTION commission_guard_versions()",
        NO_OVERLAP,
    )

    plan = models.ForeignKey(
        PlanRow, on_delete=models.PROTECT, related_name="versions", db_index=False, verbose_name=_("commission plan")
    )
    number = models.IntegerField(_("version"))
    status = models.CharField(
        _("status"), max_length=12, default=VersionStatus.DRAFT, choices=[(each.value, _(each.value)) for each in VersionStatus]
    )
    document = models.JSONField(_("document"))
    effective_from = models.DateTimeField(_("in force from"), null=True)
    effective_to = models.DateTimeField(_("in force to"), null=True)
    drafted_at = models.DateTimeField(_("drafted at"))
    drafted_by = models.CharField(_("drafted by"), max_length=40, default="", blank=True)
    published_at = models.DateTimeField(_("published at"), null=True)
    published_by = models.CharField(_("published by"), max_length=40, default="", blank=True)
    judged_digest = models.CharField(_("judged digest"), max_length=32, default="", blank=True)
    rule_set = models.CharField(_("rule set"), max_length=80, default="", blank=True)
    upline_depth_paid = models.SmallIntegerField(_("upline depth paid"), null=True)
    total_rate_bp = models.IntegerField(_("total rate (bp)"), null=True)
    ended_reason = models.CharField(_("reason of its end"), max_length=200, default="", blank=True)

    class Meta:
        app_label = "commission"
        db_table = "commission_plan_versions"
        verbose_name = _("plan version")
        verbose_name_plural = _("plan versions")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "plan", "number"], name="commission_version_number"),
            models.CheckConstraint(
                condition=Q(effective_to__isnull=True) | Q(effective_to__gte=F("effective_from")), name="commission_version_dates"
            ),
            models.CheckConstraint(
                condition=Q(status=VersionStatus.DRAFT) | Q(effective_from__isnull=False), name="commission_version_begins"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan_id} v{self.number}"


class ProofRow(TenantModel):
    """The worst case that a document was proven with, within law and margin. Never changed."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE

    version = models.ForeignKey(
        PlanVersionRow, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("plan version")
    )
    digest = models.CharField(_("proven digest"), max_length=32)
    proven_at = models.DateTimeField(_("proven at"))
    rule_set = models.CharField(_("rule set"), max_length=80)
    upline_depth_paid = models.SmallIntegerField(_("upline depth paid"))
    total_rate_bp = models.IntegerField(_("total rate (bp)"))
    exact = models.BooleanField(_("proven exactly"))
    worst_bp = models.IntegerField(_("proven worst case (bp)"), null=True)
    witness = models.JSONField(_("witness"), null=True)

    class Meta:
        app_label = "commission"
        db_table = "commission_plan_proofs"
        verbose_name = _("plan proof")
        verbose_name_plural = _("plan proofs")
        indexes = [models.Index(fields=["tenant_id", "version", "digest"], name="commission_proof_version")]
        constraints = [
            models.CheckConstraint(
                condition=Q(worst_bp__isnull=True) | Q(worst_bp__lte=F("total_rate_bp")), name="commission_proof_within_bound"
            )
        ]

    def __str__(self) -> str:
        return f"{self.version_id} {self.total_rate_bp}"


GUARD_APPROVALS_FUNCTION = """
CREATE OR REPLACE FUNCTION commission_guard_approvals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM commission_plan_versions v WHERE v.tenant_id = NEW.tenant_id AND v.id = NEW.version_id
                 AND v.status = 'draft' AND v.drafted_by <> NEW.approved_by AND md5(v.document::text) = NEW.digest) THEN
    RAISE EXCEPTION 'an approval is a second person''s, for the document as it stands'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'commission_approval_by_another';
  END IF;
  RETURN NEW;
END $$
"""


class ApprovalRow(TenantModel):
    """A second person's approval of exactly one document. Never changed; a revised document needs a new one."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.ALL
    database_rules: ClassVar[tuple[str, ...]] = (
        GUARD_APPROVALS_FUNCTION,
        "DROP TRIGGER IF EXISTS guard_approvals ON commission_plan_approvals",
        "CREATE TRIGGER guard_approvals BEFORE INSERT ON commission_plan_approvals "
        "FOR EACH ROW EXECUTE FUNCTION commission_guard_approvals()",
    )

    version = models.ForeignKey(
        PlanVersionRow, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("plan version")
    )
    digest = models.CharField(_("approved digest"), max_length=32)
    approved_by = models.CharField(_("approved by"), max_length=40)
    approved_at = models.DateTimeField(_("approved at"))
    note = models.CharField(_("note"), max_length=200, default="", blank=True)

    class Meta:
        app_label = "commission"
        db_table = "commission_plan_approvals"
        verbose_name = _("plan approval")
        verbose_name_plural = _("plan approvals")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "version", "digest", "approved_by"], name="commission_approved_once"),
            models.CheckConstraint(condition=~Q(approved_by=""), name="commission_approval_named"),
        ]

    def __str__(self) -> str:
        return f"{self.version_id} {self.approved_by}"


class SuspensionRow(TenantModel):
    """The law stopped a published version: from when on, by which article, and which lawful variant was drafted instead.

    The operators' notice. Those who earned by the version have their own (`SuspensionNoticeRow`).
    """

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE

    version = models.ForeignKey(
        PlanVersionRow, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("plan version")
    )
    suspended_from = models.DateTimeField(_("suspended from"))
    noted_at = models.DateTimeField(_("noted at"))
    law_update_id = models.BigIntegerField(_("update of the law"), default=0)
    rule_set = models.CharField(_("rule set"), max_length=80)
    broken = models.JSONField(_("broken clauses"))
    variant = models.ForeignKey(
        PlanVersionRow, on_delete=models.PROTECT, related_name="+", db_index=False, null=True, verbose_name=_("lawful variant")
    )

    class Meta:
        app_label = "commission"
        db_table = "commission_plan_suspensions"
        verbose_name = _("plan suspension")
        verbose_name_plural = _("plan suspensions")
        indexes = [models.Index(fields=["tenant_id", "version"], name="commission_suspension_version")]

    def __str__(self) -> str:
        return f"{self.version_id} {self.suspended_from:%Y-%m-%d}"


class SuspensionNoticeRow(TenantModel):
    """That a distributor who earned by a version was told of its suspension."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE

    suspension = models.ForeignKey(
        SuspensionRow, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("plan suspension")
    )
    distributor_id = models.BigIntegerField(_("distributor"))

    class Meta:
        app_label = "commission"
        db_table = "commission_suspension_notices"
        verbose_name = _("suspension notice")
        verbose_name_plural = _("suspension notices")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "distributor_id", "suspension"], name="commission_noticed_once")
        ]

    def __str__(self) -> str:
        return f"{self.suspension_id} {self.distributor_id}"
