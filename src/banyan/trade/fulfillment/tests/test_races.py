"""Two who pack or pick the same pieces: one gets them; with the guards switched off both would."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest

from banyan.kernel import clock, sql
from banyan.trade.fulfillment import commands, queries
from banyan.trade.fulfillment.commands import opening, packing, tracking
from banyan.trade.fulfillment.tests.making import code_of, stock
from banyan.trade.fulfillment.types import NewParcel, OrderShipment, Track, TrackCode, TrackEvent


def together(tenant: Any, count: int, act: Callable[[int], Any]) -> list[Any]:
    """The answers, or errors, of so many threads that begin at the same moment, each in a transaction of its own."""
    barrier = threading.Barrier(count)
    answers: list[Any] = []

    def run(number: int) -> None:
        try:
            with tenant.enter():
                sql.fetch("SELECT 1")
                barrier.wait(10)
                answers.append(act(number))
        except Exception as error:
            answers.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return answers


@pytest.mark.parametrize("guarded", [True, False])
def test_a_piece_is_packed_once(tenant: Any, make_buyers: Any, monkeypatch: Any, guarded: bool) -> None:
    shop = stock(tenant, make_buyers)
    shop.paid([(0, 3)])
    (one,) = shop.wave()
    if not guarded:
        # Nobody waits for the other before deciding, and neither statement nor table asks once more.
        meeting = threading.Barrier(2)
        decide = packing._decide

        def decide_together(*args: Any) -> Any:
            decided = decide(*args)
            meeting.wait(10)
            return decided

        monkeypatch.setattr(packing, "_hold_still", list)
        monkeypatch.setattr(packing, "_decide", decide_together)
        monkeypatch.setattr(packing, "PACK_GUARD", "")
        monkeypatch.setattr(packing, "count_packed", lambda changes: None)
    answers = together(tenant, 2, lambda _: code_of(commands.pack([NewParcel(one.fulfillment_id)])[0]))
    assert sorted(answers) == (["done", "nothing_left"] if guarded else ["done", "done"])
    findings = [finding.check for finding in tenant.verify()]
    assert findings == ([] if guarded else ["fulfillment.lines"])


def test_waves_and_pastes_at_once_share_no_order(tenant: Any, make_buyers: Any) -> None:
    shop = stock(tenant, make_buyers)
    placed = shop.paid(*[[(0, 1)]] * 12)

    def act(number: int) -> Any:
        if number < 3:
            return commands.release_wave(shop.warehouses[0], 6)
        rows = [OrderShipment(one.order_id, "顺丰", f"SF{number}{i}") for i, one in enumerate(placed)]
        return [code_of(one) for one in commands.ship_orders(rows)]

    answers = together(tenant, 5, act)
    sent = sum(answer.count("done") for answer in answers if isinstance(answer, list))
    unexpected = [a for a in answers if isinstance(a, Exception) and not isinstance(a, commands.NothingToPick)]
    assert (sent, unexpected) == (12, [])
    with tenant.enter():
        assert len(queries.list_fulfillments(limit=None)) == 12
        assert len(queries.list_parcels(limit=None)) == 12
    assert tenant.verify() == []


def test_the_same_order_in_two_pastes_leaves_once(tenant: Any, make_buyers: Any) -> None:
    shop = stock(tenant, make_buyers)
    (placed,) = shop.paid([(0, 2)])
    with tenant.enter():
        opening.open_fulfillments(opening.held_pieces([placed.order_id]))
    rows = [OrderShipment(placed.order_id, "顺丰", f"SF{n}") for n in range(4)]
    answers = together(tenant, 4, lambda n: code_of(commands.ship_orders([rows[n]])[0]))
    assert sorted(answers) == ["done", "nothing_to_send", "nothing_to_send", "nothing_to_send"]
    assert tenant.verify() == []


@pytest.mark.parametrize("guarded", [True, False])
def test_what_is_pushed_at_this_moment_is_no_silence(
    tenant: Any, make_buyers: Any, monkeypatch: Any, driven_clock: Any, guarded: bool
) -> None:
    """Whoever gives the parcel up waits for the push that is being kept, and reads what it told."""
    shop = stock(tenant, make_buyers)
    (placed,) = shop.paid([(0, 1)])
    (parcel,) = shop.sent(placed, carrier="posthorn")
    with tenant.enter():
        number = queries.get_parcel(parcel).tracking_number
        _tell(number, "1")
    clock.advance(timedelta(days=40))
    if not guarded:
        lock = tracking.lock_parcels
        pushing = threading.local()
        monkeypatch.setattr(tracking, "lock_parcels", lambda ids: lock(ids) if hasattr(pushing, "here") else {})
    told = threading.Event()

    def act(who: int) -> Any:
        if who:
            assert told.wait(10)
            return tracking.fall_silent("posthorn", [number], clock.now())
        if not guarded:
            pushing.here = True
        _tell(number, "2")
        told.set()
        deadline = monotonic() + 10
        while not sql.fetch("SELECT 1 FROM pg_locks WHERE NOT granted LIMIT 1") and monotonic() < deadline:
            pass
        return "pushed"

    assert sorted(together(tenant, 2, act), key=str) == ([0, "pushed"] if guarded else [1, "pushed"])


def _tell(number: str, key: str) -> None:
    commands.record_track("posthorn", [Track(number, (TrackEvent(key, TrackCode.IN_TRANSIT, clock.now()),))])
