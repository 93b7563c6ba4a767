"""Orders that nobody fetched give everything back by themselves; parcels that came back wait for a decision."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from banyan.goods.inventory import queries as inventory
from banyan.kernel import clock
from banyan.kernel.events import set_aside as events
from banyan.kernel.events.delivery import retry_set_aside
from banyan.trade.fulfillment import commands as fulfillment
from banyan.trade.fulfillment import queries as sending
from banyan.trade.fulfillment.tests.making import stock
from banyan.trade.fulfillment.types import CameBack, NewParcel, Pieces
from banyan.trade.orders import commands as buying
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import OrderState
from banyan.trade.returns import commands, queries
from banyan.trade.returns.tests.making import ask, claim, place_paid, take_back, told
from banyan.trade.returns.types import Mode, Rejection, ReturnStatus


def test_an_order_that_nobody_fetched_gives_everything_back(tenant: Any, make_buyers: Any, driven_clock: Any) -> None:
    shop = stock(tenant, make_buyers, ((50, 50), (5, 5)), stores=1)
    (placed,) = shop.paid([(0, 2), (1, 1)])
    with tenant.enter():
        fulfillment.choose_pickup(placed.order_id, shop.warehouses[1])
        assert inventory.available(shop.skus) == {shop.skus[0]: 53, shop.skus[1]: 54}
        clock.advance(timedelta(days=8))
        assert fulfillment.expire_pickups() == 1
    tenant.drain()
    with tenant.enter():
        assert orders.states([placed.order_id]) == {placed.order_id: OrderState.CANCELLED}
        assert inventory.available(shop.skus) == {shop.skus[0]: 55, shop.skus[1]: 55}
        (one,) = queries.list_returns(order_id=placed.order_id)
        assert (one.status, one.refund_minor) == (ReturnStatus.ACCEPTED, placed.total_minor)
        again = [commands.Unfetched(1, placed.order_id, clock.now())]
        assert commands.give_back_unfetched(again) == 0
    assert tenant.verify() == []


def test_what_is_left_of_an_order_that_nobody_fetched_goes_back(tenant: Any, make_buyers: Any, driven_clock: Any) -> None:
    """One piece was given back before: the rest is not refused for it."""
    shop = stock(tenant, make_buyers, ((50, 50), (5, 5)), stores=1)
    (placed,) = shop.paid([(0, 2), (1, 1)])
    with tenant.enter():
        pickup_id = fulfillment.choose_pickup(placed.order_id, shop.warehouses[1])
        order = orders.get_order(placed.order_id)
        take_back(claim(order, [(0, 1, 0)], Mode.UNSHIPPED))
        clock.advance(timedelta(days=8))
        assert fulfillment.expire_pickups() == 1
    tenant.drain()
    with tenant.enter():
        assert orders.states([placed.order_id]) == {placed.order_id: OrderState.CANCELLED}
        assert inventory.available(shop.skus) == {shop.skus[0]: 55, shop.skus[1]: 55}
        assert sum(one.refund_minor for one in queries.list_returns(order_id=placed.order_id)) == placed.total_minor
        assert commands.give_back_unfetched([commands.Unfetched(int(pickup_id), placed.order_id, clock.now())]) == 0
    assert tenant.verify() == []


def test_what_cannot_be_given_back_is_not_passed_over(tenant: Any, make_buyers: Any) -> None:
    """The caller hears of it, so that the event is set aside; before, the refusal was dropped."""
    shop = stock(tenant, make_buyers)
    (placed,) = shop.paid([(0, 2)])
    (one,) = shop.wave()
    with tenant.enter():
        fulfillment.pack([NewParcel(one.fulfillment_id)])
    with pytest.raises(fulfillment.AlreadyPacked), tenant.enter():
        commands.give_back_unfetched([commands.Unfetched(1, placed.order_id, clock.now())])
    with tenant.enter():
        assert queries.list_returns(order_id=placed.order_id) == []


def test_a_parcel_that_came_back_asks_for_what_is_left(tenant: Any, make_buyers: Any) -> None:
    shop = stock(tenant, make_buyers)
    (placed,) = shop.paid([(0, 3)])
    (parcel_id,) = shop.sent(placed)
    with tenant.enter():
        take_back(claim(orders.get_order(placed.order_id), [(0, 0, 120)], Mode.REFUND_ONLY))
        fulfillment.take_back([CameBack(parcel_id, (Pieces(placed.line_ids[0], 3),))])
    tenant.drain()
    with tenant.enter():
        asked, _before = queries.list_returns(order_id=placed.order_id)
        assert (asked.status, asked.lines[0].amount_minor) == (ReturnStatus.REQUESTED, placed.total_minor - 120)
        told(commands.approve([asked.return_id], 1)[0])
        told(commands.accept([asked.return_id])[0])
        again = commands.Undelivered(int(parcel_id), placed.order_id, ((placed.line_ids[0], shop.skus[0], 3),), clock.now())
        assert commands.ask_for_undelivered([again]) == 0, "all of it went back"
    tenant.drain()
    assert tenant.verify() == []


def test_a_parcel_that_cannot_be_asked_for_is_set_aside(tenant: Any, make_buyers: Any, driven_clock: Any) -> None:
    """Its order was received, and the time for returns is over: a person decides, nothing is lost silently."""
    shop = stock(tenant, make_buyers)
    (placed,) = shop.paid([(0, 1)])
    (parcel_id,) = shop.sent(placed)
    with tenant.enter():
        buying.receive([placed.order_id], clock.now())
        clock.advance(timedelta(days=90))
        fulfillment.take_back([CameBack(parcel_id, ())])
    tenant.drain()
    with tenant.enter():
        (aside,) = events.list_set_aside(None, 9)
        assert (aside.reaction, "return_deadline_passed" in aside.error) == ("returns.ask_for_undelivered", True)


def test_a_parcel_whose_money_is_asked_back_already_waits_until_that_is_decided(tenant: Any, make_buyers: Any) -> None:
    """The buyer asked for his money, then the parcel came back: nothing is asked twice, and nothing is lost."""
    shop = stock(tenant, make_buyers)
    (placed,) = shop.paid([(0, 3)])
    (parcel_id,) = shop.sent(placed)
    with tenant.enter():
        order = orders.get_order(placed.order_id)
        own = ask(claim(order, [(0, 0, placed.total_minor - 10)], Mode.REFUND_ONLY))
        fulfillment.take_back([CameBack(parcel_id, (Pieces(placed.line_ids[0], 3),))])
    tenant.drain()
    with tenant.enter():
        (aside,) = events.list_set_aside(None, 9)
        assert (aside.reaction, "return_asked_already" in aside.error) == ("returns.ask_for_undelivered", True)
        (one,) = queries.list_returns(order_id=placed.order_id)
        assert one.return_id == own
        told(commands.reject([Rejection(own, "包裹已退回，另行退款")], 1)[0])
        assert retry_set_aside(aside.id)
    tenant.drain()
    with tenant.enter():
        (one,) = (each for each in queries.list_returns(order_id=placed.order_id) if each.return_id != own)
        assert (one.status, one.lines[0].amount_minor) == (ReturnStatus.REQUESTED, placed.total_minor)
        assert events.list_set_aside(None, 9) == []
    assert tenant.verify() == []


def test_a_parcel_that_came_back_waits_for_a_decision(tenant: Any, make_buyers: Any) -> None:
    shop = stock(tenant, make_buyers)
    (placed,) = shop.paid([(0, 3)])
    (parcel_id,) = shop.sent(placed)
    with tenant.enter():
        fulfillment.take_back([CameBack(parcel_id, (Pieces(placed.line_ids[0], 2),))])
    tenant.drain()
    with tenant.enter():
        (one,) = queries.list_returns(order_id=placed.order_id)
        assert (one.status, one.lines[0].amount_minor) == (ReturnStatus.REQUESTED, placed.total_minor)
        told = [commands.Undelivered(int(parcel_id), placed.order_id, ((placed.line_ids[0], shop.skus[0], 3),), clock.now())]
        assert commands.ask_for_undelivered(told) == 1  # the same one
        assert len(queries.list_returns(order_id=placed.order_id)) == 1
    assert tenant.verify() == []


def test_parcels_of_one_line_add_up_to_all_of_it(tenant: Any) -> None:
    """One that was unpacked again is none of them."""
    (order,) = place_paid(tenant, [(100, 3)], discount_minor=200)
    line = order.lines[0]
    with tenant.enter():
        fulfillment.release_wave(inventory.list_warehouses()[0].warehouse_id)
        (sending_of,) = sending.list_fulfillments(order_ids=[order.order_id])
        one_each = [NewParcel(sending_of.fulfillment_id, (Pieces(line.line_id, 1),)) for _ in range(3)]
        fulfillment.unpack(fulfillment.pack(one_each[:1]))  # type: ignore[arg-type]
        parcel_ids = [int(parcel_id) for parcel_id in fulfillment.pack(one_each)]  # type: ignore[arg-type]
        for parcel_id in reversed(parcel_ids):  # whichever comes back first
            told = commands.Undelivered(parcel_id, order.order_id, ((line.line_id, line.sku.sku_id, 1),), clock.now())
            commands.ask_for_undelivered([told])
        asked = queries.list_returns(order_id=order.order_id)
    assert sum(one.lines[0].amount_minor for one in asked) == line.payable_minor == 100
