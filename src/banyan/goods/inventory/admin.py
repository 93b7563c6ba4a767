"""The back office of stock: levels, movements, reservations, warehouses."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from banyan.goods.inventory import commands
from banyan.goods.inventory.models import (
    ChannelStockRow,
    Movement,
    Reservation,
    SafetyStockRow,
    StockAlertRow,
    StockLevel,
    Warehouse,
)
from banyan.goods.inventory.types import WarehouseId
from banyan.kernel import ids
from banyan.kernel.backoffice import FactsAdmin


@admin.register(Warehouse)
class WarehouseAdmin(FactsAdmin):
    """Who serves first."""

    list_display = ("code", "name", "kind", "region_code", "address", "priority", "is_active")
    list_filter = ("kind", "is_active")
    search_fields = ("code", "name", "region_code")
    ordering = ("priority", "id")
    actions = ("open", "close")

    def _set(self, request: HttpRequest, queryset: QuerySet[Warehouse], is_active: bool) -> None:
        def work() -> list[None]:
            for key in queryset.values_list("pk", flat=True):
                commands.set_warehouse_active(WarehouseId(key), is_active)
            return [None] * len(queryset)

        self.tell(request, work)

    @admin.action(description=_("Serve new orders"), permissions=["act"])
    def open(self, request: HttpRequest, queryset: QuerySet[Warehouse]) -> None:
        """From now on."""
        self._set(request, queryset, True)

    @admin.action(description=_("Serve no new orders"), permissions=["act"])
    def close(self, request: HttpRequest, queryset: QuerySet[Warehouse]) -> None:
        """What is promised stays promised."""
        self._set(request, queryset, False)


@admin.register(StockLevel)
class StockLevelAdmin(FactsAdmin):
    """What there is, what is promised, what can be sold."""

    list_display = (
        "sku", "product", "warehouse", "on_hand", "reserved", "allocated", "quarantined", "held", "set_aside", "available",
    )  # fmt: skip
    list_filter = ("warehouse",)
    list_select_related = ("sku__product", "warehouse")
    search_fields = ("sku__code", "sku__product__name_zh")
    ordering = ("-id",)
    fields = ("sku", "warehouse", "on_hand", "reserved", "allocated", "quarantined", "held", "set_aside")

    @admin.display(description=_("product"))
    def product(self, row: StockLevel) -> str:
        """Its name."""
        return str(row.sku.product)

    @admin.display(description=_("available"))
    def available(self, row: StockLevel) -> int:
        """What is on hand less all that is promised, withheld or set aside."""
        return row.on_hand - row.reserved - row.allocated - row.quarantined - row.held - row.set_aside


class OrderSearch(FactsAdmin):
    """Lists that are searched by an order's public id or a SKU's code."""

    search_fields = ("sku__code",)
    search_help_text = _("SKU code or ord_ id")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        """An order's id pasted as it is, else a SKU's code."""
        try:
            return queryset.filter(order_id=ids.parse("ord", search_term.strip())), False
        except ids.BadPublicId:
            return super().get_search_results(request, queryset, search_term)  # type: ignore[no-any-return]

    @admin.display(description=_("order"))
    def order(self, row: Any) -> str:
        """Its public id."""
        return ids.public("ord", row.order_id) if row.order_id else "–"


@admin.register(Movement)
class MovementAdmin(OrderSearch):
    """Every change of the pieces on hand."""

    list_display = ("occurred_at", "sku", "lot", "warehouse", "kind", "quantity_change", "order", "reference")
    list_filter = ("kind", "warehouse", "occurred_at")
    list_select_related = ("sku", "lot", "warehouse")
    ordering = ("-id",)
    fields = ("occurred_at", "sku", "lot", "warehouse", "kind", "quantity_change", "order", "reference", "key")


@admin.register(Reservation)
class ReservationAdmin(OrderSearch):
    """What is held for whom, and what became of it."""

    list_display = ("order", "sku", "warehouse", "quantity", "state", "expires_at", "changed_at")
    list_filter = ("state", "warehouse")
    list_select_related = ("sku", "warehouse")
    ordering = ("-id",)
    fields = ("order", "sku", "warehouse", "quantity", "state", "expires_at", "changed_at")


@admin.register(ChannelStockRow)
class ChannelStockAdmin(FactsAdmin):
    """What is set aside for channels, and what they have taken of it."""

    list_display = ("channel", "sku", "warehouse", "quantity", "taken", "opened_at", "ends_at", "ended_at")
    list_filter = ("warehouse",)
    list_select_related = ("sku", "warehouse")
    search_fields = ("channel", "sku__code")
    ordering = ("-id",)
    fields = ("channel", "sku", "warehouse", "quantity", "taken", "opened_at", "ends_at", "ended_at")


@admin.register(SafetyStockRow)
class SafetyStockAdmin(FactsAdmin):
    """How many pieces the warehouses should have for sale."""

    list_display = ("sku", "warehouse", "quantity")
    list_filter = ("warehouse",)
    list_select_related = ("sku", "warehouse")
    search_fields = ("sku__code",)
    ordering = ("-id",)
    fields = ("sku", "warehouse", "quantity")


@admin.register(StockAlertRow)
class StockAlertAdmin(FactsAdmin):
    """Where too little was left, and what became of it."""

    list_display = ("raised_at", "sku", "warehouse", "kind", "state", "available", "safety", "resolved_at")
    list_filter = ("state", "kind", "warehouse")
    list_select_related = ("sku", "warehouse")
    search_fields = ("sku__code",)
    ordering = ("-id",)
    fields = ("raised_at", "sku", "warehouse", "kind", "state", "available", "safety", "seen_at", "resolved_at")
