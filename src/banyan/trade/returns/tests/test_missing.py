"""Pieces of a paid order that will not come: waited for, or paid back with the commission, as the shop's policy says."""

from __future__ import annotations

from typing import Any

import pytest

from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as goods
from banyan.goods.inventory.types import LotRule
from banyan.goods.sourcing import commands as sourcing
from banyan.goods.sourcing import queries as sourced
from banyan.goods.sourcing.types import BackorderState, Cause, Policy, Shortfall
from banyan.kernel import clock
from banyan.trade.fulfillment import commands as sending
from banyan.trade.fulfillment.tests.making import RECIPIENT, code_of, stock
from banyan.trade.fulfillment.types import NewParcel
from banyan.trade.orders import commands as placing
from banyan.trade.orders import queries as orders
from banyan.trade.orders.tests.test_paying import pay
from banyan.trade.orders.types import OrderState, PlaceOrder
from banyan.trade.returns import queries
from banyan.trade.returns.types import ReturnStatus


def test_missing_pieces_are_paid_back_where_the_policy_cancels(tenant: Any, make_buyers: Any) -> None:
    shop = stock(tenant, make_buyers, ((5, 0), (5, 5)))
    with tenant.enter():
        sourcing.set_policy(Policy(is_on=True, shortfall=Shortfall.CANCEL))
    (placed,) = shop.paid([(0, 2), (1, 1)])
    with tenant.enter():
        assert sourced.list_decisions([placed.order_id])[placed.order_id][0].cause is Cause.PAID, "payment asks sourcing"
        inventory.track_lots([LotRule(shop.skus[0])])
        inventory.recall_lots([one.lot_id for one in goods.list_lots(shop.skus[0])], "bad")
    tenant.drain()
    with tenant.enter():
        (waiting,) = sourced.list_backorders(None)
        assert (waiting.state, waiting.quantity) == (BackorderState.CANCELLED, 2)
        (one,) = queries.list_returns(order_id=placed.order_id)
        assert one.status in (ReturnStatus.ACCEPTED, ReturnStatus.REFUNDED) and 0 < one.refund_minor < placed.total_minor
        assert orders.states([placed.order_id]) == {placed.order_id: OrderState.PAID}
        states = {r.state.value for r in goods.list_reservations([placed.order_id])[placed.order_id] if r.sku_id == shop.skus[0]}
        assert "lost" not in states
    assert tenant.verify() == []


def test_an_order_waits_whole_where_the_policy_says_so(tenant: Any, make_buyers: Any) -> None:
    """What is picked already is not packed, what is not picked is not picked, until all of it is there."""
    shop = stock(tenant, make_buyers, ((4, 9),))
    with tenant.enter():
        sourcing.set_policy(Policy(shortfall=Shortfall.WAIT))
    shop.paid([(0, 2), (1, 1)])
    (picked,) = shop.wave()
    shop.paid([(0, 2), (1, 1)])
    with tenant.enter():
        inventory.track_lots([LotRule(shop.skus[0])])
        inventory.hold_lots([one.lot_id for one in goods.list_lots(shop.skus[0])], "check")
    tenant.drain()
    with tenant.enter():
        assert [one.shortfall for one in sourced.list_backorders()] == [Shortfall.WAIT] * 2
        assert [code_of(one) for one in sending.pack([NewParcel(picked.fulfillment_id)])] == ["waits_for_goods"]
        with pytest.raises(sending.NothingToPick):
            sending.release_wave(shop.warehouses[0])
        inventory.release_lots([one.lot_id for one in goods.list_lots(shop.skus[0])], "fine")
        inventory.mend_due(clock.now())
    tenant.drain()
    assert len(shop.wave()) == 1
    with tenant.enter():
        assert [code_of(one) for one in sending.pack([NewParcel(picked.fulfillment_id)])] == ["done"]
    assert tenant.verify() == []


def test_what_is_paid_after_its_warehouse_closed_waits_there(tenant: Any, make_buyers: Any) -> None:
    shop = stock(tenant, make_buyers, ((3, 0), (0, 3), (0, 3)))
    with tenant.enter():
        sourcing.set_policy(Policy(is_on=True))
        (placed,) = placing.place_orders([PlaceOrder(shop.buyers[0], ((shop.skus[0], 2),), recipient=RECIPIENT)])
        inventory.set_warehouse_active(shop.warehouses[0], False)
    tenant.drain()
    with tenant.enter():
        assert sourced.list_backorders() == [], "nobody has paid"
        pay(placed.order_id)
    tenant.drain()
    with tenant.enter():
        assert [(one.quantity, one.cause) for one in sourced.list_backorders()] == [(2, Cause.WAREHOUSE_CLOSED)]
    assert tenant.verify() == []
