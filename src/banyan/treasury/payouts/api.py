"""Payouts over HTTP. A distributor sees the own ones and fetches what the own client needs to confirm."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Path, Query, Router, Schema

from banyan.kernel.http import ErrorBody, Page, PublicId, endpoint, page_of, principal_of, public_endpoint
from banyan.people.identity.types import OWN_ROWS_ROLES, Scope
from banyan.treasury.payouts import commands, queries
from banyan.treasury.payouts.types import Payout, PayoutState

router = Router(tags=["payouts"])
ERRORS: dict[int, Any] = {400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody, 422: ErrorBody}
PayoutIdOut = Annotated[int, PublicId("pyo")]
DistributorIdOut = Annotated[int, PublicId("dst")]
StatementIdOut = Annotated[int, PublicId("stm")]
Limit = Annotated[int, Query(ge=1, le=200)]
ChannelName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class PayoutOut(Schema):
    """A payout. Amounts in minor units. The receiver's account is never shown."""

    id: PayoutIdOut
    distributor_id: DistributorIdOut
    statement_id: StatementIdOut
    channel: str
    out_bill_no: str
    reference: str
    state: PayoutState
    amount_minor: int
    currency: str
    failure_code: str
    failure: str
    held_reason: str
    requested_at: datetime
    submitted_at: datetime | None
    confirm_by: datetime | None
    ended_at: datetime | None


class ConfirmationOut(Schema):
    """What the receiver's client hands to the channel's software to confirm, unchanged."""

    confirm_package: str
    confirm_by: datetime | None


class CancelIn(Schema):
    """Why the payout is taken back."""

    reason: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]


class PayoutReceivedOut(Schema):
    """The word by which a channel knows that it need not repeat the notice."""

    code: str = "SUCCESS"
    message: str = "OK"


def _shown(payout: Payout) -> dict[str, Any]:
    names = [name for name in PayoutOut.model_fields if name != "id"]
    return {"id": payout.payout_id} | {name: getattr(payout, name) for name in names}


def _own(request: HttpRequest) -> int | None:
    """The distributor whose payouts alone are shown (0: none at all), or None for the shop's people."""
    principal = principal_of(request)
    return (principal.distributor_id or 0) if principal.roles <= OWN_ROWS_ROLES else None


@router.get("/payouts", response={200: Page[PayoutOut], **ERRORS}, summary="Payouts")
@endpoint(scope=Scope.PAYOUTS_READ)
def list_payouts(
    request: HttpRequest,
    cursor: str | None = None,
    limit: Limit = 50,
    distributor_id: Annotated[DistributorIdOut | None, Query()] = None,
    statement_id: Annotated[StatementIdOut | None, Query()] = None,
    state: PayoutState | None = None,
) -> dict[str, Any]:
    """Latest first. A distributor gets the own ones."""
    own = _own(request)
    whose = distributor_id if own is None else own
    hidden = own is not None and distributor_id not in (None, own)

    def fetch(before: int | None, count: int) -> list[Payout]:
        if hidden:
            return []
        return queries.list_payouts(distributor_id=whose, statement_id=statement_id, state=state, before=before, limit=count)

    page = page_of(fetch, cursor, limit, lambda payout: payout.payout_id)
    return {**page, "items": [_shown(payout) for payout in page["items"]]}


@router.get("/payouts/{payout_id}", response={200: PayoutOut, **ERRORS}, summary="One payout")
@endpoint(scope=Scope.PAYOUTS_READ)
def get_payout(request: HttpRequest, payout_id: PayoutIdOut) -> dict[str, Any]:
    """404 for other people's."""
    return _shown(queries.get_payout(payout_id, distributor_id=_own(request)))


@router.get("/payouts/{payout_id}/confirmation", response={200: ConfirmationOut, **ERRORS}, summary="Confirm a payout")
@endpoint(scope=Scope.PAYOUTS_READ)
def get_confirmation(request: HttpRequest, payout_id: PayoutIdOut) -> dict[str, Any]:
    """For the receiver alone: nobody else can confirm, and nobody else gets the package."""
    distributor_id = principal_of(request).distributor_id or 0
    package = queries.get_confirm_package(payout_id, distributor_id)
    return {"confirm_package": package, "confirm_by": queries.get_payout(payout_id).confirm_by}


@router.post("/payouts/{payout_id}/submit", response={200: PayoutOut, **ERRORS}, summary="Submit now")
@endpoint(scope=Scope.PAYOUTS_SUBMIT, write=True)
def submit(request: HttpRequest, payout_id: PayoutIdOut) -> dict[str, Any]:
    """Have the job take it up at once instead of when it is due. 409 when it has ended."""
    commands.bring_forward([payout_id])
    return _shown(queries.get_payout(payout_id))


@router.post("/payouts/{payout_id}/cancel", response={200: PayoutOut, **ERRORS}, summary="Take a payout back")
@endpoint(scope=Scope.PAYOUTS_SUBMIT, write=True)
def cancel(request: HttpRequest, payout_id: PayoutIdOut, body: CancelIn) -> dict[str, Any]:
    """At once where the channel was never asked, else as soon as the channel agrees. 409 when it has ended."""
    commands.cancel_payouts([payout_id], body.reason)
    return _shown(queries.get_payout(payout_id))


@router.post(
    "/payouts/notify/{channel}/{tenant_id}",
    auth=None,
    response={200: PayoutReceivedOut, **ERRORS, 503: ErrorBody},
    summary="Notices of a payout channel",
)
@public_endpoint
def notify(request: HttpRequest, channel: ChannelName, tenant_id: Annotated[int, PublicId("tnt")]) -> PayoutReceivedOut:
    """For payout channels. The body is verified by the channel's adapter with the tenant's own credentials."""
    commands.take_notice(tenant_id, channel, request.headers, request.body)
    return PayoutReceivedOut()
