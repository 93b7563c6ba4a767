"""Goods for tests, made through the commands."""

from __future__ import annotations

from itertools import count

from banyan.goods.catalog import commands
from banyan.goods.catalog.types import CategoryId, NewCategory, NewProduct, NewSku, SkuId

_numbers = count(1)


def make_category(parent_id: CategoryId | None = None) -> CategoryId:
    """A fresh category."""
    return commands.create_categories([NewCategory(f"c{next(_numbers)}", "茶叶", "Tea", parent_id)])[0]


def make_skus(prices_minor: list[int], **facts: object) -> list[SkuId]:
    """One product per price, each with one SKU."""
    category_id = make_category()
    products = []
    for price_minor in prices_minor:
        number = next(_numbers)
        sku = NewSku(f"s{number}", price_minor, **facts)  # type: ignore[arg-type]
        products.append(NewProduct(f"p{number}", f"商品{number}", category_id, (sku,)))
    return [made.sku_ids[0] for made in commands.create_products(products)]
