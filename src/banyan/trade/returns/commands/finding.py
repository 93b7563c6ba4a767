"""Returns as they are found under their orders' locks, and how a batch is split into those that pass and refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from banyan.kernel import sql, tenancy
from banyan.kernel.values.errors import Conflict, NotFound, Refusal
from banyan.kernel.values.filled import Filled
from banyan.trade.returns.commands.standing import Standing, lock_orders
from banyan.trade.returns.types import (
    Disposition,
    Fault,
    LineClaim,
    Mode,
    PieceGroup,
    ReturnId,
    ReturnOutcome,
    ReturnStatus,
)


class WrongStatus(Conflict):
    """The return is not in a status in which this can be done."""

    code = "return_status"
    advice = "Read the return's present status; what was decided stays decided."


@dataclass(frozen=True)
class Found:
    """A return under its order's lock. `lines` hold the granted amounts; `prices` a wanted piece's price, None for the same."""

    return_id: ReturnId
    order_id: int
    buyer_id: int
    status: ReturnStatus
    mode: Mode
    fault: Fault
    warehouse_id: int | None
    received: bool
    lines: tuple[LineClaim, ...]
    skus: Mapping[int, int]
    prices: Mapping[int, int | None]
    deductions: Mapping[int, int]
    pieces: tuple[tuple[int, PieceGroup], ...] = field(default=())


def find_locked(return_ids: Sequence[int]) -> tuple[dict[int, Found], dict[int, Standing]]:
    """Lock the orders of these returns, then read the returns: whatever changes a return holds its order's lock."""
    tenant_id, wanted = tenancy.current_tenant_id(), list(return_ids)
    order_ids = sql.fetch(
        "SELECT DISTINCT order_id FROM returns WHERE tenant_id = %s AND id = ANY(%s::bigint[])", (tenant_id, wanted)
    )
    standings = lock_orders(order_id for (order_id,) in order_ids)
    lines: dict[int, list[tuple[Any, ...]]] = {}
    for row in sql.fetch(
        "SELECT return_id, line_id, quantity, coalesce(granted_minor, amount_minor), exchange_sku_id, exchange_unit_minor,"
        " deducted_minor, sku_id FROM return_lines WHERE tenant_id = %s AND return_id = ANY(%s::bigint[]) ORDER BY line_id",
        (tenant_id, wanted),
    ):
        lines.setdefault(row[0], []).append(row[1:])
    pieces: dict[int, list[tuple[int, PieceGroup]]] = {}
    for return_id, line_id, quantity, disposition, lot_id in sql.fetch(
        "SELECT return_id, line_id, quantity, disposition, lot_id FROM return_pieces"
        " WHERE tenant_id = %s AND return_id = ANY(%s::bigint[]) ORDER BY id",
        (tenant_id, wanted),
    ):
        pieces.setdefault(return_id, []).append((line_id, PieceGroup(quantity, Disposition(disposition), lot_id)))
    rows = sql.fetch(
        "SELECT id, order_id, buyer_id, status, mode, fault, warehouse_id, received_at IS NOT NULL FROM returns"
        " WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (tenant_id, wanted),
    )
    return {row[0]: _found(row, lines[row[0]], pieces.get(row[0], [])) for row in rows}, standings


def _found(row: tuple[Any, ...], lines: list[tuple[Any, ...]], pieces: list[tuple[int, PieceGroup]]) -> Found:
    return_id, order_id, buyer_id, status, mode, fault, warehouse_id, received = row
    return Found(
        ReturnId(return_id),
        order_id,
        buyer_id,
        ReturnStatus(status),
        Mode(mode),
        Fault(fault),
        warehouse_id,
        received,
        tuple(LineClaim(*line[:4]) for line in lines),
        {line[0]: line[6] for line in lines},
        {line[0]: line[4] for line in lines},
        {line[0]: line[5] for line in lines if line[5]},
        tuple(pieces),
    )


def judge_each(
    return_ids: Iterable[int], found: Mapping[int, Found], judge: Callable[[Found], Refusal | None]
) -> tuple[list[Found], dict[int, Refusal]]:
    """Split a batch into returns that pass and refusals by return id; an unknown id is refused, a repeated one counts once."""
    passed: dict[int, Found] = {}
    refusals: dict[int, Refusal] = {}
    for return_id in return_ids:
        one = found.get(return_id)
        refusal = NotFound("No such return.") if one is None else judge(one)
        if refusal is None and one is not None:
            passed[return_id] = one
        elif refusal is not None:
            refusals[return_id] = refusal
    return list(passed.values()), refusals


def outcomes_of(return_ids: Iterable[int], status: ReturnStatus, refusals: Mapping[int, Refusal]) -> list[ReturnOutcome]:
    """One outcome per id of the batch."""
    return [
        ReturnOutcome(ReturnId(return_id), refusal=refusals[return_id])
        if return_id in refusals
        else ReturnOutcome(ReturnId(return_id), status)
        for return_id in return_ids
    ]


def expect(*statuses: ReturnStatus) -> Callable[[Found], Refusal | None]:
    """Judges that a return is in one of these statuses."""

    def judge(one: Found) -> Refusal | None:
        if one.status in statuses:
            return None
        return WrongStatus(Filled("The return is {status}.", status=one.status), status=one.status.value)

    return judge
