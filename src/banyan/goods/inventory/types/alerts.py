"""Safety stock, and what is told when stock falls below it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, NewType

from banyan.goods.catalog.types import SkuId

from .stock import WarehouseId

StockAlertId = NewType("StockAlertId", int)


class SafetyStock(NamedTuple):
    """Fewer available pieces than ``quantity`` in this warehouse are too few; 0: tell only when nothing is left."""

    warehouse_id: WarehouseId
    sku_id: SkuId
    quantity: int


class AlertKind(StrEnum):
    """Below the safety stock, or nothing left."""

    LOW = "low_stock"
    OUT = "out_of_stock"


class AlertState(StrEnum):
    """open → seen → resolved; open → resolved. Resolved by itself when stock is back, or when it turns from low to out."""

    OPEN = "open"
    SEEN = "seen"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class StockAlert:
    """That too few pieces of a SKU can be sold from a warehouse. ``available`` and ``safety`` as they were when it was raised."""

    alert_id: StockAlertId
    warehouse_id: WarehouseId
    sku_id: SkuId
    kind: AlertKind
    state: AlertState
    available: int
    safety: int
    raised_at: datetime
    seen_by: int | None
    seen_at: datetime | None
    resolved_at: datetime | None
