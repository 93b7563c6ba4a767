"""Lots from receipt to buyer and back: picked by expiry, laid apart, traced, and every level equal to its movements."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands, queries
from banyan.goods.inventory.events import LotNearsExpiry
from banyan.goods.inventory.tests.making import NOON, Shop, in_days, noon, recorded
from banyan.goods.inventory.types import (
    Adjustment,
    Disposition,
    LotId,
    LotRule,
    LotState,
    NewLot,
    NewWarehouse,
    Pieces,
    Receipt,
    ReserveLine,
    ReturnedGoods,
    StockLevel,
)
from banyan.kernel import clock, sql
from banyan.kernel.values.errors import Invalid

__all__ = ["noon"]


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
