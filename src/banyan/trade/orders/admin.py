"""The back office of orders: the list with its steps, an order with its lines and where it goes."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import display

from banyan.kernel import ids
from banyan.kernel.backoffice import FactsAdmin
from banyan.kernel.values.money import format_minor
from banyan.trade.orders import commands, queries
from banyan.trade.orders.models import Order, OrderLine, OrderPolicy, OrderShipment
from banyan.trade.orders.types import OrderId, Refused

STATE_TONES = {
    "placed": "warning", "paid": "info", "partly_shipped": "info", "shipped": "info", "received": "success",
    "closed": "success", "cancelled": "danger", "expired": "danger",
}  # fmt: skip


class LineInline(TabularInline):  # type: ignore[misc]
    """The frozen lines of an order."""

    model: Any = OrderLine
    fields = (
        "position",
        "sku",
        "bundle",
        "quantity",
        "unit_price_minor",
        "discount_minor",
        "payable_minor",
        "tax_minor",
        "commissionable_minor",
    )
    readonly_fields = fields
    ordering = ("position",)
    extra = 0
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the SKUs in the same query."""
        return super().get_queryset(request).select_related("sku")  # type: ignore[no-any-return]

    @admin.display(description=_("from the bundle"))
    def bundle(self, row: OrderLine) -> str:
        """The bundle that the line was ordered in, by its public id."""
        return ids.public("sku", row.bundle_sku_id) if row.bundle_sku_id is not None else "–"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Lines are facts."""
        return False


@admin.register(Order)
class OrderAdmin(FactsAdmin):
    """Orders, newest first, found by number or by public id of order or buyer."""

    list_display = ("number", "state_pill", "buyer", "total", "channel", "placed_at", "paid_at", "shipped_at", "received_at")
    list_filter = ("state", "channel", "placed_at", "paid_at")
    search_fields = ("pk",)
    search_help_text = _("order number, ord_ or usr_ id")
    ordering = ("-id",)
    inlines = (LineInline,)
    actions = ("ship", "receive", "cancel")
    fields = (
        "number", "state", "buyer", "channel", "total", "goods", "discount", "shipping", "tax", "placed_at",
        "expires_at", "paid_at",
        "shipped_at", "received_at", "closed_at", "cancelled_at", "cancel_reason", "recipient", "parcels",
    )  # fmt: skip

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        """Number or public id, each through its index."""
        words = search_term.strip()
        if not words:
            return queryset, False
        for prefix, field in (("ord", "pk"), ("usr", "buyer_id")):
            if words.startswith(f"{prefix}_"):
                try:
                    return queryset.filter(**{field: ids.parse(prefix, words)}), False
                except ids.BadPublicId:
                    return queryset.none(), False
        order_id = queries.find_id_by_number(words)
        return (queryset.filter(pk=order_id) if order_id is not None else queryset.none()), False

    @display(description=_("state"), label=STATE_TONES, ordering="state")  # type: ignore[untyped-decorator]
    def state_pill(self, row: Order) -> tuple[str, Any]:
        """Colored, in words."""
        return row.state, _(row.state)

    @admin.display(description=_("buyer"))
    def buyer(self, row: Order) -> str:
        """The user's public id."""
        return ids.public("usr", row.buyer_id)

    @admin.display(description=_("total"), ordering="total_minor")
    def total(self, row: Order) -> str:
        """What the buyer pays."""
        return format_minor(row.total_minor, row.currency)

    @admin.display(description=_("goods"))
    def goods(self, row: Order) -> str:
        """Before discount and freight."""
        return format_minor(row.gross_minor, row.currency)

    @admin.display(description=_("discount"))
    def discount(self, row: Order) -> str:
        """Spread over the lines."""
        return format_minor(row.discount_minor, row.currency)

    @admin.display(description=_("shipping"))
    def shipping(self, row: Order) -> str:
        """Freight."""
        return format_minor(row.shipping_minor, row.currency)

    @admin.display(description=_("contained tax"))
    def tax(self, row: Order) -> str:
        """Inside the lines' prices."""
        return format_minor(row.tax_minor, row.currency)

    @admin.display(description=_("recipient"))
    def recipient(self, row: Order) -> str:
        """Where it goes, on the order's own page only and masked for everybody: slips and labels hold what packing needs."""
        found = queries.get_recipient(OrderId(row.pk))
        if found is None:
            return "–"
        return " · ".join(filter(None, (found.name, found.phone, found.address)))

    @admin.display(description=_("parcels"))
    def parcels(self, row: Order) -> str:
        """Carrier and tracking number."""
        return ", ".join(f"{p.carrier} {p.tracking_number}".strip() for p in queries.list_shipments(OrderId(row.pk))) or "–"

    def _picked(self, queryset: QuerySet[Order]) -> list[OrderId]:
        return [OrderId(key) for key in queryset.values_list("pk", flat=True)]

    def _step(self, request: HttpRequest, outcomes: Any) -> None:
        self.tell(request, lambda: [o.reason if isinstance(o, Refused) else None for o in outcomes()])

    def has_ship_permission(self, request: HttpRequest) -> bool:
        """Who may send parcels over the API: the warehouse too, which moves orders in no other way."""
        return request.user.has_perm("orders.ship_order")

    @admin.action(description=_("Ship by list"), permissions=["ship"])
    def ship(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        """To the page that asks for carriers and tracking numbers: nothing leaves without them."""
        picked = [("order", ids.public("ord", order_id)) for order_id in self._picked(queryset)]
        return redirect(f"{reverse('console:send')}?{urlencode(picked)}")

    @admin.action(description=_("Confirm receipt"), permissions=["act"])
    def receive(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        """The buyers have their goods."""
        self._step(request, lambda: commands.receive(self._picked(queryset)))

    @admin.action(description=_("Cancel (unpaid orders)"), permissions=["act"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        """The goods are free again."""
        self._step(request, lambda: commands.cancel(self._picked(queryset), "operator"))


@admin.register(OrderShipment)
class OrderShipmentAdmin(FactsAdmin):
    """Parcels by tracking number."""

    list_display = ("shipped_at", "order", "carrier", "tracking_number")
    list_filter = ("shipped_at",)
    list_select_related = ("order",)
    search_fields = ("tracking_number",)
    ordering = ("-id",)
    fields = list_display


@admin.register(OrderPolicy)
class OrderPolicyAdmin(FactsAdmin):
    """The shop's times and freight tariff; changed on the console's settings page or over the API."""

    list_display = (
        "payment_window_seconds",
        "receive_after_days",
        "close_after_days",
        "freight_base_minor",
        "freight_free_from_minor",
    )
