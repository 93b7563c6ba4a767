"""Catalog over HTTP: everybody browses what is on sale; those with catalog:write manage it and see costs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from banyan.goods.catalog import commands, queries
from banyan.goods.catalog.types import (
    Category,
    CategoryId,
    ImportRow,
    NewCategory,
    NewProduct,
    NewSku,
    PriceChange,
    Product,
    ProductChange,
    ProductId,
    Sku,
    SkuChange,
    SkuId,
    SkuPart,
)
from banyan.kernel.http import ErrorBody, Page, PublicId, endpoint, page_of, principal_of
from banyan.kernel.http.schemas import page_by
from banyan.kernel.values.errors import NotFound

router = Router(tags=["catalog"])
_ERRORS: dict[int, Any] = {400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody, 422: ErrorBody}

CategoryRef = Annotated[int, PublicId("cat")]
ProductRef = Annotated[int, PublicId("prd")]
SkuRef = Annotated[int, PublicId("sku")]
SupplierRef = Annotated[int, PublicId("usr")]
Code = Annotated[str, Field(min_length=1, max_length=80)]
Name = Annotated[str, Field(min_length=1, max_length=120)]
Amount = Annotated[int, Field(ge=0, le=10**12)]
Tags = Annotated[list[Annotated[str, Field(min_length=1, max_length=40)]], Field(max_length=20)]


class CategoryOut(Schema):
    """A category; ``path`` from the root to itself."""

    id: CategoryRef
    code: str
    name_zh: str
    name_en: str
    parent_id: CategoryRef | None
    path: list[CategoryRef]


class CategoryIn(Schema):
    """A category to create."""

    code: Code
    name_zh: Name
    name_en: Annotated[str, Field(max_length=120)] = ""
    parent_id: CategoryRef | None = None
    position: Annotated[int, Field(ge=0, le=10_000)] = 0


class PartBody(Schema):
    """So many pieces of a SKU in each bundle."""

    sku_id: SkuRef
    quantity: Annotated[int, Field(ge=1, le=10_000)]


class PartsBody(Schema):
    """What a bundle consists of; no parts: a plain SKU."""

    parts: Annotated[list[PartBody], Field(max_length=20)]


class SkuOut(Schema):
    """A SKU; ``parts`` is what a bundle consists of. Prices are minor units, tax included.

    Cost and supplier are shown to those who manage the catalog."""

    id: SkuRef
    code: str
    name: str
    price_minor: int
    currency: str
    weight_grams: int
    tags: list[str]
    on_sale: bool
    listed_at: datetime
    parts: list[PartBody] = []
    cost_minor: int | None = None
    supplier_id: SupplierRef | None = None


class ProductOut(Schema):
    """A product with its SKUs."""

    id: ProductRef
    code: str
    name_zh: str
    name_en: str
    description: str
    category_id: CategoryRef
    category_path: list[CategoryRef]
    commissionable: bool
    skus: list[SkuOut]


class SkuIn(Schema):
    """A SKU to create."""

    code: Code
    price_minor: Amount
    cost_minor: Amount = 0
    name: Annotated[str, Field(max_length=200)] = ""
    weight_grams: Annotated[int, Field(ge=0, le=10**9)] = 0
    tax_bp: Annotated[int, Field(ge=0, le=10_000)] = 0
    tags: Tags = []
    supplier_id: SupplierRef | None = None
    on_sale: bool = True


class ProductIn(Schema):
    """A product to create, with at least one SKU."""

    code: Code
    name_zh: Annotated[str, Field(min_length=1, max_length=200)]
    category_id: CategoryRef
    skus: Annotated[list[SkuIn], Field(min_length=1, max_length=200)]
    name_en: Annotated[str, Field(max_length=200)] = ""
    description: Annotated[str, Field(max_length=20_000)] = ""
    commissionable: bool = True


class ProductChangeIn(Schema):
    """What to change; absent stays."""

    name_zh: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    name_en: Annotated[str, Field(max_length=200)] | None = None
    description: Annotated[str, Field(max_length=20_000)] | None = None
    category_id: CategoryRef | None = None


class SkuChangeIn(Schema):
    """What to change besides the price; absent stays."""

    name: Annotated[str, Field(max_length=200)] | None = None
    cost_minor: Amount | None = None
    weight_grams: Annotated[int, Field(ge=0, le=10**9)] | None = None
    tax_bp: Annotated[int, Field(ge=0, le=10_000)] | None = None
    tags: Tags | None = None
    supplier_id: SupplierRef | None = None


class PriceIn(Schema):
    """A new price from now on."""

    sku_id: SkuRef
    price_minor: Amount
    reason: Annotated[str, Field(max_length=200)] = ""


class PricesIn(Schema):
    """Prices to change, each SKU once."""

    prices: Annotated[list[PriceIn], Field(min_length=1, max_length=1000)]


class PricePeriodOut(Schema):
    """A price and when it held; ``valid_to`` null: it still holds."""

    price_minor: int
    valid_from: datetime
    valid_to: datetime | None
    reason: str


class OnSaleIn(Schema):
    """SKUs to put on or off sale."""

    sku_ids: Annotated[list[SkuRef], Field(min_length=1, max_length=1000)]
    on_sale: bool


class CommissionableIn(Schema):
    """Products that shall pay commission or not."""

    product_ids: Annotated[list[ProductRef], Field(min_length=1, max_length=1000)]
    commissionable: bool


class ChangedOut(Schema):
    """How many rows really changed."""

    changed: int


class ImportRowIn(Schema):
    """One line of an import file."""

    category_code: Code
    product_code: Code
    sku_code: Code
    name_zh: Annotated[str, Field(max_length=200)]
    price_minor: int
    cost_minor: int = 0
    name_en: Annotated[str, Field(max_length=200)] = ""
    sku_name: Annotated[str, Field(max_length=200)] = ""
    tags: Tags = []
    supplier_id: SupplierRef | None = None
    weight_grams: int = 0
    on_sale: bool = True


class ImportIn(Schema):
    """Rows to import."""

    rows: Annotated[list[ImportRowIn], Field(min_length=1, max_length=2000)]


class ImportOutcomeOut(Schema):
    """created, updated, or refused with its problem."""

    row_number: int
    outcome: str
    sku_id: SkuRef | None
    problem: str


def _category(category: Category) -> dict[str, Any]:
    return {
        "id": category.category_id, "code": category.code, "name_zh": category.name_zh, "name_en": category.name_en,
        "parent_id": category.parent_id, "path": list(category.path),
    }  # fmt: skip


def _parts(parts: Iterable[SkuPart]) -> list[dict[str, int]]:
    return [{"sku_id": part.sku_id, "quantity": part.quantity} for part in parts]


def _sku(sku: Sku, manages: bool) -> dict[str, Any]:
    shown = {
        "id": sku.sku_id, "code": sku.code, "name": sku.name, "price_minor": sku.price_minor, "currency": sku.currency,
        "weight_grams": sku.weight_grams, "tags": list(sku.tags), "on_sale": sku.on_sale, "listed_at": sku.listed_at,
        "parts": _parts(sku.parts),
    }  # fmt: skip
    return shown | ({"cost_minor": sku.cost_minor, "supplier_id": sku.supplier_id} if manages else {})


def _product(product: Product, manages: bool) -> dict[str, Any]:
    return {
        "id": product.product_id, "code": product.code, "name_zh": product.name_zh, "name_en": product.name_en,
        "description": product.description, "category_id": product.category_id, "category_path": list(product.category_path),
        "commissionable": product.commissionable, "skus": [_sku(sku, manages) for sku in product.skus if manages or sku.on_sale],
    }  # fmt: skip


def _manages(request: HttpRequest) -> bool:
    return "catalog:write" in principal_of(request).scopes


@router.get("/categories", response={200: list[CategoryOut], **_ERRORS})
@endpoint(scope="catalog:read")
def list_categories(request: HttpRequest) -> Any:
    """The whole tree, parents before children."""
    return [_category(category) for category in queries.list_categories()]


@router.post("/categories", response={201: CategoryOut, **_ERRORS})
@endpoint(scope="catalog:write", write=True)
def create_category(request: HttpRequest, body: CategoryIn) -> Any:
    """Create a category."""
    parent = CategoryId(body.parent_id) if body.parent_id is not None else None
    (created,) = commands.create_categories([NewCategory(body.code, body.name_zh, body.name_en, parent, None, body.position)])
    return 201, next(_category(category) for category in queries.list_categories() if category.category_id == created)


@router.get("/products", response={200: Page[ProductOut], **_ERRORS})
@endpoint(scope="catalog:read")
def list_products(
    request: HttpRequest,
    category_id: CategoryRef | None = None,
    text: Annotated[str, Field(max_length=80)] = "",
    tag: Annotated[str, Field(max_length=40)] | None = None,
    off_sale_too: bool = False,
    cursor: str | None = None,
    limit: int = 50,
) -> Any:
    """Products, newest first; a category includes its subtree. What is off sale is shown to those who manage the catalog."""
    manages = _manages(request)

    def read(before_id: int | None, count: int) -> list[Product]:
        category = CategoryId(category_id) if category_id is not None else None
        return queries.list_products(category, text.replace("\x00", ""), tag, not (off_sale_too and manages), before_id, count)

    page = page_of(read, cursor, limit, lambda product: product.product_id)
    return page | {"items": [_product(product, manages) for product in page["items"]]}


@router.post("/products", response={201: ProductOut, **_ERRORS})
@endpoint(scope="catalog:write", write=True)
def create_product(request: HttpRequest, body: ProductIn) -> Any:
    """Create a product with its SKUs."""
    skus = tuple(
        NewSku(s.code, s.price_minor, s.cost_minor, s.name, s.weight_grams, tuple(s.tags), s.supplier_id, s.tax_bp, s.on_sale)
        for s in body.skus
    )
    new = NewProduct(
        body.code, body.name_zh, CategoryId(body.category_id), skus, body.name_en, body.description, body.commissionable
    )  # fmt: skip
    (created,) = commands.create_products([new])
    return 201, _product(queries.get_product(created.product_id), True)


@router.post("/products/commissionable", response={200: ChangedOut, **_ERRORS})
@endpoint(scope="catalog:write", write=True)
def set_commissionable(request: HttpRequest, body: CommissionableIn) -> Any:
    """Let products pay commission or not, in bulk."""
    return {"changed": commands.set_commissionable([ProductId(i) for i in body.product_ids], body.commissionable)}


@router.get("/products/{product_id}", response={200: ProductOut, **_ERRORS})
@endpoint(scope="catalog:read")
def get_product(request: HttpRequest, product_id: ProductRef) -> Any:
    """One product. Off sale altogether, it exists only for those who manage the catalog."""
    product, manages = queries.get_product(ProductId(product_id)), _manages(request)
    if not manages and not any(sku.on_sale for sku in product.skus):
        raise NotFound("No such product.")
    return _product(product, manages)


@router.patch("/products/{product_id}", response={200: ProductOut, **_ERRORS})
@endpoint(scope="catalog:write", write=True)
def change_product(request: HttpRequest, product_id: ProductRef, body: ProductChangeIn) -> Any:
    """Change a product."""
    category = CategoryId(body.category_id) if body.category_id is not None else None
    change = ProductChange(ProductId(product_id), body.name_zh, body.name_en, body.description, category)
    commands.update_products([change])
    return _product(queries.get_product(ProductId(product_id)), True)


@router.post("/skus/prices", response={200: ChangedOut, **_ERRORS})
@endpoint(scope="catalog:write", write=True)
def change_prices(request: HttpRequest, body: PricesIn) -> Any:
    """Set new prices from now on; the old ones stay in the history."""
    return {"changed": commands.change_prices([PriceChange(SkuId(p.sku_id), p.price_minor, p.reason) for p in body.prices])}


@router.post("/skus/on-sale", response={200: ChangedOut, **_ERRORS})
@endpoint(scope="catalog:write", write=True)
def set_on_sale(request: HttpRequest, body: OnSaleIn) -> Any:
    """Put SKUs on or off sale, in bulk."""
    return {"changed": commands.set_on_sale([SkuId(i) for i in body.sku_ids], body.on_sale)}


@router.patch("/skus/{sku_id}", response={200: ChangedOut, **_ERRORS})
@endpoint(scope="catalog:write", write=True)
def change_sku(request: HttpRequest, sku_id: SkuRef, body: SkuChangeIn) -> Any:
    """Change a SKU besides its price."""
    tags = tuple(body.tags) if body.tags is not None else None
    change = SkuChange(SkuId(sku_id), body.name, body.cost_minor, body.weight_grams, body.tax_bp, tags, body.supplier_id)
    if not commands.update_skus([change]):
        raise NotFound("No such SKU.")
    return {"changed": 1}


@router.put("/skus/{sku_id}/parts", response={200: PartsBody, **_ERRORS})
@endpoint(scope="catalog:write", write=True)
def set_parts(request: HttpRequest, sku_id: SkuRef, body: PartsBody) -> Any:
    """Make a SKU a bundle of these parts, or with none a plain SKU again. It is sold from the stock of its parts and costs at
    most what they cost one by one."""
    commands.set_parts(SkuId(sku_id), [SkuPart(SkuId(part.sku_id), part.quantity) for part in body.parts])
    return {"parts": _parts(queries.parts_of([SkuId(sku_id)]).get(SkuId(sku_id), ()))}


@router.get("/skus/{sku_id}/prices", response={200: Page[PricePeriodOut], **_ERRORS})
@endpoint(scope="catalog:write")
def list_prices(
    request: HttpRequest, sku_id: SkuRef, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> Any:
    """The dated prices of a SKU, newest first."""
    page = page_by(
        lambda key, count: queries.list_price_periods(SkuId(sku_id), before=key and key[0], count=count),
        cursor,
        limit,
        lambda period: (period.valid_from,),
        (datetime,),
    )
    if not page["items"] and cursor is None:
        raise NotFound("No such SKU.")
    return page


@router.post("/catalog/import", response={200: list[ImportOutcomeOut], **_ERRORS})
@endpoint(scope="catalog:write", write=True)
def import_rows(request: HttpRequest, body: ImportIn) -> Any:
    """Create or update SKUs by code; every row has its own outcome."""
    rows = [ImportRow(**(row.dict() | {"tags": tuple(row.tags)})) for row in body.rows]
    return [
        {"row_number": o.row_number, "outcome": o.outcome, "sku_id": o.sku_id, "problem": o.problem}
        for o in commands.import_rows(rows)
    ]
