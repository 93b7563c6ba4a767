"""Every screen in a real browser: desktop and phone, Chinese and English, with a small demo world behind it.

A page passes when it answers 200, throws nothing, logs no error and is no wider than the window. With BANYAN_SCREENS set
to a folder, a picture of each acted-on page is kept there for people to look at.
"""

from __future__ import annotations

from typing import Any

import pytest

from .screens import DESKTOP, PHONE, World

pytestmark = [pytest.mark.screen, pytest.mark.slow]

ROLES = ("operator", "finance", "warehouse", "auditor")


def test_the_login_page_is_chinese_and_refuses_without_saying_why(tab: Any) -> None:
    one = tab(size=PHONE)
    page = one.open("/console/login/")
    assert page.locator("html").get_attribute("lang") == "zh-hans"
    assert "登录" in page.inner_text("#login-form")
    one.fits()
    page.fill("[name=shop]", one.world.slug)
    page.fill("[name=username]", "operator")
    page.fill("[name=password]", "Wrong-horse-1")
    with page.expect_navigation():
        page.press("[name=password]", "Enter")
    assert "店铺、账号或密码不正确" in page.inner_text("body")


@pytest.mark.parametrize(
    ("role", "size"),
    [("operator", PHONE), *((role, DESKTOP) for role in ROLES if role != "operator")],
    ids=["operator-390", *(f"{role}-1440" for role in ROLES if role != "operator")],
)
def test_every_menu_page_of_every_role_opens(tab: Any, role: str, size: dict[str, int]) -> None:
    one = tab(role, size)
    links = [link.get_attribute("href") for link in one.page.locator("#nav-sidebar-apps a").all()]
    assert len(links) >= {"operator": 18, "finance": 15, "warehouse": 4, "auditor": 19}[role]
    for link in links:
        page = one.open(link)
        one.fits()
        text = page.inner_text("#main")
        assert len(text) > 10, link


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["1440", "390"])
def test_the_overview_draws_its_charts_and_figures(tab: Any, size: dict[str, int]) -> None:
    one = tab("operator", size)
    page = one.open("/console/?days=90")
    page.wait_for_selector("[data-chart] canvas", timeout=10_000)
    assert page.locator("[data-chart] canvas").count() == 2
    cards = page.locator(".bn-kpi").all_inner_texts()
    assert len(cards) == 11
    assert any("¥" in card and "成交额" in card and "¥0.00" not in card for card in cards)
    assert page.locator("table tbody tr").count() >= 3
    one.fits()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["1440", "390"])
def test_a_commission_explains_itself_with_links_both_ways(tab: Any, size: dict[str, int], world: World) -> None:
    one = tab("finance", size)
    page = one.open(_a_settled_commission(world))
    for words in ("付款时冻结的上级链", "规则与金额", "合规校验", "谁被跳过", "记账行", "不构成法律意见"):
        assert words in page.inner_text("#main"), words
    assert page.locator(".bn-node-this").count() >= 1
    assert page.locator("#postings tbody tr").count() >= 2
    one.fits()
    explain = page.url
    with page.expect_navigation():
        page.click("a[href*='/orders/'][href$='/money']")
    one.fits()
    assert page.locator(f"a[href='{explain.removeprefix(world.address)}']").count() == 1  # the order leads back
    page.goto(explain)
    with page.expect_navigation():
        page.click("a[href*='/statements/']")
    one.fits()
    assert page.locator(f"a[href='{explain.removeprefix(world.address)}']").count() >= 1  # so does the statement


def test_a_reviewer_filters_picks_and_approves(tab: Any, world: World) -> None:
    from banyan.kernel import sql, tenancy

    one = tab("finance2")  # whoever opened the policy does not approve under it, and finance did
    page = one.open("/console/review/?order=amount")
    boxes = page.locator("input[data-pick]")
    assert boxes.count() >= 2
    value = boxes.first.get_attribute("value")
    boxes.first.check()
    assert page.inner_text("[data-picked-count]") == "1"
    page.click("button[value=approve]")
    page.wait_for_selector("dialog[open]")
    assert "确认通过 1 张结算单" in page.inner_text("dialog")
    page.click("dialog button[value=no]")
    assert page.locator("input[data-pick]:checked").count() == 1  # cancelled: nothing was sent
    page.click("button[value=approve]")
    with page.expect_navigation():
        page.click("dialog button[value=yes]")
    assert "已处理 1 张结算单" in page.inner_text("#main")
    from banyan.kernel import ids

    with tenancy.enter(world.tenant_id, actor="test"):
        status = sql.fetch("SELECT status FROM settlement_statements WHERE id = %s", (ids.parse("stm", value.split(":")[0]),))[0][
            0
        ]
    assert status in ("awaiting_second", "approved", "paying", "paid")


def test_rejecting_without_a_reason_is_refused_in_words(tab: Any) -> None:
    one = tab("finance")
    page = one.open("/console/review/")
    page.locator("input[data-pick]").first.check()
    page.click("button[value=reject]")
    with page.expect_navigation():
        page.click("dialog button[value=yes]")
    assert "张未能处理" in page.inner_text("#main")


def test_english_is_one_switch_away_and_stays(tab: Any) -> None:
    one = tab()
    page = one.open("/console/login/")
    with page.expect_navigation():
        page.click("text=English")
    assert page.locator("html").get_attribute("lang") == "en"
    one.sign_in("auditor")
    for address in ("/console/", "/console/law/", "/console/audit/", "/console/review/"):
        page = one.open(address)
        text = page.inner_text("#nav-sidebar-apps")
        assert "Review queue" in text
        assert not any("\u4e00" <= letter <= "\u9fff" for letter in text), address


def _a_simulation(world: World) -> str:
    """The address of a finished run of the plan in force over the world's own orders; one for all windows."""
    from datetime import timedelta

    from banyan.earnings.commission import queries as plans
    from banyan.earnings.simulation import commands, queries
    from banyan.earnings.simulation.types import NewRun
    from banyan.kernel import clock, ids, tenancy

    with tenancy.enter(world.tenant_id, actor="screens"):
        runs = queries.list_runs()
        if not runs:
            version = plans.version_at(clock.now())
            assert version is not None
            document = {**version.document, "title": "Half of it", "caps": {"total_bp": 400}}
            commands.request(NewRun(document, clock.now() - timedelta(days=60), clock.now()))
    commands.run_due(world.tenant_id)
    with tenancy.enter(world.tenant_id, actor="screens"):
        run = queries.list_runs()[0]
    return f"/console/simulations/{ids.public('sim', run.run_id)}/"


@pytest.mark.parametrize(("size", "language"), [(DESKTOP, "en"), (PHONE, "zh-hans")], ids=["1440-en", "390-zh-hans"])
def test_the_pages_that_act_open_and_fit(tab: Any, size: dict[str, int], language: str, world: World) -> None:
    """Distributors, a member with sponsor and tier, plans, settings and policies, with what a refusal looks like."""
    one = tab("operator", size)
    one.speak(language)
    member, other = _two_members(world)
    for name, address in (
        ("sellers", "/console/sellers/"),
        ("unplaced", "/console/sellers/?place=none"),
        ("member", f"/console/network/{member}/"),
        ("sponsor", f"/console/network/{member}/sponsor?to={other}"),
        ("sponsor-own", f"/console/network/{member}/sponsor?to={member}"),
        ("plans", "/console/plans/"),
        ("plan-new", "/console/plans/new"),
        ("simulations", "/console/simulations/"),
        ("closings", "/console/closings/"),
        ("partners", "/console/regional-partners/"),
        ("simulation", _a_simulation(world)),
        ("law-standing", "/console/law/standing/"),
        ("settings", "/console/settings/"),
        ("return-terms", "/console/return-terms/?reason=damaged"),
        ("policies", "/console/settlement-policies/"),
        ("incidents", "/console/payments/incidentrow/"),
    ):
        page = one.open(address)
        one.fits()
        one.keep(name)
        english = language == "en"
        assert english or not page.locator("#main .bn h2:text-matches('^[A-Za-z ]+$')").count(), address
    page = one.open("/console/plans/")
    with page.expect_navigation():
        page.locator("#main tbody a.bn-link").first.click()
    one.fits()
    one.keep("plan")
    page = one.open("/console/plans/new")
    page.locator("summary", has_text="JSON").click()
    page.fill("#document", '{"format": 1, "hold_days": "7"}')
    with page.expect_navigation():
        page.click("button[value=check]")
    assert "hold_days" in page.inner_text("#main")
    one.fits()
    one.keep("plan-faults")


def test_a_member_moves_in_the_browser_after_the_preview(tab: Any, world: World) -> None:
    from banyan.kernel import ids, tenancy
    from banyan.people.network import queries

    member, other = _two_members(world)
    one = tab("operator")
    page = one.open(f"/console/network/{member}/")
    page.click(f"a[href='/console/network/{member}/sponsor']")
    page.fill("[name=to]", other)
    page.click("form[method=get] button")
    page.fill("[name=reason]", "换团队")
    page.click("form[action$='/move'] button")
    page.wait_for_selector("dialog[open]")
    with page.expect_navigation():
        page.click("dialog button[value=yes]")
    assert "已连同整个团队变更上级" in page.inner_text("#main")
    with tenancy.enter(world.tenant_id, actor="test"):
        assert queries.get_member(ids.parse("dst", member)).sponsor_id == ids.parse("dst", other)  # type: ignore[arg-type]


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["1440", "390"])
def test_the_warehouse_inspects_goods_that_came_back(tab: Any, size: dict[str, int], language: str, world: World) -> None:
    one = tab("warehouse", size)
    one.speak(language)
    page = one.open(f"/console/returns/{_an_awaited_return(world)}/")
    one.fits()
    one.keep("inspection")
    pieces = page.locator("[name^=restock_]").first
    page.locator("[name^=scrap_]").first.fill(str(pieces.get_attribute("max")))
    with page.expect_navigation():
        page.click("form[action$='/receive'] button")
    one.keep("inspection-refused")
    assert ("do not add up" if language == "en" else "件数之和") in page.inner_text("#main")
    with page.expect_navigation():
        page.click("form[action$='/receive'] button")
    one.fits()
    one.keep("inspection-done")
    assert page.locator("[name^=restock_]").count() == 0


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["1440", "390"])
def test_a_transfer_is_received_and_a_stock_take_entered(tab: Any, size: dict[str, int], world: World) -> None:
    one = tab("warehouse", size)
    for name, listing in (("transfer", "/console/stock/transfers/?state=receiving"), ("take", "/console/stock/takes/")):
        page = one.open(listing)
        one.fits()
        one.keep(f"{name}s")
        with page.expect_navigation():
            page.locator("#main tbody a.bn-link").first.click()
        one.fits()
        one.keep(name)
    page.fill("[name=counts]", "no such line")
    with page.expect_navigation():
        page.locator("form[action$='/count'] button").click()
    assert "no such line" in page.input_value("[name=counts]")
    one.fits()
    page = one.open("/console/stock/transfers/?state=receiving")
    page.locator("#main tbody a.bn-link").first.click()
    page.locator("[name^=received_]").first.fill("1")
    page.locator("[name^=lost_]").first.fill("1")
    with page.expect_navigation():
        page.click("form[action$='/receive'] button")
    assert "途损必须写明原因" in page.inner_text("#main")


def _two_members(world: World) -> tuple[str, str]:
    """A member with a sponsor, and another root or member that stands neither above nor below."""
    from banyan.kernel import ids, sql, tenancy

    with tenancy.enter(world.tenant_id, actor="test"):
        (row,) = sql.fetch(
            "SELECT m.id, o.id FROM network_members m JOIN network_members o ON o.tenant_id = m.tenant_id"
            " AND NOT m.id = ANY(o.path) AND o.id IS DISTINCT FROM m.parent_id"
            " WHERE m.tenant_id = %s AND m.parent_id IS NOT NULL ORDER BY m.frontline_count DESC, m.id, o.id LIMIT 1",
            (world.tenant_id,),
        )
    return ids.public("dst", row[0]), ids.public("dst", row[1])


def _an_awaited_return(world: World) -> str:
    """A return of goods that an operator approved and the warehouse waits for: of the newest order that can come back."""
    from banyan.kernel import clock, ids, tenancy
    from banyan.trade.orders import queries as orders
    from banyan.trade.returns import commands, queries
    from banyan.trade.returns.types import LineClaim, Mode, RequestReturn

    with tenancy.enter(world.tenant_id, actor="test"):
        for order in orders.list_orders(limit=200):
            left = next((line for line in queries.list_left(order) if line.quantity > 0), None)
            if left is None or order.state not in ("shipped", "received"):
                continue
            wanted = RequestReturn(order.order_id, (LineClaim(left.line_id, left.quantity),), Mode.GOODS_BACK, "不合适",
                                   f"screen/{ids.next_id()}", order.buyer_id, clock.now(), goodwill=True)  # fmt: skip
            (asked,) = commands.request_returns([wanted])
            if asked.return_id is None or asked.refusal is not None:
                continue
            (approved,) = commands.approve([asked.return_id], 1)
            assert approved.refusal is None
            return ids.public("ret", asked.return_id)
    raise AssertionError("The demo world has no order whose goods can come back.")


def _a_settled_commission(world: World) -> str:
    from banyan.kernel import ids, sql, tenancy

    with tenancy.enter(world.tenant_id, actor="test"):
        row = sql.fetch(
            "SELECT source_id FROM settlement_lines WHERE tenant_id = %s AND source_kind = 'commission_released' AND stands"
            " ORDER BY id LIMIT 1",
            (world.tenant_id,),
        )
    return f"/console/commissions/{ids.public('cms', row[0][0])}/explain"
