"""Orders that nobody fetched give everything back by themselves; parcels that came back wait for a decision."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from banyan.goods.inventory import queries as inventory
from banyan.kernel import clock
from banyan.trade.fulfillment import commands as fulfillment
from banyan.trade.fulfillment import queries as sending
from banyan.trade.fulfillment.tests.making import stock
from banyan.trade.fulfillment.types import CameBack, NewParcel, Pieces
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import OrderState
from banyan.trade.returns import commands, queries
from banyan.trade.returns.tests.making import place_paid
from banyan.trade.returns.types import ReturnStatus


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
    (order,) = place_paid(tenant, [(100, 3)], discount_minor=200)
    line = order.lines[0]
    with tenant.enter():
        fulfillment.release_wave(inventory.list_warehouses()[0].warehouse_id)
        (sending_of,) = sending.list_fulfillments(order_ids=[order.order_id])
        one_each = [NewParcel(sending_of.fulfillment_id, (Pieces(line.line_id, 1),)) for _ in range(3)]
        parcel_ids = [int(parcel_id) for parcel_id in fulfillment.pack(one_each)]  # type: ignore[arg-type]
        for parcel_id in reversed(parcel_ids):  # whichever comes back first
            told = commands.Undelivered(parcel_id, order.order_id, ((line.line_id, line.sku.sku_id, 1),), clock.now())
            commands.ask_for_undelivered([told])
        asked = queries.list_returns(order_id=order.order_id)
    assert sum(one.lines[0].amount_minor for one in asked) == line.payable_minor == 100
