"""Plans, their versions, and what a document would mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from banyan.earnings.commission.engine import CompiledPlan, PlanDocumentError, accept_plan, compile_plan, paid_range, parse_plan
from banyan.earnings.commission.models import PlanVersionRow
from banyan.earnings.commission.types import (
    BrokenClause,
    Plan,
    PlanId,
    PlanReport,
    PlanVersion,
    PlanVersionId,
    VersionStatus,
)
from banyan.kernel import sql
from banyan.kernel.tenancy import current_tenant_id, get_tenant
from banyan.kernel.values.errors import NotFound
from banyan.rules.compliance import queries as compliance
from banyan.rules.compliance.types import CountryStanding, PlanFacts, Verdict


class PlanVersionNotFound(NotFound):
    """No such plan version in this shop."""

    code = "plan_version_not_found"


def get_version(version_id: PlanVersionId | int) -> PlanVersion:
    """One version. Raises PlanVersionNotFound."""
    row = PlanVersionRow.objects.select_related("plan").filter(pk=version_id).first()
    if row is None:
        raise PlanVersionNotFound("No such plan version.")
    return _versions([row])[0]


def list_versions(
    *, plan_id: PlanId | int | None = None, status: VersionStatus | None = None, before: int | None = None, limit: int = 50
) -> list[PlanVersion]:
    """Versions, the latest drafted first; `before`: the id of the latest one already seen."""
    rows = PlanVersionRow.objects.select_related("plan").order_by("-id")
    if plan_id is not None:
        rows = rows.filter(plan_id=plan_id)
    if status is not None:
        rows = rows.filter(status=status)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return _versions(rows[:limit])


def version_at(at: datetime) -> PlanVersion | None:
    """The version in force at a moment, or None: then nothing is paid."""
    row = (
        PlanVersionRow.objects.select_related("plan")
        .exclude(status=VersionStatus.DRAFT)
        .filter(effective_from__lte=at)
        .exclude(effective_to__lte=at)
        .first()
    )
    return _versions([row])[0] if row is not None else None


def check_document(document: Any, at: datetime) -> PlanReport:
    """Faults of a plan document, or its worst case and the law's verdict on it at `at`. Never raises for a bad document."""
    try:
        plan = accept_plan(document)
    except PlanDocumentError as error:
        faults = tuple((fault.path, fault.message) for fault in error.faults)
        return PlanReport(faults, None, None, False, "", (), at)
    facts = plan_facts(plan)
    verdict = compliance.judge(facts, at)
    return PlanReport(
        (),
        facts.upline_depth_paid,
        facts.total_rate_bp,
        verdict.legal,
        verdict.rule_set,
        broken_clauses(verdict),
        at,
        verdict.disclaimer,
    )


def plan_facts(plan: Plan) -> PlanFacts:
    """What the law asks of a plan: its worst case by the engine's algebra, and the terms that the tenant declares."""
    worst = paid_range(plan)
    return PlanFacts(
        upline_depth_paid=worst.upline_depth,
        total_rate_bp=worst.total_rate_bp,
        pays_on_recruitment=plan.terms.pays_on_recruitment,
        entry_fee_minor=plan.terms.entry_fee_minor,
        starter_purchase_required=plan.terms.starter_purchase_required,
        pays_on_team_sales=worst.pays_on_team_sales,
        currency=get_tenant(current_tenant_id()).currency,
    )


def standings_per_country(version_id: int | None, at: datetime) -> list[CountryStanding]:
    """Every country's verdict on a version, or on what is in force at `at`; without either, on a plan that pays nobody."""
    version = get_version(version_id) if version_id is not None else version_at(at)
    facts = plan_facts(parse_plan(version.document)) if version is not None else PlanFacts(0, 0)
    return compliance.standings_of(facts, at)


def broken_clauses(verdict: Verdict) -> tuple[BrokenClause, ...]:
    return tuple(
        BrokenClause(each.clause.value, each.law, each.article, each.fact_id or "", each.message, each.message_zh)
        for each in verdict.findings
    )


@lru_cache(maxsize=256)
def _compiled(tenant_id: int, version_id: int, digest: str) -> CompiledPlan:
    """Keyed by the judged document's digest too, so that not even a forged document is answered from memory."""
    rows = sql.fetch("SELECT document FROM commission_plan_versions WHERE tenant_id = %s AND id = %s", (tenant_id, version_id))
    return compile_plan(parse_plan(rows[0][0]))


def compiled_versions(version_ids: Sequence[int]) -> dict[int, CompiledPlan]:
    """Compiled published versions by id; each is parsed and compiled once per process."""
    rows = sql.fetch(
        "SELECT id, judged_digest FROM commission_plan_versions"
        " WHERE tenant_id = %s AND id = ANY(%s::bigint[]) AND status <> 'draft'",
        (current_tenant_id(), list(version_ids)),
    )
    return {version_id: _compiled(current_tenant_id(), version_id, digest) for version_id, digest in rows}


def versions_from(start_at: datetime) -> list[tuple[int, datetime, datetime | None, CompiledPlan]]:
    """(version id, effective_from, effective_to, compiled plan) of what was in force at a moment, and of what came or is to
    come after it, the earliest first."""
    rows = sql.fetch(
        "SELECT id, effective_from, effective_to, judged_digest FROM commission_plan_versions"
        " WHERE tenant_id = %s AND status <> 'draft' AND (effective_to IS NULL OR effective_to > %s) ORDER BY effective_from",
        (current_tenant_id(), start_at),
    )
    return [(row[0], row[1], row[2], _compiled(current_tenant_id(), row[0], row[3])) for row in rows]


def _versions(rows: Iterable[PlanVersionRow]) -> list[PlanVersion]:
    """Versions with the approval of their document, if there is one."""
    found = list(rows)
    approved = sql.fetch(
        "SELECT a.version_id, a.approved_by, a.approved_at FROM commission_plan_approvals a JOIN commission_plan_versions v"
        " ON v.tenant_id = a.tenant_id AND v.id = a.version_id AND a.digest = md5(v.document::text)"
        " AND a.approved_by <> v.drafted_by WHERE a.tenant_id = %s AND a.version_id = ANY(%s::bigint[])"
        " ORDER BY a.approved_at DESC, a.id DESC",
        (current_tenant_id(), [row.pk for row in found]),
    )
    by_version = {version_id: (by, at) for version_id, by, at in approved}
    return [_version(row, *by_version.get(row.pk, ("", None))) for row in found]


def _version(row: PlanVersionRow, approved_by: str, approved_at: datetime | None) -> PlanVersion:
    return PlanVersion(
        version_id=PlanVersionId(row.pk),
        plan_id=PlanId(row.plan_id),
        name=row.plan.name,
        number=row.number,
        title=str(row.document.get("title", "")),
        status=VersionStatus(row.status),
        document=row.document,
        effective_from=row.effective_from,
        effective_to=row.effective_to,
        drafted_at=row.drafted_at,
        drafted_by=row.drafted_by,
        published_at=row.published_at,
        published_by=row.published_by,
        rule_set=row.rule_set,
        upline_depth_paid=row.upline_depth_paid,
        total_rate_bp=row.total_rate_bp,
        ended_reason=row.ended_reason,
        approved_by=approved_by,
        approved_at=approved_at,
    )
