"""Plans: draft, check, publish, retire, list."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import translation
from ninja import Query, Router

from banyan.earnings.commission import commands, queries
from banyan.earnings.commission.api.schemas import (
    CountryOut,
    DifferenceOut,
    DocumentIn,
    DraftIn,
    PlanApproveIn,
    PlanIdText,
    ProofOut,
    ProveIn,
    PublishIn,
    ReportOut,
    RetireIn,
    SuspensionOut,
    VersionIdText,
    VersionOut,
)
from banyan.earnings.commission.queries import inward, outward
from banyan.earnings.commission.types import DraftPlan, PlanId, PlanReport, PlanVersion, Suspension, VersionStatus
from banyan.kernel import clock, ids
from banyan.kernel.http import ErrorBody, Page, endpoint, page_of, principal_of

router = Router()
_NOTHING_PROVEN: dict[str, Any] = {
    "exact": False, "why_not_exact": [], "bound_bp": None, "worst_bp": None, "case_count": 0, "cases": [], "beyond_margin": [],
    "publishable": False,
}  # fmt: skip
ERRORS: dict[int, Any] = {400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody, 422: ErrorBody}


@router.post("/plans/check", response={200: ReportOut, **ERRORS})
@endpoint(scope="plans:read", write=True)
def check_plan(request: HttpRequest, body: DocumentIn) -> dict[str, Any]:
    """What a document would mean: every fault with its place, or its worst case and the law's verdict. Keeps nothing."""
    return _report(queries.check_document(inward(body.document), clock.now()))


@router.post("/plans/prove", response={200: ProofOut, **ERRORS})
@endpoint(scope="plans:read", write=True)
def prove_plan(request: HttpRequest, body: ProveIn) -> dict[str, Any]:
    """The worst case of a document or a version on one sale, per class of goods and tier path, each with its witness; against law
    and margin. Keeps nothing."""
    document = queries.get_version(body.version_id).document if body.version_id is not None else inward(body.document)
    found = queries.prove_document(document, clock.now())
    if not isinstance(found, queries.ShopProof):
        return {**_NOTHING_PROVEN, "report": _report(found)}
    proof = found.proof
    return {
        "report": _report(found.report),
        "exact": proof.exact,
        "why_not_exact": list(proof.why),
        "bound_bp": found.bound_bp,
        "worst_bp": proof.worst.rate_bp if proof.worst is not None else None,
        "case_count": proof.case_count,
        "cases": [queries.describe_case(case) for case in proof.cases[: queries.SHOWN_CASES]],
        "beyond_margin": [{name: getattr(each, name) for name in each.__slots__} for each in found.thin[:50]],
        "publishable": found.is_publishable,
    }


@router.post("/plans/drafts", response={200: VersionOut, **ERRORS})
@endpoint(scope="plans:write", write=True)
def draft_plan(request: HttpRequest, body: DraftIn) -> dict[str, Any]:
    """Keep a document as a draft. Refused with every fault when it is not a plan; drafts may still be illegal."""
    plan_id = PlanId(body.plan_id) if body.plan_id is not None else None
    draft = DraftPlan(inward(body.document), _actor(request), body.name, plan_id)
    return _version(queries.get_version(commands.draft_plan(draft)))


@router.put("/plans/versions/{version_id}", response={200: VersionOut, **ERRORS})
@endpoint(scope="plans:write", write=True)
def revise_draft(request: HttpRequest, version_id: VersionIdText, body: DocumentIn) -> dict[str, Any]:
    """Replace a draft's document."""
    commands.revise_draft(version_id, inward(body.document), _actor(request))
    return _version(queries.get_version(version_id))


@router.post("/plans/versions/{version_id}/approve", response={200: VersionOut, **ERRORS})
@endpoint(scope="plans:approve", write=True)
def approve_plan(request: HttpRequest, version_id: VersionIdText, body: PlanApproveIn) -> dict[str, Any]:
    """Approve a draft's document as it stands. Never one's own; a revised document needs a new approval."""
    commands.approve_plan(version_id, approved_by=_actor(request), note=body.note)
    return _version(queries.get_version(version_id))


@router.get("/plans/versions/{version_id}/differences/{other_id}", response={200: DifferenceOut, **ERRORS})
@endpoint(scope="plans:read")
def compare(
    request: HttpRequest, version_id: VersionIdText, other_id: VersionIdText, language: Literal["zh-hans", "en"] = "zh-hans"
) -> dict[str, Any]:
    """From the version `other_id` to this one: every change, and in words."""
    before, after = queries.get_version(other_id).document, queries.get_version(version_id).document
    with translation.override(language):
        words = queries.describe_differences(before, after)
    return {"changes": queries.list_changes(before, after), "words": words}


@router.get("/plans/standings", response={200: list[CountryOut], **ERRORS})
@endpoint(scope="plans:read")
def list_standings(request: HttpRequest, version_id: VersionIdText | None = None) -> list[dict[str, Any]]:
    """How the plan in force (or a version) stands under every country's law, the shop's own first. Not legal advice."""
    return [
        {
            "jurisdiction": one.jurisdiction, "name": one.name, "name_zh": one.name_zh, "is_own": one.is_own,
            "reading": one.reading.value, "rule_set": one.verdict.rule_set, "legal": one.verdict.legal,
            "upline_depth_allowed": one.caps.upline_depth_paid, "total_bp_allowed": one.caps.total_rate_bp,
            "confidence": one.confidence.value, "disclaimer": one.verdict.disclaimer,
            "broken": [
                {"clause": each.clause.value, "law": each.law, "article": each.article, "fact_id": each.fact_id or "",
                 "message": each.message, "message_zh": each.message_zh}
                for each in one.verdict.findings
            ],
        }
        for one in queries.standings_per_country(version_id, clock.now())
    ]  # fmt: skip


@router.get("/plans/suspensions", response={200: Page[SuspensionOut], **ERRORS})
@endpoint(scope="commissions:read")
def list_suspensions(
    request: HttpRequest, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> dict[str, Any]:
    """Versions that the law stopped, with the article, the latest first. Distributors see those that they earned by."""
    principal = principal_of(request)
    own = None if principal.is_any("platform", "operator", "finance", "auditor") else principal.distributor_id or 0
    return page_of(
        lambda before, count: [
            _suspension(each, own) for each in queries.list_suspensions(distributor_id=own, before=before, limit=count)
        ],
        cursor,
        limit,
        lambda each: int(each["suspension_id"]),
    )


@router.post("/plans/versions/{version_id}/publish", response={200: VersionOut, **ERRORS})
@endpoint(scope="plans:publish", write=True)
def publish_plan(request: HttpRequest, version_id: VersionIdText, body: PublishIn) -> dict[str, Any]:
    """Put an approved draft into force. Refused with the clauses when the law of the shop does not allow it."""
    commands.publish_plan(
        version_id, published_by=_actor(request), effective_from=body.effective_from, effective_on=body.effective_on
    )
    return _version(queries.get_version(version_id))


@router.post("/plans/versions/{version_id}/retire", response={200: VersionOut, **ERRORS})
@endpoint(scope="plans:publish", write=True)
def retire_plan(request: HttpRequest, version_id: VersionIdText, body: RetireIn) -> dict[str, Any]:
    """End a version without a successor."""
    commands.retire_plan(version_id, reason=body.reason, at=body.at)
    return _version(queries.get_version(version_id))


@router.get("/plans/versions", response={200: Page[VersionOut], **ERRORS})
@endpoint(scope="plans:read")
def list_versions(
    request: HttpRequest,
    plan_id: PlanIdText | None = None,
    status: VersionStatus | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Versions of one plan or of all, the latest drafted first."""
    return page_of(
        lambda before, count: [
            _version(each) for each in queries.list_versions(plan_id=plan_id, status=status, before=before, limit=count)
        ],
        cursor,
        limit,
        lambda each: int(each["version_id"]),
    )


@router.get("/plans/versions/{version_id}", response={200: VersionOut, **ERRORS})
@endpoint(scope="plans:read")
def get_version(request: HttpRequest, version_id: VersionIdText) -> dict[str, Any]:
    """One version with its document."""
    return _version(queries.get_version(version_id))


def _actor(request: HttpRequest) -> str:
    return ids.public("usr", principal_of(request).user_id)


def _version(version: PlanVersion) -> dict[str, Any]:
    kept = {name: getattr(version, name) for name in VersionOut.model_fields}
    return {**kept, "status": version.status.value, "document": outward(version.document)}


def _suspension(suspension: Suspension, own: int | None) -> dict[str, Any]:
    """Those who earned by the version need not know how many others did, nor what is drafted."""
    kept = {name: getattr(suspension, name) for name in SuspensionOut.model_fields}
    if own is not None:
        kept |= {"variant_id": None, "told_count": 1}
    return {**kept, "broken": [{name: getattr(each, name) for name in each.__slots__} for each in suspension.broken]}


def _report(report: PlanReport) -> dict[str, Any]:
    kept = {name: getattr(report, name) for name in ReportOut.model_fields}
    return {
        **kept,
        "faults": [{"path": path, "message": message} for path, message in report.faults],
        "broken": [{name: getattr(each, name) for name in each.__slots__} for each in report.broken],
    }
