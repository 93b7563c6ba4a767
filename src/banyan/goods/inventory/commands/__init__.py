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
from banyan.goods.inventory.commands.lots import LotDiffers
from banyan.goods.inventory.commands.moving import LotMissing, LotShort, UnknownLot
from banyan.goods.inventory.commands.parting import ship_lines
from banyan.goods.inventory.commands.returning import clear_quarantine, quarantine, restock_returns, scrap
from banyan.goods.inventory.commands.stocking import (
    CodeTaken,
    StockPromised,
    UnknownSku,
    UnknownWarehouse,
    adjust_stock,
    open_warehouses,
    receive_stock,
    revise_warehouse,
    set_warehouse_active,
)

__all__ = [
    "CodeTaken", "LotDiffers", "LotMissing", "LotShort", "NotHeld", "StockMoved", "StockPromised", "UnknownLot", "UnknownSku",
    "UnknownWarehouse", "adjust_stock", "allocate", "clear_quarantine", "expire_due", "hold", "open_warehouses", "promise",
    "quarantine", "receive_stock", "release", "release_lines", "reserve", "restock_returns", "revise_warehouse", "scrap",
    "set_warehouse_active", "ship", "ship_lines",
]  # fmt: skip
