"""Lots that are held, recalled or past their date: what was promised of them gives way, waits, and is served again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands, queries
from banyan.goods.inventory.commands import arriving, withholding
from banyan.goods.inventory.events import PromiseBroken
from banyan.goods.inventory.tests.making import NOON, Shop, in_days, noon, recorded
from banyan.goods.inventory.types import (
    LotId,
    LotRule,
    LotState,
    LotTurn,
    NewChannelStock,
    NewLot,
    NewWarehouse,
    Pieces,
    Receipt,
    ReserveLine,
    ReturnedGoods,
    StockLevel,
)
from banyan.kernel import clock

__all__ = ["noon"]


def test_a_hold_leaves_what_can_be_promised_and_a_release_brings_it_back(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop()
        first, second = shop.receive("L1", 5, 10), shop.receive("L2", 4, 20)
        shop.receive("L1", 2, 10, shop.far)
        shop.sell(1, 2)
        assert commands.hold_lots([first], "smells odd") == 1
        assert queries.available([shop.sku]) == {shop.sku: 2}
        assert shop.level().held == 5 and shop.level(shop.far).held == 2
        commands.ship([1], clock.now())
        assert shop.sent(1) == {second: 2}
        with pytest.raises(commands.WrongLotState):
            commands.hold_lots([second, first], "again")
        assert queries.get_lot(second).state is LotState.OPEN
        shop.receive("L1", 3, 10)
        assert shop.level().held == 8
        commands.release_lots([first], "laboratory says fine")
        assert queries.available([shop.sku]) == {shop.sku: 12}
        assert [(d.turn, d.reason) for d in queries.lot_decisions(first)] == [
            (LotTurn.RELEASED, "laboratory says fine"), (LotTurn.HELD, "smells odd"),
        ]  # fmt: skip
    assert tenant.verify() == []


def test_a_lot_that_expired_while_held_is_not_for_sale_after_release(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop()
        lot = shop.receive("L1", 5, 2)
        commands.hold_lots([lot], "check")
        with clock.driven(NOON + timedelta(days=2)):
            assert commands.expire_lots(clock.now()) == 0
            commands.release_lots([lot], "fine")
            assert queries.get_lot(lot).state is LotState.EXPIRED
            assert shop.level().available == 0
    assert tenant.verify() == []


def test_expiry_by_the_shops_calendar(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop()
        lot = shop.receive("L1", 5, 1)
        midnight = datetime(2026, 3, 10, 16, tzinfo=UTC)  # 11 March in Shanghai
        shop.sell(1, 1)
        commands.allocate([1], NOON)
        assert commands.expire_lots(midnight - timedelta(seconds=1)) == 0
    with pytest.raises(commands.LotShort), tenant.enter():
        commands.ship([1], midnight)
    with tenant.enter():
        assert commands.expire_lots(midnight) == 1
        assert commands.expire_lots(midnight) == 0
        assert queries.get_lot(lot).state is LotState.EXPIRED
        with pytest.raises(commands.PiecesLost):
            commands.ship([1], midnight)
    assert tenant.verify() == []


def test_a_recall_is_for_ever(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop()
        lot = shop.receive("L1", 5, 10)
        commands.hold_lots([lot], "check")
        commands.recall_lots([lot], "glass splinters")
        for refused in (commands.release_lots, commands.hold_lots, commands.recall_lots):
            with pytest.raises(commands.WrongLotState):
                refused([lot], "changed my mind")
        assert shop.level() == StockLevel(shop.main, shop.sku, 5, 0, 0, held=5)
        with pytest.raises(commands.UnknownLot):
            commands.recall_lots([LotId(12)], "which?")
    assert tenant.verify() == []


def test_promises_give_way_openly_unpaid_first_latest_first(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop()
        bad, good = shop.receive("L1", 8, 10), shop.receive("L2", 6, 20)
        shop.receive("L3", 2, 30, shop.far)
        shop.sell(1, 3)
        shop.sell(2, 5)
        shop.sell(3, 2, paid=False)
        shop.sell(4, 1, paid=False)
        assert shop.level().available == 3
        commands.recall_lots([bad], "glass")
        # 11 pieces were promised here and 6 are left: both unpaid orders go, then 2 pieces of order 2, the later paid one,
        # which gets the 2 pieces far away.
        held = {order: [(r.warehouse_id, r.quantity, r.state.value) for r in rows if r.state != "released"]
                for order, rows in queries.list_reservations([1, 2, 3, 4]).items()}  # fmt: skip
        assert held == {
            1: [(shop.main, 3, "allocated")], 2: [(shop.main, 3, "allocated"), (shop.far, 2, "allocated")], 3: [], 4: [],
        }  # fmt: skip
        assert {(e["order_id"], e["quantity"], e["was_paid"]) for e in recorded(PromiseBroken)} == {(3, 2, False), (4, 1, False)}
        assert shop.level().available == 0
        commands.ship([1, 2], clock.now())
        assert good in shop.sent(2) and bad not in shop.sent(2) and bad not in shop.sent(1)
    assert tenant.verify() == []


def test_what_a_channel_has_not_sold_gives_way_first(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop()
        bad, _ = shop.receive("L1", 8, 10), shop.receive("L2", 12, 20)
        commands.set_aside([NewChannelStock("live/1", shop.sku, 12)])
        assert commands.reserve([ReserveLine(1, 10, shop.sku, 3, None, "live/1"), ReserveLine(2, 20, shop.sku, 6)]) == {}
        commands.allocate([1], clock.now())
        commands.hold_lots([bad], "check")
        level = shop.level()
        assert (level.held, level.reserved, level.allocated, level.set_aside, level.available) == (8, 6, 3, 3, 0)
        assert recorded(PromiseBroken) == []
        commands.reserve([ReserveLine(3, 30, shop.sku, 3, None, "live/1")])
        commands.quarantine([Pieces(shop.main, shop.sku, 1, "dented", bad)])
        commands.release_lots([bad], "fine")
        commands.hold_lots([queries.list_lots(number="L2")[0].lot_id], "check")
        assert [(e["order_id"], e["was_paid"]) for e in recorded(PromiseBroken)] == [(2, False)]
        held = {order: [r.quantity for r in rows if r.state.value in ("reserved", "allocated")]
                for order, rows in queries.list_reservations([1, 2, 3]).items()}  # fmt: skip
        assert held == {1: [3], 2: [], 3: [3]}
    assert tenant.verify() == []


def test_lost_pieces_are_told_block_shipping_and_are_served_when_goods_come(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop()
        bad, _ = shop.receive("L1", 8, 10), shop.receive("L2", 2, 20)
        shop.sell(1, 5)
        commands.hold_lots([bad], "check")
        (broken,) = recorded(PromiseBroken)
        assert (broken["order_id"], broken["quantity"], broken["was_paid"], broken["cause"]) == (1, 3, True, "held")
        assert queries.held_quantities([1]) == {1: {"allocated": 2, "lost": 3}}
        with pytest.raises(commands.PiecesLost):
            commands.ship([1], clock.now())
        assert commands.serve_lost([1], clock.now()) == {1: (ReserveLine(1, 10, shop.sku, 3),)}
        shop.receive("L4", 9, 40)
        assert commands.serve_lost([1], clock.now()) == {}
        assert commands.serve_lost([1], clock.now()) == {}
        assert commands.ship([1], clock.now()) == {1}
        assert sum(shop.sent(1).values()) == 5 and bad not in shop.sent(1)
    assert tenant.verify() == []


def test_who_waits_for_more_than_there_is_stands_in_nobodys_way(tenant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One order at a time is tried, and the oldest waits for more pieces, or for other goods, too."""
    monkeypatch.setattr(arriving, "WAITING_MAX", 1)
    with tenant.enter():
        shop = Shop()
        (other,) = make_skus([50])
        commands.track_lots([LotRule(other)])
        bad = shop.receive("L1", 20, 10)
        commands.receive_stock([Receipt(shop.main, other, 5, lot=NewLot("O"))])
        (rest,) = queries.list_lots(other)
        shop.sell(1, 9)
        commands.reserve([ReserveLine(2, 20, shop.sku, 1), ReserveLine(2, 21, other, 1)])
        commands.allocate([2], clock.now())
        shop.sell(3, 2)
        shop.sell(4, 2)
        commands.hold_lots([bad, rest.lot_id], "check")
        assert {order: states.get("lost") for order, states in queries.held_quantities([1, 2, 3, 4]).items()} == {
            1: 9, 2: 2, 3: 2, 4: 2,
        }  # fmt: skip
        shop.receive("L2", 4, 20)
        assert queries.held_quantities([3]) == {3: {"allocated": 2, "released": 2}}, "with the arrival, though it is the third"
        assert commands.mend_due(clock.now(), limit=1) == 1
        assert queries.held_quantities([4]) == {4: {"allocated": 2, "released": 2}}
        assert commands.mend_due(clock.now(), limit=1) == 0
    assert tenant.verify() == []


def test_giving_up_lost_pieces(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop()
        bad = shop.receive("L1", 8, 10)
        shop.sell(1, 5)
        shop.sell(2, 3)
        commands.hold_lots([bad], "check")
        commands.release_lines([ReturnedGoods(1, 10, shop.sku, 2, "r")])
        assert queries.held_quantities([1]) == {1: {"lost": 3}}
        commands.release([1, 2])
        assert queries.held_quantities([1, 2])[2] == {"released": 3}
        commands.release_lots([bad], "fine")
        assert shop.level() == StockLevel(shop.main, shop.sku, 8, 0, 0)
    assert tenant.verify() == []


def test_lots_expire_a_few_skus_at_a_time(tenant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that one batch does not lock the levels of the whole shop; a release goes on until all of its lots are judged."""
    monkeypatch.setattr(withholding, "SKUS_AT_ONCE", 1)
    with tenant.enter():
        skus = make_skus([100, 100, 100])
        (place,) = commands.open_warehouses([NewWarehouse("main", "主仓")])
        commands.track_lots([LotRule(sku) for sku in skus])
        commands.receive_stock(
            [Receipt(place, sku, 1, lot=NewLot(number, None, in_days(1))) for sku in skus for number in ("A", "B")]
        )
        held = [lot.lot_id for lot in queries.list_lots() if lot.number == "B"]
        commands.hold_lots(held, "check")
        with clock.driven(NOON + timedelta(days=2)):
            assert [commands.expire_lots(clock.now()) for _ in range(4)] == [1, 1, 1, 0]
            commands.release_lots(held, "fine")
            assert {lot.state for lot in queries.list_lots()} == {LotState.EXPIRED}
    assert tenant.verify() == []
