"""The tables of commission. Published versions, commissions and reversals are facts: PostgreSQL itself refuses to change them.

Ids of orders, lines, distributors and SKUs are plain numbers, as in the ledger: rows are written by set-based statements in
the transaction that read them, and `banyan verify` compares them with the houses they come from.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from banyan.earnings.commission.types import Cause, CommissionKind, VersionStatus
from banyan.kernel.tenancy import Audit, TenantModel

VERSION_STANDS = "commission_version_stands"
VERSION_UNJUDGED = "commission_version_unjudged"
VERSIONS_OVERLAP = "commission_versions_overlap"

# The way into force is guarded here as well, below every command: a version is born a draft, it becomes published only with a
# legal verdict on exactly the document it holds, and from then on nothing but its end can be written.
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


GUARD_REVERSALS_FUNCTION = """
CREATE OR REPLACE FUNCTION commission_guard_reversals() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  bad bigint;
BEGIN
  SELECT c.id INTO bad
  FROM (SELECT DISTINCT commission_id FROM new_rows) n JOIN commission_commissions c ON c.id = n.commission_id
  WHERE (SELECT sum(r.amount_minor) FROM commission_reversals r WHERE r.tenant_id = c.tenant_id AND r.commission_id = c.id)
        > c.amount_minor
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'commission % would be reversed beyond its amount', bad
      USING ERRCODE = 'check_violation', CONSTRAINT = 'commission_reversed_within_amount';
  END IF;
  RETURN NULL;
END $$
"""


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


class AccrualRow(TenantModel):
    """The decision on one paid order, whose id it bears: one per order, whether it paid anybody or not.

    `inputs` is the frozen snapshot (lines, upline) as compact JSON text; with the plan version and the law's ceiling beside
    it, the whole decision can be computed again. The hold lives here: received, due, released.
    """

    audit: ClassVar[Audit] = Audit.NONE  # only the hold moves; the application can change nothing else
    app_rights: ClassVar[str] = "SELECT, INSERT, UPDATE (received_at, release_after, due_at, released_at)"

    plan_version = models.ForeignKey(
        PlanVersionRow, on_delete=models.PROTECT, related_name="+", db_index=False, null=True, verbose_name=_("plan version")
    )
    paid_at = models.DateTimeField(_("paid at"))
    accrued_at = models.DateTimeField(_("accrued at"))
    currency = models.CharField(_("currency"), max_length=3)
    rule_set = models.CharField(_("rule set"), max_length=80)
    legal_depth = models.SmallIntegerField(_("legal depth"))
    legal_bp = models.IntegerField(_("legal rate (bp)"))
    inputs = models.TextField(_("frozen inputs"))
    total_minor = models.BigIntegerField(_("commission total"))
    hold_days = models.SmallIntegerField(_("holding days"))
    received_at = models.DateTimeField(_("received at"), null=True)
    release_after = models.DateTimeField(_("release after"), null=True)
    due_at = models.DateTimeField(_("due at"), null=True)
    released_at = models.DateTimeField(_("released at"), null=True)
    is_closing = models.BooleanField(_("of a period"), default=False, db_default=False)
    """Whether this is what a period's close paid, not an order's commission; then the id is the closing's."""

    class Meta:
        app_label = "commission"
        db_table = "commission_accruals"
        verbose_name = _("order commission")
        verbose_name_plural = _("order commissions")
        indexes = [
            models.Index(fields=["tenant_id", "paid_at"], name="commission_accruals_paid"),
            models.Index(
                fields=["tenant_id", "due_at", "id"],
                name="commission_accruals_due",
                condition=Q(due_at__isnull=False, released_at__isnull=True),
            ),
            models.Index(
                fields=["tenant_id", "released_at", "id"],
                name="commission_accruals_released",
                condition=Q(released_at__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(total_minor__gte=0), name="commission_accrual_not_negative"),
            models.CheckConstraint(
                condition=Q(released_at__isnull=True) | Q(release_after__isnull=False, released_at__gte=F("release_after")),
                name="commission_released_after_hold",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class CommissionRow(TenantModel):
    """One commission: a line, a payee, a rule, a kind. Never changed; what goes back is a reversal."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE

    order_id = models.BigIntegerField(_("order"))
    line_id = models.BigIntegerField(_("order line"))
    payee_id = models.BigIntegerField(_("payee"))
    rule_key = models.CharField(_("rule"), max_length=40)
    kind = models.CharField(_("kind"), max_length=12, choices=[(each.value, _(each.value)) for each in CommissionKind])
    depth = models.SmallIntegerField(_("depth"))
    base_minor = models.BigIntegerField(_("base"))
    rate_bp = models.IntegerField(_("rate (bp)"))
    amount_minor = models.BigIntegerField(_("amount"))

    class Meta:
        app_label = "commission"
        db_table = "commission_commissions"
        verbose_name = _("commission")
        verbose_name_plural = _("commissions")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "line_id", "payee_id", "rule_key", "kind"], name="one_commission_per_line_payee_rule"
            ),
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0, amount_minor__lte=F("base_minor")), name="commission_within_base"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "order_id"], name="commission_by_order"),
            models.Index(fields=["tenant_id", "payee_id", "id"], name="commission_by_payee"),
        ]

    def __str__(self) -> str:
        return f"{self.rule_key} {self.amount_minor}"


class ReversalRow(TenantModel):
    """What one return took back of one commission, and from where. Never changed."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE
    database_rules: ClassVar[tuple[str, ...]] = (
        GUARD_REVERSALS_FUNCTION,
        "DROP TRIGGER IF EXISTS guard_reversals ON commission_reversals",
        "CREATE TRIGGER guard_reversals AFTER INSERT ON commission_reversals REFERENCING NEW TABLE AS new_rows "
        "FOR EACH STATEMENT EXECUTE FUNCTION commission_guard_reversals()",
    )

    commission = models.ForeignKey(
        CommissionRow, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("commission")
    )
    order_id = models.BigIntegerField(_("order"))
    payee_id = models.BigIntegerField(_("payee"))
    cause = models.CharField(_("cause"), max_length=12, choices=[(each.value, _(each.value)) for each in Cause])
    cause_id = models.BigIntegerField(_("cause id"))
    returned_minor = models.BigIntegerField(_("returned"))
    amount_minor = models.BigIntegerField(_("amount"))
    from_pending_minor = models.BigIntegerField(_("from pending"))
    from_available_minor = models.BigIntegerField(_("from available"))
    from_debt_minor = models.BigIntegerField(_("became debt"))
    lowered_minor = models.BigIntegerField(_("lowered by"), default=0, db_default=0)
    """Of a true-up: by how much the commission itself became less; later returns take their part of the rest."""
    occurred_at = models.DateTimeField(_("occurred at"))

    class Meta:
        app_label = "commission"
        db_table = "commission_reversals"
        verbose_name = _("commission reversal")
        verbose_name_plural = _("commission reversals")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "commission", "cause", "cause_id"], name="one_reversal_per_commission_cause"
            ),
            models.CheckConstraint(
                condition=Q(
                    returned_minor__gte=0,
                    amount_minor__gte=0,
                    from_pending_minor__gte=0,
                    from_available_minor__gte=0,
                    from_debt_minor__gte=0,
                ),
                name="commission_reversal_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(amount_minor=F("from_pending_minor") + F("from_available_minor") + F("from_debt_minor")),
                name="commission_reversal_has_source",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "order_id"], name="commission_reversal_by_order"),
            models.Index(fields=["tenant_id", "payee_id", "id"], name="commission_reversal_by_payee"),
        ]

    def __str__(self) -> str:
        return f"{self.cause} {self.amount_minor}"


NO_TWO_PARTNERS = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'commission_one_partner_per_region') THEN
    ALTER TABLE commission_regional_partners ADD CONSTRAINT commission_one_partner_per_region EXCLUDE USING gist (
      int8range(tenant_id, tenant_id, '[]') WITH &&,
      int8range(('1' || region_code)::bigint, ('1' || region_code)::bigint, '[]') WITH &&,
      tstzrange(valid_from, valid_to) WITH &&
    );
  END IF;
END $$
"""
"""A region has one partner at a time. Numbers are written as ranges so that plain GiST can compare them; the 1 keeps zeros."""


class RegionalPartnerRow(TenantModel):
    """Who holds a region, from when to when. Only the end can be set afterwards."""

    audit: ClassVar[Audit] = Audit.ALL
    app_rights: ClassVar[str] = "SELECT, INSERT, UPDATE (valid_to)"
    database_rules: ClassVar[tuple[str, ...]] = (NO_TWO_PARTNERS,)

    region_code = models.CharField(_("region"), max_length=6)
    distributor_id = models.BigIntegerField(_("distributor"))
    valid_from = models.DateTimeField(_("from"))
    valid_to = models.DateTimeField(_("to"), null=True)

    class Meta:
        app_label = "commission"
        db_table = "commission_regional_partners"
        verbose_name = _("regional partner")
        verbose_name_plural = _("regional partners")
        constraints = [
            models.CheckConstraint(
                condition=Q(region_code__regex=r"^[0-9]{2}([0-9]{2}([0-9]{2})?)?$"), name="commission_region_is_adcode"
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")), name="commission_partner_dates"
            ),
        ]
        indexes = [models.Index(fields=["tenant_id", "region_code", "valid_from"], name="commission_partner_by_region")]

    def __str__(self) -> str:
        return self.region_code


class SalesRow(TenantModel):
    """Sales of one distributor on one day, kept only where a plan asks for figures. A cache of the accruals, with a check."""

    audit: ClassVar[Audit] = Audit.NONE
    app_rights: ClassVar[str] = "SELECT, INSERT, UPDATE, DELETE"

    distributor_id = models.BigIntegerField(_("distributor"))
    day = models.DateField(_("day"))
    personal_minor = models.BigIntegerField(_("personal sales"))
    team_minor = models.BigIntegerField(_("team sales"))

    class Meta:
        app_label = "commission"
        db_table = "commission_sales"
        verbose_name = _("sales of a day")
        verbose_name_plural = _("sales of days")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "distributor_id", "day"], name="one_sales_row_per_day"),
            models.CheckConstraint(condition=Q(personal_minor__gte=0, team_minor__gte=0), name="commission_sales_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.distributor_id} {self.day}"


class ClosingRow(TenantModel):
    """A period closed for one plan version: what its period rules were decided from, frozen. Never changed.

    `inputs`: net sales, returns, weights and figures as compact JSON text; with the version's rules it can be computed again.
    What it paid bears its id: an accrual with `is_closing`, and true-ups of orders (cause `true_up`).
    """

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.ALL

    plan_version = models.ForeignKey(
        PlanVersionRow, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("plan version")
    )
    period = models.CharField(_("period"), max_length=8)
    start_at = models.DateTimeField(_("from"))
    end_at = models.DateTimeField(_("to"))
    closed_at = models.DateTimeField(_("closed at"))
    currency = models.CharField(_("currency"), max_length=3)
    order_count = models.BigIntegerField(_("orders"))
    reward_minor = models.BigIntegerField(_("rewards"))
    raised_minor = models.BigIntegerField(_("raised"))
    lowered_minor = models.BigIntegerField(_("lowered"))
    inputs = models.TextField(_("frozen inputs"))

    class Meta:
        app_label = "commission"
        db_table = "commission_closings"
        verbose_name = _("closed period")
        verbose_name_plural = _("closed periods")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "plan_version", "period", "start_at", "currency"], name="one_closing_per_version_and_period"
            )
        ]

    def __str__(self) -> str:
        return f"{self.period} {self.start_at:%Y-%m-%d}"
