"""A bundle is bought as its parts: quoted, placed, short, raced for, given back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from banyan.goods.catalog import commands as catalog
from banyan.goods.catalog.queries import sku_facts
from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.catalog.types import PriceChange, SkuPart
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import NewWarehouse, Receipt
from banyan.kernel import clock, ids, sql
from banyan.trade.offers import commands as offers
from banyan.trade.offers.types import NewOffer
from banyan.trade.orders import commands, queries
from banyan.trade.orders.types import Placed, PlaceOrder, Refused

PIECES = 50


def bundled(prices: list[int], parts: list[int], pieces: int = PIECES) -> list[Any]:
    """A bundle of the first price and its parts of the others, so many of each; the parts are stocked."""
    bundle, *skus = make_skus(prices)
    (warehouse,) = inventory.open_warehouses([NewWarehouse("w", "仓")])
    inventory.receive_stock([Receipt(warehouse, sku, pieces) for sku in skus])
    catalog.set_parts(bundle, [SkuPart(sku, quantity) for sku, quantity in zip(skus, parts, strict=True)])
    return [bundle, *skus]


def test_an_order_has_the_parts_and_remembers_the_bundle(tenant: Any, make_buyers: Any) -> None:
    with tenant.enter():
        bundle, tea, cup = bundled([1000, 700, 300], [1, 2])
        (buyer,) = make_buyers(1)
        wanted = PlaceOrder(buyer, ((bundle, 3), (tea, 2)), shipping_minor=800, discount_minor=100)
        (placed,) = commands.place_orders([wanted])
        assert isinstance(placed, Placed) and placed.total_minor == 3 * 1000 + 2 * 700 - 100 + 800
        order = queries.get_order(placed.order_id)
        assert [line.line_id for line in order.lines] == list(placed.line_ids)
        seen = [(line.sku.sku_id, line.quantity, line.gross_minor, line.bundle_sku_id) for line in order.lines]
        assert seen == [(tea, 3, 2100, bundle), (cup, 6, 1800, bundle), (tea, 2, 1400, None)]
        assert sum(line.payable_minor for line in order.lines[:2]) == pytest.approx(3000 - 100 * 3000 / 4400, abs=1)
        assert stock.available([bundle, tea, cup]) == {bundle: 22, tea: 45, cup: 44}
    assert tenant.verify() == []


def test_one_cart_is_summed_over_bundles_and_single_lines(tenant: Any, make_buyers: Any) -> None:
    with tenant.enter():
        bundle, tea = bundled([900, 500], [2], pieces=5)
        (other,) = make_skus([400])
        catalog.set_parts(other, [SkuPart(tea, 1)])
        (buyer,) = make_buyers(1)
        cart = ((bundle, 1), (other, 1), (bundle, 1), (tea, 1))
        short, served = commands.place_orders([PlaceOrder(buyer, cart), PlaceOrder(buyer, cart[1:])])
        assert isinstance(short, Refused) and short.code == "out_of_stock"
        assert short.details["shortages"] == [{"sku_id": ids.public("sku", tea), "requested": 6, "available": 5}]
        assert isinstance(served, Placed) and stock.available([tea, bundle, other]) == {tea: 1, bundle: 0, other: 1}
    assert tenant.verify() == []


def test_moved_prices_and_goods_off_sale_are_refused_in_words(tenant: Any, make_buyers: Any) -> None:
    with tenant.enter():
        bundle, tea = bundled([1000, 500], [2])
        (buyer,) = make_buyers(1)
        request = PlaceOrder(buyer, ((bundle, 1),))
        catalog.change_prices([PriceChange(tea, 499)])
        (dear,) = commands.place_orders([request])
        assert isinstance(dear, Refused) and (dear.code, dear.details["parts_minor"]) == ("bundle_overpriced", 998)
        catalog.change_prices([PriceChange(tea, 600)])
        catalog.set_on_sale([tea], False)
        (gone,) = commands.place_orders([request])
        assert isinstance(gone, Refused) and gone.code == "not_on_sale"
        catalog.set_on_sale([tea], True)
        many = commands.place_orders([PlaceOrder(buyer, ((bundle, 0),)), request])
        assert [one.code if isinstance(one, Refused) else "placed" for one in many] == ["bad_amounts", "placed"]


def test_no_flash_sale_of_a_bundle_and_no_sale_pieces_in_one(tenant: Any, make_buyers: Any) -> None:
    now = clock.now()
    with tenant.enter():
        bundle, tea = bundled([900, 500], [2], pieces=10)
        (buyer,) = make_buyers(1)
        sale = NewOffer("秒杀", bundle, 1, 1, 1, now - timedelta(seconds=1), now + timedelta(hours=1), 0, 0)
        with pytest.raises(offers.BundleOffered):
            offers.plan([sale])
        (offer,) = offers.plan([NewOffer("秒杀", tea, 100, 4, 1, sale.starts_at, sale.ends_at, 0, 0)])
        (placed,) = commands.place_orders([PlaceOrder(buyer, ((tea, 1), (bundle, 3)), offer_id=offer)])
        assert isinstance(placed, Placed) and placed.total_minor == 100 + 2700, "one of the sale, six of everybody's"
        assert stock.available([tea]) == {tea: 0}
    assert tenant.verify() == []


def test_parts_over_http(tenant: Any, call_as: Callable[..., Any]) -> None:
    with tenant.enter():
        bundle, tea = make_skus([900, 500])
        operator, consumer = call_as("operator"), call_as("consumer")
        product = ids.public("prd", sku_facts([bundle])[bundle].product_id)
    path, body = f"/skus/{ids.public('sku', bundle)}/parts", {"parts": [{"sku_id": ids.public("sku", tea), "quantity": 2}]}
    assert consumer("PUT", path, body)[0] == 403
    assert operator("PUT", path, body) == (200, body)
    status, shown = consumer("GET", f"/products/{product}")
    assert (status, shown["skus"][0]["parts"]) == (200, body["parts"])
    status, refused = operator("PUT", path, {"parts": [{"sku_id": ids.public("sku", tea), "quantity": 1}]})
    assert (status, refused["error"]["code"]) == (409, "bundle_overpriced")
    assert operator("PUT", path, {"parts": []}) == (200, {"parts": []})


def test_quoted_placed_and_seen_over_http(tenant: Any, make_buyers: Any, call_as: Callable[..., Any]) -> None:
    with tenant.enter():
        bundle, tea, cup = bundled([1000, 700, 300], [1, 2], pieces=6)
        (buyer,) = make_buyers(1)
        owner, warehouse = call_as("consumer", buyer), call_as("warehouse")
    name, body = ids.public("sku", bundle), {"lines": [{"sku_id": ids.public("sku", bundle), "quantity": 3}]}
    status, quoted = owner("POST", "/quotes", body)
    assert status == 200 and (quoted["gross_minor"], quoted["discount_minor"], quoted["total_minor"]) == (3900, 900, 3000)
    status, placed = owner("POST", "/orders", body)
    assert (status, placed["total_minor"]) == (201, 3000)
    status, shown = owner("GET", f"/orders/{placed['id']}")
    assert status == 200 and [line["bundle_sku_id"] for line in shown["lines"]] == [name, name]
    keys = ("sku_id", "quantity", "unit_price_minor", "payable_minor", "tax_minor", "bundle_sku_id")
    assert [{key: line[key] for key in keys} for line in shown["lines"]] == quoted["lines"]
    assert warehouse("GET", f"/orders/{placed['id']}")[1]["lines"][1]["bundle_sku_id"] == name
    status, refused = owner("POST", "/orders", body)
    assert (status, refused["error"]["code"]) == (409, "out_of_stock")
    assert refused["error"]["details"]["shortages"][0]["sku_id"] == ids.public("sku", cup)
    assert tenant.verify() == []
    assert tea != cup


def test_the_mirror_is_told_of_bundles_too(tenant: Any, make_buyers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[int, int]] = []
    with tenant.enter():
        bundle, tea = bundled([900, 500], [2], pieces=5)
        (buyer,) = make_buyers(1)

        def learn(refused: Any) -> None:
            told.append({one.sku_id: one.available for shortages in refused for one in shortages})

        monkeypatch.setattr(inventory, "learn", learn)
        commands.place_orders([PlaceOrder(buyer, ((bundle, 3),))])
    assert told == [{tea: 5, bundle: 2}]


def test_without_bundles_placing_reads_nothing_more(tenant: Any, make_buyers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle costs one read of the catalog more, of its parts; plain lines one altogether."""
    fetch, reads = sql.fetch, []

    def counted(query: str, params: Any = ()) -> Any:
        if "catalog_" in query:
            reads.append(query)
        return fetch(query, params)

    with tenant.enter():
        bundle, tea = bundled([900, 500], [2])
        (buyer,) = make_buyers(1)
        monkeypatch.setattr(sql, "fetch", counted)
        for cart, count in (((tea, 1), (tea, 2)), 1), (((bundle, 1),), 2), (((bundle, 1), (tea, 1)), 1):
            reads.clear()
            (outcome,) = commands.place_orders([PlaceOrder(buyer, cart)])
            assert isinstance(outcome, Placed) and len(reads) == count


def test_buyers_of_bundles_and_of_a_part_share_exactly_the_stock(tenant: Any, make_buyers: Any) -> None:
    """50 pieces; bundles of two and single pieces are wanted by many at once, who come back until nothing is left."""
    with tenant.enter():
        bundle, tea, cup = bundled([1000, 500, 300], [2, 1])
        buyers = make_buyers(8)
    gate = threading.Barrier(len(buyers))
    sold: list[int] = []

    def buy(number: int) -> None:
        sku, pieces = (bundle, 2) if number % 2 else (tea, 1)
        try:
            gate.wait(60)
            while True:
                with tenant.enter():
                    (outcome,) = commands.place_orders([PlaceOrder(buyers[number], ((sku, 1),))])
                if isinstance(outcome, Refused):
                    assert outcome.code == "out_of_stock"
                    return
                sold.append(pieces)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=buy, args=(number,)) for number in range(len(buyers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sold) == PIECES, sold
    with tenant.enter():
        assert stock.available([tea, bundle]) == {tea: 0, bundle: 0}
        (level,) = stock.stock_levels([cup])
        assert level.reserved == sold.count(2)
        kept = sql.fetch("SELECT count(*)::bigint FROM orders_lines WHERE bundle_sku_id = %s", (bundle,))
        assert kept == [(2 * sold.count(2),)], "a line of each part"
    assert tenant.verify() == []
