"""The plan editor in a real browser: cards are written, moved and judged, and what they say is the document."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .screens import DESKTOP, PHONE

pytestmark = [pytest.mark.screen, pytest.mark.slow]


def _document(page: Any) -> Any:
    return json.loads(page.input_value("#document"))


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["1440", "390"])
def test_a_plan_is_written_with_cards_and_kept(tab: Any, size: dict[str, int]) -> None:
    one = tab("operator", size)
    page = one.open("/console/plans/new")
    page.wait_for_selector(".bn-rule")
    page.select_option("[data-start]", "differential")
    assert _document(page)["rules"][0]["amount"]["kind"] == "differential"
    page.select_option("[data-add-kind]", "seller")
    page.click("[data-add]")
    card = page.locator(".bn-rule").nth(1)
    card.locator("input[type=number]").first.fill("6.5")
    assert _document(page)["rules"][1]["amount"] == {"kind": "rate", "rate_bp": 650}
    card.locator("[data-up]").click()
    assert [rule["key"] for rule in _document(page)["rules"]] == ["seller", "differential"]
    page.wait_for_selector("[data-ask$=verdict] .bn-facts")
    page.wait_for_selector("[data-ask$=sample] .bn-sample")
    assert "本店适用规则" in page.inner_text(".bn-desk-side")
    one.fits()
    one.keep("plan-desk")
    page.locator(".bn-rule-toggle").nth(1).click()
    one.keep("plan-desk-open")
    one.fits()
    page.fill("[name=name]", f"级差 {size['width']}")
    page.click("button[value=draft]")
    page.wait_for_url("**/console/plans/plv_*/")
    assert "级差" in page.inner_text("#main")


def test_rules_are_dragged_into_another_order(tab: Any) -> None:
    one = tab("operator")
    page = one.open("/console/plans/new")
    page.select_option("[data-start]", "two")
    page.wait_for_function("document.querySelectorAll('.bn-rule').length === 2")
    page.locator(".bn-grip").nth(1).drag_to(page.locator(".bn-rule").first, target_position={"x": 30, "y": 4})
    page.wait_for_function("JSON.parse(document.getElementById('document').value).rules[0].key === 'sponsor'")


def test_every_start_opens_as_cards_and_survives_them(tab: Any) -> None:
    """What the cards write back is what stood there: opening all of them changes nothing."""
    one = tab("operator")
    page = one.open("/console/plans/new")
    for start in page.eval_on_selector_all("[data-start] option", "all => all.map(one => one.value).filter(Boolean)"):
        page.select_option("[data-start]", start)
        before = _document(page)
        for toggle in page.locator(".bn-rule-toggle").all():
            toggle.click()
        title = page.locator("[data-head] input[type=text]").first
        title.fill(before["title"])  # any change writes the whole document
        assert _document(page) == before, start


def test_a_fault_in_the_text_is_said_and_mended_there(tab: Any) -> None:
    one = tab("operator")
    page = one.open("/console/plans/new")
    page.locator("summary").click()
    page.fill("#document", '{"rules": 3')
    page.locator("#document").blur()
    page.wait_for_selector("[data-unreadable]")
    assert page.locator("[data-cards][inert]").count() == 1
    page.wait_for_function("document.querySelector('.bn-desk-side').innerText.includes('JSON')")
    page.fill("#document", json.dumps({"format": 1, "rules": []}))
    page.locator("#document").blur()
    page.wait_for_selector("[data-ask$=verdict] td.bn-mono")
    page.wait_for_selector("[data-cards]:not([inert])", state="attached")
