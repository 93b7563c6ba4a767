"""Records of the houses in the console's look: headed by an id, amounts without a second unit, codes and documents as words."""

from __future__ import annotations

import re
from typing import Any

import pytest

from banyan.console.tests.asking import page_of
from banyan.console.tests.conftest import Staffed
from banyan.console.tests.making import MONTHS, close_a_month, publish
from banyan.console.tests.screens import PHONE, Tab, World
from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory.types import NewWarehouse, Receipt
from banyan.kernel import clock, ids, sql
from banyan.people.identity.types import Role
from banyan.trade.orders import commands as orders
from banyan.trade.orders.types import PlaceOrder, Recipient


def _text(client: Any, address: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", client.get(address).content.decode()))


def test_a_record_is_headed_by_its_id_and_says_no_code_words(staff: Any) -> None:
    staffed: Staffed = staff(jurisdiction="sandbox")
    close_a_month(staffed)
    with staffed.shop.enter():
        ((commission_id, amount),) = sql.fetch(
            "SELECT id, amount_minor FROM commission_commissions WHERE kind = 'direct' ORDER BY id LIMIT 1"
        )
        ((entry_id,),) = sql.fetch("SELECT id FROM ledger_entries WHERE kind = 'commission_accrued' ORDER BY id LIMIT 1")
        ((payment_id, sku_id),) = sql.fetch("SELECT max(p.id), max(s.id) FROM payments_payments p, catalog_skus s")
    auditor = staffed.client(Role.AUDITOR)
    told = _text(auditor, f"/console/commission/commissionrow/{commission_id}/change/")
    heading = auditor.get(f"/console/commission/commissionrow/{commission_id}/change/").content.decode().split("<h1", 1)[1]
    assert ids.public("cms", commission_id) in heading.split("</h1>", 1)[0]
    assert "5%" in told and f"{amount / 100:.2f}" in told
    entry = auditor.get(f"/console/ledger/entryrow/{entry_id}/change/").content.decode().split("<h1", 1)[1].split("</h1>", 1)[0]
    assert "ommission_accrued" not in entry and ids.public("ent", entry_id) in entry
    assert "微信支付" in _text(auditor, f"/console/payments/paymentrow/{payment_id}/change/")
    sku = _text(auditor, f"/console/catalog/sku/{sku_id}/change/")
    assert "售价" in sku and "（分）" not in sku and "（万分比）" not in sku


def test_the_record_of_an_order_masks_whom_it_goes_to(staffed: Staffed) -> None:
    with staffed.shop.enter():
        (sku,) = make_skus([1000])
        (warehouse,) = inventory.open_warehouses([NewWarehouse("w", "仓")])
        inventory.receive_stock([Receipt(warehouse, sku, 1)])
        recipient = Recipient("王小明", "13800138000", "杭州市西湖区 1 号", "330106")
        (placed,) = orders.place_orders([PlaceOrder(staffed.people[Role.CONSUMER], ((sku, 1),), recipient=recipient)])  # type: ignore[arg-type]
    for role in (Role.OPERATOR, Role.FINANCE, Role.WAREHOUSE, Role.AUDITOR):
        told = _text(staffed.client(role), f"/console/orders/order/{placed.order_id}/change/")  # type: ignore[union-attr]
        assert "王** · 138******00 · 浙江省杭州市西湖区***" in told, role
        assert "王小明" not in told and "13800138000" not in told and "1 号" not in told, role


def test_the_filters_of_lists_say_their_choices_in_words(staffed: Staffed) -> None:
    page = page_of(staffed.client(Role.OPERATOR), "/console/orders/order/")
    assert 'title="已支付"' in page and 'title="paid"' not in page


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_no_two_columns_of_a_list_have_one_name(database: None, language: str) -> None:
    """Nor two of the rows that a record shows below it: a statement's lines had two that were both called 来源."""
    from django.contrib import admin
    from django.contrib.admin.utils import flatten, label_for_field
    from django.utils import translation

    def faults(one: Any, names: Any) -> list[str]:
        shown = [str(label_for_field(name, one.model, one)) for name in names]
        return [f"{type(one).__name__}: {each}" for each in sorted({each for each in shown if shown.count(each) > 1})]

    with translation.override(language):
        found = []
        for model, one in admin.site._registry.items():
            found += faults(one, one.list_display)
            found += [
                fault for inline in one.inlines for fault in faults(inline(model, admin.site), flatten(inline.fields or ()))
            ]
    assert found == []


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_record_is_headed_and_told_in_words(staffed: Staffed, language: str) -> None:
    """A distributor's history of statuses: no code word of a row, neither above it nor in it."""
    from banyan.people.distributors import commands
    from banyan.people.distributors.models import StatusFact
    from banyan.people.distributors.types import Application

    with staffed.shop.enter():
        commands.apply([Application(staffed.people[Role.CONSUMER], None, clock.now())])
        fact = StatusFact.objects.select_related("distributor").get()
    client = staffed.client(Role.OPERATOR)
    client.cookies["django_language"] = language
    status, reason = ("applied", "with the application") if language == "en" else ("待审核", "随申请")
    for address in (f"statusfact/{fact.pk}/change/", f"distributor/{fact.distributor_id}/change/"):
        text = client.get(f"/console/distributors/{address}").content.decode()
        assert re.search(rf"<title>\s*{fact.distributor.code} ", text), address
        words = [each.strip() for each in re.sub(r"<[^>]+>", "\n", text).splitlines() if each.strip()]
        assert status in words, address
        assert reason in words, address
        assert language == "en" or "applied" not in words, address


@pytest.mark.screen
@pytest.mark.slow
def test_the_record_of_a_plan_fits_a_phone_and_its_document_is_read_as_written(browser: Any, world: World, staff: Any) -> None:
    staffed: Staffed = staff(jurisdiction="sandbox")
    version_id = publish(staffed, {**MONTHS, "title": "一个名字特别长的秋冬换季会员日分佣方案（含直播间与自营商城渠道）" * 3})
    one = Tab(browser, World(world.address, staffed.shop.slug, staffed.shop.id), PHONE)
    one.sign_in("auditor")
    page = one.open(f"/console/commission/planversionrow/{version_id}/change/")
    assert "秋冬换季会员日" in page.inner_text(".bn-document")
    one.fits()
    one.keep("record-plan")
    one.close()
