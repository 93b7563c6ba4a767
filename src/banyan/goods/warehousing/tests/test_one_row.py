"""Everybody at one row at once: orders, a channel's orders, returns, transfers, stock takes. Nothing is oversold, nobody sees a
deadlock, and what the levels say is what has moved. With the guards off the same rush takes more than there is."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.db import connections

from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.commands import holding, moving, shifting
from banyan.goods.inventory.types import NewChannelStock, ReserveLine, ReturnedGoods
from banyan.goods.warehousing import commands, queries
from banyan.goods.warehousing.tests.making import BOSS, CLERK, Places, make_places
from banyan.goods.warehousing.types import Arrived, Counted, NewStockTake, NewTransfer, TransferState, Wanted
from banyan.kernel import clock
from banyan.kernel.values.errors import Refusal

CHECK = "stock_never_oversold"
THREADS = 6
PIECES = 9
"""No multiple of the threads, so that the last pieces are wanted by more than they are for."""


def at_once(work: Callable[[int], None]) -> list[BaseException]:
    """Run ``work`` in several threads that begin together; what went wrong in them."""
    errors: list[BaseException] = []
    start = threading.Barrier(THREADS)

    def run(worker: int) -> None:
        try:
            start.wait(20)
            work(worker)
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


class Worker:
    """Somebody who does what comes into his head, with orders of his own; a refusal is an answer, anything else a fault."""

    def __init__(self, tenant: Any, places: Places, number: int) -> None:
        self.tenant, self.places, self.sku = tenant, places, places.skus[0]
        self.random = random.Random(number)
        self.orders = iter(range(number * 1_000 + 1, number * 1_000 + 1_000))
        self.open: list[int] = []
        self.shipped: list[int] = []

    def act(self) -> None:
        """One act in its own transaction."""
        acts = (self.buy, self.buy, self.pay, self.ship, self.give_up, self.bring_back, self.send, self.receive, self.count,
                self.set_aside, self.end)  # fmt: skip
        with suppress(Refusal), self.tenant.enter():
            self.random.choice(acts)()

    def buy(self) -> None:
        order, channel = next(self.orders), self.random.choice(("", "", "live/1"))
        if not inventory.reserve([ReserveLine(order, order * 10, self.sku, self.random.randint(1, 3), None, channel)]):
            self.open.append(order)

    def pay(self) -> None:
        inventory.allocate(self.open[-2:], clock.now())

    def ship(self) -> None:
        self.shipped += inventory.ship(self.open[:1], clock.now())

    def give_up(self) -> None:
        if self.open:
            inventory.release([self.open.pop()])

    def bring_back(self) -> None:
        if self.shipped:
            order = self.shipped[0]
            inventory.restock_returns([ReturnedGoods(order, order * 10, self.sku, 1, f"back/{order}")])

    def send(self) -> None:
        way = [self.places.here, self.places.there]
        self.random.shuffle(way)
        draft = commands.draft_transfer(NewTransfer(way[0], way[1], [Wanted(self.sku, self.random.randint(1, 4))]), CLERK)
        commands.send_transfer(draft, clock.now())

    def receive(self) -> None:
        under_way = queries.list_transfers((TransferState.SENT, TransferState.RECEIVING), limit=3)
        if under_way:  # one in a transaction: transfers are locked before levels
            one = self.random.choice(under_way)
            told = [
                Arrived(line.line_id, line.left - lost, lost, "碰撞")
                for line in one.lines
                for lost in [self.random.randint(0, min(1, line.left))]
            ]
            commands.receive_transfer(one.transfer_id, told, f"r{self.random.random()}", BOSS, clock.now())

    def count(self) -> None:
        place = self.random.choice((self.places.here, self.places.there))
        take = commands.open_stock_take(NewStockTake(place, [self.sku]), CLERK)
        book = self.places.level(place, self.sku).on_hand
        commands.count(take, [Counted(self.sku, max(0, book + self.random.randint(-1, 1)))], CLERK)
        commands.approve_stock_take(take, BOSS, clock.now())

    def set_aside(self) -> None:
        inventory.set_aside([NewChannelStock("live/1", self.sku, self.random.randint(1, 3))])

    def end(self) -> None:
        if not self.random.randrange(3):
            inventory.end_channels(["live/1"])


def test_everything_at_once_on_one_row(tenant: Any) -> None:
    with tenant.enter():
        places = make_places([40])
    workers = [Worker(tenant, places, number + 1) for number in range(THREADS)]

    def work(number: int) -> None:
        for _ in range(45):
            workers[number].act()

    assert at_once(work) == []
    assert tenant.verify() == []
    with tenant.enter():
        moved = {movement.kind.value for movement in stock.list_movements(places.skus[0], limit=200)}
    assert moved >= {"shipment", "restock", "transfer_out", "transfer_in", "stock_take"}


def test_the_same_receipt_and_the_same_approval_from_many_hands_count_once(tenant: Any) -> None:
    with tenant.enter():
        places = make_places([10])
        (sku,) = places.skus
        transfer = commands.draft_transfer(NewTransfer(places.here, places.there, [Wanted(sku, 6)]), CLERK)
        commands.send_transfer(transfer, clock.now())
        found = queries.find_transfer(transfer)
        assert found is not None
        told = Arrived(found.lines[0].line_id, 4)
        take = commands.open_stock_take(NewStockTake(places.here), CLERK)
        commands.count(take, [Counted(sku, 3)], CLERK)

    def work(worker: int) -> None:
        with tenant.enter():
            commands.receive_transfer(transfer, [told], "one and the same", BOSS, clock.now())
        with tenant.enter():
            commands.approve_stock_take(take, BOSS, clock.now())

    assert at_once(work) == []
    with tenant.enter():
        assert places.on_hand(sku) == (3, 4)
    assert tenant.verify() == []


def _rush(tenant: Any, places: Places) -> tuple[int, Any]:
    """Orders and transfers want more than the pieces that there are; how many they got, and the level afterwards."""
    sku, got = places.skus[0], []

    def work(worker: int) -> None:
        for turn in range(4):
            order = worker * 100 + turn + 1
            with suppress(Refusal), tenant.enter():
                if worker % 2:
                    if inventory.reserve([ReserveLine(order, order * 10, sku, 1)]):
                        continue
                else:
                    draft = commands.draft_transfer(NewTransfer(places.here, places.there, [Wanted(sku, 1)]), CLERK)
                    commands.send_transfer(draft, clock.now())
                got.append(order)

    assert at_once(work) == []
    with tenant.enter():
        return len(got), places.level(places.here, sku)


def test_orders_and_transfers_share_exactly_what_there_is(tenant: Any) -> None:
    with tenant.enter():
        places = make_places([PIECES])
    got, level = _rush(tenant, places)
    assert (got, level.available, level.on_hand - level.reserved) == (PIECES, 0, 0)
    assert tenant.verify() == []


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No lock, no condition, no CHECK; the CHECK comes back afterwards, not looking at what the control left behind."""
    unlocked = holding.READ_LEVELS + "ORDER BY s.sku_id, s.warehouse_id"
    monkeypatch.setattr(holding, "LOCK_LEVELS", unlocked)
    monkeypatch.setattr(holding, "GUARD", "")
    monkeypatch.setattr(shifting, "lock_places", lambda places: None)
    monkeypatch.setattr(moving, "lock_places", lambda places: None)
    everybody = threading.Barrier(THREADS)

    def after_all_have_read(act: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            with suppress(threading.BrokenBarrierError):
                everybody.wait(2)
            return act(*args)

        return run

    monkeypatch.setattr(holding, "_take", after_all_have_read(holding._take))
    monkeypatch.setattr(shifting, "write_changes", after_all_have_read(shifting.write_changes))
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", (CHECK,))
        definition = cursor.fetchone()[0]
        cursor.execute(f"ALTER TABLE inventory_stock_levels DROP CONSTRAINT {CHECK}")
    yield
    with connections["owner"].cursor() as cursor:
        cursor.execute("DELETE FROM inventory_stock_levels WHERE on_hand < reserved + allocated + quarantined + held + set_aside")
        cursor.execute(f"ALTER TABLE inventory_stock_levels ADD CONSTRAINT {CHECK} {definition}")


def test_without_the_guards_more_goes_than_there_is(tenant: Any, request: pytest.FixtureRequest) -> None:
    """The negative control: the same rush, the same commands."""
    with tenant.enter():
        places = make_places([PIECES])
    request.getfixturevalue("unguarded")
    got, level = _rush(tenant, places)
    assert got > PIECES
    assert level.available < 0
