"""Tables of catalog."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from banyan.kernel.tenancy.base import Audit, TenantModel


class Category(TenantModel):
    """A category. ``path`` holds the ids from the root to itself, kept by the commands."""

    audit: ClassVar[Audit] = Audit.ALL

    code = models.CharField(_("code"), max_length=80)
    name_zh = models.CharField(_("Chinese name"), max_length=120)
    name_en = models.CharField(_("English name"), max_length=120, blank=True)
    parent = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("parent category"),
    )
    path = ArrayField(models.BigIntegerField(), verbose_name=_("path"))
    position = models.IntegerField(_("position"), default=0)

    class Meta:
        app_label = "catalog"
        db_table = "catalog_categories"
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "code"], name="one_category_per_code"),
            models.CheckConstraint(condition=Q(path__len__gt=0), name="category_path_not_empty"),
        ]
        indexes = [models.Index(fields=["tenant_id", "parent"], name="categories_by_parent")]

    def __str__(self) -> str:
        return self.name_zh


class Product(TenantModel):
    """A product (SPU): what the shop shows; its SKUs are what it sells."""

    audit: ClassVar[Audit] = Audit.ALL

    code = models.CharField(_("code"), max_length=80)
    name_zh = models.CharField(_("Chinese name"), max_length=200)
    name_en = models.CharField(_("English name"), max_length=200, blank=True)
    description = models.TextField(_("description"), blank=True)
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("category"))
    commissionable = models.BooleanField(_("pays commission"), default=True)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        app_label = "catalog"
        db_table = "catalog_products"
        verbose_name = _("product")
        verbose_name_plural = _("products")
        constraints = [models.UniqueConstraint(fields=["tenant_id", "code"], name="one_product_per_code")]
        indexes = [models.Index(fields=["tenant_id", "category", "id"], name="products_by_category")]

    def __str__(self) -> str:
        return self.name_zh


class Sku(TenantModel):
    """What is priced, stocked and sold. Amounts are minor units of ``currency``, tax included."""

    audit: ClassVar[Audit] = Audit.CHANGES

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="skus", db_index=False, verbose_name=_("product"))
    code = models.CharField(_("code"), max_length=80)
    name = models.CharField(_("name"), max_length=200, blank=True)
    price_minor = models.BigIntegerField(_("price (minor units)"))
    cost_minor = models.BigIntegerField(_("cost (minor units)"), default=0)
    currency = models.CharField(_("currency"), max_length=3)
    weight_grams = models.IntegerField(_("weight (g)"), default=0)
    tax_bp = models.IntegerField(_("contained tax (bp)"), default=0)
    tags = ArrayField(models.TextField(), default=list, verbose_name=_("tags"), blank=True)
    supplier_id = models.BigIntegerField(_("supplier"), null=True, blank=True)
    listed_at = models.DateTimeField(_("listed at"))
    on_sale = models.BooleanField(_("on sale"), default=True)

    class Meta:
        app_label = "catalog"
        db_table = "catalog_skus"
        verbose_name = _("SKU")
        verbose_name_plural = _("SKUs")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "code"], name="one_sku_per_code"),
            models.CheckConstraint(
                condition=Q(price_minor__gte=0, cost_minor__gte=0, weight_grams__gte=0, tax_bp__gte=0, tax_bp__lte=10000),
                name="sku_amounts_not_negative",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "product"], name="skus_by_product"),
            models.Index(fields=["tenant_id", "supplier_id"], condition=Q(supplier_id__isnull=False), name="skus_by_supplier"),
        ]

    def __str__(self) -> str:
        return self.code


class SkuPartRow(TenantModel):
    """What a bundle has in it: so many pieces of one SKU in each. Parts are no bundles; the command sees to it."""

    audit: ClassVar[Audit] = Audit.ALL

    bundle = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("bundle"))
    part = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("part"))
    quantity = models.IntegerField(_("quantity"))

    class Meta:
        app_label = "catalog"
        db_table = "catalog_sku_parts"
        verbose_name = _("part of a bundle")
        verbose_name_plural = _("parts of bundles")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "bundle", "part"], name="one_row_per_bundle_and_part"),
            models.CheckConstraint(condition=Q(quantity__gt=0) & ~Q(bundle=models.F("part")), name="part_of_another_sku"),
        ]
        indexes = [models.Index(fields=["tenant_id", "part"], name="bundles_by_part")]

    def __str__(self) -> str:
        return f"{self.bundle_id} {self.quantity} x {self.part_id}"


class SkuPrice(TenantModel):
    """One period of a SKU's price. The open one (``valid_to`` NULL) equals the SKU's own price."""

    audit: ClassVar[Audit] = Audit.CHANGES

    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("SKU"))
    price_minor = models.BigIntegerField(_("price (minor units)"))
    valid_from = models.DateTimeField(_("valid from"))
    valid_to = models.DateTimeField(_("valid to"), null=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        app_label = "catalog"
        db_table = "catalog_prices"
        verbose_name = _("price period")
        verbose_name_plural = _("price periods")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "sku"], condition=Q(valid_to=None), name="one_open_price_per_sku"),
            models.CheckConstraint(condition=Q(price_minor__gte=0), name="price_not_negative"),
            models.CheckConstraint(
                condition=Q(valid_to=None) | Q(valid_to__gte=models.F("valid_from")), name="price_period_in_order"
            ),
        ]
        indexes = [models.Index(fields=["tenant_id", "sku", "valid_from"], name="prices_by_sku")]

    def __str__(self) -> str:
        return f"{self.sku_id} {self.price_minor}"
