"""Two warehouses and what lies in the first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import LotRule, NewLot, NewWarehouse, Receipt, StockLevel

CLERK, BOSS = 11, 12


@dataclass(frozen=True)
class Places:
    """Two warehouses and some SKUs."""

    here: Any
    there: Any
    skus: list[Any]

    def level(self, warehouse: Any, sku: Any) -> StockLevel:
        """The level, or an empty one."""
        found = stock.stock_levels([sku], warehouse)
        return found[0] if found else StockLevel(warehouse, sku, 0, 0, 0)

    def on_hand(self, sku: Any) -> tuple[int, int]:
        """Pieces here and there."""
        return self.level(self.here, sku).on_hand, self.level(self.there, sku).on_hand


def make_places(quantities: list[int]) -> Places:
    """Two warehouses; the first has so many pieces of one SKU each."""
    skus = make_skus([100] * len(quantities))
    here, there = inventory.open_warehouses([NewWarehouse("here", "甲仓", 1), NewWarehouse("there", "乙仓", 2)])
    inventory.receive_stock([Receipt(here, sku, n) for sku, n in zip(skus, quantities, strict=True) if n])
    return Places(here, there, skus)


def make_lots(places: Places, sku: Any, lots: dict[str, int]) -> dict[str, Any]:
    """Track the SKU by lot and receive these; their ids by number."""
    inventory.track_lots([LotRule(sku)])
    inventory.receive_stock(
        [
            Receipt(places.here, sku, pieces, lot=NewLot(number, None, date(2099, 1, day)))
            for day, (number, pieces) in enumerate(lots.items(), start=1)
        ]
    )
    return {number: lot_id for (_, number), lot_id in stock.find_lots((sku, number) for number in lots).items()}
