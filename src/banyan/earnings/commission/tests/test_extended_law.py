"""Extended plans before the law, and a close over real distributors."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from banyan.earnings.commission import commands, queries
from banyan.earnings.commission.engine import paid_range, parse_plan
from banyan.earnings.commission.tests.shopfront import DOCUMENT, T0, Sales
from banyan.earnings.commission.tests.test_api import Caller, make_distributor
from banyan.kernel import clock
from banyan.people.distributors import commands as distributors
from banyan.people.distributors.types import Tier
from banyan.people.identity.types import Role

RATE = {"kind": "rate", "rate_bp": 100}
BANDS = [{"from_minor": 0, "rate_bp": 100}]


def plan(pays: dict[str, Any], amount: dict[str, Any] = RATE, total_bp: int = 5000) -> dict[str, Any]:
    return {**DOCUMENT, "caps": {"total_bp": total_bp}, "rules": [{"key": "a", "pays": pays, "amount": amount}]}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (plan({"to": "buyer"}), (0, 100, False)),
        (plan({"to": "regional_partner", "scope": "city"}), (0, 100, False)),
        (plan({"to": "path", "from_depth": 1, "to_depth": 4}), (4, 400, False)),
        (plan({"to": "path", "from_depth": 0, "to_depth": 4}), (4, 500, False)),
        (plan({"to": "generation", "generation": 2, "min_tier": "gold", "to_depth": 9}), (9, 100, False)),
        (
            plan(
                {"to": "path", "from_depth": 0, "to_depth": 6},
                {"kind": "differential", "rates_bp": {"bronze": 500, "gold": 900}, "peer": {"rate_bp": 100, "most": 2}},
            ),
            (6, 900 + 2 * 2 * 100, False),
        ),
        (
            plan(
                {"to": "path", "from_depth": 0, "to_depth": 6},
                {"kind": "differential", "rates_bp": {"bronze": 500, "gold": 900}, "peer": {"rate_bp": 1000, "of": "earned"}},
            ),
            (6, 990, False),
        ),
        (
            plan({"to": "seller"}, {"kind": "unit_bands", "by": "line", "bands": [{"from_units": 0, "minor": 1}]}),
            (0, 5000, False),
        ),
        (plan({"to": "member", "period": "month"}), (0, 100, False)),
        (plan({"to": "member", "period": "month", "sales": "team"}), (0, 5000, True)),
        (plan({"to": "pool", "period": "month"}), (0, 100, True)),
        (
            plan({"to": "member", "period": "month"}, {"kind": "target", "steps": [{"from_minor": 1000, "minor": 25}]}),
            (0, 250, False),
        ),
        (
            plan(
                {"to": "seller"},
                {"kind": "progressive", "by": "figure", "figure": "month_team_sales_minor", "bands": BANDS},
            ),
            (0, 100, True),
        ),
    ],
)
def test_what_a_kind_can_pay_at_worst(document: Any, expected: tuple[int, int, bool]) -> None:
    assert tuple(paid_range(parse_plan(document))) == expected


@pytest.mark.parametrize("pays", [{"to": "pool", "period": "month"}, {"to": "member", "period": "month", "sales": "team"}])
def test_pay_on_team_sales_is_refused_where_the_law_forbids_it(chinese_sales: Sales, pays: dict[str, Any]) -> None:
    with chinese_sales.shop.enter():
        report = queries.check_document(plan(pays), T0)
    assert not report.legal
    assert "team_pay" in {each.clause for each in report.broken}


def test_a_long_path_is_refused_where_the_law_pays_nobody_above(chinese_sales: Sales) -> None:
    with chinese_sales.shop.enter():
        report = queries.check_document(plan({"to": "path", "from_depth": 1, "to_depth": 3}), T0)
    assert {"upline_depth", "network_marketing"} & {each.clause for each in report.broken}


def test_a_pool_is_shared_among_real_distributors_as_they_stand_at_the_end(sales: Sales) -> None:
    callers = [Caller(sales, Role.DISTRIBUTOR) for _ in range(3)]
    first, second, third = (make_distributor(sales, caller) for caller in callers)
    with sales.shop.enter():
        distributors.set_tiers({first: Tier.GOLD, second: Tier.DIAMOND}, T0, "test")  # type: ignore[dict-item]
    pool = {"to": "pool", "period": "month", "weight": "tier", "tier_weights": {"gold": 1, "diamond": 2}}
    sales.publish(plan(pool))
    order_id = sales.sell(10_000, upline=(third,))
    end = datetime(2026, 4, 1, tzinfo=UTC)
    with sales.shop.enter():
        commands.accrue([order_id])
    with clock.driven(end), sales.shop.enter():
        assert commands.close_due(end) == 1
    assert [sales.balance(each) for each in (first, second, third)] == [33, 67, 0]
