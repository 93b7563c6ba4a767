"""What a worker process does: read one slice through a server-side cursor, decide each order twice, give back the sums.

For plans with rewards of periods it counts beside what their closes ask; for plans with true-ups it is given whole periods.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from banyan.earnings.commission import queries as commission
from banyan.earnings.commission.queries import TruedUp, WindowOrder, WindowSums
from banyan.earnings.commission.types import PaidOrder, Place
from banyan.earnings.simulation.engine import Counter
from banyan.earnings.simulation.types import Tally
from banyan.kernel import tenancy


@dataclass(frozen=True, slots=True)
class Ask:
    """What is simulated for whom. Travels to the workers."""

    tenant_id: int
    document: dict[str, Any]
    start_at: datetime
    end_at: datetime


def _completed(ask: Ask, piece: list[commission.FrozenOrder]) -> dict[int, PaidOrder]:
    """The orders of a piece with the facts that the simulated plan asks and the plan in force did not; read set by set."""
    simulated = commission.compile_document(ask.document)
    if not (simulated.needs.facts or simulated.needs.goods):
        return {}
    same = {version_id for version_id, plan in _versions(piece).items() if plan.plan == simulated.plan}
    reads = commission.read_paid_orders([each.order_id for each in piece if each.version_id not in same])
    orders = commission.complete([(read, simulated.needs._replace(spent=False)) for read in reads])
    return {order.order_id: order for order in orders}


def _versions(piece: list[commission.FrozenOrder]) -> dict[int, Any]:
    return commission.compiled_versions(sorted({each.version_id for each in piece if each.version_id is not None}))


_counters: dict[tuple[int, str], Any] = {}


def count_slice(ask: Ask, part: Any) -> tuple[Tally, WindowSums | None, int]:
    """The sums of one slice, what the plan's closes ask of it, and this process's greatest memory in MiB. Keeps remembered
    decisions for the next slice."""
    with tenancy.enter(ask.tenant_id, actor="simulation"):
        counter = _counter(ask)
        zone = tenancy.get_tenant(ask.tenant_id).timezone
        simulated = commission.compile_document(ask.document)
        book = commission.open_window(simulated, commission.window_of(ask.start_at, ask.end_at))
        for piece in commission.stream_frozen(part.start_at, part.end_at, zone):
            completed = _completed(ask, piece)
            counter.add(piece, completed)
            if book is not None:
                for sold in commission.window_orders(piece, completed, simulated.plan.hold_days):
                    book.add(sold.order, sold.legal, sold.backs)
    sums = book.take() if book is not None else None
    return counter.take(), sums, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def true_up(ask: Ask, place: Place) -> tuple[Place, TruedUp, int]:
    """What the plan's close of one period adjusts of the window's orders, and this process's greatest memory in MiB."""
    with tenancy.enter(ask.tenant_id, actor="simulation"):
        simulated = commission.compile_document(ask.document)
        window = commission.window_of(ask.start_at, ask.end_at)
        found = commission.true_up_window(simulated, window, place, lambda: _orders(ask, place))
    return place, found, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _orders(ask: Ask, place: Place) -> Iterator[WindowOrder]:
    window = commission.window_of(ask.start_at, ask.end_at)
    span, hold_days = window.span(place), commission.compile_document(ask.document).plan.hold_days
    start_at, end_at = max(span.start_at, ask.start_at), min(span.end_at, ask.end_at)
    for piece in commission.stream_frozen(start_at, end_at, tenancy.get_tenant(ask.tenant_id).timezone):
        yield from commission.window_orders(piece, _completed(ask, piece), hold_days)


def _counter(ask: Ask) -> Any:
    """One counter per plan; only the one used latest is kept."""
    key = (ask.tenant_id, repr(ask.document))
    if key not in _counters:
        _counters.clear()
        _counters[key] = _new_counter(ask)
    return _counters[key]


def _new_counter(ask: Ask) -> Any:
    simulated = commission.compile_document(ask.document)

    def in_force(version_id: int | None) -> Any:
        return commission.compiled_versions([version_id]).get(version_id) if version_id is not None else None

    return Counter(in_force, simulated, commission.thaw_inputs)
