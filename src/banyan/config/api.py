"""`GET /explain/{id}`: what `banyan explain` says, for the shop's staff and only about their own shop."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Path, Router, Schema

from banyan.config import explaining
from banyan.kernel.http import ErrorBody, endpoint, missing_scope, principal_of
from banyan.kernel.values.errors import Forbidden
from banyan.people.identity.types import CONSOLE_ROLES, Scope

router = Router(tags=["explain"])
ERRORS: dict[int, Any] = {401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 422: ErrorBody}
SCOPES: dict[str, Scope] = {
    "pay": Scope.PAYMENTS_READ,
    "ord": Scope.ORDERS_READ,
    "cms": Scope.COMMISSIONS_READ,
    "crv": Scope.COMMISSIONS_READ,
    "ret": Scope.RETURNS_READ,
    "rfd": Scope.PAYMENTS_READ,
    "stm": Scope.SETTLEMENTS_READ,
    "pyo": Scope.PAYOUTS_READ,
    "ent": Scope.LEDGER_READ,
}
"""What a token must carry to be told about a kind of thing, alone or in the chain of another."""
PublicIdText = Annotated[str, Path(pattern=rf"^({'|'.join(sorted(SCOPES))})_[0-9a-hjkmnp-tv-z]{{13}}$")]


class ExplainedOut(Schema):
    """One thing, why it is so, and its chain: pairs of an id and a line about it, nearest first."""

    id: str
    kind: str
    tenant: str
    facts: dict[str, Any]
    words: list[str]
    came_from: list[tuple[str, str]]
    led_to: list[tuple[str, str]]


@router.get("/explain/{public_id}", response={200: ExplainedOut, **ERRORS}, summary="What stands behind an id")
@endpoint(scope=Scope.ORDERS_READ)
def explain(request: HttpRequest, public_id: PublicIdText) -> dict[str, Any]:
    """A payment, order, commission, reversal, return, refund, statement, payout or ledger entry, from where and to where.

    For staff; kinds whose read scope the token lacks are left out of the chain. Distributors have their own commissions
    explained under /commissions.
    """
    principal = principal_of(request)
    if not principal.is_any(*CONSOLE_ROLES):
        raise Forbidden("Only the shop's staff may see this.")
    seen = {prefix for prefix, scope in SCOPES.items() if scope in principal.scopes}
    prefix = public_id.partition("_")[0]
    if prefix not in seen:
        raise missing_scope(SCOPES[prefix])
    return asdict(explaining.explain_here(public_id, seen))
