"""A return at every stage: before and after shipping, after receipt, release, settlement and payout; goods, exchange and claim.

Whatever was asked for and whenever, the money goes back the way it came, each distributor loses exactly his share and from
the right balance, one page says all of it, and nothing is left over that verify would find.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

PHOTO = b64encode(b"\xff\xd8\xff\xe0" + bytes(64) + b"\xff\xd9").decode()
TEA, SELLER, SPONSOR = 10_000, 1_000, 500
STAGES = ("paid", "shipped", "received", "released", "reviewed", "settled")
MOMENTS = {"released": "2026-03-20 10:00", "reviewed": "2026-04-01 00:00", "settled": "2026-04-10 10:00"}
SOURCES = {
    "paid": "pending", "shipped": "pending", "received": "pending", "released": "available", "reviewed": "available",
    "settled": "debt",
}  # fmt: skip
"""From which balance of a distributor the commission is taken at each stage."""


def ask(stage: Any, order: dict[str, Any], mode: str, by: str, **more: Any) -> str:
    """Ask for one piece, or an amount, back; before the end of the seven days the buyer asks himself."""
    amount = more.pop("amount_minor", 0)
    line = {"line_id": order["lines"][0]["id"], "quantity": 0 if amount else 1, "amount_minor": amount}
    body = {"order_id": order["id"], "mode": mode, "reason": "不合适", "lines": [line], **more}
    goodwill = by in ("released", "reviewed", "settled")
    asker = stage.operator if goodwill else stage.zhou
    return f"/returns/{asker.post('/returns', {**body, 'goodwill': goodwill})['return_id']}"


def goods_back(stage: Any, path: str) -> dict[str, Any]:
    """Approved, sent, inspected, accepted."""
    stage.operator.post(f"{path}/approve")
    one = stage.zhou.post(f"{path}/parcel", {"carrier": "顺丰", "tracking_number": "SF100"})
    inspection = {"line_id": one["lines"][0]["line_id"], "pieces": [{"quantity": 1, "disposition": "restock"}]}
    stage.warehouse.post(f"{path}/receive", {"inspections": [inspection]})
    return dict(stage.operator.post(f"{path}/accept"))


def give_back(stage: Any, order: dict[str, Any], by: str) -> str:
    """One tea goes back, before shipping without its way."""
    if by == "paid":
        path = ask(stage, order, "unshipped", by)
        stage.operator.post(f"{path}/approve")
        stage.operator.post(f"{path}/accept")
    else:
        path = ask(stage, order, "goods_back", by)
        goods_back(stage, path)
    return path


def claim_damage(stage: Any, order: dict[str, Any], by: str) -> str:
    """Half of what is asked is granted: the price of one tea."""
    asker = stage.operator if by in ("released", "reviewed", "settled") else stage.zhou
    photo = asker.post("/returns/photos", {"content_base64": PHOTO})["photo_id"]
    path = ask(stage, order, "damage_claim", by, amount_minor=2 * TEA, photo_ids=[photo], reason_code="damaged")
    grants = {"grants": [{"line_id": order["lines"][0]["id"], "amount_minor": TEA}]}
    stage.operator.post(f"{path}/approve", grants)
    assert stage.operator.post(f"{path}/accept")["refund_minor"] == TEA
    return path


def exchange(stage: Any, order: dict[str, Any], by: str) -> str:
    """One tea is exchanged for another, and then that one goes back as well: its money lies with the first order's payment."""
    done = goods_back(stage, ask(stage, order, "exchange", by))
    assert (done["status"], done["refund_minor"]) == ("exchanged", 0)
    replacement = stage.zhou.get(f"/orders/{done['replacement_order_id']}")
    assert replacement["total_minor"] == 0
    stage.ship(replacement)
    path = ask(stage, replacement, "goods_back", "received")
    goods_back(stage, path)
    return path


def check_page(stage: Any, path: str, stage_name: str) -> None:
    """The one page: refund, commission at every depth from the right balance, statements, balanced postings."""
    stage.settled(minutes=10)
    page = stage.finance.get(f"{path}/money")
    assert (page["refund_minor"], sum(part["amount_minor"] for part in page["refunds"])) == (TEA, TEA)
    assert [part["state"] for part in page["refunds"]] == ["completed"]
    taken = {one["payee_id"]: one for one in page["taken_back"]}
    assert {payee: one["amount_minor"] for payee, one in taken.items()} == {stage.mei_id: SELLER, stage.lin_id: SPONSOR}
    assert not page["is_waiting"]
    for one in taken.values():
        assert one[f"from_{SOURCES[stage_name]}_minor"] == one["amount_minor"], (stage_name, one)
    assert bool(page["debts"]) == (SOURCES[stage_name] == "debt")
    assert [entry["kind"] for entry in page["entries"]].count("payment_refunded") == 1
    assert all(sum(posting["amount_minor"] for posting in entry["postings"]) == 0 for entry in page["entries"])
    touched = {one["statement_id"] for one in page["statements"] if one["stands"]}
    assert (stage_name != "reviewed") or len(touched) == 2
    stage.verify()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make_good", "stages"),
    [(give_back, STAGES), (claim_damage, STAGES[1:]), (exchange, STAGES[1:])],
    ids=["goods", "claim", "exchange"],
)
def test_a_return_at_every_stage_leaves_nothing_over(stage: Any, make_good: Any, stages: tuple[str, ...]) -> None:
    """One order of three teas per stage."""
    stage.found()
    stage.at("2026-03-02 10:00")
    orders = {name: stage.buy(stage.zhou, stage.sku_id, 3) for name in stages}
    if "paid" in stages:
        check_page(stage, make_good(stage, orders["paid"], "paid"), "paid")
    parcels = [{"order_id": order["id"], "carrier": "顺丰", "tracking_number": "SF1"} for order in orders.values()]
    stage.warehouse.post("/orders/ship", {"shipments": parcels})
    check_page(stage, make_good(stage, orders["shipped"], "shipped"), "shipped")
    for order in orders.values():
        stage.zhou.post(f"/orders/{order['id']}/receive")
    stage.run()
    check_page(stage, make_good(stage, orders["received"], "received"), "received")
    for name in ("released", "reviewed"):
        stage.at(MOMENTS[name])
        check_page(stage, make_good(stage, orders[name], name), name)
    for person, distributor_id in ((stage.mei, stage.mei_id), (stage.lin, stage.lin_id)):
        assert stage.approve(distributor_id) == "paying"
        stage.settled(minutes=1)
        stage.confirm(person)
    stage.at(MOMENTS["settled"])
    check_page(stage, make_good(stage, orders["settled"], "settled"), "settled")
    # ── sums: one tea per order went back, commission stands on the others ──
    kept = 3 * len(orders) - len(stages)
    paid = stage.channel.paid_out()
    assert paid["openid-mei"] + stage.mei.waits_for()[0][1] == SELLER * kept
    assert sum(row["amount"] for row in stage.channel.state()["refunds"]) == TEA * len(stages)
