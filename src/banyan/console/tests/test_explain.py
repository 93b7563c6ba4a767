"""The explain page names each share by its kind of rule and leads to its statements, which say in words why they wait."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from banyan.console.tests.conftest import Staffed
from banyan.console.tests.making import MARCH, make_distributors, publish, sell
from banyan.earnings.commission import commands, queries
from banyan.earnings.settlement import commands as settlement
from banyan.earnings.settlement import queries as statements
from banyan.earnings.settlement.tests.making import MONTHLY, open_policy
from banyan.kernel import clock, ids
from banyan.people.identity.types import Role

PLAN: dict[str, Any] = {
    "format": 1, "title": "Kinds", "unqualified": "breakage", "hold_days": 7, "caps": {"total_bp": 5000},
    "rules": [
        {"key": "parent", "pays": {"to": "ancestor", "depth": 1}, "amount": {"kind": "rate", "rate_bp": 500}},
        {"key": "steps", "pays": {"to": "path", "from_depth": 1, "to_depth": 2},
         "amount": {"kind": "differential", "rates_bp": {"bronze": 200}}},
        {"key": "second", "pays": {"to": "generation", "generation": 2, "to_depth": 5, "min_tier": "bronze"},
         "amount": {"kind": "rate", "rate_bp": 100}},
    ],
}  # fmt: skip


@pytest.fixture
def told(staff: Any) -> tuple[Staffed, dict[str, int]]:
    """A shop with one order of the lowest of three, and its commissions by rule."""
    staffed: Staffed = staff(jurisdiction="sandbox")
    with clock.driven(MARCH):
        people = make_distributors(staffed, None, 0, 1)
        publish(staffed, PLAN)
        (order,) = sell(staffed, people[2], 10_000)
    with staffed.shop.enter():
        return staffed, {each.rule_key: int(each.commission_id) for each in queries.list_for_orders([order])[order]}


def _explained(staffed: Staffed, commission_id: int) -> str:
    page = staffed.client(Role.FINANCE).get(f"/console/commissions/{ids.public('cms', commission_id)}/explain")
    assert page.status_code == 200
    return re.sub(r"\s+", " ", page.content.decode())


def test_only_a_differential_is_called_one(told: tuple[Staffed, dict[str, int]]) -> None:
    staffed, by_rule = told
    words = {}
    for key in by_rule:
        found = re.search(r"<dt>类型</dt><dd>([^<]*)</dd>", _explained(staffed, by_rule[key]))
        assert found
        words[key] = found.group(1)
    assert words == {"parent": "管理奖", "steps": "级差", "second": "代数奖"}
    assert '<td class="bn-nowrap">级差</td>' in _explained(staffed, by_rule["parent"])  # among the other shares of the order
    with staffed.shop.enter():
        one = queries.get_commission(by_rule["steps"])
    answer = f"/console/orders/{ids.public('ord', one.order_id)}/answer?of={ids.public('dst', one.payee_id)}"
    assert "<td>steps</td><td>级差</td>" in staffed.client(Role.FINANCE).get(answer).content.decode()


def test_it_leads_to_its_statement_which_says_why_it_was_carried(told: tuple[Staffed, dict[str, int]]) -> None:
    staffed, by_rule = told
    at = MARCH + timedelta(days=40)
    with clock.driven(MARCH), staffed.shop.enter():
        open_policy(replace(MONTHLY, minimum_minor=1_000_000))
        order = queries.get_commission(by_rule["parent"]).order_id
        commands.mark_received([(order, MARCH)])
    with clock.driven(MARCH + timedelta(days=8)):
        with staffed.shop.enter():
            assert commands.release_due(clock.now()) == 1
        staffed.shop.drain()
    with clock.driven(at), staffed.shop.enter():
        assert settlement.open_statements(at)
        chosen = [each for each in statements.list_statements() if "below_minimum" in each.reason]
    pages = {f"/console/statements/{ids.public('stm', each.statement_id)}/" for each in chosen}
    linked = set(re.findall(r"/console/statements/stm_\w+/", _explained(staffed, by_rule["parent"])))
    assert linked and linked <= pages
    page = staffed.client(Role.FINANCE).get(linked.pop()).content.decode()
    assert "未达最低结算金额" in page and "below_minimum" not in page
