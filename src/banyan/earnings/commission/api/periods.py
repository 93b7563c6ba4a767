"""Who holds which region, and which periods are closed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema
from pydantic import AwareDatetime

from banyan.earnings.commission import commands, queries
from banyan.earnings.commission.api.schemas import ClosingIdText, DistributorIdText, VersionIdText
from banyan.earnings.commission.types import RegionalPartner
from banyan.kernel.http import ErrorBody, Page, PublicId, endpoint, page_of
from banyan.people.distributors.types import DistributorId

router = Router()
ERRORS: dict[int, Any] = {400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody, 422: ErrorBody}
PartnerIdText = Annotated[int, PublicId("rpt")]
RegionText = Annotated[str, Field(pattern=r"^\d{2}(\d{2}(\d{2})?)?$")]


class AppointIn(Schema):
    """Give a region (adcode of a province, city or district) to a distributor; `at` null: from now on."""

    region: RegionText
    distributor_id: DistributorIdText
    at: AwareDatetime | None = None


class EndIn(Schema):
    """`at` null: now."""

    at: AwareDatetime | None = None


class PartnerOut(Schema):
    """Who holds a region, in [valid_from, valid_to)."""

    partner_id: PartnerIdText
    region: str
    distributor_id: DistributorIdText
    valid_from: datetime
    valid_to: datetime | None


class ClosingOut(Schema):
    """A period closed for one plan version: what its rewards pay, and by how much orders' commission went up and down.
    Not `is_final`: the period still ran, and its rewards are accrued provisionally up to `end_at`."""

    closing_id: ClosingIdText
    plan_version_id: VersionIdText
    period: str
    start_at: datetime
    end_at: datetime
    closed_at: datetime
    currency: str
    order_count: int
    reward_minor: int
    raised_minor: int
    lowered_minor: int
    is_final: bool


@router.get("/plans/regional-partners", response={200: Page[PartnerOut], **ERRORS})
@endpoint(scope="plans:read")
def list_partners(
    request: HttpRequest,
    region: RegionText | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Appointments of regional partners, the latest first, those that ended too."""
    return page_of(
        lambda before, count: [_partner(each) for each in queries.list_partners(region_code=region, before=before, limit=count)],
        cursor,
        limit,
        lambda each: int(each["partner_id"]),
    )


@router.post("/plans/regional-partners", response={200: PartnerOut, **ERRORS})
@endpoint(scope="plans:write", write=True)
def appoint_partner(request: HttpRequest, body: AppointIn) -> dict[str, Any]:
    """Give a region to a distributor. Refused while somebody holds it; earlier orders keep what was frozen."""
    commands.appoint_partner(body.region, DistributorId(body.distributor_id), body.at)
    return _partner(queries.list_partners(region_code=body.region, limit=1)[0])


@router.post("/plans/regional-partners/{partner_id}/end", response={200: PartnerOut, **ERRORS})
@endpoint(scope="plans:write", write=True)
def end_partner(request: HttpRequest, partner_id: PartnerIdText, body: EndIn) -> dict[str, Any]:
    """End an appointment."""
    commands.end_partner(partner_id, body.at)
    return _partner(queries.list_partners(before=partner_id + 1, limit=1)[0])


@router.get("/plans/closings", response={200: Page[ClosingOut], **ERRORS})
@endpoint(scope="plans:read")
def list_closings(
    request: HttpRequest, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> dict[str, Any]:
    """Closed periods, and running ones as far as they were provided for; the latest first."""
    return page_of(
        lambda before, count: [
            {name: getattr(each, name) for name in ClosingOut.model_fields}
            for each in queries.list_closings(before=before, limit=count)
        ],
        cursor,
        limit,
        lambda each: int(each["closing_id"]),
    )


def _partner(partner: RegionalPartner) -> dict[str, Any]:
    return {
        "partner_id": partner.partner_id,
        "region": partner.region_code,
        "distributor_id": partner.distributor_id,
        "valid_from": partner.valid_from,
        "valid_to": partner.valid_to,
    }
