"""The words of catalog. Amounts are integer minor units of the SKU's currency; times are aware UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, NewType

CategoryId = NewType("CategoryId", int)
ProductId = NewType("ProductId", int)
SkuId = NewType("SkuId", int)


class SkuPart(NamedTuple):
    """``quantity`` pieces of one SKU in each bundle (组合商品)."""

    sku_id: SkuId
    quantity: int


class SkuFacts(NamedTuple):
    """What pricing, orders and commission need to know of one SKU.

    ``category_path`` runs from the root category to the product's own. ``commissionable`` is the product's switch: an
    order line of a product that is switched off pays no commission. ``tax_bp`` is the tax contained in the price.
    ``parts`` is what a bundle consists of; empty for everything that is stocked itself.
    """

    sku_id: SkuId
    product_id: ProductId
    category_path: tuple[CategoryId, ...]
    tags: tuple[str, ...]
    supplier_id: int | None
    price_minor: int
    cost_minor: int
    currency: str
    listed_at: datetime
    on_sale: bool = True
    commissionable: bool = True
    tax_bp: int = 0
    weight_grams: int = 0
    parts: tuple[SkuPart, ...] = ()


@dataclass(frozen=True, slots=True)
class NewCategory:
    """A category to create. ``code`` is unique per tenant; ``parent_code`` may name one earlier in the same batch."""

    code: str
    name_zh: str
    name_en: str = ""
    parent_id: CategoryId | None = None
    parent_code: str | None = None
    position: int = 0


@dataclass(frozen=True, slots=True)
class NewSku:
    """A SKU to create. ``code`` is the merchant's own article number, unique per tenant."""

    code: str
    price_minor: int
    cost_minor: int = 0
    name: str = ""
    weight_grams: int = 0
    tags: tuple[str, ...] = ()
    supplier_id: int | None = None
    tax_bp: int = 0
    on_sale: bool = True
    listed_at: datetime | None = None
    """Default: now."""


@dataclass(frozen=True, slots=True)
class NewProduct:
    """A product (SPU) with its SKUs. ``code`` is unique per tenant. The currency is the tenant's."""

    code: str
    name_zh: str
    category_id: CategoryId
    skus: tuple[NewSku, ...]
    name_en: str = ""
    description: str = ""
    commissionable: bool = True


@dataclass(frozen=True, slots=True)
class CreatedProduct:
    """What became of one NewProduct, in the order of the batch; ``sku_ids`` in the order of its SKUs."""

    product_id: ProductId
    sku_ids: tuple[SkuId, ...]


@dataclass(frozen=True, slots=True)
class ProductChange:
    """Changes of one product; None leaves a field as it is."""

    product_id: ProductId
    name_zh: str | None = None
    name_en: str | None = None
    description: str | None = None
    category_id: CategoryId | None = None


@dataclass(frozen=True, slots=True)
class SkuChange:
    """Changes of one SKU besides its price; None leaves a field as it is."""

    sku_id: SkuId
    name: str | None = None
    cost_minor: int | None = None
    weight_grams: int | None = None
    tax_bp: int | None = None
    tags: tuple[str, ...] | None = None
    supplier_id: int | None = None


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A new price of one SKU from now on; the old one stays in the dated history."""

    sku_id: SkuId
    price_minor: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PricePeriod:
    """One price and when it held: ``valid_from`` inclusive, ``valid_to`` exclusive or None while it still holds."""

    sku_id: SkuId
    price_minor: int
    valid_from: datetime
    valid_to: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One line of an import file: a SKU with its product and category named by code."""

    category_code: str
    product_code: str
    sku_code: str
    name_zh: str
    price_minor: int
    cost_minor: int = 0
    name_en: str = ""
    sku_name: str = ""
    tags: tuple[str, ...] = ()
    supplier_id: int | None = None
    weight_grams: int = 0
    on_sale: bool = True


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """What became of one import row: ``created``, ``updated`` or ``refused`` (``problem`` says why)."""

    row_number: int
    outcome: str
    sku_id: SkuId | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Category:
    """A category as it is read; ``path`` runs from the root to itself."""

    category_id: CategoryId
    code: str
    name_zh: str
    name_en: str
    parent_id: CategoryId | None
    path: tuple[CategoryId, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Sku:
    """A SKU as it is read."""

    sku_id: SkuId
    product_id: ProductId
    code: str
    name: str
    price_minor: int
    cost_minor: int
    currency: str
    weight_grams: int
    tags: tuple[str, ...]
    supplier_id: int | None
    tax_bp: int
    listed_at: datetime
    on_sale: bool
    parts: tuple[SkuPart, ...] = ()
    """What a bundle consists of; it has no stock of its own."""


@dataclass(frozen=True, slots=True)
class Product:
    """A product as it is read, with all of its SKUs."""

    product_id: ProductId
    code: str
    name_zh: str
    name_en: str
    description: str
    category_id: CategoryId
    category_path: tuple[CategoryId, ...]
    commissionable: bool
    created_at: datetime
    skus: tuple[Sku, ...]
