"""The back office in a real session: who opens the lists, what they show, what publishing does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from banyan.earnings.commission import commands, queries
from banyan.earnings.commission.tests.shopfront import DOCUMENT, Sales, seller_only
from banyan.earnings.commission.types import Cause, DraftPlan, ReturnedLine, Takeback, VersionStatus
from banyan.kernel import clock, ids
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role

PASSWORD = "Correct-horse-9"
LISTS = ("planrow", "planversionrow", "commissionrow", "accrualrow", "reversalrow")


@pytest.fixture(autouse=True)
def quick_hashes() -> Iterator[None]:
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


def sign_in(sales: Sales, role: Role) -> Client:
    with sales.shop.enter():
        identity.register_users([NewUser(role.value, PASSWORD, "测试", None, (role,))])
    client = Client()
    answer = client.post("/console/login/", {"shop": sales.shop.slug, "username": role.value, "password": PASSWORD})
    assert answer.status_code == 302, answer.content.decode()[:500]
    return client


def page_of(model: str) -> str:
    return reverse(f"admin:commission_{model}_changelist")


def trade(sales: Sales, count: int) -> list[int]:
    orders = [sales.sell(10000) for _ in range(count)]
    with sales.shop.enter():
        commands.accrue(orders)
        lines = (ReturnedLine(sales.lines(orders[0])[0], 5000, 10000),)
        commands.reverse([Takeback(Cause.RETURN, ids.next_id(), orders[0], lines, clock.now())])
    return orders


def test_lists_open_for_those_who_may_and_do_not_ask_per_row(sales: Sales) -> None:
    sales.publish()
    order = trade(sales, 2)[0]
    operator, warehouse = sign_in(sales, Role.OPERATOR), sign_in(sales, Role.WAREHOUSE)
    asked = {}
    for turn in range(2):
        for model in LISTS:
            with CaptureQueriesContext(connection) as captured:
                answer = operator.get(page_of(model))
            assert answer.status_code == 200
            assert turn == 0 or len(captured) <= asked[model], model
            asked[model] = len(captured)
            assert warehouse.get(page_of(model)).status_code == 403
        trade(sales, 20)
    with sales.shop.enter():
        commission = queries.list_for_orders([order])[order][0]
    public = ids.public("cms", commission.commission_id)
    found = operator.get(page_of("commissionrow"), {"q": ids.public("ord", order)}).content.decode()
    assert f"/console/commissions/{public}/explain" in found
    assert found.count("/explain") == 3
    assert "/explain" not in operator.get(page_of("commissionrow"), {"q": "no id at all"}).content.decode()
    for model, row in (("commissionrow", commission.commission_id), ("accrualrow", order)):
        assert operator.get(reverse(f"admin:commission_{model}_change", args=[row])).status_code == 200


def test_publishing_in_the_console_asks_the_law(chinese_sales: Sales) -> None:
    sales = chinese_sales
    operator, finance = sign_in(sales, Role.OPERATOR), sign_in(sales, Role.FINANCE)
    with sales.shop.enter():
        illegal = commands.draft_plan(DraftPlan(DOCUMENT))
        legal = commands.draft_plan(DraftPlan(seller_only(), name="legal"))

    def act(client: Client, action: str, *versions: int) -> list[VersionStatus]:
        client.post(page_of("planversionrow"), {"action": action, "_selected_action": versions}, follow=True)
        with sales.shop.enter():
            return [queries.get_version(version).status for version in (illegal, legal)]

    assert act(finance, "publish", legal) == [VersionStatus.DRAFT, VersionStatus.DRAFT]
    assert act(operator, "publish", illegal, legal) == [VersionStatus.DRAFT, VersionStatus.DRAFT]
    assert act(operator, "publish", illegal) == [VersionStatus.DRAFT, VersionStatus.DRAFT]
    assert act(operator, "publish", legal) == [VersionStatus.DRAFT, VersionStatus.DRAFT]  # nobody else has approved it
    with sales.shop.enter():
        commands.approve_plan(legal, approved_by="second")
    assert act(operator, "publish", legal) == [VersionStatus.DRAFT, VersionStatus.PUBLISHED]
    assert act(operator, "retire", legal) == [VersionStatus.DRAFT, VersionStatus.RETIRED]
    for version in (illegal, legal):
        assert operator.get(reverse("admin:commission_planversionrow_change", args=[version])).status_code == 200
    with sales.shop.enter():
        plan_id: Any = queries.get_version(legal).plan_id
    assert operator.get(reverse("admin:commission_planrow_change", args=[plan_id])).status_code == 200
