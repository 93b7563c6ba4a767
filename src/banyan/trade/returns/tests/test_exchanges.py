"""Exchanges: only the difference moves, the money goes back the way it came, and every sum stays exact."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import Receipt
from banyan.kernel import clock, sql
from banyan.people.identity.types import UserId
from banyan.trade.fulfillment import commands as fulfillment
from banyan.trade.fulfillment import queries as sending
from banyan.trade.fulfillment.types import CameBack, NewParcel, OrderShipment
from banyan.trade.orders import commands as orders
from banyan.trade.orders import queries as order_queries
from banyan.trade.orders.types import OrderState, PlaceOrder
from banyan.trade.returns import commands, queries
from banyan.trade.returns.tests.making import ask, capture, claim, complete_refunds, deliver, place_paid, take_back, told
from banyan.trade.returns.tests.test_races import accept, at_once
from banyan.trade.returns.types import GoodsReceipt, LineInspection, Mode, ReturnStatus
from banyan.treasury.payments import queries as payments


def stocked(price_minor: int, count: int = 10) -> Any:
    """A SKU with stock, inside an entered tenant."""
    (sku,) = make_skus([price_minor])
    inventory.receive_stock([Receipt(stock.list_warehouses()[0].warehouse_id, sku, count)])
    return sku


def exchange(order: Any, quantity: int, sku: Any = None, *, deducted: int = 0, key: str = "exchange") -> Any:
    """The whole way of an exchange of the order's first line, to accepted."""
    request = claim(order, [(0, quantity, 0)], Mode.EXCHANGE, key=key, wanted=sku)
    return_id = ask(request)
    told(commands.approve([return_id], 11)[0])
    found = LineInspection(
        order.lines[0].line_id, quantity, deducted_minor=deducted, deduction_reason="有划痕" if deducted else ""
    )
    told(commands.receive([GoodsReceipt(return_id, (found,), 12)])[0])
    told(commands.accept([return_id])[0])
    return queries.get_return(return_id)


def replacement(one: Any) -> Any:
    return order_queries.get_order(one.replacement_order_id)


def refunds(order_id: int) -> list[int]:
    return [one.amount_minor for one in payments.list_refunds(order_id=order_id)]


def pay(shop: Any, order_id: int) -> None:
    with shop.enter():
        orders.open_payments([order_id], "wechat_pay")
        capture([order_id])
    shop.drain()


def test_the_same_again_moves_no_money_and_can_be_returned_later(tenant: Any) -> None:
    """1,000 for three pieces: each is worth 333 and a third, and no cent is lost over exchange and returns."""
    (order,) = place_paid(tenant, [(1000, 3)], discount_minor=2000)
    deliver(tenant, [order])
    with tenant.enter():
        one = exchange(order, 2)
        assert (one.status, one.refund_minor, one.difference_minor) == (ReturnStatus.EXCHANGED, 0, 0)
        other = replacement(one)
        assert (other.state, other.total_minor, other.channel) == (OrderState.PAID, 0, "exchange")
        assert other.lines[0].sku.sku_id == order.lines[0].sku.sku_id and other.lines[0].quantity == 2
        assert refunds(order.order_id) == []
        with pytest.raises(commands.ExceedsSold):
            ask(claim(order, [(0, 2, 0)], key="already exchanged"))
    tenant.drain()
    assert tenant.verify() == []
    deliver(tenant, [other])
    with tenant.enter():
        left = queries.list_left(other)
        assert [(line.quantity, line.amount_minor) for line in left] == [(2, 666)]
        first = take_back(claim(other, [(0, 1, 0)], key="first of the replaced"))
        assert first.refund_minor == 333
        assert take_back(claim(other, [(0, 1, 0)], key="second")).refund_minor == 333
        assert take_back(claim(order, [(0, 1, 0)], key="the one that was kept")).refund_minor == 334
        assert sorted(refunds(order.order_id)) == [333, 333, 334] and refunds(other.order_id) == []
        parts = queries.list_refund_parts(first.return_id)
        assert [(part.order_id, part.key) for part in parts] == [(order.order_id, f"return/{first.return_id}/1/{order.order_id}")]
    complete_refunds(tenant, order.order_id)
    with tenant.enter():
        assert queries.get_return(first.return_id).status is ReturnStatus.REFUNDED
    assert tenant.verify() == []


def test_nobodys_client_key_stands_in_the_way_of_a_replacement(tenant: Any, monkeypatch: Any) -> None:
    first, second = place_paid(tenant, [(1000, 1)], count=2)
    deliver(tenant, [first, second])
    with tenant.enter():
        returned = []
        for order in (first, second):
            return_id = ask(claim(order, [(0, 1, 0)], Mode.EXCHANGE, key=f"key of {order.order_id}"))
            told(commands.approve([return_id], 11)[0])
            told(commands.receive([GoodsReceipt(return_id, (LineInspection(order.lines[0].line_id, 1),), 12)])[0])
            returned.append(return_id)
        orders.place_orders([PlaceOrder(UserId(8), ((stocked(50), 1),), client_key=f"exchange/{returned[0]}")])
        run, asked = sql.fetch, []
        monkeypatch.setattr(sql, "fetch", lambda text, *params: (asked.append(text), run(text, *params))[1])
        assert [told(one).status for one in commands.accept(returned)] == [ReturnStatus.ACCEPTED] * 2
        assert sum("FROM orders_recipients" in text and "address" in text for text in asked) == 1, "one query for all"
    tenant.drain()
    assert tenant.verify() == []


def test_a_cheaper_one_refunds_the_difference(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 2)])
    deliver(tenant, [order])
    with tenant.enter():
        one = exchange(order, 1, stocked(700))
        assert (one.status, one.refund_minor, one.difference_minor) == (ReturnStatus.ACCEPTED, 300, -300)
        assert replacement(one).total_minor == 0
        other = replacement(one)
    complete_refunds(tenant, order.order_id)
    deliver(tenant, [other])
    with tenant.enter():
        assert queries.get_return(one.return_id).status is ReturnStatus.REFUNDED
        assert take_back(claim(other, [(0, 1, 0)], key="back")).refund_minor == 700
        assert take_back(claim(order, [(0, 1, 0)], key="kept")).refund_minor == 1000
        assert sum(refunds(order.order_id)) == order.total_minor
    tenant.drain()
    assert tenant.verify() == []


def test_a_dearer_one_waits_for_the_difference_and_goes_back_both_ways(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 2)], shipping_minor=100)
    deliver(tenant, [order])
    with tenant.enter():
        one = exchange(order, 1, stocked(1500))
        other = replacement(one)
        assert (one.difference_minor, other.state, other.total_minor) == (500, OrderState.PLACED, 500)
    pay(tenant, other.order_id)
    deliver(tenant, [other])
    with tenant.enter():
        back = take_back(claim(other, [(0, 1, 0)], key="back"))
        assert back.refund_minor == 1500
        assert (refunds(other.order_id), refunds(order.order_id)) == ([500], [1000])
        assert {part.order_id: part.amount_minor for part in queries.list_refund_parts(back.return_id)} == {
            other.order_id: 500,
            order.order_id: 1000,
        }
    complete_refunds(tenant, order.order_id)
    with tenant.enter():
        assert queries.get_return(back.return_id).status is ReturnStatus.ACCEPTED  # one part is still on its way
    complete_refunds(tenant, other.order_id)
    with tenant.enter():
        assert queries.get_return(back.return_id).status is ReturnStatus.REFUNDED
    assert tenant.verify() == []


def test_a_difference_that_nobody_pays_becomes_a_refund(tenant: Any, driven_clock: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 2)])
    deliver(tenant, [order])
    with tenant.enter():
        sku = stocked(1500, 1)
        one = exchange(order, 1, sku)
        assert stock.available([sku])[sku] == 0
    driven_clock(clock.now() + timedelta(days=3, seconds=1))
    with tenant.enter():
        assert orders.expire_due() == 1
    tenant.drain()
    with tenant.enter():
        undone = queries.get_return(one.return_id)
        assert (undone.status, undone.refund_minor, refunds(order.order_id)) == (ReturnStatus.ACCEPTED, 1000, [1000])
        assert stock.available([sku])[sku] == 1
    assert tenant.verify() == []
    complete_refunds(tenant, order.order_id)
    with tenant.enter():
        assert queries.get_return(one.return_id).status is ReturnStatus.REFUNDED
        assert commands.undo_unpaid([one.replacement_order_id]) == 0
    assert tenant.verify() == []


def test_an_exchange_of_the_exchanged_keeps_the_way_of_the_money(tenant: Any) -> None:
    """Three pieces of goods later the buyer gives up: what he paid goes back to the two payments that he made."""
    (order,) = place_paid(tenant, [(1000, 1)])
    deliver(tenant, [order])
    with tenant.enter():
        one = exchange(order, 1, stocked(1400))
        second = replacement(one)
    pay(tenant, second.order_id)
    deliver(tenant, [second])
    with tenant.enter():
        two = exchange(second, 1, stocked(1300), key="again")
        third = replacement(two)
        assert two.refund_minor == 100 and refunds(second.order_id) == [100]
    deliver(tenant, [third])
    with tenant.enter():
        take_back(claim(third, [(0, 1, 0)], key="enough"))
        assert sum(refunds(second.order_id)) == 400 and refunds(order.order_id) == [1000]
    tenant.drain()
    assert tenant.verify() == []


def test_damage_found_in_an_exchange_is_paid_by_the_buyer(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 1)])
    deliver(tenant, [order])
    with tenant.enter():
        one = exchange(order, 1, deducted=150)
        other = replacement(one)
        assert (one.difference_minor, other.total_minor, one.lines[0].deducted_minor) == (150, 150, 150)
    pay(tenant, other.order_id)
    assert tenant.verify() == []


def test_what_is_wanted_is_held_from_the_approval_on(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 3)])
    deliver(tenant, [order])
    with tenant.enter():
        sku = stocked(1000, 1)
        first = ask(claim(order, [(0, 1, 0)], Mode.EXCHANGE, key="1", wanted=sku))
        second = ask(claim(order, [(0, 1, 0)], Mode.EXCHANGE, key="2", wanted=sku))
        assert stock.available([sku])[sku] == 1
        told(commands.approve([first], 1)[0])
        assert stock.available([sku])[sku] == 0
        with pytest.raises(commands.ReplacementMissing):
            told(commands.approve([second], 1)[0])
        assert queries.get_return(second).status is ReturnStatus.REQUESTED
        told(commands.withdraw([first], 7)[0])
        assert stock.available([sku])[sku] == 1
        told(commands.approve([second], 1)[0])
        told(commands.refund_instead([second])[0])
        assert (queries.get_return(second).mode, stock.available([sku])[sku]) == (Mode.GOODS_BACK, 1)
    assert tenant.verify() == []


def test_what_cannot_be_exchanged_is_refused(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 3), (500, 1)])
    deliver(tenant, [order])
    with tenant.enter():
        two_lines = claim(order, [(0, 1, 0), (1, 1, 0)], Mode.EXCHANGE, key="two lines")
        not_there = claim(order, [(0, 1, 0)], Mode.EXCHANGE, key="nothing", wanted=5)
        no_exchange = claim(order, [(0, 1, 0)], Mode.GOODS_BACK, key="no exchange", wanted=order.lines[0].sku.sku_id)
        for request in (two_lines, not_there, no_exchange):
            with pytest.raises(commands.NotExchangeable):
                ask(request)
        assert sql.fetch("SELECT count(*)::bigint FROM returns") == [(0,)]


def test_one_exchange_accepted_by_eight_at_once_sends_one_replacement(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 1)])
    deliver(tenant, [order])
    with tenant.enter():
        return_id = ask(claim(order, [(0, 1, 0)], Mode.EXCHANGE))
        told(commands.approve([return_id], 11)[0])
        told(commands.receive([GoodsReceipt(return_id, (LineInspection(order.lines[0].line_id, 1),), 12)])[0])
    answers = at_once([lambda: accept(tenant, return_id)] * 8)
    assert sorted(answers) == ["accepted"] + ["return_status"] * 7
    with tenant.enter():
        assert sql.fetch("SELECT count(*)::bigint FROM orders_orders WHERE channel = 'exchange'") == [(1,)]
    tenant.drain()
    assert tenant.verify() == []


def test_a_replacement_and_its_source_given_back_at_once_never_exceed_what_was_paid(tenant: Any) -> None:
    """Two returns draw from one payment: the exchanged piece's and the kept one's; both orders are locked, lowest id first."""
    (order,) = place_paid(tenant, [(1000, 2)])
    deliver(tenant, [order])
    with tenant.enter():
        other = replacement(exchange(order, 1))
    deliver(tenant, [other])
    with tenant.enter():
        found = []
        for wanted in (other, order):
            return_id = ask(claim(wanted, [(0, 1, 0)], key=f"both {wanted.order_id}"))
            told(commands.approve([return_id], 11)[0])
            told(commands.receive([GoodsReceipt(return_id, (LineInspection(wanted.lines[0].line_id, 1),), 12)])[0])
            found.append(return_id)
    assert at_once([lambda one=one: accept(tenant, one) for one in found]) == ["accepted", "accepted"]
    with tenant.enter():
        assert sorted(refunds(order.order_id)) == [1000, 1000]
    tenant.drain()
    assert tenant.verify() == []


def test_what_was_packed_is_not_refunded_before_it_is_unpacked(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 2)])
    with tenant.enter():
        fulfillment.release_wave(stock.list_warehouses()[0].warehouse_id)
        (held,) = sending.list_fulfillments(order_ids=[order.order_id], limit=None)
        (parcel,) = fulfillment.pack([NewParcel(held.fulfillment_id)])
        return_id = ask(claim(order, [(0, 1, 0)], Mode.UNSHIPPED))
        told(commands.approve([return_id], 1)[0])
        with pytest.raises(fulfillment.AlreadyPacked):
            told(commands.accept([return_id])[0])
        fulfillment.unpack([parcel])
        told(commands.accept([return_id])[0])
        assert refunds(order.order_id) == [1000]
    tenant.drain()
    assert tenant.verify() == []


def test_an_exchange_is_no_order_given_back_until_its_goods_come_back(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 2)])
    deliver(tenant, [order])
    with tenant.enter():
        other = replacement(exchange(order, 1, stocked(700)))
        assert whole_by_order() == {order.order_id: False}
        take_back(claim(order, [(0, 1, 0)], key="kept"))
        assert whole_by_order() == {order.order_id: False}, "700 of it are with the buyer as other goods"
    tenant.drain()
    deliver(tenant, [other])
    with tenant.enter():
        take_back(claim(other, [(0, 1, 0)], key="back"))
        assert whole_by_order() == {order.order_id: True, other.order_id: True}
    tenant.drain()
    assert tenant.verify() == []


def whole_by_order() -> dict[int, bool]:
    """What the latest fact of each order says."""
    rows = sql.fetch("SELECT payload FROM outbox_events WHERE kind = 'returns.return_accepted' ORDER BY id")
    return {fact["order_id"]: fact["is_whole"] for (fact,) in rows}


def test_a_replacement_that_came_back_undelivered_is_worth_what_was_carried_on(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 1)])
    deliver(tenant, [order])
    with tenant.enter():
        other = replacement(exchange(order, 1))
        (parcel_id,) = fulfillment.ship_orders([OrderShipment(other.order_id, "顺丰", "SF1")])
        fulfillment.take_back([CameBack(parcel_id, ())])  # type: ignore[arg-type]
    tenant.drain()
    with tenant.enter():
        (asked,) = queries.list_returns(order_id=other.order_id)
        assert asked.lines[0].amount_minor == 1000
        told(commands.approve([asked.return_id], 11)[0])
        told(commands.accept([asked.return_id])[0])
        assert refunds(order.order_id) == [1000]
    tenant.drain()
    assert tenant.verify() == []


def test_the_event_has_what_points_and_coupons_need(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 2)], shipping_minor=300)
    deliver(tenant, [order])
    with tenant.enter():
        take_back(claim(order, [(0, 1, 0)], key="1"))
        take_back(claim(order, [(0, 1, 0)], key="2"))
        rows = sql.fetch("SELECT payload FROM outbox_events WHERE kind = 'returns.return_accepted' ORDER BY id")
    told_facts = [(fact["buyer_id"], fact["currency"], fact["mode"], fact["is_whole"], fact["freight_minor"]) for (fact,) in rows]
    assert told_facts == [
        (order.buyer_id, "CNY", "goods_back", False, 0),
        (order.buyer_id, "CNY", "goods_back", True, 300),
    ]
