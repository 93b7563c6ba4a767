"""Parcels: where they are, what lies in them, what can be done with one; the desk where stores hand out orders."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console import names, paging
from banyan.console.access import attempt, get_public, may, page, person, show
from banyan.console.stock_forms import typed_carrier, typed_pieces
from banyan.goods.inventory import queries as inventory
from banyan.goods.inventory.types import WarehouseId, WarehouseKind
from banyan.kernel import clock, ids
from banyan.kernel.values.errors import NotFound
from banyan.people.identity.types import UserId
from banyan.trade.fulfillment import commands, queries
from banyan.trade.fulfillment.types import (
    GIVEN_UP,
    UNDER_WAY,
    CameBack,
    Delivered,
    Parcel,
    ParcelShipment,
    ParcelState,
    PickupState,
    Pieces,
)
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import OrderLineId, Refused

RECENT = timedelta(days=30)
DESK = "banyan_pickup_desk"
"""Where the session keeps the public id of the store in which this person stands."""


@page("orders:read")
def listing(request: HttpRequest) -> HttpResponse:
    """Parcels, newest first, by state, those asked about no more, or found by tracking or order number."""
    state = next((one for one in ParcelState if one.value == request.GET.get("state")), None)
    words = request.GET.get("q", "").strip()[:80]
    order_id = orders.find_id_by_number(words) if words else None
    number = words if words and order_id is None else None
    given_up = "given_up" in request.GET

    def fetch(before: int | None, count: int) -> list[Parcel]:
        order_ids = [order_id] if order_id is not None else None
        return queries.list_parcels(
            state=state, order_ids=order_ids, tracking_number=number, is_given_up=given_up, before_id=before, limit=count
        )

    found = paging.page(request, fetch, lambda one: one.parcel_id)
    numbers = orders.numbers(one.order_id for one in found["rows"])
    rows = [
        {"one": one, "public_id": ids.public(names.PARCEL, one.parcel_id), "number": numbers.get(one.order_id, "")}
        for one in found["rows"]
    ]
    counts = queries.count_by_state(clock.now() - RECENT)
    tabs = [(one.value, counts[one], one is state) for one in ParcelState if one in counts]
    return show(
        request, "console/parcels.html", _("Parcels"), **{**found, "rows": rows}, tabs=tabs, words=words, state=state,
        given_up=given_up, given_up_count=queries.count_given_up(),
    )  # fmt: skip


def _find(public_id: str) -> Parcel:
    return get_public(queries.get_parcel, names.PARCEL, public_id)


@page("orders:read")
def parcel(request: HttpRequest, public_id: str) -> HttpResponse:
    """One parcel with its track."""
    one = _find(public_id)
    goods = names.goods_names(sku_id for _line, sku_id, _quantity in one.pieces)
    rows = [(line_id, goods.get(int(sku_id), "–"), quantity) for line_id, sku_id, quantity in one.pieces]
    recipient = orders.get_recipient(one.order_id)
    return show(
        request, "console/parcel.html", _("Parcel %s") % (one.tracking_number or public_id), one=one, public_id=public_id,
        rows=rows, carriers=queries.carriers(),
        track=queries.list_track(one.carrier, one.tracking_number) if one.tracking_number else [],
        number=orders.numbers([one.order_id]).get(one.order_id, ""), recipient=recipient,
        place=next((w.name for w in inventory.list_warehouses() if w.warehouse_id == one.warehouse_id), ""),
        may_ship=may(request, "orders:ship"), is_packed=one.state is ParcelState.PACKED, is_under_way=one.state in UNDER_WAY,
        is_given_up=one.failure in GIVEN_UP, silent_days=queries.get_policy().silent_days,
    )  # fmt: skip


@require_POST
@page("orders:ship")
def act(request: HttpRequest, public_id: str) -> HttpResponse:
    """Ship, unpack, confirm the delivery of, take back, or have asked for again the parcel of this page."""
    one = _find(public_id)
    deeds: dict[str, tuple[Any, str]] = {
        "ship": (lambda: commands.ship([_shipment(request, one)]), _("Shipped.")),
        "unpack": (lambda: commands.unpack([one.parcel_id]), _("Unpacked: its pieces can be packed again.")),
        "deliver": (lambda: commands.confirm([one.parcel_id], Delivered.STAFF), _("Taken as delivered.")),
        "ask_again": (lambda: commands.ask_again([one.parcel_id]), _("The carrier is asked again.")),
        "take_back": (lambda: commands.take_back([_came_back(request, one)]), _("Its goods are in stock again.")),
    }
    deed = deeds.get(request.POST.get("deed", ""))
    if deed is not None:
        attempt(request, lambda: _raise(deed[0]()), deed[1])
    return redirect("console:parcel", public_id=public_id)


def _raise(outcomes: list[Any]) -> None:
    if isinstance(outcomes[0], Refused):
        raise outcomes[0].reason


def _shipment(request: HttpRequest, one: Parcel) -> ParcelShipment:
    return ParcelShipment(one.parcel_id, typed_carrier(request), request.POST.get("tracking_number", ""))


def _came_back(request: HttpRequest, one: Parcel) -> CameBack:
    sound = [Pieces(OrderLineId(line_id), typed_pieces(request, "sound", line_id)) for line_id, _sku, _quantity in one.pieces]
    return CameBack(one.parcel_id, tuple(piece for piece in sound if piece.quantity))


@page("orders:ship")
def label(request: HttpRequest, public_id: str) -> HttpResponse:
    """The carrier's label as it is to be printed."""
    found = queries.get_label(_find(public_id).parcel_id)
    if found is None:
        raise NotFound("This parcel has no label.")
    return HttpResponse(found.content, content_type=found.content_type)


@page("orders:read")
def pickups(request: HttpRequest) -> HttpResponse:
    """The desk: a code is typed and the order handed out; what waits, and what was fetched."""
    state = next((one for one in PickupState if one.value == request.GET.get("state")), PickupState.READY)
    found = paging.page(
        request, lambda before, count: queries.list_pickups(state=state, before_id=before, limit=count), lambda one: one.pickup_id
    )
    numbers = orders.numbers(one.order_id for one in found["rows"])
    warehouses = inventory.list_warehouses()
    places = {one.warehouse_id: one.name for one in warehouses}
    rows = [
        {"one": one, "number": numbers.get(one.order_id, ""), "place": places.get(one.warehouse_id, "")} for one in found["rows"]
    ]
    tabs = [(one.value, one is state) for one in PickupState]
    return show(
        request, "console/pickups.html", _("Pickup desk"), **{**found, "rows": rows}, tabs=tabs,
        stores=[one for one in warehouses if one.kind is WarehouseKind.STORE], desk=request.session.get(DESK, ""),
        may_ship=may(request, "orders:ship"),
    )  # fmt: skip


@require_POST
@page("orders:ship")
def redeem(request: HttpRequest) -> HttpResponse:
    """Hand out the order of a code. A wrong code is counted, so nothing is raised for it. The store is remembered."""
    desk = request.POST.get("store", "")
    if not desk:
        messages.error(request, _("Choose the store in which you stand."))
        return redirect("console:pickups")
    warehouse_id = WarehouseId(ids.parse(names.WAREHOUSE, desk))
    done = commands.redeem(request.POST.get("code", "")[:40], UserId(person(request).pk), warehouse_id)
    request.session[DESK] = desk
    if done.pickup is None:
        elsewhere = _("This order waits at another store: %s.") % done.waits_at.name if done.waits_at else ""
        messages.error(request, elsewhere or _(done.message))
        return redirect("console:pickups")
    order = orders.get_order(done.pickup.order_id)
    goods = names.goods_names(line.sku.sku_id for line in order.lines)
    rows = [(goods.get(int(line.sku.sku_id), "–"), line.quantity) for line in order.lines]
    messages.success(request, _("Hand out order %s.") % order.number)
    return show(request, "console/handed_out.html", _("Handed out"), order=order, rows=rows)
