"""Frozen orders in bulk, for those who decide them again by another plan: cut into slices, streamed in bounded pieces."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connections

from banyan.earnings.commission.engine import CompiledPlan, compile_plan, parse_plan
from banyan.kernel import sql
from banyan.kernel.tenancy import context, current_tenant_id

_DAY = "((%s AT TIME ZONE %%(zone)s)::date - date '1970-01-01')"
_COLUMNS = (
    "id, (extract(epoch FROM paid_at) * 1000000)::bigint, plan_version_id, legal_depth, legal_bp, inputs, total_minor, "
    + ", ".join(_DAY % moment for moment in ("paid_at", "received_at", "coalesce(released_at, release_after)"))
)


class FrozenOrder(NamedTuple):
    """One accrued order as it was frozen. Moments are microseconds, days are counted since 1970 on the clocks of the asked zone.

    `released_on`: when its hold ended or will end.
    """

    order_id: int
    paid_micros: int
    version_id: int | None
    legal_depth: int
    legal_bp: int
    inputs: str
    total_minor: int
    paid_on: int
    received_on: int | None
    released_on: int | None


class Slice(NamedTuple):
    """Orders paid in [start_at, end_at): so many."""

    start_at: datetime
    end_at: datetime
    order_count: int


def slices(start_at: datetime, end_at: datetime, size: int) -> list[Slice]:
    """[start_at, end_at) cut into consecutive slices of about `size` orders; together they hold each accrued order once.

    Orders paid at the very same moment stay together. No orders, no slices.
    """
    rows = sql.fetch(
        "SELECT paid_at, count(*) FROM (SELECT min(paid_at) OVER (PARTITION BY part) AS paid_at FROM ("
        " SELECT paid_at, (rank() OVER (ORDER BY paid_at) - 1) / %s::int AS part FROM commission_accruals"
        " WHERE tenant_id = %s AND paid_at >= %s AND paid_at < %s AND NOT is_closing) numbered) parts"
        " GROUP BY paid_at ORDER BY paid_at",
        (size, current_tenant_id(), start_at, end_at),
    )
    starts = [start_at, *(row[0] for row in rows[1:])]
    ends = [*starts[1:], end_at]
    return [Slice(start, end, int(row[1])) for start, end, row in zip(starts, ends, rows, strict=False)]


def deciding_versions(start_at: datetime, end_at: datetime) -> set[int | None]:
    """The versions that decided the orders paid in [start_at, end_at); None among them: some were decided by none."""
    rows = sql.fetch(
        "SELECT DISTINCT plan_version_id FROM commission_accruals WHERE tenant_id = %s AND paid_at >= %s AND paid_at < %s"
        " AND NOT is_closing",
        (current_tenant_id(), start_at, end_at),
    )
    return {row[0] for row in rows}


def stream_frozen(start_at: datetime, end_at: datetime, zone: str, piece: int = 5_000) -> Iterator[list[FrozenOrder]]:
    """The orders paid in [start_at, end_at) in pieces, through a cursor of the server's: never more than one piece in memory."""
    raw: Any = connections[context.alias()]
    raw.ensure_connection()
    with raw.connection.cursor(name="commission_frozen", binary=True) as cursor:
        cursor.itersize = piece
        cursor.execute(
            f"SELECT {_COLUMNS} FROM commission_accruals WHERE tenant_id = %(tenant)s AND paid_at >= %(start)s"
            " AND paid_at < %(end)s AND NOT is_closing ORDER BY paid_at, id",
            {"zone": zone, "tenant": current_tenant_id(), "start": start_at, "end": end_at},
        )
        while rows := cursor.fetchmany(piece):
            yield [FrozenOrder(*row) for row in rows]


def compile_document(document: Any) -> CompiledPlan:
    """A document made ready to decide with. Raises PlanDocumentError with every fault."""
    return compile_plan(parse_plan(document))
