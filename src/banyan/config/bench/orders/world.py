"""The shop of the bench: people, a published plan, 10,000 SKUs in one warehouse."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from django.db import connections

from banyan.config.bench import accrual
from banyan.goods.catalog import commands as catalog
from banyan.goods.catalog.types import NewCategory, NewProduct, NewSku, SkuId
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory.types import NewWarehouse, Receipt
from banyan.kernel import tenancy
from banyan.people.identity.types import UserId

SKUS = 10_000


@dataclass(frozen=True)
class BenchShop:
    """Buyers, all bound to distributors with three ancestors, and what they can buy."""

    buyers: list[UserId]
    skus: list[SkuId]


def build(tenant_id: int, chance: random.Random) -> BenchShop:
    """Found the shop with the same commands as any shop; gather statistics once, as autovacuum does within a minute."""
    buyers = accrual.found(tenant_id, chance)
    with tenancy.enter(tenant_id, actor="bench"):
        top = catalog.create_categories([NewCategory("bench", "压测")])[0]
        leaf = catalog.create_categories([NewCategory("leaf", "叶", "", top)])[0]
        made = catalog.create_products(
            [NewProduct(f"p{n}", f"p{n}", leaf, (NewSku(f"s{n}", 990 + n, 500, tags=("tag",)),)) for n in range(SKUS)]
        )
        skus = [made_one.sku_ids[0] for made_one in made]
        warehouse = inventory.open_warehouses([NewWarehouse("w", "w")])[0]
        inventory.receive_stock([Receipt(warehouse, sku, 1_000_000_000) for sku in skus])
    gather_statistics()
    return BenchShop(buyers, skus)


def gather_statistics() -> Any:
    """ANALYZE as the owner."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE")
