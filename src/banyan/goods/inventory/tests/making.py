"""A shop with one lot-tracked SKU, for the tests of lots."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands, queries
from banyan.goods.inventory.types import LotId, LotRule, NewLot, NewWarehouse, Receipt, ReserveLine, StockLevel, WarehouseId
from banyan.kernel import clock, sql

TODAY = date(2026, 3, 10)
NOON = datetime(2026, 3, 10, 4, tzinfo=UTC)  # in Shanghai


def in_days(days: int) -> date:
    return TODAY + timedelta(days=days)


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    """In every module that imports it, it is noon of this day."""
    with clock.driven(NOON):
        yield


class Shop:
    """One lot-tracked SKU in two warehouses."""

    def __init__(self) -> None:
        (self.sku,) = make_skus([100])
        self.main, self.far = commands.open_warehouses([NewWarehouse("main", "主仓", 1), NewWarehouse("far", "远仓", 2)])
        commands.track_lots([LotRule(self.sku)])

    def receive(self, number: str, pieces: int, days: int | None = None, place: WarehouseId | None = None) -> LotId:
        lot = NewLot(number, None, None if days is None else in_days(days))
        commands.receive_stock([Receipt(place or self.main, self.sku, pieces, lot=lot)])
        return next(one.lot_id for one in queries.list_lots(self.sku) if one.number == number)

    def sell(self, order: int, pieces: int, paid: bool = True) -> None:
        assert commands.reserve([ReserveLine(order, order * 10, self.sku, pieces)]) == {}
        if paid:
            assert commands.allocate([order], clock.now()) == set()

    def level(self, place: WarehouseId | None = None) -> StockLevel:
        return queries.stock_levels([self.sku], place or self.main)[0]

    def stock(self) -> dict[tuple[int, int], tuple[int, int]]:
        """(on hand, quarantined) per lot and warehouse, where there is something."""
        return {(row.lot_id, row.warehouse_id): (row.on_hand, row.quarantined) for row in queries.lot_stock([self.sku])}

    def sent(self, order: int) -> dict[int, int]:
        rows = sql.fetch(
            "SELECT lot_id, -sum(quantity_change)::bigint FROM inventory_movements WHERE order_id = %s GROUP BY lot_id", (order,)
        )
        return dict(rows)


def recorded(kind: Any) -> list[Any]:
    rows = sql.fetch("SELECT payload FROM outbox_events WHERE kind = %s ORDER BY id", (kind.kind,))
    return [row[0] for row in rows]
