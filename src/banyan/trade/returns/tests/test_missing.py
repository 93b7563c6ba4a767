"""Pieces of a paid order that will not come: waited for, or paid back with the commission, as the shop's policy says."""

from __future__ import annotations

from typing import Any

from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as goods
from banyan.goods.inventory.types import LotRule
from banyan.goods.sourcing import commands as sourcing
from banyan.goods.sourcing import queries as sourced
from banyan.goods.sourcing.types import BackorderState, Cause, Policy, Shortfall
from banyan.trade.fulfillment.tests.making import stock
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import OrderState
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
