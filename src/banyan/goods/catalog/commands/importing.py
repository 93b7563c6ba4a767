"""Import files: SKUs named by the merchant's own codes, created or updated, one outcome per row."""

from __future__ import annotations

from collections.abc import Sequence

from banyan.goods.catalog import queries
from banyan.goods.catalog.commands.editing import (
    change_prices,
    check_sku,
    create_products,
    insert_skus,
    update_products,
    update_skus,
)
from banyan.goods.catalog.types import (
    CategoryId,
    ImportOutcome,
    ImportRow,
    NewProduct,
    NewSku,
    PriceChange,
    ProductChange,
    ProductId,
    SkuChange,
    SkuId,
)
from banyan.kernel import clock, ids, tenancy
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import Invalid

ROWS_MAX = 5_000


def import_rows(rows: Sequence[ImportRow]) -> list[ImportOutcome]:
    """Create or update SKUs with their products by code; bad rows are refused alone. Idempotent: the same file again changes
    nothing. Categories must exist. Runs inside ``tenancy.enter``; raises Invalid above 5,000 rows."""
    if len(rows) > ROWS_MAX:
        raise Invalid(f"An import has at most {ROWS_MAX} rows; split the file.", field="rows")
    categories = queries.find_categories_by_codes(row.category_code for row in rows)
    products = queries.find_products_by_codes(row.product_code for row in rows)
    skus = queries.find_skus_by_codes(row.sku_code for row in rows)
    owners = {sku_id: facts.product_id for sku_id, facts in queries.sku_facts(skus.values()).items()}
    outcomes: dict[int, ImportOutcome] = {}
    create: dict[int, ImportRow] = {}
    update: dict[int, ImportRow] = {}
    seen: set[str] = set()
    for number, row in enumerate(rows, 1):
        problem = _problem(row, categories, seen)
        sku_id = skus.get(row.sku_code)
        if not problem and sku_id is not None and owners[sku_id] != products.get(row.product_code):
            problem = "the SKU code belongs to another product"
        if problem:
            outcomes[number] = ImportOutcome(number, "refused", problem=problem)
            continue
        seen.add(row.sku_code)
        (create if sku_id is None else update)[number] = row
    for number, sku_id in _create(create, categories, products).items():
        outcomes[number] = ImportOutcome(number, "created", sku_id)
    _update(list(update.values()), categories, products, skus)
    for number, row in update.items():
        outcomes[number] = ImportOutcome(number, "updated", skus[row.sku_code])
    return [outcomes[number] for number in range(1, len(rows) + 1)]


def _problem(row: ImportRow, categories: dict[str, CategoryId], seen: set[str]) -> str:
    """What is wrong with the row by itself; empty when nothing is."""
    if row.category_code not in categories:
        return "unknown category code"
    if row.sku_code in seen:
        return "the SKU code stands twice in the file"
    if not row.product_code.strip() or len(row.product_code) > 80 or not row.name_zh.strip() or len(row.name_zh) > 200:
        return "product code and Chinese name must have 1 to 80 and 1 to 200 characters"
    try:
        check_sku(_sku(row))
    except Invalid as refusal:
        return refusal.message
    return ""


def _sku(row: ImportRow) -> NewSku:
    return NewSku(
        row.sku_code, row.price_minor, row.cost_minor, row.sku_name, row.weight_grams, row.tags, row.supplier_id, 0, row.on_sale
    )  # fmt: skip


def _create(rows: dict[int, ImportRow], categories: dict[str, CategoryId], products: dict[str, ProductId]) -> dict[int, SkuId]:
    """New SKUs: under products that exist, and under new ones that several rows may share."""
    made: dict[int, SkuId] = {}
    fresh: dict[str, list[int]] = {}
    for number, row in rows.items():
        if row.product_code not in products:
            fresh.setdefault(row.product_code, []).append(number)
    new_products = []
    for code, numbers in fresh.items():
        first = rows[numbers[0]]
        skus = tuple(_sku(rows[number]) for number in numbers)
        new_products.append(NewProduct(code, first.name_zh, categories[first.category_code], skus, first.name_en))
    for numbers, created in zip(fresh.values(), create_products(new_products) if new_products else [], strict=True):
        made.update(zip(numbers, created.sku_ids, strict=True))
    under = [(number, row) for number, row in rows.items() if row.product_code in products]
    if under:
        sku_ids = [SkuId(identity) for identity in ids.next_ids(len(under))]
        pairs = [(sku_id, products[row.product_code], _sku(row)) for sku_id, (_, row) in zip(sku_ids, under, strict=True)]
        insert_skus(pairs, tenancy.get_tenant(current_tenant_id()).currency, clock.now())
        made.update((number, sku_id) for (number, _), sku_id in zip(under, sku_ids, strict=True))
    return made


def _update(
    rows: Sequence[ImportRow], categories: dict[str, CategoryId], products: dict[str, ProductId], skus: dict[str, SkuId]
) -> None:
    if not rows:
        return
    by_product = {row.product_code: row for row in rows}
    update_products(
        [
            ProductChange(products[code], row.name_zh, row.name_en or None, None, categories[row.category_code])
            for code, row in by_product.items()
        ]
    )
    update_skus(
        [
            SkuChange(skus[row.sku_code], row.sku_name or None, row.cost_minor, row.weight_grams, None, row.tags, row.supplier_id)
            for row in rows
        ]
    )
    change_prices([PriceChange(skus[row.sku_code], row.price_minor, "import") for row in rows])
