"""Reads of payments and refunds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from banyan.kernel import sql, tenancy
from banyan.kernel.values.errors import NotFound
from banyan.treasury.payments.models import IncidentRow
from banyan.treasury.payments.types import Payment, PaymentId, PaymentState, Refund, RefundId, RefundState

_PAYMENT = (
    "id, order_id, buyer_id, channel, out_trade_no, transaction_id, description, state, amount_minor, currency,"
    " refund_held_minor, refunded_minor, created_at, expires_at, captured_at, is_extra"
)
_REFUND = (
    "id, payment_id, order_id, channel, out_refund_no, reference, state, amount_minor, currency, reason, key, attempt_count,"
    " failure, requested_at, completed_at"
)


class PaymentNotFound(NotFound):
    """No such payment for this caller."""

    code = "payment_not_found"


def _payment(row: tuple[Any, ...]) -> Payment:
    head, state, tail = row[1:7], PaymentState(row[7]), row[8:]
    return Payment(PaymentId(row[0]), *head, state, *tail)  # type: ignore[call-arg]


def _refund(row: tuple[Any, ...]) -> Refund:
    head, state, tail = row[2:6], RefundState(row[6]), row[7:]
    return Refund(RefundId(row[0]), PaymentId(row[1]), *head, state, *tail)  # type: ignore[call-arg]


def get_payment(payment_id: int, *, buyer_id: int | None = None) -> Payment:
    """One payment; raises PaymentNotFound, also when `buyer_id` is given and it is somebody else's."""
    rows = sql.fetch(
        f"SELECT {_PAYMENT} FROM payments_payments WHERE tenant_id = %s AND id = %s", (tenancy.current_tenant_id(), payment_id)
    )
    if not rows or (buyer_id is not None and rows[0][2] != buyer_id):
        raise PaymentNotFound("No such payment.")
    return _payment(rows[0])


def list_payments(
    *,
    order_id: int | None = None,
    buyer_id: int | None = None,
    state: PaymentState | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Payment]:
    """Payments, latest first; `before`: the id of the last one seen."""
    conditions, params = ["tenant_id = %s"], [tenancy.current_tenant_id()]  # type: tuple[list[str], list[Any]]
    for column, operator, value in (
        ("order_id", "=", order_id),
        ("buyer_id", "=", buyer_id),
        ("state", "=", state.value if state else None),
        ("id", "<", before),
    ):
        if value is not None:
            conditions.append(f"{column} {operator} %s")
            params.append(value)
    rows = sql.fetch(
        f"SELECT {_PAYMENT} FROM payments_payments WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT %s", (*params, limit)
    )
    return [_payment(row) for row in rows]


def list_payments_of(order_ids: Sequence[int]) -> dict[int, list[Payment]]:
    """All payments of many orders, oldest first; orders without one are absent."""
    found: dict[int, list[Payment]] = {}
    rows = sql.fetch(
        f"SELECT {_PAYMENT} FROM payments_payments WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) ORDER BY id",
        (tenancy.current_tenant_id(), sql.array_literal(order_ids)),
    )
    for row in rows:
        found.setdefault(row[1], []).append(_payment(row))
    return found


def reversible(order_ids: Sequence[int]) -> dict[int, int]:
    """Per order what may still be given back: captured − refunds asked for and not failed, minor units."""
    rows = sql.fetch(
        "SELECT order_id, sum(amount_minor - refund_held_minor)::bigint FROM payments_payments"
        " WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) AND state = 'captured' GROUP BY order_id",
        (tenancy.current_tenant_id(), sql.array_literal(order_ids)),
    )
    found = dict(rows)
    return {order_id: int(found.get(order_id, 0)) for order_id in order_ids}


def get_refund(refund_id: int) -> Refund:
    """One refund; raises NotFound."""
    rows = sql.fetch(
        f"SELECT {_REFUND} FROM payments_refunds WHERE tenant_id = %s AND id = %s", (tenancy.current_tenant_id(), refund_id)
    )
    if not rows:
        raise NotFound("No such refund.")
    return _refund(rows[0])


def list_refunds(
    *,
    order_id: int | None = None,
    payment_id: int | None = None,
    buyer_id: int | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Refund]:
    """Refunds, latest first; `before`: the id of the last one seen."""
    conditions, params = ["tenant_id = %s"], [tenancy.current_tenant_id()]  # type: tuple[list[str], list[Any]]
    for column, operator, value in (("order_id", "=", order_id), ("payment_id", "=", payment_id), ("id", "<", before)):
        if value is not None:
            conditions.append(f"{column} {operator} %s")
            params.append(value)
    if buyer_id is not None:
        conditions.append("payment_id IN (SELECT p.id FROM payments_payments p WHERE p.tenant_id = %s AND p.buyer_id = %s)")
        params.extend((tenancy.current_tenant_id(), buyer_id))
    rows = sql.fetch(
        f"SELECT {_REFUND} FROM payments_refunds WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT %s", (*params, limit)
    )
    return [_refund(row) for row in rows]


def find_refunds_by_keys(keys: Sequence[str]) -> dict[str, Refund]:
    """Refunds by the keys they were asked for under."""
    rows = sql.fetch(
        f"SELECT {_REFUND} FROM payments_refunds WHERE tenant_id = %s AND key = ANY(%s::text[])",
        (tenancy.current_tenant_id(), sql.array_literal(keys)),
    )
    return {refund.key: refund for refund in map(_refund, rows)}


def list_incidents(*, is_open: bool = True, before: int | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """Incidents as plain rows, latest first; `before`: the id of the last one seen."""
    found = IncidentRow.objects.filter(tenant_id=tenancy.current_tenant_id(), resolved_at__isnull=is_open).order_by("-id")
    if before is not None:
        found = found.filter(id__lt=before)
    rows = found.values(
        "id", "kind", "channel", "number", "payment_id", "details", "seen_count", "first_seen_at", "latest_seen_at",
        "resolved_at", "resolution",
    )[:limit]  # fmt: skip
    return [{**row, "payment_id": row["payment_id"] or None} for row in rows]
