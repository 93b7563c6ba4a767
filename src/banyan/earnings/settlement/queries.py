"""Reads of settlement."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db.models import Q

from banyan.earnings.settlement.models import DecisionRow, LineRow, PolicyRow, StatementRow
from banyan.earnings.settlement.types import (
    Cycle,
    Decided,
    Decision,
    Lane,
    Period,
    Policy,
    PolicyId,
    PolicyTerms,
    Rhythm,
    Scope,
    SourceKind,
    Statement,
    StatementId,
    StatementLine,
    StatementStatus,
)
from banyan.kernel import tenancy
from banyan.kernel.values.errors import NotFound

IN_QUEUE = (StatementStatus.UNDER_REVIEW, StatementStatus.AWAITING_SECOND)


def terms_of(row: PolicyRow) -> PolicyTerms:
    """A stored policy's terms."""
    return PolicyTerms(
        rhythm=Rhythm(Cycle(row.cycle), row.weekday, row.month_day),
        lane=Lane(row.lane),
        minimum_minor=row.minimum_minor,
        review_minor=row.review_minor,
        four_eyes_minor=row.four_eyes_minor,
        channel=row.channel,
        attempt_count=row.attempt_count,
    )


def _policy(row: PolicyRow) -> Policy:
    return Policy(PolicyId(row.pk), Scope(row.scope), row.subject, terms_of(row), row.opened_by, row.opened_at, row.retired_at)


def list_policies(*, with_retired: bool = False) -> list[Policy]:
    """The tenant's policies, newest first; the open ones unless asked otherwise."""
    rows = PolicyRow.objects.filter(tenant_id=tenancy.current_tenant_id())
    if not with_retired:
        rows = rows.filter(retired_at__isnull=True)
    return [_policy(row) for row in rows.order_by("-pk")]


def list_policies_by_ids(policy_ids: Collection[int]) -> dict[PolicyId, Policy]:
    """These policies, open or retired; unknown ids are absent."""
    if not policy_ids:
        return {}
    rows = PolicyRow.objects.filter(tenant_id=tenancy.current_tenant_id(), pk__in=policy_ids)
    return {PolicyId(row.pk): _policy(row) for row in rows}


def get_policy(policy_id: int) -> Policy:
    """One policy; raises NotFound."""
    found = list_policies_by_ids([policy_id])
    if not found:
        raise NotFound("No such settlement policy.")
    return found[PolicyId(policy_id)]


def get_statement(statement_id: int, distributor_id: int | None = None) -> Statement:
    """One statement with all its lines; with `distributor_id`, only that distributor's own. Raises NotFound."""
    row = StatementRow.objects.filter(tenant_id=tenancy.current_tenant_id(), pk=statement_id).first()
    if row is None or (distributor_id is not None and row.distributor_id != distributor_id):
        raise NotFound("No such statement.")
    return _statement(row, list_lines(statement_id))


def list_lines(statement_id: int, *, after_id: int = 0, count: int | None = None) -> tuple[StatementLine, ...]:
    """The lines of a statement in the order of their entry; also those of a rejected one."""
    rows = LineRow.objects.filter(tenant_id=tenancy.current_tenant_id(), statement_id=statement_id, pk__gt=after_id).order_by(
        "pk"
    )
    return tuple(
        StatementLine(SourceKind(row.source_kind), row.source_id, row.cause_id, row.amount_minor, row.occurred_at, row.stands)
        for row in (rows if count is None else rows[:count])
    )


def list_statements_by_ids(statement_ids: Collection[int]) -> dict[StatementId, Statement]:
    """These statements without their lines; unknown ids are absent."""
    rows = StatementRow.objects.filter(tenant_id=tenancy.current_tenant_id(), pk__in=statement_ids)
    return {StatementId(row.pk): _statement(row) for row in rows}


def list_statements(
    *,
    before_id: int | None = None,
    count: int = 50,
    distributor_id: int | None = None,
    status: StatementStatus | None = None,
    statuses: Sequence[StatementStatus] = (),
) -> list[Statement]:
    """Statements without lines, newest first, at most `count` with an id below `before_id`."""
    wanted = Q(tenant_id=tenancy.current_tenant_id())
    if before_id is not None:
        wanted &= Q(pk__lt=before_id)
    if distributor_id is not None:
        wanted &= Q(distributor_id=distributor_id)
    if status is not None:
        wanted &= Q(status=status.value)
    if statuses:
        wanted &= Q(status__in=[one.value for one in statuses])
    return [_statement(row) for row in StatementRow.objects.filter(wanted).order_by("-pk")[:count]]


def list_review_queue(count: int = 50, *, after: tuple[int, str, int] | None = None) -> list[Statement]:
    """What waits for a reviewer, higher tiers first, then the oldest. `after`: (tier rank, opened_at, id) of the latest seen."""
    rows = StatementRow.objects.filter(tenant_id=tenancy.current_tenant_id(), status__in=[status.value for status in IN_QUEUE])
    if after is not None:
        rank, opened_at, statement_id = after
        rows = rows.filter(
            Q(tier_rank__gt=rank)
            | Q(tier_rank=rank, opened_at__gt=opened_at)
            | Q(tier_rank=rank, opened_at=opened_at, pk__gt=statement_id)
        )
    return [_statement(row) for row in rows.order_by("tier_rank", "opened_at", "pk")[:count]]


def list_decisions(statement_id: int) -> list[Decided]:
    """What people decided about a statement, oldest first."""
    rows = DecisionRow.objects.filter(tenant_id=tenancy.current_tenant_id(), statement_id=statement_id).order_by("pk")
    return [
        Decided(
            Decision(row.decision), StatementStatus(row.status), row.amount_minor, row.reviewer_id, row.reason, row.decided_at
        )
        for row in rows
    ]


def _statement(row: StatementRow, lines: tuple[StatementLine, ...] = ()) -> Statement:
    return Statement(
        statement_id=StatementId(row.pk),
        distributor_id=row.distributor_id,
        policy_id=PolicyId(row.policy_id),
        period=Period(row.period_from, row.period_to),
        currency=row.currency,
        amount_minor=row.amount_minor,
        line_count=row.line_count,
        status=StatementStatus(row.status),
        reason=row.reason,
        tier=row.tier,
        opened_at=row.opened_at,
        first_approver_id=row.first_approver_id,
        approver_id=row.approver_id,
        approved_at=row.approved_at,
        paid_at=row.paid_at,
        payout_id=row.payout_id,
        attempt=row.attempt,
        lines=lines,
    )
