"""Commissions, reversals and sums. Amounts are minor units; lists are newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from banyan.earnings.commission.types import (
    Cause,
    Commission,
    CommissionId,
    CommissionKind,
    Hold,
    PlanVersionId,
    ReleasedItem,
    Reversal,
    ReversalId,
    Totals,
)
from banyan.kernel import sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import NotFound

_REVERSED = (
    "coalesce((SELECT sum(r.amount_minor) FROM commission_reversals r WHERE r.tenant_id = c.tenant_id"
    " AND r.commission_id = c.id), 0)::bigint"
)
_COMMISSION = (
    "c.id, c.order_id, c.line_id, c.payee_id, c.rule_key, c.kind, c.depth, c.base_minor, c.rate_bp, c.amount_minor,"
    f" {_REVERSED}, a.currency, a.paid_at, a.plan_version_id, a.release_after, a.released_at"
)
_FROM = "FROM commission_commissions c JOIN commission_accruals a ON a.id = c.order_id WHERE c.tenant_id = %s"


class CommissionNotFound(NotFound):
    """No such commission, or it is somebody else's."""

    code = "commission_not_found"


def _commission(row: tuple[Any, ...]) -> Commission:
    one = Commission(
        commission_id=CommissionId(row[0]),
        order_id=row[1],
        line_id=row[2],
        payee_id=row[3],
        rule_key=row[4],
        kind=CommissionKind(row[5]),
        depth=row[6],
        base_minor=row[7],
        rate_bp=row[8],
        amount_minor=row[9],
        reversed_minor=row[10],
        currency=row[11],
        paid_at=row[12],
        plan_version_id=PlanVersionId(row[13]),
        hold=Hold.RELEASED if row[15] else Hold.HOLDING_PERIOD if row[14] else Hold.AWAITING_RECEIPT,
        release_after=row[14],
        released_at=row[15],
    )
    runs = one.hold is Hold.AWAITING_RECEIPT and one.closing_id is not None
    return replace(one, hold=Hold.PROVISIONAL) if runs else one


def get_commission(commission_id: CommissionId | int, *, payee_id: int | None = None) -> Commission:
    """One commission; with `payee_id` only if it is that person's. Raises CommissionNotFound."""
    rows = sql.fetch(f"SELECT {_COMMISSION} {_FROM} AND c.id = %s", (current_tenant_id(), commission_id))
    if not rows or (payee_id is not None and rows[0][3] != payee_id):
        raise CommissionNotFound("No such commission.")
    return _commission(rows[0])


def list_commissions(
    *, payee_id: int | None = None, order_id: int | None = None, before: int | None = None, limit: int = 50
) -> list[Commission]:
    """Commissions of a payee, of an order, or of the shop; `before`: the id of the latest one already seen."""
    where, params = "", [current_tenant_id()]
    for column, operator, value in (("payee_id", "=", payee_id), ("order_id", "=", order_id), ("id", "<", before)):
        if value is not None:
            where += f" AND c.{column} {operator} %s"
            params.append(value)
    rows = sql.fetch(f"SELECT {_COMMISSION} {_FROM}{where} ORDER BY c.id DESC LIMIT %s", (*params, limit))
    return [_commission(row) for row in rows]


def list_for_orders(order_ids: Sequence[int]) -> dict[int, list[Commission]]:
    """All commissions of some orders, by order and in the engine's canonical order; orders that paid nobody are absent."""
    rows = sql.fetch(
        f"SELECT {_COMMISSION} {_FROM} AND c.order_id = ANY(%s::bigint[]) ORDER BY c.id", (current_tenant_id(), list(order_ids))
    )
    found: dict[int, list[Commission]] = {}
    for row in rows:
        found.setdefault(row[1], []).append(_commission(row))
    return found


_REVERSAL = (
    "r.id, r.commission_id, r.payee_id, r.cause, r.cause_id, r.returned_minor, r.amount_minor, r.from_pending_minor,"
    " r.from_available_minor, r.from_debt_minor, r.occurred_at"
)


def _reversal(row: tuple[Any, ...]) -> Reversal:
    return Reversal(ReversalId(row[0]), CommissionId(row[1]), row[2], Cause(row[3]), *row[4:])


def list_reversals(commission_ids: Sequence[int]) -> list[Reversal]:
    """All reversals of some commissions, oldest first."""
    rows = sql.fetch(
        f"SELECT {_REVERSAL} FROM commission_reversals r WHERE r.tenant_id = %s AND r.commission_id = ANY(%s::bigint[])"
        " ORDER BY r.id",
        (current_tenant_id(), list(commission_ids)),
    )
    return [_reversal(row) for row in rows]


def commissions_of_reversals(reversal_ids: Sequence[int]) -> dict[int, int]:
    """The commission of each reversal; unknown ids are absent."""
    if not reversal_ids:
        return {}
    rows = sql.fetch(
        "SELECT id, commission_id FROM commission_reversals WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (current_tenant_id(), list(reversal_ids)),
    )
    return {int(reversal_id): int(commission_id) for reversal_id, commission_id in rows}


def list_released(start_at: datetime, end_at: datetime, payee_ids: Sequence[int] | None = None) -> list[ReleasedItem]:
    """What was released in [start_at, end_at), for some payees or all; amounts less what was reversed before the release."""
    some = "" if payee_ids is None else " AND c.payee_id = ANY(%s::bigint[])"
    rows = sql.fetch(
        "SELECT c.id, c.order_id, c.payee_id, c.amount_minor - coalesce((SELECT sum(r.from_pending_minor)"
        "  FROM commission_reversals r WHERE r.tenant_id = c.tenant_id AND r.commission_id = c.id), 0)::bigint,"
        " a.currency, a.released_at"
        " FROM commission_accruals a JOIN commission_commissions c ON c.tenant_id = a.tenant_id AND c.order_id = a.id"
        f" WHERE a.tenant_id = %s AND a.released_at >= %s AND a.released_at < %s{some} ORDER BY a.released_at, c.id",
        (current_tenant_id(), start_at, end_at, *([list(payee_ids)] if payee_ids is not None else [])),
    )
    return [ReleasedItem(CommissionId(row[0]), *row[1:]) for row in rows]


def list_reversed_after_release(start_at: datetime, end_at: datetime, payee_ids: Sequence[int] | None = None) -> list[Reversal]:
    """Reversals in [start_at, end_at) of what had been released: taken from available, or turned into debt."""
    some = "" if payee_ids is None else " AND r.payee_id = ANY(%s::bigint[])"
    rows = sql.fetch(
        f"SELECT {_REVERSAL} FROM commission_reversals r WHERE r.tenant_id = %s AND r.occurred_at >= %s AND r.occurred_at < %s"
        f" AND r.from_available_minor + r.from_debt_minor > 0{some} ORDER BY r.id",
        (current_tenant_id(), start_at, end_at, *([list(payee_ids)] if payee_ids is not None else [])),
    )
    return [_reversal(row) for row in rows]


def totals(payee_ids: Sequence[int]) -> list[Totals]:
    """Sums per payee and currency over all time: accrued = reversed + pending + released."""
    rows = sql.fetch(
        "SELECT c.payee_id, a.currency, count(*), sum(c.amount_minor)::bigint, sum(v.reversed)::bigint,"
        " coalesce(sum(c.amount_minor - v.reversed) FILTER (WHERE a.released_at IS NULL), 0)::bigint,"
        " coalesce(sum(c.amount_minor - v.reversed) FILTER (WHERE a.released_at IS NOT NULL), 0)::bigint"
        " FROM commission_commissions c JOIN commission_accruals a ON a.id = c.order_id"
        f" CROSS JOIN LATERAL (SELECT {_REVERSED} AS reversed) v"
        " WHERE c.tenant_id = %s AND c.payee_id = ANY(%s::bigint[]) GROUP BY c.payee_id, a.currency ORDER BY 1, 2",
        (current_tenant_id(), list(payee_ids)),
    )
    return [Totals(*row) for row in rows]
