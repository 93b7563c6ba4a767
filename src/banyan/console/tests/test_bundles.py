"""What a bundle consists of, set on its page, and seen where it was bought and given back."""

from __future__ import annotations

from typing import Any

from banyan.console.tests.conftest import Staffed
from banyan.goods.catalog import commands as catalog
from banyan.goods.catalog import queries
from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.catalog.types import SkuPart
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory.types import NewWarehouse, Receipt
from banyan.kernel import ids
from banyan.people.identity.types import Role
from banyan.trade.orders import commands as orders
from banyan.trade.orders import queries as order_queries
from banyan.trade.orders.types import Placed, PlaceOrder
from banyan.trade.returns import commands as returns
from banyan.trade.returns.tests.making import capture, claim, deliver


def text_of(answer: Any) -> str:
    return str(answer.content.decode())


def test_parts_are_pasted_all_or_none(staffed: Staffed) -> None:
    with staffed.shop.enter():
        bundle, tea, cup = make_skus([1000, 700, 300])
        codes = {sku: code for sku, (code, _name) in queries.sku_names([bundle, tea, cup]).items()}
    operator, warehouse = staffed.client(Role.OPERATOR), staffed.client(Role.WAREHOUSE)
    page = f"/console/goods/{ids.public('sku', bundle)}/parts"
    assert f"{page}/put" in text_of(operator.get(page)) and f"{page}/put" not in text_of(warehouse.get(page))
    assert warehouse.post(f"{page}/put", {"lines": f"{codes[tea]} 2"}).status_code == 403
    for lines, said in (
        (f"{codes[tea]} 1\nNO-SUCH 2", "NO-SUCH"),
        (f"{codes[tea]} two", "每行为货号与件数"),
        (f"{codes[tea]} 1", "套装价高于"),
        (f"{codes[bundle]} 1", "不能包含自身"),
    ):
        refused = text_of(operator.post(f"{page}/put", {"lines": lines}))
        assert said in refused and lines.split()[0] in refused
        with staffed.shop.enter():
            assert queries.parts_of([bundle]) == {}
    assert operator.post(f"{page}/put", {"lines": f"{codes[tea]}\n{codes[cup]}\uff0c2"})["Location"] == page
    with staffed.shop.enter():
        assert queries.parts_of([bundle]) == {bundle: (SkuPart(tea, 1), SkuPart(cup, 2))}
    assert "13.00" in text_of(operator.get(page)), "what the parts cost one by one"
    assert page in text_of(operator.get(f"/console/catalog/sku/{bundle}/change/"))
    operator.post(f"{page}/put", {"lines": ""})
    with staffed.shop.enter():
        assert queries.parts_of([bundle]) == {}
    assert operator.get(f"/console/goods/{ids.public('ord', bundle)}/parts").status_code == 404


def test_the_order_and_the_return_say_which_bundle_it_was(staffed: Staffed) -> None:
    with staffed.shop.enter():
        bundle, tea = make_skus([1000, 700])
        (warehouse,) = inventory.open_warehouses([NewWarehouse("w", "仓")])
        inventory.receive_stock([Receipt(warehouse, tea, 10)])
        catalog.set_parts(bundle, [SkuPart(tea, 2)])
        code = queries.sku_names([bundle])[bundle][0]
        (placed,) = orders.place_orders([PlaceOrder(staffed.people[Role.CONSUMER], ((bundle, 1),))])  # type: ignore[arg-type]
        assert isinstance(placed, Placed)
        orders.open_payments([placed.order_id], "wechat_pay")
        capture([placed.order_id])
    staffed.shop.drain()
    with staffed.shop.enter():
        order = order_queries.get_order(placed.order_id)
    deliver(staffed.shop, [order])
    with staffed.shop.enter():
        (asked,) = returns.request_returns([claim(order, [(0, 1, 0)])])
    operator = staffed.client(Role.OPERATOR)
    public = ids.public("ord", order.order_id)
    for page in (f"/console/orders/{public}/money", f"/console/returns/{ids.public('ret', asked.return_id or 0)}"):
        shown = text_of(operator.get(page, follow=True))
        assert "来自套装" in shown and code in shown, page
    assert ids.public("sku", bundle) in text_of(operator.get(f"/console/orders/order/{order.order_id}/change/"))
    assert staffed.shop.verify() == []
