"""A plan tried on a sample order over HTTP: the same engine, every step told, people by name, nothing kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from banyan.earnings.commission.tests.shopfront import DOCUMENT, Sales
from banyan.earnings.commission.tests.test_api import Caller
from banyan.earnings.commission.types.document import plan_schema
from banyan.kernel import ids
from banyan.people.identity.types import Role

PAGES = Path(__file__).parents[5] / "docs"
ORDER = {
    "lines": [{"amount_minor": 10_000, "tags": ["eco"]}],
    "upline": [{"name": "甲", "tier": "gold"}, {"name": "乙", "status": "frozen"}, {"name": "丙"}],
    "paid_at": "2026-03-01T10:00:00+08:00",
}


def preview(caller: Caller, document: Any, status: int = 200, **order: Any) -> Any:
    return caller.send("POST", "/plans/preview", {"document": document, "order": {**ORDER, **order}}, status)


def test_a_sample_order_is_decided_and_explained(sales: Sales) -> None:
    operator = Caller(sales, Role.OPERATOR)
    found = preview(operator, DOCUMENT)
    assert [(each["payee"], each["rule"], each["amount_minor"]) for each in found["shares"]] == [
        ("丙", "grandparent", 200),
        ("甲", "seller", 1000),
    ]
    assert found["paid_minor"] == 1200
    assert {"payee": "乙", "rule": "parent", "depth": 1, "reason": "not_active"} in found["skipped"]
    assert all(each["words"] for each in found["shares"])
    assert sales.count("commission_accruals") == sales.count("commission_plan_versions") == 0


def test_a_version_is_tried_like_a_document_and_under_another_law(sales: Sales) -> None:
    operator = Caller(sales, Role.OPERATOR)
    version_id = ids.public("plv", sales.publish())
    body = {"version_id": version_id, "order": ORDER, "law": {"upline_depth": 1, "total_bp": 500}}
    found = operator.send("POST", "/plans/preview", body)
    assert [(each["payee"], each["amount_minor"]) for each in found["shares"]] == [("甲", 500)]
    assert found["cuts"][0]["cap"] == "legal_total"
    assert found["law"]["upline_depth_allowed"] == 1


def test_named_people_partners_and_spent_are_told_by_name(sales: Sales) -> None:
    operator = Caller(sales, Role.OPERATOR)
    person = ids.public("dst", 4711)
    rules = [
        {"key": "teacher", "pays": {"to": "person", "distributor": person}, "amount": {"kind": "rate", "rate_bp": 100}},
        {
            "key": "city",
            "pays": {"to": "regional_partner", "scope": "city"},
            "amount": {"kind": "rate", "rate_bp": 200},
            "when": {"region": ["44"]},
            "caps": {"period_minor": 150},
        },
        {"key": "self", "pays": {"to": "buyer"}, "amount": {"kind": "rate", "rate_bp": 300}},
    ]
    found = preview(
        operator,
        {**DOCUMENT, "rules": rules},
        region="440304",
        buyer={"name": "甲"},
        partners={"city": {"name": "丁"}},
        people=[{"name": "师", "distributor": person}],
        spent={"rules": [{"rule": "city", "name": "丁", "minor": 100}]},
    )
    assert [(each["payee"], each["rule"], each["amount_minor"]) for each in found["shares"]] == [
        ("师", "teacher", 100),
        ("丁", "city", 50),
        ("甲", "self", 300),
    ]
    assert found["cuts"] == [
        {"subject": "city:丁", "cap": "rule_period", "limit_minor": 50, "before_minor": 200, "after_minor": 50}
    ]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"document": None}, 422, "invalid"),
        ({"version_id": ids.public("plv", 5)}, 422, "invalid"),
        ({"document": {"format": 1}}, 422, "invalid_plan"),
        ({"order": {"lines": []}}, 422, "invalid"),
        ({"order": {**ORDER, "colour": 1}}, 422, "invalid"),
        ({"document": None, "version_id": ids.public("plv", 5)}, 404, "plan_version_not_found"),
    ],
)
def test_what_cannot_be_tried_is_refused(sales: Sales, changes: dict[str, Any], status: int, code: str) -> None:
    operator = Caller(sales, Role.OPERATOR)
    answer = operator.send("POST", "/plans/preview", {"document": DOCUMENT, "order": ORDER, **changes}, status)
    assert answer["error"]["code"] == code


def test_a_number_in_the_place_of_an_id_is_no_id(sales: Sales) -> None:
    operator = Caller(sales, Role.OPERATOR)
    rule = {"key": "a", "pays": {"to": "person", "distributor": 4711}, "amount": {"kind": "rate", "rate_bp": 1}}
    answer = preview(operator, {**DOCUMENT, "rules": [rule]}, 422)
    assert answer["error"]["details"]["faults"] == [{"path": "rules[0].pays.distributor", "message": "is no id of that kind"}]


def test_the_committed_schema_is_the_one_that_is_served(sales: Sales) -> None:
    """Rewrite it with `scripts/plan_schema.py`."""
    served = Caller(sales, Role.OPERATOR).send("GET", "/plans/schema")
    assert served == plan_schema() == json.loads((PAGES / "plan.schema.json").read_text())


def test_a_whole_period_is_tried_to_its_close(sales: Sales) -> None:
    operator = Caller(sales, Role.OPERATOR)
    bands = [{"from_minor": 0, "rate_bp": 500}, {"from_minor": 10_000, "rate_bp": 800}]
    ladder = {"kind": "whole_band", "by": "figure", "figure": "month_sales_minor", "true_up": True, "bands": bands}
    rules = [
        {"key": "band", "pays": {"to": "seller"}, "amount": ladder},
        {
            "key": "pool",
            "pays": {"to": "pool", "period": "month", "min_tier": "gold"},
            "amount": {"kind": "rate", "rate_bp": 101},
        },
    ]
    upline = [{"name": "甲"}, {"name": "乙", "tier": "gold"}]
    orders = [
        {"lines": [{"amount_minor": amount}], "upline": upline, "paid_at": f"2026-03-0{day}T00:00:00Z"}
        for day, amount in ((1, 9_000), (2, 6_000))
    ]
    people = [{"name": "甲"}, {"name": "乙", "tier": "gold"}, {"name": "丙", "tier": "diamond"}]
    body = {"document": {**DOCUMENT, "rules": rules}, "orders": orders, "members": people}
    returns = [{"order": 2, "refund_minor": 3_000}]
    found = operator.send("POST", "/plans/preview/period", {**body, "returns": returns})
    assert [each["amount_minor"] for each in found["accrued"]] == [450, 300]
    changes = [(each["order"], each["before_minor"], each["after_minor"], each["booked_minor"]) for each in found["adjustments"]]
    assert changes == [(1, 450, 720, 270), (2, 300, 480, 90)]
    assert [(each["payee"], each["amount_minor"]) for each in found["rewards"]] == [("乙", 61), ("丙", 60)]
    assert found["pots"] == [{"rule": "pool", "base_minor": 12_000, "before_minor": 121, "pot_minor": 121, "shared_minor": 121}]
    late = {**orders[0], "paid_at": "2026-04-02T00:00:00Z"}
    assert operator.send("POST", "/plans/preview/period", {**body, "orders": [*orders, late]}, 422)


def test_a_months_preview_knows_what_the_closes_of_its_days_paid(sales: Sales) -> None:
    """1,000 a day within 10 %: 800 are paid by the day, so 200 are left to the month of each."""
    operator = Caller(sales, Role.OPERATOR)
    by = {period: {"key": period, "pays": {"to": "member", "period": period}, "amount": {"kind": "rate", "rate_bp": 800}}
          for period in ("day", "month")}  # fmt: skip
    document = {**DOCUMENT, "caps": {"total_bp": 1000}, "rules": list(by.values())}
    orders = [
        {"lines": [{"amount_minor": 10_000}], "upline": [{"name": "甲"}], "paid_at": f"2026-03-0{day}T00:00:00Z"}
        for day in (1, 2)
    ]
    body = {"document": document, "orders": orders, "members": [{"name": "甲"}]}
    found = operator.send("POST", "/plans/preview/period", body)
    assert [(each["period"], each["first_day"], each["payee"], each["amount_minor"]) for each in found["earlier"]] == [
        ("day", "2026-03-01", "甲", 800), ("day", "2026-03-02", "甲", 800)
    ]  # fmt: skip
    assert [each["amount_minor"] for each in found["rewards"]] == [400]
    assert found["cuts"] == [{"cap": "plan_total", "subject": "period", "limit_minor": 400, "before_minor": 1600}]
