"""Every screen in a real browser: desktop and phone, Chinese and English, with a small demo world behind it.

A page passes when it answers 200, throws nothing, logs no error and is no wider than the window.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest

pytestmark = [pytest.mark.screen, pytest.mark.slow]

PASSWORD = "Correct-horse-9"
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
ARGS = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip
ROLES = ("operator", "finance", "warehouse", "auditor")


class _Threaded(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not news."""


@dataclass
class World:
    """A shop with some weeks of business, served on a free port."""

    address: str
    slug: str
    tenant_id: int


@pytest.fixture(scope="module")
def world(database: None) -> Iterator[World]:
    """The demo world, small, built by the same commands as the large one."""
    from django.core.wsgi import get_wsgi_application

    from banyan.config.demo import building
    from banyan.config.demo.world import Scale

    slug = f"w{os.urandom(4).hex()}"
    scale = Scale(distributors=30, days=28, orders_per_day=8)
    built = building.build(scale, slug=slug, password=PASSWORD, over_http=False)
    assert built.findings == []
    server = make_server("127.0.0.1", 0, get_wsgi_application(), server_class=_Threaded, handler_class=_Silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield World(f"http://127.0.0.1:{server.server_port}", slug, built.shop.tenant_id)
    server.shutdown()
    server.server_close()


def chromium() -> str | None:
    """A Chromium on this machine."""
    named = os.environ.get("BANYAN_CHROMIUM")
    found = [named, *(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))]
    return next((path for path in found if path and Path(path).exists()), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless browser. Without one these tests are skipped by name, in CI they fail."""
    path = chromium()
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("No Chromium was found; CI must run the screen tests (apt install chromium, or set BANYAN_CHROMIUM).")
        pytest.skip("no Chromium on this machine: screens were not tested")
    from playwright.sync_api import sync_playwright

    # Playwright runs an event loop in this thread; the database calls of these tests are plain ones all the same.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=ARGS)
        yield launched
        launched.close()
    os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)


class Tab:
    """One signed-in tab that remembers everything that went wrong in it."""

    def __init__(self, browser: Any, world: World, size: dict[str, int]) -> None:
        self.world = world
        self.context = browser.new_context(viewport=size)
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(f"script: {error}"))
        self.page.on("console", lambda said: self.wrong.append(f"console: {said.text}") if said.type == "error" else None)
        self.page.on(
            "response", lambda got: self.wrong.append(f"{got.status} {got.url}") if got.status >= 400 else None
        )  # fmt: skip

    def open(self, address: str) -> Any:
        """Go there and settle."""
        self.page.goto(self.world.address + address, wait_until="load")
        return self.page

    def sign_in(self, login: str) -> Tab:
        """Through the login page, as people do."""
        self.open("/console/login/")
        self.page.fill("[name=shop]", self.world.slug)
        self.page.fill("[name=username]", login)
        self.page.fill("[name=password]", PASSWORD)
        self.page.press("[name=password]", "Enter")
        self.page.wait_for_url(lambda url: "/login" not in url)
        return self

    def fits(self) -> None:
        """No side-scrolling of the whole page."""
        width = self.page.evaluate("document.documentElement.scrollWidth")
        assert width <= self.page.viewport_size["width"], f"{self.page.url} is {width} wide"

    def close(self) -> None:
        """Nothing may have gone wrong."""
        self.context.close()
        assert self.wrong == []


@pytest.fixture
def tab(browser: Any, world: World) -> Iterator[Any]:
    """A function that opens tabs; each is checked for errors at the end."""
    opened: list[Tab] = []

    def make(login: str | None = None, size: dict[str, int] | None = None) -> Tab:
        one = Tab(browser, world, size or DESKTOP)
        opened.append(one)
        return one.sign_in(login) if login else one

    yield make
    for one in opened:
        one.close()


def test_the_login_page_is_chinese_and_refuses_without_saying_why(tab: Any) -> None:
    one = tab(size=PHONE)
    page = one.open("/console/login/")
    assert page.locator("html").get_attribute("lang") == "zh-hans"
    assert "登录" in page.inner_text("#login-form")
    one.fits()
    page.fill("[name=shop]", one.world.slug)
    page.fill("[name=username]", "operator")
    page.fill("[name=password]", "Wrong-horse-1")
    page.press("[name=password]", "Enter")
    page.wait_for_load_state("load")
    assert "店铺、账号或密码不正确" in page.inner_text("body")


@pytest.mark.parametrize(
    ("role", "size"),
    [*((role, DESKTOP) for role in ROLES), ("operator", PHONE)],
    ids=[*(f"{role}-1440" for role in ROLES), "operator-390"],
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
    page.click("a[href*='/orders/'][href$='/money']")
    page.wait_for_load_state("load")
    one.fits()
    assert page.locator(f"a[href='{explain.removeprefix(world.address)}']").count() == 1  # the order leads back
    page.goto(explain)
    page.click("a[href*='/statements/']")
    page.wait_for_load_state("load")
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
    page.click("dialog button[value=yes]")
    page.wait_for_load_state("load")
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
    page.click("dialog button[value=yes]")
    page.wait_for_load_state("load")
    assert "张未能处理" in page.inner_text("#main")


def test_english_is_one_switch_away_and_stays(tab: Any) -> None:
    one = tab()
    page = one.open("/console/login/")
    page.click("text=English")
    page.wait_for_load_state("load")
    assert page.locator("html").get_attribute("lang") == "en"
    one.sign_in("auditor")
    for address in ("/console/", "/console/law/", "/console/audit/", "/console/review/"):
        page = one.open(address)
        text = page.inner_text("#nav-sidebar-apps")
        assert "Review queue" in text
        assert not any("\u4e00" <= letter <= "\u9fff" for letter in text), address


def _a_settled_commission(world: World) -> str:
    from banyan.kernel import ids, sql, tenancy

    with tenancy.enter(world.tenant_id, actor="test"):
        row = sql.fetch(
            "SELECT source_id FROM settlement_lines WHERE tenant_id = %s AND source_kind = 'commission_released' AND stands"
            " ORDER BY id LIMIT 1",
            (world.tenant_id,),
        )
    return f"/console/commissions/{ids.public('cms', row[0][0])}/explain"
