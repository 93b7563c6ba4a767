"""Tables of warehousing. What may still come in is guarded by the statement's condition and by these CHECKs."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from banyan.goods.catalog.models import Sku
from banyan.goods.inventory.models import Lot, Warehouse
from banyan.goods.warehousing.types import StockTakeState, TransferState
from banyan.kernel.tenancy.base import Audit, TenantModel


class TransferRow(TenantModel):
    """Goods that go from one warehouse to another."""

    audit: ClassVar[Audit] = Audit.ALL

    source = models.ForeignKey(
        Warehouse, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("from warehouse")
    )
    destination = models.ForeignKey(
        Warehouse, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("to warehouse")
    )
    state = models.CharField(_("state"), max_length=10, choices=[(s.value, s.value) for s in TransferState])
    note = models.CharField(_("note"), max_length=200, blank=True)
    drafted_by = models.BigIntegerField(_("drafted by"))
    drafted_at = models.DateTimeField(_("drafted at"))
    sent_at = models.DateTimeField(_("sent at"), null=True)
    closed_at = models.DateTimeField(_("closed at"), null=True)

    class Meta:
        app_label = "warehousing"
        db_table = "warehousing_transfers"
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        constraints = [
            models.CheckConstraint(condition=~Q(source=F("destination")), name="transfer_goes_elsewhere"),
            models.CheckConstraint(
                condition=Q(state__in=("draft", "cancelled"), sent_at=None)
                | Q(sent_at__isnull=False, state__in=("sent", "receiving"))
                | Q(sent_at__isnull=False, state="closed", closed_at__isnull=False),
                name="transfer_state_has_its_moments",
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["tenant_id", "id"], condition=Q(state__in=("sent", "receiving")), name="transfers_under_way")
        ]

    def __str__(self) -> str:
        return f"{self.source_id} → {self.destination_id}"


class TransferLineRow(TenantModel):
    """Pieces of one SKU, once sent of one lot. ``received`` and ``lost`` are sums of the receipts, checked by replay."""

    audit: ClassVar[Audit] = Audit.NONE

    transfer = models.ForeignKey(
        TransferRow, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("transfer")
    )
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("SKU"))
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="+", db_index=False, null=True, verbose_name=_("lot"))
    quantity = models.BigIntegerField(_("quantity"))
    received = models.BigIntegerField(_("received pieces"), default=0)
    lost = models.BigIntegerField(_("lost pieces"), default=0)

    class Meta:
        app_label = "warehousing"
        db_table = "warehousing_transfer_lines"
        verbose_name = _("transfer line")
        verbose_name_plural = _("transfer lines")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "transfer", "sku", "lot"], nulls_distinct=False, name="one_transfer_line_per_sku_and_lot"
            ),
            models.CheckConstraint(
                condition=Q(quantity__gt=0, received__gte=0, lost__gte=0, quantity__gte=F("received") + F("lost")),
                name="no_more_arrives_than_was_sent",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sku_id} × {self.quantity}"


class TransferReceiptRow(TenantModel):
    """What became of pieces of one line, by one receipt. A fact: never edited. ``key`` is the receipt's, one row per line."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE

    transfer = models.ForeignKey(
        TransferRow, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("transfer")
    )
    line = models.ForeignKey(
        TransferLineRow, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("transfer line")
    )
    received = models.BigIntegerField(_("received pieces"))
    lost = models.BigIntegerField(_("lost pieces"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    key = models.CharField(_("key"), max_length=120)
    received_by = models.BigIntegerField(_("received by"))
    received_at = models.DateTimeField(_("received at"))

    class Meta:
        app_label = "warehousing"
        db_table = "warehousing_transfer_receipts"
        verbose_name = _("transfer receipt")
        verbose_name_plural = _("transfer receipts")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "transfer", "key", "line"], name="one_transfer_receipt_per_key"),
            models.CheckConstraint(
                condition=Q(received__gte=0, lost__gte=0) & ~Q(received=0, lost=0) & (Q(lost=0) | ~Q(reason="")),
                name="transfer_receipt_says_something",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.received} + {self.lost}"


class StockTakeRow(TenantModel):
    """A count in one warehouse."""

    audit: ClassVar[Audit] = Audit.ALL

    warehouse = models.ForeignKey(
        Warehouse, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("warehouse")
    )
    state = models.CharField(_("state"), max_length=10, choices=[(s.value, s.value) for s in StockTakeState])
    covers_all = models.BooleanField(_("covers everything"), default=False)
    note = models.CharField(_("note"), max_length=200, blank=True)
    opened_by = models.BigIntegerField(_("opened by"))
    opened_at = models.DateTimeField(_("opened at"))
    decided_by = models.BigIntegerField(_("decided by"), null=True)
    decided_at = models.DateTimeField(_("decided at"), null=True)

    class Meta:
        app_label = "warehousing"
        db_table = "warehousing_stock_takes"
        verbose_name = _("stock take")
        verbose_name_plural = _("stock takes")
        constraints = [
            models.CheckConstraint(
                condition=Q(state="counting", decided_at=None) | Q(state__in=("approved", "cancelled"), decided_at__isnull=False),
                name="stock_take_state_has_its_moment",
            )
        ]

    def __str__(self) -> str:
        return f"{self.warehouse_id} {self.state}"


class StockTakeLineRow(TenantModel):
    """One thing to count: what was found, and what the books said at that moment."""

    audit: ClassVar[Audit] = Audit.CHANGES

    stock_take = models.ForeignKey(
        StockTakeRow, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("stock take")
    )
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("SKU"))
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="+", db_index=False, null=True, verbose_name=_("lot"))
    counted = models.BigIntegerField(_("counted"), null=True)
    book = models.BigIntegerField(_("by the books"), null=True)
    counted_by = models.BigIntegerField(_("counted by"), null=True)
    counted_at = models.DateTimeField(_("counted at"), null=True)

    class Meta:
        app_label = "warehousing"
        db_table = "warehousing_stock_take_lines"
        verbose_name = _("stock take line")
        verbose_name_plural = _("stock take lines")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "stock_take", "sku", "lot"], nulls_distinct=False, name="one_count_per_sku_and_lot"
            ),
            models.CheckConstraint(
                condition=Q(counted=None, book=None, counted_by=None, counted_at=None)
                | Q(counted__gte=0, book__gte=0, counted_by__isnull=False, counted_at__isnull=False),
                name="a_count_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sku_id}: {self.counted}"
