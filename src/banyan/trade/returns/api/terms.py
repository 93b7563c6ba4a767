"""The terms of return over HTTP: everybody of the shop may read them, operators set them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Router, Schema

from banyan.kernel.http import ErrorBody, Principal, PublicId, endpoint, principal_of
from banyan.kernel.values.errors import Forbidden
from banyan.people.distributors.types import Tier
from banyan.people.identity.types import Role
from banyan.trade.returns import commands, queries
from banyan.trade.returns.types import (
    Address,
    AddressRule,
    Exclusion,
    ExclusionKind,
    Fault,
    FreightRule,
    Mode,
    Reason,
    ReturnPolicy,
    ReviewTerms,
    StatutoryReturn,
)

router = Router(tags=["returns"])
ERRORS: dict[int, Any] = {400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody, 422: ErrorBody}
Days = Annotated[int, Field(ge=0, le=3650)]
Amount = Annotated[int, Field(ge=0, le=10**15)]
Text = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00]*$")]


class ReviewIO(Schema):
    """Whose returns need nobody's approval. Amounts in minor units, a share in basis points; risk always overrides."""

    automatic_tiers: Annotated[list[Tier], Field(max_length=5)] = [Tier.DIAMOND]
    trusted_below_minor: Amount = 0
    claims_below_minor: Amount = 0
    newcomer_orders: Annotated[int, Field(ge=0, le=1_000_000)] = 3
    risky_share_bp: Annotated[int, Field(ge=0, le=10_000)] = 5_000
    risky_orders: Annotated[int, Field(ge=1, le=1_000_000)] = 4


class PolicyIO(Schema):
    """The shop's terms of return. Days count from the day after receipt; the longer of these, the tier's and the law's counts."""

    days_after_receipt: Days
    freight_rule: FreightRule
    days_by_tier: dict[Tier, Days] = {}
    send_back_days: Annotated[int, Field(ge=1, le=3650)] = 7
    difference_days: Annotated[int, Field(ge=1, le=3650)] = 3
    review: ReviewIO = ReviewIO()


class ReasonIO(Schema):
    """One reason that a buyer may give. `fault` says who bears the freight; `modes` empty: for every kind of return."""

    code: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[^\x00]*$")]
    name_zh: Text
    name_en: Text
    fault: Fault = Fault.BUYER
    needs_photos: bool = False
    is_no_reason: bool = False
    modes: Annotated[list[Mode], Field(max_length=5)] = []
    is_active: bool = True


class ReasonsIO(Schema):
    """The catalogue in its order."""

    reasons: Annotated[list[ReasonIO], Field(max_length=200)]


class ExclusionIO(Schema):
    """A category without statutory return, by one of the law's grounds."""

    category_id: Annotated[int, PublicId("cat")]
    kind: ExclusionKind


class ExclusionsIO(Schema):
    """All of them."""

    exclusions: Annotated[list[ExclusionIO], Field(max_length=200)]


class AddressIO(Schema):
    """An address and the goods that go there: everything that is set must fit; the most specific rule wins."""

    name: Text
    phone: Annotated[str, Field(max_length=40, pattern=r"^[^\x00]*$")]
    address: Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00]*$")]
    warehouse_id: Annotated[int, PublicId("whs")] | None = None
    priority: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    category_id: Annotated[int, PublicId("cat")] | None = None
    mode: Mode | None = None
    region_code: Annotated[str, Field(max_length=6, pattern=r"^[0-9]*$")] = ""


class AddressesIO(Schema):
    """All of them."""

    addresses: Annotated[list[AddressIO], Field(max_length=200)]


class LawOut(Schema):
    """What the law gives a buyer at a distance, with where it is written. Not legal advice."""

    rule_id: str
    jurisdiction: str
    effective_from: date
    days: int
    refund_days: int
    law: str
    article: str
    source: str
    confidence: str
    text: str
    exclusions: list[ExclusionKind]


class LawsOut(Schema):
    """By date; empty where the compilation knows nothing of the shop's jurisdiction."""

    rules: list[LawOut]


def _operators(principal: Principal) -> None:
    if not principal.is_any(Role.OPERATOR, Role.PLATFORM):
        raise Forbidden("Your role does not decide this.", roles=[Role.OPERATOR.value, Role.PLATFORM.value])


@router.get("/returns/policy", response={200: PolicyIO, **ERRORS}, summary="Read the terms of return")
@endpoint(scope="returns:read")
def get_policy(request: HttpRequest) -> dict[str, Any]:
    """The shop's terms."""
    return _shown(queries.get_policy())


@router.put("/returns/policy", response={200: PolicyIO, **ERRORS}, summary="Set the terms of return")
@endpoint(scope="returns:review", write=True)
def set_policy(request: HttpRequest, body: PolicyIO) -> dict[str, Any]:
    """Replace the shop's terms; they hold for requests and freight from now on."""
    _operators(principal_of(request))
    review = body.review
    policy = ReturnPolicy(
        days_after_receipt=body.days_after_receipt,
        freight_rule=body.freight_rule,
        days_by_tier=tuple((tier, body.days_by_tier[tier]) for tier in Tier if tier in body.days_by_tier),
        send_back_days=body.send_back_days,
        difference_days=body.difference_days,
        review=ReviewTerms(
            tuple(dict.fromkeys(review.automatic_tiers)), review.trusted_below_minor, review.claims_below_minor,
            review.newcomer_orders, review.risky_share_bp, review.risky_orders,
        ),
    )  # fmt: skip
    return _shown(commands.set_policy(policy))


def _shown(policy: ReturnPolicy) -> dict[str, Any]:
    review = policy.review
    return {
        "days_after_receipt": policy.days_after_receipt,
        "freight_rule": policy.freight_rule,
        "days_by_tier": dict(policy.days_by_tier),
        "send_back_days": policy.send_back_days,
        "difference_days": policy.difference_days,
        "review": {
            "automatic_tiers": list(review.automatic_tiers),
            "trusted_below_minor": review.trusted_below_minor,
            "claims_below_minor": review.claims_below_minor,
            "newcomer_orders": review.newcomer_orders,
            "risky_share_bp": review.risky_share_bp,
            "risky_orders": review.risky_orders,
        },
    }


@router.get("/returns/law", response={200: LawsOut, **ERRORS}, summary="What the law gives")
@endpoint(scope="returns:read")
def get_law(request: HttpRequest) -> dict[str, list[StatutoryReturn]]:
    """The statutory returns of the shop's jurisdiction, with article and source."""
    return {"rules": list(queries.statutory_returns())}


@router.get("/returns/reasons", response={200: ReasonsIO, **ERRORS}, summary="Why something may be returned")
@endpoint(scope="returns:read")
def get_reasons(request: HttpRequest) -> dict[str, list[Reason]]:
    """The shop's catalogue of reasons, in its order."""
    return {"reasons": queries.list_reasons()}


@router.put("/returns/reasons", response={200: ReasonsIO, **ERRORS}, summary="Set the reasons")
@endpoint(scope="returns:review", write=True)
def set_reasons(request: HttpRequest, body: ReasonsIO) -> dict[str, list[Reason]]:
    """Replace the catalogue; an empty one brings the usual reasons back. Returns keep what they were asked for."""
    _operators(principal_of(request))
    commands.set_reasons(
        [
            Reason(
                one.code, one.name_zh, one.name_en, one.fault.value, one.needs_photos, one.is_no_reason,
                tuple(mode.value for mode in one.modes), one.is_active,
            )
            for one in body.reasons
        ]
    )  # fmt: skip
    return {"reasons": queries.list_reasons()}


@router.get("/returns/exclusions", response={200: ExclusionsIO, **ERRORS}, summary="Goods without statutory return")
@endpoint(scope="returns:read")
def get_exclusions(request: HttpRequest) -> dict[str, list[Exclusion]]:
    """Categories that the statutory return leaves out, each by one of the law's grounds."""
    return {"exclusions": queries.list_exclusions()}


@router.put("/returns/exclusions", response={200: ExclusionsIO, **ERRORS}, summary="Set goods without statutory return")
@endpoint(scope="returns:review", write=True)
def set_exclusions(request: HttpRequest, body: ExclusionsIO) -> dict[str, list[Exclusion]]:
    """Replace them. Faulty or wrong goods of these categories can be returned all the same."""
    _operators(principal_of(request))
    commands.set_exclusions([Exclusion(one.category_id, one.kind) for one in body.exclusions])
    return {"exclusions": queries.list_exclusions()}


@router.get("/returns/addresses", response={200: AddressesIO, **ERRORS}, summary="Where goods are sent back to")
@endpoint(scope="returns:review")
def get_addresses(request: HttpRequest) -> dict[str, Any]:
    """The return addresses and their rules; buyers are shown theirs on the approved return."""
    _operators(principal_of(request))
    return _addresses()


@router.put("/returns/addresses", response={200: AddressesIO, **ERRORS}, summary="Set return addresses")
@endpoint(scope="returns:review", write=True)
def set_addresses(request: HttpRequest, body: AddressesIO) -> dict[str, Any]:
    """Replace them; returns that were approved before keep theirs."""
    _operators(principal_of(request))
    commands.set_address_rules(
        [
            AddressRule(
                Address(one.name, one.phone, one.address, one.warehouse_id), one.priority, one.category_id,
                one.mode.value if one.mode else "", one.region_code,
            )
            for one in body.addresses
        ]
    )  # fmt: skip
    return _addresses()


def _addresses() -> dict[str, Any]:
    return {
        "addresses": [
            {
                "name": rule.address.name, "phone": rule.address.phone, "address": rule.address.address,
                "warehouse_id": rule.address.warehouse_id, "priority": rule.priority, "category_id": rule.category_id,
                "mode": rule.mode or None, "region_code": rule.region_code,
            }
            for rule in queries.list_address_rules()
        ]
    }  # fmt: skip
