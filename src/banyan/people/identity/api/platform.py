"""The platform's people: opening shops, seeing which there are, entering one."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Status

from banyan.kernel import clock, tenancy
from banyan.kernel.http import Page, endpoint, keep_nowhere, page_of, principal_of
from banyan.people.identity import commands
from banyan.people.identity.api.schemas import ERRORS, OpenedShopOut, ShopIn, ShopOut, TokenOut, VisitIn
from banyan.people.identity.types import NewShop, Scope, UserId

router = Router(tags=["identity"])


def _shop_out(shop: tenancy.Tenant) -> dict[str, Any]:
    return {name: getattr(shop, name) for name in ShopOut.model_fields}


@router.get("/platform/shops", response={200: Page[ShopOut], **ERRORS}, summary="Shops of this installation")
@endpoint(scope=Scope.TENANTS_READ)
def list_shops(
    request: HttpRequest, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> dict[str, Any]:
    """Newest first; the platform's own tenant is one of them. For the platform's own people only."""
    commands.require_platform(UserId(principal_of(request).user_id))
    page = page_of(tenancy.list_tenants, cursor, limit, lambda shop: int(shop.id))
    return {**page, "items": [_shop_out(shop) for shop in page["items"]]}


@router.post("/platform/shops", response={201: OpenedShopOut, **ERRORS}, summary="Open a shop")
@endpoint(scope=Scope.TENANTS_WRITE, write=True)
def open_shop(request: HttpRequest, response: HttpResponse, body: ShopIn) -> Status[dict[str, Any]]:
    """A shop with its first operator, who registers everybody else. For the platform's own people only.

    The shop is open as soon as it is made: a request repeated after a lost answer is told `slug_taken` or `shown_once`;
    enter the shop then and set the operator's password anew.
    """
    opened = commands.open_shop(NewShop(**body.dict()), UserId(principal_of(request).user_id))
    keep_nowhere(response)
    return Status(201, {**_shop_out(tenancy.get_tenant(opened.tenant_id)), "login": opened.login, "password": opened.password})


@router.post("/platform/visits", response={201: TokenOut, **ERRORS}, summary="Enter a shop as the platform")
@endpoint(scope=Scope.TENANTS_READ, write=True)
def visit(request: HttpRequest, response: HttpResponse, body: VisitIn) -> Status[dict[str, Any]]:
    """A token of one hour that works in that shop. The visit and its reason stand in the shop's own audit log."""
    token = commands.issue_visit_token(UserId(principal_of(request).user_id), body.shop, body.reason)
    keep_nowhere(response)
    return Status(201, {"token": token, "expires_at": clock.now() + commands.VISIT_TOKEN_LIFE})
