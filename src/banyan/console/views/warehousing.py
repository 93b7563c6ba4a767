"""Transfers and stock takes, as the warehouse's people work with them."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console import names, paging
from banyan.console.access import attempt, get_public, may, page, person, show
from banyan.console.stock_forms import StockTakeForm, TransferForm, typed_pieces
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import WarehouseId
from banyan.goods.warehousing import commands, queries
from banyan.goods.warehousing.types import (
    Arrived,
    NewStockTake,
    NewTransfer,
    StockTake,
    StockTakeLine,
    StockTakeState,
    Transfer,
    TransferId,
    TransferState,
    TypedFault,
    Wanted,
)
from banyan.kernel import clock, ids

TRANSFER, LINE, STOCK_TAKE = "trf", "tln", "stk"
FAULTS_SHOWN = 20


@page("inventory:read")
def transfers(request: HttpRequest) -> HttpResponse:
    """Transfers, newest first, by state; and the form for another."""
    return _transfers(request, TransferForm())


@require_POST
@page("inventory:write")
def draft(request: HttpRequest) -> HttpResponse:
    """Draft a transfer of a pasted list."""
    form = TransferForm(request.POST)
    if form.is_valid():
        asked = form.cleaned_data
        counts, faults = queries.read_pasted(asked["lines"])
        made: list[TransferId] = []

        def act() -> None:
            lines = [Wanted(one.sku_id, one.quantity, one.lot_id) for one in counts]
            new = NewTransfer(WarehouseId(asked["source"]), WarehouseId(asked["destination"]), lines, asked["note"])
            made.append(commands.draft_transfer(new, person(request).pk))

        if faults:
            _tell(request, faults)
        elif attempt(request, act, _("Drafted. Nothing has moved yet.")):
            return redirect("console:transfer", public_id=ids.public(TRANSFER, made[0]))
    return _transfers(request, form)


def _tell(request: HttpRequest, faults: list[TypedFault]) -> None:
    for fault in faults[:FAULTS_SHOWN]:
        words = {"number": fault.line_number, "text": fault.text, "fault": _(fault.message)}
        messages.error(request, _("Line %(number)d (%(text)s): %(fault)s") % words)


def _transfers(request: HttpRequest, form: TransferForm) -> HttpResponse:
    state = next((one for one in TransferState if one.value == request.GET.get("state")), None)

    def fetch(before: int | None, count: int) -> list[Transfer]:
        return queries.list_transfers(tuple(TransferState) if state is None else (state,), None, before, count)

    context = paging.page(request, fetch, lambda one: one.transfer_id)
    places = {one.warehouse_id: one.name for one in stock.list_warehouses()}
    rows = [_row(one, places) for one in context["rows"]]
    return show(
        request, "console/transfers.html", _("Transfers"), **{**context, "rows": rows}, state=state, states=list(TransferState),
        form=form, may_write=may(request, "inventory:write"),
    )  # fmt: skip


def _row(one: Transfer, places: dict[WarehouseId, str]) -> dict[str, Any]:
    return {
        "one": one, "public_id": ids.public(TRANSFER, one.transfer_id), "source": places.get(one.source_id, "–"),
        "destination": places.get(one.destination_id, "–"), "pieces": sum(line.quantity for line in one.lines),
        "left": sum(line.left for line in one.lines) if one.state in (TransferState.SENT, TransferState.RECEIVING) else 0,
        "lost": sum(line.lost for line in one.lines), "kinds": len({line.sku_id for line in one.lines}),
    }  # fmt: skip


@page("inventory:read")
def transfer(request: HttpRequest, public_id: str) -> HttpResponse:
    """One transfer: its lines, what came in, and what can be done now."""
    one = _find_transfer(public_id)
    places = {place.warehouse_id: place.name for place in stock.list_warehouses()}
    goods, lots = names.goods_names(line.sku_id for line in one.lines), stock.lot_numbers(line.lot_id for line in one.lines)
    receipts = queries.list_receipts(one.transfer_id)
    people = names.user_names([one.drafted_by, *(receipt.received_by for receipt in receipts)])
    lines = {line.line_id: line for line in one.lines}
    may_write = may(request, "inventory:write")
    return show(
        request, "console/transfer.html", _("Transfer"), row=_row(one, places), one=one, public_id=public_id,
        drafter=people.get(one.drafted_by, "–"), receipt_key=uuid.uuid4().hex,
        lines=[{"one": line, "goods": goods.get(line.sku_id, "–"), "lot": lots.get(line.lot_id or 0, (0, ""))[1],
                "public_id": ids.public(LINE, line.line_id)} for line in one.lines],
        receipts=[{"one": receipt, "goods": goods.get(lines[receipt.line_id].sku_id, "–"),
                   "person": people.get(receipt.received_by, "–")} for receipt in receipts],
        may_send=may_write and one.state is TransferState.DRAFT,
        may_receive=may_write and one.state in (TransferState.SENT, TransferState.RECEIVING),
    )  # fmt: skip


@require_POST
@page("inventory:write")
def send(request: HttpRequest, public_id: str) -> HttpResponse:
    """The goods leave."""
    one = _find_transfer(public_id)
    attempt(request, lambda: commands.send_transfer(one.transfer_id, clock.now()), _("Sent: the goods are on the way."))
    return redirect("console:transfer", public_id=public_id)


@require_POST
@page("inventory:write")
def cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    """Give up a draft."""
    one = _find_transfer(public_id)
    attempt(request, lambda: commands.cancel_transfer(one.transfer_id), _("Cancelled."))
    return redirect("console:transfer", public_id=public_id)


@require_POST
@page("inventory:write")
def receive(request: HttpRequest, public_id: str) -> HttpResponse:
    """What came in of each line, and what is lost; the form's own key makes a second click harmless."""
    one = _find_transfer(public_id)

    def act() -> None:
        told = [
            Arrived(line.line_id, typed_pieces(request, "received", line.line_id, LINE),
                    typed_pieces(request, "lost", line.line_id, LINE),
                    request.POST.get(f"reason_{ids.public(LINE, line.line_id)}", "").strip()[:200])
            for line in one.lines
        ]  # fmt: skip
        key = f"form/{request.POST.get('key', '')[:64] or uuid.uuid4().hex}"
        commands.receive_transfer(one.transfer_id, told, key, person(request).pk, clock.now())

    attempt(request, act, _("Received."))
    return redirect("console:transfer", public_id=public_id)


def _find_transfer(public_id: str) -> Transfer:
    return get_public(queries.find_transfer, TRANSFER, public_id)


@page("inventory:read")
def stock_takes(request: HttpRequest) -> HttpResponse:
    """Stock takes, newest first; and the form for another."""
    return _stock_takes(request, StockTakeForm())


@require_POST
@page("inventory:write")
def open_stock_take(request: HttpRequest) -> HttpResponse:
    """Open a count of a warehouse, or of some of its SKUs."""
    form = StockTakeForm(request.POST)
    if form.is_valid():
        asked, made = form.cleaned_data, []

        def act() -> None:
            new = NewStockTake(WarehouseId(asked["warehouse"]), asked["codes"], asked["note"])
            made.append(commands.open_stock_take(new, person(request).pk))

        if attempt(request, act, _("Opened. Enter what is counted.")):
            return redirect("console:stock_take", public_id=ids.public(STOCK_TAKE, made[0]))
    return _stock_takes(request, form)


def _stock_takes(request: HttpRequest, form: StockTakeForm) -> HttpResponse:
    def fetch(before: int | None, count: int) -> list[StockTake]:
        return queries.list_stock_takes(before_id=before, limit=count)

    context = paging.page(request, fetch, lambda one: one.stock_take_id)
    found: list[StockTake] = context["rows"]
    places = {one.warehouse_id: one.name for one in stock.list_warehouses()}
    people = names.user_names([*(one.opened_by for one in found), *(one.decided_by for one in found)])
    rows = [
        {"one": one, "public_id": ids.public(STOCK_TAKE, one.stock_take_id), "warehouse": places.get(one.warehouse_id, "–"),
         "opener": people.get(one.opened_by, "–"), "decider": people.get(one.decided_by or 0, "")}
        for one in found
    ]  # fmt: skip
    return show(
        request, "console/stock_takes.html", _("Stock takes"), **{**context, "rows": rows}, form=form,
        may_write=may(request, "inventory:write"),
    )  # fmt: skip


@page("inventory:read")
def stock_take(request: HttpRequest, public_id: str) -> HttpResponse:
    """One stock take: what was found against the books, what is still to count, and what can be done now."""
    return _stock_take(request, _find_stock_take(public_id))


def _stock_take(request: HttpRequest, one: StockTake, pasted: str = "") -> HttpResponse:
    differing = request.GET.get("only") == "different"

    def fetch(before: int | None, count: int) -> list[StockTakeLine]:
        return queries.list_stock_take_lines(one.stock_take_id, differing, before, count)

    context = paging.page(request, fetch, lambda line: line.line_id)
    found: list[StockTakeLine] = context["rows"]
    goods, lots = names.goods_names(line.sku_id for line in found), stock.lot_numbers(line.lot_id for line in found)
    people = names.user_names([*(line.counted_by for line in found), one.opened_by, one.decided_by])
    place = next((place.name for place in stock.list_warehouses() if place.warehouse_id == one.warehouse_id), "–")
    rows = [
        {"one": line, "goods": goods.get(line.sku_id, "–"), "lot": lots.get(line.lot_id or 0, (0, ""))[1],
         "counter": people.get(line.counted_by or 0, "")}
        for line in found
    ]  # fmt: skip
    is_open = one.state is StockTakeState.COUNTING
    return show(
        request, "console/stock_take.html", _("Stock take"), **{**context, "rows": rows}, one=one, warehouse=place, pasted=pasted,
        public_id=ids.public(STOCK_TAKE, one.stock_take_id), opener=people.get(one.opened_by, "–"), differing=differing,
        decider=people.get(one.decided_by or 0, ""), may_act=is_open and may(request, "inventory:write"),
    )  # fmt: skip


@require_POST
@page("inventory:write")
def count(request: HttpRequest, public_id: str) -> HttpResponse:
    """Enter a pasted list of counts; with a fault in it nothing is entered, and what was pasted stays."""
    one, pasted = _find_stock_take(public_id), request.POST.get("counts", "")
    counts, faults = queries.read_pasted(pasted)
    if faults:
        _tell(request, faults)
        return _stock_take(request, one, pasted)
    if not counts:
        messages.error(request, _("Nothing was entered."))
        return _stock_take(request, one, pasted)
    done = _("%(count)d counts entered.") % {"count": len(counts)}
    if not attempt(request, lambda: commands.count(one.stock_take_id, counts, person(request).pk), done):
        return _stock_take(request, one, pasted)
    return redirect("console:stock_take", public_id=public_id)


@require_POST
@page("inventory:write")
def decide(request: HttpRequest, public_id: str) -> HttpResponse:
    """Approve the differences, or give the count up."""
    one, who = _find_stock_take(public_id), person(request).pk
    if request.POST.get("decision") == "approve":
        done = _("Approved: the differences stand among the movements.")
        attempt(request, lambda: commands.approve_stock_take(one.stock_take_id, who, clock.now()), done)
    elif request.POST.get("decision") == "cancel":
        attempt(request, lambda: commands.cancel_stock_take(one.stock_take_id, who, clock.now()), _("Cancelled."))
    return redirect("console:stock_take", public_id=public_id)


def _find_stock_take(public_id: str) -> StockTake:
    return get_public(queries.find_stock_take, STOCK_TAKE, public_id)
