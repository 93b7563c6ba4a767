"""Returns over HTTP. A buyer asks for their own orders; operators decide; the warehouse receives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from banyan.kernel import clock
from banyan.kernel.http import ErrorBody, Page, Principal, PublicId, endpoint, page_of, principal_of
from banyan.kernel.values.errors import Forbidden, NotFound
from banyan.people.identity.types import CONSOLE_ROLES, Role
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import OrderId
from banyan.trade.returns import commands, queries
from banyan.trade.returns.types import (
    Fault,
    FreightRule,
    GoodsReceipt,
    LineClaim,
    LineInspection,
    Mode,
    Rejection,
    RequestReturn,
    Return,
    ReturnId,
    ReturnOutcome,
    ReturnPolicy,
    ReturnStatus,
)

router = Router(tags=["returns"])
ERRORS: dict[int, Any] = {400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody, 422: ErrorBody}

Reason = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]
Units = Annotated[int, Field(ge=0, le=2_000_000_000)]
Amount = Annotated[int, Field(ge=0, le=10**15)]
OrderRef = Annotated[int, PublicId("ord")]
LineRef = Annotated[int, PublicId("oln")]
ReturnRef = Annotated[int, PublicId("ret")]


class ClaimIn(Schema):
    """One line: a quantity, or for a refund only an amount in minor units with quantity 0."""

    line_id: LineRef
    quantity: Units = 0
    amount_minor: Amount = 0


class RequestIn(Schema):
    """A return to ask for. `goodwill` (operators only) passes the deadline and a closed order."""

    order_id: OrderRef
    mode: Mode
    lines: Annotated[list[ClaimIn], Field(min_length=1, max_length=200)]
    reason: Reason
    fault: Fault = Fault.BUYER
    goodwill: bool = False


class ReasonIn(Schema):
    """Why; shown to the buyer."""

    reason: Reason


class InspectionIn(Schema):
    """What was found for one line; the two add up to the claimed quantity."""

    line_id: LineRef
    restock_quantity: Units = 0
    scrap_quantity: Units = 0


class ReceiptIn(Schema):
    """Goods of a return, inspected. Without a warehouse they go back to where they were shipped from."""

    inspections: Annotated[list[InspectionIn], Field(min_length=1, max_length=200)]
    warehouse_id: Annotated[int, PublicId("whs")] | None = None


class BatchIn(Schema):
    """One decision about many returns."""

    action: Literal["approve", "reject", "accept", "retry_refund"]
    return_ids: Annotated[list[ReturnRef], Field(min_length=1, max_length=500)]
    reason: Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")] = ""


class OutcomeOut(Schema):
    """What became of one return of a batch."""

    return_id: ReturnRef
    status: ReturnStatus | None
    refund_minor: int
    refused: str
    message: str


class BatchOut(Schema):
    """One outcome per return, in order."""

    outcomes: list[OutcomeOut]


class LineOut(Schema):
    """One line of a return; `refund_minor` is 0 until it is accepted."""

    line_id: LineRef
    quantity: int
    amount_minor: int
    restock_quantity: int
    scrap_quantity: int
    refund_minor: int
    of_quantity: int
    of_minor: int


class ReturnOut(Schema):
    """A return. Amounts in minor units; `refund_minor` includes `freight_minor`."""

    return_id: ReturnRef
    order_id: OrderRef
    buyer_id: Annotated[int, PublicId("usr")]
    status: ReturnStatus
    mode: Mode
    fault: Fault
    goodwill: bool
    reason: str
    decision_reason: str
    currency: str
    refund_minor: int
    freight_minor: int
    requested_at: datetime
    decided_at: datetime | None
    received_at: datetime | None
    accepted_at: datetime | None
    refunded_at: datetime | None
    lines: list[LineOut]


class PolicyIO(Schema):
    """The shop's terms of return."""

    days_after_receipt: Annotated[int, Field(ge=0, le=3650)]
    freight_rule: FreightRule


class LeftOut(Schema):
    """What may still go back of one order line."""

    line_id: LineRef
    quantity: int
    amount_minor: int


class ReturnableOut(Schema):
    """What may still go back of an order."""

    order_id: OrderRef
    lines: list[LeftOut]


class Filters(Schema):
    """Which returns to list."""

    order_id: Annotated[int, PublicId("ord")] | None = None
    status: ReturnStatus | None = None
    cursor: Annotated[str, Field(max_length=500)] | None = None
    limit: int = 50


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
def list_returns(request: HttpRequest, filters: Query[Filters]) -> dict[str, Any]:
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
    """Ask for a return of an own order; operators may ask for anybody's. Units are claimed at once."""
    principal = principal_of(request)
    own = _own_only(principal)
    if body.goodwill:
        _need(principal, Role.OPERATOR, Role.PLATFORM)
    if own is not None and orders.get_order(OrderId(body.order_id)).buyer_id != own:
        raise NotFound("No such order.")
    wanted = RequestReturn(
        order_id=body.order_id,
        lines=tuple(LineClaim(line.line_id, line.quantity, line.amount_minor) for line in body.lines),
        mode=body.mode,
        reason=body.reason,
        key=f"{principal.user_id}/{request.headers['Idempotency-Key']}"[:120],
        requested_by=principal.user_id,
        requested_at=clock.now(),
        fault=body.fault,
        goodwill=body.goodwill,
    )
    return Status(201, _one(commands.request_returns([wanted])[0]))


@router.post("/returns/batch", response={200: BatchOut, **ERRORS}, summary="Decide about many returns")
@endpoint(scope="returns:review", write=True)
def decide_many(request: HttpRequest, body: BatchIn) -> dict[str, Any]:
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


@router.get("/returns/policy", response={200: PolicyIO, **ERRORS}, summary="Read the terms of return")
@endpoint(scope="returns:read")
def get_policy(request: HttpRequest) -> ReturnPolicy:
    """The shop's terms."""
    return queries.get_policy()


@router.put("/returns/policy", response={200: PolicyIO, **ERRORS}, summary="Set the terms of return")
@endpoint(scope="returns:review", write=True)
def set_policy(request: HttpRequest, body: PolicyIO) -> ReturnPolicy:
    """Replace the shop's terms; they hold for requests and freight from now on."""
    _need(principal_of(request), Role.OPERATOR, Role.PLATFORM)
    return commands.set_policy(ReturnPolicy(body.days_after_receipt, body.freight_rule))


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


@router.post("/returns/{return_id}/approve", response={200: ReturnOut, **ERRORS}, summary="Approve a return")
@endpoint(scope="returns:review", write=True)
def approve(request: HttpRequest, return_id: ReturnRef) -> Return:
    """Let the buyer send the goods, or let the refund go on."""
    principal = principal_of(request)
    _need(principal, Role.OPERATOR, Role.PLATFORM)
    return _one(commands.approve([ReturnId(return_id)], principal.user_id)[0])


@router.post("/returns/{return_id}/reject", response={200: ReturnOut, **ERRORS}, summary="Reject a return")
@endpoint(scope="returns:review", write=True)
def reject(request: HttpRequest, return_id: ReturnRef, body: ReasonIn) -> Return:
    """Decline with a reason for the buyer; the claimed units are free again."""
    principal = principal_of(request)
    _need(principal, Role.OPERATOR, Role.PLATFORM)
    return _one(commands.reject([Rejection(ReturnId(return_id), body.reason)], principal.user_id)[0])


@router.post("/returns/{return_id}/receive", response={200: ReturnOut, **ERRORS}, summary="Receive and inspect goods")
@endpoint(scope="returns:review", write=True)
def receive(request: HttpRequest, return_id: ReturnRef, body: ReceiptIn) -> Return:
    """The warehouse has the goods and says what is fit for sale."""
    principal = principal_of(request)
    _need(principal, Role.WAREHOUSE, Role.OPERATOR, Role.PLATFORM)
    inspections = tuple(LineInspection(one.line_id, one.restock_quantity, one.scrap_quantity) for one in body.inspections)
    receipt = GoodsReceipt(ReturnId(return_id), inspections, principal.user_id, body.warehouse_id)
    return _one(commands.receive([receipt])[0])


@router.post("/returns/{return_id}/accept", response={200: ReturnOut, **ERRORS}, summary="Accept a return")
@endpoint(scope="returns:review", write=True)
def accept(request: HttpRequest, return_id: ReturnRef) -> Return:
    """Give the money back, restock what is sound, take commission back at every depth."""
    _need(principal_of(request), Role.OPERATOR, Role.PLATFORM)
    return _one(commands.accept([ReturnId(return_id)])[0])
