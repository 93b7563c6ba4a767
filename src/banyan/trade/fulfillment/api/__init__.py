"""Fulfillment over HTTP: the warehouse picks, packs and ships, buyers see their own parcels, carriers push, stores hand out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Status

from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory.types import WarehouseId
from banyan.kernel.http import ErrorBody, Page, PublicId, endpoint, keep_nowhere, page_of, principal_of, public_endpoint
from banyan.kernel.values.errors import NotFound
from banyan.people.identity.types import OWN_ROWS_ROLES, Scope, UserId
from banyan.trade.fulfillment import commands, queries
from banyan.trade.fulfillment.api import schemas as s
from banyan.trade.fulfillment.types import (
    CameBack,
    Delivered,
    Fulfillment,
    FulfillmentId,
    FulfillmentState,
    NewParcel,
    OrderShipment,
    Parcel,
    ParcelId,
    ParcelShipment,
    ParcelState,
    Pickup,
    PickupState,
    Pieces,
    Policy,
    Shelf,
    Wave,
    WaveId,
)
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import Order, OrderId, OrderLineId

router = Router(tags=["fulfillment"])
ERRORS: dict[int, Any] = {400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody, 422: ErrorBody}
Limit = Annotated[int, Query(ge=1, le=200)]


def _own(request: HttpRequest) -> UserId | None:
    """The buyer whose parcels alone are shown, or None for the shop's people."""
    principal = principal_of(request)
    return UserId(principal.user_id) if principal.roles <= OWN_ROWS_ROLES else None


def _staff_only(request: HttpRequest) -> bool:
    """Whether the caller is one of the shop's people; a buyer gets empty lists."""
    return _own(request) is None


def _wave(one: Wave) -> dict[str, Any]:
    return {"id": one.wave_id} | {name: getattr(one, name) for name in s.WaveOut.model_fields if name != "id"}


def _outcomes(outcomes: Iterable[Any]) -> list[dict[str, Any]]:
    return [s.outcome_out(outcome) for outcome in outcomes]


@router.post("/fulfillment/waves", response={201: s.WaveOut, **ERRORS}, summary="Release a wave")
@endpoint(scope=Scope.ORDERS_SHIP, write=True)
def release_wave(request: HttpRequest, body: s.WaveIn) -> Status[dict[str, Any]]:
    """Pick the longest paid orders that wait in a warehouse and are in no wave yet."""
    return Status(201, _wave(queries.get_wave(commands.release_wave(WarehouseId(body.warehouse_id), body.limit))))


@router.get("/fulfillment/waves", response={200: Page[s.WaveOut], **ERRORS}, summary="Waves")
@endpoint(scope=Scope.ORDERS_READ)
def list_waves(
    request: HttpRequest,
    warehouse_id: Annotated[s.WarehouseRef | None, Query()] = None,
    cursor: str | None = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    """Newest first; for the shop's people."""
    place = WarehouseId(warehouse_id) if warehouse_id is not None else None

    def fetch(before: int | None, count: int) -> list[Wave]:
        return queries.list_waves(place, before, count) if _staff_only(request) else []

    page = page_of(fetch, cursor, limit, lambda one: one.wave_id)
    return page | {"items": [_wave(one) for one in page["items"]]}


@router.get("/fulfillment/waves/{wave_id}/pick-list", response={200: s.PickListOut, **ERRORS}, summary="Pick list")
@endpoint(scope=Scope.ORDERS_READ)
def get_pick_list(request: HttpRequest, wave_id: s.WaveRef) -> dict[str, Any]:
    """What is still to be taken from the shelves for a wave, in their order; for the shop's people."""
    if not _staff_only(request):
        raise NotFound("No such wave.")
    wave = queries.get_wave(WaveId(wave_id))
    rows = [
        {name: getattr(row, name) for name in s.PickRowOut.model_fields if name != "lots"}
        | {"lots": [{"number": lot.number, "expires_on": lot.expires_on, "quantity": lot.quantity} for lot in row.lots]}
        for row in queries.pick_list(wave.wave_id)
    ]
    return {"wave": _wave(wave), "rows": rows}


@router.get("/fulfillment/shelves", response={200: Page[s.SkuShelfOut], **ERRORS}, summary="Where SKUs lie")
@endpoint(scope=Scope.ORDERS_READ)
def list_shelves(
    request: HttpRequest, warehouse_id: Annotated[s.WarehouseRef, Query()], cursor: str | None = None, limit: Limit = 50
) -> dict[str, Any]:
    """Of one warehouse, the latest that was told first; for the shop's people."""

    def fetch(before: int | None, count: int) -> list[Shelf]:
        return queries.list_shelves(WarehouseId(warehouse_id), before, count) if _staff_only(request) else []

    page = page_of(fetch, cursor, limit, lambda one: one.shelf_id)
    return page | {"items": [{name: getattr(one, name) for name in s.SkuShelfOut.model_fields} for one in page["items"]]}


@router.put("/fulfillment/shelves", response={200: s.ShelvesOut, **ERRORS}, summary="Say where SKUs lie")
@endpoint(scope=Scope.ORDERS_SHIP, write=True)
def set_shelves(request: HttpRequest, body: s.ShelvesIn) -> dict[str, Any]:
    """Pick lists are sorted by shelf; an empty shelf forgets it."""
    shelves = [(SkuId(one.sku_id), one.shelf) for one in body.shelves]
    return {"known": commands.set_shelves(WarehouseId(body.warehouse_id), shelves)}


@router.get("/fulfillment/fulfillments", response={200: Page[s.FulfillmentOut], **ERRORS}, summary="Fulfillments")
@endpoint(scope=Scope.ORDERS_READ)
def list_fulfillments(
    request: HttpRequest,
    wave_id: Annotated[s.WaveRef | None, Query()] = None,
    order_id: Annotated[s.OrderRef | None, Query()] = None,
    state: FulfillmentState | None = None,
    cursor: str | None = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    """What each warehouse sends for each order, newest first; for the shop's people."""

    def fetch(before: int | None, count: int) -> list[Fulfillment]:
        if not _staff_only(request):
            return []
        return queries.list_fulfillments(
            wave_id=WaveId(wave_id) if wave_id is not None else None,
            order_ids=[order_id] if order_id is not None else None,
            state=state,
            before_id=before,
            limit=count,
        )

    page = page_of(fetch, cursor, limit, lambda one: one.fulfillment_id)
    return page | {"items": [s.fulfillment_out(one) for one in page["items"]]}


@router.post("/fulfillment/parcels", response={200: list[s.ParcelOutcomeOut], **ERRORS}, summary="Pack")
@endpoint(scope=Scope.ORDERS_SHIP, write=True)
def pack(request: HttpRequest, body: s.ParcelsIn) -> list[dict[str, Any]]:
    """Pack parcels, each accepted or refused alone. A piece is packed once."""
    parcels = [
        NewParcel(FulfillmentId(one.fulfillment_id), _pieces(one.pieces), one.weight_grams, one.carrier, one.tracking_number)
        for one in body.parcels
    ]
    return _outcomes(commands.pack(parcels))


def _pieces(pieces: Iterable[s.PiecesIn]) -> tuple[Pieces, ...]:
    return tuple(Pieces(OrderLineId(one.line_id), one.quantity) for one in pieces)


@router.post("/fulfillment/parcels/unpack", response={200: list[s.ParcelOutcomeOut], **ERRORS}, summary="Unpack")
@endpoint(scope=Scope.ORDERS_SHIP, write=True)
def unpack(request: HttpRequest, body: s.ParcelIdsIn) -> list[dict[str, Any]]:
    """Open parcels that have not left."""
    return _outcomes(commands.unpack([ParcelId(one) for one in body.parcel_ids]))


@router.post("/fulfillment/parcels/ship", response={200: list[s.ParcelOutcomeOut], **ERRORS}, summary="Ship parcels")
@endpoint(scope=Scope.ORDERS_SHIP, write=True)
def ship(request: HttpRequest, body: s.ParcelShipmentsIn) -> list[dict[str, Any]]:
    """Hand packed parcels to their carriers: the goods leave the stock, the order is shipped, or partly shipped."""
    shipments = [ParcelShipment(ParcelId(one.parcel_id), one.carrier, one.tracking_number) for one in body.parcels]
    return _outcomes(commands.ship(shipments))


@router.post("/fulfillment/orders/ship", response={200: list[s.ParcelOutcomeOut], **ERRORS}, summary="Ship orders")
@endpoint(scope=Scope.ORDERS_SHIP, write=True)
def ship_orders(request: HttpRequest, body: s.OrderShipmentsIn) -> list[dict[str, Any]]:
    """Send all that one warehouse owes each of these orders, each in one parcel: a carrier's list of numbers, pasted."""
    shipments = [
        OrderShipment(
            OrderId(one.order_id), one.carrier, one.tracking_number, one.weight_grams,
            WarehouseId(one.warehouse_id) if one.warehouse_id is not None else None,
        )
        for one in body.orders
    ]  # fmt: skip
    return _outcomes(commands.ship_orders(shipments))


@router.post("/fulfillment/parcels/deliver", response={200: list[s.ParcelOutcomeOut], **ERRORS}, summary="Confirm delivery")
@endpoint(scope=Scope.ORDERS_SHIP, write=True)
def confirm(request: HttpRequest, body: s.ParcelIdsIn) -> list[dict[str, Any]]:
    """Take parcels as delivered whose carrier does not say so."""
    return _outcomes(commands.confirm([ParcelId(one) for one in body.parcel_ids], Delivered.STAFF))


@router.post("/fulfillment/parcels/ask-again", response={200: list[s.ParcelOutcomeOut], **ERRORS}, summary="Ask again")
@endpoint(scope=Scope.ORDERS_SHIP, write=True)
def ask_again(request: HttpRequest, body: s.ParcelIdsIn) -> list[dict[str, Any]]:
    """Have carriers asked once more for parcels that were given up because nothing was told of them."""
    return _outcomes(commands.ask_again([ParcelId(one) for one in body.parcel_ids]))


@router.get("/fulfillment/parcels", response={200: Page[s.ParcelOut], **ERRORS}, summary="Parcels")
@endpoint(scope=Scope.ORDERS_READ)
def list_parcels(
    request: HttpRequest,
    order_id: Annotated[s.OrderRef | None, Query()] = None,
    state: ParcelState | None = None,
    tracking_number: Annotated[str, Query(max_length=80, pattern=r"^[0-9A-Za-z\-]+$")] | None = None,
    given_up: bool = False,
    cursor: str | None = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    """Newest first. Buyers get their own. ``given_up``: those only that their carrier is asked about no more; for the shop's
    people."""
    buyer_id = _own(request)

    def fetch(before: int | None, count: int) -> list[Parcel]:
        if given_up and buyer_id is not None:
            return []
        return queries.list_parcels(
            state=state, order_ids=[order_id] if order_id is not None else None, tracking_number=tracking_number,
            buyer_id=buyer_id, is_given_up=given_up, before_id=before, limit=count,
        )  # fmt: skip

    page = page_of(fetch, cursor, limit, lambda one: one.parcel_id)
    return page | {"items": [s.parcel_out(one, to_buyer=buyer_id is not None) for one in page["items"]]}


def _parcel(request: HttpRequest, parcel_id: int) -> Parcel:
    one = queries.get_parcel(ParcelId(parcel_id))
    if _own(request) not in (None, one.buyer_id):
        raise NotFound("No such parcel.")
    return one


@router.get("/fulfillment/parcels/{parcel_id}", response={200: s.ParcelDetailOut, **ERRORS}, summary="One parcel")
@endpoint(scope=Scope.ORDERS_READ)
def get_parcel(request: HttpRequest, parcel_id: s.ParcelRef) -> dict[str, Any]:
    """With its track, newest first. 404 for other people's."""
    one = _parcel(request, parcel_id)
    track = queries.list_track(one.carrier, one.tracking_number) if one.tracking_number else []
    return s.parcel_out(one, to_buyer=_own(request) is not None) | {"track": [s.track_out(event) for event in track]}


@router.get("/fulfillment/parcels/{parcel_id}/label", response={200: None, **ERRORS}, summary="Label")
@endpoint(scope=Scope.ORDERS_SHIP)
def get_label(request: HttpRequest, parcel_id: s.ParcelRef) -> HttpResponse:
    """The carrier's label as it is to be printed: PDF or plain text. Holds the recipient's address."""
    found = queries.get_label(queries.get_parcel(ParcelId(parcel_id)).parcel_id)
    if found is None:
        raise NotFound("This parcel has no label.")
    return HttpResponse(found.content, content_type=found.content_type)


@router.post("/fulfillment/parcels/{parcel_id}/take-back", response={200: s.ParcelOut, **ERRORS}, summary="Take back")
@endpoint(scope=Scope.ORDERS_SHIP, write=True)
def take_back(request: HttpRequest, parcel_id: s.ParcelRef, body: s.TakeBackIn) -> dict[str, Any]:
    """An undelivered parcel is in the warehouse again: sound pieces go back on sale, the others into quarantine."""
    (outcome,) = commands.take_back([CameBack(ParcelId(parcel_id), _pieces(body.restock))])
    if not isinstance(outcome, int):
        raise outcome.reason
    return s.parcel_out(queries.get_parcel(outcome), to_buyer=False)


@router.get("/fulfillment/policy", response={200: s.FulfillmentPolicyBody, **ERRORS}, summary="Terms of fulfillment")
@endpoint(scope=Scope.CATALOG_READ)
def get_policy(request: HttpRequest) -> dict[str, Any]:
    """Days until receipt, at the store and of a carrier's silence; the sender's phone is shown to the shop's people."""
    policy = queries.get_policy()
    phone = policy.sender_phone if _staff_only(request) else ""
    return asdict(policy) | {"sender_phone": phone}


@router.put("/fulfillment/policy", response={200: s.FulfillmentPolicyBody, **ERRORS}, summary="Change the terms")
@endpoint(scope=Scope.CATALOG_WRITE, write=True)
def set_policy(request: HttpRequest, body: s.FulfillmentPolicyBody) -> dict[str, Any]:
    """Days until receipt count for what was delivered before, too; what waits at a store keeps its last day."""
    commands.set_policy(Policy(**body.dict()))
    return body.dict()


def _order(request: HttpRequest, order_id: int) -> Order:
    """The buyer and operators act on an order; for everybody else it does not exist."""
    order = orders.get_order(OrderId(order_id))
    principal = principal_of(request)
    if order.buyer_id != principal.user_id and not principal.is_any("operator"):
        raise NotFound("No such order.")
    return order


def _pickup_of(request: HttpRequest, order_id: int) -> Pickup:
    found = queries.find_pickup(_order(request, order_id).order_id)
    if found is None:
        raise NotFound("This order is not fetched at a store.")
    return found


@router.post("/orders/{order_id}/pickup", response={201: s.PickupOut, **ERRORS}, summary="Fetch at a store")
@endpoint(scope=Scope.ORDERS_WRITE, write=True)
def choose_pickup(request: HttpRequest, order_id: s.OrderRef, body: s.PickupIn) -> Status[dict[str, Any]]:
    """The buyer fetches an order that has not left at a store which has all of it."""
    order = _order(request, order_id)
    pickup_id = commands.choose_pickup(order.order_id, WarehouseId(body.warehouse_id))
    return Status(201, s.pickup_out(queries.get_pickup(pickup_id)))


@router.post("/orders/{order_id}/pickup/cancel", response={200: s.PickupOut, **ERRORS}, summary="Have it sent after all")
@endpoint(scope=Scope.ORDERS_WRITE, write=True)
def cancel_pickup(request: HttpRequest, order_id: s.OrderRef) -> dict[str, Any]:
    """The order is sent from the store."""
    found = _pickup_of(request, order_id)
    commands.cancel_pickup(found.pickup_id)
    return s.pickup_out(queries.get_pickup(found.pickup_id))


@router.post("/orders/{order_id}/pickup/code", response={200: s.PickupCodeOut, **ERRORS}, summary="Redeem code")
@endpoint(scope=Scope.ORDERS_WRITE, write=True)
def issue_code(request: HttpRequest, response: HttpResponse, order_id: s.OrderRef) -> dict[str, Any]:
    """A fresh code to show at the store; any code before it is void. Only a digest of it is kept."""
    found = _pickup_of(request, order_id)
    keep_nowhere(response)
    return {"code": commands.issue_code(found.pickup_id), "expires_at": found.expires_at}


@router.get("/fulfillment/pickups", response={200: Page[s.PickupOut], **ERRORS}, summary="Pickups")
@endpoint(scope=Scope.ORDERS_READ)
def list_pickups(
    request: HttpRequest, state: PickupState | None = None, cursor: str | None = None, limit: Limit = 50
) -> dict[str, Any]:
    """Newest first. Buyers get their own."""
    buyer_id = _own(request)

    def fetch(before: int | None, count: int) -> list[Pickup]:
        return queries.list_pickups(state=state, buyer_id=buyer_id, before_id=before, limit=count)

    page = page_of(fetch, cursor, limit, lambda one: one.pickup_id)
    return page | {"items": [s.pickup_out(one) for one in page["items"]]}


@router.post("/fulfillment/pickups/redeem", response={200: s.RedeemedOut, **ERRORS}, summary="Redeem")
@endpoint(scope=Scope.ORDERS_SHIP, write=True)
def redeem(request: HttpRequest, body: s.RedeemIn) -> dict[str, Any]:
    """Hand out the order of a code: delivered and received, once. A wrong code is answered with 200 and counted; after five
    within 15 minutes this person is locked out for a while. A code of another store is answered with other_store and that
    store; nothing is handed out, and it stays good there."""
    done = commands.redeem(body.code, UserId(principal_of(request).user_id), WarehouseId(body.warehouse_id))
    if done.pickup is not None:
        return {"pickup": s.pickup_out(done.pickup)}
    store = done.waits_at.warehouse_id if done.waits_at else None
    return {"code": done.code, "message": done.message, "retry_after_seconds": done.retry_after_seconds, "warehouse_id": store}


CarrierName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


@router.post("/carriers/{carrier}/{tenant_id}/push", auth=None, response={200: None, **ERRORS}, summary="Pushes of a carrier")
@public_endpoint
def take_push(request: HttpRequest, carrier: CarrierName, tenant_id: Annotated[int, PublicId("tnt")]) -> HttpResponse:
    """For carriers. The body is verified by the adapter with the shop's own key; the answer is in the carrier's words."""
    content_type, content = commands.take_push(tenant_id, carrier, request.headers, request.body)
    return HttpResponse(content, content_type=content_type)
