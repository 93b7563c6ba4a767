"""Stock at a glance: the table of all places with its export, alerts and safety stock, and what is set aside for channels."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console import names, paging, stock
from banyan.console.access import attempt, may, page, person, show
from banyan.console.spreadsheets import as_csv
from banyan.console.stock_forms import ChannelForm, SafetyForm
from banyan.goods.catalog import queries as catalog
from banyan.goods.inventory import commands, queries
from banyan.goods.inventory.types import (
    AlertKind,
    AlertState,
    ChannelStock,
    NewChannelStock,
    SafetyStock,
    StockAlert,
    StockAlertId,
    WarehouseId,
)
from banyan.kernel import clock, ids
from banyan.kernel.values.errors import Refusal

ALERT = "alt"


@page("inventory:read")
def table(request: HttpRequest) -> HttpResponse:
    """Every SKU in every warehouse with all that is known of it; filters by warehouse, words and kind."""
    wanted = _wanted(request)
    context = paging.page(request, lambda before, count: stock.list_rows(wanted, before, count), lambda row: row.row_id)
    address = request.GET.copy()
    address.pop("cursor", None)
    return show(
        request, "console/stock.html", _("Stock"), is_fullwidth="1", wanted=wanted, warehouses=queries.list_warehouses(),
        kinds=[kind for kind in stock.ONLY if kind], totals=stock.totals(wanted), query=address.urlencode(), **context,
    )  # fmt: skip


@page("inventory:read")
def export(request: HttpRequest) -> HttpResponse:
    """What the filters leave as CSV, at most 10,000 rows."""
    head = [
        _("SKU"), _("goods"), _("warehouse"), _("on hand"), _("reserved"), _("allocated"), _("quarantined"),
        _("withheld lots"), _("set aside for channels"), _("available"), _("on the way"), _("safety stock"),
    ]  # fmt: skip
    return as_csv(f"stock-{clock.now():%Y%m%d}", [head, *stock.exported(_wanted(request))])


def _wanted(request: HttpRequest) -> stock.Wanted:
    only = request.GET.get("only", "")
    return stock.Wanted(_warehouse(request), request.GET.get("q", "").strip()[:80], only if only in stock.ONLY else "")


def _warehouse(request: HttpRequest) -> WarehouseId | None:
    text = request.GET.get("warehouse", "")
    try:
        return WarehouseId(ids.parse(names.WAREHOUSE, text)) if text else None
    except Refusal:
        return None


@page("inventory:read")
def alerts(request: HttpRequest) -> HttpResponse:
    """Alerts that stand, or all; and the form for a safety stock."""
    return _alerts(request, SafetyForm())


@require_POST
@page("inventory:write")
def see_alerts(request: HttpRequest) -> HttpResponse:
    """Mark the picked alerts as seen; they stand until the stock is back."""
    picked = []
    for text in request.POST.getlist("pick")[:200]:
        try:
            picked.append(StockAlertId(ids.parse(ALERT, text)))
        except Refusal:
            continue
    attempt(request, lambda: commands.see_alerts(picked, person(request).pk, clock.now()), _("Marked as seen."))
    return redirect("console:stock_alerts")


@require_POST
@page("inventory:write")
def set_safety(request: HttpRequest) -> HttpResponse:
    """Set the safety stock of a SKU in a warehouse, or end it where the number is left empty."""
    form = SafetyForm(request.POST)
    if form.is_valid():

        def act() -> None:
            place, sku_id = WarehouseId(form.cleaned_data["warehouse"]), _sku(form.cleaned_data["code"])
            quantity = form.cleaned_data["quantity"]
            if quantity is None:
                commands.clear_safety_stock([(place, sku_id)])
            else:
                commands.set_safety_stock([SafetyStock(place, sku_id, quantity)])

        if attempt(request, act, _("Saved. Alerts follow within a minute.")):
            return redirect("console:stock_alerts")
    return _alerts(request, form)


def _alerts(request: HttpRequest, form: SafetyForm) -> HttpResponse:
    shows_all = request.GET.get("state") == "all"
    kind = next((one for one in AlertKind if one.value == request.GET.get("kind")), None)
    place = _warehouse(request)

    def fetch(before: int | None, count: int) -> list[StockAlert]:
        return queries.list_alerts(tuple(AlertState) if shows_all else queries.STANDING, kind, place, None, before, count)

    context = paging.page(request, fetch, lambda one: one.alert_id)
    found: list[StockAlert] = context["rows"]
    goods, people = names.goods_names(one.sku_id for one in found), names.user_names(one.seen_by for one in found)
    places = {one.warehouse_id: one.name for one in queries.list_warehouses()}
    rows = [
        {"one": one, "public_id": ids.public(ALERT, one.alert_id), "goods": goods.get(one.sku_id, "–"),
         "warehouse": places.get(one.warehouse_id, "–"), "seer": people.get(one.seen_by or 0, "–")}
        for one in found
    ]  # fmt: skip
    return show(
        request, "console/stock_alerts.html", _("Stock alerts"), **{**context, "rows": rows}, shows_all=shows_all, kind=kind,
        kinds=list(AlertKind), form=form, may_write=may(request, "inventory:write"),
    )  # fmt: skip


@page("inventory:read")
def channels(request: HttpRequest) -> HttpResponse:
    """What is set aside for channels, and the form for more."""
    return _channels(request, ChannelForm())


@require_POST
@page("inventory:write")
def set_aside(request: HttpRequest) -> HttpResponse:
    """Set pieces aside for a channel."""
    form = ChannelForm(request.POST)
    if form.is_valid():
        asked = form.cleaned_data

        def act() -> None:
            place = WarehouseId(asked["warehouse"]) if asked["warehouse"] else None
            share = NewChannelStock(asked["channel"], _sku(asked["code"]), asked["quantity"], place, asked["ends_at"])
            commands.set_aside([share])

        if attempt(request, act, _("Set aside.")):
            return redirect("console:channel_stock")
    return _channels(request, form)


@require_POST
@page("inventory:write")
def end_channel(request: HttpRequest) -> HttpResponse:
    """Give what a channel has left back to everybody."""
    channel = request.POST.get("channel", "")
    attempt(request, lambda: commands.end_channels([channel]), _("Ended: what was left can be sold by everybody again."))
    return redirect("console:channel_stock")


def _channels(request: HttpRequest, form: ChannelForm) -> HttpResponse:
    shows_all = request.GET.get("state") == "all"

    def fetch(before: int | None, count: int) -> list[ChannelStock]:
        return queries.list_channel_stock(None, not shows_all, before, count)

    context = paging.page(request, fetch, lambda one: one.channel_stock_id)
    found: list[ChannelStock] = context["rows"]
    goods = names.goods_names(one.sku_id for one in found)
    places = {one.warehouse_id: one.name for one in queries.list_warehouses()}
    rows: list[dict[str, Any]] = [
        {"one": one, "goods": goods.get(one.sku_id, "–"), "warehouse": places.get(one.warehouse_id, "–")} for one in found
    ]
    return show(
        request, "console/channel_stock.html", _("Channel stock"), **{**context, "rows": rows}, shows_all=shows_all, form=form,
        may_write=may(request, "inventory:write"),
    )  # fmt: skip


def _sku(code: str) -> Any:
    """The SKU of this code. Raises UnknownSku."""
    found = catalog.find_skus_by_codes([code]).get(code)
    if found is None:
        raise commands.UnknownSku("No SKU has this code.", code=code)
    return found
