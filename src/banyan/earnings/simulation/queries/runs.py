"""Runs as they are read."""

from __future__ import annotations

from banyan.earnings.simulation.models import RunRow
from banyan.earnings.simulation.types import Run, RunId, RunStatus
from banyan.kernel.values.errors import NotFound


class RunNotFound(NotFound):
    """No such simulation in this shop."""

    code = "simulation_not_found"


def get_run(run_id: RunId | int) -> Run:
    """One run. Raises RunNotFound."""
    row = RunRow.objects.filter(pk=run_id).first()
    if row is None:
        raise RunNotFound("No such simulation.")
    return _run(row)


def list_runs(*, version_id: int | None = None, before: int | None = None, limit: int = 50) -> list[Run]:
    """Runs without their outcomes, the latest first; of one plan version when named."""
    rows = RunRow.objects.order_by("-id").defer("outcome")
    if version_id is not None:
        rows = rows.filter(version_id=version_id)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return [_run(row, with_outcome=False) for row in rows[:limit]]


def latest_for_version(version_id: int) -> Run | None:
    """The latest finished run of a version's document, or None."""
    row = RunRow.objects.filter(version_id=version_id, status=RunStatus.DONE).order_by("-id").first()
    return _run(row) if row is not None else None


def _run(row: RunRow, *, with_outcome: bool = True) -> Run:
    return Run(
        run_id=RunId(row.pk),
        status=RunStatus(row.status),
        title=row.title,
        document=row.document,
        version_id=row.version_id,
        start_at=row.start_at,
        end_at=row.end_at,
        requested_at=row.requested_at,
        requested_by=row.requested_by,
        started_at=row.started_at,
        finished_at=row.finished_at,
        order_count=row.order_count,
        done_count=row.done_count,
        failure=row.failure,
        outcome=row.outcome if with_outcome else None,
        seconds=row.seconds,
        peak_mib=row.peak_mib,
    )
