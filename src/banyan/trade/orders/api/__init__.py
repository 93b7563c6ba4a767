"""Orders over HTTP. Own orders for consumers, referred ones (buyer masked) for distributors, what to send for the warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from ninja import Field, Router

from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory import commands as stock
from banyan.goods.inventory import queries as inventory
from banyan.goods.inventory.types import LotId
from banyan.kernel.http import ErrorBody, GroupedOperation, Page, Principal, PublicId, endpoint, page_of, principal_of
from banyan.kernel.values.errors import Forbidden, NotFound, Refusal
from banyan.people.distributors.types import DistributorId
from banyan.people.identity import queries as identity
from banyan.people.identity.types import UserId
from banyan.trade.attribution import queries as attribution
from banyan.trade.orders import commands, queries
from banyan.trade.orders.api import schemas as s
from banyan.trade.orders.types import (
    Order,
    OrderId,
    OrderState,
    Placed,
    PlaceLine,
    PlaceOrder,
    Policy,
    Recipient,
    Refused,
    Shipment,
)
from banyan.trade.pricing.queries import quote
from banyan.trade.pricing.types import FreightTariff

router = Router(tags=["orders"])
_ERRORS: dict[int, Any] = {400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody, 422: ErrorBody}


class OnlyOperators(Forbidden):
    """Other buyers, discounts, freight and batches are for operators."""

    code = "only_operators"
    advice = "Leave buyer_id, discount_minor and shipping_minor out, or ask an operator of the shop."


def _request(body: s.OrderIn, principal: Principal, client_key: str | None = None) -> PlaceOrder:
    operator = principal.is_any("operator")
    if not operator and (body.buyer_id is not None or body.discount_minor or body.shipping_minor is not None):
        raise OnlyOperators("Only operators name another buyer, a discount or the freight.")
    told = body.recipient
    recipient = Recipient(told.name, told.phone, told.address, told.region_code) if told else None
    return PlaceOrder(
        UserId(body.buyer_id if body.buyer_id is not None else principal.user_id),
        tuple(PlaceLine(SkuId(line.sku_id), line.quantity) for line in body.lines),
        body.shipping_minor,
        body.discount_minor,
        body.code,
        body.channel,
        link=body.link,
        client_key=client_key,
        offer_id=body.offer_id,
        ticket=body.ticket,
        recipient=recipient,
        buyer_is_consumer=body.buyer_id is None and principal.distributor_id is None,
    )


def _no_buyer() -> NotFound:
    return NotFound("A named buyer does not exist in this shop.")


def _check_buyers(requests: Sequence[PlaceOrder], principal: Principal) -> None:
    others = {request.buyer_id for request in requests if request.buyer_id != principal.user_id}
    if others and set(identity.list_users_by_ids(list(others))) != others:
        raise _no_buyer()


@router.post("/quotes", response={200: s.QuoteOut, **_ERRORS})
@endpoint(scope="orders:write", write=True)
def get_quote(request: HttpRequest, body: s.QuoteIn) -> Any:
    """What these SKUs would cost now, with freight; a bundle as lines of its parts. Nothing is reserved."""
    priced = quote([(SkuId(line.sku_id), line.quantity) for line in body.lines], queries.get_policy().tariff)
    lines = [
        {
            "sku_id": line.sku_id, "quantity": line.quantity, "unit_price_minor": line.unit_price_minor,
            "payable_minor": line.payable_minor, "tax_minor": line.tax_minor, "bundle_sku_id": line.bundle_sku_id,
        }
        for line in priced.lines
    ]  # fmt: skip
    return {
        "lines": lines, "gross_minor": priced.gross_minor, "discount_minor": priced.discount_minor,
        "shipping_minor": priced.shipping_minor, "tax_minor": priced.tax_minor, "total_minor": priced.total_minor,
    }  # fmt: skip


@router.post("/orders", response={201: s.PlacedOut, **_ERRORS})
@endpoint(scope="orders:write", write=True)
def place_order(request: HttpRequest, body: s.OrderIn) -> Any:
    """Place an order and hold its goods until it is paid or its time is over."""
    raise ImproperlyConfigured("Orders are answered in groups, by PLACING.")  # declared here for the document of the API


def _place(asked: Sequence[tuple[Principal, s.OrderIn]]) -> list[str | Refusal]:
    """The orders of a group of callers, each placed or refused alone, in the order in which they came."""
    wanted: list[PlaceOrder | Refusal] = []
    for principal, body in asked:
        try:
            wanted.append(_request(body, principal))
        except Refusal as refusal:
            wanted.append(refusal)
    named = {UserId(body.buyer_id) for _, body in asked if body.buyer_id is not None}
    strangers = named - set(identity.list_users_by_ids(list(named))) if named else named
    if strangers:
        wanted = [_no_buyer() if isinstance(each, PlaceOrder) and each.buyer_id in strangers else each for each in wanted]
    wanted = _without_hopeless(wanted)
    placed = iter(commands.place_orders([each for each in wanted if isinstance(each, PlaceOrder)]))
    return [each if isinstance(each, Refusal) else _told(next(placed)) for each in wanted]


def _without_hopeless(wanted: list[PlaceOrder | Refusal]) -> list[PlaceOrder | Refusal]:
    """Who asks for what the stock's mirror knows to be gone is refused here, before anything is locked."""
    asking = [(number, each) for number, each in enumerate(wanted) if isinstance(each, PlaceOrder)]
    lacking = stock.hopeless([_wish(each) for _, each in asking])
    refused = {number: shortages for (number, _), shortages in zip(asking, lacking, strict=True) if shortages}
    return [commands.out_of_stock(refused[n]) if n in refused else each for n, each in enumerate(wanted)] if refused else wanted


def _wish(request: PlaceOrder) -> list[tuple[int, int]]:
    """What an order takes of the stock that is for everybody, which the mirror knows; a flash sale has its own."""
    return [] if request.offer_id is not None else [(line[0], line[1]) for line in request.lines]


def _told(outcome: Placed | Refused) -> str | Refusal:
    return outcome.reason if isinstance(outcome, Refused) else s.placed_json(outcome)


PLACING = GroupedOperation(
    "POST",
    "/orders",
    scope="orders:write",
    body=s.OrderIn,
    perform=_place,
    items=lambda body: tuple(line.sku_id for line in body.lines),
)


@router.post("/orders/batch", response={200: list[s.BatchOutcomeOut], **_ERRORS})
@endpoint(scope="orders:write", write=True)
def place_batch(request: HttpRequest, body: s.OrderBatchIn) -> Any:
    """Place up to 500 orders, each accepted or refused alone. For operators."""
    principal = principal_of(request)
    if not principal.is_any("operator"):
        raise OnlyOperators("Batches are for operators.")
    wanted = [_request(order, principal, order.client_key) for order in body.orders]
    _check_buyers(wanted, principal)
    return [
        {"code": outcome.code, "message": outcome.message, "details": outcome.details}
        if isinstance(outcome, Refused)
        else {"placed": s.placed_out(outcome)}
        for outcome in commands.place_orders(wanted)
    ]


@router.get("/orders", response={200: Page[s.OrderOut], **_ERRORS})
@endpoint(scope="orders:read")
def list_orders(
    request: HttpRequest,
    state: OrderState | None = None,
    number: Annotated[str, Field(max_length=30)] | None = None,
    referred: bool = False,
    cursor: str | None = None,
    limit: int = 50,
) -> Any:
    """Orders, newest first: all for staff and warehouse, the own ones for everybody else.

    ``referred`` gives a distributor the orders that are attributed to him. ``number`` finds one order by its number.
    """
    principal = principal_of(request)
    sees_all = principal.is_any(*s.STAFF, "warehouse")

    def read(before_id: int | None, count: int) -> list[Order]:
        if number is not None:
            order_id = queries.find_id_by_number(number)
            found = (
                queries.list_by_ids([order_id]) if order_id is not None and (before_id is None or order_id < before_id) else {}
            )
            return [order for order in found.values() if state is None or order.state is state]
        if referred and principal.distributor_id is not None:
            ids = attribution.list_orders_of_referrer(DistributorId(principal.distributor_id), before_id, count)
            orders = queries.list_by_ids([OrderId(order_id) for order_id in ids])
            return [orders[OrderId(order_id)] for order_id in ids if OrderId(order_id) in orders]
        before = OrderId(before_id) if before_id is not None else None
        return queries.list_orders(None if sees_all else UserId(principal.user_id), state, before, count)

    page = page_of(read, cursor, limit, lambda order: order.order_id)
    return page | {"items": _shown(page["items"], principal)}


def _shown(orders: Sequence[Order], principal: Principal) -> list[dict[str, Any]]:
    """The orders in the views that the caller has; those that he may not see are left out."""
    referrers = {o: a.referrer_id for o, a in attribution.referrals([order.order_id for order in orders]).items()}
    views = [(order, s.view_of(order, principal, referrers.get(order.order_id))) for order in orders]
    masked = [order.buyer_id for order, view in views if view is s.View.REFERRED]
    names = {user_id: user.display_name for user_id, user in identity.list_users_by_ids(masked).items()} if masked else {}
    return [s.order_out(order, view, names) for order, view in views if view is not None]


def _visible(request: HttpRequest, order_id: int) -> tuple[Order, s.View]:
    """The order and the caller's view of it; raises NotFound also when it is somebody else's."""
    order = queries.get_order(OrderId(order_id))
    principal = principal_of(request)
    referral = attribution.referrals([order_id]).get(order_id)
    view = s.view_of(order, principal, referral.referrer_id if referral else None)
    if view is None:
        raise NotFound("No such order.")
    return order, view


@router.get("/lots/{lot_id}/buyers", response={200: Page[s.LotBuyerOut], **_ERRORS}, tags=["lots"])
@endpoint(scope="inventory:read")
def list_lot_buyers(
    request: HttpRequest, lot_id: Annotated[int, PublicId("lot")], cursor: str | None = None, limit: int = 50
) -> Any:
    """Whom pieces of a lot reached, the latest order first, for a recall. For staff; names and phones are masked."""
    lot = inventory.get_lot(LotId(lot_id))
    if not principal_of(request).is_any(*s.STAFF):
        raise NotFound("No such lot.")
    page = page_of(lambda before, count: queries.lot_buyers(lot.lot_id, before, count), cursor, limit, lambda one: one.order_id)
    buyers = identity.contacts(one.buyer_id for one in page["items"])
    return page | {"items": [s.lot_buyer_out(one, *buyers.get(one.buyer_id, (None, None))) for one in page["items"]]}


@router.post("/orders/ship", response={200: list[s.OrderStepOut], **_ERRORS})
@endpoint(scope="orders:ship", write=True)
def ship(request: HttpRequest, body: s.ShipmentsIn) -> Any:
    """Hand paid orders to their carriers, each accepted or refused alone."""
    shipments = [Shipment(OrderId(x.order_id), x.carrier, x.tracking_number) for x in body.shipments]
    return [
        {"order_id": shipment.order_id, "code": outcome.code, "message": outcome.message}
        if isinstance(outcome, Refused)
        else {"order_id": outcome}
        for shipment, outcome in zip(shipments, commands.ship(shipments), strict=True)
    ]


@router.get("/orders/policy", response={200: s.OrderPolicyBody, **_ERRORS})
@endpoint(scope="catalog:read")
def get_policy(request: HttpRequest) -> Any:
    """The shop's times and freight tariff."""
    return s.policy_out(queries.get_policy())


@router.put("/orders/policy", response={200: s.OrderPolicyBody, **_ERRORS})
@endpoint(scope="catalog:write", write=True)
def set_policy(request: HttpRequest, body: s.OrderPolicyBody) -> Any:
    """Change the shop's times and freight tariff; orders placed before keep theirs."""
    tariff = FreightTariff(**body.tariff.dict())
    commands.set_policy(Policy(body.payment_window_seconds, body.receive_after_days, body.close_after_days, tariff))
    return s.policy_out(queries.get_policy())


@router.get("/orders/{order_id}", response={200: s.OrderDetailOut, **_ERRORS})
@endpoint(scope="orders:read")
def get_order(request: HttpRequest, order_id: s.OrderRef) -> Any:
    """One order. Where it goes is shown to the buyer, the warehouse and operators; masked where the token may not ship."""
    order, view = _visible(request, order_id)
    principal = principal_of(request)
    names = {}
    if view is s.View.REFERRED:
        names = {user_id: user.display_name for user_id, user in identity.list_users_by_ids([order.buyer_id]).items()}
    shown = s.order_out(order, view, names)
    if principal.is_any("operator", "warehouse") or order.buyer_id == principal.user_id:
        whole = queries.sees_whole_recipient(principal.scopes.__contains__, is_buyer=order.buyer_id == principal.user_id)
        shown["recipient"] = s.recipient_out(queries.get_recipient(order.order_id, whole=whole))
        shown["parcels"] = [s.parcel_out(shipment) for shipment in queries.list_shipments(order.order_id)]
    return shown


def _may_act(request: HttpRequest, order_id: int) -> Order:
    """The buyer and operators act on an order; for everybody else it does not exist."""
    order, _ = _visible(request, order_id)
    principal = principal_of(request)
    if order.buyer_id != principal.user_id and not principal.is_any("operator"):
        raise NotFound("No such order.")
    return order


@router.post("/orders/{order_id}/payment", response={200: s.OrderPaymentOut, **_ERRORS})
@endpoint(scope="orders:write", write=True)
def open_payment(request: HttpRequest, order_id: s.OrderRef, body: s.PaymentIn) -> Any:
    """Open the payment of an order; asking again answers the same payment."""
    order = _may_act(request, order_id)
    return {"payment_id": commands.open_payments([order.order_id], body.channel)[order.order_id]}


@router.post("/orders/{order_id}/cancel", response={200: s.OrderOut, **_ERRORS})
@endpoint(scope="orders:write", write=True)
def cancel(request: HttpRequest, order_id: s.OrderRef) -> Any:
    """Cancel an unpaid order. A paid one is given back by a return."""
    order = _may_act(request, order_id)
    reason = "buyer" if order.buyer_id == principal_of(request).user_id else "operator"
    return _stepped(request, commands.cancel([order.order_id], reason))


@router.post("/orders/{order_id}/receive", response={200: s.OrderOut, **_ERRORS})
@endpoint(scope="orders:write", write=True)
def receive(request: HttpRequest, order_id: s.OrderRef) -> Any:
    """Confirm that the goods arrived."""
    return _stepped(request, commands.receive([_may_act(request, order_id).order_id]))


def _stepped(request: HttpRequest, outcomes: list[OrderId | Refused]) -> dict[str, Any]:
    (outcome,) = outcomes
    if isinstance(outcome, Refused):
        raise outcome.reason
    order, view = _visible(request, outcome)
    return s.order_out(order, view)
