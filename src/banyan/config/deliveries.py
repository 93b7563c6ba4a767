"""Delivers events to their reactions: one thread per queue, woken by NOTIFY, sweeping all tenants about each second."""

from __future__ import annotations

import os
import sys
import threading
import time

import psycopg
import structlog
from django.db import DatabaseError, InterfaceError, connections
from psycopg.conninfo import make_conninfo
from psycopg_pool import PoolTimeout

from banyan.kernel import events, tenancy

log = structlog.get_logger(__name__)

CHANNEL = "banyan_events"
SWEEP_SECONDS = 1.0
SWEEP_SHARE = 0.1
"""With very many tenants a sweep takes long; it is then repeated so seldom that it costs this share of the time."""
ROUNDS = 20


class Drain(threading.Thread):
    """Delivers the events of one queue to their reactions, tenant by tenant."""

    def __init__(self, queue: str, stopping: threading.Event) -> None:
        """Not started yet; ends soon after `stopping` is set, between two batches."""
        super().__init__(name=f"drain-{queue}", daemon=True)
        self.queue = queue
        self.beat = time.monotonic()
        self._stopping = stopping
        self._woken: set[int] = set()
        self._changed = threading.Condition()
        self._sweep_at = 0.0

    def wake(self, tenant_id: int | None) -> None:
        """There are events for this tenant; None: for anybody, sweep now."""
        with self._changed:
            if tenant_id is None:
                self._sweep_at = 0.0
            else:
                self._woken.add(tenant_id)
            self._changed.notify()

    def run(self) -> None:
        """Until stopped. A lost database is waited for; nothing is lost, the cursors did not move."""
        pause = 0.2
        while not self._stopping.is_set():
            self.beat = time.monotonic()
            try:
                self._deliver(self._next())
                pause = 0.2
            except (DatabaseError, InterfaceError, psycopg.Error, PoolTimeout) as error:
                log.warning("drain_waits_for_database", queue=self.queue, error=type(error).__name__)
                connections["default"].close()
                self.wake(None)
                self._stopping.wait(pause)
                pause = min(pause * 2, 5.0)
        connections["default"].close()

    def _next(self) -> list[int]:
        with self._changed:
            if not self._woken:
                self._changed.wait(max(0.0, self._sweep_at - time.monotonic()))
            if time.monotonic() < self._sweep_at:
                woken, self._woken = self._woken, set()
                return sorted(woken)
            self._woken = set()
            self._sweep_at = time.monotonic() + SWEEP_SECONDS
        return list(tenancy.list_tenant_ids())

    def _deliver(self, tenant_ids: list[int]) -> None:
        began = time.monotonic()
        for tenant_id in tenant_ids:
            if self._stopping.is_set():
                return
            self.beat = time.monotonic()
            delivered = events.drain(tenant_id, queue=self.queue, rounds=ROUNDS)
            if delivered:
                log.info("events_delivered", queue=self.queue, tenant_id=tenant_id, count=delivered)
                self.wake(tenant_id)  # perhaps there is more; the others come first
        with self._changed:
            self._sweep_at = max(self._sweep_at, time.monotonic() + (time.monotonic() - began) * (1 / SWEEP_SHARE - 1))


def application_conninfo() -> str:
    """The application's address, as the settings read it, for connections that are not Django's."""
    url = os.environ.get("BANYAN_DATABASE_APP_URL") or os.environ["DATABASE_URL"]
    return make_conninfo(url, application_name="banyan-worker")


def listen(drains: list[Drain], stopping: threading.Event) -> None:
    """Pass the database's notifications on to the drains, until stopped. A lost connection is made again, then all is swept."""
    while not stopping.is_set():
        try:
            with psycopg.connect(application_conninfo(), autocommit=True, connect_timeout=5) as connection:
                connection.execute(f"LISTEN {CHANNEL}")
                for drain in drains:
                    drain.wake(None)  # what was said while nobody listened
                while not stopping.is_set():
                    for notice in connection.notifies(timeout=0.5, stop_after=1):
                        for drain in drains:
                            drain.wake(int(notice.payload))
                    if not stopping.is_set():
                        _end_if_a_thread_died(drains)
        except psycopg.OperationalError as error:
            log.warning("listener_waits_for_database", error=type(error).__name__)
            stopping.wait(0.5)


def _end_if_a_thread_died(threads: list[Drain]) -> None:
    if not all(thread.is_alive() for thread in threads):
        log.error("thread_died")
        sys.exit(1)  # the supervisor starts a new process
