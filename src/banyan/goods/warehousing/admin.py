"""The back office of warehousing: transfers with their lines, receipts and stock takes, to read."""

from __future__ import annotations

from django.contrib import admin

from banyan.goods.warehousing.models import StockTakeLineRow, StockTakeRow, TransferLineRow, TransferReceiptRow, TransferRow
from banyan.kernel.backoffice import FactsAdmin


@admin.register(TransferRow)
class TransferAdmin(FactsAdmin):
    """From where to where."""

    list_display = ("drafted_at", "source", "destination", "state", "note", "sent_at", "closed_at")
    list_filter = ("state", "source", "destination")
    list_select_related = ("source", "destination")
    ordering = ("-id",)
    fields = ("source", "destination", "state", "note", "drafted_at", "sent_at", "closed_at")


@admin.register(TransferLineRow)
class TransferLineAdmin(FactsAdmin):
    """What is transferred, and what has become of it."""

    list_display = ("transfer", "sku", "lot", "quantity", "received", "lost")
    list_select_related = ("transfer", "sku", "lot")
    search_fields = ("sku__code",)
    ordering = ("-id",)
    fields = ("transfer", "sku", "lot", "quantity", "received", "lost")


@admin.register(TransferReceiptRow)
class TransferReceiptAdmin(FactsAdmin):
    """What came in and what was lost, receipt by receipt."""

    list_display = ("received_at", "line", "received", "lost", "reason")
    list_select_related = ("line",)
    ordering = ("-id",)
    fields = ("received_at", "transfer", "line", "received", "lost", "reason", "key")


@admin.register(StockTakeRow)
class StockTakeAdmin(FactsAdmin):
    """Counts and their approval."""

    list_display = ("opened_at", "warehouse", "state", "covers_all", "note", "decided_at")
    list_filter = ("state", "warehouse")
    list_select_related = ("warehouse",)
    ordering = ("-id",)
    fields = ("warehouse", "state", "covers_all", "note", "opened_at", "decided_at")


@admin.register(StockTakeLineRow)
class StockTakeLineAdmin(FactsAdmin):
    """What was found, and what the books said then."""

    list_display = ("sku", "lot", "counted", "book", "counted_at")
    list_select_related = ("sku", "lot")
    search_fields = ("sku__code",)
    ordering = ("-id",)
    fields = ("stock_take", "sku", "lot", "counted", "book", "counted_at")
