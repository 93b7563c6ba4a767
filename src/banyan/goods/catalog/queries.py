"""Reads of catalog. All run inside ``tenancy.enter``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from banyan.goods.catalog.types import (
    Category,
    CategoryId,
    PricePeriod,
    Product,
    ProductId,
    Sku,
    SkuFacts,
    SkuId,
    SkuPart,
)
from banyan.kernel import sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import NotFound

# OFFSET 0 keeps the look-ups by primary key whatever the statistics say: a shop just imported has none yet.
# What a bundle consists of comes in the same statement: a look into an index per SKU, where the shop has bundles at all.
_FACTS = """
SELECT s.id, s.product_id, c.path, s.tags, s.supplier_id, s.price_minor, s.cost_minor, s.currency, s.listed_at, s.on_sale,
       p.commissionable, s.tax_bp, s.weight_grams,
       CASE WHEN (SELECT EXISTS (SELECT 1 FROM catalog_sku_parts WHERE tenant_id = %s)) THEN
         (SELECT array_agg(ARRAY[b.part_id, b.quantity] ORDER BY b.id) FROM catalog_sku_parts b
          WHERE b.tenant_id = s.tenant_id AND b.bundle_id = s.id) END
FROM catalog_skus s
CROSS JOIN LATERAL (SELECT commissionable, category_id FROM catalog_products WHERE id = s.product_id OFFSET 0) p
CROSS JOIN LATERAL (SELECT path FROM catalog_categories WHERE id = p.category_id OFFSET 0) c
WHERE s.tenant_id = %s AND s.id = ANY({ids})
"""

_PRODUCT_COLUMNS = """
p.id, p.code, p.name_zh, p.name_en, p.description, p.category_id, c.path, p.commissionable, p.created_at
"""
_SKU_COLUMNS = """
id, product_id, code, name, price_minor, cost_minor, currency, weight_grams, tags, supplier_id, tax_bp, listed_at, on_sale,
ARRAY(SELECT ARRAY[b.part_id, b.quantity] FROM catalog_sku_parts b
  WHERE b.tenant_id = catalog_skus.tenant_id AND b.bundle_id = catalog_skus.id ORDER BY b.id)
"""


def sku_facts(sku_ids: Iterable[SkuId]) -> dict[SkuId, SkuFacts]:
    """Everything that pricing, orders and commission need to know of these SKUs, in one query. Unknown ids are left out; of
    a bundle, its parts come along, with a second query for those that were not asked for."""
    wanted = list(set(sku_ids))
    if not wanted:
        return {}
    array, params = sql.few(wanted)
    rows = sql.fetch(_FACTS.format(ids=array), (current_tenant_id(), current_tenant_id(), *params))
    found = {
        row[0]: SkuFacts(
            row[0],
            row[1],
            tuple(row[2]),
            tuple(row[3]),
            row[4],
            row[5],
            row[6],
            row[7],
            row[8],
            row[9],
            row[10],
            row[11],
            row[12],
            tuple(SkuPart(*part) for part in row[13]) if row[13] else (),
        )
        for row in rows
    }
    beside = {part.sku_id for facts in found.values() for part in facts.parts if part.sku_id not in found}
    return {**found, **sku_facts(beside)} if beside else found


def thin_margins(rate_bp: int, count: int = 2_000) -> list[SkuFacts]:
    """SKUs on sale of a known cost whose margin is below `rate_bp` of the price, thinnest first; free goods are left out."""
    rows = sql.fetch(
        "SELECT id FROM catalog_skus WHERE tenant_id = %s AND on_sale AND cost_minor > 0 AND price_minor > 0"
        " AND (price_minor - cost_minor) * 10000 < price_minor * %s::bigint"
        " ORDER BY (price_minor - cost_minor) * 10000 / price_minor, id LIMIT %s",
        (current_tenant_id(), rate_bp, count),
    )
    facts = sku_facts([SkuId(row[0]) for row in rows])
    return [facts[SkuId(row[0])] for row in rows if SkuId(row[0]) in facts]


def known_skus(sku_ids: Iterable[SkuId]) -> set[SkuId]:
    """Those of the ids that are SKUs of this shop."""
    rows = sql.fetch(
        "SELECT id FROM catalog_skus WHERE tenant_id = %s AND id = ANY(%s::bigint[])", (current_tenant_id(), list(set(sku_ids)))
    )
    return {row[0] for row in rows}


def parts_of(sku_ids: Iterable[SkuId]) -> dict[SkuId, tuple[SkuPart, ...]]:
    """What those of these SKUs that are bundles consist of, in the order in which it was set; others are left out."""
    rows = sql.fetch(
        "SELECT bundle_id, part_id, quantity FROM catalog_sku_parts WHERE tenant_id = %s AND bundle_id = ANY(%s::bigint[])"
        " ORDER BY id",
        (current_tenant_id(), list(set(sku_ids))),
    )
    found: dict[SkuId, tuple[SkuPart, ...]] = {}
    for bundle_id, part_id, quantity in rows:
        found[bundle_id] = (*found.get(bundle_id, ()), SkuPart(part_id, quantity))
    return found


def sku_names(sku_ids: Iterable[SkuId]) -> dict[SkuId, tuple[str, str]]:
    """Article number and name (the product's in Chinese, and the kind) of these SKUs: for lists that people pick goods by."""
    rows = sql.fetch(
        "SELECT s.id, s.code, p.name_zh, s.name FROM catalog_skus s"
        " JOIN catalog_products p ON p.tenant_id = s.tenant_id AND p.id = s.product_id"
        " WHERE s.tenant_id = %s AND s.id = ANY(%s::bigint[])",
        (current_tenant_id(), sorted(set(sku_ids))),
    )
    return {SkuId(key): (code, " ".join(part for part in (name, kind) if part)) for key, code, name, kind in rows}


def list_skus_of_supplier(supplier_id: int) -> list[SkuId]:
    """Every SKU that this supplier delivers, newest first."""
    rows = sql.fetch(
        "SELECT id FROM catalog_skus WHERE tenant_id = %s AND supplier_id = %s ORDER BY id DESC",
        (current_tenant_id(), supplier_id),
    )
    return [row[0] for row in rows]


def find_skus_by_codes(codes: Iterable[str]) -> dict[str, SkuId]:
    """The SKUs of these article numbers; unknown ones are left out."""
    return _ids_by_code("catalog_skus", codes)


def find_products_by_codes(codes: Iterable[str]) -> dict[str, ProductId]:
    """The products of these codes; unknown ones are left out."""
    return _ids_by_code("catalog_products", codes)


def find_categories_by_codes(codes: Iterable[str]) -> dict[str, CategoryId]:
    """The categories of these codes; unknown ones are left out."""
    return _ids_by_code("catalog_categories", codes)


def _ids_by_code(table: str, codes: Iterable[str]) -> dict[str, Any]:
    rows = sql.fetch(
        f"SELECT code, id FROM {table} WHERE tenant_id = %s AND code = ANY(%s::text[])", (current_tenant_id(), list(set(codes)))
    )
    return dict(rows)


def list_categories() -> list[Category]:
    """The whole tree, parents before children, siblings by position."""
    rows = sql.fetch(
        "SELECT id, code, name_zh, name_en, parent_id, path, position FROM catalog_categories WHERE tenant_id = %s"
        " ORDER BY cardinality(path), position, id",
        (current_tenant_id(),),
    )
    return [Category(r[0], r[1], r[2], r[3], r[4], tuple(r[5]), r[6]) for r in rows]


def get_product(product_id: ProductId) -> Product:
    """One product with all of its SKUs, on sale or not; raises NotFound."""
    found = _products("p.id = %s", [product_id], 1)
    if not found:
        raise NotFound("No such product.")
    return found[0]


def list_products(
    category_id: CategoryId | None = None,
    text: str = "",
    tag: str | None = None,
    on_sale_only: bool = True,
    before_id: int | None = None,
    limit: int = 50,
) -> list[Product]:
    """Products, newest first, with id < ``before_id``; a category includes its subtree, ``text`` is searched in"
    " names and codes."""
    conditions = ["true"]
    params: list[Any] = []
    if category_id is not None:
        conditions.append("%s = ANY(c.path)")
        params.append(category_id)
    if text:
        like = "%" + text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_") + "%"
        conditions.append("(p.name_zh ILIKE %s OR p.name_en ILIKE %s OR p.code ILIKE %s)")
        params += [like, like, like]
    if tag is not None:
        conditions.append(
            "EXISTS (SELECT 1 FROM catalog_skus s WHERE s.tenant_id = p.tenant_id AND s.product_id = p.id AND %s = ANY(s.tags))"
        )
        params.append(tag)
    if on_sale_only:
        conditions.append(
            "EXISTS (SELECT 1 FROM catalog_skus s WHERE s.tenant_id = p.tenant_id AND s.product_id = p.id AND s.on_sale)"
        )
    if before_id is not None:
        conditions.append("p.id < %s")
        params.append(before_id)
    return _products(" AND ".join(conditions), params, limit)


def _products(condition: str, params: Sequence[Any], limit: int) -> list[Product]:
    tenant_id = current_tenant_id()
    rows = sql.fetch(
        f"SELECT {_PRODUCT_COLUMNS} FROM catalog_products p JOIN catalog_categories c ON c.id = p.category_id"
        f" WHERE p.tenant_id = %s AND {condition} ORDER BY p.id DESC LIMIT %s",
        (tenant_id, *params, limit),
    )
    skus: dict[int, list[Sku]] = {row[0]: [] for row in rows}
    found = sql.fetch(
        f"SELECT {_SKU_COLUMNS} FROM catalog_skus WHERE tenant_id = %s AND product_id = ANY(%s::bigint[]) ORDER BY id",
        (tenant_id, list(skus)),
    )
    for s in found:
        parts = tuple(SkuPart(*part) for part in s[13])
        skus[s[1]].append(Sku(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], tuple(s[8]), s[9], s[10], s[11], s[12], parts))
    return [Product(r[0], r[1], r[2], r[3], r[4], r[5], tuple(r[6]), r[7], r[8], tuple(skus[r[0]])) for r in rows]


def prices_at(sku_ids: Iterable[SkuId], at: datetime) -> dict[SkuId, int]:
    """The prices that held at ``at``, minor units; SKUs without a price then are left out."""
    rows = sql.fetch(
        "SELECT DISTINCT ON (sku_id) sku_id, price_minor FROM catalog_prices WHERE tenant_id = %s AND sku_id = ANY(%s::bigint[])"
        " AND valid_from <= %s AND (valid_to IS NULL OR valid_to > %s) ORDER BY sku_id, valid_from DESC, id DESC",
        (current_tenant_id(), list(set(sku_ids)), at, at),
    )
    return dict(rows)


def list_price_periods(sku_id: SkuId, *, before: datetime | None = None, count: int | None = None) -> list[PricePeriod]:
    """The dated price history of one SKU, newest first: what began before a moment, at most ``count``, if asked."""
    rows = sql.fetch(
        "SELECT sku_id, price_minor, valid_from, valid_to, reason FROM catalog_prices WHERE tenant_id = %s AND sku_id = %s"
        " AND valid_from < coalesce(%s::timestamptz, 'infinity') ORDER BY valid_from DESC, id DESC LIMIT %s::bigint",
        (current_tenant_id(), sku_id, before, count),
    )
    return [PricePeriod(*row) for row in rows]
