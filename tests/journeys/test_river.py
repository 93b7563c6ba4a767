"""The whole river of money, told as a dated story over HTTP: order, commission, return, settlement, payout, debt, freeze."""

from __future__ import annotations

from typing import Any

import pytest

PLAN = {
    "format": 1,
    "title": "分佣方案",
    "unqualified": "compression",
    "hold_days": 7,
    "caps": {"total_bp": 2000},
    "groups": {"base": "add"},
    "rules": [
        {"key": "seller", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 1000}},
        {"key": "sponsor", "pays": {"to": "ancestor", "depth": 1}, "amount": {"kind": "rate", "rate_bp": 500}},
    ],
}


def found(stage: Any) -> dict[str, Any]:
    """A shop with one tea, a lawful plan, a monthly settlement that is reviewed, and two distributors in a line."""
    operator, finance = stage.staff("operator", "operator"), stage.staff("finance", "finance")
    warehouse = stage.staff("warehouse", "warehouse")
    category = operator.post("/categories", {"code": "tea", "name_zh": "茶"})
    sku = {"code": "longjing", "price_minor": 10_000}
    product = operator.post("/products", {"code": "tea", "name_zh": "龙井", "category_id": category["id"], "skus": [sku]})
    sku_id = product["skus"][0]["id"]
    place = operator.post("/warehouses", {"code": "main", "name": "主仓"})
    operator.post("/stock/receipts", {"receipts": [{"warehouse_id": place["id"], "sku_id": sku_id, "quantity": 100}]})

    version = operator.post("/plans/drafts", {"document": PLAN, "name": "分佣方案"})
    status, code = operator.refused("POST", f"/plans/versions/{version['version_id']}/publish", {})
    assert status in (409, 422), code  # the letter of the law: nobody above the seller is paid
    statements = operator.get("/compliance/standing")["statements"]["practice"]
    operator.post("/compliance/acknowledgements", {"reading": "practice", "statement": next(iter(statements.values()))})
    operator.post(f"/plans/versions/{version['version_id']}/publish", {})
    policy = {"scope": "tenant", "cycle": "monthly", "lane": "reviewed", "minimum_minor": 100, "attempt_count": 3}
    operator.post("/settlements/policies", policy)

    lin, applied = stage.distributor("lin", operator)
    mei, below = stage.distributor("mei", operator, applied["code"])
    zhou = stage.consumer("zhou", below["code"])
    people = {"lin": lin, "mei": mei, "zhou": zhou, "operator": operator, "finance": finance, "warehouse": warehouse}
    return people | {"sku": sku_id, "lin_id": applied["id"], "mei_id": below["id"]}


def standing(person: Any) -> list[tuple[str, int]]:
    """What the person is told about money that has not arrived yet."""
    return [(one["reason"], one["amount_minor"]) for one in person.get("/settlements/why-not-yet")["items"]]


def statements(person: Any) -> list[tuple[str, int]]:
    return [(one["status"], one["amount_minor"]) for one in person.get("/settlements/statements")["items"]]


def latest_payout(person: Any) -> dict[str, Any]:
    return dict(person.get("/payouts")["items"][0])


def confirm(stage: Any, person: Any) -> None:
    """The payee confirms in the WeChat client, with the package that only they can read."""
    payout = latest_payout(person)
    assert payout["state"] == "awaiting_confirmation"
    assert person.get(f"/payouts/{payout['id']}/confirmation")["confirm_package"]
    stage.channel.confirm(payout["out_bill_no"])
    stage.run()


def give_back(scene: dict[str, Any], order: dict[str, Any], mode: str, **more: Any) -> dict[str, Any]:
    """One tea goes back: asked for, approved, received where it had left, accepted."""
    asker = scene["operator"] if more.get("goodwill") else scene["zhou"]
    lines = [{"line_id": order["lines"][0]["id"], "quantity": 1}]
    body = {"order_id": order["id"], "mode": mode, "reason": "不想要了", "lines": lines, **more}
    asked = asker.post("/returns", body)
    path = f"/returns/{asked['return_id']}"
    scene["operator"].post(f"{path}/approve")
    if mode == "goods_back":
        inspection = {"line_id": order["lines"][0]["id"], "restock_quantity": 1}
        scene["warehouse"].post(f"{path}/receive", {"inspections": [inspection]})
    return dict(scene["operator"].post(f"{path}/accept"))


def approve(scene: dict[str, Any], name: str) -> str:
    """Finance approves the statement of one distributor that stands in the queue."""
    queue = scene["finance"].get("/settlements/review-queue")["items"]
    (one,) = [entry for entry in queue if entry["distributor_id"] == scene[f"{name}_id"]]
    path = f"/settlements/statements/{one['statement_id']}/review"
    decided = scene["finance"].post(path, {"decision": "approve", "expected_minor": one["amount_minor"]})
    return str(decided["status"])


@pytest.mark.slow
def test_the_whole_river(stage: Any) -> None:
    # ── 1 March: the shop opens ──
    scene = found(stage)
    lin, mei, zhou = scene["lin"], scene["mei"], scene["zhou"]
    stage.verify()

    # ── 2 March: Zhou, who came by Mei's code, buys three teas and pays with WeChat ──
    stage.at("2026-03-02 10:00")
    first = stage.buy(zhou, scene["sku"], 3)
    assert first["state"] == "paid"
    assert (standing(mei), standing(lin)) == ([("awaiting_receipt", 3_000)], [("awaiting_receipt", 1_500)])
    stage.verify()

    # ── 3 March: one tea goes back before it ships; both lose exactly a third ──
    stage.at("2026-03-03 10:00")
    assert give_back(scene, first, "unshipped")["refund_minor"] == 10_000
    stage.settled(minutes=10)
    assert zhou.get("/returns")["items"][0]["status"] == "refunded"
    assert (standing(mei), standing(lin)) == ([("awaiting_receipt", 2_000)], [("awaiting_receipt", 1_000)])
    stage.verify()

    # ── 4 March: the rest is shipped and received; 12 March: the hold is over ──
    stage.at("2026-03-04 10:00")
    scene["warehouse"].post(
        "/orders/ship", {"shipments": [{"order_id": first["id"], "carrier": "顺丰", "tracking_number": "SF1"}]}
    )
    zhou.post(f"/orders/{first['id']}/receive")
    stage.run()
    assert [reason for reason, _ in standing(mei)] == ["holding_period"]
    stage.at("2026-03-12 10:00")
    assert (standing(mei), standing(lin)) == ([("period_running", 2_000)], [("period_running", 1_000)])
    stage.verify()

    # ── 1 April: first settlement ──
    stage.at("2026-03-31 23:59")
    assert statements(mei) == []
    stage.at("2026-04-01 00:00")
    assert (statements(mei), statements(lin)) == ([("under_review", 2_000)], [("under_review", 1_000)])
    own = mei.get("/settlements/statements")["items"][0]["statement_id"]
    assert lin.refused("GET", f"/settlements/statements/{own}") == (404, "not_found")
    assert mei.refused("POST", f"/settlements/statements/{own}/review", {"decision": "approve"}) == (403, "forbidden")
    assert (approve(scene, "mei"), approve(scene, "lin")) == ("paying", "paying")
    stage.settled(minutes=1)
    payout = latest_payout(mei)
    assert lin.refused("GET", f"/payouts/{payout['id']}/confirmation")[0] == 404
    confirm(stage, mei)
    assert statements(mei) == [("paid", 2_000)]
    stage.verify()

    # ── 2 April: Lin did not confirm within 24 hours; the payout expires and is tried again under a new number ──
    expired = latest_payout(lin)
    stage.at("2026-04-02 00:30")
    stage.settled(minutes=5)
    again = latest_payout(lin)
    assert again["out_bill_no"] != expired["out_bill_no"]
    assert lin.get(f"/payouts/{expired['id']}")["state"] == "expired"
    confirm(stage, lin)
    assert statements(lin) == [("paid", 1_000)]
    assert stage.channel.paid_out() == {"openid-mei": 2_000, "openid-lin": 1_000}
    stage.verify()

    # ── 5 April: another tea goes back after everybody was paid; the closed order needs goodwill; both now owe ──
    stage.at("2026-04-05 10:00")
    body = {
        "order_id": first["id"],
        "mode": "goods_back",
        "reason": "受潮",
        "lines": [{"line_id": first["lines"][0]["id"], "quantity": 1}],
    }
    assert zhou.refused("POST", "/returns", body) == (409, "order_closed")
    assert give_back(scene, first, "goods_back", goodwill=True, fault="merchant")["refund_minor"] == 10_000
    stage.settled(minutes=10)
    assert (standing(mei), standing(lin)) == ([("debt", -1_000)], [("debt", -500)])
    stage.verify()

    # ── 6 to 14 April: four more teas; what is released first pays the debt ──
    stage.at("2026-04-06 10:00")
    second = stage.buy(zhou, scene["sku"], 4)
    scene["warehouse"].post("/orders/ship", {"shipments": [{"order_id": second["id"]}]})
    zhou.post(f"/orders/{second['id']}/receive")
    stage.at("2026-04-14 10:00")
    assert (standing(mei), standing(lin)) == ([("period_running", 3_000)], [("period_running", 1_500)])
    stage.verify()

    # ── 20 April: Mei is frozen; 1 May: her statement is held, Lin's is paid with the debt netted ──
    stage.at("2026-04-20 10:00")
    scene["operator"].post("/distributors/freeze", {"ids": [scene["mei_id"]], "reason": "投诉核查"})
    stage.at("2026-05-01 00:00")
    assert statements(mei)[0] == ("held", 3_000)
    assert standing(mei) == [("frozen", 3_000)]
    assert approve(scene, "lin") == "paying"
    stage.settled(minutes=1)
    confirm(stage, lin)
    statement = lin.get("/settlements/statements")["items"][0]
    lines = lin.get(f"/settlements/statements/{statement['statement_id']}/lines")["items"]
    assert sorted((line["source_kind"], line["amount_minor"]) for line in lines) == [
        ("commission_released", 2_000),
        ("commission_reversed", -500),
    ]
    assert (statement["status"], statement["amount_minor"]) == ("paid", 1_500)
    stage.verify()

    # ── 3 May: cleared; her statement is reviewed, approved and paid ──
    stage.at("2026-05-03 10:00")
    scene["operator"].post("/distributors/unfreeze", {"ids": [scene["mei_id"]], "reason": "核查无误"})
    stage.run()
    assert statements(mei)[0] == ("under_review", 3_000)
    assert approve(scene, "mei") == "paying"
    stage.settled(minutes=1)
    confirm(stage, mei)
    assert (statements(mei), standing(mei), standing(lin)) == ([("paid", 3_000), ("paid", 2_000)], [], [])
    assert stage.channel.paid_out() == {"openid-mei": 5_000, "openid-lin": 2_500}
    stage.verify()
