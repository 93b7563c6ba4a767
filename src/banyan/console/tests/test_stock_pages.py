"""The console's pages about stock, as the warehouse's people use them."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import Any

import pytest

from banyan.console import names
from banyan.console.tests.conftest import Staffed
from banyan.goods.inventory import commands, queries
from banyan.goods.inventory.types import NewChannelStock, ReserveLine, SafetyStock
from banyan.kernel import clock, ids
from banyan.people.identity.types import Role


def test_a_warehouse_is_opened_changed_and_closed_by_form(staffed: Staffed) -> None:
    client = staffed.client(Role.WAREHOUSE)
    form = {"code": "jx", "name": "嘉兴仓", "kind": "head", "region_code": "3304", "address": "", "priority": "10"}
    assert "六位" in client.post("/console/warehouses/open", form).content.decode()
    assert client.post("/console/warehouses/open", form | {"region_code": "330402"}).status_code == 302
    shown = client.get("/console/warehouses/").content.decode()
    assert "嘉兴仓" in shown and "总仓" in shown
    (public_id,) = set(re.findall(r"whs_\w{13}", shown))
    assert 'value="330402"' in client.get(f"/console/warehouses/{public_id}/").content.decode()
    assert client.post(f"/console/warehouses/{public_id}/", form | {"kind": "cloud", "region_code": ""}).status_code == 302
    client.post(f"/console/warehouses/{public_id}/active", {"active": "no"})
    with staffed.shop.enter():
        (one,) = queries.list_warehouses()
    assert (one.kind, one.region_code, one.is_active) == ("cloud", "", False)
    assert staffed.client(Role.AUDITOR).post("/console/warehouses/open", form).status_code == 403


@dataclass(frozen=True)
class Yard:
    """A staffed shop with two warehouses and two SKUs."""

    staffed: Staffed
    here: str
    there: str
    codes: list[str]
    skus: list[Any]

    def on_hand(self, number: int) -> dict[str, int]:
        """Pieces by warehouse."""
        with self.staffed.shop.enter():
            return {ids.public("whs", one.warehouse_id): one.on_hand for one in queries.stock_levels([self.skus[number]])}


@pytest.fixture
def yard(staffed: Staffed) -> Yard:
    from banyan.goods.warehousing.tests.making import make_places

    with staffed.shop.enter():
        places = make_places([10, 4])
        codes = [names.goods_names([sku])[sku].split()[0] for sku in places.skus]
    return Yard(staffed, ids.public("whs", places.here), ids.public("whs", places.there), codes, places.skus)


def test_the_table_shows_everything_filters_and_exports(yard: Yard) -> None:
    with yard.staffed.shop.enter():
        commands.set_aside([NewChannelStock("live/1", yard.skus[0], 3)])
        commands.reserve([ReserveLine(1, 11, yard.skus[0], 2)])
        commands.set_safety_stock([SafetyStock(ids.parse("whs", yard.here), yard.skus[1], 5)])  # type: ignore[arg-type]
    client = yard.staffed.client(Role.WAREHOUSE)
    shown = client.get("/console/stock/").content.decode()
    assert all(code in shown for code in yard.codes)
    low = client.get("/console/stock/?only=low").content.decode()
    assert yard.codes[1] in low and yard.codes[0] not in low
    assert yard.codes[0] in client.get(f"/console/stock/?q={yard.codes[0]}&warehouse={yard.here}").content.decode()
    text = client.get("/console/stock/export?only=set_aside").content.decode("utf-8-sig")
    (row,) = list(csv.reader(text.splitlines()))[1:]
    assert row[0] == yard.codes[0] and row[3:] == ["10", "2", "0", "0", "0", "3", "5", "0", ""]
    assert client.get("/console/stock/?only=nonsense&warehouse=whs_x&cursor=").status_code == 200


def test_a_transfer_by_pasted_lines_is_sent_and_received_in_parts(yard: Yard) -> None:
    client = yard.staffed.client(Role.WAREHOUSE)
    form = {"source": yard.here, "destination": yard.there, "note": "补货", "lines": f"{yard.codes[0]}, 6\nnobody, 1\nx"}
    refused = client.post("/console/stock/transfers/draft", form).content.decode()
    assert "第 2 行" in refused and "第 3 行" in refused and "nobody, 1" in refused
    answer = client.post("/console/stock/transfers/draft", form | {"lines": f"{yard.codes[0]}\t6"})
    page = answer["Location"]
    client.post(f"{page}send")
    assert yard.on_hand(0) == {yard.here: 4, yard.there: 0}
    shown = client.get(page).content.decode()
    (line,) = set(re.findall(r'name="received_(tln_\w+)"', shown))
    key = re.findall(r'name="key" value="(\w+)"', shown)[0]
    told = {"key": key, f"received_{line}": "4", f"lost_{line}": "1", f"reason_{line}": ""}
    assert "原因" in client.post(f"{page}receive", told, follow=True).content.decode()
    for _ in range(2):  # a second click counts once
        client.post(f"{page}receive", told | {f"reason_{line}": "破损"})
    assert yard.on_hand(0) == {yard.here: 4, yard.there: 4}
    assert "破损" in client.get(page).content.decode()
    assert yard.staffed.client(Role.AUDITOR).post(f"{page}send").status_code == 403
    assert yard.staffed.shop.verify() == []


def test_a_stock_take_is_pasted_by_one_and_approved_by_another(yard: Yard) -> None:
    clerk, boss = yard.staffed.client(Role.WAREHOUSE), yard.staffed.client(Role.OPERATOR)
    form = {"warehouse": yard.here, "note": "", "codes": "nobody"}
    assert "nobody" in clerk.post("/console/stock/takes/open", form).content.decode()
    page = clerk.post("/console/stock/takes/open", form | {"codes": ""})["Location"]
    assert "bad line here and more" in clerk.post(f"{page}count", {"counts": "bad line here and more"}).content.decode()
    clerk.post(f"{page}count", {"counts": f"{yard.codes[0]},9\n{yard.codes[1]},5"})
    shown = clerk.get(f"{page}?only=different").content.decode()
    assert "-1" in shown and "+1" in shown
    clerk.post(f"{page}decide", {"decision": "approve"})
    assert yard.on_hand(0)[yard.here] == 10
    boss.post(f"{page}decide", {"decision": "approve"})
    assert (yard.on_hand(0)[yard.here], yard.on_hand(1)[yard.here]) == (9, 5)
    assert yard.staffed.shop.verify() == []


def test_alerts_are_counted_in_the_menu_seen_and_gone(yard: Yard) -> None:
    client = yard.staffed.client(Role.WAREHOUSE)
    form = {"warehouse": yard.here, "code": yard.codes[0], "quantity": "20"}
    assert client.post("/console/stock/safety", form).status_code == 302
    with yard.staffed.shop.enter():
        assert commands.raise_alerts(clock.now()) == 1
    shown = client.get("/console/stock/alerts/").content.decode()
    assert "低库存" in shown
    picks = re.findall(r'name="pick" value="(alt_\w+)"', shown)
    client.post("/console/stock/alerts/seen", {"pick": picks})
    with yard.staffed.shop.enter():
        assert queries.count_open_alerts() == 0
    client.post("/console/stock/safety", form | {"quantity": ""})
    with yard.staffed.shop.enter():
        assert commands.raise_alerts(clock.now()) == 1
    assert "没有预警" in client.get("/console/stock/alerts/").content.decode()


def test_stock_is_set_aside_and_given_back_by_form(yard: Yard) -> None:
    client = yard.staffed.client(Role.OPERATOR)
    form = {"channel": "live/1", "code": yard.codes[0], "quantity": "11", "warehouse": "", "ends_at": ""}
    assert "可动用的库存少于" in client.post("/console/stock/channels/open", form).content.decode()
    assert client.post("/console/stock/channels/open", form | {"quantity": "8"}).status_code == 302
    assert "live/1" in client.get("/console/stock/channels/").content.decode()
    client.post("/console/stock/channels/end", {"channel": "live/1"})
    assert "没有渠道预留" in client.get("/console/stock/channels/").content.decode()
