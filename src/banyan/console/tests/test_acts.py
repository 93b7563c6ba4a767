"""What the warehouse does in the console: each act calls its command, each refusal is said in words."""

from __future__ import annotations

from banyan.console.tests.asking import page_of, post
from banyan.console.tests.conftest import Staffed
from banyan.kernel import ids
from banyan.people.identity.types import Role


def test_the_warehouse_ships_and_moves_orders_in_no_other_way(staffed: Staffed) -> None:
    from banyan.trade.orders import queries
    from banyan.trade.orders.types import OrderState
    from banyan.trade.returns.tests.making import place_paid

    (order,) = place_paid(staffed.shop, [(1000, 1)])
    warehouse = staffed.client(Role.WAREHOUSE)
    listing = "/console/orders/order/"
    page = page_of(warehouse, listing)
    assert 'value="ship"' in page
    assert 'value="cancel"' not in page and 'value="receive"' not in page

    def state() -> OrderState:
        with staffed.shop.enter():
            return queries.get_order(order.order_id).state

    staffed.client(Role.FINANCE).post(listing, {"action": "ship", "_selected_action": [order.order_id]})
    assert state() is OrderState.PAID
    asked = warehouse.post(listing, {"action": "ship", "_selected_action": [order.order_id]})
    assert state() is OrderState.PAID  # nothing leaves without carrier and tracking number: another page asks for them
    assert order.number in page_of(warehouse, asked["Location"])
    warehouse.post("/console/send/", {"lines": f"{order.number}\t顺丰"})
    assert state() is OrderState.PAID
    assert staffed.client(Role.FINANCE).post("/console/send/", {"lines": f"{order.number} 顺丰 SF1"}).status_code == 403
    warehouse.post("/console/send/", {"lines": f"{order.number}\t顺丰\tSF1234567\t850"})
    assert state() is OrderState.SHIPPED
    warehouse.post(listing, {"action": "receive", "_selected_action": [order.order_id]})
    assert state() is OrderState.SHIPPED


def test_goods_that_come_back_are_inspected_by_the_warehouse_and_accepted_by_the_operator(staffed: Staffed) -> None:
    from banyan.goods.inventory import queries as stock
    from banyan.trade.returns import queries
    from banyan.trade.returns.tests.making import ask, claim, deliver, place_paid
    from banyan.trade.returns.types import ReturnStatus

    (order,) = place_paid(staffed.shop, [(1000, 3)])
    deliver(staffed.shop, [order])
    with staffed.shop.enter():
        return_id = ask(claim(order, [(0, 3, 0)]))
        before = stock.available([order.lines[0].sku.sku_id])[order.lines[0].sku.sku_id]
    address, line = f"/console/returns/{ids.public('ret', return_id)}/", ids.public("oln", order.lines[0].line_id)
    operator, warehouse = staffed.client(Role.OPERATOR), staffed.client(Role.WAREHOUSE)
    assert address in page_of(warehouse, "/console/returns/returnrow/")
    assert f"restock_{line}" not in page_of(warehouse, address)  # not approved yet: nothing is awaited
    assert warehouse.post(f"{address}decide", {"decision": "approve"}).status_code == 403
    assert "已通过" in post(operator, f"{address}decide", decision="approve")
    assert f"restock_{line}" in page_of(warehouse, address)
    assert f"restock_{line}" not in page_of(staffed.client(Role.FINANCE), address)
    for role in (Role.FINANCE, Role.AUDITOR):
        assert staffed.client(role).post(f"{address}receive", {f"restock_{line}": "3"}).status_code == 403
    wrong = post(warehouse, f"{address}receive", **{f"restock_{line}": "1", f"scrap_{line}": "1"})
    assert "入库与报废件数之和与退货件数不符" in wrong
    assert "件数须为整数" in post(warehouse, f"{address}receive", **{f"restock_{line}": "-3"})
    received = post(warehouse, f"{address}receive", **{f"restock_{line}": "2", f"scrap_{line}": "1"})
    assert "已收货质检" in received
    again = post(warehouse, f"{address}receive", **{f"restock_{line}": "3"})
    assert "这份退货当前状态：已收货" in again
    post(operator, f"{address}decide", decision="accept")
    with staffed.shop.enter():
        found = queries.get_return(return_id)
        after = stock.available([order.lines[0].sku.sku_id])[order.lines[0].sku.sku_id]
    assert found.status in (ReturnStatus.ACCEPTED, ReturnStatus.REFUNDED)
    assert (found.lines[0].restock_quantity, found.lines[0].scrap_quantity) == (2, 1)
    assert after == before + 2
    staffed.shop.drain()
    assert staffed.shop.verify() == []


def test_the_warehouse_cannot_decide_in_the_list_either(staffed: Staffed) -> None:
    from banyan.trade.returns import queries
    from banyan.trade.returns.tests.making import ask, claim, deliver, place_paid
    from banyan.trade.returns.types import ReturnStatus

    (order,) = place_paid(staffed.shop, [(1000, 1)])
    deliver(staffed.shop, [order])
    with staffed.shop.enter():
        return_id = ask(claim(order, [(0, 1, 0)]))
    staffed.client(Role.WAREHOUSE).post("/console/returns/returnrow/", {"action": "approve", "_selected_action": [return_id]})
    with staffed.shop.enter():
        assert queries.get_return(return_id).status is ReturnStatus.REQUESTED
