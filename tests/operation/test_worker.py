"""The worker: woken by NOTIFY, sweeping without it, surviving a lost database, reviving what a dead worker left."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connections
from procrastinate import PsycopgConnector
from procrastinate.contrib.django import app as jobs_app

from banyan.config import deliveries, schedule
from banyan.kernel import events, jobs
from banyan.kernel.events import core
from banyan.kernel.jobs import registry
from banyan.kernel.jobs.models import JobRun

from .conftest import wait_for


@dataclass(frozen=True)
class Rang(events.Event):
    kind = "test.rang"
    number: int


@pytest.fixture
def heard() -> Iterator[list[int]]:
    numbers: list[int] = []

    @events.reaction("test.hear", on=(Rang,), batch=10)
    def hear(batch: list[Rang]) -> None:
        numbers.extend(event.number for event in batch)

    yield numbers
    del core._reactions["test.hear"]


@pytest.fixture
def stopping() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def _ring(tenant: Any, *numbers: int) -> None:
    with tenant.enter():
        events.record([Rang(number) for number in numbers])


def _start(stopping: threading.Event, *, listening: bool) -> deliveries.Drain:
    drain = deliveries.Drain("money", stopping)
    drain.start()
    if listening:
        threading.Thread(target=deliveries.listen, args=([drain], stopping), daemon=True).start()
    return drain


def _stop(drain: deliveries.Drain, stopping: threading.Event) -> None:
    stopping.set()
    drain.wake(None)
    drain.join(10)
    assert not drain.is_alive()


def test_notify_wakes_the_drain(
    tenant: Any, heard: list[int], stopping: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "SWEEP_SECONDS", 3600.0)
    _ring(tenant, 1)
    drain = _start(stopping, listening=True)
    wait_for(lambda: heard == [1], 15)  # found by the first sweep; from here on only a notice can tell
    wait_for(_listens, 15)
    _ring(tenant, 2, 3)
    wait_for(lambda: heard == [1, 2, 3], 15)
    _stop(drain, stopping)


def _listens() -> bool:
    with psycopg.connect(deliveries.application_conninfo()) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'banyan-worker' AND query LIKE 'LISTEN%'"
        ).fetchone()
    return bool(row and row[0])


def test_without_notices_the_sweep_finds_everything(tenant: Any, heard: list[int], stopping: threading.Event) -> None:
    drain = _start(stopping, listening=False)
    _ring(tenant, *range(25))
    wait_for(lambda: sorted(heard) == list(range(25)), 15)
    _stop(drain, stopping)


def test_a_lost_database_connection_is_made_again(tenant: Any, heard: list[int], stopping: threading.Event) -> None:
    drain = _start(stopping, listening=True)
    for number in range(3):
        _ring(tenant, number)
        wait_for(lambda number=number: number in heard, 20)
        with psycopg.connect(deliveries.application_conninfo(), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'banyan-worker' AND pid <> pg_backend_pid()"
            )
    assert sorted(heard) == [0, 1, 2]
    _stop(drain, stopping)


def test_one_tenant_with_much_to_do_does_not_keep_the_others_waiting(
    make_shop: Any, heard: list[int], stopping: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "ROUNDS", 2)  # 20 events of the busy one, then the next tenant's turn
    busy, quiet = make_shop(), make_shop()
    _ring(busy, *range(100))
    _ring(quiet, 1000)
    drain = _start(stopping, listening=False)
    wait_for(lambda: len(heard) == 101, 20)
    assert heard.index(1000) <= 20
    _stop(drain, stopping)


@pytest.mark.parametrize(
    ("seconds", "cron"),
    [(1, "* * * * * */1"), (7, "* * * * * */6"), (45, "* * * * * */30"), (60, "*/1 * * * * 0"), (300, "*/5 * * * * 0"),
     (3600, "7 */1 * * * 0"), (18000, "7 */4 * * * 0"), (86400, "17 19 * * * 0"), (604800, "17 19 * * * 0")],
)  # fmt: skip
def test_cron_lines_fire_at_least_as_often_as_asked(seconds: int, cron: str) -> None:
    assert schedule.cron_of(seconds) == cron


def _end_all_connections() -> None:
    """What a restart of the database does to the worker."""
    connections.close_all()
    with psycopg.connect(deliveries.application_conninfo(), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()"
        )


@pytest.mark.slow
def test_periodic_jobs_run_and_are_recorded_also_after_the_database_went_away(tenant: Any, stopping: threading.Event) -> None:
    ran: list[datetime] = []

    @jobs.periodic("test.tick", every_seconds=1)
    def tick() -> int:
        ran.append(datetime.now(UTC))
        return 0

    try:
        thread = schedule.Jobs(stopping)
        thread.start()
        wait_for(lambda: len({at.replace(microsecond=0) for at in ran}) >= 3, 30)  # once for each tenant each time
        wait_for(lambda: JobRun.objects.filter(name="test.tick", error="", finished_at__isnull=False).exists(), 10)
        _end_all_connections()
        ended_at = datetime.now(UTC)
        wait_for(lambda: len({at.replace(microsecond=0) for at in ran if at > ended_at + timedelta(seconds=1)}) >= 3, 60)
        stopping.set()
        thread.join(20)
        assert not thread.is_alive()
    finally:
        del registry._jobs["test.tick"]


@pytest.mark.usefixtures("database")
def test_what_a_dead_worker_left_is_revived() -> None:
    with psycopg.connect(deliveries.application_conninfo(), autocommit=True) as connection:
        connection.execute("DELETE FROM procrastinate_jobs WHERE task_name = 'test.left'")
        connection.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour'), (now()) RETURNING id"
        )
        rows = connection.execute("SELECT id FROM procrastinate_workers ORDER BY id DESC LIMIT 2").fetchall()
        alive, dead = rows[0][0], rows[1][0]
        for worker, lock in ((dead, "a"), (dead, "b"), (alive, "c")):
            connection.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, worker_id, queueing_lock)"
                " VALUES ('none', 'test.left', '{}', 'doing', %s, %s)",
                (worker, f"test.left.{lock}"),
            )
        # The successor of b already waits under the same lock.
        connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, queueing_lock)"
            " VALUES ('none', 'test.left', '{}', 'todo', 'test.left.b')"
        )

        async def revive() -> int:
            app = jobs_app.with_connector(PsycopgConnector(conninfo=deliveries.application_conninfo(), min_size=1, max_size=2))
            async with app.open_async():
                return await schedule.revive_stalled(app)

        assert asyncio.run(revive()) >= 2
        left = connection.execute(
            "SELECT queueing_lock, status::text FROM procrastinate_jobs WHERE task_name = 'test.left' ORDER BY 1, 2"
        ).fetchall()
        assert left == [("test.left.a", "todo"), ("test.left.b", "todo"), ("test.left.c", "doing")]
        connection.execute("DELETE FROM procrastinate_jobs WHERE task_name = 'test.left'")
        connection.execute("DELETE FROM procrastinate_workers WHERE id = ANY(%s)", ([alive, dead],))
