"""What periods need: who holds a region, what was sold, and which periods are closed."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from banyan.earnings.commission.models.plans import PlanVersionRow
from banyan.kernel.tenancy import Audit, TenantModel

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
    Before the final one a period has others: what its rewards come to by a midnight, accrued provisionally. All rewards of a
    period are one accrual with `is_closing` and the first one's id; each row's `line_id` is the closing that added it.
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
    first_id = models.BigIntegerField(_("first closing"), null=True)
    """The first closing of the same period; null: this one."""
    is_final = models.BooleanField(_("final"), default=True, db_default=True)

    class Meta:
        app_label = "commission"
        db_table = "commission_closings"
        verbose_name = _("closed period")
        verbose_name_plural = _("closed periods")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "plan_version", "period", "start_at", "currency"],
                name="one_closing_per_version_and_period",
                condition=Q(is_final=True),
            ),
            models.UniqueConstraint(
                fields=["tenant_id", "plan_version", "period", "start_at", "currency", "end_at"], name="one_closing_per_end"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period} {self.start_at:%Y-%m-%d}"


class ReturnedRow(TenantModel):
    """What came back of one line with one return, kept for orders of versions whose periods close. Never changed."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE

    plan_version_id = models.BigIntegerField(_("plan version"))
    order_id = models.BigIntegerField(_("order"))
    line_id = models.BigIntegerField(_("order line"))
    cause_id = models.BigIntegerField(_("cause id"))
    refund_minor = models.BigIntegerField(_("refund"))
    of_minor = models.BigIntegerField(_("of"))
    occurred_at = models.DateTimeField(_("occurred at"))

    class Meta:
        app_label = "commission"
        db_table = "commission_returned_lines"
        verbose_name = _("returned line")
        verbose_name_plural = _("returned lines")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "order_id", "line_id", "cause_id"], name="one_returned_line_per_return")
        ]
        indexes = [models.Index(fields=["tenant_id", "plan_version_id", "occurred_at"], name="commission_returned_by_version")]

    def __str__(self) -> str:
        return f"{self.line_id} {self.refund_minor}"
