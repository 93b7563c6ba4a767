"""Regional partners: one per region at a time, dated, read for a batch at each order's moment; by those who may."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from banyan.earnings.commission import commands, queries
from banyan.earnings.commission.queries.partners import partners_at_each
from banyan.earnings.commission.tests.shopfront import DOCUMENT, T0, Sales
from banyan.earnings.commission.tests.test_api import Caller, make_distributor
from banyan.kernel import clock, ids
from banyan.kernel.values.errors import Invalid
from banyan.people.identity.types import Role


def test_a_region_is_held_by_one_partner_at_a_time(sales: Sales) -> None:
    operator, one, two = Caller(sales, Role.OPERATOR), Caller(sales, Role.DISTRIBUTOR), Caller(sales, Role.DISTRIBUTOR)
    first, second = make_distributor(sales, one), make_distributor(sales, two)
    body = {"region": "4403", "distributor_id": ids.public("dst", first)}
    held = operator.send("POST", "/plans/regional-partners", body)
    taken = {**body, "distributor_id": ids.public("dst", second)}
    assert operator.send("POST", "/plans/regional-partners", taken, 409)["error"]["code"] == "region_taken"
    operator.send("POST", "/plans/regional-partners", {**taken, "region": "44"})
    later = T0 + timedelta(days=1)
    with clock.driven(later):
        ended = operator.send("POST", f"/plans/regional-partners/{held['partner_id']}/end", {})
        operator.send("POST", "/plans/regional-partners", taken)
    assert ended["valid_to"] == "2026-03-02T02:00:00Z"
    with sales.shop.enter():
        found = partners_at_each([("4403", T0), ("4403", later), ("4403", T0 - timedelta(seconds=1)), ("31", T0)])
    assert found == [first, second, None, None]
    listed = operator.send("GET", "/plans/regional-partners?region=4403")["items"]
    assert [each["distributor_id"] for each in listed] == [ids.public("dst", second), ids.public("dst", first)]
    one.send("POST", "/plans/regional-partners", body, 403)


@pytest.mark.parametrize("region", ["4", "440", "shenzhen", "44030401", ""])
def test_what_is_no_region_is_refused(sales: Sales, region: str) -> None:
    operator = Caller(sales, Role.OPERATOR)
    body = {"region": region, "distributor_id": ids.public("dst", 5)}
    assert operator.send("POST", "/plans/regional-partners", body, 422)


def test_an_order_pays_the_partner_of_its_region_at_its_payment(sales: Sales, monkeypatch: pytest.MonkeyPatch) -> None:
    partner = make_distributor(sales, Caller(sales, Role.DISTRIBUTOR))
    rule: dict[str, Any] = {
        "key": "city",
        "pays": {"to": "regional_partner", "scope": "city"},
        "amount": {"kind": "rate", "rate_bp": 200},
    }
    sales.publish({**DOCUMENT, "rules": [rule]})
    houses = SimpleNamespace(
        channels=lambda _ids: {}, first_paid=lambda _ids: set(), region_codes=lambda order_ids: dict.fromkeys(order_ids, "440304")
    )
    monkeypatch.setattr("banyan.earnings.commission.queries.facts.orders", houses)
    with sales.shop.enter():
        commands.appoint_partner("4403", partner)  # type: ignore[arg-type]
    before, after = sales.sell(10_000, paid_at=T0 - timedelta(minutes=1)), sales.sell(10_000)
    with sales.shop.enter():
        commands.accrue([before, after])
        found = queries.list_for_orders([before, after])
        assert all(queries.decide_again(order_id).agrees for order_id in (before, after))
    paid = {order_id: [(each.payee_id, each.kind, each.amount_minor) for each in rows] for order_id, rows in found.items()}
    assert paid == {after: [(partner, "regional", 200)]}


def test_digits_of_another_script_are_no_region(sales: Sales) -> None:
    with sales.shop.enter(), pytest.raises(Invalid):
        commands.appoint_partner("٤٤", 5)  # type: ignore[arg-type]
