"""Keeping live plans lawful: judged again whenever the law changes, stopped from the very moment at which they break it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from banyan.earnings.commission.engine import nearest_lawful, parse_plan, write_plan
from banyan.earnings.commission.events import PlanSuspended
from banyan.earnings.commission.models import PlanVersionRow, SuspensionNoticeRow, SuspensionRow
from banyan.earnings.commission.queries.plans import broken_clauses, plan_facts
from banyan.earnings.commission.types import Plan, VersionStatus
from banyan.kernel import clock, events, ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.rules.compliance import queries as compliance
from banyan.rules.compliance.types import Verdict

EARNED_WITHIN = timedelta(days=90)
"""Who earned by a version so recently is told that it was stopped."""
LAW = "law"
"""Who drafted a lawful variant."""
_COLUMNS = ("id", "tenant_id", "suspension_id", "distributor_id")


def keep_plans_lawful(update_id: int = 0, version_ids: Sequence[int] | None = None) -> int:
    """Judge every live and scheduled version at now and at each later moment at which the law turns; returns how many it stopped.

    A version that breaks the law is in force only until the first such moment, and the order paid at that moment is no longer
    decided by it; earlier orders keep it. Operators and those who earned by it have a notice with the article, and the nearest
    lawful variant is drafted for approval. Judging again changes nothing.
    """
    now = clock.now()
    rows = PlanVersionRow.objects.select_for_update().exclude(status=VersionStatus.DRAFT).exclude(effective_to__lte=now)
    if version_ids is not None:
        rows = rows.filter(pk__in=list(version_ids))
    turns = compliance.turns()
    stopped = 0
    for row in rows.order_by("effective_from"):
        plan = parse_plan(row.document)
        found = _first_breach(row, plan, now, turns)
        if found is not None:
            _suspend(row, plan, *found, update_id=update_id)
            stopped += 1
    return stopped


def _first_breach(row: PlanVersionRow, plan: Plan, now: datetime, turns: Sequence[datetime]) -> tuple[datetime, Verdict] | None:
    assert row.effective_from is not None
    begins = max(now, row.effective_from)
    moments = [begins, *(at for at in turns if at > begins and (row.effective_to is None or at < row.effective_to))]
    facts = plan_facts(plan)
    for at in moments:
        verdict = compliance.judge(facts, at)
        if not verdict.legal:
            return at, verdict
    return None


def _suspend(row: PlanVersionRow, plan: Plan, at: datetime, verdict: Verdict, *, update_id: int) -> None:
    broken = broken_clauses(verdict)
    first = broken[0]
    row.effective_to, row.status = at, VersionStatus.SUSPENDED
    row.ended_reason = f"{first.law} {first.article}"[:200]
    row.save(update_fields=["effective_to", "status", "ended_reason"])
    suspension = SuspensionRow.objects.create(
        version=row,
        suspended_from=at,
        noted_at=clock.now(),
        law_update_id=update_id,
        rule_set=verdict.rule_set[:80],
        broken=[{name: getattr(each, name) for name in each.__slots__} for each in broken],
        variant_id=_draft_variant(row, plan, at),
    )
    told = _tell_earners(row.pk, suspension.pk)
    events.record([PlanSuspended(row.pk, suspension.pk, verdict.rule_set, told, at)])


def _draft_variant(row: PlanVersionRow, plan: Plan, at: datetime) -> int | None:
    from banyan.earnings.commission.commands.plans import draft_plan
    from banyan.earnings.commission.types import DraftPlan, PlanId

    caps = compliance.caps_at(at)
    variant = nearest_lawful(
        plan, caps.upline_depth_paid, caps.total_rate_bp, lambda each: compliance.judge(plan_facts(each), at).legal
    )
    return None if variant is None else draft_plan(DraftPlan(write_plan(variant), LAW, "", PlanId(row.plan_id)))


def _tell_earners(version_id: int, suspension_id: int) -> int:
    payees = sql.fetch(
        "SELECT DISTINCT c.payee_id FROM commission_accruals a JOIN commission_commissions c ON c.tenant_id = a.tenant_id"
        " AND c.order_id = a.id WHERE a.tenant_id = %s AND a.paid_at >= %s AND a.plan_version_id = %s ORDER BY 1",
        (current_tenant_id(), clock.now() - EARNED_WITHIN, version_id),
    )
    numbers = ids.next_ids(len(payees))
    tenant_id = current_tenant_id()
    sql.insert(
        SuspensionNoticeRow,
        _COLUMNS,
        [(number, tenant_id, suspension_id, payee) for number, (payee,) in zip(numbers, payees, strict=True)],
    )
    return len(payees)
