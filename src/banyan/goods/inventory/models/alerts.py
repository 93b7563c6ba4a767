"""Tables of safety stock and its alerts."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from banyan.goods.catalog.models import Sku
from banyan.goods.inventory.models.stock import Warehouse
from banyan.goods.inventory.types import AlertKind, AlertState
from banyan.kernel.tenancy.base import Audit, TenantModel


class SafetyStockRow(TenantModel):
    """How many pieces of a SKU a warehouse should have for sale. No row, no alert."""

    audit: ClassVar[Audit] = Audit.ALL

    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("SKU"))
    warehouse = models.ForeignKey(
        Warehouse, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("warehouse")
    )
    quantity = models.BigIntegerField(_("safety stock"))

    class Meta:
        app_label = "inventory"
        db_table = "inventory_safety_stocks"
        verbose_name = _("safety stock")
        verbose_name_plural = _("safety stock")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "sku", "warehouse"], name="one_safety_stock_per_sku_and_warehouse"),
            models.CheckConstraint(condition=Q(quantity__gte=0), name="safety_stock_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.sku_id}@{self.warehouse_id}: {self.quantity}"


class StockAlertRow(TenantModel):
    """That too few pieces of a SKU can be sold from a warehouse; at most one stands per SKU and warehouse."""

    audit: ClassVar[Audit] = Audit.CHANGES

    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("SKU"))
    warehouse = models.ForeignKey(
        Warehouse, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("warehouse")
    )
    kind = models.CharField(_("kind"), max_length=20, choices=[(k.value, k.value) for k in AlertKind])
    state = models.CharField(_("state"), max_length=10, choices=[(s.value, s.value) for s in AlertState])
    available = models.BigIntegerField(_("available"))
    safety = models.BigIntegerField(_("safety stock"))
    raised_at = models.DateTimeField(_("raised at"))
    seen_by = models.BigIntegerField(_("seen by"), null=True)
    seen_at = models.DateTimeField(_("seen at"), null=True)
    resolved_at = models.DateTimeField(_("resolved at"), null=True)

    class Meta:
        app_label = "inventory"
        db_table = "inventory_stock_alerts"
        verbose_name = _("stock alert")
        verbose_name_plural = _("stock alerts")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "sku", "warehouse"], condition=~Q(state="resolved"), name="one_standing_alert_per_level"
            ),
            models.CheckConstraint(
                condition=Q(state="resolved", resolved_at__isnull=False) | ~Q(state="resolved") & Q(resolved_at=None),
                name="resolved_alert_has_its_moment",
            ),
        ]
        indexes = [models.Index(fields=["tenant_id", "id"], condition=Q(state="open"), name="open_stock_alerts")]

    def __str__(self) -> str:
        return f"{self.kind} {self.sku_id}@{self.warehouse_id}"
