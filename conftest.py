"""Fixtures for every test: one real PostgreSQL per session, one fresh tenant per test.

Nothing is rolled back: tests commit, threads see each other, and isolation between tests is the tenant isolation that
the product promises.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

_services: list[Any] = []
_home = Path(tempfile.mkdtemp(prefix="banyan-test-"))


def _give_back_connections(run: Callable[[threading.Thread], None]) -> Callable[[threading.Thread], None]:
    """A thread that ends gives its connections back to the pool: Django does so for requests, nobody does for threads."""

    def wrapped(thread: threading.Thread) -> None:
        try:
            run(thread)
        finally:
            from django.db import connections

            connections.close_all()

    return wrapped


def _load_middleware_once() -> None:
    """All of Django's test clients share what the first of them has loaded: each would read every static file again and ask
    every route who may use it, which takes longer than most requests."""
    from django.conf import settings
    from django.test.client import ClientHandler

    load = ClientHandler.load_middleware
    loaded: dict[tuple[str, ...], dict[str, Any]] = {}

    def shared(self: Any, is_async: bool = False) -> None:
        names = tuple(settings.MIDDLEWARE)
        if names not in loaded:
            before = set(vars(self))
            load(self, is_async)
            loaded[names] = {name: value for name, value in vars(self).items() if name not in before}
        vars(self).update(loaded[names])

    ClientHandler.load_middleware = shared


def pytest_configure(config: pytest.Config) -> None:
    """Start the session's PostgreSQL before any module that imports models is collected."""
    os.environ["BANYAN_HOME"] = str(_home)
    _home.chmod(0o755)
    (_home / "static").mkdir(exist_ok=True)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "banyan.config.settings")
    if config.option.help:
        return
    if config.option.collectonly:
        import django

        django.setup()
        return
    if not os.environ.get("BANYAN_TEST_DATABASE_APP_URL"):
        from banyan.kernel.supervisor.postgres import start_postgres
        from tests.template import copy_migrated_home

        with contextlib.suppress(RuntimeError):  # what is wrong with the migrations is shown to the tests that need them
            copy_migrated_home(_home / "postgres")
        postgres = start_postgres(_home / "postgres", durable=False)
        _services.append(postgres)
        os.environ["BANYAN_DATABASE_APP_URL"] = postgres.urls.app
        os.environ["BANYAN_DATABASE_OWNER_URL"] = postgres.urls.owner
    else:
        os.environ["BANYAN_DATABASE_APP_URL"] = os.environ["BANYAN_TEST_DATABASE_APP_URL"]
        os.environ["BANYAN_DATABASE_OWNER_URL"] = os.environ["BANYAN_TEST_DATABASE_OWNER_URL"]
    import django

    django.setup()
    threading.Thread.run = _give_back_connections(threading.Thread.run)  # type: ignore[method-assign]
    _load_middleware_once()


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is loaded by now stays until the end."""
    from banyan.kernel import garbage

    garbage.settle()


_NOT_RUN = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def not_run(pytestconfig: pytest.Config) -> list[str]:
    """What a test left out of what it could do; named in the closing lines, as skipped tests are."""
    return pytestconfig.stash.setdefault(_NOT_RUN, [])


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Name what was not run. ``BANYAN_NOT_RUN`` names a file that gathers it from several runs, skipped tests included."""
    left_out = config.stash.get(_NOT_RUN, [])
    for line in left_out:
        terminalreporter.write_line(f"NOT RUN {line}")
    place = os.environ.get("BANYAN_NOT_RUN")
    if place:
        skipped = [f"{report.nodeid}: {report.longrepr[2]}" for report in terminalreporter.stats.get("skipped", [])]
        Path(place).parent.mkdir(exist_ok=True)
        with open(place, "a", encoding="utf-8") as file:
            file.writelines(f"  {line}\n" for line in [*skipped, *left_out])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was started and leave nothing behind."""
    for service in _services:
        service.stop()
    shutil.rmtree(_home, ignore_errors=True)


@pytest.fixture(scope="session")
def database() -> None:
    """The migrated database with every rule in place."""
    from banyan.config import runtime

    if not runtime.is_up_to_date():
        runtime.bring_up_to_date()


@dataclass(frozen=True)
class Shop:
    """A fresh tenant."""

    id: int
    slug: str

    def enter(self, actor: str = "test") -> Any:
        """Enter it: one transaction."""
        from banyan.kernel import tenancy

        return tenancy.enter(self.id, actor=actor, reason="test")

    def drain(self) -> int:
        """Deliver every committed event, also what another transaction of the cluster, autovacuum say, holds back a moment."""
        from banyan.kernel import events

        total, until = events.drain(self.id), time.monotonic() + 30
        while self._is_held_back():
            assert time.monotonic() < until, "a transaction that was left open holds events back"
            time.sleep(0.01)
            total += events.drain(self.id)
        return total

    def _is_held_back(self) -> bool:
        from banyan.kernel import sql
        from banyan.kernel.events.delivery import HORIZON

        with self.enter():
            committed = f"SELECT 1 FROM outbox_events WHERE tenant_id = %s AND commit_order >= {HORIZON} LIMIT 1"
            return bool(sql.fetch(committed, (self.id,)))

    def beside(self, act: Callable[[], Any]) -> Future[Any]:
        """Run in another transaction, and come back when it waits for a lock of ours or is done."""
        from django.db import connections

        from banyan.kernel.tenancy import context

        def run() -> Any:
            with self.enter():
                return act()

        ours = connections[context.alias()].connection.info.backend_pid
        thread = ThreadPoolExecutor(1)
        other = thread.submit(run)
        thread.shutdown(wait=False)
        until = time.monotonic() + 10
        while not wait([other], 0.01).done and not _is_waited_for(ours):
            assert time.monotonic() < until, "it neither waits for us nor ends"
        return other

    def verify(self, *, alone: bool = False) -> list[Any]:
        """The findings of `banyan verify` for this tenant (the structure has tests of its own): an empty list is a clean shop.

        `alone`: this test invents what the other houses would say (a payment of no order), so checks that join them are left out.
        """
        from banyan.config import verifying

        findings = [finding for _, finding in verifying.verify([self.id], structure=False).findings]
        return [one for one in findings if not (alone and one.check.startswith("river."))]


def _is_waited_for(backend: int) -> bool:
    """Whether another transaction waits for a lock that this one holds."""
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND %s = ANY(pg_blocking_pids(pid)))", [backend])
        return bool(cursor.fetchone()[0])


@pytest.fixture
def make_shop(database: None) -> Callable[..., Shop]:
    """A function that makes further tenants: the stranger's, the other merchant's."""
    from banyan.kernel import tenancy

    def make(**settings: Any) -> Shop:
        slug = f"t{os.urandom(6).hex()}"
        return Shop(tenancy.create_tenant(slug, settings.pop("name", "Test shop"), **settings), slug)

    return make


@pytest.fixture
def tenant(make_shop: Callable[..., Shop]) -> Shop:
    """A fresh tenant for this test."""
    return make_shop()


@pytest.fixture
def driven_clock() -> Iterator[Callable[[datetime], None]]:
    """A function that sets the process's clock; real time returns after the test."""
    from banyan.kernel import clock

    clock.drive(datetime(2026, 3, 1, 2, 0, tzinfo=UTC))
    yield clock.drive
    clock.drive(None)


@pytest.fixture(autouse=True)
def _no_leftovers() -> Iterator[None]:
    """A test that forgets to give real time back must not spoil the next one."""
    from banyan.kernel import clock

    yield
    clock.drive(None)
