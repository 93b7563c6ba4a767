"""Safety stock: told once when it is too little, once when nothing is left, and when it is back."""

from __future__ import annotations

from typing import Any

import pytest

from banyan.goods.inventory import commands, queries
from banyan.goods.inventory.tests.test_inventory import stocked
from banyan.goods.inventory.types import AlertKind, AlertState, Receipt, ReserveLine, SafetyStock
from banyan.kernel import clock, sql
from banyan.kernel.values.errors import Invalid


def _events(tenant: Any) -> list[str]:
    return [
        row[0]
        for row in sql.fetch(
            "SELECT kind FROM outbox_events WHERE tenant_id = %s AND kind LIKE 'inventory.stock%%' ORDER BY id", (tenant.id,)
        )
    ]


def test_low_then_out_then_back_each_told_once(tenant: Any) -> None:
    with tenant.enter():
        warehouse, (a, b) = stocked([10, 0])
        assert commands.set_safety_stock([SafetyStock(warehouse, a, 5), SafetyStock(warehouse, b, 0)]) == 2
        assert commands.raise_alerts(clock.now()) == 1  # b has nothing, not even a level
        assert [one.kind for one in queries.list_alerts()] == [AlertKind.OUT]
        commands.reserve([ReserveLine(1, 11, a, 6)])
        assert commands.raise_alerts(clock.now()) == 1
        assert commands.raise_alerts(clock.now()) == 0
        (low, _) = queries.list_alerts()
        assert (low.kind, low.state, low.available, low.safety) == (AlertKind.LOW, AlertState.OPEN, 4, 5)
        assert commands.see_alerts([low.alert_id], 7, clock.now()) == 1
        assert queries.count_open_alerts() == 1
        commands.reserve([ReserveLine(2, 21, a, 4)])
        assert commands.raise_alerts(clock.now()) == 1
        (out, _) = queries.list_alerts(sku_ids=None, kind=None)
        assert (out.kind, out.state) == (AlertKind.OUT, AlertState.OPEN)
        commands.release([1, 2])
        commands.receive_stock([Receipt(warehouse, b, 1)])
        assert commands.raise_alerts(clock.now()) == 2
        assert queries.list_alerts() == [] and queries.count_open_alerts() == 0
        assert [one.state for one in queries.list_alerts(list(AlertState))] == [AlertState.RESOLVED] * 3
        assert _events(tenant) == [
            "inventory.stock_ran_out", "inventory.stock_ran_low", "inventory.stock_ran_out",
            "inventory.stock_came_back", "inventory.stock_came_back",
        ]  # fmt: skip


def test_what_is_watched_no_longer_is_resolved(tenant: Any) -> None:
    with tenant.enter():
        warehouse, (a,) = stocked([1])
        commands.set_safety_stock([SafetyStock(warehouse, a, 5)])
        commands.raise_alerts(clock.now())
        assert commands.clear_safety_stock([(warehouse, a)]) == 1
        assert commands.raise_alerts(clock.now()) == 1
        assert queries.list_alerts() == [] and queries.safety_stock() == []


def test_a_batch_is_bounded_and_bad_input_is_refused(tenant: Any) -> None:
    with tenant.enter():
        warehouse, skus = stocked([1, 1, 1])
        commands.set_safety_stock([SafetyStock(warehouse, sku, 2) for sku in skus])
        assert [commands.raise_alerts(clock.now(), limit=2) for _ in range(3)] == [2, 1, 0]
        with pytest.raises(Invalid):
            commands.set_safety_stock([SafetyStock(warehouse, skus[0], -1)])
        with pytest.raises(commands.UnknownSku):
            commands.set_safety_stock([SafetyStock(warehouse, 12345, 1)])  # type: ignore[arg-type]
        with pytest.raises(commands.UnknownAlert):
            commands.see_alerts([12345], 7, clock.now())  # type: ignore[list-item]
