"""Orders that are fetched at a store: the code, the desk, the clock."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from banyan.goods.inventory import commands as stocking
from banyan.goods.inventory import queries as inventory
from banyan.goods.inventory.types import LotRule, NewLot, Receipt, ReservationState
from banyan.goods.sourcing import commands as sourcing
from banyan.goods.sourcing.types import Policy as SourcingPolicy
from banyan.kernel import clock, sql
from banyan.trade.fulfillment import commands, queries
from banyan.trade.fulfillment.commands import pickups, waves
from banyan.trade.fulfillment.tests.making import Stocked, code_of, stock
from banyan.trade.fulfillment.types import NewParcel, OrderShipment, ParcelState, PickupState, Redemption
from banyan.trade.orders import commands as orders
from banyan.trade.orders import queries as order_queries
from banyan.trade.orders.tests.test_paying import pay
from banyan.trade.orders.types import OrderState, PlaceOrder


def store(tenant: Any, make_buyers: Any) -> Stocked:
    """A warehouse and a store."""
    return stock(tenant, make_buyers, ((50, 50), (5, 5)), stores=1)


def test_from_the_warehouse_to_the_counter(tenant: Any, make_buyers: Any) -> None:
    shop = store(tenant, make_buyers)
    (placed,) = shop.paid([(0, 2), (1, 1)])
    with tenant.enter():
        pickup_id = commands.choose_pickup(placed.order_id, shop.warehouses[1])
        held = inventory.list_reservations([placed.order_id])[placed.order_id]
        assert {(one.warehouse_id, one.state) for one in held} == {(shop.warehouses[1], ReservationState.ALLOCATED)}
        with pytest.raises(commands.PickupChosen):
            commands.choose_pickup(placed.order_id, shop.warehouses[1])
        assert code_of(commands.ship_orders([OrderShipment(placed.order_id, "顺丰", "SF1")])[0]) == "nothing_to_send"
        code = commands.issue_code(pickup_id)
        assert sql.fetch(
            "SELECT count(*) FROM fulfillment_pickups WHERE encode(code_index, 'escape') LIKE %s", (f"%{code}%",)
        ) == [(0,)]
    with tenant.enter():
        assert commands.redeem("AAAAAAAA", shop.buyers[2], shop.warehouses[1]).code == "wrong_code"
        done = commands.redeem(f"{code[:4]}-{code[4:].lower()}", shop.buyers[2], shop.warehouses[1])
        assert done.pickup is not None and done.pickup.redeemed_by == shop.buyers[2]
        assert order_queries.states([placed.order_id]) == {placed.order_id: OrderState.RECEIVED}
        assert commands.redeem(code, shop.buyers[2], shop.warehouses[1]).code == "wrong_code"  # once
        (parcel,) = queries.list_parcels(order_ids=[placed.order_id])
        assert (parcel.state, parcel.carrier) == (ParcelState.DELIVERED, "pickup")
    tenant.drain()
    assert tenant.verify() == []


def test_the_store_must_have_it_all(tenant: Any, make_buyers: Any) -> None:
    shop = store(tenant, make_buyers)
    (placed,) = shop.paid([(0, 6)])
    with tenant.enter():
        with pytest.raises(commands.NotAtStore):
            commands.choose_pickup(placed.order_id, shop.warehouses[1])
        with pytest.raises(commands.NoStore):
            commands.choose_pickup(placed.order_id, shop.warehouses[0])
    assert tenant.verify() == []


def test_chosen_before_it_is_paid(tenant: Any, make_buyers: Any) -> None:
    shop = store(tenant, make_buyers)
    with tenant.enter():
        outcomes = orders.place_orders([PlaceOrder(shop.buyers[0], ((shop.skus[0], 1),)) for _ in range(2)])
        paid, dropped = (one.order_id for one in outcomes)  # type: ignore[union-attr]
        first, second = (commands.choose_pickup(order_id, shop.warehouses[1]) for order_id in (paid, dropped))
        with pytest.raises(commands.WrongPickupState):
            commands.issue_code(first)
        pay(paid)
        orders.cancel([dropped], "buyer")
    tenant.drain()
    with tenant.enter():
        assert commands.prepare_pickups() == 2
        assert queries.get_pickup(first).state is PickupState.READY
        assert queries.get_pickup(second).state is PickupState.CANCELLED
    assert tenant.verify() == []


def test_five_wrong_codes_lock_the_desk(tenant: Any, make_buyers: Any, driven_clock: Any) -> None:
    shop = store(tenant, make_buyers)
    (placed,) = shop.paid([(0, 1)])
    guesser, colleague = shop.buyers[1], shop.buyers[2]
    with tenant.enter():
        code = commands.issue_code(commands.choose_pickup(placed.order_id, shop.warehouses[1]))
        assert [commands.redeem("BBBBBBBB", guesser, shop.warehouses[1]).code for _ in range(5)] == ["wrong_code"] * 5
        refused = commands.redeem(code, guesser, shop.warehouses[1])
        assert refused.code == "too_many_tries" and 890 <= (refused.retry_after_seconds or 0) <= 900
        clock.advance(timedelta(minutes=15, seconds=1))
        assert commands.redeem("BBBBBBBB", guesser, shop.warehouses[1]).code == "wrong_code"  # open again
        assert commands.redeem(code, colleague, shop.warehouses[1]).pickup is not None
        assert commands.forget_tries() == 0
        clock.advance(timedelta(days=2))
        assert commands.forget_tries() == 7


def test_a_code_is_good_at_its_own_store_alone(tenant: Any, make_buyers: Any) -> None:
    shop = stock(tenant, make_buyers, ((5,), (5,)), stores=2)
    (placed,) = shop.paid([(0, 1)])
    here, there = shop.warehouses
    with tenant.enter():
        code = commands.issue_code(commands.choose_pickup(placed.order_id, here))
        told = [commands.redeem(code, shop.buyers[2], there) for _ in range(6)]  # no guess: nobody is locked out for it
        stores = [one.waits_at.warehouse_id for one in told if one.waits_at is not None]
        assert {(one.pickup, one.code) for one in told} == {(None, "other_store")} and stores == [here] * 6
        assert "仓0" in told[0].message
        assert order_queries.states([placed.order_id]) == {placed.order_id: OrderState.PAID}
        with pytest.raises(commands.NoStore):
            commands.redeem(code, shop.buyers[2], here + 1_000_000)
        assert commands.redeem(code, shop.buyers[2], here).pickup is not None
        assert commands.redeem(code, shop.buyers[2], there).code == "wrong_code"
    tenant.drain()
    assert tenant.verify() == []


def test_a_new_code_voids_the_old_one_and_time_ends_it(tenant: Any, make_buyers: Any, driven_clock: Any) -> None:
    shop = store(tenant, make_buyers)
    (placed,) = shop.paid([(0, 1)])
    with tenant.enter():
        pickup_id = commands.choose_pickup(placed.order_id, shop.warehouses[1])
        old, new = commands.issue_code(pickup_id), commands.issue_code(pickup_id)
        assert commands.redeem(old, shop.buyers[2], shop.warehouses[1]).code == "wrong_code"
        clock.advance(timedelta(days=7))
        assert commands.redeem(new, shop.buyers[2], shop.warehouses[1]).code == "wrong_code"
        assert (commands.expire_pickups(), commands.expire_pickups()) == (1, 0)
        assert queries.get_pickup(pickup_id).state is PickupState.EXPIRED
        rows = sql.fetch("SELECT kind FROM outbox_events WHERE kind LIKE 'fulfillment.pickup%%' ORDER BY id")
        assert [row[0] for row in rows] == ["fulfillment.pickup_ready", "fulfillment.pickup_expired"]


def test_sent_after_all(tenant: Any, make_buyers: Any) -> None:
    shop = store(tenant, make_buyers)
    (placed,) = shop.paid([(0, 1)])
    with tenant.enter():
        commands.cancel_pickup(commands.choose_pickup(placed.order_id, shop.warehouses[1]))
    (one,) = shop.wave(1)  # from the store's shelf
    assert one.order_id == placed.order_id
    shop.sent(placed)
    assert tenant.verify() == []


def _redeem_together(shop: Stocked, code: str, count: int = 4) -> list[Redemption | Exception]:
    """So many desks at the same moment."""
    barrier = threading.Barrier(count)
    answers: list[Redemption | Exception] = []

    def desk(number: int) -> None:
        try:
            with shop.tenant.enter():
                sql.fetch("SELECT 1")  # connected
                barrier.wait()
                answers.append(commands.redeem(code, number, shop.warehouses[1]))  # type: ignore[arg-type]
        except Exception as error:
            answers.append(error)

    threads = [threading.Thread(target=desk, args=(1000 + number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return answers


@pytest.mark.parametrize("guarded", [True, False])
def test_a_code_is_redeemed_once(tenant: Any, make_buyers: Any, monkeypatch: Any, guarded: bool) -> None:
    """With the guard in the statement one desk hands out and three say no. Without it all of them pass the code, and only the
    stock stops them."""
    shop = store(tenant, make_buyers)
    (placed,) = shop.paid([(0, 1)])
    with tenant.enter():
        code = commands.issue_code(commands.choose_pickup(placed.order_id, shop.warehouses[1]))
    if not guarded:
        monkeypatch.setattr(pickups, "REDEEM_GUARD", "")
    answers = _redeem_together(shop, code)
    handed_out = [one for one in answers if isinstance(one, Redemption) and one.pickup is not None]
    told_no = [one for one in answers if isinstance(one, Redemption) and one.code == "wrong_code"]
    assert len(answers) == 4 and len(handed_out) == 1
    assert (len(told_no) == 3) is guarded
    tenant.drain()
    assert tenant.verify() == []


def test_an_order_that_is_fetched_is_packed_for_nobody_else(tenant: Any, make_buyers: Any) -> None:
    """The store's own wave had it already when the buyer chose to fetch it there."""
    shop = stock(tenant, make_buyers, ((5,),), stores=1)
    (placed,) = shop.paid([(0, 1)])
    (one,) = shop.wave()
    with tenant.enter():
        code = commands.issue_code(commands.choose_pickup(placed.order_id, shop.warehouses[0]))
        assert code_of(commands.pack([NewParcel(one.fulfillment_id)])[0]) == "nothing_to_send"
        assert commands.redeem(code, shop.buyers[2], shop.warehouses[0]).pickup is not None
        assert order_queries.states([placed.order_id]) == {placed.order_id: OrderState.RECEIVED}
    tenant.drain()
    assert tenant.verify() == []


def test_chosen_while_a_wave_is_released(tenant: Any, make_buyers: Any, monkeypatch: Any) -> None:
    """The wave has seen the order, and its buyer is faster than the wave's lock."""
    shop = stock(tenant, make_buyers, ((5,),), stores=1)
    first, second = shop.paid([(0, 1)], [(0, 1)])
    look = waves._waiting

    def look_and_be_overtaken(*asked: Any) -> Any:
        seen = look(*asked)
        _elsewhere(tenant, lambda: commands.choose_pickup(first.order_id, shop.warehouses[0]))
        return seen

    monkeypatch.setattr(waves, "_waiting", look_and_be_overtaken)
    assert [one.order_id for one in shop.wave()] == [second.order_id]


def _elsewhere(tenant: Any, act: Any) -> None:
    """On another connection, committed when this returns."""

    def run() -> None:
        with tenant.enter():
            act()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)


def test_it_is_ready_where_it_is_fetched_wherever_sourcing_put_it(tenant: Any, make_buyers: Any) -> None:
    shop = store(tenant, make_buyers)
    with tenant.enter():
        sourcing.set_policy(SourcingPolicy(is_on=True))
        (placed,) = orders.place_orders([PlaceOrder(shop.buyers[0], ((shop.skus[0], 1),))])
        pickup_id = commands.choose_pickup(placed.order_id, shop.warehouses[1])  # type: ignore[union-attr]
        pay(placed.order_id)  # type: ignore[union-attr]
    tenant.drain()
    with tenant.enter():
        assert commands.prepare_pickups() == 1
        assert queries.get_pickup(pickup_id).state is PickupState.READY
        (held,) = inventory.list_reservations([placed.order_id])[placed.order_id]  # type: ignore[union-attr]
        assert (held.warehouse_id, held.state) == (shop.warehouses[1], ReservationState.ALLOCATED)
    assert tenant.verify() == []


def test_what_the_store_lost_is_not_handed_out(tenant: Any, make_buyers: Any) -> None:
    """A lot is held after the order was ready: the desk is told, the code stays good, and the next delivery makes it whole."""
    shop = stock(tenant, make_buyers, ((0, 5),), stores=1)
    with tenant.enter():
        stocking.track_lots([LotRule(shop.skus[0])])
        stocking.receive_stock([Receipt(shop.warehouses[0], shop.skus[0], 1, lot=NewLot("A"))])
        (lot,) = inventory.list_lots(shop.skus[0])
    (placed,) = shop.paid([(0, 1), (1, 1)])
    with tenant.enter():
        code = commands.issue_code(commands.choose_pickup(placed.order_id, shop.warehouses[0]))
        stocking.hold_lots([lot.lot_id], "质检")
    tenant.drain()
    with pytest.raises(commands.NotAtStore), tenant.enter():
        commands.redeem(code, shop.buyers[2], shop.warehouses[0])
    with tenant.enter():
        stocking.receive_stock([Receipt(shop.warehouses[0], shop.skus[0], 1, lot=NewLot("B"))])
    tenant.drain()
    with tenant.enter():
        assert commands.redeem(code, shop.buyers[2], shop.warehouses[0]).pickup is not None
        assert order_queries.states([placed.order_id]) == {placed.order_id: OrderState.RECEIVED}
    tenant.drain()
    assert tenant.verify() == []


def test_the_unpaid_stand_in_nobodys_way(tenant: Any, make_buyers: Any) -> None:
    shop = store(tenant, make_buyers)
    with tenant.enter():
        placed = orders.place_orders([PlaceOrder(shop.buyers[0], ((shop.skus[0], 1),)) for _ in range(3)])
        chosen = [commands.choose_pickup(one.order_id, shop.warehouses[1]) for one in placed]  # type: ignore[union-attr]
        pay(placed[2].order_id)  # type: ignore[union-attr]
    tenant.drain()
    with tenant.enter():
        assert commands.prepare_pickups(limit=1) == 1
        assert queries.get_pickup(chosen[2]).state is PickupState.READY
