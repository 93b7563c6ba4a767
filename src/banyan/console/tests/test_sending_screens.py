"""The pickup desk, and a parcel that its carrier does not know, in a real browser."""

from __future__ import annotations

import re
from typing import Any

import pytest

from .screens import DESKTOP, PHONE, World

pytestmark = [pytest.mark.screen, pytest.mark.slow]


def _paid_at_a_store(world: World, mark: str) -> tuple[Any, Any, str, str]:
    """An order whose goods lie in the first of two new stores: (its id, that store, the names of both)."""
    from banyan.goods.catalog.tests.making import make_skus
    from banyan.goods.inventory import commands as inventory
    from banyan.goods.inventory.types import NewWarehouse, Receipt, WarehouseKind
    from banyan.kernel import events, tenancy
    from banyan.people.identity import commands as identity
    from banyan.people.identity.types import NewUser, Role
    from banyan.trade.orders import commands as orders
    from banyan.trade.orders.tests.test_paying import pay
    from banyan.trade.orders.types import Placed, PlaceOrder

    names = (f"西湖店 {mark}", f"南门店 {mark}")
    with tenancy.enter(world.tenant_id, actor="test"):
        stores = inventory.open_warehouses(
            [NewWarehouse(f"desk{mark}{n}", name, 900, WarehouseKind.STORE, "330106") for n, name in enumerate(names)]
        )
        (sku,) = make_skus([100])
        inventory.receive_stock([Receipt(stores[0], sku, 1)])
        (buyer,) = identity.register_users([NewUser(f"fetches{mark}", None, "某人", None, (Role.CONSUMER,))])
        (placed,) = orders.place_orders([PlaceOrder(buyer, ((sku, 1),))])
        assert isinstance(placed, Placed)
        pay(placed.order_id)
    events.drain(world.tenant_id)
    return placed.order_id, stores[0], *names


def _code(world: World, mark: str) -> tuple[str, str, str]:
    """A code of an order that waits at the first of two new stores, and the names of both."""
    from banyan.kernel import tenancy
    from banyan.trade.fulfillment import commands

    order_id, store, own, other = _paid_at_a_store(world, mark)
    with tenancy.enter(world.tenant_id, actor="test"):
        return commands.issue_code(commands.choose_pickup(order_id, store)), own, other


def _unknown_parcel(world: World, mark: str) -> tuple[str, str]:
    """The public id and number of a parcel of which its carrier has known nothing for long."""
    from banyan.kernel import clock, ids, tenancy
    from banyan.trade.fulfillment import commands
    from banyan.trade.fulfillment.commands.tracking import GIVE_UP_AFTER, give_up
    from banyan.trade.fulfillment.types import OrderShipment

    order_id, *_ = _paid_at_a_store(world, mark)
    with tenancy.enter(world.tenant_id, actor="test"):
        (parcel_id,) = commands.ship_orders([OrderShipment(order_id, "sf_express", f"SF{mark}")])
        assert isinstance(parcel_id, int)
        assert give_up("sf_express", [f"SF{mark}"], clock.now() + GIVE_UP_AFTER) == 1
    return ids.public("pcl", parcel_id), f"SF{mark}"


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["1440", "390"])
def test_a_parcel_that_its_carrier_does_not_know_is_seen(tab: Any, size: dict[str, int], world: World) -> None:
    parcel, number = _unknown_parcel(world, f"9{size['width']}")
    one = tab("operator", size)
    page = one.open("/console/parcels/?state=troubled")
    row = page.locator("tbody tr", has_text=number)
    assert "承运商查无此单号" in row.inner_text()
    entry = page.locator("a[href*='/console/parcels/']", has_text="包裹").first
    assert re.search(r"包裹\s*[1-9]", entry.text_content())  # the icon's name has a number, too
    one.fits()
    one.keep("parcels-troubled")
    page = one.open(f"/console/parcels/{parcel}/")
    assert "已停止查询" in page.inner_text("[role=alert]")
    one.fits()
    one.keep("parcel-unknown")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["1440", "390"])
def test_the_desk_knows_where_it_stands(tab: Any, size: dict[str, int], world: World) -> None:
    code, own, other = _code(world, str(size["width"]))
    one = tab("operator", size)
    page = one.open("/console/pickups/")
    one.fits()
    one.keep("pickups")
    page.select_option("[name=store]", label=other)
    page.fill("[name=code]", code)
    with page.expect_navigation():
        page.click("form.bn-bar button")
    assert f"这个订单在另一家门店：{own}" in page.inner_text("body")
    assert page.locator("[name=store] option:checked").inner_text() == other  # it is remembered
    one.fits()
    one.keep("pickups-elsewhere")
    page.select_option("[name=store]", label=own)
    page.fill("[name=code]", code)
    with page.expect_navigation():
        page.click("form.bn-bar button")
    assert "下一单" in page.inner_text("body")
    one.fits()
    one.keep("handed-out")


def _silent_parcel(world: World, mark: str) -> tuple[str, str]:
    """The public id and number of a parcel of which its carrier told something, and then nothing for long."""
    from datetime import timedelta

    from banyan.kernel import clock, ids, tenancy
    from banyan.trade.fulfillment import commands
    from banyan.trade.fulfillment.commands.tracking import fall_silent
    from banyan.trade.fulfillment.types import OrderShipment, Track, TrackCode, TrackEvent

    order_id, *_ = _paid_at_a_store(world, mark)
    with tenancy.enter(world.tenant_id, actor="test"):
        (parcel_id,) = commands.ship_orders([OrderShipment(order_id, "sf_express", f"SF{mark}")])
        assert isinstance(parcel_id, int)
        told = TrackEvent("1", TrackCode.IN_TRANSIT, clock.now(), "杭州", "快件离开【杭州中转场】")
        commands.record_track("sf_express", [Track(f"SF{mark}", (told,))])
        assert fall_silent("sf_express", [f"SF{mark}"], clock.now() + timedelta(days=31)) == 1
    return ids.public("pcl", parcel_id), f"SF{mark}"


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["1440", "390"])
def test_a_parcel_of_which_nothing_new_is_told_is_seen(tab: Any, size: dict[str, int], world: World) -> None:
    parcel, number = _silent_parcel(world, f"8{size['width']}")
    one = tab("operator", size)
    page = one.open("/console/parcels/?given_up=1")
    assert "承运商久无新轨迹" in page.locator("tbody tr", has_text=number).inner_text()
    one.fits()
    one.keep("parcels-given-up")
    page = one.open(f"/console/parcels/{parcel}/")
    assert "没有此包裹的新轨迹" in page.inner_text("[role=alert]")
    assert page.locator("button[value=ask_again]").count() == 1
    one.fits()
    one.keep("parcel-silent")
