"""Commissions: a distributor sees his own with the reason in words; finance, operators and auditors see all."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import translation
from ninja import Query, Router, Schema

from banyan.earnings.commission import queries
from banyan.earnings.commission.api.plans import ERRORS
from banyan.earnings.commission.api.schemas import (
    AnswerOut,
    ArrivalOut,
    BandOut,
    CommissionIdText,
    CommissionOut,
    CommissionPostingOut,
    CutOut,
    DistributorIdText,
    ExplanationOut,
    LegalOut,
    MomentOut,
    OrderIdText,
    PeriodMemberOut,
    ReasonStepOut,
    ReversalOut,
    SkippedOut,
    TotalsOut,
)
from banyan.earnings.commission.queries import outward
from banyan.earnings.commission.types import Commission, Explanation
from banyan.kernel.http import Page, endpoint, page_of, principal_of
from banyan.kernel.values.errors import Invalid, NotFound
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.types import DistributorId
from banyan.trade.attribution import queries as attribution
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import OrderId

router = Router()
SEES_ALL = ("platform", "operator", "finance", "auditor")


@router.get("/commissions", response={200: Page[CommissionOut], **ERRORS})
@endpoint(scope="commissions:read")
def list_commissions(
    request: HttpRequest,
    payee_id: DistributorIdText | None = None,
    order_id: OrderIdText | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Commissions, the latest first; of one payee or one order when named. Distributors get their own."""
    own = _own(request)
    if own is not None and payee_id not in (None, own):
        raise NotFound("No such distributor.")
    payee = payee_id if own is None else own
    return page_of(
        lambda before, count: [
            _commission(each) for each in queries.list_commissions(payee_id=payee, order_id=order_id, before=before, limit=count)
        ],
        cursor,
        limit,
        lambda each: int(each["commission_id"]),
    )


@router.get("/commissions/totals/{payee_id}", response={200: list[TotalsOut], **ERRORS})
@endpoint(scope="commissions:read")
def get_totals(request: HttpRequest, payee_id: DistributorIdText) -> list[dict[str, Any]]:
    """A payee's sums by currency."""
    if _own(request) not in (None, payee_id):
        raise NotFound("No such distributor.")
    distributors.get_distributor(DistributorId(payee_id))  # nobody's sums are no empty list
    return [_fields(TotalsOut, each) for each in queries.totals([payee_id])]


@router.get("/commissions/{commission_id}", response={200: CommissionOut, **ERRORS})
@endpoint(scope="commissions:read")
def get_commission(request: HttpRequest, commission_id: CommissionIdText) -> dict[str, Any]:
    """One commission."""
    return _commission(queries.get_commission(commission_id, payee_id=_own(request)))


@router.get("/commissions/{commission_id}/explanation", response={200: ExplanationOut, **ERRORS})
@endpoint(scope="commissions:read")
def explain(request: HttpRequest, commission_id: CommissionIdText) -> dict[str, Any]:
    """Why this person was paid this amount, computed again from what was frozen at payment."""
    return _explanation(queries.explain(commission_id, payee_id=_own(request)))


@router.get("/commissions/orders/{order_id}/answer", response={200: AnswerOut, **ERRORS})
@endpoint(scope="commissions:read")
def answer(
    request: HttpRequest,
    order_id: OrderIdText,
    distributor_id: DistributorIdText | None = None,
    language: Literal["zh-hans", "en"] = "zh-hans",
) -> dict[str, Any]:
    """Why this order pays somebody, does not pay him, or not yet: also for orders that earned him nothing.

    Distributors ask for themselves, and only about orders that they stood in the line of; staff name the person.
    """
    own = _own(request)
    wanted = own if own is not None else distributor_id
    if wanted is None:
        raise Invalid("Name the distributor.", field="distributor_id")
    if own is not None and (distributor_id not in (None, own) or not _concerns(order_id, own)):
        raise NotFound("No such order.")
    if own is None:
        orders.get_order(OrderId(order_id))
        distributors.get_distributor(DistributorId(wanted))
    with translation.override(language):
        found = queries.answer_for(order_id, wanted)
    return {**_fields(AnswerOut, found), "reasons": list(found.reasons), "words": list(found.words)}


@router.get("/commissions/moments/{distributor_id}", response={200: MomentOut, **ERRORS})
@endpoint(scope="commissions:read")
def moment(request: HttpRequest, distributor_id: DistributorIdText, at: datetime) -> dict[str, Any]:
    """Tree, plan, tier, law and balances of a person as of any past moment. Distributors see their own, without the upline."""
    own = _own(request)
    if own not in (None, distributor_id):
        raise NotFound("No such distributor.")
    if at.tzinfo is None:
        raise Invalid("The moment needs its offset from UTC.", field="at")
    found = queries.moment_of(distributor_id, at)
    version = found.version
    return {
        "distributor_id": found.distributor_id, "at": found.at, "tier": found.tier, "status": found.status,
        "upline": [] if own is not None else list(found.upline), "balances": dict(found.balances),
        "plan": version.name if version is not None else None,
        "version_id": version.version_id if version is not None else None,
        "rule_set": found.caps.rule_set, "upline_depth_allowed": found.caps.upline_depth_paid,
        "total_bp_allowed": found.caps.total_rate_bp,
    }  # fmt: skip


def _concerns(order_id: int, distributor_id: int) -> bool:
    """Whether somebody stood in the frozen line of an order, or bought it as a distributor, or earned by it."""
    found = attribution.frozen([order_id]).get(order_id)
    if found is None:
        return False
    line = {*(each.distributor_id for each in found.upline), found.buyer_distributor_id}
    return distributor_id in line or any(
        each.payee_id == distributor_id for each in queries.list_for_orders([order_id]).get(order_id, [])
    )


def _own(request: HttpRequest) -> int | None:
    """None for those who see all; else the caller's own distributor id, or 0, which is nobody's."""
    principal = principal_of(request)
    return None if principal.is_any(*SEES_ALL) else principal.distributor_id or 0


def _fields(schema: type[Schema], value: Any, **changes: Any) -> dict[str, Any]:
    return {**{name: getattr(value, name) for name in schema.model_fields if name not in changes}, **changes}


def _commission(commission: Commission) -> dict[str, Any]:
    told = _fields(CommissionOut, commission, kind=commission.kind.value, hold=commission.hold.value)
    return told if commission.closing_id is None else told | {"order_id": None, "line_id": None}


def _explanation(explanation: Explanation) -> dict[str, Any]:
    trace, commission = explanation.decision.trace, explanation.commission
    steps = [
        _fields(ReasonStepOut, each, bands=[_fields(BandOut, band) for band in each.bands])
        for each in trace.evaluations
        if (each.rule_key, each.line_id, each.payee_id) == (commission.rule_key, commission.line_id, commission.payee_id)
    ]
    return {
        "commission": _commission(commission),
        "words": list(explanation.words),
        "arrival": _fields(ArrivalOut, explanation.arrival) if explanation.arrival is not None else None,
        "plan": explanation.version.name,
        "plan_version": explanation.version.number,
        "version_id": explanation.version.version_id,
        "rule_title": explanation.rule_title,
        "rule": outward(explanation.rule),
        "upline": [_fields(PeriodMemberOut, each) for each in explanation.decision.upline],
        "skipped": [_fields(SkippedOut, each, reason=each.reason.value) for each in explanation.skipped],
        "steps": steps,
        "cuts": [_fields(CutOut, each) for each in trace.cuts],
        "legal": _fields(LegalOut, explanation.legal),
        "rounding": trace.rounding,
        "agrees": explanation.decision.agrees,
        "reversals": [_fields(ReversalOut, each, cause=each.cause.value) for each in explanation.reversals],
        "postings": [_fields(CommissionPostingOut, each) for each in explanation.postings],
        "siblings": [_commission(each) for each in explanation.siblings],
    }
