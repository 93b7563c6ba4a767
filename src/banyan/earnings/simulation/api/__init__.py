"""Simulations over HTTP: ask for a run, watch it, cancel it, read and export what it found."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema

from banyan.earnings.commission import queries as commission
from banyan.earnings.simulation import commands, queries
from banyan.earnings.simulation.types import NewRun, Run, RunId
from banyan.kernel import ids
from banyan.kernel.http import ErrorBody, Page, PublicId, endpoint, page_of, principal_of

router = Router(tags=["simulation"])
ERRORS: dict[int, Any] = {400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody, 422: ErrorBody}
RunIdText = Annotated[int, PublicId("sim")]
VersionIdText = Annotated[int, PublicId("plv")]
TableName = Literal[
    "totals", "rules", "tiers", "depths", "goods", "categories", "months", "days", "cash_flow", "periods", "people"
]


class NewRunIn(Schema):
    """A plan document, or the version whose document it is, over the orders paid in [start_at, end_at)."""

    document: dict[str, Any] | None = None
    version_id: VersionIdText | None = None
    start_at: datetime
    end_at: datetime


class RunOut(Schema):
    """One run. `progress_bp`: how far it is, in basis points. `peak_mib`: the most memory that parent and workers took."""

    run_id: RunIdText
    status: str
    title: str
    version_id: VersionIdText | None
    start_at: datetime
    end_at: datetime
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    order_count: int
    done_count: int
    progress_bp: int
    failure: str
    seconds: float | None
    peak_mib: int | None


class RunDetailOut(RunOut):
    """A run with its document and what it found: both sides in minor units, `old` what was in force, `new` the document.

    `by_period` in the outcome: what closes of periods pay, with those only partly in the window (`is_whole` false) and those for
    which the plan in force was not closed yet (`is_open`).
    """

    document: dict[str, Any]
    outcome: dict[str, Any] | None


@router.post("/simulations", response={200: RunOut, **ERRORS})
@endpoint(scope="plans:simulate", write=True)
def request_run(request: HttpRequest, body: NewRunIn) -> dict[str, Any]:
    """Queue a run. A worker takes it up within seconds; ask for it again to see how far it is."""
    by = ids.public("usr", principal_of(request).user_id)
    document = commission.get_version(body.version_id).document if body.version_id else commission.inward(body.document or {})
    run_id = commands.request(NewRun(document, body.start_at, body.end_at, by, body.version_id))
    return _run(queries.get_run(run_id))


@router.get("/simulations", response={200: Page[RunOut], **ERRORS})
@endpoint(scope="plans:read")
def list_runs(
    request: HttpRequest,
    version_id: VersionIdText | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Runs, the latest first."""
    return page_of(
        lambda before, count: [_run(each) for each in queries.list_runs(version_id=version_id, before=before, limit=count)],
        cursor,
        limit,
        lambda each: int(each["run_id"]),
    )


@router.get("/simulations/{run_id}", response={200: RunDetailOut, **ERRORS})
@endpoint(scope="plans:read")
def get_run(request: HttpRequest, run_id: RunIdText) -> dict[str, Any]:
    """One run with what it found."""
    run = queries.get_run(run_id)
    return {**_run(run), "document": commission.outward(run.document), "outcome": queries.outside(run.outcome)}


@router.post("/simulations/{run_id}/cancel", response={200: RunOut, **ERRORS})
@endpoint(scope="plans:simulate", write=True)
def cancel_run(request: HttpRequest, run_id: RunIdText) -> dict[str, Any]:
    """Cancel a run that waits or is under way."""
    commands.cancel(RunId(run_id))
    return _run(queries.get_run(run_id))


@router.get("/simulations/{run_id}/export/{table}", response={200: str, **ERRORS})
@endpoint(scope="plans:read")
def export_run(request: HttpRequest, run_id: RunIdText, table: TableName) -> HttpResponse:
    """One table of the outcome as CSV (UTF-8 with a byte order mark, so that spreadsheets read Chinese)."""
    return HttpResponse(queries.as_csv(queries.get_run(run_id), table), content_type="text/csv; charset=utf-8")


def _run(run: Run) -> dict[str, Any]:
    return {**{name: getattr(run, name) for name in RunOut.model_fields}, "status": run.status.value}
