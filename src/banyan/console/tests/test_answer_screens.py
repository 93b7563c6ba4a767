"""An order's answer and a distributor's moment in a real browser, over an order that paid somebody."""

from __future__ import annotations

from typing import Any

import pytest

from .screens import DESKTOP, PHONE, World

pytestmark = [pytest.mark.screen, pytest.mark.slow]


def _a_paid_order(world: World) -> tuple[str, str, str]:
    """An order with a sponsor above its seller: its id, the seller's and that of somebody who stood outside of its line."""
    from banyan.kernel import ids, sql, tenancy

    with tenancy.enter(world.tenant_id, actor="test"):
        ((order, payee),) = sql.fetch(
            "SELECT c.order_id, c.payee_id FROM commission_commissions c JOIN network_members m ON m.tenant_id = c.tenant_id"
            " AND m.id = c.payee_id WHERE c.tenant_id = %s AND c.depth = 0 AND m.parent_id IS NOT NULL ORDER BY c.id LIMIT 1",
            (world.tenant_id,),
        )
        ((stranger,),) = sql.fetch(
            "SELECT id FROM network_members WHERE tenant_id = %s AND id <> ALL(SELECT payee_id FROM commission_commissions"
            " WHERE tenant_id = %s AND order_id = %s) AND parent_id IS NOT NULL AND NOT id = ANY(SELECT unnest(path)"
            " FROM network_members WHERE tenant_id = %s AND id = %s) ORDER BY id LIMIT 1",
            (world.tenant_id, world.tenant_id, order, world.tenant_id, payee),
        )
    return ids.public("ord", order), ids.public("dst", payee), ids.public("dst", stranger)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["1440", "390"])
def test_an_order_answers_and_leads_to_the_moment(tab: Any, size: dict[str, int], world: World) -> None:
    order, payee, stranger = _a_paid_order(world)
    one = tab("finance", size)
    page = one.open(f"/console/orders/{order}/money")
    with page.expect_navigation():
        page.click(f"a[href$='{order}/answer']")
    one.fits()
    one.keep("answer-unasked")
    page.click(f"a[href='?of={payee}']")
    page.wait_for_selector("#answer")
    told = page.inner_text("#main")
    assert "已得佣" in told and "¥" in page.inner_text("#answer") and "完整依据" in told
    assert page.locator("a[href*='/commissions/'][href$='/explain']").count() >= 1
    one.fits()
    one.keep("answer-earned")
    page.fill("[name=of]", stranger)
    page.click("form.bn-bar button")
    page.wait_for_selector("#answer")
    assert "未得佣" in page.inner_text("#answer") and "您" in page.inner_text("#answer li")
    one.fits()
    one.keep("answer-nothing")
    page.fill("[name=of]", "no-such-code")
    page.click("form.bn-bar button")
    page.wait_for_selector("[role=alert]")
    assert page.locator("#answer").count() == 0
    one.open(f"/console/orders/{order}/answer?of={payee}")
    page.click("#answer a[href*='/moment?at=']")
    page.wait_for_selector("#moment")
    one.fits()
    one.keep("moment")
    then = page.input_value("[name=at]")
    page.locator(".bn-path a").last.click()
    page.wait_for_selector("#moment")
    assert page.input_value("[name=at]") == then  # the sponsor, at the same moment
    page.fill("[name=at]", "2020-01-01T00:00:00")
    page.click("form.bn-bar button")
    page.wait_for_selector("#moment")
    assert "当时不是分销商" in page.inner_text("#moment") and "当时没有上级" in page.inner_text("#main")
    one.keep("moment-before")
    one.fits()


def test_the_explain_page_leads_to_both_in_english(tab: Any, world: World) -> None:
    order, payee, _ = _a_paid_order(world)
    one = tab("auditor")
    one.speak("en")
    page = one.open(f"/console/orders/{order}/answer?of={payee}")
    assert not [letter for letter in page.inner_text("#answer dt") if "\u4e00" <= letter <= "\u9fff"]
    with page.expect_navigation():
        page.locator("a[href$='/explain']").first.click()
    assert page.locator(f"a[href='/console/orders/{order}/answer?of={payee}']").count() == 1
    page.click("a[href*='/moment?at=']")
    page.wait_for_selector("#moment")
    assert "As of" in page.inner_text("#moment")
    one.keep("moment")
