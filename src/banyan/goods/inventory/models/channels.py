"""The table of channel stock."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from banyan.goods.catalog.models import Sku
from banyan.goods.inventory.models.stock import Warehouse
from banyan.kernel.tenancy.base import Audit, TenantModel


class ChannelStockRow(TenantModel):
    """A channel's share of one SKU in one warehouse. ``taken`` is what orders of the channel have, checked by replay."""

    audit: ClassVar[Audit] = Audit.NONE
    database_rules: ClassVar[tuple[str, ...]] = (
        "ALTER TABLE inventory_channel_stocks SET (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05)",
    )

    channel = models.CharField(_("channel"), max_length=60)
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("SKU"))
    warehouse = models.ForeignKey(
        Warehouse, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("warehouse")
    )
    quantity = models.BigIntegerField(_("set aside"))
    taken = models.BigIntegerField(_("taken"), default=0)
    opened_at = models.DateTimeField(_("opened at"))
    ends_at = models.DateTimeField(_("ends at"), null=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)

    class Meta:
        app_label = "inventory"
        db_table = "inventory_channel_stocks"
        verbose_name = _("channel stock")
        verbose_name_plural = _("channel stock")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "sku", "warehouse", "channel"], condition=Q(ended_at=None), name="one_open_share_per_channel"
            ),
            models.CheckConstraint(
                condition=Q(taken__gte=0, quantity__gte=F("taken")), name="channel_takes_no_more_than_its_share"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "channel"], name="channel_stock_by_channel"),
            models.Index(
                fields=["tenant_id", "ends_at"], condition=Q(ended_at=None, ends_at__isnull=False), name="channel_stock_to_end"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel}: {self.sku_id}"
