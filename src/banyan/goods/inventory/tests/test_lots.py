"""Lots from receipt to buyer and back: picked by expiry, held, recalled, traced, and every level equal to its movements."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands, queries
from banyan.goods.inventory.commands import arriving, withholding
from banyan.goods.inventory.events import LotNearsExpiry, PromiseBroken
from banyan.goods.inventory.types import (
    Adjustment,
    Disposition,
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
    WarehouseId,
)
from banyan.kernel import clock, sql
from banyan.kernel.values.errors import Invalid

TODAY = date(2026, 3, 10)
NOON = datetime(2026, 3, 10, 4, tzinfo=UTC)  # in Shanghai


def in_days(days: int) -> date:
    return TODAY + timedelta(days=days)


@pytest.fixture(autouse=True)
def _noon() -> Any:
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


def test_what_expires_first_leaves_first_and_what_is_past_its_date_never(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop()
        late, soon, never = shop.receive("L2", 5, 60), shop.receive("L1", 3, 20), shop.receive("L3", 9)
        past = shop.receive("L0", 4, 0)
        assert shop.level() == StockLevel(shop.main, shop.sku, 21, 0, 0, held=4)
        shop.sell(1, 7)
        commands.ship([1], clock.now())
        assert shop.sent(1) == {soon: 3, late: 4}
        shop.sell(2, 10)
        commands.ship([2], clock.now())
        assert shop.sent(2) == {late: 1, never: 9}
        assert queries.get_lot(past).state is LotState.EXPIRED
        assert commands.reserve([ReserveLine(3, 30, shop.sku, 1)]) != {}
        assert shop.stock() == {(past, shop.main): (4, 0)}
    assert tenant.verify() == []


def test_pieces_need_their_lot_and_lots_their_sku(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop()
        (plain,) = make_skus([100])
        lot = shop.receive("L1", 3)
        for refused in (
            lambda: commands.receive_stock([Receipt(shop.main, shop.sku, 1)]),
            lambda: commands.adjust_stock([Adjustment(shop.main, shop.sku, 1, "found")]),
            lambda: commands.scrap([Pieces(shop.main, shop.sku, 1, "broken")]),
        ):
            with pytest.raises(commands.LotMissing):
                refused()
        with pytest.raises(commands.UnknownLot):
            commands.receive_stock([Receipt(shop.main, shop.sku, 1, lot_id=LotId(7))])
        with pytest.raises(Invalid):
            commands.receive_stock([Receipt(shop.main, plain, 1, lot=NewLot("x"))])
        with pytest.raises(commands.LotShort):
            commands.adjust_stock([Adjustment(shop.main, shop.sku, -4, "gone", lot_id=lot)])
        with pytest.raises(commands.LotShort):
            commands.adjust_stock([Adjustment(shop.main, shop.sku, -4, "gone")])
        assert shop.stock() == {(lot, shop.main): (3, 0)}
    assert tenant.verify() == []


def test_a_known_lot_keeps_its_dates(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop()
        lot = shop.receive("L1", 3, 30)
        assert shop.receive("L1", 2) == lot
        with pytest.raises(commands.LotDiffers):
            shop.receive("L1", 2, 31)
        with pytest.raises(Invalid):
            commands.receive_stock([Receipt(shop.main, shop.sku, 1, lot=NewLot("L9", in_days(5), in_days(4)))])
        assert shop.stock() == {(lot, shop.main): (5, 0)}


def test_a_receipt_with_a_key_counts_once_also_by_lot(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop()
        lot = shop.receive("L1", 3)
        other = shop.receive("L0", 3, 5)
        receipt = Receipt(shop.main, shop.sku, 4, key="asn-1", lot_id=lot)
        assert (commands.receive_stock([receipt, receipt]), commands.receive_stock([receipt])) == (1, 0)
        gone = Adjustment(shop.main, shop.sku, -5, "count", key="count-1")
        assert (commands.adjust_stock([gone]), commands.adjust_stock([gone])) == (1, 0)
        assert shop.stock() == {(lot, shop.main): (5, 0)} and other != lot
    assert tenant.verify() == []


def test_what_lay_there_passes_into_the_first_lot_and_back_only_when_empty(tenant: Any) -> None:
    with tenant.enter():
        (sku,) = make_skus([100])
        (place,) = commands.open_warehouses([NewWarehouse("main", "主仓")])
        commands.receive_stock([Receipt(place, sku, 5), Receipt(place, sku, 2, quarantined=True)])
        commands.reserve([ReserveLine(1, 10, sku, 2)])
        assert (commands.track_lots([LotRule(sku)]), commands.track_lots([LotRule(sku, 9)])) == (1, 0)
        (lot,) = queries.list_lots(sku)
        assert (lot.number, lot.pieces, lot.quarantined) == ("OPENING", 7, 2)
        assert queries.stock_levels([sku]) == [StockLevel(place, sku, 7, 2, 0, quarantined=2)]
        with pytest.raises(commands.LotsOnHand):
            commands.untrack_lots([sku])
        commands.release([1])
        commands.scrap([Pieces(place, sku, 2, "old", lot.lot_id)])
        commands.adjust_stock([Adjustment(place, sku, -5, "gone")])
        assert commands.untrack_lots([sku]) == 1
        commands.receive_stock([Receipt(place, sku, 5)])
    assert tenant.verify() == []


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


def test_quarantine_in_out_and_away(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop()
        lot = shop.receive("L1", 5, 10)
        commands.receive_stock([Receipt(shop.main, shop.sku, 3, lot_id=lot, quarantined=True)])
        assert shop.level() == StockLevel(shop.main, shop.sku, 8, 0, 0, quarantined=3)
        pieces = Pieces(shop.main, shop.sku, 2, "dented", lot, "q1")
        assert (commands.quarantine([pieces]), commands.quarantine([pieces])) == (1, 0)
        shop.sell(1, 3)
        with pytest.raises(commands.StockPromised):
            commands.quarantine([Pieces(shop.main, shop.sku, 1, "dented", lot)])
        commands.hold_lots([lot], "all of it")
        assert shop.level() == StockLevel(shop.main, shop.sku, 8, 0, 0, quarantined=5, held=3)
        assert commands.clear_quarantine([Pieces(shop.main, shop.sku, 1, "fine", lot)]) == 1
        assert commands.scrap([Pieces(shop.main, shop.sku, 4, "broken", lot)]) == 1
        with pytest.raises((commands.LotShort, commands.StockPromised)):
            commands.scrap([Pieces(shop.main, shop.sku, 1, "broken", lot)])
        assert commands.scrap([Pieces(shop.main, shop.sku, 1, "broken", lot)], from_quarantine=False) == 1
        assert shop.stock() == {(lot, shop.main): (3, 0)}
        assert shop.level() == StockLevel(shop.main, shop.sku, 3, 0, 0, held=3)
    assert tenant.verify() == []


def test_quarantine_without_lots(tenant: Any) -> None:
    with tenant.enter():
        (sku,) = make_skus([100])
        (place,) = commands.open_warehouses([NewWarehouse("main", "主仓")])
        commands.receive_stock([Receipt(place, sku, 5)])
        commands.quarantine([Pieces(place, sku, 2, "wet")])
        assert queries.available([sku]) == {sku: 3}
        with pytest.raises(commands.StockPromised):
            commands.clear_quarantine([Pieces(place, sku, 3, "dry")])
        commands.clear_quarantine([Pieces(place, sku, 1, "dry")])
        commands.scrap([Pieces(place, sku, 1, "mouldy")])
        assert queries.stock_levels([sku]) == [StockLevel(place, sku, 4, 0, 0)]
    assert tenant.verify() == []


def test_returned_goods_go_back_to_their_lots_by_disposition(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop()
        first, second = shop.receive("L1", 3, 10), shop.receive("L2", 9, 20)
        shop.sell(1, 6)
        commands.ship([1], clock.now())
        back = [
            ReturnedGoods(1, 10, shop.sku, 2, "r1"),
            ReturnedGoods(1, 10, shop.sku, 2, "r2", disposition=Disposition.QUARANTINE),
            ReturnedGoods(1, 10, shop.sku, 1, "r3", disposition=Disposition.SCRAP),
        ]
        assert commands.restock_returns(back) == 3
        assert commands.restock_returns(back) == 0
        assert shop.stock() == {(first, shop.main): (3, 1), (second, shop.main): (7, 1)}
        assert shop.level() == StockLevel(shop.main, shop.sku, 10, 0, 0, quarantined=2)
        with pytest.raises(commands.LotMissing):
            commands.restock_returns([ReturnedGoods(1, 10, shop.sku, 2, "r4")])
        assert commands.restock_returns([ReturnedGoods(1, 10, shop.sku, 1, "r5", lot_id=second)]) == 1
        (sent,) = [row for row in queries.lot_orders(first) if row.order_id == 1]
        assert (sent.shipped, sent.returned) == (3, 3)
    assert tenant.verify() == []


def test_goods_of_a_held_lot_come_back_but_not_for_sale(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop()
        lot = shop.receive("L1", 3, 10)
        shop.sell(1, 3)
        commands.ship([1], clock.now())
        commands.recall_lots([lot], "glass")
        commands.restock_returns([ReturnedGoods(1, 10, shop.sku, 3, "r1")])
        assert shop.level() == StockLevel(shop.main, shop.sku, 3, 0, 0, held=3)
    assert tenant.verify() == []


def test_a_supplier_is_told_of_his_lots_however_many_of_others_expire_before(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop()
        (other,) = make_skus([100])
        commands.track_lots([LotRule(other)])
        shop.receive("L1", 3, 10)
        commands.receive_stock([Receipt(shop.main, other, 1, lot=NewLot("S1", None, in_days(20)))])
        assert [one.lot.number for one in queries.expiring_lots(1, [other])] == ["S1"]
        assert queries.expiring_lots(sku_ids=[]) == []


def test_warnings_once_per_lot_by_the_days_of_sku_shop_or_thirty(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop()
        near, _, far = shop.receive("L1", 3, 30), shop.receive("L0", 1, 0), shop.receive("L2", 3, 31)
        assert [(one.lot.lot_id, one.days_left) for one in queries.expiring_lots()] == [(near, 30)]
        assert (commands.warn_of_expiry(clock.now()), commands.warn_of_expiry(clock.now())) == (1, 0)
        commands.set_days_of_warning(31)
        assert [one.lot.lot_id for one in queries.expiring_lots()] == [near, far]
        commands.track_lots([LotRule(shop.sku, 5)])
        assert queries.expiring_lots() == []
        assert queries.lot_rules() == (31, [LotRule(shop.sku, 5)])
        with clock.driven(NOON + timedelta(days=26)):
            assert commands.warn_of_expiry(clock.now()) == 1
            assert [one.lot.lot_id for one in queries.expiring_lots()] == [near, far]
        assert [(e["lot_id"], e["expires_on"]) for e in recorded(LotNearsExpiry)] == [
            (near, in_days(30).isoformat()), (far, in_days(31).isoformat()),
        ]  # fmt: skip
        with pytest.raises(Invalid):
            commands.set_days_of_warning(-1)


def test_a_lot_is_traced_from_where_it_came_to_where_every_piece_is(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop()
        lot = shop.receive("L1", 9, 10)
        shop.receive("L1", 4, 10, shop.far)
        shop.sell(1, 3)
        shop.sell(2, 2)
        commands.ship([1, 2], clock.now())
        commands.restock_returns([ReturnedGoods(2, 20, shop.sku, 1, "r1", disposition=Disposition.QUARANTINE)])
        commands.scrap([Pieces(shop.main, shop.sku, 1, "broken", lot)])
        trace = queries.trace_lot(lot)
        assert (trace.came_in, trace.on_hand, trace.quarantined, trace.with_buyers, trace.scrapped) == (13, 8, 0, 4, 1)
        assert [(row.order_id, row.shipped, row.returned) for row in queries.lot_orders(lot)] == [(2, 2, 1), (1, 3, 0)]
        assert [row.order_id for row in queries.lot_orders(lot, before_order_id=2)] == [1]
    assert tenant.verify() == []


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("UPDATE inventory_lot_stock SET on_hand = on_hand + 1", {"inventory.lots"}),
        ("UPDATE inventory_lot_stock SET quarantined = quarantined + 1", {"inventory.lots"}),
        ("UPDATE inventory_stock_levels SET held = held + 1", {"inventory.levels"}),
        ("UPDATE inventory_stock_levels SET quarantined = quarantined + 1", {"inventory.levels"}),
        ("UPDATE inventory_lots SET state = 'held'", {"inventory.levels", "inventory.lot_states"}),
        ("UPDATE inventory_lots SET expires_on = '2026-03-10'", {"inventory.lot_states"}),
        ("DELETE FROM inventory_lot_stock", {"inventory.lots"}),
    ],
)
def test_planted_damage_is_found(tenant: Any, damage: str, found: set[str]) -> None:
    with tenant.enter():
        shop = Shop()
        shop.receive("L1", 9, 10)
        shop.sell(1, 3)
        commands.ship([1], clock.now())
        sql.execute(damage)
    assert {finding.check for finding in tenant.verify()} == found


def test_a_piece_without_a_lot_is_found(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop()
        shop.receive("L1", 9, 10)
        sql.execute("DELETE FROM inventory_lot_rules")
        commands.receive_stock([Receipt(shop.main, shop.sku, 1)])
        sql.execute("INSERT INTO inventory_lot_rules (tenant_id, id, sku_id) VALUES (%s, 5, %s)", (tenant.id, shop.sku))
    assert [finding.check for finding in tenant.verify()] == ["inventory.lots"]


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
