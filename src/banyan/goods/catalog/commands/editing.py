"""Writes of catalog. Every function takes a batch and runs inside ``tenancy.enter``; a bad member refuses the whole batch
unless the function says that it answers one outcome per member."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import IntegrityError, transaction

from banyan.goods.catalog import queries
from banyan.goods.catalog.models import Category, Product, Sku, SkuPrice
from banyan.goods.catalog.types import (
    CategoryId,
    CreatedProduct,
    NewCategory,
    NewProduct,
    NewSku,
    PriceChange,
    ProductChange,
    ProductId,
    SkuChange,
    SkuId,
)
from banyan.kernel import clock, ids, sql, tenancy
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import Conflict, Invalid, NotFound

AMOUNT_MAX = 10**12
"""Ten billion yuan in fen: beyond any price, far below a bigint's limit when multiplied by a quantity."""


class CodeTaken(Conflict):
    """The code belongs to another row of the shop."""

    code = "code_taken"
    advice = "Choose another code, or change the existing row."


class UnknownCategory(Invalid):
    """No such category in this shop."""

    code = "unknown_category"
    advice = "List the categories and use one of their ids or codes."


class CategoryCycle(Invalid):
    """A category cannot stand under itself."""

    code = "category_cycle"
    advice = "Choose a parent outside of the category's own subtree."


def create_categories(categories: Sequence[NewCategory]) -> list[CategoryId]:
    """Create categories, parents before children. Raises CodeTaken, UnknownCategory, Invalid; then nothing is created."""
    for new in categories:
        _check_code(new.code)
        _check_text(new.name_zh, 120, "name_zh")
    parent_ids = [new.parent_id for new in categories if new.parent_id is not None]
    by_code: dict[str, CategoryId] = {}
    codes = {new.parent_code for new in categories if new.parent_code is not None}
    if codes:
        by_code = queries.find_categories_by_codes(codes)
    paths = _paths([*parent_ids, *by_code.values()])
    identities = ids.next_ids(len(categories))
    rows = []
    for identity, new in zip(identities, categories, strict=True):
        parent = new.parent_id
        if new.parent_code is not None:
            parent = by_code.get(new.parent_code)
            if parent is None:
                raise UnknownCategory(f"No category has the code {new.parent_code}.", parent_code=new.parent_code)
        if parent is not None and parent not in paths:
            raise UnknownCategory("The parent category does not exist.")
        path = (*paths[parent], identity) if parent is not None else (identity,)
        by_code[new.code], paths[CategoryId(identity)] = CategoryId(identity), path
        rows.append((identity, new.code, new.name_zh, new.name_en, parent, path, new.position))
    _insert_or_taken(Category, ("id", "code", "name_zh", "name_en", "parent_id", "path", "position"), rows)
    return [CategoryId(identity) for identity in identities]


def _paths(category_ids: Sequence[int]) -> dict[CategoryId, tuple[int, ...]]:
    rows = sql.fetch(
        "SELECT id, path FROM catalog_categories WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (current_tenant_id(), list(category_ids)),
    )
    return {row[0]: tuple(row[1]) for row in rows}


def move_category(category_id: CategoryId, new_parent_id: CategoryId | None) -> None:
    """Hang a category with its subtree elsewhere. Raises NotFound, UnknownCategory, CategoryCycle.

    One move at a time per tenant (advisory lock), because two crossing moves could make a cycle that neither sees.
    """
    tenant_id = current_tenant_id()
    sql.execute("SELECT pg_advisory_xact_lock(hashtextextended('catalog.categories', %s))", (tenant_id,))
    paths = _paths([category_id, *([new_parent_id] if new_parent_id is not None else [])])
    if category_id not in paths:
        raise NotFound("No such category.")
    if new_parent_id is not None and new_parent_id not in paths:
        raise UnknownCategory("The new parent does not exist.")
    above = paths[new_parent_id] if new_parent_id is not None else ()
    if category_id in above:
        raise CategoryCycle("The new parent stands under this category.")
    sql.execute(
        "UPDATE catalog_categories SET path = %s::bigint[] || path[array_position(path, %s):],"
        " parent_id = CASE WHEN id = %s THEN %s ELSE parent_id END WHERE tenant_id = %s AND %s = ANY(path)",
        (list(above), category_id, category_id, new_parent_id, tenant_id, category_id),
    )


def create_products(products: Sequence[NewProduct]) -> list[CreatedProduct]:
    """Create products with their SKUs and open their price history. Raises CodeTaken, UnknownCategory, Invalid; then nothing
    is created. The currency of every price is the tenant's."""
    for product in products:
        _check_product(product)
    known = _paths([product.category_id for product in products])
    for product in products:
        if product.category_id not in known:
            raise UnknownCategory("The category does not exist.", product_code=product.code)
    now, currency = clock.now(), tenancy.get_tenant(current_tenant_id()).currency
    product_ids = ids.next_ids(len(products))
    sku_ids = iter(ids.next_ids(sum(len(product.skus) for product in products)))
    created = [
        CreatedProduct(ProductId(identity), tuple(SkuId(next(sku_ids)) for _ in product.skus))
        for identity, product in zip(product_ids, products, strict=True)
    ]
    _insert_or_taken(
        Product,
        ("id", "code", "name_zh", "name_en", "description", "category_id", "commissionable", "created_at"),
        [
            (made.product_id, p.code, p.name_zh, p.name_en, p.description, p.category_id, p.commissionable, now)
            for made, p in zip(created, products, strict=True)
        ],
    )
    pairs = [
        (sku_id, made.product_id, sku)
        for made, product in zip(created, products, strict=True)
        for sku_id, sku in zip(made.sku_ids, product.skus, strict=True)
    ]
    insert_skus(pairs, currency, now)
    return created


def insert_skus(skus: Sequence[tuple[SkuId, ProductId, NewSku]], currency: str, now: datetime) -> None:
    """Write new SKUs of known products with their first price period. Own use of this house and its import."""
    _insert_or_taken(
        Sku,
        (
            "id", "product_id", "code", "name", "price_minor", "cost_minor", "currency", "weight_grams", "tax_bp", "tags",
            "supplier_id", "listed_at", "on_sale",
        ),
        [
            (
                sku_id, product_id, s.code, s.name, s.price_minor, s.cost_minor, currency, s.weight_grams, s.tax_bp, s.tags,
                s.supplier_id, s.listed_at or now, s.on_sale,
            )
            for sku_id, product_id, s in skus
        ],
    )  # fmt: skip
    price_ids = ids.next_ids(len(skus))
    sql.insert(
        SkuPrice,
        ("id", "sku_id", "price_minor", "valid_from", "reason"),
        [
            (price_id, sku_id, s.price_minor, min(now, s.listed_at or now), "created")
            for price_id, (sku_id, _, s) in zip(price_ids, skus, strict=True)
        ],
    )


def update_products(changes: Sequence[ProductChange]) -> int:
    """Change names, descriptions or categories; returns how many products exist of those named. Raises"
    " UnknownCategory, Invalid."""
    for change in changes:
        if change.name_zh is not None:
            _check_text(change.name_zh, 200, "name_zh")
    known = _paths([change.category_id for change in changes if change.category_id is not None])
    for change in changes:
        if change.category_id is not None and change.category_id not in known:
            raise UnknownCategory("The category does not exist.")
    return sql.execute(
        "UPDATE catalog_products p SET name_zh = coalesce(u.name_zh, p.name_zh), name_en = coalesce(u.name_en, p.name_en),"
        " description = coalesce(u.description, p.description), category_id = coalesce(u.category_id, p.category_id)"
        " FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::bigint[])"
        " AS u(id, name_zh, name_en, description, category_id) WHERE p.tenant_id = %s AND p.id = u.id",
        (
            [c.product_id for c in changes],
            [c.name_zh for c in changes],
            [c.name_en for c in changes],
            [c.description for c in changes],
            [c.category_id for c in changes],
            current_tenant_id(),
        ),
    )


def update_skus(changes: Sequence[SkuChange]) -> int:
    """Change names, costs, weights, tags, suppliers; returns how many SKUs exist of those named. Raises Invalid."""
    for change in changes:
        _check_amount(change.cost_minor or 0, "cost_minor")
        _check_small(change.weight_grams or 0, 10**9, "weight_grams")
        _check_small(change.tax_bp or 0, 10_000, "tax_bp")
    return sql.execute(
        "UPDATE catalog_skus s SET name = coalesce(u.name, s.name), cost_minor = coalesce(u.cost_minor, s.cost_minor),"
        " weight_grams = coalesce(u.weight_grams, s.weight_grams), tax_bp = coalesce(u.tax_bp, s.tax_bp),"
        " tags = coalesce(u.tags::text[], s.tags), supplier_id = coalesce(u.supplier_id, s.supplier_id)"
        " FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::int[], %s::int[], %s::text[], %s::bigint[])"
        " AS u(id, name, cost_minor, weight_grams, tax_bp, tags, supplier_id) WHERE s.tenant_id = %s AND s.id = u.id",
        (
            [c.sku_id for c in changes],
            [c.name for c in changes],
            [c.cost_minor for c in changes],
            [c.weight_grams for c in changes],
            [c.tax_bp for c in changes],
            [sql.array_literal(c.tags) for c in changes],
            [c.supplier_id for c in changes],
            current_tenant_id(),
        ),
    )


def change_prices(changes: Sequence[PriceChange]) -> int:
    """Set new prices from now on and close the old periods; returns how many prices really changed.

    Idempotent: the price that holds already is no change. Raises Invalid on a negative or absurd amount or a SKU named twice.
    """
    for change in changes:
        _check_amount(change.price_minor, "price_minor")
    if len({change.sku_id for change in changes}) != len(changes):
        raise Invalid("A SKU is named twice in one batch of prices.", field="sku_id")
    now, tenant_id = clock.now(), current_tenant_id()
    locked = dict(
        sql.fetch(
            "SELECT id, price_minor FROM catalog_skus WHERE tenant_id = %s AND id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE",
            (tenant_id, [change.sku_id for change in changes]),
        )
    )
    real = [c for c in changes if c.sku_id in locked and locked[c.sku_id] != c.price_minor]
    if not real:
        return 0
    sku_ids = [c.sku_id for c in real]
    sql.execute(
        "UPDATE catalog_skus s SET price_minor = u.price_minor FROM unnest(%s::bigint[], %s::bigint[]) AS u(id, price_minor)"
        " WHERE s.tenant_id = %s AND s.id = u.id",
        (sku_ids, [c.price_minor for c in real], tenant_id),
    )
    sql.execute(
        # greatest(): a price listed for the future keeps an empty period instead of one that ends before it begins.
        "UPDATE catalog_prices SET valid_to = greatest(%s, valid_from) WHERE tenant_id = %s AND sku_id = ANY(%s::bigint[])"
        " AND valid_to IS NULL",
        (now, tenant_id, sku_ids),
    )
    price_ids = ids.next_ids(len(real))
    sql.insert(
        SkuPrice,
        ("id", "sku_id", "price_minor", "valid_from", "reason"),
        [(price_id, c.sku_id, c.price_minor, now, c.reason[:200]) for price_id, c in zip(price_ids, real, strict=True)],
    )
    return len(real)


def set_on_sale(sku_ids: Sequence[SkuId], on_sale: bool) -> int:
    """Put SKUs on sale or take them off, in bulk; returns how many really changed."""
    return sql.execute(
        "UPDATE catalog_skus SET on_sale = %s WHERE tenant_id = %s AND id = ANY(%s::bigint[]) AND on_sale <> %s",
        (on_sale, current_tenant_id(), list(sku_ids), on_sale),
    )


def set_commissionable(product_ids: Sequence[ProductId], commissionable: bool) -> int:
    """Let products pay commission or not, in bulk; returns how many really changed. Orders placed before keep their facts."""
    return sql.execute(
        "UPDATE catalog_products SET commissionable = %s WHERE tenant_id = %s AND id = ANY(%s::bigint[]) AND"
        " commissionable <> %s",
        (commissionable, current_tenant_id(), list(product_ids), commissionable),
    )


def _insert_or_taken(model: type, columns: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> None:
    try:
        with transaction.atomic():  # a savepoint, so that the caller's transaction survives the refusal
            sql.insert(model, columns, rows)
    except IntegrityError as error:
        raise CodeTaken("A code of this batch is taken or named twice.") from error


def _check_product(product: NewProduct) -> None:
    _check_code(product.code)
    _check_text(product.name_zh, 200, "name_zh")
    if not product.skus:
        raise Invalid("A product needs at least one SKU.", product_code=product.code)
    for sku in product.skus:
        check_sku(sku)


def check_sku(sku: NewSku) -> None:
    """Raise Invalid when a SKU could not be stored or sold."""
    _check_code(sku.code)
    _check_amount(sku.price_minor, "price_minor")
    _check_amount(sku.cost_minor, "cost_minor")
    _check_small(sku.weight_grams, 10**9, "weight_grams")
    _check_small(sku.tax_bp, 10_000, "tax_bp")
    for tag in sku.tags:
        _check_text(tag, 40, "tags")


def _check_code(code: str) -> None:
    _check_text(code, 80, "code")


def _check_text(text: str, longest: int, field: str) -> None:
    if not text.strip() or len(text) > longest or "\x00" in text:
        raise Invalid(f"{field} must have 1 to {longest} characters.", field=field)


def _check_amount(amount_minor: int, field: str) -> None:
    if not 0 <= amount_minor <= AMOUNT_MAX:
        raise Invalid(f"{field} must lie within 0 and {AMOUNT_MAX} minor units.", field=field)


def _check_small(value: int, most: int, field: str) -> None:
    if not 0 <= value <= most:
        raise Invalid(f"{field} must lie within 0 and {most}.", field=field)
