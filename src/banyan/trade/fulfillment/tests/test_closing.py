"""A warehouse closes while parcels lie there: what is packed leaves from there, the rest moves."""

from __future__ import annotations

from typing import Any

import pytest

from banyan.goods.inventory import commands as stocking
from banyan.goods.inventory import queries as inventory
from banyan.goods.inventory.types import ReservationState
from banyan.goods.sourcing import commands as sourcing
from banyan.goods.sourcing import queries as sourced
from banyan.goods.sourcing.types import Policy, Shortfall
from banyan.kernel import clock
from banyan.trade.fulfillment import commands
from banyan.trade.fulfillment.tests.making import Stocked, stock
from banyan.trade.fulfillment.types import NewParcel, OrderShipment, ParcelShipment, Pieces
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import OrderState, Refused


def held(shop: Stocked, order_id: int) -> dict[int, int]:
    """Allocated pieces by the position of the warehouse."""
    found: dict[int, int] = {}
    for one in inventory.list_reservations([order_id])[order_id]:
        if one.state is ReservationState.ALLOCATED:
            place = shop.warehouses.index(one.warehouse_id)
            found[place] = found.get(place, 0) + one.quantity
    return found


def packed_order(shop: Stocked, pieces: int, packed: int) -> tuple[Any, Any]:
    """A paid order of so many pieces, some of them in a parcel in the first warehouse."""
    (placed,) = shop.paid([(0, pieces)])
    (one,) = shop.wave()
    with shop.tenant.enter():
        (parcel_id,) = commands.pack([NewParcel(one.fulfillment_id, (Pieces(placed.line_ids[0], packed),))])
    assert not isinstance(parcel_id, Refused)
    return placed, parcel_id


def test_what_is_packed_stays_and_the_rest_moves(tenant: Any, make_buyers: Any) -> None:
    shop = stock(tenant, make_buyers, ((5,), (5,)))
    placed, parcel_id = packed_order(shop, pieces=3, packed=2)
    with tenant.enter():
        stocking.set_warehouse_active(shop.warehouses[0], False)
    tenant.drain()
    with tenant.enter():
        assert held(shop, placed.order_id) == {0: 2, 1: 1}
        assert sourced.list_backorders() == [], "a parcel that can leave waits for nothing"
        assert sourcing.retry_due(clock.now()) == 0
        assert held(shop, placed.order_id) == {0: 2, 1: 1}
        assert commands.ship([ParcelShipment(parcel_id, "顺丰", "SF1")]) == [parcel_id]
        (rest,) = commands.ship_orders([OrderShipment(placed.order_id, "顺丰", "SF2", warehouse_id=shop.warehouses[1])])
        assert not isinstance(rest, Refused)
        assert orders.states([placed.order_id]) == {placed.order_id: OrderState.SHIPPED}
    tenant.drain()
    assert tenant.verify() == []


def test_a_packed_order_is_not_cancelled_for_its_closed_warehouse(tenant: Any, make_buyers: Any) -> None:
    """Nobody else has the goods, and the shop cancels what is missing: what lies in the parcel is not missing."""
    shop = stock(tenant, make_buyers, ((5,), (0,)))
    with tenant.enter():
        sourcing.set_policy(Policy(shortfall=Shortfall.CANCEL))
    _placed, parcel_id = packed_order(shop, pieces=2, packed=2)
    with tenant.enter():
        stocking.set_warehouse_active(shop.warehouses[0], False)
    tenant.drain()
    with tenant.enter():
        assert sourced.list_backorders(None) == []
        assert commands.ship([ParcelShipment(parcel_id, "顺丰", "SF1")]) == [parcel_id]
    tenant.drain()
    assert tenant.verify() == []


def test_what_is_unpacked_in_a_closed_warehouse_moves_after_all(tenant: Any, make_buyers: Any) -> None:
    shop = stock(tenant, make_buyers, ((5,), (5,)))
    placed, parcel_id = packed_order(shop, pieces=2, packed=2)
    with tenant.enter():
        stocking.set_warehouse_active(shop.warehouses[0], False)
    tenant.drain()
    with tenant.enter():
        commands.unpack([parcel_id])
        assert [one.quantity for one in sourced.list_backorders()] == [2]
        assert sourcing.retry_due(clock.now()) == 1
        assert held(shop, placed.order_id) == {1: 2}
    tenant.drain()
    assert tenant.verify() == []


@pytest.mark.parametrize("guarded", [True, False])
def test_packing_while_the_warehouse_closes(tenant: Any, make_buyers: Any, guarded: bool, monkeypatch: Any) -> None:
    """The parcel is packed and not committed yet when the holds are looked at. Without the lock they move away from it."""
    shop = stock(tenant, make_buyers, ((5,), (5,)))
    (placed,) = shop.paid([(0, 1)])
    (one,) = shop.wave()
    with tenant.enter():
        stocking.set_warehouse_active(shop.warehouses[0], False)
    if not guarded:
        monkeypatch.setattr(stocking, "lock_holds", lambda order_ids: None)
    with tenant.enter():
        (parcel_id,) = commands.pack([NewParcel(one.fulfillment_id)])
        assert not isinstance(parcel_id, Refused)
        closing = tenant.beside(lambda: sourcing.clear_warehouse(shop.warehouses[0], clock.now()))
        assert closing.done() is not guarded, "it waits for who packs"
    closing.result()
    with tenant.enter():
        assert held(shop, placed.order_id) == ({0: 1} if guarded else {1: 1})
