"""Exactly once: whatever fails, an effect and its cursor move together."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import connections

from banyan.kernel import events, ids, sql
from banyan.kernel.events import core, delivery
from banyan.kernel.events.models import ReactionCursor, SetAsideEvent


@dataclass(frozen=True)
class Line:
    line_id: int
    amount_minor: int


@dataclass(frozen=True)
class Happened(events.Event):
    kind = "test.happened"
    order_id: int
    occurred_at: datetime
    note: str | None = None
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True)
class EveryForm(events.Event):
    kind = "test.every_form"
    at: datetime | None
    day: date
    line: Line | None
    pairs: tuple[tuple[int, datetime], ...]
    names: tuple[str, ...] = ()
    flag: bool = False


@pytest.mark.parametrize("empty", [False, True])
def test_an_event_comes_back_as_it_was_written(empty: bool) -> None:
    at = datetime(2026, 1, 1, 2, 3, 4, 5, tzinfo=UTC)
    event = (
        EveryForm(None, date(2026, 1, 1), None, ()) if empty else EveryForm(at, at.date(), Line(1, 2), ((1, at),), ("é",), True)
    )
    payload = json.loads(core.to_json(event))
    assert core.from_json("test.every_form", payload) == event
    assert core.from_json("test.every_form", {**payload, "from_a_newer_version": 1}) == event


@pytest.fixture
def seen() -> Iterator[list[int]]:
    """A reaction that writes one row per event, refuses negative ids, and tells which it saw."""
    told: list[int] = []

    @events.reaction("test.write_down", on=(Happened,), batch=3)
    def write_down(batch: list[Happened]) -> None:
        told.extend(event.order_id for event in batch)
        if any(event.order_id < 0 for event in batch):
            raise ValueError("poison")
        sql.insert(
            ReactionCursor,
            ("id", "reaction", "commit_order", "event_id"),
            [(ids.next_id(), f"effect {e.order_id}", 0, 0) for e in batch],
        )

    yield told
    del core._reactions["test.write_down"]


def _emit(tenant: Any, *order_ids: int) -> None:
    with tenant.enter():
        events.record(
            [Happened(order_id=o, occurred_at=datetime(2026, 1, 1, tzinfo=UTC), lines=(Line(1, 2),)) for o in order_ids]
        )


def _effects(tenant: Any) -> list[str]:
    with tenant.enter():
        return sorted(ReactionCursor.objects.filter(reaction__startswith="effect").values_list("reaction", flat=True))


def test_payload_returns_typed() -> None:
    event = Happened(order_id=5, occurred_at=datetime(2026, 1, 1, tzinfo=UTC), note="字", lines=(Line(1, 2), Line(3, 4)))
    import json

    assert core.from_json("test.happened", json.loads(core.to_json(event))) == event


def test_each_event_takes_effect_once(tenant: Any, seen: list[int]) -> None:
    _emit(tenant, *range(1, 8))
    assert tenant.drain() == 7
    assert tenant.drain() == 0
    assert _effects(tenant) == [f"effect {n}" for n in range(1, 8)]


def test_a_poisoned_event_is_set_aside_and_blocks_nobody(tenant: Any, seen: list[int]) -> None:
    _emit(tenant, 1, -2, 3)
    _emit(tenant, 4)
    tenant.drain()
    assert _effects(tenant) == ["effect 1", "effect 3", "effect 4"]
    with tenant.enter():
        aside = SetAsideEvent.objects.get()
        assert (aside.reaction, aside.error, aside.resolved_at) == ("test.write_down", "ValueError", None)
        assert events.retry_set_aside(aside.pk) is False
        events.dismiss_set_aside(aside.pk, "known bad")
    with tenant.enter():
        aside = SetAsideEvent.objects.get()
        assert aside.attempts == 2 and aside.resolution == "dismissed: known bad"


def test_a_late_commit_of_an_earlier_event_is_not_skipped(tenant: Any, seen: list[int]) -> None:
    recorded, go_on = threading.Event(), threading.Event()

    def slow_writer() -> None:
        with tenant.enter():
            events.record([Happened(order_id=1, occurred_at=datetime(2026, 1, 1, tzinfo=UTC))])
            recorded.set()
            assert go_on.wait(20)
        connections.close_all()

    writer = threading.Thread(target=slow_writer)
    writer.start()
    assert recorded.wait(20)
    _emit(tenant, 2)
    assert events.drain(tenant.id) == 0
    go_on.set()
    writer.join()
    tenant.drain()
    assert _effects(tenant) == ["effect 1", "effect 2"]


def test_two_drains_at_once_deliver_once(tenant: Any, seen: list[int]) -> None:
    _emit(tenant, *range(1, 40))

    def work() -> None:
        events.drain(tenant.id)
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tenant.drain()
    assert len(_effects(tenant)) == 39


def test_a_crash_before_commit_leaves_no_effect(tenant: Any, seen: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    _emit(tenant, 1, 2)
    from banyan.kernel.events import delivery

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(delivery.sql, "execute", die)  # type: ignore[attr-defined]
    with pytest.raises(KeyboardInterrupt):
        tenant.drain()
    monkeypatch.undo()
    assert _effects(tenant) == []
    tenant.drain()
    assert _effects(tenant) == ["effect 1", "effect 2"]


def test_rounds_limit_how_much_one_call_delivers(tenant: Any, seen: list[int]) -> None:
    _emit(tenant, *range(1, 8))
    assert events.drain(tenant.id, names={"test.write_down"}, rounds=2) == 6  # two batches of three
    assert events.drain(tenant.id, names={"test.write_down"}) == 1


def test_a_reaction_that_hears_nothing_reads_and_writes_nothing(tenant: Any, seen: list[int]) -> None:
    """Events of other kinds leave its cursor alone and are not read past: the index is probed by kind."""
    foreign = EveryForm(None, date(2026, 1, 1), None, ())
    _emit(tenant, 1)
    assert tenant.drain() == 1
    before = _cursor(tenant)
    with tenant.enter():
        events.record([foreign] * 300)
    ours = [r for r in events.reactions() if r.name == "test.write_down"]
    assert delivery._awaiting(tenant.id, ours) == []
    assert tenant.drain() == 0
    assert _cursor(tenant) == before
    with tenant.enter():
        plan = sql.fetch(f"EXPLAIN {delivery._AWAITING}", (["a"], [Happened.kind], [0], [1], tenant.id, tenant.id))
    assert any("outbox_by_kind" in line for (line,) in plan)
    assert any("Index Cond" in line and "ROW(commit_order, id) >" in line for (line,) in plan), "the past is read again each time"
    _emit(tenant, 2)
    with tenant.enter():
        events.record([foreign])
    assert tenant.drain() == 1
    assert seen == [1, 2]


def _cursor(tenant: Any) -> tuple[int, int]:
    with tenant.enter():
        found = sql.fetch("SELECT commit_order, event_id FROM reaction_cursors WHERE reaction = 'test.write_down'")[0]
    return found[0], found[1]


def test_lanes_share_the_events_each_heard_once(tenant: Any) -> None:
    """More than a batch in each lane: the lanes run side by side; a failing event is set aside in its lane alone."""
    heard: list[int] = []
    lock = threading.Lock()
    bad = {7, 8}

    @events.reaction("test.lanes", on=(Happened,), batch=10, lanes=2)
    def listen(batch: list[Happened]) -> None:
        if bad & {each.order_id for each in batch}:
            raise ValueError("bad")
        with lock:
            heard.extend(each.order_id for each in batch)

    try:
        with tenant.enter():
            events.record([Happened(number, datetime(2026, 1, 1, tzinfo=UTC)) for number in range(1, 101)])
            assert len(events.unheard("test.lanes", Happened)) == 100
        assert events.drain(tenant.id, names={"test.lanes"}) == 100
        assert sorted(heard) == [number for number in range(1, 101) if number not in bad]
        assert events.drain(tenant.id, names={"test.lanes"}) == 0
        with tenant.enter():
            assert {event.order_id for event in events.unheard("test.lanes", Happened)} == bad
            bad.clear()
            for (row,) in sql.fetch("SELECT id FROM set_aside_events WHERE reaction = 'test.lanes'"):
                assert events.retry_set_aside(row)
            assert events.unheard("test.lanes", Happened) == []
        assert len(heard) == len(set(heard)) == 100
    finally:
        core._reactions.pop("test.lanes")
