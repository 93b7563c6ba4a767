"""The back office of goods: the tree, products with their SKUs, prices; bulk switches."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from banyan.goods.catalog import commands, queries
from banyan.goods.catalog.models import Category, Product, Sku, SkuPrice
from banyan.goods.catalog.types import ProductId, SkuId
from banyan.kernel import ids
from banyan.kernel.backoffice import FactsAdmin
from banyan.kernel.values.money import format_minor


class FactsInline(TabularInline):  # type: ignore[misc]
    """Rows below a row, to read."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows come from commands."""
        return False


@admin.register(Category)
class CategoryAdmin(FactsAdmin):
    """The tree, by code."""

    list_display = ("code", "name_zh", "name_en", "parent", "depth", "position")
    list_select_related = ("parent",)
    search_fields = ("code", "name_zh", "name_en")
    ordering = ("path",)
    fields = ("code", "name_zh", "name_en", "parent", "position")

    @admin.display(description=_("depth"))
    def depth(self, row: Category) -> int:
        """0 is a root."""
        return len(row.path) - 1


class SkuInline(FactsInline):
    """A product's SKUs."""

    model: Any = Sku
    fields = ("code", "name", "price", "cost", "weight_grams", "on_sale", "listed_at")
    readonly_fields = fields
    show_change_link = True

    @admin.display(description=_("price"))
    def price(self, row: Sku) -> str:
        """With its currency."""
        return format_minor(row.price_minor, row.currency)

    @admin.display(description=_("cost"))
    def cost(self, row: Sku) -> str:
        """With its currency."""
        return format_minor(row.cost_minor, row.currency)


@admin.register(Product)
class ProductAdmin(FactsAdmin):
    """What the shop shows; the switch says whether it pays commission."""

    list_display = ("code", "name_zh", "name_en", "category", "commissionable", "created_at")
    list_filter = ("commissionable", "created_at")
    list_select_related = ("category",)
    search_fields = ("code", "name_zh", "name_en")
    search_help_text = _("code, name or prd_ id")
    ordering = ("-id",)
    inlines = (SkuInline,)
    fields = ("code", "name_zh", "name_en", "category", "description", "commissionable", "created_at")
    actions = ("pay_commission", "pay_no_commission", "put_on_sale", "take_off_sale")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Product], search_term: str
    ) -> tuple[QuerySet[Product], bool]:
        """A public id pasted as it is, else code and names."""
        try:
            return queryset.filter(pk=ids.parse("prd", search_term.strip())), False
        except ids.BadPublicId:
            return super().get_search_results(request, queryset, search_term)  # type: ignore[no-any-return]

    def _picked(self, queryset: QuerySet[Product]) -> list[ProductId]:
        return [ProductId(key) for key in queryset.values_list("pk", flat=True)]

    def _skus(self, queryset: QuerySet[Product]) -> list[SkuId]:
        return [SkuId(key) for key in Sku.objects.filter(product__in=self._picked(queryset)).values_list("pk", flat=True)]

    @admin.action(description=_("Let them pay commission"), permissions=["act"])
    def pay_commission(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        """From the next order on."""
        self.tell(request, lambda: [None] * commands.set_commissionable(self._picked(queryset), True))

    @admin.action(description=_("Let them pay no commission"), permissions=["act"])
    def pay_no_commission(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        """From the next order on."""
        self.tell(request, lambda: [None] * commands.set_commissionable(self._picked(queryset), False))

    @admin.action(description=_("Put on sale"), permissions=["act"])
    def put_on_sale(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        """All of their SKUs."""
        self.tell(request, lambda: [None] * commands.set_on_sale(self._skus(queryset), True))

    @admin.action(description=_("Take off sale"), permissions=["act"])
    def take_off_sale(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        """All of their SKUs."""
        self.tell(request, lambda: [None] * commands.set_on_sale(self._skus(queryset), False))


class PriceInline(FactsInline):
    """A SKU's dated prices, newest first."""

    model: Any = SkuPrice
    fields = ("price_minor", "valid_from", "valid_to", "reason")
    readonly_fields = fields
    ordering = ("-valid_from",)


@admin.register(Sku)
class SkuAdmin(FactsAdmin):
    """What is priced, stocked and sold."""

    list_display = ("code", "name", "product", "price", "cost", "on_sale", "listed_at")
    list_filter = ("on_sale", "listed_at")
    list_select_related = ("product",)
    search_fields = ("code", "name", "product__name_zh")
    ordering = ("-id",)
    inlines = (PriceInline,)
    fields = (
        "product", "code", "name", "price_minor", "cost_minor", "currency", "weight_grams", "tax_bp", "tags",
        "supplier_id", "listed_at",
        "on_sale", "parts",
    )  # fmt: skip
    actions = ("put_on_sale", "take_off_sale")

    @admin.display(description=_("price"), ordering="price_minor")
    def price(self, row: Sku) -> str:
        """With its currency."""
        return format_minor(row.price_minor, row.currency)

    @admin.display(description=_("cost"), ordering="cost_minor")
    def cost(self, row: Sku) -> str:
        """With its currency."""
        return format_minor(row.cost_minor, row.currency)

    @admin.display(description=_("parts"))
    def parts(self, row: Sku) -> str:
        """What a bundle consists of, with the way to the page that sets it; read on the page of one SKU only."""
        found = queries.parts_of([SkuId(row.pk)]).get(SkuId(row.pk), ())
        called = queries.sku_names(part.sku_id for part in found) if found else {}
        text = ", ".join(f"{called[part.sku_id][0]} × {part.quantity}" for part in found) or _("Set parts")
        return format_html('<a href="/console/goods/{}/parts">{}</a>', ids.public("sku", row.pk), text)

    def _picked(self, queryset: QuerySet[Sku]) -> list[SkuId]:
        return [SkuId(key) for key in queryset.values_list("pk", flat=True)]

    @admin.action(description=_("Put on sale"), permissions=["act"])
    def put_on_sale(self, request: HttpRequest, queryset: QuerySet[Sku]) -> None:
        """From now on."""
        self.tell(request, lambda: [None] * commands.set_on_sale(self._picked(queryset), True))

    @admin.action(description=_("Take off sale"), permissions=["act"])
    def take_off_sale(self, request: HttpRequest, queryset: QuerySet[Sku]) -> None:
        """From now on."""
        self.tell(request, lambda: [None] * commands.set_on_sale(self._picked(queryset), False))
