"""Reads of settlement."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _

from banyan.earnings.commission import queries as commissions
from banyan.earnings.settlement.models import DecisionRow, LineRow, PayeeRow, PolicyRow, StatementRow
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
    Waiting,
    WaitReason,
)
from banyan.kernel import ids, sql, tenancy
from banyan.kernel.values.errors import NotFound

PENDING_SHOWN = 500
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


def list_policies(*, with_retired: bool = False, before_id: int | None = None, count: int | None = None) -> list[Policy]:
    """The tenant's policies, newest first; the open ones unless asked otherwise, all of them unless counted."""
    rows = PolicyRow.objects.filter(tenant_id=tenancy.current_tenant_id())
    if not with_retired:
        rows = rows.filter(retired_at__isnull=True)
    if before_id is not None:
        rows = rows.filter(pk__lt=before_id)
    return [_policy(row) for row in rows.order_by("-pk")[:count]]


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


def list_lines(statement_id: int) -> tuple[StatementLine, ...]:
    """All lines of a statement, oldest first; also those of a rejected one."""
    rows = LineRow.objects.filter(tenant_id=tenancy.current_tenant_id(), statement_id=statement_id)
    return tuple(_line(row) for row in rows.order_by("pk"))


def list_lines_of(kind: SourceKind, source_ids: Collection[int]) -> list[tuple[Statement, StatementLine]]:
    """The lines that stand for these sources, each with its statement (without lines), oldest first; also of rejected ones."""
    if not source_ids:
        return []
    rows = LineRow.objects.filter(
        tenant_id=tenancy.current_tenant_id(), source_kind=kind.value, source_id__in=source_ids
    ).select_related("statement")
    return [(_statement(row.statement), _line(row)) for row in rows.order_by("statement_id", "pk")]


def list_lines_before(statement_id: int, before_id: int | None, count: int) -> list[StatementLine]:
    """At most `count` lines of a statement in descending line id order, with an id below `before_id`."""
    rows = LineRow.objects.filter(tenant_id=tenancy.current_tenant_id(), statement_id=statement_id)
    if before_id is not None:
        rows = rows.filter(pk__lt=before_id)
    return [_line(row) for row in rows.order_by("-pk")[:count]]


def _line(row: LineRow) -> StatementLine:
    return StatementLine(
        row.pk, SourceKind(row.source_kind), row.source_id, row.cause_id, row.amount_minor, row.occurred_at, row.stands
    )


_PREFIXES = {
    SourceKind.COMMISSION_RELEASED: ("cms", None),
    SourceKind.COMMISSION_REVERSED: ("crv", "cms"),
    SourceKind.CARRIED: ("stm", "stm"),
    SourceKind.RETURNED: ("stm", "stm"),
}


def source_names(kind: SourceKind, source_id: int, cause_id: int) -> tuple[str, str | None]:
    """The public ids of what a line stands for and of what that belongs to."""
    source, cause = _PREFIXES[kind]
    return ids.public(source, source_id), ids.public(cause, cause_id) if cause and cause_id else None


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


def list_review_queue(count: int = 50, *, after: tuple[int, datetime, int] | None = None) -> list[Statement]:
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


def reason_words(text: str) -> str:
    """Why a statement waits, was carried or was not paid: the house's own codes in words, what a person wrote as it stands."""
    own = {
        "below_minimum": _("below the least amount that is paid out"),
        "negative": _("more was taken back than earned"),
        "nothing_due": _("nothing is due"),
        "frozen": _("the distributor is frozen"),
        "no_account": _("there is no account to pay to"),
        "insufficient_balance": _("the balance did not hold the amount"),
        "reversed_meanwhile": _("commission was taken back meanwhile; it goes on with the next statement"),
        "failed": _("the payout failed"),
        "expired": _("the payout was not confirmed in time"),
        "cancelled": _("the payout was cancelled"),
        "returned": _("the payout came back"),
    }
    state, colon, code = text.partition(": ")
    if text in own or (colon and state in own):
        return own[state] + (f" ({code})" if code else "")
    return text or "–"


def places_in_queue(statement_ids: Collection[int]) -> dict[StatementId, tuple[int, datetime, int]]:
    """(tier rank, opened_at, id) of each statement: what the review queue is ordered by. It never changes."""
    rows = StatementRow.objects.filter(tenant_id=tenancy.current_tenant_id(), pk__in=statement_ids)
    return {StatementId(pk): (rank, at, pk) for rank, at, pk in rows.values_list("tier_rank", "opened_at", "pk")}


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


def has_payee_account(distributor_id: int, channel: str) -> bool:
    """Whether there is somewhere to pay this distributor on the channel."""
    return PayeeRow.objects.filter(tenant_id=tenancy.current_tenant_id(), distributor_id=distributor_id, channel=channel).exists()


def why_not_yet(distributor_id: int) -> list[Waiting]:
    """Every amount that this distributor is still to receive, with the reason and, where it is known, the date.

    Pending commission by the day its hold ends; released commission waiting for its period; what was carried; statements
    that wait for a person, for an account, for the channel.
    """
    return [*_pending(distributor_id), *_open(distributor_id), *_stated(distributor_id)]


def _pending(distributor_id: int) -> list[Waiting]:
    """The latest commissions one by one; older pending ones, if there are that many, as one sum."""
    total_minor = sum(one.pending_minor for one in commissions.totals([distributor_id]))
    by_end: dict[datetime | None, int] = {}
    for one in commissions.list_commissions(payee_id=distributor_id, limit=PENDING_SHOWN):
        if one.released_at is None and one.net_minor:
            by_end[one.release_after] = by_end.get(one.release_after, 0) + one.net_minor
    older_minor = total_minor - sum(by_end.values())
    dated = sorted((end, amount) for end, amount in by_end.items() if end is not None)
    waiting = [Waiting(WaitReason.HOLDING_PERIOD, amount, end) for end, amount in dated]
    if None in by_end:
        waiting.append(Waiting(WaitReason.AWAITING_RECEIPT, by_end[None]))
    return [*waiting, Waiting(WaitReason.HOLDING_PERIOD, older_minor)] if older_minor > 0 else waiting


def _open(distributor_id: int) -> list[Waiting]:
    tenant_id = tenancy.current_tenant_id()
    rows = sql.fetch(
        "SELECT c.due_at, sum(i.amount_minor)::bigint, bool_and(i.source_kind = 'carried') FROM settlement_items i"
        " JOIN settlement_calendars c ON c.tenant_id = i.tenant_id AND c.distributor_id = i.distributor_id AND"
        " c.currency = i.currency"
        " WHERE i.tenant_id = %s AND i.distributor_id = %s AND i.statement_id IS NULL GROUP BY c.id",
        (tenant_id, distributor_id),
    )
    waiting = []
    for due_at, amount_minor, only_carried in rows:
        if amount_minor < 0:
            waiting.append(Waiting(WaitReason.DEBT, amount_minor, due_at))
        elif only_carried:
            waiting.append(Waiting(WaitReason.BELOW_MINIMUM, amount_minor))
        elif due_at is None:
            waiting.append(Waiting(WaitReason.NO_POLICY, amount_minor))
        else:
            waiting.append(Waiting(WaitReason.PERIOD_RUNNING, amount_minor, due_at))
    return waiting


_WAITS = {
    StatementStatus.UNDER_REVIEW: WaitReason.UNDER_REVIEW,
    StatementStatus.AWAITING_SECOND: WaitReason.UNDER_REVIEW,
    StatementStatus.HELD: WaitReason.HELD,
    StatementStatus.APPROVED: WaitReason.BEING_PAID,
    StatementStatus.PAYING: WaitReason.BEING_PAID,
    StatementStatus.PAYOUT_FAILED: WaitReason.PAYOUT_FAILED,
}


def _stated(distributor_id: int) -> list[Waiting]:
    waiting = []
    for one in list_statements(distributor_id=distributor_id, statuses=list(_WAITS), count=200):
        told = {reason.value: reason for reason in (WaitReason.FROZEN, WaitReason.NO_ACCOUNT)}
        reason = told.get(one.reason, _WAITS[one.status])
        waiting.append(Waiting(reason, one.amount_minor, None, one.statement_id))
    return waiting
