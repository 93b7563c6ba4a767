"""Writes of inventory; other houses import them from here."""

from banyan.goods.inventory.commands.alerting import (
    UnknownAlert,
    clear_safety_stock,
    raise_alerts,
    see_alerts,
    set_safety_stock,
)
from banyan.goods.inventory.commands.arriving import mend_due, receive_stock
from banyan.goods.inventory.commands.channels import end_channels, end_due_channels, set_aside
from banyan.goods.inventory.commands.holding import (
    NotHeld,
    PiecesLost,
    StockMoved,
    allocate,
    expire_due,
    hold,
    lock_holds,
    promise,
    release,
    release_lines,
    reserve,
    ship,
)
from banyan.goods.inventory.commands.lots import LotDiffers
from banyan.goods.inventory.commands.mirroring import check_mirror, hopeless, learn
from banyan.goods.inventory.commands.moving import LotMissing, LotShort
from banyan.goods.inventory.commands.parting import ship_lines
from banyan.goods.inventory.commands.rehousing import move_holds
from banyan.goods.inventory.commands.resettling import resettle
from banyan.goods.inventory.commands.returning import clear_quarantine, quarantine, restock_returns, scrap
from banyan.goods.inventory.commands.shifting import lock_books, move_stock
from banyan.goods.inventory.commands.stocking import (
    BundleHasNoStock,
    CodeTaken,
    StockPromised,
    UnknownSku,
    UnknownWarehouse,
    adjust_stock,
    open_warehouses,
    revise_warehouse,
    set_warehouse_active,
)
from banyan.goods.inventory.commands.tracking import (
    FIRST_LOT,
    LotsOnHand,
    PiecesOnTheWay,
    set_days_of_warning,
    track_lots,
    untrack_lots,
)
from banyan.goods.inventory.commands.withholding import (
    WrongLotState,
    expire_lots,
    hold_lots,
    making_room,
    recall_lots,
    release_lots,
    serve_lost,
    warn_of_expiry,
)
from banyan.goods.inventory.queries import UnknownLot

__all__ = [
    "FIRST_LOT",
    "BundleHasNoStock",
    "CodeTaken",
    "LotDiffers",
    "LotMissing",
    "LotShort",
    "LotsOnHand",
    "NotHeld",
    "PiecesLost",
    "PiecesOnTheWay",
    "StockMoved",
    "StockPromised",
    "UnknownAlert",
    "UnknownLot",
    "UnknownSku",
    "UnknownWarehouse",
    "WrongLotState",
    "adjust_stock",
    "allocate",
    "check_mirror",
    "clear_quarantine",
    "clear_safety_stock",
    "end_channels",
    "end_due_channels",
    "expire_due",
    "expire_lots",
    "hold",
    "hold_lots",
    "hopeless",
    "learn",
    "lock_books",
    "lock_holds",
    "making_room",
    "mend_due",
    "move_holds",
    "move_stock",
    "open_warehouses",
    "promise",
    "quarantine",
    "raise_alerts",
    "recall_lots",
    "receive_stock",
    "release",
    "release_lines",
    "release_lots",
    "reserve",
    "resettle",
    "restock_returns",
    "revise_warehouse",
    "scrap",
    "see_alerts",
    "serve_lost",
    "set_aside",
    "set_days_of_warning",
    "set_safety_stock",
    "set_warehouse_active",
    "ship",
    "ship_lines",
    "track_lots",
    "untrack_lots",
    "warn_of_expiry",
]  # fmt: skip
