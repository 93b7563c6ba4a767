"""An order that leaves in parts: pieces, movements and states follow; nothing leaves twice."""

from __future__ import annotations

from typing import Any

import pytest

from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import NewWarehouse, Receipt, ReturnedGoods
from banyan.kernel import clock, sql
from banyan.kernel.values.errors import Invalid
from banyan.trade.orders import commands, queries
from banyan.trade.orders.tests.test_paying import kinds, pay
from banyan.trade.orders.types import LeavingLine, OrderState, PartShipment, PlaceOrder, Refused, Shipment


def paid_order(tenant: Any, make_buyers: Any) -> tuple[Any, Any, Any]:
    """A paid order of 3 and 2 pieces in one warehouse, with its two line ids."""
    with tenant.enter():
        skus = make_skus([100, 200])
        (warehouse,) = inventory.open_warehouses([NewWarehouse("w", "仓")])
        inventory.receive_stock([Receipt(warehouse, sku, 5) for sku in skus])
        (placed,) = commands.place_orders([PlaceOrder(make_buyers(1)[0], ((skus[0], 3), (skus[1], 2)))])
        pay(placed.order_id)
    tenant.drain()
    return placed, warehouse, skus


def part(placed: Any, warehouse: Any, *pieces: tuple[int, int]) -> PartShipment:
    lines = tuple(LeavingLine(placed.line_ids[position], warehouse, quantity) for position, quantity in pieces)
    return PartShipment(placed.order_id, lines, "顺丰", f"SF{pieces}")


def code_of(outcome: Any) -> str:
    return outcome.code if isinstance(outcome, Refused) else "done"


def test_pieces_leave_one_after_the_other(tenant: Any, make_buyers: Any) -> None:
    placed, warehouse, skus = paid_order(tenant, make_buyers)
    with tenant.enter():
        assert commands.ship_parts([part(placed, warehouse, (0, 1))]) == [placed.order_id]
        assert queries.get_order(placed.order_id).state is OrderState.PARTLY_SHIPPED
        assert [level.on_hand for level in stock.stock_levels(skus)] == [5, 4]
        assert queries.list_to_ship()[0][1] == placed.order_id
        # Whole shipping, cancelling and a second helping of the same pieces are refused, and change nothing.
        assert code_of(commands.ship([Shipment(placed.order_id)])[0]) == "wrong_state"
        assert code_of(commands.cancel_refunded([placed.order_id])[0]) == "wrong_state"
        assert code_of(commands.ship_parts([part(placed, warehouse, (0, 3))])[0]) == "not_allocated"
    assert tenant.verify() == []
    with tenant.enter():
        outcomes = commands.ship_parts([part(placed, warehouse, (0, 2)), part(placed, warehouse, (1, 2))])
        assert outcomes == [placed.order_id, placed.order_id]
        order = queries.get_order(placed.order_id)
        assert (order.state, order.shipped_at is not None) == (OrderState.SHIPPED, True)
        assert len(queries.list_shipments(placed.order_id)) == 3
        assert queries.list_to_ship() == []
        assert commands.receive_due(order.shipped_at.replace(year=2099)) == 0  # its parcels say when it was received
        assert commands.receive([placed.order_id]) == [placed.order_id]
    assert kinds(tenant) == ["placed", "paid", "partly_shipped", "shipped", "received"]
    assert tenant.verify() == []


def test_one_bad_part_refuses_its_order_only(tenant: Any, make_buyers: Any) -> None:
    first, warehouse, _ = paid_order(tenant, make_buyers)
    with tenant.enter():
        other = inventory.open_warehouses([NewWarehouse("v", "空仓")])[0]
        bad = [part(first, warehouse, (0, 1)), part(first, other, (1, 1))]
        assert [code_of(outcome) for outcome in commands.ship_parts(bad)] == ["not_allocated", "not_allocated"]
        assert queries.get_order(first.order_id).state is OrderState.PAID
        with pytest.raises(Invalid):
            commands.ship_parts([part(first, warehouse, (0, 0))])
        missing = PartShipment(type(first.order_id)(1), bad[0].lines)
        assert code_of(commands.ship_parts([missing])[0]) == "order_not_found"
    assert tenant.verify() == []


def test_the_rest_is_given_back(tenant: Any, make_buyers: Any) -> None:
    placed, warehouse, skus = paid_order(tenant, make_buyers)
    with tenant.enter():
        commands.ship_parts([part(placed, warehouse, (0, 3))])
        inventory.release_lines([ReturnedGoods(placed.order_id, placed.line_ids[1], skus[1], 2, "x")])
        assert commands.finish_shipping([placed.order_id]) == {placed.order_id}
        assert commands.finish_shipping([placed.order_id]) == set()
        assert queries.states([placed.order_id]) == {placed.order_id: OrderState.SHIPPED}
    assert tenant.verify() == []


def test_a_partly_shipped_order_that_owes_nothing_is_found(tenant: Any, make_buyers: Any) -> None:
    placed, warehouse, _ = paid_order(tenant, make_buyers)
    with tenant.enter():
        commands.ship_parts([part(placed, warehouse, (0, 3), (1, 2))], clock.now())
        sql.execute("UPDATE orders_orders SET state = 'partly_shipped' WHERE id = %s", (placed.order_id,))
    assert [finding.check for finding in tenant.verify()] == ["orders.goods"]
