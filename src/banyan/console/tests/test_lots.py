"""Lots in the console: received, held, recalled with everybody whom they reached, by those who may."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

import pytest

from banyan.console.tests.conftest import Staffed
from banyan.kernel import ids, sql
from banyan.people.identity.types import Role


@dataclass(frozen=True)
class Scene:
    """A lot of which a piece was bought."""

    staffed: Staffed
    lot_id: int
    code: str
    whs: str
    order_number: str

    @property
    def address(self) -> str:
        return f"/console/lots/{ids.public('lot', self.lot_id)}/"

    def get(self, role: Role, address: str) -> Any:
        return self.staffed.client(role).get(address)


@pytest.fixture
def scene(staffed: Staffed) -> Scene:
    from banyan.goods.inventory import queries as stock
    from banyan.trade.orders import commands as orders
    from banyan.trade.orders.types import Shipment
    from banyan.trade.returns.tests.making import place_paid

    (order,) = place_paid(staffed.shop, [(1000, 2)])
    with staffed.shop.enter():
        ((code,),) = sql.fetch("SELECT code FROM catalog_skus WHERE tenant_id = %s", (staffed.shop.id,))
        whs = ids.public("whs", stock.list_warehouses()[0].warehouse_id)
    operator = staffed.client(Role.OPERATOR)
    assert operator.post("/console/lots/track", {"code": code}, follow=True).status_code == 200
    with staffed.shop.enter():
        orders.ship([Shipment(order.order_id, "SF", "SF1")])
        (lot,) = stock.list_lots()
    return Scene(staffed, lot.lot_id, code, whs, order.number)


def test_goods_are_received_by_lot(scene: Scene) -> None:
    from banyan.goods.inventory import queries as stock

    warehouse = scene.staffed.client(Role.WAREHOUSE)
    form = {
        "warehouse": scene.whs, "code": scene.code, "quantity": "5", "number": "L-7", "produced_on": "2026-01-02",
        "expires_on": "2026-01-01",
    }  # fmt: skip
    assert "有效期不能早于生产日期" in warehouse.post("/console/lots/receive", form, follow=True).content.decode()
    form |= {"expires_on": "2099-01-01", "quarantined": "on"}
    assert "L-7" in warehouse.post("/console/lots/receive", form, follow=True).content.decode()
    with scene.staffed.shop.enter():
        lot = stock.list_lots(number="L-7")[0]
        assert (lot.pieces, lot.quarantined) == (5, 5)
    pieces = {"deed": "clear", "warehouse": scene.whs, "quantity": "9", "reason": "检验合格"}
    address = f"/console/lots/{ids.public('lot', lot.lot_id)}/pieces"
    assert "该批次在此处的库存少于" in warehouse.post(address, pieces, follow=True).content.decode()
    warehouse.post(address, pieces | {"quantity": "5"})
    with scene.staffed.shop.enter():
        assert stock.get_lot(lot.lot_id).quarantined == 0
    assert "L-7" in warehouse.get(f"/console/stock/lots/?warehouse={scene.whs}").content.decode()


def test_a_recall_names_everybody_with_masked_contacts_and_as_csv(scene: Scene) -> None:
    operator = scene.staffed.client(Role.OPERATOR)
    assert "召回" in operator.get(scene.address).content.decode()
    assert "必填" in operator.post(f"{scene.address}decide", {"decision": "recall"}, follow=True).content.decode()
    page = operator.post(f"{scene.address}decide", {"decision": "recall", "reason": "玻璃碎片"}, follow=True).content.decode()
    assert "已召回" in page and "玻璃碎片" in page and scene.order_number in page and "SF SF1" in page
    assert "/decide" not in page
    answer = operator.get(f"{scene.address}buyers")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert answer["Content-Type"].startswith("text/csv") and len(rows) == 2
    assert rows[1][0] == scene.order_number and rows[1][6:8] == ["2", "0"]
    assert operator.post(f"{scene.address}decide", {"decision": "sell", "reason": "x"}).status_code == 404


def test_the_warehouse_works_with_lots_and_knows_no_buyer(scene: Scene) -> None:
    page = scene.get(Role.WAREHOUSE, scene.address).content.decode()
    assert scene.order_number not in page and "流向买家" not in page
    answers = {role: scene.get(role, f"{scene.address}buyers").status_code for role in (Role.WAREHOUSE, Role.AUDITOR)}
    assert answers == {Role.WAREHOUSE: 403, Role.AUDITOR: 200}
    auditor = scene.staffed.client(Role.AUDITOR)
    assert "/decide" not in auditor.get(scene.address).content.decode()
    assert auditor.post(f"{scene.address}decide", {"decision": "recall", "reason": "x"}).status_code == 403
    assert scene.get(Role.OPERATOR, "/console/lots/lot_0000000000000/").status_code == 404


def test_what_expires_soon_is_told_and_the_days_are_the_shops(scene: Scene) -> None:
    from banyan.goods.inventory import queries as stock

    operator = scene.staffed.client(Role.OPERATOR)
    form = {"warehouse": scene.whs, "code": scene.code, "quantity": "5", "number": "SOON", "expires_on": "2099-01-01"}
    operator.post("/console/lots/receive", form)
    assert "个批次临期" not in operator.get("/console/lots/").content.decode()
    with scene.staffed.shop.enter():
        sql.execute("UPDATE inventory_lots SET expires_on = current_date + 40 WHERE number = 'SOON'")
    operator.post("/console/lots/warning", {"near_expiry_days": "60"})
    assert "1 个批次临期" in operator.get("/console/lots/").content.decode()
    with scene.staffed.shop.enter():
        assert stock.lot_rules()[0] == 60
    assert scene.get(Role.OPERATOR, "/console/lots/?state=expired").status_code == 200
