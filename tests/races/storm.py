"""The shop of the storm: one SKU, many buyers. python storm.py found STOCK BUYERS | look, in the environment of a home."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any


@dataclass(frozen=True)
class Shop:
    """Where to buy what as whom."""

    tenant_id: int
    sku_id: int
    sku: str
    tokens: list[str]


@dataclass(frozen=True)
class Left:
    """What the database says when the storm is over."""

    orders: list[str]
    on_hand: int
    reserved: int
    findings: int


def found(stock: int, buyers: int, slug: str) -> Shop:
    """A shop with so many pieces of one SKU, and a token for each buyer."""
    from banyan.goods.catalog import commands as catalog
    from banyan.goods.catalog.types import NewCategory, NewProduct, NewSku
    from banyan.goods.inventory import commands as inventory
    from banyan.goods.inventory.types import NewWarehouse, Receipt
    from banyan.kernel import clock, ids, sql, tenancy
    from banyan.people.identity import commands as identity
    from banyan.people.identity.models import Token
    from banyan.people.identity.types import NewUser, Role

    tenant_id = tenancy.create_tenant(slug, "Storm")
    with tenancy.enter(tenant_id, actor="storm"):
        leaf = catalog.create_categories([NewCategory("c", "类")])[0]
        sku_id = catalog.create_products([NewProduct("p", "物", leaf, (NewSku("s", 100, 50),))])[0].sku_ids[0]
        warehouse = inventory.open_warehouses([NewWarehouse("w", "仓")])[0]
        inventory.receive_stock([Receipt(warehouse, sku_id, stock)])
        began = datetime(2026, 1, 1, tzinfo=UTC)
        people = identity.register_users([NewUser(f"b{n}", None, "某人", None, (Role.CONSUMER,), began) for n in range(buyers)])
        tokens = [f"storm-{slug}-{n}" for n in range(buyers)]
        sql.insert(
            Token,
            ("id", "user_id", "name", "digest", "actor", "scopes", "issued_at", "expires_at"),
            [
                (i, user, "storm", sha256(token.encode()).digest(), ids.public("usr", user), ["orders:write"], clock.now(), None)
                for i, user, token in zip(ids.next_ids(buyers), people, tokens, strict=True)
            ],
        )
    return Shop(int(tenant_id), int(sku_id), ids.public("sku", sku_id), tokens)


def look(shop: Shop) -> Left:
    """The orders that are there, the level, and how many findings the checks of stock and orders have."""
    from banyan.goods.catalog.types import SkuId
    from banyan.goods.inventory import queries as stock
    from banyan.kernel import ids, sql, tenancy, verification

    with tenancy.enter(shop.tenant_id, actor="storm"):
        orders = sql.fetch("SELECT id FROM orders_orders WHERE tenant_id = %s", (shop.tenant_id,))
        (level,) = stock.stock_levels([SkuId(shop.sku_id)])
        ours = {check.name for check in verification.checks() if check.name.startswith(("orders.", "inventory."))}
        findings, _ = verification.run_checks(ours)
    return Left([ids.public("ord", row[0]) for row in orders], level.on_hand, level.reserved, len(findings))


def main() -> None:
    """Run one of both beside a running installation."""
    from banyan.config import runtime

    with runtime.database_ready():
        answer: Any = found(int(sys.argv[2]), int(sys.argv[3]), "storm") if sys.argv[1] == "found" else None
        print(json.dumps(asdict(answer or look(Shop(**json.load(sys.stdin))))))


if __name__ == "__main__":
    main()
