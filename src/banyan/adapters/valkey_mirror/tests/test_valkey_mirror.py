"""The mirror in a real server: it may be wrong, slow, frozen or gone; the shop sells what it has, and never more."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from banyan.adapters.valkey_mirror import ValkeyMirror
from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import ports
from banyan.goods.inventory.types import NewWarehouse, Receipt
from banyan.kernel import ids, sql
from banyan.kernel.supervisor import places
from banyan.kernel.supervisor.valkey import ValkeyChild
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role
from banyan.trade.orders import commands as orders
from banyan.trade.orders.api import PLACING
from banyan.trade.orders.api.schemas import LineIn, OrderIn

TENANT = 77


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("valkey")
    places.prepare(made)
    return made


@pytest.fixture
def server(home: Path) -> Iterator[ValkeyChild]:
    child = ValkeyChild(home)
    child.start()
    redis.Redis.from_url(child.url).flushall()
    yield child
    if child.pid:
        os.kill(child.pid, signal.SIGCONT)
    child.stop()


@pytest.fixture
def mirror(server: ValkeyChild) -> Iterator[ValkeyMirror]:
    made = ValkeyMirror(server.url)
    before = ports.register_mirror(made)
    yield made
    ports.register_mirror(before)


def test_it_refuses_only_what_it_knows_to_be_gone(mirror: ValkeyMirror) -> None:
    assert mirror.lacking(TENANT, [[(1, 5)], [(2, 1), (3, 1)]]) == [{}, {}], "it knows nothing"
    mirror.tell(TENANT, {1: 3, 2: 0})
    wishes = [[(1, 4)], [(1, 2), (1, 2)], [(2, 1), (3, 1)], [(3, 1)], []]
    assert mirror.lacking(TENANT, wishes) == [{1: 3}, {1: 3}, {2: 0}, {}, {}]
    assert mirror.lacking(TENANT + 1, [[(1, 4)]]) == [{}], "another shop's stock is another one's"


def test_what_it_lets_pass_is_counted_down_and_what_it_refuses_is_not(mirror: ValkeyMirror) -> None:
    mirror.tell(TENANT, {1: 3, 2: 1})
    wishes = [[(1, 1), (2, 2)], [(1, 2)], [(1, 2)], [(1, 1), (2, 1)], [(2, 1)]]
    assert mirror.lacking(TENANT, wishes) == [{2: 1}, {}, {1: 1}, {}, {2: 0}]
    assert mirror.known(TENANT) == {1: 0, 2: 0}


def test_its_word_counts_for_a_moment_only(mirror: ValkeyMirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("banyan.adapters.valkey_mirror.FRESH_SECONDS", 0.03)
    mirror.tell(TENANT, {1: 0})
    mirror.lacking(TENANT, [[(1, 1)]])
    deadline = time.monotonic() + 10
    while mirror.lacking(TENANT, [[(1, 1)]]) != [{}]:
        assert time.monotonic() < deadline


def test_of_two_correctors_only_the_younger_counts(mirror: ValkeyMirror) -> None:
    mirror.tell(TENANT, {1: 0, 2: 7})
    asleep = mirror.acquire(TENANT, 0.01)
    assert asleep
    younger = None
    while younger is None:
        younger = mirror.acquire(TENANT, 30)
    assert younger > asleep
    assert mirror.acquire(TENANT, 30) is None, "somebody has it"
    assert mirror.correct(TENANT, {1: 5, 2: 7}, younger) == 1
    assert mirror.correct(TENANT, {1: 0, 2: 0}, asleep) == 0, "he woke up too late"
    assert mirror.known(TENANT) == {1: 5, 2: 7}
    assert mirror.drift(TENANT) == 1


class Shop:
    """One SKU, and callers who want it through the same way as over HTTP."""

    def __init__(self, tenant: Any, pieces: int, buyers: int = 8) -> None:
        self.tenant = tenant
        with tenant.enter():
            (self.sku,) = make_skus([100])
            self.warehouse = inventory.open_warehouses([NewWarehouse("w", "仓")])[0]
            self.receive(pieces)
            people = [NewUser(f"m{n}", None, "某人", None, (Role.CONSUMER,), None) for n in range(buyers)]
            self.buyers = identity.register_users(people)

    def receive(self, pieces: int) -> None:
        inventory.receive_stock([Receipt(self.warehouse, self.sku, pieces)])

    def ask(self, count: int = 1) -> list[bool]:
        """Whether each of so many orders of one piece, in one group, was placed."""
        from banyan.kernel.http import Principal

        body = OrderIn(lines=[LineIn(sku_id=ids.public("sku", self.sku), quantity=1)])  # type: ignore[arg-type]
        caller = Principal(self.tenant.id, int(self.buyers[0]), frozenset({"consumer"}), frozenset({"orders:write"}), None)
        with self.tenant.enter():
            return [isinstance(outcome, str) for outcome in PLACING._perform([(caller, body)] * count)]


def test_refusals_after_the_first_lock_nothing_and_price_nothing(
    tenant: Any, mirror: ValkeyMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(tenant, 2)
    assert shop.ask(3) == [True, True, False]
    assert mirror.known(tenant.id) == {shop.sku: 0}
    monkeypatch.setattr("banyan.trade.orders.commands.placing.sku_facts", lambda skus: {} if not skus else 1 / 0)
    asked: list[str] = []
    run = sql._run
    monkeypatch.setattr(sql, "_run", lambda query, params: (asked.append(query), run(query, params))[1])
    assert shop.ask(50) == [False] * 50
    assert len(asked) == 1, "one look for all fifty"
    assert "FOR UPDATE" not in asked[0]
    assert tenant.verify() == []


def test_too_high_is_judged_by_the_database(tenant: Any, mirror: ValkeyMirror) -> None:
    shop = Shop(tenant, 2)
    mirror.tell(tenant.id, {shop.sku: 1000})
    assert shop.ask(5) == [True, True, False, False, False]
    assert tenant.verify() == []


def test_too_low_is_judged_by_the_database_and_corrected(tenant: Any, mirror: ValkeyMirror) -> None:
    shop = Shop(tenant, 2)
    mirror.tell(tenant.id, {shop.sku: 0})
    assert shop.ask() == [True], "slower, and not wrong"
    with tenant.enter():
        assert inventory.check_mirror() == 1
    assert mirror.drift(tenant.id) == 1
    assert shop.ask(2) == [True, False]


def test_what_comes_back_is_sold_at_once(tenant: Any, mirror: ValkeyMirror) -> None:
    """A receipt, a cancelled order: nobody hears no for a piece that is there, however often no was said a moment ago."""
    shop = Shop(tenant, 1)
    assert shop.ask(3) == [True, False, False]
    assert mirror.known(tenant.id) == {shop.sku: 0}
    with tenant.enter():
        shop.receive(1)
    assert shop.ask(2) == [True, False]
    with tenant.enter():
        orders.cancel([sql.fetch("SELECT max(id) FROM orders_orders")[0][0]], "buyer")
    assert shop.ask(2) == [True, False]
    assert tenant.verify() == []


@pytest.mark.parametrize("fate", ["killed", "frozen", "emptied", "restarted"])
def test_whatever_happens_to_it_the_shop_sells_what_it_has(
    tenant: Any, server: ValkeyChild, mirror: ValkeyMirror, fate: str
) -> None:
    shop = Shop(tenant, 3)
    assert shop.ask() == [True]
    mirror.tell(tenant.id, {shop.sku: 0})  # and it says too little when it happens
    if fate == "killed":
        os.kill(server.pid, signal.SIGKILL)
        server._child.wait()  # type: ignore[union-attr]
    elif fate == "frozen":
        os.kill(server.pid, signal.SIGSTOP)
    elif fate == "emptied":
        redis.Redis.from_url(server.url).flushall()
    else:
        server.stop()
        server.start()
    began = time.monotonic()
    placed: list[bool] = []
    while placed.count(True) < 2 and time.monotonic() < began + ports.FRESH_SECONDS + 10:
        placed += shop.ask()
    assert placed.count(True) == 2
    assert time.monotonic() - began < ports.FRESH_SECONDS + 5
    assert shop.ask(2) == [False, False]
    assert tenant.verify() == []


def test_who_is_left_alone_is_asked_again_later(
    server: ValkeyChild, mirror: ValkeyMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("banyan.adapters.valkey_mirror.PAUSE_SECONDS", 0.01)
    mirror._pause = 0.01
    os.kill(server.pid, signal.SIGSTOP)
    began = time.monotonic()
    mirror.lacking(TENANT, [[(1, 1)]])
    first = time.monotonic() - began
    os.kill(server.pid, signal.SIGCONT)
    assert first < 5, "nobody waits long for the mirror"
    deadline = time.monotonic() + 30
    while not mirror.known(TENANT):
        mirror.tell(TENANT, {1: 4})
        assert time.monotonic() < deadline


@pytest.mark.usefixtures("tenant")
def test_without_a_mirror_nothing_is_asked(make_shop: Callable[..., Any]) -> None:
    shop = Shop(make_shop(), 1)
    assert shop.ask(3) == [True, False, False]
