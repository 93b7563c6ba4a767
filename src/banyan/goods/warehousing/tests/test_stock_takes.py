"""Counting while sales go on; approved by somebody else; the difference at the moment of the count is what is written."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import ReserveLine
from banyan.goods.warehousing import commands, queries
from banyan.goods.warehousing.tests.making import BOSS, CLERK, make_lots, make_places
from banyan.goods.warehousing.types import Counted, NewStockTake, StockTakeState
from banyan.kernel import clock, sql
from banyan.kernel.values.errors import Invalid


def test_sales_after_a_count_are_not_counted_as_missing(tenant: Any) -> None:
    with tenant.enter():
        places = make_places([10, 5, 7])
        a, b, c = places.skus
        now = clock.now()
        take = commands.open_stock_take(NewStockTake(places.here), CLERK)
        inventory.reserve([ReserveLine(1, 11, a, 4)])
        inventory.allocate([1], now)
        assert commands.count(take, [Counted(a, 9), Counted(b, 6)], CLERK) == 2
        inventory.ship([1], now)
        assert places.level(places.here, a).on_hand == 6
        with pytest.raises(commands.SameCounter):
            commands.approve_stock_take(take, CLERK, now)
        assert commands.approve_stock_take(take, BOSS, now) == 2
        assert commands.approve_stock_take(take, BOSS, now) == 0
        assert [places.level(places.here, sku).on_hand for sku in (a, b, c)] == [5, 6, 7]
        assert [m.quantity_change for m in stock.list_movements(a) if m.kind == "stock_take"] == [-1]
        (found,) = queries.list_stock_takes()
        assert (found.state, found.line_count, found.counted_count, found.different_count, found.decided_by) == (
            StockTakeState.APPROVED, 3, 2, 2, BOSS,
        )  # fmt: skip
        with pytest.raises(commands.NotCounting):
            commands.count(take, [Counted(a, 9)], CLERK)
        with pytest.raises(commands.NotCounting):
            commands.cancel_stock_take(take, BOSS, now)
    assert tenant.verify() == []


def test_a_later_count_replaces_and_missing_promised_pieces_are_refused(tenant: Any) -> None:
    with tenant.enter():
        places = make_places([5])
        (a,) = places.skus
        inventory.reserve([ReserveLine(1, 11, a, 4)])
        take = commands.open_stock_take(NewStockTake(places.here, [a]), CLERK)
        commands.count(take, [Counted(a, 2)], CLERK)
        with pytest.raises(inventory.StockPromised), transaction.atomic():
            commands.approve_stock_take(take, BOSS, clock.now())
        commands.count(take, [Counted(a, 4)], BOSS)
        with pytest.raises(commands.SameCounter):
            commands.approve_stock_take(take, BOSS, clock.now())
        assert commands.approve_stock_take(take, CLERK, clock.now()) == 1
        assert places.level(places.here, a).available == 0
    assert tenant.verify() == []


def test_found_goods_lots_and_bad_input(tenant: Any) -> None:
    with tenant.enter():
        places = make_places([0, 3])
        a, b = places.skus
        lots = make_lots(places, a, {"L1": 3, "L2": 2})
        take = commands.open_stock_take(NewStockTake(places.there), CLERK)
        commands.count(take, [Counted(b, 2), Counted(a, 1, lots["L1"])], CLERK)  # the books know nothing there
        commands.approve_stock_take(take, BOSS, clock.now())
        assert (places.on_hand(a), places.on_hand(b)) == ((5, 1), (3, 2))
        some = commands.open_stock_take(NewStockTake(places.here, [a]), CLERK)
        assert {line.lot_id for line in queries.list_stock_take_lines(some)} == set(lots.values())
        with pytest.raises(commands.NothingCounted):
            commands.approve_stock_take(some, BOSS, clock.now())
        with pytest.raises(Invalid):
            commands.count(some, [Counted(b, 2)], CLERK)
        with pytest.raises(inventory.LotMissing):
            commands.count(some, [Counted(a, 2)], CLERK)
        with pytest.raises(inventory.UnknownLot):
            commands.count(some, [Counted(a, 2, 12345)], CLERK)  # type: ignore[arg-type]
        with pytest.raises(Invalid):
            commands.count(some, [Counted(a, 1, lots["L1"]), Counted(a, 2, lots["L1"])], CLERK)
        commands.count(some, [Counted(a, 0, lots["L1"])], CLERK)
        commands.approve_stock_take(some, BOSS, clock.now())
        assert {one.lot_id: one.on_hand for one in stock.lot_stock([a]) if one.warehouse_id == places.here and one.on_hand} == {
            lots["L2"]: 2
        }
        given_up = commands.open_stock_take(NewStockTake(places.here), CLERK)
        commands.count(given_up, [Counted(b, 99)], CLERK)
        commands.cancel_stock_take(given_up, CLERK, clock.now())
        assert places.on_hand(b) == (3, 2)
    assert tenant.verify() == []


@pytest.mark.parametrize(
    ("damage", "checks"),
    [
        ("UPDATE warehousing_stock_take_lines SET counted = counted + 1", {"warehousing.stock_takes"}),
        ("UPDATE warehousing_stock_takes SET decided_by = 11", {"warehousing.stock_takes"}),
    ],
)
def test_verify_finds_planted_damage(tenant: Any, damage: str, checks: set[str]) -> None:
    with tenant.enter():
        places = make_places([5])
        take = commands.open_stock_take(NewStockTake(places.here), CLERK)
        commands.count(take, [Counted(places.skus[0], 4)], CLERK)
        commands.approve_stock_take(take, BOSS, clock.now())
    assert tenant.verify() == []
    with tenant.enter():
        sql.execute(damage)
    assert {f.check for f in tenant.verify()} == checks


def test_two_stock_takes_do_not_correct_the_same_books_twice(tenant: Any) -> None:
    with tenant.enter():
        places = make_places([10, 5])
        a, b = places.skus
        first, second = (commands.open_stock_take(NewStockTake(places.here), CLERK) for _ in range(2))
        for take in (first, second):
            commands.count(take, [Counted(a, 9), Counted(b, 5)], CLERK)
        assert commands.approve_stock_take(first, BOSS, clock.now()) == 1
        with pytest.raises(commands.CountedElsewhere), transaction.atomic():
            commands.approve_stock_take(second, BOSS, clock.now())
        assert places.level(places.here, a).on_hand == 9
        commands.count(second, [Counted(a, 8)], CLERK)
        assert commands.approve_stock_take(second, BOSS, clock.now()) == 1
        assert places.level(places.here, a).on_hand == 8
    assert tenant.verify() == []
