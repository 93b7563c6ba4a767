"""Stock from receipt to shipment, guarded."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction

from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands, queries
from banyan.goods.inventory.types import (
    Adjustment,
    NewWarehouse,
    Receipt,
    ReservationState,
    ReserveLine,
    ReturnedGoods,
    Shortage,
    StockLevel,
)
from banyan.kernel import clock, sql


def stocked(quantities: list[int]) -> tuple[Any, list[Any]]:
    """A warehouse with one SKU per quantity."""
    skus = make_skus([100] * len(quantities))
    warehouse = commands.open_warehouses([NewWarehouse("main", "主仓")])[0]
    commands.receive_stock([Receipt(warehouse, sku, n) for sku, n in zip(skus, quantities, strict=True) if n])
    return warehouse, skus


def level(sku_id: Any) -> StockLevel:
    return queries.stock_levels([sku_id])[0]


def test_from_receipt_to_shipment_and_back(tenant: Any) -> None:
    with tenant.enter():
        warehouse, (a, b) = stocked([10, 10])
        assert commands.reserve([ReserveLine(1, 11, a, 3), ReserveLine(1, 12, b, 10)]) == {}
        assert level(a) == StockLevel(warehouse, a, 10, 3, 0) and level(a).available == 7
        assert queries.available([a, b]) == {a: 7, b: 0}
        assert commands.allocate([1], clock.now()) == set()
        assert commands.allocate([1, 2], clock.now()) == {2}
        assert level(a) == StockLevel(warehouse, a, 10, 0, 3)
        assert commands.ship([1], clock.now()) == {1}
        assert commands.ship([1], clock.now()) == set()
        assert level(a) == StockLevel(warehouse, a, 7, 0, 0)
        assert commands.release([1]) == 0
        assert commands.restock_returns([ReturnedGoods(1, 11, a, 2, "ret-1")]) == 1
        assert commands.restock_returns([ReturnedGoods(1, 11, a, 2, "ret-1")]) == 0
        assert level(a).on_hand == 9
        assert [m.quantity_change for m in queries.list_movements(a)] == [2, -3, 10]
    assert tenant.verify() == []


def test_all_lines_of_an_order_or_none_and_the_refusal_tells_what_there_is(tenant: Any) -> None:
    with tenant.enter():
        _, (a, b) = stocked([5, 0])
        refused = commands.reserve(
            [ReserveLine(1, 11, a, 2), ReserveLine(1, 12, b, 1), ReserveLine(2, 21, a, 4), ReserveLine(3, 31, a, 2)]
        )
        assert refused == {1: (Shortage(1, b, 1, 0),), 3: (Shortage(3, a, 2, 1),)}
        assert level(a).reserved == 4
        assert list(queries.list_reservations([1, 2, 3])) == [2]
    assert tenant.verify() == []


def test_release_gives_back_reserved_and_allocated(tenant: Any) -> None:
    with tenant.enter():
        _, (a,) = stocked([5])
        commands.reserve([ReserveLine(1, 11, a, 2), ReserveLine(2, 21, a, 3)])
        commands.allocate([2], clock.now())
        assert commands.release([1, 2]) == 2
        assert level(a).available == 5
        assert commands.release([1, 2]) == 0
    assert tenant.verify() == []


def test_reservations_expire(tenant: Any) -> None:
    with tenant.enter():
        _, (a,) = stocked([5])
        now = clock.now()
        commands.reserve([ReserveLine(1, 11, a, 2, now + timedelta(minutes=1)), ReserveLine(2, 21, a, 1)])
        assert commands.expire_due(now) == 0
        assert commands.expire_due(now + timedelta(minutes=2)) == 1
        assert commands.expire_due(now + timedelta(minutes=2)) == 0
        assert level(a).reserved == 1
        assert queries.list_reservations([1])[1][0].state is ReservationState.EXPIRED
        assert commands.allocate([1], now) == {1}
    assert tenant.verify() == []


def test_receipts_with_a_key_count_once(tenant: Any) -> None:
    with tenant.enter():
        warehouse, (a,) = stocked([1])
        receipts = [Receipt(warehouse, a, 5, key="asn-7"), Receipt(warehouse, a, 2)]
        assert commands.receive_stock(receipts) == 2
        assert commands.receive_stock(receipts[:1]) == 0
        assert level(a).on_hand == 8


def test_an_adjustment_cannot_take_promised_pieces(tenant: Any) -> None:
    with tenant.enter():
        warehouse, (a,) = stocked([5])
        commands.reserve([ReserveLine(1, 11, a, 4)])
        with pytest.raises(commands.StockPromised):
            commands.adjust_stock([Adjustment(warehouse, a, -2, "盘亏")])
    with tenant.enter():
        commands.adjust_stock([Adjustment(warehouse, a, -1, "盘亏")])
        assert level(a).available == 0
    assert tenant.verify() == []


def test_unknown_places_are_refused(tenant: Any) -> None:
    with tenant.enter():
        warehouse, (a,) = stocked([5])
        with pytest.raises(commands.UnknownSku):
            commands.receive_stock([Receipt(warehouse, 12345, 1)])  # type: ignore[arg-type]
        with pytest.raises(commands.UnknownWarehouse):
            commands.receive_stock([Receipt(12345, a, 1)])  # type: ignore[arg-type]


def test_the_table_itself_refuses_overselling(tenant: Any) -> None:
    with tenant.enter():
        _, (a,) = stocked([5])
        with pytest.raises(IntegrityError), transaction.atomic():
            sql.execute("UPDATE inventory_stock_levels SET reserved = 4, allocated = 2 WHERE sku_id = %s", (a,))


def test_verify_finds_planted_damage(tenant: Any) -> None:
    with tenant.enter():
        _, (a,) = stocked([5])
        sql.execute("UPDATE inventory_stock_levels SET on_hand = on_hand + 1 WHERE sku_id = %s", (a,))
    findings = tenant.verify()
    assert [f.check for f in findings] == ["inventory.levels"]


def test_an_order_is_split_over_warehouses_by_priority(tenant: Any) -> None:
    with tenant.enter():
        second, (a,) = stocked([3])
        first = commands.open_warehouses([NewWarehouse("near", "近仓", priority=1)])[0]
        commands.receive_stock([Receipt(first, a, 2)])
        commands.reserve([ReserveLine(1, 11, a, 4)])
        assert {(r.warehouse_id, r.quantity) for r in queries.list_reservations([1])[1]} == {(first, 2), (second, 2)}
        commands.set_warehouse_active(first, False)
        assert queries.available([a]) == {a: 1}
    assert tenant.verify() == []


def test_crossing_orders_do_not_deadlock(tenant: Any) -> None:
    """Orders (A, B) and (B, A), with payment and release in between, from eight threads."""
    with tenant.enter():
        _, (a, b) = stocked([10_000, 10_000])
    errors: list[BaseException] = []

    def buy(worker: int, first: Any, second: Any) -> None:
        try:
            for turn in range(15):
                order = worker * 1000 + turn + 1
                with tenant.enter():
                    assert (
                        commands.reserve(
                            [ReserveLine(order, order * 10, first, 1), ReserveLine(order, order * 10 + 1, second, 1)]
                        )
                        == {}
                    )
                with tenant.enter():
                    commands.allocate([order], clock.now())
                    if turn % 3 == 0:
                        commands.release([order])
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=buy, args=(n, *((a, b) if n % 2 else (b, a)))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with tenant.enter():
        assert level(a).allocated == 8 * 10 == level(b).allocated
    assert tenant.verify() == []


def test_another_shop_cannot_reserve_our_stock(tenant: Any, make_shop: Callable[..., Any]) -> None:
    with tenant.enter():
        _, (a,) = stocked([5])
    with make_shop().enter():
        assert commands.reserve([ReserveLine(1, 11, a, 1)]) == {1: (Shortage(1, a, 1, 0),)}
