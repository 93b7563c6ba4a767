"""From the paid order to the parcel: waves, packing, shipping whole and in parts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from banyan.goods.inventory import commands as stocking
from banyan.goods.inventory import queries as inventory
from banyan.goods.inventory.types import LotRule, NewLot, Receipt, ReturnedGoods
from banyan.kernel import clock, sql
from banyan.trade.fulfillment import commands, queries
from banyan.trade.fulfillment.tests.making import code_of, stock
from banyan.trade.fulfillment.types import (
    Delivered,
    FulfillmentState,
    NewParcel,
    OrderShipment,
    ParcelShipment,
    ParcelState,
    Pieces,
)
from banyan.trade.orders import commands as orders
from banyan.trade.orders import queries as order_queries
from banyan.trade.orders.types import OrderState, Shipment


def state_of(order_id: Any) -> OrderState:
    return order_queries.states([order_id])[order_id]


def test_a_checkout_writes_nothing_and_a_wave_takes_each_order_once(tenant: Any, make_buyers: Any) -> None:
    shop = stock(tenant, make_buyers)
    first, second, third = shop.paid([(0, 2), (1, 1)], [(0, 1)], [(1, 3)])
    with tenant.enter():
        assert queries.list_fulfillments() == []
    wave = shop.wave(limit=2)
    assert [one.order_id for one in wave] == [first.order_id, second.order_id]
    with tenant.enter():
        (row,) = queries.list_waves()
        assert (row.order_count, row.piece_count, row.open_count, row.opened_by) == (2, 4, 2, "usr_picker")
        commands.set_shelves(shop.warehouses[0], [(shop.skus[1], "A-01"), (shop.skus[0], "B-07")])
        picked = [(one.shelf, one.sku_id, one.quantity, one.order_count) for one in queries.pick_list(row.wave_id)]
        assert picked == [("A-01", shop.skus[1], 1, 1), ("B-07", shop.skus[0], 3, 2)]
    assert [one.order_id for one in shop.wave()] == [third.order_id]
    with pytest.raises(commands.NothingToPick), tenant.enter():
        commands.release_wave(shop.warehouses[0])
    assert tenant.verify() == []


def test_two_warehouses_and_parts_of_lines(tenant: Any, make_buyers: Any) -> None:
    shop = stock(tenant, make_buyers, ((2, 0), (5, 5)))
    (placed,) = shop.paid([(0, 6), (1, 1)])
    (near,), (far,) = shop.wave(0), shop.wave(1)
    assert [(line.sku_id, line.quantity) for line in near.lines] == [(shop.skus[0], 2)]
    assert sorted((line.sku_id, line.quantity) for line in far.lines) == [(shop.skus[0], 4), (shop.skus[1], 1)]
    with tenant.enter():
        one_piece = NewParcel(far.fulfillment_id, (Pieces(placed.line_ids[0], 1),), 300)
        too_many = NewParcel(far.fulfillment_id, (Pieces(placed.line_ids[0], 5),))
        parcel, refused = commands.pack([one_piece, too_many])
        assert code_of(refused) == "nothing_left"
        assert code_of(commands.ship([ParcelShipment(parcel)])[0]) == "no_tracking_number"
        assert commands.ship([ParcelShipment(parcel, "顺丰", "SF1")]) == [parcel]
        assert code_of(commands.ship([ParcelShipment(parcel, "顺丰", "SF1")])[0]) == "parcel_state"
        assert state_of(placed.order_id) is OrderState.PARTLY_SHIPPED
        left = {line.sku_id: line.quantity - line.packed_quantity for line in queries.get_fulfillment(far.fulfillment_id).lines}
        assert left == {shop.skus[0]: 3, shop.skus[1]: 1}
    assert tenant.verify() == []
    with tenant.enter():
        ambiguous = commands.ship_orders([OrderShipment(placed.order_id, "顺丰", "SF2")])
        assert code_of(ambiguous[0]) == "several_warehouses"
        outcomes = commands.ship_orders(
            [OrderShipment(placed.order_id, "顺丰", f"SF{n}", 1000, shop.warehouses[n]) for n in (0, 1)]
        )
        assert [code_of(one) for one in outcomes] == ["done", "done"]
        assert state_of(placed.order_id) is OrderState.SHIPPED
        assert {one.state for one in queries.list_fulfillments(order_ids=[placed.order_id])} == {FulfillmentState.SHIPPED}
        assert [p.tracking_number for p in order_queries.list_shipments(placed.order_id)] == ["SF1", "SF0", "SF1"]
    assert tenant.verify() == []


def test_hundreds_are_sent_at_once_and_each_is_answered(tenant: Any, make_buyers: Any) -> None:
    shop = stock(tenant, make_buyers, ((500, 500),))
    placed = shop.paid(*[[(0, 1)]] * 120)
    (other,) = shop.paid([(0, 1)], buyer=1)
    with tenant.enter():
        rows = [OrderShipment(one.order_id, "圆通", f"YT{i:06d}") for i, one in enumerate(placed)]
        rows.append(OrderShipment(other.order_id, "圆通", "YT000000"))  # somebody else's number
        rows.append(OrderShipment(placed[0].order_id, "圆通", "YT999999"))  # twice in one paste
        rows.append(OrderShipment(other.order_id, "", ""))
        outcomes = [code_of(one) for one in commands.ship_orders(rows)]
        assert outcomes == ["done"] * 120 + ["tracking_number_used", "nothing_to_send", "no_tracking_number"]
        assert state_of(other.order_id) is OrderState.PAID
        again = commands.ship_orders(rows[:3])
        assert {code_of(one) for one in again} == {"nothing_to_send"}
    assert tenant.verify() == []


def test_unpacking_and_shipping_what_was_packed(tenant: Any, make_buyers: Any) -> None:
    shop = stock(tenant, make_buyers)
    (placed,) = shop.paid([(0, 2)])
    (one,) = shop.wave()
    with tenant.enter():
        (parcel,) = commands.pack([NewParcel(one.fulfillment_id, weight_grams=900)])
        assert code_of(commands.pack([NewParcel(one.fulfillment_id)])[0]) == "nothing_left"
        assert commands.unpack([parcel]) == [parcel]
        assert code_of(commands.unpack([parcel])[0]) == "parcel_state"
        (again,) = commands.pack([NewParcel(one.fulfillment_id, weight_grams=800)])
        assert commands.ship_orders([OrderShipment(placed.order_id, "顺丰", "SF77")]) == [again]
        assert [p.state for p in queries.list_parcels(order_ids=[placed.order_id])] == [ParcelState.SHIPPED, ParcelState.VOID]
        with pytest.raises(commands.BadParcel):
            commands.pack([NewParcel(one.fulfillment_id, weight_grams=-1)])
    assert tenant.verify() == []


def test_what_is_given_back_is_not_sent(tenant: Any, make_buyers: Any) -> None:
    """Refunds of what never left, in every state of packing."""
    shop = stock(tenant, make_buyers)
    (placed,) = shop.paid([(0, 3), (1, 2)])
    (one,) = shop.wave()
    back = [ReturnedGoods(placed.order_id, placed.line_ids[0], shop.skus[0], 1, "x")]
    with tenant.enter():
        commands.withhold(back)
        assert sum(line.quantity for line in queries.get_fulfillment(one.fulfillment_id).lines) == 4
        (parcel,) = commands.pack([NewParcel(one.fulfillment_id, (Pieces(placed.line_ids[0], 2),))])
    with pytest.raises(commands.AlreadyPacked), tenant.enter():
        commands.withhold(back)
    with tenant.enter():
        commands.ship([ParcelShipment(parcel, "顺丰", "SF1")])
        commands.withhold([ReturnedGoods(placed.order_id, placed.line_ids[1], shop.skus[1], 2, "y")])
        assert state_of(placed.order_id) is OrderState.SHIPPED  # nothing is left to send
        assert queries.get_fulfillment(one.fulfillment_id).state is FulfillmentState.SHIPPED
        assert inventory.available(shop.skus) == {shop.skus[0]: 98, shop.skus[1]: 100}
    assert tenant.verify() == []


def test_a_cancelled_order_leaves_its_wave(tenant: Any, make_buyers: Any) -> None:
    shop = stock(tenant, make_buyers)
    gone, whole = shop.paid([(0, 1)], [(0, 1)])
    (one, other) = shop.wave()
    with tenant.enter():
        (parcel,) = commands.pack([NewParcel(one.fulfillment_id)])
        orders.cancel_refunded([gone.order_id])
        # The stock is the judge even before the event is heard.
        assert code_of(commands.ship([ParcelShipment(parcel, "顺丰", "SF1")])[0]) == "wrong_state"
        orders.ship([Shipment(whole.order_id, "顺丰", "SF2")])
    tenant.drain()
    with tenant.enter():
        assert commands.follow_orders() == 1
        assert {one.state for one in queries.list_fulfillments()} == {FulfillmentState.CANCELLED}
        assert queries.get_parcel(parcel).state is ParcelState.VOID
        assert queries.pick_list(other.wave_id) == []
    assert tenant.verify() == []


def test_planted_damage_is_found(tenant: Any, make_buyers: Any) -> None:
    shop = stock(tenant, make_buyers)
    first, second = shop.paid([(0, 2)], [(0, 2)])
    parcels = shop.sent(first, second)
    with tenant.enter():
        sql.execute("UPDATE fulfillment_lines SET shipped_quantity = 1, packed_quantity = 1 WHERE line_id = %s", first.line_ids)
        sql.execute("UPDATE fulfillment_parcels SET state = 'void' WHERE id = %s", (parcels[1],))
    assert sorted({finding.check for finding in tenant.verify()}) == ["fulfillment.goods", "fulfillment.lines"]


def test_orders_are_received_when_all_parcels_are(tenant: Any, make_buyers: Any, driven_clock: Any) -> None:
    shop = stock(tenant, make_buyers, ((1, 0), (1, 5)))
    (placed,) = shop.paid([(0, 2), (1, 1)])
    with tenant.enter():
        rows = [OrderShipment(placed.order_id, "顺丰", f"SF{n}", 1, shop.warehouses[n]) for n in (0, 1)]
        parcels = commands.ship_orders(rows)
        assert [code_of(one) for one in parcels] == ["done", "done"]
        commands.confirm(parcels[:1], Delivered.STAFF)  # type: ignore[arg-type]
        clock.advance(timedelta(days=8))
        assert commands.receive_due() == 0  # one is still under way
        commands.confirm(parcels[1:], Delivered.STAFF)  # type: ignore[arg-type]
        assert commands.receive_due() == 0  # and arrived just now
        clock.advance(timedelta(days=8))
        assert commands.receive_due() == 1
        assert state_of(placed.order_id) is OrderState.RECEIVED
    tenant.drain()
    with tenant.enter():
        assert {one.state for one in queries.list_fulfillments()} == {FulfillmentState.RECEIVED}
    assert tenant.verify() == []


def test_carriers_that_tell_nothing_are_given_their_days(tenant: Any, make_buyers: Any, driven_clock: Any) -> None:
    shop = stock(tenant, make_buyers)
    first, second = shop.paid([(0, 1)], [(0, 1)])
    shop.sent(first, second)
    with tenant.enter():
        clock.advance(timedelta(days=9))
        assert (commands.deliver_silent(), commands.receive_due()) == (0, 0)
        orders.receive([second.order_id])  # this buyer says so himself
    tenant.drain()
    with tenant.enter():
        clock.advance(timedelta(days=1))
        assert commands.deliver_silent() == 1
        assert commands.receive_due() == 0  # delivered by now, and the buyer has his days to object
        clock.advance(timedelta(days=7))
        assert commands.receive_due() == 1
    tenant.drain()
    with tenant.enter():
        said = {one.order_id: one.delivered_by for one in queries.list_parcels()}
        assert said == {first.order_id: Delivered.CLOCK, second.order_id: Delivered.BUYER}
    assert tenant.verify() == []


def test_the_pick_list_names_the_lots_that_leave(tenant: Any, make_buyers: Any) -> None:
    shop = stock(tenant, make_buyers, ((0,),))
    (sku,), (place,) = shop.skus, shop.warehouses
    with tenant.enter():
        stocking.track_lots([LotRule(sku)])
        today = clock.now().date()
        lots = [("late", 90), ("soon", 30), ("gone", -1)]
        stocking.receive_stock(
            [Receipt(place, sku, 2, lot=NewLot(number, None, today + timedelta(days=days))) for number, days in lots]
        )
        stocking.expire_lots(clock.now())
    (placed,) = shop.paid([(0, 3)])
    (one,) = shop.wave()
    with tenant.enter():
        (row,) = queries.pick_list(one.wave_id)
        assert [(lot.number, lot.quantity) for lot in row.lots] == [("soon", 2), ("late", 1)]
        (parcel,) = commands.pack([NewParcel(one.fulfillment_id, (Pieces(placed.line_ids[0], 2),))])
        commands.ship([ParcelShipment(parcel, "顺丰", "SF1")])
        left = {lot.number: lying.on_hand for _row, lying, lot in inventory.shelf_of(place, sku_ids=[sku])}
        assert left == {"late": 2, "gone": 2}
        (row,) = queries.pick_list(one.wave_id)
        assert [(lot.number, lot.quantity) for lot in row.lots] == [("late", 1)]
    assert tenant.verify() == []


def test_a_lot_that_is_held_leaves_the_pick_list(tenant: Any, make_buyers: Any) -> None:
    shop = stock(tenant, make_buyers, ((0,),))
    (sku,), (place,) = shop.skus, shop.warehouses
    with tenant.enter():
        stocking.track_lots([LotRule(sku)])
        stocking.receive_stock([Receipt(place, sku, 2, lot=NewLot("only"))])
        (lot,) = inventory.list_lots()
    shop.paid([(0, 2)])
    (one,) = shop.wave()
    with tenant.enter():
        stocking.hold_lots([lot.lot_id], "质检")
    tenant.drain()
    with tenant.enter():
        assert queries.get_fulfillment(one.fulfillment_id).state is FulfillmentState.CANCELLED
        assert queries.pick_list(one.wave_id) == []


def test_what_comes_in_later_is_picked_in_another_wave(tenant: Any, make_buyers: Any) -> None:
    shop = stock(tenant, make_buyers, ((1, 0), (0, 1)))
    (placed,) = shop.paid([(0, 1), (1, 1)])
    (first,) = shop.wave(0)
    with tenant.enter():
        (parcel,) = commands.pack([NewParcel(first.fulfillment_id)])
        commands.ship([ParcelShipment(parcel, "顺丰", "SF1")])
        assert state_of(placed.order_id) is OrderState.PARTLY_SHIPPED
        # The other line is served from the first warehouse after all.
        stocking.receive_stock([Receipt(shop.warehouses[0], shop.skus[1], 1)])
        assert stocking.move_holds(placed.order_id, shop.warehouses[0])
    (again,) = shop.wave(0)
    assert (again.fulfillment_id, again.wave_id != first.wave_id) == (first.fulfillment_id, True)
    with tenant.enter():
        assert [(row.sku_id, row.quantity) for row in queries.pick_list(again.wave_id)] == [(shop.skus[1], 1)]
        assert code_of(commands.ship_orders([OrderShipment(placed.order_id, "顺丰", "SF2")])[0]) == "done"
        assert state_of(placed.order_id) is OrderState.SHIPPED
    assert tenant.verify() == []


def test_what_is_lost_is_still_owed(tenant: Any, make_buyers: Any) -> None:
    """One line's lot is held: the other line leaves, the order waits in part, and what comes in later leaves, too."""
    shop = stock(tenant, make_buyers, ((0, 5),))
    with tenant.enter():
        stocking.track_lots([LotRule(shop.skus[0])])
        stocking.receive_stock([Receipt(shop.warehouses[0], shop.skus[0], 1, lot=NewLot("A"))])
        (lot,) = inventory.list_lots(shop.skus[0])
    (placed,) = shop.paid([(0, 1), (1, 1)])
    with tenant.enter():
        stocking.hold_lots([lot.lot_id], "质检")
    tenant.drain()
    shop.sent(placed)
    assert tenant.verify() == []
    with tenant.enter():
        assert state_of(placed.order_id) is OrderState.PARTLY_SHIPPED
        stocking.receive_stock([Receipt(shop.warehouses[0], shop.skus[0], 1, lot=NewLot("B"))])
    tenant.drain()
    shop.sent(placed)
    with tenant.enter():
        assert state_of(placed.order_id) is OrderState.SHIPPED
    assert tenant.verify() == []


def test_those_that_wait_for_goods_are_passed_over(tenant: Any, make_buyers: Any, driven_clock: Any) -> None:
    """A part that arrived long ago, of an order that still waits, keeps nobody else from being received."""
    shop = stock(tenant, make_buyers, ((0, 5),))
    with tenant.enter():
        stocking.track_lots([LotRule(shop.skus[0])])
        stocking.receive_stock([Receipt(shop.warehouses[0], shop.skus[0], 1, lot=NewLot("A"))])
        (lot,) = inventory.list_lots(shop.skus[0])
    waiting, whole = shop.paid([(0, 1), (1, 1)], [(1, 1)])
    with tenant.enter():
        stocking.hold_lots([lot.lot_id], "质检")
    tenant.drain()
    for one in (waiting, whole):
        parcels = shop.sent(one)
        with tenant.enter():
            commands.confirm(parcels, Delivered.STAFF)
        clock.advance(timedelta(hours=1))
    with tenant.enter():
        clock.advance(timedelta(days=8))
        assert commands.receive_due(limit=1) == 1
        assert state_of(whole.order_id) is OrderState.RECEIVED
        assert state_of(waiting.order_id) is OrderState.PARTLY_SHIPPED


def test_parcels_with_numbers_need_none_in_the_paste(tenant: Any, make_buyers: Any) -> None:
    shop = stock(tenant, make_buyers)
    placed = [*shop.paid([(0, 1)]), *shop.paid([(0, 1)], buyer=1)]
    found = shop.wave()
    with tenant.enter():
        packed = commands.pack(
            [NewParcel(one.fulfillment_id, carrier="顺丰", tracking_number=f"SF{n}") for n, one in enumerate(found)]
        )
        assert commands.ship_orders([OrderShipment(one.order_id, "", "") for one in placed]) == packed
    assert tenant.verify() == []
