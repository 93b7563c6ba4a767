"""Runs the kernel's periodic jobs and single jobs on procrastinate, and revives jobs whose worker died."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from django.db import connections
from procrastinate import App, PsycopgConnector, exceptions
from procrastinate.contrib.django import app as jobs_app
from procrastinate.jobs import Status

from banyan.config.deliveries import application_conninfo
from banyan.kernel import jobs
from banyan.kernel.jobs.registry import QUEUES

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 3.0
STALLED_SECONDS = 15.0
"""A worker that has not sent a heartbeat for this long is dead, and its jobs are given to another."""
GRACEFUL_SECONDS = 30.0


def cron_of(every_seconds: int) -> str:
    """A six-field cron line (seconds last) that fires at least as often as asked; cron's steps must divide their field."""
    if every_seconds < 60:
        step = _largest_divisor(60, max(1, every_seconds))
        return f"* * * * * */{step}"
    if every_seconds < 3600:
        return f"*/{_largest_divisor(60, every_seconds // 60)} * * * * 0"
    if every_seconds < 86400:
        return f"7 */{_largest_divisor(24, every_seconds // 3600)} * * * 0"  # off the full hour, when everybody starts
    return "17 19 * * * 0"  # 03:17 in China


def _largest_divisor(of: int, at_most: int) -> int:
    return next(step for step in range(min(at_most, of), 0, -1) if of % step == 0)


def register(app: App) -> None:
    """Declare every periodic job as a periodic task. One at a time over all workers, and never two waiting."""
    for job in jobs.periodic_jobs():
        name = f"periodic.{job.name}"
        task = app.task(name=name, queue=job.queue, lock=name, queueing_lock=name)(_runner(job.name))
        app.periodic(cron=cron_of(job.every_seconds))(task)


def _runner(name: str) -> Callable[..., Any]:
    def run(timestamp: int) -> None:
        try:
            rows = jobs.run_job(name)
        finally:
            connections.close_all()  # back to the pool, which gives out no dead ones
        if rows:
            log.info("job_done", job=name, rows=rows)

    return run


async def revive_stalled(app: App) -> int:
    """Give back the jobs of dead workers; returns how many. procrastinate leaves them `doing` for ever."""
    revived = 0
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        try:
            await app.job_manager.retry_job(job)
        except exceptions.ConnectorException:
            # Its successor already waits under the same lock, so this one is not needed any more.
            await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)
        log.warning("job_revived", task=job.task_name, attempts=job.attempts)
        revived += 1
    return revived


class Jobs(threading.Thread):
    """Runs procrastinate: one worker per queue, so that analytics can never hold up money."""

    def __init__(self, stopping: threading.Event) -> None:
        """Not started yet."""
        super().__init__(name="jobs", daemon=True)
        self._stopping = stopping

    def run(self) -> None:
        """Until stopped; started again when the database was lost."""
        register(jobs_app)
        pause = 0.5
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                asyncio.run(self._serve())
            except Exception as error:  # whatever it was: money jobs must run again
                log.warning("jobs_interrupted", error=type(error).__name__)
            pause = 0.5 if time.monotonic() - began > 30 else min(pause * 2, 10.0)
            self._stopping.wait(pause)

    async def _serve(self) -> None:
        connector = PsycopgConnector(conninfo=application_conninfo(), min_size=1, max_size=8, timeout=10.0)
        # Also what the tasks themselves defer goes this way: Django's own connection would stay dead once it was lost.
        with jobs_app.replace_connector(connector) as app:
            async with app.open_async():
                await self._work(app)

    async def _work(self, app: App) -> None:
        tasks = [
            asyncio.create_task(
                app.run_worker_async(
                    queues=[queue], name=f"{queue}-{os.getpid()}", concurrency=1, install_signal_handlers=False,
                    update_heartbeat_interval=HEARTBEAT_SECONDS, stalled_worker_timeout=STALLED_SECONDS,
                    shutdown_graceful_timeout=GRACEFUL_SECONDS, delete_jobs="successful",
                )
            )
            for queue in QUEUES
        ]  # fmt: skip
        tasks += [asyncio.create_task(self._sweep(app)), asyncio.create_task(self._until_stopping())]
        done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for task in done:
            task.result()

    async def _until_stopping(self) -> None:
        while not self._stopping.is_set():
            await asyncio.sleep(0.2)

    async def _sweep(self, app: App) -> None:
        while True:
            await revive_stalled(app)
            await asyncio.sleep(STALLED_SECONDS / 3)
