"""Reads of returns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Q

from banyan.kernel import sql, tenancy
from banyan.kernel.values.errors import NotFound
from banyan.trade.orders.types import Order
from banyan.trade.returns.models import ReturnableLineRow, ReturnLineRow, ReturnPolicyRow, ReturnRow
from banyan.trade.returns.types import (
    OPEN_STATUSES,
    Fault,
    FreightRule,
    LineClaim,
    LineState,
    Mode,
    Return,
    ReturnId,
    ReturnLine,
    ReturnPolicy,
    ReturnStatus,
)


def get_policy() -> ReturnPolicy:
    """The tenant's terms; the defaults where none were set."""
    row = ReturnPolicyRow.objects.filter(tenant_id=tenancy.current_tenant_id()).first()
    return ReturnPolicy(row.days_after_receipt, FreightRule(row.freight_rule)) if row else ReturnPolicy()


def open_returns(order_ids: Iterable[int]) -> set[int]:
    """Those of these orders that have a return which may still take money back: their commission stays on hold."""
    wanted = list(set(order_ids))
    if not wanted:
        return set()
    rows = sql.fetch(
        "SELECT DISTINCT order_id FROM returns WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) AND status ="
        " ANY(%s::text[])",
        (tenancy.current_tenant_id(), wanted, [status.value for status in OPEN_STATUSES]),
    )
    return {order_id for (order_id,) in rows}


def get_return(return_id: int, buyer_id: int | None = None) -> Return:
    """One return with its lines; with `buyer_id`, only that buyer's own. Raises NotFound."""
    found = list_returns_by_ids([return_id])
    if not found or (buyer_id is not None and found[0].buyer_id != buyer_id):
        raise NotFound("No such return.")
    return found[0]


def list_returns_by_ids(return_ids: Sequence[int]) -> list[Return]:
    """These returns with their lines, in the order of the ids; unknown ids are left out."""
    rows = {row.pk: row for row in ReturnRow.objects.filter(tenant_id=tenancy.current_tenant_id(), pk__in=return_ids)}
    return _with_lines([rows[return_id] for return_id in return_ids if return_id in rows])


def list_returns(
    *,
    before_id: int | None = None,
    count: int = 50,
    buyer_id: int | None = None,
    order_id: int | None = None,
    status: ReturnStatus | None = None,
) -> list[Return]:
    """Returns with their lines, newest first, at most `count` with an id below `before_id`."""
    wanted = Q(tenant_id=tenancy.current_tenant_id())
    if before_id is not None:
        wanted &= Q(pk__lt=before_id)
    if buyer_id is not None:
        wanted &= Q(buyer_id=buyer_id)
    if order_id is not None:
        wanted &= Q(order_id=order_id)
    if status is not None:
        wanted &= Q(status=status.value)
    return _with_lines(list(ReturnRow.objects.filter(wanted).order_by("-pk")[:count]))


def list_returned(order_ids: Iterable[int]) -> dict[int, tuple[LineState, ...]]:
    """For orders that ever had a return: every line with what was sold and what went back. Others are left out."""
    found: dict[int, list[LineState]] = {}
    rows = ReturnableLineRow.objects.filter(tenant_id=tenancy.current_tenant_id(), order_id__in=list(order_ids)).order_by(
        "line_id"
    )
    for row in rows:
        state = LineState(row.line_id, row.of_quantity, row.of_minor, row.returned_quantity, row.refunded_minor)
        found.setdefault(row.order_id, []).append(state)
    return {order_id: tuple(lines) for order_id, lines in found.items()}


def list_left(order: Order) -> list[LineClaim]:
    """What may still be asked back of each line: units that no return claims, and the amount not refunded yet."""
    kept = {
        row.line_id: row
        for row in ReturnableLineRow.objects.filter(tenant_id=tenancy.current_tenant_id(), order_id=order.order_id)
    }
    left = []
    for line in order.lines:
        row = kept.get(line.line_id)
        claimed, refunded = (row.claimed_quantity, row.refunded_minor) if row else (0, 0)
        left.append(LineClaim(line.line_id, line.quantity - claimed, line.payable_minor - refunded))
    return left


def _with_lines(rows: Sequence[ReturnRow]) -> list[Return]:
    lines: dict[int, list[ReturnLine]] = {}
    line_rows = ReturnLineRow.objects.filter(tenant_id=tenancy.current_tenant_id(), return_row_id__in=[row.pk for row in rows])
    for line in line_rows.order_by("line_id"):
        lines.setdefault(line.return_row_id, []).append(
            ReturnLine(
                line_id=line.line_id,
                quantity=line.quantity,
                amount_minor=line.amount_minor,
                restock_quantity=line.restock_quantity,
                scrap_quantity=line.scrap_quantity,
                refund_minor=line.refund_minor,
                of_quantity=line.of_quantity,
                of_minor=line.of_minor,
            )
        )
    return [
        Return(
            return_id=ReturnId(row.pk),
            order_id=row.order_id,
            buyer_id=row.buyer_id,
            status=ReturnStatus(row.status),
            mode=Mode(row.mode),
            fault=Fault(row.fault),
            goodwill=row.goodwill,
            reason=row.reason,
            decision_reason=row.decision_reason,
            currency=row.currency,
            refund_minor=row.refund_minor,
            freight_minor=row.freight_minor,
            requested_at=row.requested_at,
            decided_at=row.decided_at,
            received_at=row.received_at,
            accepted_at=row.accepted_at,
            refunded_at=row.refunded_at,
            lines=tuple(lines.get(row.pk, ())),
        )
        for row in rows
    ]
