"""Waves, lists of numbers, parcels and the pickup desk, as people at the warehouse and the counter use them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from banyan.console.pasting import read
from banyan.console.tests.conftest import Staffed
from banyan.kernel import ids
from banyan.people.identity.types import Role
from banyan.trade.fulfillment.tests.making import RECIPIENT, stock
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import OrderState


@pytest.mark.parametrize(
    ("text", "carrier", "expected"),
    [
        ("A1 顺丰 SF1", "", ("A1", "顺丰", "SF1", 0)),
        ("A1\t顺丰\tSF1\t850", "", ("A1", "顺丰", "SF1", 850)),
        ("A1,SF1", "圆通", ("A1", "圆通", "SF1", 0)),
        ("A1;SF1;300", "圆通", ("A1", "圆通", "SF1", 300)),
        ("A1\uff0c圆通\uff1bSF1\u3001300", "", ("A1", "圆通", "SF1", 300)),
        ("A1 顺丰 运单", "", None),
        ("A1 SF1", "", None),
        ("A1", "圆通", None),
    ],
)
def test_lines_are_read_as_spreadsheets_give_them(text: str, carrier: str, expected: Any) -> None:
    good, bad = read(f"\n{text}\n\n", carrier, 10)
    found = [(one.number, one.carrier, one.tracking_number, one.weight_grams) for one in good]
    assert (found, len(bad)) == (([expected], 0) if expected else ([], 1))


def test_too_many_lines_are_told_so() -> None:
    good, bad = read("\n".join(f"A{n} 顺丰 SF{n}" for n in range(4)), "", 3)
    assert (len(good), [one.line for one, _why in bad]) == (3, [4])


@pytest.fixture
def shop(staffed: Staffed) -> Any:
    from banyan.people.identity import commands as identity
    from banyan.people.identity.types import NewUser

    def buyers(count: int) -> Any:
        return identity.register_users([NewUser(f"b{n}", None, "某人", None, (Role.CONSUMER,)) for n in range(count)])

    return stock(staffed.shop, buyers, ((50, 50), (5, 5)), stores=1)


def text_of(answer: Any) -> str:
    return str(answer.content.decode())


def test_from_the_wave_to_the_track(staffed: Staffed, shop: Any) -> None:
    first, second = shop.paid([(0, 2)], [(1, 1)])
    warehouse, finance = staffed.client(Role.WAREHOUSE), staffed.client(Role.FINANCE)
    place = ids.public("whs", shop.warehouses[0])
    assert finance.post("/console/waves/release", {"warehouse": place}).status_code == 403
    wave = warehouse.post("/console/waves/release", {"warehouse": place, "limit": "50"})["Location"]
    page = text_of(warehouse.get(wave))
    assert first.number in page and second.number in page and RECIPIENT.name not in page and RECIPIENT.address not in page
    slips = text_of(warehouse.get(f"{wave}slips"))
    assert RECIPIENT.name in slips and RECIPIENT.address in slips
    assert finance.get(f"{wave}slips").status_code == 403
    lines = f"{first.number} 顺丰 SF11 500\n{second.number} 顺丰\n00000 顺丰 SF13"
    answer = text_of(warehouse.post("/console/send/", {"lines": lines}))
    assert "SF11" not in answer and f"{second.number} 顺丰" in answer and "00000 顺丰 SF13" in answer
    with staffed.shop.enter():
        assert orders.states([first.order_id, second.order_id]) == {
            first.order_id: OrderState.SHIPPED, second.order_id: OrderState.PAID,
        }  # fmt: skip
    listing = text_of(warehouse.get("/console/parcels/?q=SF11"))
    (parcel,) = set(re.findall(r"/console/parcels/pcl_[^/]+/", listing))
    page = text_of(warehouse.get(parcel))
    assert "SF11" in page and RECIPIENT.name not in page and "王" in page
    assert finance.post(f"{parcel}act", {"deed": "deliver"}).status_code == 403
    warehouse.post(f"{parcel}act", {"deed": "deliver"})
    assert 'value="deliver"' not in text_of(warehouse.get(parcel))
    assert warehouse.get(f"{parcel}label").status_code == 404
    assert staffed.shop.verify() == []


def test_the_desk(staffed: Staffed, shop: Any) -> None:
    from banyan.goods.inventory import commands as inventory
    from banyan.goods.inventory.types import NewWarehouse, WarehouseKind
    from banyan.trade.fulfillment import commands

    (placed,) = shop.paid([(0, 1)])
    with staffed.shop.enter():
        code = commands.issue_code(commands.choose_pickup(placed.order_id, shop.warehouses[1]))
    desk = staffed.client(Role.WAREHOUSE)
    assert placed.number in text_of(desk.get("/console/pickups/"))
    own = {"store": ids.public("whs", shop.warehouses[1])}
    assert staffed.client(Role.FINANCE).post("/console/pickups/redeem", {"code": code, **own}).status_code == 403
    desk.post("/console/pickups/redeem", {"code": code})
    assert "请选择您所在的门店" in text_of(desk.get("/console/pickups/"))
    desk.post("/console/pickups/redeem", {"code": "ABCDEFGH", **own})
    assert "没有对应此提货码的订单" in text_of(desk.get("/console/pickups/"))
    with staffed.shop.enter():
        (other,) = inventory.open_warehouses([NewWarehouse("w-other", "南门店", 9, WarehouseKind.STORE)])
    desk.post("/console/pickups/redeem", {"code": code, "store": ids.public("whs", other)})
    page = text_of(desk.get("/console/pickups/"))
    assert "这个订单在另一家门店：仓1" in page and f'value="{ids.public("whs", other)}" selected' in page
    assert placed.number in text_of(desk.post("/console/pickups/redeem", {"code": code.lower(), **own}))
    with staffed.shop.enter():
        assert orders.states([placed.order_id]) == {placed.order_id: OrderState.RECEIVED}
    assert placed.number in text_of(desk.get("/console/pickups/?state=redeemed"))
    staffed.shop.drain()
    assert staffed.shop.verify() == []


def test_a_part_is_packed_by_hand(staffed: Staffed, shop: Any) -> None:
    (placed,) = shop.paid([(0, 3), (1, 1)])
    warehouse = staffed.client(Role.WAREHOUSE)
    wave = warehouse.post("/console/waves/release", {"warehouse": ids.public("whs", shop.warehouses[0])})["Location"]
    (pack,) = set(re.findall(r"/console/fulfillments/ful_[^/]+/pack", text_of(warehouse.get(wave))))
    assert staffed.client(Role.FINANCE).get(pack).status_code == 403
    form = text_of(warehouse.get(pack))
    assert placed.number in form and RECIPIENT.name not in form
    first, second = (f"pieces_{ids.public('oln', line_id)}" for line_id in placed.line_ids)
    assert "包裹至少装一件" in text_of(warehouse.post(pack, {first: "0", second: ""}))
    assert "须为整数" in text_of(warehouse.post(pack, {first: "1.5"}))
    too_many = text_of(warehouse.post(pack, {first: "4", "other_carrier": "圆通"}))
    assert "圆通" in too_many and 'class="bn-pieces"' in too_many
    parcel = warehouse.post(pack, {first: "2", "other_carrier": "圆通", "tracking_number": "YT7", "weight_grams": "350"})[
        "Location"
    ]
    shown = text_of(warehouse.get(parcel))
    assert "YT7" in shown and "350" in shown and 'value="ship"' in shown
    left = text_of(warehouse.get(pack))
    assert f'name="{first}" min="0" max="1"' in left
    warehouse.post(pack, {first: "1", second: "1"})
    assert "bn-pieces" not in text_of(warehouse.get(pack))
    assert pack not in text_of(warehouse.get(wave))
    assert staffed.shop.verify() == []


def test_shelves_are_pasted_all_or_none(staffed: Staffed, shop: Any) -> None:
    from banyan.goods.catalog import queries as catalog
    from banyan.trade.fulfillment import queries

    with staffed.shop.enter():
        codes = [code for code, _name in catalog.sku_names(shop.skus).values()]
    warehouse, place = staffed.client(Role.WAREHOUSE), ids.public("whs", shop.warehouses[0])
    page = f"/console/shelves/?warehouse={place}"
    assert "尚未登记货架" in text_of(warehouse.get(page))
    finance = staffed.client(Role.FINANCE)
    assert finance.post("/console/shelves/put", {"warehouse": place, "lines": f"{codes[0]} A-01"}).status_code == 403
    refused = text_of(warehouse.post("/console/shelves/put", {"warehouse": place, "lines": f"{codes[0]} A-01\nNO-SUCH B-02"}))
    assert "NO-SUCH" in refused and f"{codes[0]} A-01" in refused
    with staffed.shop.enter():
        assert queries.list_shelves(shop.warehouses[0]) == []
    lines = f"{codes[0]}\tA 01\n{codes[1]}，B-02"
    assert warehouse.post("/console/shelves/put", {"warehouse": place, "lines": lines})["Location"] == page
    shown = text_of(warehouse.get(page))
    assert "A 01" in shown and "B-02" in shown
    warehouse.post("/console/shelves/put", {"warehouse": place, "lines": codes[0]})
    with staffed.shop.enter():
        assert [(one.sku_code, one.shelf) for one in queries.list_shelves(shop.warehouses[0])] == [(codes[1], "B-02")]
    assert "B-02" not in text_of(warehouse.get("/console/shelves/?warehouse=" + ids.public("whs", shop.warehouses[1])))


def test_a_line_that_was_not_done_keeps_its_warehouse(staffed: Staffed, shop: Any) -> None:
    (placed,) = shop.paid([(0, 1)])
    place = ids.public("whs", shop.warehouses[1])
    answer = text_of(
        staffed.client(Role.WAREHOUSE).post("/console/send/", {"lines": f"{placed.number} 顺丰 SF1", "warehouse": place})
    )
    assert f'value="{place}" selected' in answer and "SF1" in answer


def test_a_parcel_that_was_given_up_is_listed_and_asked_again(staffed: Staffed, shop: Any) -> None:
    from banyan.kernel import clock
    from banyan.trade.fulfillment import commands, ports, queries
    from banyan.trade.fulfillment.commands.tracking import fall_silent
    from banyan.trade.fulfillment.types import Track, TrackCode, TrackEvent

    (placed,) = shop.paid([(0, 1)])
    ports.register_carrier("sf_express", lambda tenant_id: None)  # type: ignore[arg-type, return-value]
    try:
        (parcel,) = shop.sent(placed, carrier="sf_express")
        with staffed.shop.enter():
            number = queries.get_parcel(parcel).tracking_number
            commands.record_track("sf_express", [Track(number, (TrackEvent("1", TrackCode.IN_TRANSIT, clock.now()),))])
        warehouse, address = staffed.client(Role.WAREHOUSE), f"/console/parcels/{ids.public('pcl', parcel)}/"
        assert "?given_up" not in text_of(warehouse.get("/console/parcels/"))
        with staffed.shop.enter():
            assert fall_silent("sf_express", [number], clock.now() + timedelta(days=31)) == 1
        assert '<a href="?given_up=1"' in text_of(warehouse.get("/console/parcels/"))
        listed = text_of(warehouse.get("/console/parcels/?given_up=1"))
        assert number in listed and "承运商久无新轨迹" in listed
        assert "已 30 天没有此包裹的新轨迹" in text_of(warehouse.get(address))
        assert 'value="ask_again"' not in text_of(staffed.client(Role.AUDITOR).get(address))
        assert staffed.client(Role.FINANCE).post(f"{address}act", {"deed": "ask_again"}).status_code == 403
        assert 'value="ask_again"' in text_of(warehouse.get(address))
        assert "系统将重新向承运商查询" in text_of(warehouse.post(f"{address}act", {"deed": "ask_again"}, follow=True))
        assert number not in text_of(warehouse.get("/console/parcels/?given_up=1"))
        assert "系统没有停止查询" in text_of(warehouse.post(f"{address}act", {"deed": "ask_again"}, follow=True))
    finally:
        ports._factories.pop("sf_express")
    assert staffed.shop.verify() == []


def test_a_carrier_that_is_wired_in_is_chosen_by_its_name(staffed: Staffed, shop: Any) -> None:
    """It is asked for the waybill; a person may still write another carrier's."""
    from banyan.trade.fulfillment import ports, queries
    from banyan.trade.fulfillment.types import Booking

    (placed,) = shop.paid([(0, 1)])
    warehouse = staffed.client(Role.WAREHOUSE)
    wave = warehouse.post("/console/waves/release", {"warehouse": ids.public("whs", shop.warehouses[0])})["Location"]
    (pack,) = set(re.findall(r"/console/fulfillments/ful_[^/]+/pack", text_of(warehouse.get(wave))))
    ports.register_carrier("sf_express", lambda tenant_id: None)  # type: ignore[arg-type, return-value]
    try:
        assert '<option value="sf_express" selected>顺丰速运' in text_of(warehouse.get(pack))
        pieces = {f"pieces_{ids.public('oln', placed.line_ids[0])}": "1"}
        parcel = warehouse.post(pack, {**pieces, "carrier": "sf_express", "other_carrier": ""})["Location"]
        with staffed.shop.enter():
            (one,) = queries.list_parcels(order_ids=[placed.order_id])
            assert (one.carrier, one.booking) == ("sf_express", Booking.REQUESTED)
        shown = text_of(warehouse.get(parcel))
        assert '<option value="sf_express" selected>' in shown
        warehouse.post(f"{parcel}act", {"deed": "ship", "carrier": "", "other_carrier": "圆通", "tracking_number": "YT9"})
        with staffed.shop.enter():
            assert [(p.carrier, p.tracking_number) for p in queries.list_parcels(order_ids=[placed.order_id])] == [
                ("圆通", "YT9")
            ]
    finally:
        ports._factories.pop("sf_express")
    assert staffed.shop.verify() == []
