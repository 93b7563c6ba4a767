"""What was paid for orders, and what went back of it.

What may still go back is guarded twice: by the statement's condition and by these CHECKs. ids of orders, lines, SKUs and
users are plain bigints: they name rows of houses below, which never delete them.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from banyan.kernel.tenancy.base import TenantModel

REFUNDED_WITHIN_PAID = "returns_order_within_paid"
LINE_WITHIN_SOLD = "returns_line_within_sold"
LINE_WITHIN_PAID = "returns_line_within_paid"


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
    exchanged_quantity = models.IntegerField(_("exchanged quantity"), default=0)
    refunded_minor = models.BigIntegerField(_("refunded"), default=0)
    deducted_minor = models.BigIntegerField(_("kept for damage"), default=0)
    carried_minor = models.BigIntegerField(_("carried on to replacements"), default=0)
    credited_minor = models.BigIntegerField(_("came with an exchange"), default=0)
    credit_used_minor = models.BigIntegerField(_("gone of what came with an exchange"), default=0)

    class Meta:
        app_label = "returns"
        db_table = "returnable_lines"
        verbose_name = _("returnable line")
        verbose_name_plural = _("returnable lines")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "line_id"], name="returnable_line_once"),
            models.CheckConstraint(
                condition=Q(returned_quantity__gte=0, exchanged_quantity__gte=0)
                & Q(claimed_quantity__gte=F("returned_quantity") + F("exchanged_quantity"))
                & Q(of_quantity__gte=F("claimed_quantity")),
                name=LINE_WITHIN_SOLD,
            ),
            models.CheckConstraint(
                condition=Q(refunded_minor__gte=0, deducted_minor__gte=0, carried_minor__gte=0)
                & Q(of_minor__gte=F("refunded_minor") + F("deducted_minor") + F("carried_minor"))
                & Q(credit_used_minor__gte=0, credit_used_minor__lte=F("credited_minor")),
                name=LINE_WITHIN_PAID,
            ),
        ]
        indexes = [models.Index(fields=["tenant_id", "order_id"], name="returnable_line_by_order")]

    def __str__(self) -> str:
        return f"{self.returned_quantity}/{self.of_quantity}"


class CreditRow(TenantModel):
    """Money that an exchange carried on: the replacement's line is worth it, the source line's payment holds it."""

    order_id = models.BigIntegerField(_("replacement order"))
    line_id = models.BigIntegerField(_("replacement line"))
    source_order_id = models.BigIntegerField(_("order that was paid"))
    source_line_id = models.BigIntegerField(_("line that was paid"))
    amount_minor = models.BigIntegerField(_("amount"))
    used_minor = models.BigIntegerField(_("gone of it"), default=0)

    class Meta:
        app_label = "returns"
        db_table = "return_credits"
        verbose_name = _("credit of an exchange")
        verbose_name_plural = _("credits of exchanges")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "line_id", "source_line_id"], name="return_credit_once"),
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0, used_minor__gte=0, used_minor__lte=F("amount_minor")), name="return_credit_within"
            ),
        ]
        indexes = [models.Index(fields=["tenant_id", "source_line_id"], name="return_credit_by_source")]

    def __str__(self) -> str:
        return f"{self.used_minor}/{self.amount_minor}"
