"""The terms of return as rows."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from banyan.kernel.tenancy.base import Audit, TenantModel
from banyan.trade.returns.types import ExclusionKind, Fault, FreightRule, Mode


class ReturnPolicyRow(TenantModel):
    """The tenant's terms; no row means the defaults of types.ReturnPolicy."""

    audit: ClassVar[Audit] = Audit.ALL

    days_after_receipt = models.PositiveIntegerField(_("days after receipt"))
    freight_rule = models.CharField(_("freight rule"), max_length=40, choices=[(rule.value, rule.value) for rule in FreightRule])
    days_by_tier = models.JSONField(_("days by tier"), default=dict)
    send_back_days = models.PositiveIntegerField(_("days to send goods back"), default=7)
    difference_days = models.PositiveIntegerField(_("days to pay the difference of an exchange"), default=3)
    automatic_tiers = models.JSONField(_("tiers without review"), default=list)
    trusted_below_minor = models.BigIntegerField(_("without review below"), default=0)
    claims_below_minor = models.BigIntegerField(_("amounts without review below"), default=0)
    newcomer_orders = models.PositiveIntegerField(_("orders of a newcomer"), default=3)
    risky_share_bp = models.PositiveIntegerField(_("risky share of returns"), default=5000)
    risky_orders = models.PositiveIntegerField(_("risky from this many orders"), default=4)
    changed_at = models.DateTimeField(_("changed at"))

    class Meta:
        app_label = "returns"
        db_table = "return_policies"
        verbose_name = _("return policy")
        verbose_name_plural = _("return policies")
        constraints = [models.UniqueConstraint(fields=["tenant_id"], name="return_policy_of_tenant")]

    def __str__(self) -> str:
        return self.freight_rule


class ReasonRow(TenantModel):
    """One entry of the tenant's catalogue of reasons; no row at all means types.DEFAULT_REASONS."""

    audit: ClassVar[Audit] = Audit.ALL

    code = models.CharField(_("code"), max_length=40)
    name_zh = models.CharField(_("Chinese name"), max_length=60)
    name_en = models.CharField(_("English name"), max_length=60)
    fault = models.CharField(_("who bears the freight"), max_length=10, choices=[(one.value, one.value) for one in Fault])
    needs_photos = models.BooleanField(_("photos needed"), default=False)
    is_no_reason = models.BooleanField(_("statutory return without a reason"), default=False)
    modes = models.JSONField(_("kinds of return"), default=list)
    position = models.PositiveIntegerField(_("position"), default=0)
    is_active = models.BooleanField(_("offered"), default=True)

    class Meta:
        app_label = "returns"
        db_table = "return_reasons"
        verbose_name = _("reason of return")
        verbose_name_plural = _("reasons of return")
        constraints = [models.UniqueConstraint(fields=["tenant_id", "code"], name="return_reason_once")]

    def __str__(self) -> str:
        return self.code


class ExclusionRow(TenantModel):
    """A category without statutory return, by one of the law's grounds."""

    audit: ClassVar[Audit] = Audit.ALL

    category_id = models.BigIntegerField(_("category"))
    kind = models.CharField(_("ground"), max_length=24, choices=[(one.value, one.value) for one in ExclusionKind])

    class Meta:
        app_label = "returns"
        db_table = "return_exclusions"
        verbose_name = _("category without statutory return")
        verbose_name_plural = _("categories without statutory return")
        constraints = [models.UniqueConstraint(fields=["tenant_id", "category_id"], name="return_exclusion_once")]

    def __str__(self) -> str:
        return self.kind


class AddressRuleRow(TenantModel):
    """Where goods are sent back to, by category, kind of return and the buyer's region."""

    audit: ClassVar[Audit] = Audit.ALL

    name = models.CharField(_("name"), max_length=60)
    phone = models.CharField(_("phone"), max_length=40)
    address = models.CharField(_("address"), max_length=300)
    warehouse_id = models.BigIntegerField(_("warehouse"), null=True)
    category_id = models.BigIntegerField(_("category"), null=True)
    mode = models.CharField(_("mode"), max_length=12, blank=True, choices=[(one.value, one.value) for one in Mode])
    region_code = models.CharField(_("region"), max_length=6, blank=True)
    priority = models.PositiveIntegerField(_("priority"), default=100)

    class Meta:
        app_label = "returns"
        db_table = "return_addresses"
        verbose_name = _("return address")
        verbose_name_plural = _("return addresses")
        indexes = [models.Index(fields=["tenant_id", "priority"], name="return_address_by_priority")]

    def __str__(self) -> str:
        return self.name
