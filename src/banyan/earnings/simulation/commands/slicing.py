"""What a worker process does: read one slice through a server-side cursor, decide each order twice, give back the sums."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from typing import Any

from banyan.earnings.commission import queries as commission
from banyan.earnings.commission.types import PaidOrder
from banyan.earnings.simulation.engine import Counter
from banyan.earnings.simulation.types import Tally
from banyan.kernel import tenancy


@dataclass(frozen=True, slots=True)
class Ask:
    """What is simulated for whom. Travels to the workers."""

    tenant_id: int
    document: dict[str, Any]


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


def count_slice(ask: Ask, part: Any) -> tuple[Tally, int]:
    """The sums of one slice, and this process's greatest memory in MiB. Keeps remembered decisions for the next slice."""
    with tenancy.enter(ask.tenant_id, actor="simulation"):
        counter = _counter(ask)
        zone = tenancy.get_tenant(ask.tenant_id).timezone
        for piece in commission.stream_frozen(part.start_at, part.end_at, zone):
            counter.add(piece, _completed(ask, piece))
    return counter.take(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


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
