"""Placing: whole or refused, once, with everything frozen."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction

from banyan.goods.catalog import commands as catalog
from banyan.goods.catalog.queries import sku_facts
from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.catalog.types import PriceChange
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import NewWarehouse, Receipt
from banyan.kernel import clock, sql
from banyan.trade.orders import commands, queries
from banyan.trade.orders.types import OrderState, Placed, PlaceOrder, Policy, Recipient, Refused


def stocked(prices: list[int], quantity: int = 100, **facts: Any) -> list[Any]:
    """SKUs of these prices, each ``quantity`` in one warehouse."""
    skus = make_skus(prices, **facts)
    warehouse = inventory.open_warehouses([NewWarehouse("main", "主仓")])[0]
    inventory.receive_stock([Receipt(warehouse, sku, quantity) for sku in skus])
    return skus


def place(*requests: PlaceOrder) -> list[Any]:
    return commands.place_orders(requests)


def test_an_order_keeps_what_was_true_at_placement(tenant: Any, make_buyers: Any) -> None:
    with tenant.enter():
        a, b = stocked([1000, 333], cost_minor=60, tags=("新品",), tax_bp=1300, supplier_id=5)
        (buyer,) = make_buyers(1)
        (placed,) = place(PlaceOrder(buyer, ((a, 2), (b, 3)), shipping_minor=800, discount_minor=100, channel="h5"))
        assert isinstance(placed, Placed) and placed.total_minor == 2000 + 999 - 100 + 800
        catalog.change_prices([PriceChange(a, 5)])
        catalog.set_on_sale([b], False)
        order = queries.get_order(placed.order_id)
        assert order.state is OrderState.PLACED and order.number == placed.number
        assert [line.line_id for line in order.lines] == list(placed.line_ids)
        first, second = order.lines
        assert (first.sku.price_minor, first.gross_minor, first.quantity) == (1000, 2000, 2)
        assert (first.discount_minor, second.discount_minor) == (67, 33)
        assert first.commissionable_minor == first.payable_minor - first.tax_minor and first.tax_minor > 0
        assert (first.sku.tags, first.sku.cost_minor, first.sku.supplier_id) == (("新品",), 60, 5)
        assert len(first.sku.category_path) == 1
        assert queries.commissionable([placed.order_id]) == []
        assert queries.find_id_by_number(placed.number) == placed.order_id
        assert queries.find_id_by_number(placed.number[:-1] + "x") is None
        assert stock.available([a, b]) == {a: 98, b: 97}
    assert tenant.verify() == []


def test_one_bad_order_does_not_spoil_the_batch(tenant: Any, make_buyers: Any) -> None:
    with tenant.enter():
        a, b, off = stocked([1000, 500, 100], quantity=3)
        catalog.set_on_sale([off], False)
        (buyer,) = make_buyers(1)
        good = PlaceOrder(buyer, ((a, 1),))
        outcomes = place(
            good,
            PlaceOrder(buyer, ()),
            PlaceOrder(buyer, ((a, 0),)),
            PlaceOrder(buyer, ((a, 1), (b, 4))),
            PlaceOrder(buyer, ((99, 1),)),  # type: ignore[arg-type]
            PlaceOrder(buyer, ((off, 1),)),
            PlaceOrder(buyer, ((a, 1),), discount_minor=1001),
            PlaceOrder(buyer, ((a, 1),), shipping_minor=-1),
            PlaceOrder(buyer, ((a, 1),), channel="x" * 21),
            good,
            PlaceOrder(buyer, ((a, 1), (a, 1))),
        )
        codes = [o.code if isinstance(o, Refused) else "placed" for o in outcomes]
        assert codes == [
            "placed", "bad_order", "bad_amounts", "out_of_stock", "unknown_sku", "not_on_sale", "bad_amounts",
            "bad_amounts", "bad_order",
            "placed", "out_of_stock",
        ]  # fmt: skip
        assert outcomes[3].details["shortages"][0] | {"sku_id": ""} == {"sku_id": "", "requested": 4, "available": 3}
        assert outcomes[10].details["shortages"][0]["available"] == 1
        assert len(queries.list_orders()) == 2
    assert tenant.verify() == []


def test_the_commission_switch_is_frozen_too(tenant: Any, make_buyers: Any) -> None:
    with tenant.enter():
        (a,) = stocked([1000])
        (buyer,) = make_buyers(1)
        product = sku_facts([a])[a].product_id
        catalog.set_commissionable([product], False)
        (placed,) = place(PlaceOrder(buyer, ((a, 1),)))
        catalog.set_commissionable([product], True)
        line = queries.get_order(placed.order_id).lines[0]
        assert (line.commissionable_minor, line.sku.commissionable) == (0, False)


def test_a_client_key_places_one_order(tenant: Any, make_buyers: Any) -> None:
    with tenant.enter():
        (a,) = stocked([1000], quantity=5)
        (buyer,) = make_buyers(1)
        request = PlaceOrder(buyer, ((a, 1),), client_key="k1")
        first, twin, other = place(request, request, replace(request, shipping_minor=5))
        assert isinstance(first, Placed) and twin == replace(first, repeated=True)
        assert other.code == "client_key_reused"
    with tenant.enter():
        again, changed = place(request, replace(request, lines=((a, 2),)))
        assert again == replace(first, repeated=True) and changed.code == "client_key_reused"
        greedy = PlaceOrder(buyer, ((a, 9),), client_key="k2")
        assert place(greedy)[0].code == "out_of_stock"
        assert isinstance(place(replace(greedy, lines=((a, 4),)))[0], Placed), "a refused order frees its key"
        assert stock.available([a]) == {a: 0}
    assert tenant.verify() == []


def test_another_shop_may_use_the_same_key(tenant: Any, make_shop: Callable[..., Any], make_buyers: Any) -> None:
    for shop in (tenant, make_shop()):
        with shop.enter():
            (a,) = stocked([1000])
            (buyer,) = make_buyers(1)
            assert isinstance(place(PlaceOrder(buyer, ((a, 1),), client_key="same"))[0], Placed)
            assert len(queries.list_orders()) == 1


def test_the_same_key_from_many_threads_is_one_order(tenant: Any, make_buyers: Any) -> None:
    with tenant.enter():
        (a,) = stocked([1000])
        (buyer,) = make_buyers(1)
    outcomes: list[Any] = []

    def buy() -> None:
        try:
            with tenant.enter():
                outcomes.extend(place(PlaceOrder(buyer, ((a, 1),), client_key="race")))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=buy) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 8 and len({o.order_id for o in outcomes}) == 1
    assert sum(not o.repeated for o in outcomes) == 1
    with tenant.enter():
        assert stock.available([a]) == {a: 99}
    assert tenant.verify() == []


def test_imports_may_name_their_price_and_time(tenant: Any, make_buyers: Any) -> None:
    with tenant.enter():
        (a,) = stocked([1000])
        (buyer,) = make_buyers(1)
        catalog.set_on_sale([a], False)
        commands.set_policy(Policy(payment_window_seconds=60))
        at = clock.now() - timedelta(days=400)
        (placed,) = place(PlaceOrder(buyer, ((a, 3, 255),), placed_at=at))
        order = queries.get_order(placed.order_id)
        assert (order.total_minor, order.placed_at, order.expires_at) == (765, at, at + timedelta(seconds=60))
        assert place(PlaceOrder(buyer, ((a, 3, -1),)))[0].code == "bad_amounts"


def test_the_recipient_is_stored_encrypted(tenant: Any, make_buyers: Any) -> None:
    with tenant.enter():
        (a,) = stocked([1000])
        (buyer,) = make_buyers(1)
        recipient = Recipient("王小明", "13800000000", "杭州市西湖区文三路 1 号", "330106")
        placed, plain = place(PlaceOrder(buyer, ((a, 1),), recipient=recipient), PlaceOrder(buyer, ((a, 1),)))
        assert queries.get_recipient(placed.order_id, whole=True) == recipient
        shown = Recipient("王**", "138******00", "浙江省杭州市西湖区***", "330106")
        assert queries.get_recipient(placed.order_id) == shown, "who does not ask for the whole gets the masked one"
        assert queries.region_codes([placed.order_id, plain.order_id]) == {placed.order_id: "330106"}
        (nowhere,) = place(PlaceOrder(buyer, ((a, 1),), recipient=Recipient("王", "138", "杭州", "Hangzhou")))
        assert (nowhere.code, nowhere.details["field"]) == ("bad_order", "recipient.region_code")
        assert queries.get_recipient(plain.order_id) is None
        stored = b"".join(bytes(v) for v in sql.fetch("SELECT name, phone, address FROM orders_recipients")[0])
        assert "王小明".encode() not in stored and b"13800000000" not in stored


def test_lines_are_facts(tenant: Any, make_buyers: Any) -> None:
    with tenant.enter():
        (a,) = stocked([1000])
        (buyer,) = make_buyers(1)
        place(PlaceOrder(buyer, ((a, 1),)))
    with pytest.raises((IntegrityError, Exception), match=r"refused|denied"), tenant.enter(), transaction.atomic():
        sql.execute("UPDATE orders_lines SET quantity = 2")


def test_verify_finds_planted_damage(tenant: Any, make_buyers: Any) -> None:
    with tenant.enter():
        (a,) = stocked([1000])
        (buyer,) = make_buyers(1)
        (placed,) = place(PlaceOrder(buyer, ((a, 1),)))
        sql.execute("UPDATE orders_orders SET gross_minor = 1001, total_minor = 1001 WHERE id = %s", (placed.order_id,))
    assert {f.check for f in tenant.verify()} == {"orders.totals"}
    with tenant.enter():
        sql.execute(
            "UPDATE orders_orders SET gross_minor = 1000, total_minor = 1000, state = 'paid' WHERE id = %s", (placed.order_id,)
        )
    assert {f.check for f in tenant.verify()} == {"orders.goods"}
