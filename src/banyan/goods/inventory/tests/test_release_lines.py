"""Part of what is held for a line goes back on sale before it ships."""

from __future__ import annotations

from typing import Any

import pytest

from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands, queries
from banyan.goods.inventory.types import NewWarehouse, Receipt, ReservationState, ReserveLine, ReturnedGoods
from banyan.kernel import clock


def test_pieces_go_back_over_several_warehouses_and_states(tenant: Any) -> None:
    with tenant.enter():
        (sku,) = make_skus([100])
        first, second = commands.open_warehouses([NewWarehouse("a", "A", 1), NewWarehouse("b", "B", 2)])
        commands.receive_stock([Receipt(first, sku, 3), Receipt(second, sku, 2)])
        commands.reserve([ReserveLine(1, 11, sku, 5)])
        assert commands.release_lines([ReturnedGoods(1, 11, sku, 1, "x")]) == 1
        commands.allocate([1], clock.now())
        assert commands.release_lines([ReturnedGoods(1, 11, sku, 2, "x"), ReturnedGoods(1, 11, sku, 1, "y")]) == 3
        states = [(r.quantity, r.state) for r in queries.list_reservations([1])[1] if r.state is ReservationState.ALLOCATED]
        assert states == [(1, ReservationState.ALLOCATED)]
        assert queries.available([sku]) == {sku: 4}
    assert tenant.verify() == []


def test_what_is_not_held_is_refused(tenant: Any) -> None:
    with tenant.enter():
        (sku,) = make_skus([100])
        (warehouse,) = commands.open_warehouses([NewWarehouse("a", "A")])
        commands.receive_stock([Receipt(warehouse, sku, 3)])
        commands.reserve([ReserveLine(1, 11, sku, 2)])
        with pytest.raises(commands.NotHeld):
            commands.release_lines([ReturnedGoods(1, 11, sku, 3, "x")])
        commands.allocate([1], clock.now())
        commands.ship([1], clock.now())
        with pytest.raises(commands.NotHeld):
            commands.release_lines([ReturnedGoods(1, 11, sku, 1, "x")])
    assert tenant.verify() == []
