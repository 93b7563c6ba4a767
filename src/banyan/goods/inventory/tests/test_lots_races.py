"""A lot is held while its pieces leave, arrive and are promised: one after the other, never half."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connections

from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands, queries
from banyan.goods.inventory.commands import withholding
from banyan.goods.inventory.types import Held, LotRule, LotState, NewLot, NewWarehouse, Pieces, Receipt, ReserveLine
from banyan.kernel import clock, sql


def founded(tenant: Any, *pieces: int) -> tuple[Any, Any, list[Any]]:
    """A lot-tracked SKU in one warehouse, with lots of so many pieces; (SKU, warehouse, lots)."""
    with tenant.enter():
        (sku,) = make_skus([100])
        (place,) = commands.open_warehouses([NewWarehouse("main", "主仓")])
        commands.track_lots([LotRule(sku)])
        commands.receive_stock([Receipt(place, sku, n, lot=NewLot(f"L{number}")) for number, n in enumerate(pieces)])
        return sku, place, sorted(lot.lot_id for lot in queries.list_lots(sku))


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "without the lock"])
def test_a_lot_is_held_while_its_pieces_leave(tenant: Any, guarded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    sku, _, (lot, _) = founded(tenant, 10, 10)
    with tenant.enter():
        commands.reserve([ReserveLine(1, 10, sku, 4)])
        commands.allocate([1], clock.now())
    if not guarded:
        monkeypatch.setattr(withholding, "lock_skus", lambda sku_ids: None)
    with tenant.enter():
        commands.ship([1], clock.now())
        other = tenant.beside(lambda: commands.hold_lots([lot], "check"))
        assert not other.done()
    right = other.exception() is None and tenant.verify() == []
    assert right is guarded
    if guarded:
        with tenant.enter():
            level = queries.stock_levels([sku])[0]
            assert (level.on_hand, level.held, level.allocated) == (16, 6, 0)


def test_an_order_leaves_while_some_of_its_pieces_are_taken_out_of_sale(tenant: Any) -> None:
    """Nothing of it may leave: what is lost would stay behind in an order that counts as shipped."""
    sku, place, (lot,) = founded(tenant, 10)
    with tenant.enter():
        (other,) = make_skus([100])
        commands.receive_stock([Receipt(place, other, 10)])
        commands.reserve([ReserveLine(1, 10, sku, 4), ReserveLine(1, 11, other, 1)])
        commands.allocate([1], clock.now())
    with tenant.enter():
        commands.hold_lots([lot], "check")
        other = tenant.beside(lambda: commands.ship([1], clock.now()))
        assert not other.done()
    assert isinstance(other.exception(), commands.PiecesLost)
    with tenant.enter():
        assert queries.held_quantities([1]) == {1: {"allocated": 1, "lost": 4}}
    assert tenant.verify() == []


def test_an_order_ends_while_its_pieces_are_lost_and_while_they_come_back(tenant: Any) -> None:
    """Nothing stays held, or lost, for an order that is over."""
    sku, place, (lot, _) = founded(tenant, 4, 2)
    for order, act in (
        (1, lambda: commands.hold_lots([lot], "check")),
        (2, lambda: commands.receive_stock([Receipt(place, sku, 4, lot=NewLot("L9"))])),
    ):
        with tenant.enter():
            commands.reserve([ReserveLine(order, order, sku, 5 if order == 1 else 2)])
            commands.allocate([order], clock.now())
            if order == 2:
                commands.hold_lots([queries.list_lots(sku, number="L1")[0].lot_id], "check")
                assert queries.held_quantities([2]) == {2: {"lost": 2}}
        with tenant.enter():
            act()
            other = tenant.beside(lambda order=order: commands.release([order]))  # type: ignore[misc]
            assert not other.done()
        other.result()
        with tenant.enter():
            assert queries.held_quantities([order])[order].keys() == {"released"}
    assert tenant.verify() == []


def test_an_order_is_paid_while_its_pieces_are_chosen_anew(tenant: Any) -> None:
    """An unpaid order gives way to a hold and is served from another lot: its payment finds it."""
    sku, _, (lot, _) = founded(tenant, 5, 5)
    with tenant.enter():
        (second,) = commands.open_warehouses([NewWarehouse("far", "远仓", 200)])
        commands.receive_stock([Receipt(second, sku, 10, lot=NewLot("L1"))])
        commands.reserve([ReserveLine(1, 10, sku, 8)])
    with tenant.enter():
        commands.hold_lots([lot], "check")
        other = tenant.beside(lambda: commands.allocate([1], clock.now()))
        assert not other.done()
    assert other.result() == set()
    with tenant.enter():
        assert queries.held_quantities([1]) == {1: {"released": 8, "allocated": 8}}
    assert tenant.verify() == []


def test_an_order_is_paid_while_it_is_split_over_warehouses(tenant: Any) -> None:
    """All of it is kept for it, or the payment would leave a part that expires."""
    sku, place, _ = founded(tenant, 10)
    with tenant.enter():
        (second,) = commands.open_warehouses([NewWarehouse("far", "远仓", 200)])
        commands.receive_stock([Receipt(second, sku, 10, lot=NewLot("L0"))])
        commands.reserve([ReserveLine(1, 10, sku, 8)])
    with tenant.enter():
        assert commands.resettle({1: [Held(1, 10, place, sku, 5), Held(1, 10, second, sku, 3)]}) == {1}
        other = tenant.beside(lambda: commands.allocate([1], clock.now()))
        assert not other.done()
    assert other.result() == set()
    with tenant.enter():
        assert queries.held_quantities([1]) == {1: {"released": 8, "allocated": 8}}
    assert tenant.verify() == []


def test_a_lot_arrives_in_a_new_warehouse_while_it_is_held(tenant: Any) -> None:
    sku, _, (lot,) = founded(tenant, 10)
    with tenant.enter():
        (second,) = commands.open_warehouses([NewWarehouse("far", "远仓")])
    with tenant.enter():
        commands.receive_stock([Receipt(second, sku, 5, lot_id=lot)])
        other = tenant.beside(lambda: commands.hold_lots([lot], "check"))
        assert not other.done()
    other.result()
    with tenant.enter():
        assert queries.available([sku]) == {sku: 0} and queries.get_lot(lot).state is LotState.HELD
    assert tenant.verify() == []


def test_a_sku_becomes_lot_tracked_while_goods_come_in(tenant: Any) -> None:
    with tenant.enter():
        (sku,) = make_skus([100])
        (place,) = commands.open_warehouses([NewWarehouse("main", "主仓")])
        commands.receive_stock([Receipt(place, sku, 1)])
    with tenant.enter():
        commands.track_lots([LotRule(sku)])
        other = tenant.beside(lambda: commands.receive_stock([Receipt(place, sku, 5)]))
        assert not other.done()
    assert type(other.exception()).__name__ == "LotMissing", "it waited for the level, and knows"
    assert tenant.verify() == []


def test_selling_shipping_receiving_and_holding_at_once(tenant: Any) -> None:
    """Whatever meets ends in what verify finds clean; a transaction that lost is tried again, as after a deadlock."""
    sku, place, lots = founded(tenant, 60, 60, 60)
    wrong: list[BaseException] = []

    def again(act: Callable[[], object]) -> None:
        for _ in range(50):
            try:
                with tenant.enter():
                    act()
                return
            except (OperationalError, commands.PiecesLost, commands.LotShort):
                continue

    def sell(worker: int) -> None:
        for turn in range(8):
            order = worker * 100 + turn + 1

            def buy(order: int = order) -> None:
                commands.reserve([ReserveLine(order, order, sku, 2)])
                commands.allocate([order], clock.now())

            again(buy)
            again(lambda order=order: commands.ship([order], clock.now()))  # type: ignore[misc]

    def hold(lot: Any) -> None:
        for _ in range(6):
            again(lambda: commands.hold_lots([lot], "check"))
            again(lambda: commands.release_lots([lot], "fine"))

    def receive() -> None:
        for turn in range(8):
            again(lambda turn=turn: commands.receive_stock([Receipt(place, sku, 3, lot=NewLot(f"L{turn % 4}"))]))  # type: ignore[misc]

    def guarded(act: Callable[..., None], *arguments: Any) -> None:
        try:
            act(*arguments)
        except BaseException as error:
            wrong.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=guarded, args=(sell, n)) for n in range(4)]
    threads += [threading.Thread(target=guarded, args=(hold, lot)) for lot in lots[:2]]
    threads.append(threading.Thread(target=guarded, args=(receive,)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert tenant.verify() == []
    with tenant.enter():
        sent = sql.fetch("SELECT coalesce(-sum(quantity_change), 0)::bigint FROM inventory_movements WHERE kind = 'shipment'")[0][
            0
        ]
    assert sent > 0


def two_tracked(tenant: Any) -> tuple[Any, Any, Any, list[Any]]:
    """Two lot-tracked SKUs, two pieces of each in one warehouse; (first, second, warehouse, their lots)."""
    with tenant.enter():
        first, second = sorted(make_skus([100, 100]))
        (place,) = commands.open_warehouses([NewWarehouse("main", "主仓")])
        commands.track_lots([LotRule(first), LotRule(second)])
        commands.receive_stock([Receipt(place, sku, 2, lot=NewLot("L")) for sku in (first, second)])
        lots = {lot.sku_id: lot.lot_id for lot in queries.list_lots()}
    return first, second, place, [lots[first], lots[second]]


def in_order(tenant: Any, place: Any, first: Any, second: Any, act: Callable[[], object]) -> None:
    """Take the levels of the first and the second SKU, in their order, while ``act`` goes on beside: neither is in a deadlock."""
    with tenant.enter():
        commands.quarantine([Pieces(place, first, 1, "found", lot_id=_open_lot(first))])
        other = tenant.beside(act)
        assert not other.done(), "it waits for the first level"
        commands.quarantine([Pieces(place, second, 1, "found", lot_id=_open_lot(second))])
    other.result()


def _open_lot(sku: Any) -> Any:
    return next(lot.lot_id for lot in queries.list_lots(sku) if lot.state is LotState.OPEN)


def test_an_arrival_serves_those_who_wait_in_the_one_order_of_locks(tenant: Any) -> None:
    """It is of the second SKU, and the order that it makes whole waits for the first one, too."""
    first, second, place, lots = two_tracked(tenant)
    with tenant.enter():
        commands.reserve([ReserveLine(1, 10, first, 2), ReserveLine(1, 11, second, 2)])
        commands.allocate([1], clock.now())
        commands.hold_lots(lots, "check")
        commands.receive_stock([Receipt(place, first, 4, lot=NewLot("M")), Receipt(place, second, 1, lot=NewLot("M"))])
        assert queries.held_quantities([1]) == {1: {"lost": 4}}
    arrived = Receipt(place, second, 4, lot=NewLot("N"))
    in_order(tenant, place, first, second, lambda: commands.receive_stock([arrived]))
    with tenant.enter():
        assert queries.held_quantities([1])[1].get("allocated") == 4
    assert tenant.verify() == []


def test_promises_give_way_in_the_one_order_of_locks(tenant: Any) -> None:
    """A lot of the second SKU is held, and the unpaid order that gives way holds the first one, too."""
    first, second, place, (_, lot) = two_tracked(tenant)
    with tenant.enter():
        commands.receive_stock([Receipt(place, sku, 2, lot=NewLot("M")) for sku in (first, second)])
        commands.reserve([ReserveLine(1, 10, first, 1), ReserveLine(1, 11, second, 3)])
    in_order(tenant, place, first, second, lambda: commands.hold_lots([lot], "check"))
    assert tenant.verify() == []
