"""Running: slices of orders go to worker processes, their sums come back, progress is kept after each, a cancel stops it.

The memory bound: a worker holds one piece of 5,000 orders, at most three memories of 50,000 entries per plan version (under 1 KiB
each) and the sums of its slice; the parent holds the sums of the whole, which grow with the people and goods that occur (some 250
bytes for each person and rule) and not with the orders. A plan with rewards of periods adds some 250 bytes for each person, rule
and period.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import transaction

from banyan.earnings.commission import queries as commission
from banyan.earnings.commission.queries import TruedUp, WindowSums
from banyan.earnings.commission.types import Place
from banyan.earnings.simulation.commands import closing, slicing
from banyan.earnings.simulation.commands.requesting import must_be_decidable, read_again
from banyan.earnings.simulation.engine import merge, summarize
from banyan.earnings.simulation.models import RunRow
from banyan.earnings.simulation.types import RunStatus, Tally
from banyan.kernel import clock, sql, tenancy, workers
from banyan.kernel.tenancy import current_tenant_id

PROCESSES = 2
SLICE = 25_000
LEASE = timedelta(seconds=60)
"""A run whose worker has not shown itself for this long is taken up again from the beginning."""

Part = TypeVar("Part")
Found = TypeVar("Found")
Progress = Callable[[int, int], bool]
"""(orders done, orders in all) → whether to go on."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """The sums of a window, and the greatest memory of the parent and of one worker together, in MiB."""

    tally: Tally
    peak_mib: int


def run_due(tenant_id: int) -> int:
    """Take up one waiting run of the tenant and finish it; returns how many were run. Enters the tenant itself."""
    with tenancy.enter(tenant_id, actor="job:simulation"):
        claimed = _claim()
    if claimed is None:
        return 0
    run_id, document, start_at, end_at = claimed
    began = time.perf_counter()

    def progress(done: int, count: int) -> bool:
        with tenancy.enter(tenant_id, actor="job:simulation"):
            return _keep_progress(run_id, done, count)

    try:
        found = simulate(tenant_id, document, start_at, end_at, progress)
    except Exception as error:
        with tenancy.enter(tenant_id, actor="job:simulation"):
            _finish(run_id, RunStatus.FAILED, failure=f"{type(error).__name__}: {error}"[:400])
        raise
    if found is None:  # cancelled
        return 1
    with tenancy.enter(tenant_id, actor="job:simulation"):
        outcome = {
            **summarize(found.tally),
            "law": _law(document),
            "read_again": read_again(document, start_at, end_at),
        }
        _finish(run_id, RunStatus.DONE, outcome=outcome, seconds=round(time.perf_counter() - began, 3), peak_mib=found.peak_mib)
    return 1


def simulate(
    tenant_id: int,
    document: dict[str, Any],
    start_at: datetime,
    end_at: datetime,
    progress: Progress = lambda done, count: True,
    processes: int = PROCESSES,
) -> Simulated | None:
    """Decide every order paid in [start_at, end_at) again by `document` and by what was in force, side by side.

    Runs outside of a tenant and enters it itself, in short read-only transactions. None when `progress` said to stop. With
    `processes` 0 everything happens in this process. Raises PlanDocumentError, CannotSimulate.
    """
    with tenancy.enter(tenant_id, actor="simulation"):
        must_be_decidable(document, start_at, end_at)
        parts = commission.slices(start_at, end_at, SLICE)
        places = closing.places_to_true_up(document, start_at, end_at) if parts else []
    count, done = sum(each.order_count for each in parts), 0
    whole, peak = Tally(), 0
    sums, trued = WindowSums(), dict[Place, TruedUp]()
    asks = slicing.Ask(tenant_id, document, start_at, end_at)
    for tally, counted, worker_peak in _spread(slicing.count_slice, asks, parts, processes):
        merge(whole, tally)
        if counted is not None:
            sums.merge(counted)
        done += tally.order_count
        peak = max(peak, worker_peak)
        if not progress(done, count):
            return None
    for place, found, worker_peak in _spread(slicing.true_up, asks, places, processes):
        trued[place] = found
        peak = max(peak, worker_peak)
        if not progress(done, count):
            return None
    closing.close_periods(tenant_id, whole, document, (start_at, end_at), sums, trued)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return Simulated(whole, own + peak * max(_workers(processes, parts), _workers(processes, places)))


def _workers(processes: int, parts: Sequence[Any]) -> int:
    """How many processes are worth while; 0: this one."""
    return min(processes, len(parts)) if len(parts) > 1 else 0


def _spread(
    count: Callable[[slicing.Ask, Part], Found], asks: slicing.Ask, parts: Sequence[Part], processes: int
) -> Iterator[Found]:
    """What is found in each part, in the order in which they are done; at most two parts per worker are under way or waiting."""
    processes = _workers(processes, parts)
    if not processes:
        for part in parts:
            yield count(asks, part)
        return
    waiting = iter(parts)
    with workers.pool(processes) as pool:
        open_: set[Future[Found]] = set()
        try:
            while True:
                for part in waiting:
                    open_.add(pool.submit(count, asks, part))
                    if len(open_) >= 2 * processes:
                        break
                if not open_:
                    return
                finished, open_ = wait(open_, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _claim() -> tuple[int, dict[str, Any], datetime, datetime] | None:
    now = clock.now()
    with transaction.atomic():
        rows = sql.fetch(
            "SELECT id, document, start_at, end_at FROM simulation_runs WHERE tenant_id = %s AND (status = 'queued'"
            " OR (status = 'running' AND lease_until < %s)) ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED",
            (current_tenant_id(), now),
        )
        if not rows:
            return None
        RunRow.objects.filter(pk=rows[0][0]).update(
            status=RunStatus.RUNNING, started_at=now, lease_until=now + LEASE, done_count=0
        )
    run_id, document, start_at, end_at = rows[0]
    return run_id, document, start_at, end_at


def _keep_progress(run_id: int, done: int, count: int) -> bool:
    return bool(
        RunRow.objects.filter(pk=run_id, status=RunStatus.RUNNING).update(
            done_count=done, order_count=count, lease_until=clock.now() + LEASE
        )
    )


def _finish(run_id: int, status: RunStatus, **changes: Any) -> None:
    """A run that was cancelled meanwhile stays so."""
    RunRow.objects.filter(pk=run_id, status=RunStatus.RUNNING).update(
        status=status, finished_at=clock.now(), lease_until=None, **changes
    )


def _law(document: dict[str, Any]) -> dict[str, Any]:
    """The verdict of the law that counts now."""
    report = commission.check_document(document, clock.now())
    return {
        "legal": report.legal,
        "rule_set": report.rule_set,
        "upline_depth_paid": report.upline_depth_paid,
        "total_rate_bp": report.total_rate_bp,
        "broken": [
            {"law": each.law, "article": each.article, "message": each.message, "message_zh": each.message_zh}
            for each in report.broken
        ],
        "disclaimer": report.disclaimer,
    }
