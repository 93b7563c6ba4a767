"""Sending goods: waves with their pick lists, packing slips, and a carrier's list of numbers pasted for hundreds of orders."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console import names, paging
from banyan.console.access import attempt, get_public, may, page, show
from banyan.console.pasting import Pasted, read
from banyan.console.stock_forms import typed_carrier, typed_number, typed_pieces
from banyan.goods.inventory import queries as inventory
from banyan.goods.inventory.types import WarehouseId
from banyan.kernel import ids
from banyan.kernel.values.errors import Invalid
from banyan.kernel.words import said
from banyan.trade.fulfillment import commands, queries
from banyan.trade.fulfillment.types import (
    Fulfillment,
    FulfillmentState,
    NewParcel,
    OrderShipment,
    ParcelId,
    ParcelState,
    Pieces,
    Wave,
    WaveId,
)
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import OrderId, Refused

PASTE_MAX = 500


@page("orders:read")
def waves(request: HttpRequest) -> HttpResponse:
    """Waves, newest first, with what is left of them; the form that releases another."""
    found = paging.page(request, lambda before, count: queries.list_waves(None, before, count), lambda one: one.wave_id)
    warehouses = inventory.list_warehouses()
    places = {one.warehouse_id: one.name for one in warehouses}
    rows = [
        {"one": one, "public_id": ids.public(names.WAVE, one.wave_id), "place": places.get(one.warehouse_id)}
        for one in found["rows"]
    ]
    return show(
        request, "console/waves.html", _("Waves"), **{**found, "rows": rows},
        warehouses=warehouses, may_ship=may(request, "orders:ship"),
    )  # fmt: skip


@require_POST
@page("orders:ship")
def release(request: HttpRequest) -> HttpResponse:
    """Release a wave in one warehouse."""
    made: list[WaveId] = []

    def act() -> None:
        limit = typed_number(request.POST.get("limit", "").strip() or "200", "limit")
        warehouse_id = WarehouseId(ids.parse(names.WAREHOUSE, request.POST.get("warehouse", "")))
        made.append(commands.release_wave(warehouse_id, limit))

    if attempt(request, act, _("The wave is released.")):
        return redirect("console:wave", public_id=ids.public(names.WAVE, made[0]))
    return redirect("console:waves")


def _wave(public_id: str) -> Wave:
    return get_public(queries.get_wave, names.WAVE, public_id)


@page("orders:read")
def wave(request: HttpRequest, public_id: str) -> HttpResponse:
    """The pick list of a wave in the order of the shelves, and its orders; for printing, too."""
    one = _wave(public_id)
    found = sorted(queries.list_fulfillments(wave_id=one.wave_id, limit=None), key=lambda each: each.order_id)
    numbers = orders.numbers(each.order_id for each in found)
    parcels: dict[int, list[Any]] = {}
    for parcel in queries.list_parcels(fulfillment_ids=[each.fulfillment_id for each in found], limit=None):
        if parcel.state is not ParcelState.VOID:
            parcels.setdefault(parcel.fulfillment_id, []).append(
                {"one": parcel, "public_id": ids.public(names.PARCEL, parcel.parcel_id)}
            )
    goods = names.goods_names(line.sku_id for each in found for line in each.lines)
    rows = [
        {
            "one": each, "number": numbers.get(each.order_id, ""), "parcels": parcels.get(each.fulfillment_id, ()),
            "goods": [(goods.get(int(line.sku_id), "–"), line.quantity) for line in each.lines if line.quantity],
            "public_id": ids.public(names.FULFILLMENT, each.fulfillment_id),
            "is_left": any(line.quantity > line.packed_quantity for line in each.lines),
        }
        for each in found
    ]  # fmt: skip
    place = next((w.name for w in inventory.list_warehouses() if w.warehouse_id == one.warehouse_id), "")
    return show(
        request, "console/wave.html", _("Wave %s") % public_id, one=one, public_id=public_id, place=place, rows=rows,
        picks=queries.pick_list(one.wave_id), may_ship=may(request, "orders:ship"), waiting=_to_paste(found, numbers),
    )  # fmt: skip


def _to_paste(found: Sequence[Fulfillment], numbers: Any) -> str:
    """One line for each order that waits, ready for a carrier and a number to be written behind it."""
    waiting = [numbers[one.order_id] for one in found if one.state is FulfillmentState.OPEN and one.order_id in numbers]
    return "\n".join(waiting[:PASTE_MAX])


@page("orders:ship")
def slips(request: HttpRequest, public_id: str) -> HttpResponse:
    """What to put into which parcel, and where it goes: one slip per order that waits, for printing. Full addresses."""
    one = _wave(public_id)
    found = queries.list_fulfillments(wave_id=one.wave_id, state=FulfillmentState.OPEN, limit=None)
    numbers = orders.numbers(each.order_id for each in found)
    whole = orders.sees_whole_recipient(partial(may, request))
    recipients = orders.list_recipients((each.order_id for each in found), whole=whole)
    goods = names.goods_names(line.sku_id for each in found for line in each.lines)
    rows = [
        {
            "number": numbers.get(each.order_id, ""), "to": recipients.get(each.order_id),
            "goods": [(goods.get(int(line.sku_id), "–"), line.quantity) for line in each.lines if line.quantity],
        }
        for each in sorted(found, key=lambda each: each.order_id)
    ]  # fmt: skip
    return show(request, "console/slips.html", _("Packing slips"), rows=rows, public_id=public_id)


@page("orders:ship")
def pack(request: HttpRequest, public_id: str) -> HttpResponse:
    """Put all or some of what a warehouse sends for an order into a parcel. A carrier that is wired in gives the waybill."""
    one = _fulfillment(public_id)
    made: list[ParcelId] = []

    def act() -> None:
        (outcome,) = commands.pack([_parcel(request, one)])
        if isinstance(outcome, Refused):
            raise outcome.reason
        made.append(outcome)

    if request.method == "POST" and attempt(request, act, _("Packed.")):
        return redirect("console:parcel", public_id=ids.public(names.PARCEL, made[0]))
    goods = names.goods_names(line.sku_id for line in one.lines)
    rows = [
        {"one": line, "goods": goods.get(int(line.sku_id), "–"), "left": line.quantity - line.packed_quantity}
        for line in one.lines
    ]
    number = orders.numbers([one.order_id]).get(one.order_id, "")
    carriers = queries.carriers()
    return show(
        request, "console/pack.html", _("Pack order %s") % number, one=one, public_id=public_id, number=number, rows=rows,
        is_left=any(row["left"] for row in rows), recipient=orders.get_recipient(one.order_id), carriers=carriers,
        carrier=typed_carrier(request) if request.method == "POST" else next(iter(carriers), ""),
        place=next((w.name for w in inventory.list_warehouses() if w.warehouse_id == one.warehouse_id), ""), sent=request.POST,
    )  # fmt: skip


def _fulfillment(public_id: str) -> Fulfillment:
    return get_public(queries.get_fulfillment, names.FULFILLMENT, public_id)


def _parcel(request: HttpRequest, one: Fulfillment) -> NewParcel:
    pieces = [Pieces(line.line_id, typed_pieces(request, "pieces", line.line_id)) for line in one.lines]
    chosen = tuple(each for each in pieces if each.quantity)
    if not chosen:
        raise Invalid("A parcel holds at least one piece.", field="pieces")
    grams = typed_number(request.POST.get("weight_grams", ""), "weight_grams", "Grams are whole numbers.")
    return NewParcel(one.fulfillment_id, chosen, grams, typed_carrier(request), request.POST.get("tracking_number", "").strip())


@page("orders:ship")
def send(request: HttpRequest) -> HttpResponse:
    """Paste a carrier's list: order number, carrier, tracking number and perhaps grams on each line. Each line is answered."""
    text = request.POST.get("lines", "") if request.method == "POST" else _wanted(request)
    carrier = request.POST.get("carrier", "").strip()[:60]
    if request.method != "POST":
        return _show(request, text, carrier, [])
    pasted, faults = read(text, carrier, PASTE_MAX)
    found = orders.find_ids_by_numbers([one.number for one in pasted])
    known = [one for one in pasted if one.number in found]
    warehouse = request.POST.get("warehouse", "")
    place = WarehouseId(ids.parse(names.WAREHOUSE, warehouse)) if warehouse else None
    outcomes = commands.ship_orders(
        [OrderShipment(found[one.number], one.carrier, one.tracking_number, one.weight_grams, place) for one in known]
    )
    answered = {one.line: outcome for one, outcome in zip(known, outcomes, strict=True)}
    left = faults + [(one, _("No such order.")) for one in pasted if one.number not in found]
    left += [(one, said(outcome.reason)) for one in known if isinstance(outcome := answered[one.line], Refused)]
    sent = len(pasted) + len(faults) - len(left)
    if sent:
        messages.success(request, _("%(count)s orders are shipped.") % {"count": sent})
    if left:
        messages.error(request, _("%(count)s lines were not done; they are still in the field.") % {"count": len(left)})
    left.sort(key=lambda each: each[0].line)
    return _show(request, "\n".join(one.text for one, _why in left), carrier, left)


def _show(request: HttpRequest, text: str, carrier: str, left: Sequence[tuple[Pasted, str]]) -> HttpResponse:
    return show(
        request, "console/send.html", _("Ship by list"), text=text, carrier=carrier, left=left,
        warehouses=inventory.list_warehouses(), maximum=PASTE_MAX, chosen=request.POST.get("warehouse", ""),
    )  # fmt: skip


def _wanted(request: HttpRequest) -> str:
    """The numbers of orders that another page asks to be sent."""
    wanted = []
    for public_id in request.GET.getlist("order")[:PASTE_MAX]:
        try:
            wanted.append(OrderId(ids.parse(names.ORDER, public_id)))
        except ids.BadPublicId:
            continue
    numbers = orders.numbers(wanted)
    return "\n".join(numbers[one] for one in wanted if one in numbers)
