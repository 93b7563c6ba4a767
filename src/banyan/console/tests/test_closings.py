"""The page of one closing: what it was decided from, who got what and why, what it adjusted, and that it decides so again."""

from __future__ import annotations

import re
from typing import Any

import pytest

from banyan.console.tests.conftest import Staffed
from banyan.console.tests.making import close_a_month
from banyan.console.tests.screens import DESKTOP, PHONE, Tab, World
from banyan.earnings.commission import queries
from banyan.kernel import ids, sql
from banyan.people.distributors import queries as distributors
from banyan.people.identity.types import Role


def _page(client: Any, address: str) -> str:
    return re.sub(r"\s+", " ", client.get(address).content.decode())


def _address(closing_id: int) -> str:
    return f"/console/closings/{ids.public('clg', closing_id)}/"


def _rows(told: str, title: str) -> list[str]:
    """The rows of the table under a heading, as text."""
    card = told[told.index(f"<h2>{title}</h2>") :].split("</section>", 1)[0]
    rows = card.split("<tbody>", 1)[1].split("</tbody>", 1)[0].split("</tr>")[:-1]
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)).strip() for row in rows]


def test_a_closing_shows_pots_shares_and_adjusted_orders(staff: Any) -> None:
    staffed: Staffed = staff(jurisdiction="sandbox")
    (root, middle, lowest), (closed, provided) = close_a_month(staffed)
    assert (closed.is_final, provided.is_final) == (True, False)
    finance = staffed.client(Role.FINANCE)
    assert _address(closed.closing_id) in _page(finance, "/console/closings/")
    told = _page(finance, _address(closed.closing_id))
    with staffed.shop.enter():
        codes = {one: distributors.get_distributor(one).code for one in (root, middle, lowest)}  # type: ignore[arg-type]
        account = queries.get_closing_account(closed.closing_id)
    assert "与入账分毫不差" in told and "与入账不一致" not in told
    bonus, pool = _rows(told, "规则与分红池")
    assert bonus == "Monthly bonus bonus 周期奖励 个人业绩 ¥320.00 – – 1 ¥2.40"
    assert pool == "Monthly pool pool 分红 团队业绩 ¥320.00 ¥6.40 ¥6.40 3 ¥6.40"
    shares = _rows(told, "会员所得")
    assert len(shares) == 4
    assert any(each.startswith(codes[lowest]) and "¥240.00 × 1%" in each and "¥2.40" in each for each in shares)
    assert any(each.startswith(codes[root]) and "¥320.00 / ¥880.00，分 ¥6.40 的池" in each for each in shares)
    assert _rows(told, "谁未参与，为什么") == ["bonus 本期业绩未达要求 1"]
    assert [re.sub(r"^ord_\w+ ", "", each) for each in _rows(told, "补差的订单")] == ["¥4.50 ¥0.00", "¥2.70 ¥0.00"]
    assert closed.raised_minor == 450 + 270
    assert _rows(told, "同一周期的其他结算")[0].startswith("2026-03-02 预提")
    for reward in account.rewards:
        explained = _page(finance, f"/console/commissions/{ids.public('cms', reward.commission_id)}/explain")  # type: ignore[arg-type]
        assert "/console/closings/clg_" in explained and "本周期奖励的记账行" in explained
        assert "付款时冻结的上级链" not in explained and "合规校验" not in explained  # an order has these, a period has not
        assert "冻结至 2026-04-08" in explained  # the shop's day, which in UTC is the day before


def test_one_distributor_is_found_in_a_closing_and_told_why_not(staff: Any) -> None:
    staffed: Staffed = staff(jurisdiction="sandbox")
    (_root, middle, _lowest), (closed, _provided) = close_a_month(staffed)
    with staffed.shop.enter():
        code = distributors.get_distributor(middle).code  # type: ignore[arg-type]
    auditor = staffed.client(Role.AUDITOR)
    told = _page(auditor, f"{_address(closed.closing_id)}?of={code}")
    (share,) = _rows(told, "会员所得")
    assert share.startswith(code) and "Monthly pool" in share
    assert "bonus</span>: 本期业绩未达要求" in told
    assert "没有此推广码或编号的分销商" in _page(auditor, f"{_address(closed.closing_id)}?of=NOBODY")


def test_a_running_period_says_so_and_a_closing_that_differs_is_told(staff: Any, monkeypatch: Any) -> None:
    staffed: Staffed = staff(jurisdiction="sandbox")
    _people, (closed, provided) = close_a_month(staffed)
    finance = staffed.client(Role.FINANCE)
    running = _page(finance, _address(provided.closing_id))
    assert "周期未结束，结束时再调整" in running and "与入账分毫不差" in running
    monkeypatch.setattr("banyan.earnings.commission.queries.closing_accounts.closing_rewards", lambda _id: [])
    told = _page(finance, _address(closed.closing_id))
    assert "与入账不一致" in told and "banyan verify" in told


def test_a_closing_opens_for_those_who_see_commissions_and_for_no_other_shop(staff: Any) -> None:
    staffed, other = staff(jurisdiction="sandbox"), staff(jurisdiction="sandbox")
    _people, (closed, _provided) = close_a_month(staffed)
    address = _address(closed.closing_id)
    for role, status in ((Role.OPERATOR, 200), (Role.FINANCE, 200), (Role.AUDITOR, 200), (Role.WAREHOUSE, 403)):
        assert staffed.client(role).get(address).status_code == status, role
    assert other.client(Role.AUDITOR).get(address).status_code == 404
    assert staffed.client(Role.AUDITOR).get(_address(ids.next_id())).status_code == 404
    with staffed.shop.enter():
        assert sql.fetch("SELECT count(*) FROM commission_closings")[0][0] == 2


@pytest.mark.screen
@pytest.mark.slow
@pytest.mark.parametrize(("size", "language"), [(DESKTOP, "en"), (PHONE, "zh-hans")], ids=["1440-en", "390-zh-hans"])
def test_the_page_of_a_closing_fits(browser: Any, world: World, staff: Any, size: dict[str, int], language: str) -> None:
    staffed: Staffed = staff(jurisdiction="sandbox")
    _people, (closed, provided) = close_a_month(staffed)
    one = Tab(browser, World(world.address, staffed.shop.slug, staffed.shop.id), size)
    one.speak(language)
    one.sign_in("finance")
    for name, number in (("closing", closed.closing_id), ("closing-running", provided.closing_id)):
        page = one.open(_address(number))
        one.fits()
        one.keep(name)
    page = one.open("/console/closings/")
    with page.expect_navigation():
        page.locator("#main tbody a.bn-link").first.click()
    assert "clg_" in page.url
    with page.expect_navigation():
        page.locator("#main tbody a[href$='/explain']").first.click()
    assert page.locator("a[href*='/closings/clg_']").count() == 2  # the first of its way to the payout, and the limits
    one.fits()
    one.keep("closing-explain")
    one.close()
