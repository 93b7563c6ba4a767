"""Stock set aside for a channel: nobody else takes it, the channel takes no more, what is given up goes back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction

from banyan.goods.inventory import commands, queries
from banyan.goods.inventory.commands import channels, holding
from banyan.goods.inventory.tests.test_inventory import level, stocked
from banyan.goods.inventory.types import NewChannelStock, NewWarehouse, Receipt, ReserveLine, ReturnedGoods, Shortage
from banyan.kernel import clock, sql

LIVE = "live/7"


def wish(order_id: int, sku_id: Any, quantity: int, channel: str = "") -> ReserveLine:
    return ReserveLine(order_id, order_id * 10, sku_id, quantity, None, channel)


def test_a_share_is_for_its_channel_alone_and_for_no_more(tenant: Any) -> None:
    with tenant.enter():
        _, (a,) = stocked([10])
        commands.set_aside([NewChannelStock(LIVE, a, 4)])
        assert (level(a).set_aside, level(a).available, queries.available([a])) == (4, 6, {a: 6})
        assert commands.reserve([wish(1, a, 7)]) == {1: (Shortage(1, a, 7, 6),)}
        assert commands.reserve([wish(2, a, 5, LIVE)]) == {2: (Shortage(2, a, 5, 4),)}
        assert commands.reserve([wish(3, a, 1, "live/8")]) == {3: (Shortage(3, a, 1, 0),)}
        assert commands.reserve([wish(4, a, 6), wish(5, a, 3, LIVE), wish(6, a, 2, LIVE)]) == {6: (Shortage(6, a, 2, 1),)}
        (share,) = queries.channel_stock([LIVE])
        assert (share.quantity, share.taken, share.left, level(a).set_aside, level(a).reserved) == (4, 3, 1, 1, 9)
    assert tenant.verify() == []


def test_what_an_order_of_the_channel_gives_up_goes_back_to_the_channel_while_it_is_open(tenant: Any) -> None:
    with tenant.enter():
        _, (a,) = stocked([10])
        commands.set_aside([NewChannelStock(LIVE, a, 6)])
        now = clock.now()
        commands.reserve([ReserveLine(1, 10, a, 2, now + timedelta(minutes=1), LIVE), *(wish(n, a, 1, LIVE) for n in (2, 3, 4))])
        assert commands.expire_due(now + timedelta(minutes=2)) == 1
        assert queries.channel_stock([LIVE])[0].left == 3
        commands.allocate([2, 3, 4], now)
        commands.ship([2], now)
        assert commands.release_lines([ReturnedGoods(3, 30, a, 1, "k")]) == 1
        assert queries.channel_stock([LIVE])[0].left == 4
        assert commands.end_channels([LIVE]) == 4
        assert commands.end_channels([LIVE]) == 0
        assert (level(a).set_aside, level(a).available) == (0, 8)
        commands.release([4])
        assert (level(a).set_aside, level(a).available) == (0, 9)
        assert queries.channel_stock([LIVE])[0].left == 0
    assert tenant.verify() == []


def test_a_share_grows_is_spread_and_ends_by_itself(tenant: Any) -> None:
    with tenant.enter():
        first, (a,) = stocked([3])
        second = commands.open_warehouses([NewWarehouse("second", "二仓", 200)])[0]
        commands.receive_stock([Receipt(second, a, 5)])
        ends_at = clock.now() + timedelta(hours=1)
        commands.set_aside([NewChannelStock(LIVE, a, 4, ends_at=ends_at)])
        commands.set_aside([NewChannelStock(LIVE, a, 2, second)])
        assert [(s.warehouse_id, s.quantity, s.ends_at) for s in queries.channel_stock([LIVE])] == [
            (first, 3, ends_at), (second, 3, ends_at),
        ]  # fmt: skip
        with pytest.raises(commands.StockPromised):
            commands.set_aside([NewChannelStock("group/1", a, 3)])
        assert commands.reserve([wish(1, a, 5, LIVE)]) == {}
        assert commands.end_due_channels(ends_at - timedelta(seconds=1)) == 0
        assert commands.end_due_channels(ends_at) == 2
        assert queries.available([a]) == {a: 3}
    assert tenant.verify() == []


def test_the_tables_themselves_refuse_more_than_there_is(tenant: Any) -> None:
    with tenant.enter():
        _, (a,) = stocked([5])
        commands.set_aside([NewChannelStock(LIVE, a, 4)])
        with pytest.raises(IntegrityError), transaction.atomic():
            sql.execute("UPDATE inventory_stock_levels SET reserved = 2 WHERE sku_id = %s", (a,))
        with pytest.raises(IntegrityError), transaction.atomic():
            sql.execute("UPDATE inventory_channel_stocks SET taken = 5 WHERE sku_id = %s", (a,))


def test_verify_finds_planted_damage(tenant: Any) -> None:
    with tenant.enter():
        _, (a,) = stocked([5])
        commands.set_aside([NewChannelStock(LIVE, a, 4)])
        commands.reserve([wish(1, a, 2, LIVE)])
        sql.execute("UPDATE inventory_channel_stocks SET taken = 1")
    assert [f.check for f in tenant.verify()] == ["inventory.channel_stock"] * 2
    with tenant.enter():
        sql.execute("UPDATE inventory_channel_stocks SET taken = 2")
        sql.execute("UPDATE inventory_stock_levels SET set_aside = 1")
    assert [f.check for f in tenant.verify()] == ["inventory.channel_stock"]


def _rush(tenant: Any, *tolerated: type[Exception]) -> list[str]:
    """A channel with 7 of 20 pieces and everybody else, all at once and each more than there is; what each sale was."""
    with tenant.enter():
        _, (a,) = stocked([20])
        commands.set_aside([NewChannelStock(LIVE, a, 7)])
    sold: list[str] = []
    errors: list[Exception] = []
    start = threading.Barrier(6)

    def buy(worker: int) -> None:
        try:
            start.wait(20)
            for turn in range(10):
                order, channel = worker * 100 + turn + 1, LIVE if worker % 2 else ""
                with suppress(*tolerated):
                    with tenant.enter():
                        refused = commands.reserve([wish(order, a, 1, channel)])
                    if not refused:
                        sold.append(channel)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=buy, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    return sold


def test_channel_and_ordinary_buyers_at_once_each_get_exactly_theirs(tenant: Any) -> None:
    sold = _rush(tenant)
    assert (sold.count(LIVE), sold.count("")) == (7, 13)
    assert tenant.verify() == []


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No lock, no condition, no CHECK of shares; the CHECKs come back afterwards, not looking at what the control left behind."""
    everybody = threading.Barrier(3)  # the channel's buyers

    def after_all_have_read(holds: Any) -> bool:
        if any(held.channel_stock_id is not None for held in holds):
            with suppress(threading.BrokenBarrierError):
                everybody.wait(2)
        return channels.take_shares(holds)

    monkeypatch.setattr(holding, "LOCK_LEVELS", holding.READ_LEVELS + "ORDER BY s.sku_id, s.warehouse_id")
    monkeypatch.setattr(holding, "take_shares", after_all_have_read)
    monkeypatch.setattr(channels, "_TAKE", channels._TAKE.replace("AND c.quantity - c.taken >= u.quantity", ""))
    tables = {
        "stock_never_oversold": "inventory_stock_levels",
        "channel_takes_no_more_than_its_share": "inventory_channel_stocks",
    }
    with connections["owner"].cursor() as cursor:
        checks = {}
        for name, table in tables.items():
            cursor.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", (name,))
            checks[name] = cursor.fetchone()[0]
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    yield
    with connections["owner"].cursor() as cursor:
        cursor.execute("DELETE FROM inventory_channel_stocks WHERE taken > quantity")
        cursor.execute("DELETE FROM inventory_stock_levels WHERE set_aside < 0 OR on_hand < reserved + allocated + set_aside")
        for name, table in tables.items():
            cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {checks[name]}")


def test_without_the_guards_the_channel_sells_more_than_its_share(tenant: Any, unguarded: None) -> None:
    """The negative control: the same rush, the same commands."""
    assert _rush(tenant, commands.StockMoved).count(LIVE) > 7  # ordinary buyers keep their condition, and meet it
