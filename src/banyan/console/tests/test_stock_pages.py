"""The console's pages about stock, as the warehouse's people use them."""

from __future__ import annotations

import re

from banyan.console.tests.conftest import Staffed
from banyan.goods.inventory import queries
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
