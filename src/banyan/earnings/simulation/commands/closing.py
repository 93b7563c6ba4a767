"""When all orders of a window are counted, its periods are closed for the simulated plan by the engine that closes live ones, and
what live closes paid is read for the side in force."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

from banyan.earnings.commission import queries as commission
from banyan.earnings.commission.queries import TruedUp, Window, WindowSums
from banyan.earnings.commission.types import Paid, Place
from banyan.earnings.simulation.engine import add_payments
from banyan.earnings.simulation.types import PeriodPair, Tally
from banyan.kernel import tenancy


def places_to_true_up(document: dict[str, Any], start_at: datetime, end_at: datetime) -> list[Place]:
    """The periods whose orders the plan adjusts at their end."""
    return commission.trued_places(commission.compile_document(document), commission.window_of(start_at, end_at))


def close_periods(
    tenant_id: int,
    tally: Tally,
    document: dict[str, Any],
    window: tuple[datetime, datetime],
    sums: WindowSums,
    trued: dict[Place, TruedUp],
) -> None:
    """Add what closes pay on both sides to the sums of the orders. Once for a tally; enters the tenant itself."""
    compiled = commission.compile_document(document)
    with tenancy.enter(tenant_id, actor="simulation"):
        of = commission.window_of(*window)
        old = commission.closed_live(of)
        new: Iterable[Paid] = ()
        if compiled.periodic:
            sums.merge(commission.count_earlier(compiled, of))
        if compiled.periodic or trued:
            by_day = {date.fromisoformat(day): numbers[3] for day, numbers in tally.by_day.items()}
            new = commission.close_window(compiled, of, sums, by_day, trued)
        add_payments(tally, 0, _paired(tally, of, old))
        add_payments(tally, 1, _paired(tally, of, new))
        for place in commission.open_periods(of):
            _pair(tally, of, place).is_open = True


def _paired(tally: Tally, window: Window, payments: Iterable[Paid]) -> Iterator[tuple[PeriodPair, Paid]]:
    for paid in payments:
        yield _pair(tally, window, paid.place), paid


def _pair(tally: Tally, window: Window, place: Place) -> PeriodPair:
    key = (place.period.value, place.first_day.isoformat())
    found = tally.by_period.get(key)
    if found is None:
        span = window.span(place)
        found = tally.by_period[key] = PeriodPair(span.end_day.isoformat(), window.holds(span))
    return found
