"""Tables of inventory, by what they are about; everybody imports them from here."""

from banyan.goods.inventory.models.alerts import SafetyStockRow, StockAlertRow
from banyan.goods.inventory.models.channels import ChannelStockRow
from banyan.goods.inventory.models.stock import (
    FREE,
    NEARING,
    Lot,
    LotDecision,
    LotRule,
    LotStock,
    Movement,
    Reservation,
    StockLevel,
    Warehouse,
)

__all__ = [
    "FREE",
    "NEARING",
    "ChannelStockRow",
    "Lot",
    "LotDecision",
    "LotRule",
    "LotStock",
    "Movement",
    "Reservation",
    "SafetyStockRow",
    "StockAlertRow",
    "StockLevel",
    "Warehouse",
]
