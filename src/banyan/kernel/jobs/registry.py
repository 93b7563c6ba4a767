"""Declaring periodic jobs and running one of them once over all tenants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog
from django.db import InterfaceError, OperationalError

from banyan.kernel import clock, sql, tenancy

log = structlog.get_logger(__name__)
BATCHES_PER_TENANT = 1000
"""Fairness: after this many batches a tenant waits for the next run."""

QUEUES = ("money", "notices", "analytics")
Work = Callable[[], int]
F = TypeVar("F", bound=Work)
G = TypeVar("G", bound=Callable[[int], int])


@dataclass(frozen=True)
class PeriodicJob:
    """A function called once per tenant every so often; it does one bounded batch and returns the rows done.

    ``run`` takes the tenant id. Jobs of ``periodic`` have entered it, in one transaction; jobs of ``periodic_outside`` have not.
    """

    name: str
    every_seconds: int
    queue: str
    run: Callable[[int], int]


_jobs: dict[str, PeriodicJob] = {}


def periodic(name: str, *, every_seconds: int, queue: str = "money") -> Callable[[F], F]:
    """Register a periodic job. ``queue`` is one of money, notices, analytics, so that none can starve another."""

    def register(run: F) -> F:
        def entered(tenant_id: int) -> int:
            with tenancy.enter(tenant_id, actor=f"job:{name}"):
                return run()

        _declare(name, every_seconds, queue, entered)
        return run

    return register


def periodic_outside(name: str, *, every_seconds: int, queue: str = "money") -> Callable[[G], G]:
    """Register a periodic job that calls the outside world: a function of the tenant id that enters the tenant itself, in
    short transactions, so that none is held open over a call."""

    def register(run: G) -> G:
        _declare(name, every_seconds, queue, run)
        return run

    return register


def _declare(name: str, every_seconds: int, queue: str, run: Callable[[int], int]) -> None:
    if queue not in QUEUES:
        raise ValueError(f"unknown queue {queue}")
    _jobs[name] = PeriodicJob(name, every_seconds, queue, run)


def periodic_jobs() -> list[PeriodicJob]:
    """All registered jobs by name."""
    return [_jobs[name] for name in sorted(_jobs)]


def run_job(name: str, tenant_ids: list[int] | None = None) -> int:
    """Run one job for the given tenants (all by default), each batch in its own transaction; returns rows done.

    One tenant's failure is logged and does not stop the others; the run is then recorded as failed.
    """
    job = _jobs[name]
    started, rows, failure = clock.now(), 0, ""
    for tenant_id in tenant_ids if tenant_ids is not None else tenancy.list_tenant_ids():
        try:
            for _ in range(BATCHES_PER_TENANT):
                done = job.run(tenant_id)
                rows += done
                if not done:
                    break
        except (OperationalError, InterfaceError) as error:
            failure = type(error).__name__
            log.warning("job_interrupted", job=name, tenant_id=tenant_id, error=failure)
        except Exception as error:  # the next tenant must still be served
            failure = type(error).__name__
            log.error("job_failed", job=name, tenant_id=tenant_id, error=failure, exc_info=True)
    sql.execute(
        "INSERT INTO job_runs (name, started_at, finished_at, rows, error) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (name) DO UPDATE SET started_at = excluded.started_at, finished_at = excluded.finished_at,"
        " rows = excluded.rows, error = excluded.error",
        (name, started, clock.now(), rows, failure),
    )
    return rows
