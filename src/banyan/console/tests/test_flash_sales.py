"""Flash sales in the console: planned, watched, ended; and the page on which buyers wait, on a telephone."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from banyan.config import in_process
from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory.types import NewWarehouse, Receipt
from banyan.kernel import clock, ids, sql
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role
from banyan.trade.offers import commands
from banyan.trade.offers.types import NewOffer

PASSWORD = "flash-Sale-1"


@pytest.fixture
def shop(tenant: Any) -> Any:
    """(tenant, the code of a SKU with 20 pieces)."""
    with tenant.enter():
        (sku,) = make_skus([10_000])
        warehouse = inventory.open_warehouses([NewWarehouse("w", "仓")])[0]
        inventory.receive_stock([Receipt(warehouse, sku, 20)])
        identity.register_users([NewUser("boss", PASSWORD, "店长", None, (Role.OPERATOR,))])
        code = sql.fetch("SELECT code FROM catalog_skus WHERE tenant_id = %s AND id = %s", (tenant.id, sku))[0][0]
    return tenant, sku, code


def signed_in(tenant: Any) -> Client:
    client = Client()
    answer = client.post("/console/login/", {"shop": tenant.slug, "username": "boss", "password": PASSWORD})
    assert answer.status_code == 302, answer.content[:2000]
    return client


def test_a_sale_is_planned_watched_and_ended(shop: Any) -> None:
    tenant, _, code = shop
    client = signed_in(tenant)
    asked = {
        "name": "双十一", "code": code, "price_minor": "60.50", "quantity": "5", "per_person": "2", "admit_per_second": "10",
        "puzzle_bits": "0", "starts_at": "2099-11-11T00:00", "ends_at": "2099-11-11T02:00",
    }  # fmt: skip
    refused = client.post("/console/flash-sales/plan", asked | {"quantity": "21"})
    assert "可动用的库存少于要预留的件数" in refused.content.decode()
    planned = client.post("/console/flash-sales/plan", asked)
    assert planned.status_code == 302, planned.content.decode()[:3000]
    page = client.get(planned["Location"]).content.decode()
    assert "60.50" in page
    assert "未开始" in page
    assert "0 / 5" in page
    assert "双十一" in client.get("/console/flash-sales/").content.decode()
    client.post(f"{planned['Location']}end")
    assert "已结束" in client.get(planned["Location"]).content.decode()
    assert tenant.verify() == []


@pytest.mark.slow
@pytest.mark.parametrize(("language", "turn", "done"), [("zh-CN", "轮到您了", "下单成功"), ("en", "It is your turn", "Ordered")])
def test_a_buyer_waits_on_his_telephone_and_buys(
    shop: Any, browser: Any, make_buyer: Callable[[Any], str], language: str, turn: str, done: str
) -> None:
    tenant, sku, _ = shop
    now = clock.now()
    with tenant.enter():
        sale = NewOffer("双十一", sku, 6_000, 5, 1, now - timedelta(seconds=1), now + timedelta(hours=1), 50, 8)
        (offer,) = commands.plan([sale])
    with in_process.serving() as url:
        page = browser.new_page(viewport={"width": 375, "height": 720})
        page.goto(f"{url}/queue/{ids.public('off', offer)}#{make_buyer(tenant)}")
        if language == "en":
            page.get_by_text("English").click()
        page.get_by_text(turn).wait_for(timeout=30_000)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
        page.locator("[data-buy]").click()
        page.get_by_text(done).wait_for(timeout=30_000)
        folder = os.environ.get("BANYAN_SCREENS")
        if folder:
            page.screenshot(path=str(Path(folder) / f"waiting-{language}.png"))
        page.close()
    with tenant.enter():
        assert sql.fetch("SELECT total_minor FROM orders_orders WHERE tenant_id = %s", (tenant.id,)) == [(6_000,)]


@pytest.fixture
def make_buyer() -> Callable[[Any], str]:
    def make(tenant: Any) -> str:
        with tenant.enter():
            (buyer,) = identity.register_users([NewUser("buyer", None, "某人", None, (Role.CONSUMER,))])
            return identity.issue_token(buyer, ("orders:read", "orders:write"), "t")

    return make
