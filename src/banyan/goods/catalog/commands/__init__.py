"""Writes of catalog; other houses import them from here."""

from banyan.goods.catalog.commands.bundling import BadParts, BundleOverpriced, NestedBundle, set_parts
from banyan.goods.catalog.commands.editing import (
    CategoryCycle,
    CodeTaken,
    UnknownCategory,
    change_prices,
    create_categories,
    create_products,
    move_category,
    set_commissionable,
    set_on_sale,
    update_products,
    update_skus,
)
from banyan.goods.catalog.commands.importing import import_rows

__all__ = [
    "BadParts", "BundleOverpriced", "CategoryCycle", "CodeTaken", "NestedBundle", "UnknownCategory", "change_prices",
    "create_categories", "create_products", "import_rows", "move_category", "set_commissionable", "set_on_sale", "set_parts",
    "update_products", "update_skus",
]  # fmt: skip
