"""Over HTTP: plans by those who may, commissions by those whose they are; denied means no data and no effect."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.test import Client

from banyan.earnings.commission import commands, queries
from banyan.earnings.commission.tests.shopfront import DOCUMENT, T0, Sales, seller_only
from banyan.kernel import ids
from banyan.people.distributors import commands as distributors
from banyan.people.distributors.types import Application
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role, scopes_of


class Caller:
    """A user of the shop with a token of all the rights of the roles."""

    def __init__(self, sales: Sales, *roles: Role) -> None:
        with sales.shop.enter():
            self.user_id = identity.register_users([NewUser(f"u{uuid.uuid4().hex[:10]}", None, "Somebody", None, roles)])[0]
            self.token = identity.issue_token(self.user_id, scopes_of(roles), "test")

    def send(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """Send, expect the status, return the JSON."""
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": uuid.uuid4().hex}
        content = json.dumps(body) if body is not None else ""
        answer = Client().generic(method, f"/api/v1{path}", content, content_type="application/json", headers=headers)
        assert answer.status_code == status, answer.content.decode()
        return answer.json()


def make_distributor(sales: Sales, caller: Caller) -> int:
    with sales.shop.enter():
        applied = distributors.apply([Application(caller.user_id, None, T0)])[0]
        distributors.approve([applied.distributor_id], T0)
    return int(applied.distributor_id)


def test_a_plan_from_draft_to_end(sales: Sales) -> None:
    operator = Caller(sales, Role.OPERATOR)
    sku, category = ids.public("sku", 7), ids.public("cat", 12)
    document = json.loads(json.dumps(DOCUMENT))
    document["rules"][0]["when"] = {"any": [{"sku": [sku]}, {"category": [category]}]}
    report = operator.send("POST", "/plans/check", {"document": document})
    assert (report["legal"], report["upline_depth_paid"], report["total_rate_bp"], report["faults"]) == (True, 2, 1700, [])
    version = operator.send("POST", "/plans/drafts", {"document": document, "name": "Spring"})
    assert (version["status"], version["document"]["rules"][0]["when"]) == ("draft", document["rules"][0]["when"])
    path = f"/plans/versions/{version['version_id']}"
    operator.send("PUT", path, {"document": {**document, "hold_days": 9}})
    published = operator.send("POST", f"{path}/publish", {})
    assert (published["status"], published["document"]["hold_days"], published["rule_set"]) == (
        "published",
        9,
        "sandbox.sandbox.undated",
    )
    assert operator.send("PUT", path, {"document": document}, 409)["error"]["code"] == "not_a_draft"
    assert operator.send("POST", f"{path}/publish", {}, 409)["error"]["code"] == "not_a_draft"
    assert [each["version_id"] for each in operator.send("GET", "/plans/versions")["items"]] == [version["version_id"]]
    order = sales.sell(10000, upline=(1,))
    with sales.shop.enter():
        commands.accrue([order])
        assert queries.list_for_orders([order])[order][0].rule_key == "seller"
    retired = operator.send("POST", f"{path}/retire", {"reason": "over"})
    assert (retired["status"], retired["ended_reason"]) == ("retired", "over")


def test_an_illegal_plan_is_answered_with_its_clause(chinese_sales: Sales) -> None:
    operator = Caller(chinese_sales, Role.OPERATOR)
    version = operator.send("POST", "/plans/drafts", {"document": DOCUMENT})
    error = operator.send("POST", f"/plans/versions/{version['version_id']}/publish", {}, 409)["error"]
    assert (error["code"], error["details"]["broken"][0]["clause"]) == ("illegal_plan", "upline_depth")
    assert operator.send("GET", f"/plans/versions/{version['version_id']}")["status"] == "draft"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"document": {}}, "invalid_plan"),
        ({"document": {**DOCUMENT, "\ud800": "\x00"}}, "invalid"),
        ({"document": {**DOCUMENT, "title": "half \ud800"}}, "invalid_plan"),
        ({"document": DOCUMENT, "name": "nul \x00"}, "invalid"),
        ({"document": seller_only(when=[])}, "invalid_plan"),
        ({"document": {**DOCUMENT, "rules": [{**DOCUMENT["rules"][0], "when": {"sku": [7]}}]}}, "invalid_plan"),
        ({"document": {**DOCUMENT, "rules": [{**DOCUMENT["rules"][0], "when": {"sku": ["sku_zzz"]}}]}}, "invalid_plan"),
        ({"document": []}, "invalid"),
    ],
)
def test_bad_drafts_are_refused_with_words(sales: Sales, body: Any, code: str) -> None:
    error = Caller(sales, Role.OPERATOR).send("POST", "/plans/drafts", body, 422)["error"]
    assert error["code"] == code
    assert error["message"]
    assert error["advice"]
    assert sales.count("commission_plan_versions") == 0


@pytest.mark.parametrize(
    "moment", ["2026-03-02T00:00:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-02-01T00:00:00Z"]
)
def test_impossible_moments_are_refused(sales: Sales, moment: str) -> None:
    operator = Caller(sales, Role.OPERATOR)
    version = operator.send("POST", "/plans/drafts", {"document": DOCUMENT})["version_id"]
    error = operator.send(
        "POST", f"/plans/versions/{version}/publish", {"effective_from": moment}, 422 if moment.endswith("00:00:00") else 409
    )
    assert error["error"]["code"] in ("invalid", "version_dates")


@pytest.mark.parametrize(
    ("role", "reads", "writes"),
    [(Role.FINANCE, True, False), (Role.AUDITOR, True, False), (Role.DISTRIBUTOR, False, False), (Role.CONSUMER, False, False)],
)
def test_who_may_touch_plans(sales: Sales, role: Role, reads: bool, writes: bool) -> None:
    version = Caller(sales, Role.OPERATOR).send("POST", "/plans/drafts", {"document": DOCUMENT})["version_id"]
    caller = Caller(sales, role)
    caller.send("GET", f"/plans/versions/{version}", status=200 if reads else 403)
    caller.send("POST", f"/plans/versions/{version}/publish", {}, 200 if writes else 403)
    caller.send("POST", "/plans/drafts", {"document": DOCUMENT, "name": "mine"}, 200 if writes else 403)
    assert sales.count("commission_plan_versions") == 1
    with sales.shop.enter():
        assert queries.version_at(T0) is None


def test_everybody_sees_his_own_commission_and_finance_sees_all(sales: Sales) -> None:
    callers = [Caller(sales, Role.DISTRIBUTOR) for _ in range(3)]
    seller, parent, stranger = (make_distributor(sales, caller) for caller in callers)
    finance = Caller(sales, Role.FINANCE)
    sales.publish()
    order = sales.sell(10000, upline=(seller, parent))
    with sales.shop.enter():
        commands.accrue([order])
        parents, sellers = queries.list_for_orders([order])[order]
    mine = callers[0].send("GET", "/commissions")["items"]
    assert [(each["payee_id"], each["amount_minor"], each["hold"]) for each in mine] == [
        (ids.public("dst", seller), 1000, "awaiting_receipt")
    ]
    assert len(finance.send("GET", f"/commissions?order_id={ids.public('ord', order)}")["items"]) == 2
    first = finance.send("GET", "/commissions?limit=1")
    assert len(finance.send("GET", f"/commissions?limit=1&cursor={first['next_cursor']}")["items"]) == 1
    own, other = (ids.public("cms", each.commission_id) for each in (sellers, parents))
    callers[0].send("GET", f"/commissions/{own}")
    callers[0].send("GET", f"/commissions/{other}", status=404)
    callers[0].send("GET", f"/commissions/{other}/explanation", status=404)
    callers[2].send("GET", f"/commissions/{own}/explanation", status=404)
    callers[0].send("GET", f"/commissions?payee_id={ids.public('dst', parent)}", status=404)
    callers[0].send("GET", f"/commissions/totals/{ids.public('dst', parent)}", status=404)
    assert callers[2].send("GET", "/commissions")["items"] == []
    assert callers[0].send("GET", f"/commissions/totals/{ids.public('dst', seller)}")[0]["pending_minor"] == 1000
    assert Caller(sales, Role.DISTRIBUTOR).send("GET", "/commissions")["items"] == []
    Caller(sales, Role.CONSUMER).send("GET", "/commissions", status=403)
    assert stranger not in (seller, parent)


def test_the_explanation_tells_the_payee_his_part_and_finance_the_whole(sales: Sales) -> None:
    caller = Caller(sales, Role.DISTRIBUTOR)
    seller = make_distributor(sales, caller)
    sales.publish({**DOCUMENT, "caps": {"total_bp": 1000}})
    order = sales.sell(9999, upline=(seller, 2, 3))
    with sales.shop.enter():
        commands.accrue([order])
        mine = queries.list_for_orders([order])[order][-1]
    path = f"/commissions/{ids.public('cms', mine.commission_id)}/explanation"
    whole = Caller(sales, Role.FINANCE).send("GET", path)
    assert whole["agrees"] is True
    assert [each["depth"] for each in whole["upline"]] == [0, 1, 2]
    assert len(whole["siblings"]) == 2
    assert sum(each["amount_minor"] for each in whole["siblings"]) + whole["commission"]["amount_minor"] == 999
    assert [(cut["cap"], cut["before_minor"], cut["after_minor"]) for cut in whole["cuts"]] == [("plan_total", 1697, 999)]
    assert {each["account_kind"] for each in whole["postings"]} == {"commission_expense", "distributor_pending"}
    assert whole["legal"]["rule_set"] == "sandbox.sandbox.undated"
    own = caller.send("GET", path)
    text = json.dumps(own)
    assert all(ids.public("dst", other) not in text for other in (2, 3))
    assert own["siblings"] == []
    assert [each["account_kind"] for each in own["postings"]] == ["distributor_pending"]
    assert own["cuts"] == []
    assert any("99.99" in sentence and "10%" in sentence for sentence in own["words"])
