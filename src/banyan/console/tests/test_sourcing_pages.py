"""The console's pages about sourcing, as the warehouse's people use them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from banyan.console.tests.conftest import Staffed
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import LotRule, NewLot, Receipt
from banyan.goods.sourcing import queries
from banyan.goods.sourcing.tests.test_sourcing import BEIJING, HANGZHOU, Shop
from banyan.kernel import ids
from banyan.people.identity.types import Role

POLICY = {
    "is_on": "on", "split": "when_needed", "shortfall": "wait", "promise_hours": "48", "fresh_days": "0", "late_minor": "0.20",
    "fresh_minor": "0.50", "load_minor": "3", "split_minor": "5", "priority_minor": "0",
}  # fmt: skip


@dataclass(frozen=True)
class Sourced:
    """A staffed shop with one order that was sourced, and lost its pieces since."""

    staffed: Staffed
    order: str
    shop: Any


@pytest.fixture
def sourced(staffed: Staffed) -> Sourced:
    with staffed.shop.enter():
        shop = Shop()
        inventory.track_lots([LotRule(shop.a)])
        for warehouse in (shop.north, shop.south):
            inventory.receive_stock([Receipt(warehouse, shop.a, 3, lot=NewLot(f"L{warehouse}"))])
            shop.receive(warehouse, shop.b, 9)
        shop.hold(7, (shop.a, 2), (shop.b, 1))
        shop.pay((7, HANGZHOU))
        inventory.recall_lots([one.lot_id for one in stock.list_lots(shop.a)], "bad")
    staffed.shop.drain()
    return Sourced(staffed, ids.public("ord", 7), shop)


def test_why_this_warehouse(sourced: Sourced) -> None:
    shown = sourced.staffed.client(Role.WAREHOUSE).get(f"/console/sourcing/{sourced.order}/").content.decode()
    for words in ("南仓", "北仓", "选中", "次优方案", "浙江省杭州市", "¥10.00", "先发现货", "等待中", "库存不足"):
        assert words in shown, words
    assert sourced.staffed.client(Role.WAREHOUSE).get(f"/console/sourcing/{ids.public('ord', 8)}/").status_code == 404


def test_backorders_are_listed_and_given_up(sourced: Sourced) -> None:
    client = sourced.staffed.client(Role.WAREHOUSE)
    assert sourced.order in client.get("/console/sourcing/backorders/").content.decode()
    with sourced.staffed.shop.enter():
        (one,) = queries.list_backorders()
    pick = {"pick": ids.public("bko", one.backorder_id)}
    assert sourced.staffed.client(Role.AUDITOR).post("/console/sourcing/backorders/cancel", pick).status_code == 403
    assert client.post("/console/sourcing/backorders/cancel", pick).status_code == 302
    assert sourced.order not in client.get("/console/sourcing/backorders/").content.decode()
    assert "已放弃" in client.get("/console/sourcing/backorders/?state=all").content.decode()
    assert "已经结束" in client.post("/console/sourcing/backorders/cancel", pick, follow=True).content.decode()


def test_policy_tariff_and_limits_by_form(sourced: Sourced) -> None:
    client = sourced.staffed.client(Role.WAREHOUSE)
    assert client.post("/console/sourcing/settings/policy", POLICY).status_code == 302
    lines = "near, 近, 300, 1000, 5.00, 1000, 1.00, 24\nrest, 其余, , 1000, 12.50, 500, 3, 72, "
    assert client.post("/console/sourcing/settings/tariff", {"lines": lines}).status_code == 302
    wrong = client.post("/console/sourcing/settings/tariff", {"lines": "near, 近, 300"}).content.decode()
    assert "第 1 行无法识别" in wrong
    alone = client.post("/console/sourcing/settings/tariff", {"lines": lines.splitlines()[0]}).content.decode()
    assert "必须有一个不限距离的分区" in alone
    place = ids.public("whs", sourced.shop.south)
    limit = {"warehouse": place, "parcels_per_day": "20"}
    assert client.post("/console/sourcing/settings/capacity", limit).status_code == 302
    with sourced.staffed.shop.enter():
        policy = queries.get_policy()
        assert (policy.split, policy.promise_hours, policy.weights.split_minor) == ("when_needed", 48, 500)
        zones = [(zone.code, zone.up_to_km, zone.first_minor) for zone in policy.zones]
        assert zones == [("near", 300, 500), ("rest", None, 1250)]
        assert queries.list_capacities()[0].parcels_per_day == 20
    shown = client.get("/console/sourcing/settings/").content.decode()
    assert "¥12.50" in shown and "南仓" in shown and BEIJING not in shown
    assert sourced.staffed.client(Role.AUDITOR).post("/console/sourcing/settings/policy", POLICY).status_code == 403
