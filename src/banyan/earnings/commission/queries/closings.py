"""Closed periods, and what there is to close: a period's orders and returns, streamed; its members as they stand at its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from banyan.earnings.commission.engine.closing import ClosingSums, RuleSales, decide_closing
from banyan.earnings.commission.engine.periods import Span
from banyan.earnings.commission.models import ClosingRow
from banyan.earnings.commission.queries.inputs import thaw_inputs
from banyan.earnings.commission.queries.plans import compiled_versions
from banyan.earnings.commission.types import (
    Closing,
    ClosingDecision,
    ClosingId,
    LegalCeiling,
    Member,
    PaidOrder,
    Period,
    PlanVersionId,
)
from banyan.kernel import sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import NotFound
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.types import DistributorId


class ClosingNotFound(NotFound):
    """No such closed period in this shop."""

    code = "closing_not_found"


PIECE = 2_000
Returned = dict[int, tuple[int, int]]
"""Line → (refund, of how much)."""


class PeriodOrder(NamedTuple):
    """An order as it was frozen."""

    order: PaidOrder
    legal: LegalCeiling


class Provided(NamedTuple):
    """What a period's orders and returns came to by a midnight; `back`: the part of the sums that the returns are."""

    end_at: datetime
    order_count: int
    sums: ClosingSums
    back: ClosingSums


def stream_orders(version_id: int, span: Span, currency: str) -> Iterator[list[PeriodOrder]]:
    """The orders that a version decided in a period, in the order of payment; never more than one piece in memory."""
    after: tuple[datetime, int] = (span.start_at, 0)
    while True:
        rows = sql.fetch(
            "SELECT id, paid_at, rule_set, legal_depth, legal_bp, inputs FROM commission_accruals"
            " WHERE tenant_id = %s AND paid_at >= %s AND paid_at < %s AND (paid_at, id) > (%s, %s) AND plan_version_id = %s"
            " AND currency = %s AND NOT is_closing ORDER BY paid_at, id LIMIT %s",
            (current_tenant_id(), span.start_at, span.end_at, *after, version_id, currency, PIECE),
        )
        if not rows:
            return
        after = (rows[-1][1], rows[-1][0])
        yield [PeriodOrder(thaw_inputs(row[0], row[1], row[5]), LegalCeiling(row[2], row[3], row[4])) for row in rows]


def count_orders(version_id: int, span: Span, currency: str) -> int:
    """How many orders a version decided in a period; an order that was accrued stays."""
    rows = sql.fetch(f"SELECT count(*) FROM {_OF_PERIOD}", _of_period(version_id, span, currency))
    return int(rows[0][0])


def accrued_in(version_id: int, span: Span, currency: str) -> dict[int, int]:
    """What each payee has by now of the orders that a version decided in a period: commission less what went back."""
    rows = sql.fetch(
        "SELECT payee_id, sum(minor)::bigint FROM ("
        f" SELECT c.payee_id, c.amount_minor AS minor FROM {_OF_PERIOD.replace('WHERE', _JOINED.format('commissions', 'c'), 1)}"
        f" UNION ALL SELECT r.payee_id, -r.amount_minor FROM {_OF_PERIOD.replace('WHERE', _JOINED.format('reversals', 'r'), 1)}"
        ") moves GROUP BY payee_id",
        _of_period(version_id, span, currency) * 2,
    )
    return dict(rows)


_OF_PERIOD = (
    "commission_accruals a WHERE a.tenant_id = %s AND a.paid_at >= %s AND a.paid_at < %s AND a.plan_version_id = %s"
    " AND a.currency = %s AND NOT a.is_closing"
)
_JOINED = "JOIN commission_{0} {1} ON {1}.tenant_id = a.tenant_id AND {1}.order_id = a.id WHERE"


def _of_period(version_id: int, span: Span, currency: str) -> tuple[Any, ...]:
    return current_tenant_id(), span.start_at, span.end_at, version_id, currency


def provided_before(version_id: int, period: Period, start_at: datetime, currency: str) -> Provided | None:
    """What a period's latest provisional closing had added up; None where there is none, or none that kept its returns apart."""
    rows = sql.fetch(
        "SELECT end_at, order_count, inputs FROM commission_closings WHERE tenant_id = %s AND plan_version_id = %s"
        " AND period = %s AND start_at = %s AND currency = %s AND NOT is_final ORDER BY end_at DESC LIMIT 1",
        (current_tenant_id(), version_id, period.value, start_at, currency),
    )
    if not rows:
        return None
    end_at, count, inputs = rows[0]
    kept = orjson.loads(inputs)
    return Provided(end_at, count, _thaw_sums(kept["sums"]), _thaw_sums(kept["back"])) if "back" in kept else None


def returned_of(order_ids: Sequence[int], before: datetime | None) -> dict[int, Returned]:
    """What came back of these orders' lines, before a moment or ever: order → line → (refund, of)."""
    rows = sql.fetch(
        "SELECT order_id, line_id, sum(refund_minor)::bigint, max(of_minor) FROM commission_returned_lines"
        " WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) AND (%s::timestamptz IS NULL OR occurred_at < %s) GROUP BY 1, 2",
        (current_tenant_id(), list(order_ids), before, before),
    )
    found: dict[int, Returned] = {}
    for order_id, line_id, refund, of in rows:
        found.setdefault(order_id, {})[line_id] = (refund, of)
    return found


def returned_in(version_id: int, span: Span, currency: str) -> Iterator[tuple[PaidOrder, LegalCeiling, Returned]]:
    """What came back in a period of a version's orders, whenever they were paid."""
    rows = sql.fetch(
        "SELECT a.id, a.paid_at, a.rule_set, a.legal_depth, a.legal_bp, a.inputs, r.line_id, sum(r.refund_minor)::bigint,"
        " max(r.of_minor) FROM commission_returned_lines r JOIN commission_accruals a ON a.tenant_id = r.tenant_id"
        "  AND a.id = r.order_id WHERE r.tenant_id = %s AND r.plan_version_id = %s AND r.occurred_at >= %s AND r.occurred_at < %s"
        " AND a.currency = %s GROUP BY a.id, r.line_id ORDER BY a.id, r.line_id",
        (current_tenant_id(), version_id, span.start_at, span.end_at, currency),
    )
    for order_id, paid_at, rule_set, depth, rate_bp, inputs, line_id, refund, of in rows:
        yield thaw_inputs(order_id, paid_at, inputs), LegalCeiling(rule_set, depth, rate_bp), {line_id: (refund, of)}


def everybody(distributor_ids: Sequence[int] | None, at: datetime) -> list[Member]:
    """These distributors, or all there are, as they stood at a moment."""
    wanted = list(distributor_ids) if distributor_ids is not None else _all_ids()
    standings = distributors.standings_at([DistributorId(each) for each in wanted], at)
    return [Member(int(each), 0, standing.tier.value, standing.status.value) for each, standing in sorted(standings.items())]


def _all_ids() -> list[int]:
    found: list[int] = []
    while page := distributors.list_distributors(DistributorId(found[-1]) if found else None, PIECE):
        found += [int(each.id) for each in page]
    return found


def list_closings(*, before: int | None = None, limit: int = 50) -> list[Closing]:
    """Closed periods, and running ones as far as they were provided for; the latest closed first."""
    rows = ClosingRow.objects.order_by("-id")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return [closing_of(row) for row in rows[:limit]]


def closing_of(row: ClosingRow) -> Closing:
    """A row as it is read."""
    return Closing(
        ClosingId(row.pk), PlanVersionId(row.plan_version_id), row.period, row.start_at, row.end_at, row.closed_at,
        row.currency, row.order_count, row.reward_minor, row.raised_minor, row.lowered_minor, row.is_final,
    )  # fmt: skip


def decide_closing_again(closing_id: int) -> ClosingDecision:
    """Rewards, pots, cuts and who was passed over: what a close decides on what was frozen with it. Raises ClosingNotFound."""
    for _, decision in decide_closings_again(closing_id):
        return decision
    raise ClosingNotFound("No such closed period.")


def decide_closings_again(closing_id: int | None = None) -> Iterator[tuple[int, ClosingDecision]]:
    """(closing, what it decides again), of one or of all."""
    rows = sql.fetch(
        "SELECT id, plan_version_id, period, inputs FROM commission_closings WHERE tenant_id = %s"
        " AND (%s::bigint IS NULL OR id = %s) ORDER BY id",
        (current_tenant_id(), closing_id, closing_id),
    )
    plans = compiled_versions(sorted({row[1] for row in rows}))
    for number, version_id, period, inputs in rows:
        yield number, decide_closing(plans[version_id].plan, Period(period), *thaw_closing(inputs))


def thaw_closing(inputs: str) -> tuple[ClosingSums, list[Member]]:
    """The sums and members that a closing was decided on."""
    kept = orjson.loads(inputs)
    return _thaw_sums(kept["sums"]), [Member(each, 0, tier, status) for each, tier, status in kept["members"]]


def _thaw_sums(kept: dict[str, Any]) -> ClosingSums:
    """A period's sums as they were frozen."""
    rules = {
        key: RuleSales(sales["turnover"], _by_id(sales["personal"]), _by_id(sales["team"]))
        for key, sales in kept["rules"].items()
    }
    return ClosingSums(**{**kept, "rules": rules, "by_payee": _by_id(kept["by_payee"])})


def _by_id(kept: dict[str, int]) -> dict[int, int]:
    return {int(payee_id): minor for payee_id, minor in kept.items()}


def closing_rewards(closing_id: int) -> list[tuple[str, int, int]]:
    """(rule, payee, minor) of what was booked of a period's rewards up to this closing, sorted: what its decision says, or the
    books are wrong."""
    return sorted(
        sql.fetch(
            "WITH own AS (SELECT tenant_id, id, coalesce(first_id, id) AS first_id, end_at FROM commission_closings"
            "  WHERE tenant_id = %s AND id = %s),"
            " until AS (SELECT k.id FROM commission_closings k JOIN own ON k.tenant_id = own.tenant_id"
            "  AND (k.id = own.first_id OR k.first_id = own.first_id) AND k.end_at <= own.end_at)"
            " SELECT rule_key, payee_id, sum(minor)::bigint FROM ("
            "  SELECT c.rule_key, c.payee_id, c.amount_minor AS minor FROM commission_commissions c"
            "   JOIN own ON c.tenant_id = own.tenant_id AND c.order_id = own.first_id WHERE c.line_id IN (SELECT id FROM until)"
            "  UNION ALL SELECT c.rule_key, c.payee_id, -r.lowered_minor FROM commission_reversals r"
            "   JOIN own ON r.tenant_id = own.tenant_id AND r.order_id = own.first_id"
            "   JOIN commission_commissions c ON c.id = r.commission_id"
            "   WHERE r.cause = 'true_up' AND r.cause_id IN (SELECT id FROM until)"
            " ) moves GROUP BY 1, 2 HAVING sum(minor) <> 0",
            (current_tenant_id(), closing_id),
        )
    )


def thawed(order_ids: Sequence[int]) -> list[PaidOrder]:
    """These orders as they were frozen."""
    rows = sql.fetch(
        "SELECT id, paid_at, inputs FROM commission_accruals WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (current_tenant_id(), list(order_ids)),
    )
    return [thaw_inputs(*row) for row in rows]
