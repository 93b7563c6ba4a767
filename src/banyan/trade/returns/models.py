"""The tables of returns. What may still go back is guarded twice: by the statement's condition and by these CHECKs.

Order, line, SKU and user ids are plain bigints: they name rows of houses below, which never delete them.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from banyan.kernel.tenancy.base import Audit, TenantModel
from banyan.trade.returns.types import Fault, FreightRule, Mode, ReturnStatus

REFUNDED_WITHIN_PAID = "returns_order_within_paid"
LINE_WITHIN_SOLD = "returns_line_within_sold"
LINE_WITHIN_PAID = "returns_line_within_paid"


class ReturnPolicyRow(TenantModel):
    """The tenant's terms; no row means the defaults of types.ReturnPolicy."""

    audit: ClassVar[Audit] = Audit.ALL

    days_after_receipt = models.PositiveIntegerField(_("days after receipt"))
    freight_rule = models.CharField(_("freight rule"), max_length=40, choices=[(rule.value, rule.value) for rule in FreightRule])
    changed_at = models.DateTimeField(_("changed at"))

    class Meta:
        app_label = "returns"
        db_table = "return_policies"
        verbose_name = _("return policy")
        verbose_name_plural = _("return policies")
        constraints = [models.UniqueConstraint(fields=["tenant_id"], name="return_policy_of_tenant")]

    def __str__(self) -> str:
        return self.freight_rule


class ReturnableOrderRow(TenantModel):
    """What was paid for an order, and what went back of it. Made with the order's first return; locked before its lines."""

    order_id = models.BigIntegerField(_("order"))
    buyer_id = models.BigIntegerField(_("buyer"))
    currency = models.CharField(_("currency"), max_length=3)
    paid_minor = models.BigIntegerField(_("paid"))
    freight_minor = models.BigIntegerField(_("freight"))
    refunded_minor = models.BigIntegerField(_("refunded"), default=0)
    refunded_freight_minor = models.BigIntegerField(_("freight refunded"), default=0)

    class Meta:
        app_label = "returns"
        db_table = "returnable_orders"
        verbose_name = _("returnable order")
        verbose_name_plural = _("returnable orders")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "order_id"], name="returnable_order_once"),
            models.CheckConstraint(
                condition=Q(refunded_minor__gte=0, refunded_minor__lte=F("paid_minor"))
                & Q(refunded_freight_minor__gte=0, refunded_freight_minor__lte=F("freight_minor"))
                & Q(refunded_freight_minor__lte=F("refunded_minor")),
                name=REFUNDED_WITHIN_PAID,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.refunded_minor}/{self.paid_minor}"


class ReturnableLineRow(TenantModel):
    """One order line: frozen amounts, units claimed by open or accepted returns, units and money that went back."""

    order_id = models.BigIntegerField(_("order"))
    line_id = models.BigIntegerField(_("order line"))
    sku_id = models.BigIntegerField(_("SKU"))
    of_quantity = models.IntegerField(_("sold quantity"))
    of_minor = models.BigIntegerField(_("sold for"))
    claimed_quantity = models.IntegerField(_("claimed quantity"), default=0)
    returned_quantity = models.IntegerField(_("returned quantity"), default=0)
    refunded_minor = models.BigIntegerField(_("refunded"), default=0)

    class Meta:
        app_label = "returns"
        db_table = "returnable_lines"
        verbose_name = _("returnable line")
        verbose_name_plural = _("returnable lines")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "line_id"], name="returnable_line_once"),
            models.CheckConstraint(
                condition=Q(returned_quantity__gte=0)
                & Q(claimed_quantity__gte=F("returned_quantity"))
                & Q(of_quantity__gte=F("claimed_quantity")),
                name=LINE_WITHIN_SOLD,
            ),
            models.CheckConstraint(condition=Q(refunded_minor__gte=0, refunded_minor__lte=F("of_minor")), name=LINE_WITHIN_PAID),
        ]
        indexes = [models.Index(fields=["tenant_id", "order_id"], name="returnable_line_by_order")]

    def __str__(self) -> str:
        return f"{self.returned_quantity}/{self.of_quantity}"


class ReturnRow(TenantModel):
    """One return, from the request to the refund."""

    audit: ClassVar[Audit] = Audit.CHANGES

    order_id = models.BigIntegerField(_("order"))
    buyer_id = models.BigIntegerField(_("buyer"))
    status = models.CharField(_("status"), max_length=13, choices=[(one.value, one.value) for one in ReturnStatus])
    mode = models.CharField(_("mode"), max_length=12, choices=[(one.value, one.value) for one in Mode])
    fault = models.CharField(_("fault"), max_length=10, choices=[(one.value, one.value) for one in Fault])
    goodwill = models.BooleanField(_("goodwill"), default=False)
    reason = models.CharField(_("reason"), max_length=500)
    decision_reason = models.CharField(_("reason of the decision"), max_length=500, blank=True)
    currency = models.CharField(_("currency"), max_length=3)
    refund_minor = models.BigIntegerField(_("refund"), default=0)
    freight_minor = models.BigIntegerField(_("freight in the refund"), default=0)
    refund_attempt = models.PositiveSmallIntegerField(_("refund attempt"), default=1)
    key = models.CharField(_("key"), max_length=120)
    digest = models.BinaryField(max_length=16)
    requested_by = models.BigIntegerField(_("requested by"))
    requested_at = models.DateTimeField(_("requested at"))
    decided_by = models.BigIntegerField(_("decided by"), null=True)
    decided_at = models.DateTimeField(_("decided at"), null=True)
    received_by = models.BigIntegerField(_("received by"), null=True)
    received_at = models.DateTimeField(_("received at"), null=True)
    warehouse_id = models.BigIntegerField(_("warehouse"), null=True)
    accepted_at = models.DateTimeField(_("accepted at"), null=True)
    refunded_at = models.DateTimeField(_("refunded at"), null=True)

    class Meta:
        app_label = "returns"
        db_table = "returns"
        verbose_name = _("return")
        verbose_name_plural = _("returns")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "key"], name="return_once_per_key"),
            models.CheckConstraint(
                condition=Q(freight_minor__gte=0, refund_minor__gte=F("freight_minor")), name="return_refund_holds_freight"
            ),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True, refund_minor=0)
                | Q(status__in=("accepted", "refunded", "refund_failed"), accepted_at__isnull=False),
                name="return_refund_is_accepted",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "order_id"], name="return_by_order"),
            models.Index(fields=["tenant_id", "buyer_id", "id"], name="return_by_buyer"),
            models.Index(fields=["tenant_id", "status", "id"], name="return_by_status"),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.refund_minor}"


class ReturnLineRow(TenantModel):
    """One order line within a return."""

    return_row = models.ForeignKey(
        ReturnRow, on_delete=models.PROTECT, related_name="lines", db_column="return_id", db_index=False, verbose_name=_("return")
    )
    line_id = models.BigIntegerField(_("order line"))
    sku_id = models.BigIntegerField(_("SKU"))
    quantity = models.IntegerField(_("quantity"))
    amount_minor = models.BigIntegerField(_("asked amount"))
    restock_quantity = models.IntegerField(_("restocked"), default=0)
    scrap_quantity = models.IntegerField(_("scrapped"), default=0)
    refund_minor = models.BigIntegerField(_("refund"), default=0)
    of_quantity = models.IntegerField(_("sold quantity"))
    of_minor = models.BigIntegerField(_("sold for"))

    class Meta:
        app_label = "returns"
        db_table = "return_lines"
        verbose_name = _("return line")
        verbose_name_plural = _("return lines")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "return_row", "line_id"], name="return_line_once"),
            models.CheckConstraint(
                condition=Q(quantity__gt=0, amount_minor=0) | Q(quantity=0, amount_minor__gt=0),
                name="return_line_units_or_amount",
            ),
            models.CheckConstraint(
                condition=Q(
                    restock_quantity__gte=0, scrap_quantity__gte=0, quantity__gte=F("restock_quantity") + F("scrap_quantity")
                ),
                name="return_line_inspected_within",
            ),
            models.CheckConstraint(
                condition=Q(refund_minor__gte=0, refund_minor__lte=F("of_minor")), name="return_line_refund_within"
            ),
        ]
        indexes = [models.Index(fields=["tenant_id", "line_id"], name="return_line_by_order_line")]

    def __str__(self) -> str:
        return f"{self.quantity}/{self.of_quantity}"
