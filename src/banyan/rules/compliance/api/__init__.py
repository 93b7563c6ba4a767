"""Law over HTTP: jurisdictions and rule sets to read, a verdict to ask for, a reading to acknowledge."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router

from banyan.kernel import clock
from banyan.kernel.http import ErrorBody, Page, endpoint, page_of, principal_of, public_endpoint
from banyan.kernel.http.schemas import page_by
from banyan.kernel.values.errors import Forbidden
from banyan.people.identity.types import CONSOLE_ROLES
from banyan.rules.compliance import commands, queries
from banyan.rules.compliance.api.schemas import (
    SIGNED_ENVELOPE,
    AcknowledgedOut,
    AcknowledgementIn,
    AcknowledgementOut,
    CountryStandingOut,
    JurisdictionDetailOut,
    JurisdictionOut,
    OrganizationOut,
    PlanFactsIn,
    TakenOut,
    UpdateOut,
    VerdictOut,
    WithdrawalIn,
)
from banyan.rules.compliance.types import (
    NOT_LEGAL_ADVICE,
    Finding,
    Jurisdiction,
    LawFact,
    LawUpdate,
    PlanFacts,
    Reading,
    RuleSet,
    Verdict,
)

router = Router(tags=["compliance"])
_ERRORS: dict[int, Any] = {400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody, 422: ErrorBody}


@router.get("/compliance/jurisdictions", response={200: list[JurisdictionOut], **_ERRORS})
@endpoint(scope="compliance:read")
def list_jurisdictions(request: HttpRequest) -> list[dict[str, Any]]:
    """All jurisdictions with their dated rule sets. Not legal advice."""
    return [_jurisdiction(one) for one in queries.list_jurisdictions()]


@router.get("/compliance/jurisdictions/{code}", response={200: JurisdictionDetailOut, **_ERRORS})
@endpoint(scope="compliance:read")
def get_jurisdiction(request: HttpRequest, code: str) -> dict[str, Any]:
    """One jurisdiction with every fact: law, article, date in force, source, confidence. Not legal advice."""
    found = queries.get_jurisdiction(code)
    return {**_jurisdiction(found), "facts": [_fact(fact) for fact in found.facts]}


@router.get("/compliance/standing", response={200: CountryStandingOut, **_ERRORS})
@endpoint(scope="compliance:read")
def get_standing(request: HttpRequest) -> dict[str, Any]:
    """The reading and caps that count for this shop now."""
    return _standing()


@router.post("/compliance/verdicts", response={200: VerdictOut, **_ERRORS})
@endpoint(scope="compliance:read", write=True)
def ask_verdict(request: HttpRequest, body: PlanFactsIn) -> dict[str, Any]:
    """Judge a plan under this shop's law now, without publishing anything."""
    return _verdict(queries.judge(PlanFacts(**body.dict()), clock.now()))


@router.post(
    "/compliance/feed",
    auth=None,
    response={200: TakenOut, **_ERRORS},
    summary="Updates of the law",
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": SIGNED_ENVELOPE}}}},
)
@public_endpoint
def take_update(request: HttpRequest) -> dict[str, Any]:
    """For a feed of the law: one signed envelope as the body. Believed for its Ed25519 signature only; the same twice is one."""
    update_id = commands.receive_update(request.body)
    return {"taken": update_id is not None, "shops": commands.tell_shops(update_id) if update_id is not None else 0}


@router.get("/compliance/updates", response={200: Page[UpdateOut], **_ERRORS})
@endpoint(scope="compliance:read")
def list_updates(
    request: HttpRequest, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> dict[str, Any]:
    """Updates of the law that this installation took, the latest first."""
    return page_of(
        lambda before, count: [_update(one) for one in queries.list_updates(before=before, limit=count)],
        cursor,
        limit,
        lambda each: int(each["id"]),
    )


@router.get("/compliance/organizations", response={200: list[OrganizationOut], **_ERRORS})
@endpoint(scope="compliance:read")
def list_organizations(request: HttpRequest) -> list[dict[str, Any]]:
    """Up-and-down-line organizations at the people-and-layers line of the law, the gravest first. A warning blocks nothing."""
    if not principal_of(request).is_any(*CONSOLE_ROLES):
        raise Forbidden("Only the shop's staff may see this.")
    return [
        {name: getattr(one, name) for name in ("organizer_id", "people", "layers", "seen_at")} | {"grade": one.grade.value}
        for one in queries.list_watched()
    ]


@router.get("/compliance/acknowledgements", response={200: Page[AcknowledgementOut], **_ERRORS})
@endpoint(scope="compliance:read")
def list_acknowledgements(
    request: HttpRequest, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> dict[str, Any]:
    """Who accepted or withdrew which reading when, newest first."""
    page = page_by(
        lambda before, count: queries.list_acknowledgements(count, before=before),
        cursor,
        limit,
        lambda one: (one.accepted_at, one.id),
        (datetime, int),
    )
    items = [
        {
            "id": one.id,
            "jurisdiction": one.jurisdiction,
            "reading": one.reading.value,
            "granted": one.granted,
            "statement": one.statement,
            "accepted_by_id": one.accepted_by_id,
            "roles": list(one.roles),
            "accepted_at": one.accepted_at,
            "upline_depth_paid": one.numbers.upline_depth_paid,
            "total_rate_bp": one.numbers.total_rate_bp,
        }
        for one in page["items"]
    ]
    return {**page, "items": items}


@router.post("/compliance/acknowledgements", response={200: AcknowledgedOut, **_ERRORS})
@endpoint(scope="compliance:acknowledge", write=True)
def acknowledge_reading(request: HttpRequest, body: AcknowledgementIn) -> dict[str, Any]:
    """Accept a reading for this shop from now on. Operators only; the row can never be changed."""
    row_id = commands.acknowledge_reading(
        body.reading,
        principal_of(request).user_id,
        body.statement,
        upline_depth_paid=body.upline_depth_paid,
        total_rate_bp=body.total_rate_bp,
    )
    return {"acknowledgement_id": row_id, "standing": _standing()}


@router.post("/compliance/withdrawals", response={200: AcknowledgedOut, **_ERRORS})
@endpoint(scope="compliance:acknowledge", write=True)
def withdraw_reading(request: HttpRequest, body: WithdrawalIn) -> dict[str, Any]:
    """Go back to the letter of the law from now on."""
    row_id = commands.withdraw_reading(principal_of(request).user_id, body.reason)
    return {"acknowledgement_id": row_id, "standing": _standing()}


def _standing() -> dict[str, Any]:
    now = clock.now()
    rules = queries.rule_set_at(now)
    caps = queries.caps_at(now)
    statements = {one: queries.reading_statements(one, now) for one in (Reading.PRACTICE, Reading.COUNSEL)}
    return {
        "jurisdiction": rules.jurisdiction if rules else "",
        "reading": rules.reading.value if rules else "none",
        "rule_set": caps.rule_set,
        "upline_depth_paid": caps.upline_depth_paid,
        "total_rate_bp": caps.total_rate_bp,
        "simulation": queries.is_simulation(),
        "statements": {one.value: {"en": en, "zh": zh} for one, (en, zh) in statements.items() if en},
    }


def _jurisdiction(one: Jurisdiction) -> dict[str, Any]:
    return {
        "code": one.code,
        "name": one.name,
        "name_zh": one.name_zh,
        "compiled": one.compiled,
        "warning": one.warning,
        "disclaimer": NOT_LEGAL_ADVICE,
        "rule_sets": [_rule_set(rules) for rules in one.rule_sets],
    }


def _rule_set(rules: RuleSet) -> dict[str, Any]:
    return {
        "id": rules.id,
        "jurisdiction": rules.jurisdiction,
        "reading": rules.reading.value,
        "is_law": rules.is_law,
        "title": rules.title,
        "title_zh": rules.title_zh,
        "effective_from": rules.effective_from,
        "effective_to": rules.effective_to,
        "upline_depth_paid": rules.upline_depth_paid.number,
        "total_rate_bp": rules.total_rate_bp.number,
        "recruitment_pay": rules.recruitment_pay.rule.value,
        "entry_fee": rules.entry_fee.rule.value,
        "starter_purchase": rules.starter_purchase.rule.value,
        "network_marketing": rules.network_marketing.rule.value,
        "team_pay": rules.team_pay.rule.value,
        "registration": rules.registration.rule.value,
        "note": rules.note,
        "note_zh": rules.note_zh,
        "statement": rules.statement,
        "statement_zh": rules.statement_zh,
    }


def _fact(fact: LawFact) -> dict[str, Any]:
    return {
        "id": fact.id,
        "key": fact.key,
        "value": fact.value,
        "law": fact.law,
        "article": fact.article,
        "in_force": fact.in_force,
        "source": fact.source,
        "confidence": fact.confidence.value,
        "text": fact.text,
        "regime": fact.regime,
    }


def _update(one: LawUpdate) -> dict[str, Any]:
    return {**{name: getattr(one, name) for name in UpdateOut.model_fields}, "way": one.way.value}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "legal": verdict.legal,
        "rule_set": verdict.rule_set,
        "findings": [_finding(one) for one in verdict.findings],
        "notes": [_finding(one) for one in verdict.notes],
        "disclaimer": verdict.disclaimer,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "clause": finding.clause.value,
        "law": finding.law,
        "article": finding.article,
        "fact_id": finding.fact_id,
        "message": finding.message,
        "message_zh": finding.message_zh,
        "text": finding.text,
        "confidence": finding.confidence.value,
    }
