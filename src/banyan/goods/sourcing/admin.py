"""The back office of sourcing: choices and backorders, as they were."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from banyan.goods.sourcing.models import BackorderRow, DecisionRow
from banyan.kernel import ids
from banyan.kernel.backoffice import FactsAdmin


@admin.register(DecisionRow)
class DecisionAdmin(FactsAdmin):
    """Every choice of warehouses."""

    list_display = ("decided_at", "order", "cause", "region_code", "moved_pieces", "is_kept", "gap_bp")
    list_filter = ("cause", "is_kept", "decided_at")
    ordering = ("-id",)
    fields = ("decided_at", "order", "cause", "region_code", "hours", "method", "gap_bp", "moved_pieces", "is_kept")

    @admin.display(description=_("order"))
    def order(self, row: DecisionRow) -> str:
        """Its public id."""
        return ids.public("ord", row.order_id)


@admin.register(BackorderRow)
class BackorderAdmin(FactsAdmin):
    """Everything that ever waited."""

    list_display = ("opened_at", "order", "sku", "quantity", "state", "shortfall", "cause", "ended_at")
    list_filter = ("state", "shortfall", "cause", "opened_at")
    list_select_related = ("sku",)
    search_fields = ("sku__code",)
    ordering = ("-id",)
    fields = list_display

    @admin.display(description=_("order"))
    def order(self, row: BackorderRow) -> str:
        """Its public id."""
        return ids.public("ord", row.order_id)
