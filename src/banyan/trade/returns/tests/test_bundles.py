"""What came as a bundle goes back part by part, for what each part was paid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from banyan.goods.catalog import commands as catalog
from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.catalog.types import SkuPart
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import NewWarehouse, Receipt
from banyan.kernel import ids
from banyan.trade.orders import commands as orders
from banyan.trade.orders import queries as order_queries
from banyan.trade.returns.tests.making import capture, deliver


def test_the_parts_of_a_bundle_go_back_for_its_price(tenant: Any, make_buyers: Any, call_as: Callable[..., Any]) -> None:
    with tenant.enter():
        bundle, tea, cup = make_skus([1000, 700, 300])
        (warehouse,) = inventory.open_warehouses([NewWarehouse("w", "仓")])
        inventory.receive_stock([Receipt(warehouse, tea, 5), Receipt(warehouse, cup, 5)])
        catalog.set_parts(bundle, [SkuPart(tea, 1), SkuPart(cup, 2)])
        (buyer,) = make_buyers(1)
        owner, operator = call_as("consumer", buyer), call_as("operator")
    name = ids.public("sku", bundle)
    status, placed = owner("POST", "/orders", {"lines": [{"sku_id": name, "quantity": 2}]})
    assert (status, placed["total_minor"]) == (201, 2000)
    order_id = ids.parse("ord", placed["id"])
    with tenant.enter():
        orders.open_payments([order_id], "wechat_pay")  # type: ignore[list-item]
        capture([order_id])
    tenant.drain()
    with tenant.enter():
        found = order_queries.get_order(order_id)  # type: ignore[arg-type]
    deliver(tenant, [found])
    tea_line, cup_line = placed["line_ids"]
    instead = [{"line_id": tea_line, "quantity": 1, "exchange_sku_id": name}]
    swap = {"order_id": placed["id"], "mode": "exchange", "reason": "换", "lines": instead}
    status, refused = owner("POST", "/returns", swap)
    assert (status, refused["error"]["code"]) == (422, "return_not_exchangeable")
    refunds = []
    for line, quantity in ((cup_line, 1), (cup_line, 3), (tea_line, 2)):
        claimed = [{"line_id": line, "quantity": quantity}]
        body = {"order_id": placed["id"], "mode": "goods_back", "reason": "退", "lines": claimed}
        status, asked = owner("POST", "/returns", body)
        assert status == 201, asked
        path, inspected = f"/returns/{asked['return_id']}", {"line_id": line, "restock_quantity": quantity, "scrap_quantity": 0}
        operator("POST", f"{path}/approve")
        assert operator("POST", f"{path}/receive", {"inspections": [inspected]})[0] == 200
        refunds.append(operator("POST", f"{path}/accept")[1]["refund_minor"])
    assert sum(refunds) == 2000 and refunds[0] == 923 // 4, "1,400 and 1,200 share 2,000 as 1,077 and 923"
    tenant.drain()
    with tenant.enter():
        assert stock.available([bundle, tea, cup]) == {bundle: 2, tea: 5, cup: 5}
    assert tenant.verify() == []
