"""Returns over HTTP. A buyer asks for their own orders; operators decide; the warehouse receives."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Status

from banyan.kernel import clock, idempotency
from banyan.kernel.http import ErrorBody, Page, Principal, endpoint, page_of, principal_of
from banyan.kernel.values.errors import Forbidden, NotFound
from banyan.people.identity.types import CONSOLE_ROLES, Role
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import OrderId
from banyan.trade.returns import commands, queries
from banyan.trade.returns.api.schemas import (
    OrderRef,
    PhotoIn,
    PhotoOut,
    PhotoRef,
    ReceiptIn,
    RequestIn,
    ReturnableOut,
    ReturnApproveIn,
    ReturnBatchIn,
    ReturnBatchOut,
    ReturnFilters,
    ReturnOut,
    ReturnParcelIn,
    ReturnReasonIn,
    ReturnRef,
)
from banyan.trade.returns.types import (
    GoodsReceipt,
    Grant,
    LineClaim,
    LineInspection,
    Parcel,
    Photo,
    PieceGroup,
    Rejection,
    RequestReturn,
    Return,
    ReturnId,
    ReturnOutcome,
)

router = Router(tags=["returns"])
ERRORS: dict[int, Any] = {400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody, 422: ErrorBody}


def _own_only(principal: Principal) -> int | None:
    """The user whose rows alone are shown; None for staff."""
    return None if principal.is_any(*CONSOLE_ROLES) else principal.user_id


def _need(principal: Principal, *roles: Role) -> None:
    if not principal.is_any(*roles):
        raise Forbidden("Your role does not decide this.", roles=[role.value for role in roles])


def _one(outcome: ReturnOutcome) -> Return:
    """The return after a command, or its refusal raised."""
    if outcome.refusal is not None:
        raise outcome.refusal
    assert outcome.return_id is not None  # only refusals have none
    return queries.get_return(outcome.return_id)


@router.get("/returns", response={200: Page[ReturnOut], **ERRORS}, summary="List returns")
@endpoint(scope="returns:read")
def list_returns(request: HttpRequest, filters: Query[ReturnFilters]) -> dict[str, Any]:
    """Returns, newest first; buyers see their own."""
    own = _own_only(principal_of(request))
    return page_of(
        lambda before, count: queries.list_returns(
            before_id=before, count=count, buyer_id=own, order_id=filters.order_id, status=filters.status
        ),
        filters.cursor,
        filters.limit,
        lambda one: one.return_id,
    )


@router.post("/returns", response={201: ReturnOut, **ERRORS}, summary="Ask for a return")
@endpoint(scope="returns:write", write=True)
def request_return(request: HttpRequest, body: RequestIn) -> Status[Return]:
    """Ask for a return of an own order; operators may ask for anybody's. Units are claimed at once.

    What the shop's policy lets pass without review is approved at once, and refunded where no goods are awaited.
    """
    principal = principal_of(request)
    own = _own_only(principal)
    if body.goodwill:
        _need(principal, Role.OPERATOR, Role.PLATFORM)
    if own is not None and orders.get_order(OrderId(body.order_id)).buyer_id != own:
        raise NotFound("No such order.")
    wanted = RequestReturn(
        order_id=body.order_id,
        lines=tuple(LineClaim(line.line_id, line.quantity, line.amount_minor, line.exchange_sku_id) for line in body.lines),
        mode=body.mode,
        reason=body.reason,
        key=idempotency.fitting(f"{principal.user_id}/{request.headers['Idempotency-Key']}", 120),
        requested_by=principal.user_id,
        requested_at=clock.now(),
        fault=body.fault,
        goodwill=body.goodwill,
        reason_code=body.reason_code,
        photo_ids=tuple(body.photo_ids),
    )
    return Status(201, _one(commands.request_returns([wanted])[0]))


@router.post("/returns/batch", response={200: ReturnBatchOut, **ERRORS}, summary="Decide about many returns")
@endpoint(scope="returns:review", write=True)
def decide_many(request: HttpRequest, body: ReturnBatchIn) -> dict[str, Any]:
    """Approve, reject or accept up to 500 returns; good ones are done even where others are refused."""
    principal = principal_of(request)
    _need(principal, Role.OPERATOR, Role.PLATFORM)
    chosen = [ReturnId(return_id) for return_id in dict.fromkeys(body.return_ids)]
    if body.action == "approve":
        outcomes = commands.approve(chosen, principal.user_id)
    elif body.action == "reject":
        outcomes = commands.reject([Rejection(return_id, body.reason) for return_id in chosen], principal.user_id)
    elif body.action == "accept":
        outcomes = commands.accept(chosen)
    elif body.action == "refund_instead":
        outcomes = commands.refund_instead(chosen)
    else:
        outcomes = commands.retry_refunds(chosen)
    return {
        "outcomes": [
            {
                "return_id": one.return_id,
                "status": one.status,
                "refund_minor": one.refund_minor,
                "refused": one.refusal.code if one.refusal else "",
                "message": one.refusal.message if one.refusal else "",
            }
            for one in outcomes
        ]
    }


@router.post("/returns/photos", response={201: PhotoOut, **ERRORS}, summary="Upload a photo")
@endpoint(scope="returns:write", write=True)
def upload_photo(request: HttpRequest, body: PhotoIn) -> Status[Photo]:
    """Keep a JPEG, PNG or WebP of at most 5 MiB, for a request to come or for an open return; what it is, its bytes say."""
    principal = principal_of(request)
    if body.return_id is not None:
        queries.get_return(body.return_id, _own_only(principal))
    try:
        content = b64decode(body.content_base64, validate=True)
    except ValueError as error:
        raise commands.BadPhoto("The content is no base64.") from error
    of = ReturnId(body.return_id) if body.return_id is not None else None
    return Status(201, commands.keep_photo(content, principal.user_id, of))


@router.get("/returns/photos/{photo_id}", response={200: None, **ERRORS}, summary="See a photo")
@endpoint(scope="returns:read")
def see_photo(request: HttpRequest, photo_id: PhotoRef) -> HttpResponse:
    """The picture itself: for whoever uploaded it, the buyer of its return, and staff."""
    photo = queries.get_photo(photo_id, _own_only(principal_of(request)))
    answer = HttpResponse(queries.read_photo(photo), content_type=photo.media_type)
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, max-age=3600"
    return answer


@router.get("/returns/of-order/{order_id}", response={200: ReturnableOut, **ERRORS}, summary="What may still go back")
@endpoint(scope="returns:read")
def get_returnable(request: HttpRequest, order_id: OrderRef) -> dict[str, Any]:
    """What is left of each line of an order."""
    own = _own_only(principal_of(request))
    order = orders.get_order(OrderId(order_id))
    if own is not None and order.buyer_id != own:
        raise NotFound("No such order.")
    left = {line.line_id: line for line in queries.list_left(order)}
    return {
        "order_id": order_id,
        "lines": [
            {"line_id": line_id, "quantity": line.quantity, "amount_minor": line.amount_minor} for line_id, line in left.items()
        ],
    }


@router.get("/returns/{return_id}", response={200: ReturnOut, **ERRORS}, summary="Read a return")
@endpoint(scope="returns:read")
def get_return(request: HttpRequest, return_id: ReturnRef) -> Return:
    """One return with its lines; other people's are not found."""
    return queries.get_return(return_id, _own_only(principal_of(request)))


@router.post("/returns/{return_id}/withdraw", response={200: ReturnOut, **ERRORS}, summary="Withdraw a return")
@endpoint(scope="returns:write", write=True)
def withdraw(request: HttpRequest, return_id: ReturnRef) -> Return:
    """Take back a request before the goods are received."""
    principal = principal_of(request)
    queries.get_return(return_id, _own_only(principal))
    return _one(commands.withdraw([ReturnId(return_id)], principal.user_id)[0])


@router.post("/returns/{return_id}/parcel", response={200: ReturnOut, **ERRORS}, summary="Say that goods were sent back")
@endpoint(scope="returns:write", write=True)
def send_back(request: HttpRequest, return_id: ReturnRef, body: ReturnParcelIn) -> Return:
    """The parcel with the goods of an approved return; it stops the deadline for sending. Again, to correct it."""
    queries.get_return(return_id, _own_only(principal_of(request)))
    return _one(commands.send_back([Parcel(ReturnId(return_id), body.carrier, body.tracking_number)])[0])


@router.post("/returns/{return_id}/approve", response={200: ReturnOut, **ERRORS}, summary="Approve a return")
@endpoint(scope="returns:review", write=True)
def approve(request: HttpRequest, return_id: ReturnRef, body: ReturnApproveIn | None = None) -> Return:
    """Let the buyer send the goods, or let the refund go on, perhaps of less than was asked; an exchange's goods are held."""
    principal = principal_of(request)
    _need(principal, Role.OPERATOR, Role.PLATFORM)
    grants = [Grant(one.line_id, one.amount_minor) for one in body.grants] if body else []
    return _one(commands.approve([ReturnId(return_id)], principal.user_id, {return_id: grants} if grants else None)[0])


@router.post("/returns/{return_id}/refund-instead", response={200: ReturnOut, **ERRORS}, summary="Refund, not exchange")
@endpoint(scope="returns:review", write=True)
def refund_instead(request: HttpRequest, return_id: ReturnRef) -> Return:
    """Turn an exchange that is not accepted yet into a refund for the goods; what was held for it is free again."""
    _need(principal_of(request), Role.OPERATOR, Role.PLATFORM)
    return _one(commands.refund_instead([ReturnId(return_id)])[0])


@router.post("/returns/{return_id}/hand-back", response={200: ReturnOut, **ERRORS}, summary="Send rejected goods to the buyer")
@endpoint(scope="returns:review", write=True)
def hand_back(request: HttpRequest, return_id: ReturnRef, body: ReturnParcelIn) -> Return:
    """The parcel with which goods of a rejected return go back to the buyer."""
    _need(principal_of(request), Role.WAREHOUSE, Role.OPERATOR, Role.PLATFORM)
    return _one(commands.hand_back([Parcel(ReturnId(return_id), body.carrier, body.tracking_number)])[0])


@router.post("/returns/{return_id}/reject", response={200: ReturnOut, **ERRORS}, summary="Reject a return")
@endpoint(scope="returns:review", write=True)
def reject(request: HttpRequest, return_id: ReturnRef, body: ReturnReasonIn) -> Return:
    """Decline with a reason for the buyer; the claimed units are free again."""
    principal = principal_of(request)
    _need(principal, Role.OPERATOR, Role.PLATFORM)
    return _one(commands.reject([Rejection(ReturnId(return_id), body.reason)], principal.user_id)[0])


@router.post("/returns/{return_id}/receive", response={200: ReturnOut, **ERRORS}, summary="Receive and inspect goods")
@endpoint(scope="returns:review", write=True)
def receive(request: HttpRequest, return_id: ReturnRef, body: ReceiptIn) -> Return:
    """The warehouse has the goods and says, piece by piece and lot by lot, what is fit for sale, set apart, or thrown away."""
    principal = principal_of(request)
    _need(principal, Role.WAREHOUSE, Role.OPERATOR, Role.PLATFORM)
    inspections = tuple(
        LineInspection(
            one.line_id,
            one.restock_quantity,
            one.scrap_quantity,
            one.quarantine_quantity,
            tuple(PieceGroup(group.quantity, group.disposition, group.lot_id, group.note) for group in one.pieces),
            one.deducted_minor,
            one.deduction_reason,
        )
        for one in body.inspections
    )
    receipt = GoodsReceipt(ReturnId(return_id), inspections, principal.user_id, body.warehouse_id)
    return _one(commands.receive([receipt])[0])


@router.post("/returns/{return_id}/accept", response={200: ReturnOut, **ERRORS}, summary="Accept a return")
@endpoint(scope="returns:review", write=True)
def accept(request: HttpRequest, return_id: ReturnRef) -> Return:
    """Give the money back the way it was paid, move the pieces, order what an exchange wants, take commission back at every
    depth: all or nothing."""
    _need(principal_of(request), Role.OPERATOR, Role.PLATFORM)
    return _one(commands.accept([ReturnId(return_id)])[0])
