"""A lot over HTTP from the supplier's delivery to the buyers of a recall, and who may know of it."""

from __future__ import annotations

from typing import Any

import pytest

from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory.types import NewWarehouse
from banyan.kernel import clock, ids, sql
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role
from banyan.trade.orders import commands
from banyan.trade.orders.types import PlaceOrder, Shipment

LOT = {"number": "20260301-A", "produced_on": "2026-03-01", "expires_on": "2099-03-01", "supplier_note": "第二车间"}
ROLES = ("operator", "warehouse", "auditor", "supplier", "consumer", "distributor")


@pytest.fixture
def scene(tenant: Any, make_buyers: Any, make_team: Any, call_as: Any) -> dict[str, Any]:
    """A free, lot-tracked SKU received by lot over HTTP; two orders of it are shipped, a third is paid."""
    with tenant.enter():
        (sku,) = make_skus([0])
        (place,) = inventory.open_warehouses([NewWarehouse("w", "仓")])
        people = {role: call_as(role, make_team(1).users[0] if role == "distributor" else None) for role in ROLES}
        named = NewUser("wang", None, "王小明", "13812345678", (Role.CONSUMER,))
        buyers = [*identity.register_users([named]), *make_buyers(2)]
    names = {"sku": ids.public("sku", sku), "whs": ids.public("whs", place)}
    assert people["operator"]("PUT", "/lots/tracking", {"sku_id": names["sku"]})[0] == 200
    received = {"warehouse_id": names["whs"], "sku_id": names["sku"], "quantity": 10, "lot": LOT}
    assert people["warehouse"]("POST", "/stock/receipts", {"receipts": [received]}) == (200, {"written": 1})
    assert people["warehouse"]("POST", "/stock/receipts", {"receipts": [received | {"lot": None}]})[0] == 422
    with tenant.enter():
        placed = commands.place_orders([PlaceOrder(buyer, ((sku, 1 + n),)) for n, buyer in enumerate(buyers)])
        order_ids = [one.order_id for one in placed]  # type: ignore[union-attr]
        commands.open_payments(order_ids, "none")
        shipped = commands.ship([Shipment(order_id, "SF", f"SF{order_id}") for order_id in order_ids[:2]])
        assert shipped == order_ids[:2]
    (lot,) = people["operator"]("GET", f"/lots?sku_id={names['sku']}")[1]["items"]
    return {"tenant": tenant, "people": people, "orders": order_ids, "buyers": buyers, "lot": lot, "sku_id": sku, **names}


def test_a_recall_over_http(scene: dict[str, Any]) -> None:
    operator, lot, orders = scene["people"]["operator"], scene["lot"]["id"], scene["orders"]
    assert scene["lot"] | LOT == scene["lot"] and (scene["lot"]["state"], scene["lot"]["pieces"]) == ("open", 7)
    status, recalled = operator("POST", f"/lots/{lot}/recall", {"reason": "玻璃碎片"})
    assert (status, recalled["state"]) == (200, "recalled")
    assert operator("POST", f"/lots/{lot}/release", {"reason": "no"})[1]["error"]["code"] == "wrong_lot_state"
    first = operator("GET", f"/lots/{lot}/buyers?limit=1")[1]
    second = operator("GET", f"/lots/{lot}/buyers?limit=1&cursor={first['next_cursor']}")[1]
    rows = first["items"] + second["items"]
    assert [(row["order_id"], row["shipped"], row["returned"]) for row in rows] == [
        (ids.public("ord", orders[1]), 2, 0), (ids.public("ord", orders[0]), 1, 0),
    ]  # fmt: skip
    assert rows[1]["buyer_id"] == ids.public("usr", scene["buyers"][0]) and rows[1]["warehouse_ids"] == [scene["whs"]]
    assert (rows[1]["buyer_name"], rows[1]["buyer_phone"]) == ("王**", "+86*********78")
    assert rows[1]["parcels"] == [{"carrier": "SF", "tracking_number": f"SF{orders[0]}"}]
    trace = operator("GET", f"/lots/{lot}/trace")[1]
    assert (trace["came_in"], trace["on_hand"], trace["with_buyers"]) == (10, 7, 3)
    assert [(d["turn"], d["reason"]) for d in trace["decisions"]] == [("recalled", "玻璃碎片")]
    levels = operator("GET", f"/stock?sku_id={scene['sku']}")[1]["items"]
    assert (levels[0]["held"], levels[0]["available"]) == (7, 0)
    assert scene["tenant"].verify(alone=True) == []


def test_a_paid_order_whose_pieces_are_recalled_does_not_leave_in_silence(scene: dict[str, Any]) -> None:
    scene["people"]["operator"]("POST", f"/lots/{scene['lot']['id']}/hold", {"reason": "check"})
    body = {"shipments": [{"order_id": ids.public("ord", scene["orders"][2])}]}
    assert scene["people"]["warehouse"]("POST", "/orders/ship", body)[1]["error"]["code"] == "pieces_lost"
    scene["people"]["operator"]("POST", f"/lots/{scene['lot']['id']}/release", {"reason": "fine"})
    with scene["tenant"].enter():
        assert inventory.serve_lost([scene["orders"][2]], clock.now()) == {}
    assert scene["people"]["warehouse"]("POST", "/orders/ship", body)[0] == 200
    assert scene["tenant"].verify(alone=True) == []


def test_who_may_know_whom_a_lot_reached(scene: dict[str, Any]) -> None:
    path = f"/lots/{scene['lot']['id']}/buyers"
    seen = {role: scene["people"][role]("GET", path)[0] for role in ROLES}
    assert seen == {"operator": 200, "auditor": 200, "warehouse": 404, "supplier": 404, "consumer": 403, "distributor": 403}
    acts = {role: scene["people"][role]("POST", f"/lots/{scene['lot']['id']}/hold", {"reason": "x"})[0] for role in ROLES[2:]}
    assert acts == dict.fromkeys(ROLES[2:], 403)


def test_a_supplier_follows_lots_of_the_own_skus_and_no_buyer(scene: dict[str, Any], call_as: Any) -> None:
    with scene["tenant"].enter():
        (supplier,) = identity.register_users([NewUser("tea-hill", None, "茶山", None, (Role.SUPPLIER,))])
        sql.execute("UPDATE catalog_skus SET supplier_id = %s", (supplier,))
        owner = call_as("supplier", supplier)
    lot = scene["lot"]["id"]
    assert owner("GET", f"/lots/{lot}")[0] == 200
    assert {one["order_id"] for one in owner("GET", f"/lots/{lot}/movements")[1]["items"]} == {None}
    assert owner("GET", "/stock/lots")[1]["items"][0]["number"] == LOT["number"]
    assert owner("GET", f"/lots/{lot}/buyers")[0] == 404
    stranger = scene["people"]["supplier"]
    for path in ("", "/trace", "/movements"):
        assert stranger("GET", f"/lots/{lot}{path}")[0] == 404
    assert stranger("GET", "/lots")[1]["items"] == stranger("GET", "/stock/lots")[1]["items"] == []
    assert stranger("GET", "/lots/tracking")[1]["skus"] == []


def test_quarantine_and_warnings_over_http(scene: dict[str, Any]) -> None:
    people, lot = scene["people"], scene["lot"]["id"]
    pieces = {"warehouse_id": scene["whs"], "sku_id": scene["sku"], "quantity": 3, "reason": "受潮", "lot_id": lot, "key": "q"}
    for _ in range(2):
        status, _answer = people["warehouse"]("POST", "/stock/quarantine", {"pieces": [pieces]})
        assert status == 200
    one = pieces | {"quantity": 1, "key": None}
    assert people["warehouse"]("POST", "/stock/quarantine/clear", {"pieces": [one]}) == (200, {"written": 1})
    assert people["warehouse"]("POST", "/stock/scrap", {"pieces": [one]}) == (200, {"written": 1})
    assert people["warehouse"]("POST", "/stock/scrap", {"pieces": [one | {"lot_id": None}]})[0] == 422
    shelf = people["warehouse"]("GET", f"/stock/lots?warehouse_id={scene['whs']}")[1]["items"]
    assert [(row["on_hand"], row["quarantined"]) for row in shelf] == [(6, 1)]
    assert people["operator"]("GET", "/lots/expiring")[1] == []
    assert people["operator"]("PUT", "/lots/warning", {"near_expiry_days": 3650}) == (200, {"near_expiry_days": 3650})
    assert people["operator"]("GET", "/lots/tracking")[1] == {
        "near_expiry_days": 3650, "skus": [{"sku_id": scene["sku"], "near_expiry_days": None}],
    }  # fmt: skip
    body = {"sku_id": scene["sku"], "tracked": False}
    assert people["operator"]("PUT", "/lots/tracking", body)[1]["error"]["code"] == "lots_on_hand"
