"""A browser and a lived shop for the tests of screens. `conftest.py` gives the fixtures to every test of the console.

The shop is made once for the whole session, so a test names what it adds.
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

PASSWORD = "Correct-horse-9"
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
ARGS = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip


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


@pytest.fixture(scope="session")
def world(database: None) -> Iterator[World]:
    """The demo world, small, built by the same commands as the large one."""
    from django.core.wsgi import get_wsgi_application

    from banyan.config.demo import building
    from banyan.config.demo.world import Scale

    slug = f"w{os.urandom(4).hex()}"
    scale = Scale(distributors=30, days=28, orders_per_day=10)
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

    def keep(self, name: str) -> None:
        """A picture for people, where somebody asked for pictures."""
        folder = os.environ.get("BANYAN_SCREENS")
        if folder:
            width, language = self.page.viewport_size["width"], self.page.locator("html").get_attribute("lang")
            self.page.screenshot(path=str(Path(folder) / f"{name}-{language}-{width}.png"), full_page=True)

    def speak(self, language: str) -> None:
        """Switch the console's language, as its own switch does."""
        self.context.add_cookies([{"name": "django_language", "value": language, "url": self.world.address}])

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
