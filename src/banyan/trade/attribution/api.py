"""Sharing links over HTTP: a distributor makes and sees the own ones; anybody may look up what a token shows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Router, Schema

from banyan.goods.catalog.queries import get_product
from banyan.goods.catalog.types import ProductId
from banyan.kernel.http import ErrorBody, Page, PublicId, endpoint, page_of, principal_of
from banyan.kernel.values.errors import Conflict, NotFound
from banyan.people.distributors.queries import list_distributors_by_ids
from banyan.people.distributors.types import DistributorId
from banyan.trade.attribution import commands, queries
from banyan.trade.attribution.types import Link, NewLink, Policy

router = Router(tags=["attribution"])
_ERRORS: dict[int, Any] = {400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody, 422: ErrorBody}
ProductRef = Annotated[int, PublicId("prd")]
Token = Annotated[str, Field(min_length=1, max_length=20, pattern=r"^[0-9a-z]+$")]


class NotADistributor(Conflict):
    """Only distributors have links and codes."""

    code = "not_a_distributor"
    advice = "Apply to become a distributor first."


class LinkIn(Schema):
    """A link to make; without a product it shows the whole shop."""

    product_id: ProductRef | None = None


class LinkOut(Schema):
    """An own link. ``token`` goes into the address ``/s/<token>`` or is passed on by hand."""

    token: str
    product_id: ProductRef | None
    created_at: datetime
    click_count: int


class ReferralCodeOut(Schema):
    """The caller's own referral code."""

    code: str


class LinkTargetOut(Schema):
    """What a token shows; whose it is stays private."""

    token: str
    product_id: ProductRef | None


class AttributionPolicyBody(Schema):
    """Whether distributors may refer themselves (自购)."""

    self_purchase: bool


def _own(request: HttpRequest) -> DistributorId:
    distributor_id = principal_of(request).distributor_id
    if distributor_id is None:
        raise NotADistributor("The caller is not a distributor.")
    return DistributorId(distributor_id)


def _link(link: Link) -> dict[str, Any]:
    return {"token": link.token, "product_id": link.product_id, "created_at": link.created_at, "click_count": link.click_count}


@router.get("/links", response={200: Page[LinkOut], **_ERRORS})
@endpoint(scope="network:read")
def list_links(request: HttpRequest, cursor: str | None = None, limit: int = 50) -> Any:
    """The caller's own links with their clicks, newest first."""
    own = _own(request)
    page = page_of(lambda before, count: queries.list_links(own, before, count), cursor, limit, lambda link: link.link_id)
    return page | {"items": [_link(link) for link in page["items"]]}


@router.post("/links", response={201: LinkOut, **_ERRORS})
@endpoint(scope="network:bind", write=True)
def create_link(request: HttpRequest, body: LinkIn) -> Any:
    """Make a link for a product or the whole shop; asking again answers the same link."""
    own = _own(request)
    if body.product_id is not None:
        get_product(ProductId(body.product_id))
    return 201, _link(commands.create_links([NewLink(own, body.product_id)])[0])


@router.get("/links/code", response={200: ReferralCodeOut, **_ERRORS})
@endpoint(scope="network:read")
def get_code(request: HttpRequest) -> Any:
    """The caller's own referral code."""
    own = _own(request)
    return {"code": list_distributors_by_ids([own])[own].code}


@router.get("/links/{token}", response={200: LinkTargetOut, **_ERRORS})
@endpoint(scope="catalog:read")
def get_link(request: HttpRequest, token: Token) -> Any:
    """What a token shows."""
    link = queries.find_links([token]).get(token)
    if link is None:
        raise NotFound("No such link.")
    return {"token": link.token, "product_id": link.product_id}


@router.post("/links/{token}/clicks", response={204: None, **_ERRORS})
@endpoint(scope="me:write", write=True)
def record_click(request: HttpRequest, token: Token) -> Any:
    """Tell that the caller opened a link."""
    if not commands.record_clicks([(token, str(principal_of(request).user_id))]):
        raise NotFound("No such link.")
    return 204, None


@router.get("/attribution/policy", response={200: AttributionPolicyBody, **_ERRORS})
@endpoint(scope="network:read")
def get_policy(request: HttpRequest) -> Any:
    """The shop's rules of attribution."""
    return {"self_purchase": queries.get_policy().self_purchase}


@router.put("/attribution/policy", response={200: AttributionPolicyBody, **_ERRORS})
@endpoint(scope="network:write", write=True)
def set_policy(request: HttpRequest, body: AttributionPolicyBody) -> Any:
    """Change the shop's rules of attribution; orders placed before keep what was recorded."""
    commands.set_policy(Policy(body.self_purchase))
    return {"self_purchase": body.self_purchase}
