"""Payments and refunds over HTTP, and the address that channels send their notices to."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Path, Query, Router, Schema, Status

from banyan.kernel import idempotency
from banyan.kernel.http import ErrorBody, Page, PublicId, endpoint, page_of, principal_of, public_endpoint
from banyan.people.identity.types import OWN_ROWS_ROLES, Scope
from banyan.treasury.payments import commands, queries
from banyan.treasury.payments.types import NewRefund, Payment, PaymentId, PaymentState, Refund, RefundState

router = Router(tags=["payments"])
ERRORS: dict[int, Any] = {400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody, 422: ErrorBody}
UNCLEAR: dict[int, Any] = {**ERRORS, 503: ErrorBody}
PaymentIdOut = Annotated[int, PublicId("pay")]
RefundIdOut = Annotated[int, PublicId("rfd")]
OrderIdOut = Annotated[int, PublicId("ord")]
IncidentIdOut = Annotated[int, PublicId("inc")]
Limit = Annotated[int, Query(ge=1, le=200)]
Words = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f]+$")]
ChannelName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class PaymentOut(Schema):
    """A payment. Amounts in minor units; `reversible_minor` is what may still be refunded; `is_extra`: it pays no order."""

    id: PaymentIdOut
    order_id: OrderIdOut
    channel: str
    out_trade_no: str
    transaction_id: str
    state: PaymentState
    amount_minor: int
    currency: str
    refunded_minor: int
    reversible_minor: int
    created_at: datetime
    expires_at: datetime
    captured_at: datetime | None
    is_extra: bool


class RefundOut(Schema):
    """A refund. Amounts in minor units."""

    id: RefundIdOut
    payment_id: PaymentIdOut
    order_id: OrderIdOut
    channel: str
    out_refund_no: str
    reference: str
    state: RefundState
    amount_minor: int
    currency: str
    reason: str
    failure: str
    requested_at: datetime
    completed_at: datetime | None


class OpenIn(Schema):
    """Who pays: the channel's own id of the buyer (an openid) where the way of paying needs one. It is not kept."""

    payer: Annotated[str, Field(max_length=128, pattern=r"^[\w\-.@]*$")] = ""


class ClientParametersOut(Schema):
    """Hand these to the channel's software in the buyer's client, unchanged."""

    values: dict[str, str]


class RefundIn(Schema):
    """Give back money that pays no order: what came twice or too late. The Idempotency-Key names the refund."""

    order_id: OrderIdOut
    amount_minor: Annotated[int, Field(gt=0, le=10**12)]
    reason: Words
    payment_id: PaymentIdOut | None = None


class IncidentOut(Schema):
    """Something a channel said that was not booked, or that a person must look at."""

    id: IncidentIdOut
    kind: str
    channel: str
    number: str
    payment_id: PaymentIdOut | None
    details: dict[str, Any]
    seen_count: int
    first_seen_at: datetime
    latest_seen_at: datetime
    resolved_at: datetime | None
    resolution: str


class ResolveIn(Schema):
    """What was done about it."""

    resolution: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]


class PaymentReceivedOut(Schema):
    """The word by which a channel knows that it need not repeat the notice."""

    code: str = "SUCCESS"
    message: str = "OK"


def _payment(payment: Payment) -> dict[str, Any]:
    names = [name for name in PaymentOut.model_fields if name not in ("id",)]
    return {"id": payment.payment_id} | {name: getattr(payment, name) for name in names}


def _refund(refund: Refund) -> dict[str, Any]:
    names = [name for name in RefundOut.model_fields if name not in ("id",)]
    return {"id": refund.refund_id} | {name: getattr(refund, name) for name in names}


def _own(request: HttpRequest) -> int | None:
    """The buyer whose payments alone are shown, or None for the shop's people."""
    principal = principal_of(request)
    return principal.user_id if principal.roles <= OWN_ROWS_ROLES else None


@router.get("/payments", response={200: Page[PaymentOut], **ERRORS}, summary="Payments")
@endpoint(scope=Scope.PAYMENTS_READ)
def list_payments(
    request: HttpRequest,
    cursor: str | None = None,
    limit: Limit = 50,
    order_id: Annotated[OrderIdOut | None, Query()] = None,
    state: PaymentState | None = None,
) -> dict[str, Any]:
    """Latest first. Buyers get their own."""
    buyer_id = _own(request)

    def fetch(before: int | None, count: int) -> list[Payment]:
        return queries.list_payments(order_id=order_id, buyer_id=buyer_id, state=state, before=before, limit=count)

    page = page_of(fetch, cursor, limit, lambda payment: payment.payment_id)
    return {**page, "items": [_payment(payment) for payment in page["items"]]}


@router.get("/payments/incidents", response={200: Page[IncidentOut], **ERRORS}, summary="Payment incidents")
@endpoint(scope=Scope.PAYMENTS_READ)
def list_incidents(request: HttpRequest, cursor: str | None = None, limit: Limit = 50, is_open: bool = True) -> dict[str, Any]:
    """Latest first; the shop's people only: a buyer gets an empty list."""
    hidden = _own(request) is not None

    def fetch(before: int | None, count: int) -> list[dict[str, Any]]:
        return [] if hidden else queries.list_incidents(is_open=is_open, before=before, limit=count)

    return page_of(fetch, cursor, limit, lambda row: int(row["id"]))


@router.post("/payments/incidents/{incident_id}/resolve", response={204: None, **ERRORS}, summary="Resolve an incident")
@endpoint(scope=Scope.PAYMENTS_WRITE, write=True)
def resolve_incident(request: HttpRequest, incident_id: IncidentIdOut, body: ResolveIn) -> Status[None]:
    """Say what was done. The same thing happening again opens it again."""
    commands.resolve_incident(incident_id, body.resolution)
    return Status(204, None)


@router.get("/payments/{payment_id}", response={200: PaymentOut, **ERRORS}, summary="One payment")
@endpoint(scope=Scope.PAYMENTS_READ)
def get_payment(request: HttpRequest, payment_id: PaymentIdOut) -> dict[str, Any]:
    """404 for other people's."""
    return _payment(queries.get_payment(payment_id, buyer_id=_own(request)))


@router.post("/payments/{payment_id}/open", response={200: ClientParametersOut, **UNCLEAR}, summary="Pay")
@endpoint(scope=Scope.ORDERS_WRITE, write=True)
def open_payment(request: HttpRequest, payment_id: PaymentIdOut, body: OpenIn) -> dict[str, Any]:
    """Open the payment at its channel; the answer is for the buyer's client. Asking again is the same payment."""
    queries.get_payment(payment_id, buyer_id=_own(request))
    return {"values": dict(commands.open_at_channel(payment_id, body.payer).values)}


@router.get("/refunds", response={200: Page[RefundOut], **ERRORS}, summary="Refunds")
@endpoint(scope=Scope.PAYMENTS_READ)
def list_refunds(
    request: HttpRequest, cursor: str | None = None, limit: Limit = 50, order_id: Annotated[OrderIdOut | None, Query()] = None
) -> dict[str, Any]:
    """Latest first. Buyers get their own."""
    buyer_id = _own(request)

    def fetch(before: int | None, count: int) -> list[Refund]:
        return queries.list_refunds(order_id=order_id, buyer_id=buyer_id, before=before, limit=count)

    page = page_of(fetch, cursor, limit, lambda refund: refund.refund_id)
    return {**page, "items": [_refund(refund) for refund in page["items"]]}


@router.post("/refunds", response={201: RefundOut, **ERRORS}, summary="Refund extra money")
@endpoint(scope=Scope.PAYMENTS_WRITE, write=True)
def request_refund(request: HttpRequest, body: RefundIn) -> Status[dict[str, Any]]:
    """Money that pays no order is asked back by itself; this asks again where that failed. It is held against the payment at
    once, and a job hands it to the channel. Money that pays an order is refused with `refund_by_return`: only a return takes
    its commission back, too.
    """
    key = idempotency.fitting(f"api:{principal_of(request).user_id}:{request.headers['Idempotency-Key']}", 120)
    payment_id = PaymentId(body.payment_id) if body.payment_id is not None else None
    refund_id = commands.refund_extra(NewRefund(body.order_id, body.amount_minor, body.reason, key, payment_id))
    return Status(201, _refund(queries.get_refund(refund_id)))


@router.get("/refunds/{refund_id}", response={200: RefundOut, **ERRORS}, summary="One refund")
@endpoint(scope=Scope.PAYMENTS_READ)
def get_refund(request: HttpRequest, refund_id: RefundIdOut) -> dict[str, Any]:
    """404 for other people's."""
    refund = queries.get_refund(refund_id)
    queries.get_payment(refund.payment_id, buyer_id=_own(request))
    return _refund(refund)


@router.post(
    "/payments/notify/{channel}/{tenant_id}",
    auth=None,
    response={200: PaymentReceivedOut, **UNCLEAR},
    summary="Notices of a channel",
)
@public_endpoint
def notify(request: HttpRequest, channel: ChannelName, tenant_id: Annotated[int, PublicId("tnt")]) -> PaymentReceivedOut:
    """For payment channels. The body is verified by the channel's adapter with the tenant's own credentials."""
    commands.take_notice(tenant_id, channel, request.headers, request.body)
    return PaymentReceivedOut()
