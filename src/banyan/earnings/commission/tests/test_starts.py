"""The plans to begin with are plans, pay somebody, and are served."""

from __future__ import annotations

from typing import Any

import pytest

from banyan.earnings.commission.engine.document import parse_plan
from banyan.earnings.commission.types.starts import STARTS
from banyan.people.identity.types import Role

from .test_preview import Caller


@pytest.mark.parametrize("start", STARTS, ids=lambda one: one.key)
def test_a_start_is_a_plan_within_its_cap(start: Any) -> None:
    plan = parse_plan(start.document)
    assert plan.title == start.document["title"]
    assert sum(rule["amount"].get("rate_bp", 0) for rule in start.document["rules"]) <= start.document["caps"]["total_bp"]


def test_starts_are_served_and_each_is_a_document_that_the_check_takes(sales: Any) -> None:
    caller = Caller(sales, Role.OPERATOR)
    served = caller.send("GET", "/plans/templates")
    assert [one["key"] for one in served] == [one.key for one in STARTS]
    for one in served:
        assert caller.send("POST", "/plans/check", {"document": one["document"]})["faults"] == []
