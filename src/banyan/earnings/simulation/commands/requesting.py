"""Asking for a run, and taking it back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from banyan.earnings.commission import queries as commission
from banyan.earnings.simulation.models import RunRow
from banyan.earnings.simulation.queries.runs import RunNotFound
from banyan.earnings.simulation.types import NewRun, RunId, RunStatus
from banyan.kernel import clock
from banyan.kernel.values.errors import Conflict, Invalid
from banyan.kernel.values.filled import Filled

OPEN_MAX = 20
REREAD = ("goods", "channel", "region", "first_order", "buyer", "partners", "people")
"""Facts that a plan may ask about an order and that are frozen only where the plan in force asked for them."""
_OPEN = (RunStatus.QUEUED, RunStatus.RUNNING)


class CannotSimulate(Invalid):
    """The document is not a plan, or the window is none."""

    code = "cannot_simulate"
    advice = "Check the document first (POST /plans/check), and give a window of which the end lies after the start."


class TooManyRuns(Conflict):
    """So many runs wait already."""

    code = "too_many_simulations"
    advice = "Wait until one is done, or cancel one."


class RunIsOver(Conflict):
    """A run that is done, failed or cancelled cannot be cancelled."""

    code = "simulation_is_over"


def request(new: NewRun) -> RunId:
    """Queue a run; a worker takes it up within seconds. Raises CannotSimulate with every fault, TooManyRuns."""
    now = clock.now()
    report = commission.check_document(new.document, now)
    if report.faults:
        faults = [{"path": path, "message": message} for path, message in report.faults]
        raise CannotSimulate(Filled("The plan has {count} faults.", count=len(faults)), faults=faults)
    for moment in (new.start_at, new.end_at):
        if moment.tzinfo is None:
            raise CannotSimulate("A moment needs its offset from UTC.", field="start_at")
    if new.end_at <= new.start_at:
        raise CannotSimulate("The window ends before it begins.", field="end_at")
    must_be_decidable(new.document, new.start_at, new.end_at)
    if RunRow.objects.filter(status__in=_OPEN).count() >= OPEN_MAX:
        raise TooManyRuns(Filled("{count} simulations wait already.", count=OPEN_MAX))
    row = RunRow.objects.create(
        document=new.document,
        title=str(new.document.get("title", ""))[:200],
        version_id=new.version_id,
        start_at=new.start_at,
        end_at=new.end_at,
        requested_at=now,
        requested_by=new.requested_by[:40],
    )
    return RunId(row.pk)


def must_be_decidable(document: Any, start_at: datetime, end_at: datetime) -> None:
    """Refuse a plan whose decision on an order depends on how the orders before it were decided, where that was not frozen.

    Figures and what was spent of caps by period and budget are frozen only as the plan in force saw them. They serve a plan that
    asks for the same figures, and for caps only the very plan that was in force.
    """
    simulated = commission.compile_document(document)
    if not (simulated.needs.figures or simulated.needs.spent):
        return
    for plan in _decided_by(start_at, end_at):
        if plan is not None and plan.plan == simulated.plan:
            continue
        if simulated.needs.spent or plan is None or not set(simulated.needs.figures) <= set(plan.needs.figures):
            raise CannotSimulate(
                "The plan has figures, budgets or caps by period that were not kept with these orders; try it with a sample"
                " period."
            )


def read_again(document: Any, start_at: datetime, end_at: datetime) -> list[str]:
    """What the plan asks of the orders paid in [start_at, end_at) that was not frozen with all of them; names of REREAD.

    It is read from the shop's records as they are now: where those were corrected since, the orders saw something else then.
    """
    asked = commission.compile_document(document).needs
    kept = [plan.needs if plan is not None else None for plan in _decided_by(start_at, end_at)]
    return [
        name
        for name in REREAD
        if (wanted := getattr(asked, name))
        and any(
            needs is None or (not getattr(needs, name) if wanted is True else set(wanted) - set(getattr(needs, name)))
            for needs in kept
        )
    ]


def _decided_by(start_at: datetime, end_at: datetime) -> list[Any]:
    """The plans that decided these orders; None among them: some orders had none."""
    found = commission.deciding_versions(start_at, end_at)
    plans = commission.compiled_versions([each for each in found if each is not None])
    return [plans.get(each) if each is not None else None for each in found]


def cancel(run_id: RunId | int) -> None:
    """Cancel a run; one that is under way stops within a slice. Raises RunNotFound, RunIsOver."""
    done = RunRow.objects.filter(pk=run_id, status__in=_OPEN).update(status=RunStatus.CANCELLED, finished_at=clock.now())
    if not done:
        if not RunRow.objects.filter(pk=run_id).exists():
            raise RunNotFound("No such simulation.")
        raise RunIsOver("The simulation is over.")
