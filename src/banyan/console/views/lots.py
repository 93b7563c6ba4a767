"""Lots: what there is and expires, the trace of one, its hold, release and recall, and whom its pieces reached."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console import names, paging, showing
from banyan.console.access import attempt, get_public, may, page, show
from banyan.console.lot_forms import DecisionForm, PiecesForm, ReceiptForm, TrackingForm, WarningForm
from banyan.console.spreadsheets import as_csv
from banyan.goods.catalog import queries as catalog
from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory import commands, queries
from banyan.goods.inventory.types import Lot, LotId, LotRule, LotState, LotStock, NewLot, Pieces, Receipt, WarehouseId
from banyan.kernel import clock, ids
from banyan.kernel.values.errors import Refusal
from banyan.kernel.values.masks import masked
from banyan.people.identity import queries as identity
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import LotBuyer

LOT = "lot"
BUYERS = "users:read"
"""Who may know whom a lot reached: those who may look people up. The warehouse has no need to."""
DECISIONS: dict[str, Callable[[Sequence[LotId], str], int]] = {
    "hold": commands.hold_lots, "release": commands.release_lots, "recall": commands.recall_lots,
}  # fmt: skip


@page("inventory:read")
def listing(request: HttpRequest) -> HttpResponse:
    """All lots, or those in one state; what expires soon; which SKUs have lots."""
    return _listing(request)


def _listing(request: HttpRequest, **forms: Any) -> HttpResponse:
    state = next((one for one in LotState if one.value == request.GET.get("state")), None)
    number = request.GET.get("q", "").strip()[:80]
    context = paging.page(
        request, lambda before, count: queries.list_lots(None, state, number, before, count), lambda lot: lot.lot_id
    )
    days, rules = queries.lot_rules()
    near = queries.expiring_lots(50)
    goods = names.goods_names([lot.sku_id for lot in context["rows"]] + [n.lot.sku_id for n in near] + [r.sku_id for r in rules])
    shown = {
        "tracking": TrackingForm(), "warning": WarningForm(initial={"near_expiry_days": days}), "receipt": ReceiptForm(),
    } | forms  # fmt: skip
    return show(
        request, "console/lots.html", _("Lots"), **{**context, "rows": [_row(lot, goods) for lot in context["rows"]]},
        near=[_row(one.lot, goods) | {"days_left": one.days_left} for one in near], near_count=queries.count_expiring_lots(),
        states=list(LotState), state=state, number=number, rules=[(goods.get(r.sku_id, "–"), r.near_expiry_days) for r in rules],
        may_write=may(request, "inventory:write"), **shown,
    )  # fmt: skip


def _row(lot: Lot, goods: dict[int, str]) -> dict[str, Any]:
    return {"lot": lot, "public_id": ids.public(LOT, lot.lot_id), "goods": goods.get(lot.sku_id, "–"), "state": _state(lot)}


def _state(lot: Lot) -> str:
    """The word of a lot's state; other things are open or held, too."""
    return f"lot_{lot.state.value}"


@require_POST
@page("inventory:write")
def track(request: HttpRequest) -> HttpResponse:
    """Make a SKU lot-tracked, or change its days of warning."""
    form = TrackingForm(request.POST)

    def act() -> None:
        commands.track_lots([LotRule(_sku(form.cleaned_data["code"]), form.cleaned_data["near_expiry_days"])])

    if form.is_valid() and attempt(request, act, _("The SKU has lots from now on.")):
        return redirect("console:lots")
    return _listing(request, tracking=form)


@require_POST
@page("inventory:write")
def set_warning(request: HttpRequest) -> HttpResponse:
    """Set the shop's days of warning."""
    form = WarningForm(request.POST)
    if form.is_valid() and attempt(
        request, lambda: commands.set_days_of_warning(form.cleaned_data["near_expiry_days"]), _("Saved.")
    ):
        return redirect("console:lots")
    return _listing(request, warning=form)


@require_POST
@page("inventory:write")
def receive(request: HttpRequest) -> HttpResponse:
    """Goods of a lot came in."""
    form = ReceiptForm(request.POST)

    def act() -> None:
        told = form.cleaned_data
        lot = NewLot(told["number"], told["produced_on"], told["expires_on"], told["supplier_note"])
        place = WarehouseId(told["warehouse"])
        commands.receive_stock([Receipt(place, _sku(told["code"]), told["quantity"], lot=lot, quarantined=told["quarantined"])])

    if form.is_valid() and attempt(request, act, _("Received.")):
        return redirect("console:lots")
    return _listing(request, receipt=form)


@page("inventory:read")
def shelf(request: HttpRequest) -> HttpResponse:
    """Stock by warehouse and lot."""
    text, place = request.GET.get("warehouse", ""), None
    try:
        place = WarehouseId(ids.parse(names.WAREHOUSE, text)) if text else None
    except Refusal:
        text = ""

    def fetch(before: int | None, count: int) -> list[tuple[int, LotStock, Lot]]:
        return queries.shelf_of(place, before, count)

    context = paging.page(request, fetch, lambda row: row[0])
    goods = names.goods_names(lot.sku_id for _id, _stock, lot in context["rows"])
    places = {one.warehouse_id: one for one in queries.list_warehouses()}
    rows = [_row(lot, goods) | {"stock": one, "warehouse": places[one.warehouse_id]} for _id, one, lot in context["rows"]]
    return show(
        request, "console/lot_stock.html", _("Stock by lot"), **{**context, "rows": rows}, warehouses=list(places.values()),
        place=place,
    )  # fmt: skip


@page("inventory:read")
def trace(request: HttpRequest, public_id: str) -> HttpResponse:
    """Where a lot came from, where every piece is now, what was decided, and whom it reached."""
    return _trace(request, _find(public_id), DecisionForm(), PiecesForm())


def _trace(request: HttpRequest, lot: Lot, decision: DecisionForm, pieces: PiecesForm) -> HttpResponse:
    places = {one.warehouse_id: one.name for one in queries.list_warehouses()}
    sees_buyers = may(request, BUYERS)

    def fetch(before: int | None, count: int) -> list[LotBuyer]:
        return orders.lot_buyers(lot.lot_id, before, count) if sees_buyers else []

    context = paging.page(request, fetch, lambda one: one.order_id)
    decisions = queries.lot_decisions(lot.lot_id)
    who = _logins(one.decided_by for one in decisions)
    return show(
        request, "console/lot.html", _("Lot %s") % lot.number, **{**context, "rows": _buyer_rows(context["rows"], places)},
        **_row(lot, names.goods_names([lot.sku_id])), traced=queries.trace_lot(lot.lot_id), sees_buyers=sees_buyers,
        stock=[(places.get(one.warehouse_id, "–"), one) for one in queries.lot_stock(lot_ids=[lot.lot_id])],
        decisions=[(one, who.get(one.decided_by, one.decided_by)) for one in decisions], decision=decision, pieces=pieces,
        may_write=may(request, "inventory:write"),
    )  # fmt: skip


def _logins(actors: Iterable[str]) -> dict[str, str]:
    """People are named by their login; jobs stay what they are."""
    people: dict[str, int] = {}
    for actor in set(actors):
        try:
            people[actor] = ids.parse(names.USER, actor)
        except Refusal:
            continue
    found = names.user_names(people.values())
    return {actor: found.get(key, "–") for actor, key in people.items()}


def _buyer_rows(found: Sequence[LotBuyer], places: dict[WarehouseId, str]) -> list[dict[str, Any]]:
    people = identity.contacts(one.buyer_id for one in found)
    rows = []
    for one in found:
        name, phone = people.get(one.buyer_id, (None, None))
        rows.append(
            {
                "one": one, "order_id": ids.public(names.ORDER, one.order_id), "buyer_id": ids.public(names.USER, one.buyer_id),
                "name": masked(name),
                "phone": masked(phone),
                "warehouses": "、".join(places.get(WarehouseId(key), "–") for key in one.warehouse_ids),
                "parcels": "、".join(f"{parcel.carrier} {parcel.tracking_number}".strip() for parcel in one.parcels),
            }
        )  # fmt: skip
    return rows


@page(BUYERS)
def buyers(request: HttpRequest, public_id: str) -> HttpResponse:
    """Everybody whom pieces of the lot reached, as CSV; names and phones masked as on the page."""
    lot = _find(public_id)
    places = {one.warehouse_id: one.name for one in queries.list_warehouses()}
    head = [
        _("order number"), _("order"), _("state"), _("buyer"), _("name"), _("phone"), _("pieces shipped"),
        _("pieces returned"), _("warehouses"), _("parcels"), _("first shipped at"),
    ]  # fmt: skip
    rows = [
        [
            row["one"].number, row["order_id"], showing.word_of(row["one"].state.value), row["buyer_id"], row["name"],
            row["phone"], row["one"].shipped, row["one"].returned, row["warehouses"], row["parcels"],
            showing.moment(row["one"].first_shipped_at),
        ]
        for row in _buyer_rows(orders.lot_buyers(lot.lot_id), places)
    ]  # fmt: skip
    return as_csv(f"recall-{public_id}-{clock.now():%Y%m%d}", [head, *rows])


@require_POST
@page("inventory:write")
def decide(request: HttpRequest, public_id: str) -> HttpResponse:
    """Hold, release or call back the lot of this page."""
    lot, form = _find(public_id), DecisionForm(request.POST)
    command = DECISIONS.get(request.POST.get("decision", ""))
    if command is None:
        raise Http404(public_id)
    done = _("Decided. What was promised from this lot is served from other stock where there is any.")
    if form.is_valid() and attempt(request, lambda: command([lot.lot_id], form.cleaned_data["reason"]), done):
        return redirect("console:lot", public_id=public_id)
    return _trace(request, lot, form, PiecesForm())


@require_POST
@page("inventory:write")
def move_pieces(request: HttpRequest, public_id: str) -> HttpResponse:
    """Set pieces of the lot apart, put them back for sale, or throw them away."""
    lot, form = _find(public_id), PiecesForm(request.POST)

    def act() -> None:
        told = form.cleaned_data
        pieces = [Pieces(WarehouseId(told["warehouse"]), lot.sku_id, told["quantity"], told["reason"], lot.lot_id)]
        deeds = {"quarantine": commands.quarantine, "clear": commands.clear_quarantine, "scrap": commands.scrap}
        deeds[told["deed"]](pieces)

    if form.is_valid() and attempt(request, act, _("Done.")):
        return redirect("console:lot", public_id=public_id)
    return _trace(request, lot, DecisionForm(), form)


def _find(public_id: str) -> Lot:
    return get_public(queries.get_lot, LOT, public_id)


def _sku(code: str) -> SkuId:
    """The SKU of this code. Raises UnknownSku."""
    found = catalog.find_skus_by_codes([code]).get(code)
    if found is None:
        raise commands.UnknownSku("No SKU has this code.", code=code)
    return found
