"""Writes of inventory; other houses import them from here."""

from banyan.goods.inventory.commands.holding import (
    NotHeld,
    StockMoved,
    allocate,
    expire_due,
    hold,
    promise,
    release,
    release_lines,
    reserve,
    ship,
)
from banyan.goods.inventory.commands.parting import ship_lines
from banyan.goods.inventory.commands.stocking import (
    CodeTaken,
    StockPromised,
    UnknownSku,
    UnknownWarehouse,
    adjust_stock,
    open_warehouses,
    receive_stock,
    restock_returns,
    revise_warehouse,
    set_warehouse_active,
)

__all__ = [
    "CodeTaken", "NotHeld", "StockMoved", "StockPromised", "UnknownSku", "UnknownWarehouse", "adjust_stock", "allocate",
    "expire_due", "hold", "open_warehouses", "promise", "receive_stock", "release", "release_lines", "reserve",
    "restock_returns", "revise_warehouse", "set_warehouse_active", "ship", "ship_lines",
]  # fmt: skip
