"""Sourcing as the warehouse's people see it: why this warehouse, what waits, tariff and policy."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console import names, paging, showing, trail
from banyan.console.access import attempt, get_public, may, page, show
from banyan.console.sourcing_forms import CapacityForm, SourcingPolicyForm, TariffForm
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import WarehouseId
from banyan.goods.sourcing import commands, queries
from banyan.goods.sourcing.types import (
    DEFAULT_ZONES,
    BackorderId,
    BackorderState,
    Capacity,
    Choice,
    Decision,
    Option,
    Policy,
    Shortfall,
    Split,
    Weights,
)
from banyan.kernel import ids, tenancy

BACKORDER = "bko"


@page("inventory:read")
def overview(request: HttpRequest) -> HttpResponse:
    """Policy, tariff and limits, each with its form, and the latest choices."""
    return _show(request)


@require_POST
@page("inventory:write")
def set_policy(request: HttpRequest) -> HttpResponse:
    """Change how orders are sourced."""
    form = SourcingPolicyForm(request.POST, currency=_currency())
    if form.is_valid():
        asked = form.cleaned_data
        weights = Weights(*(asked[name] for name in ("late_minor", "fresh_minor", "load_minor", "split_minor", "priority_minor")))
        policy = Policy(
            asked["is_on"], Split(asked["split"]), Shortfall(asked["shortfall"]), asked["promise_hours"], asked["fresh_days"],
            weights,
        )  # fmt: skip
        if attempt(request, lambda: commands.set_policy(policy), _("Saved.")):
            return redirect("console:sourcing")
    return _show(request, policy_form=form)


@require_POST
@page("inventory:write")
def set_tariff(request: HttpRequest) -> HttpResponse:
    """Replace the tariff by what was typed, one zone a line."""
    form = TariffForm(request.POST, currency=_currency())
    if form.is_valid() and attempt(request, lambda: commands.set_zones(form.zones), _("Saved.")):
        return redirect("console:sourcing")
    return _show(request, tariff_form=form)


@require_POST
@page("inventory:write")
def set_capacity(request: HttpRequest) -> HttpResponse:
    """Set or lift the limit of one warehouse."""
    form = CapacityForm(request.POST)
    if form.is_valid():
        warehouse_id, limit = form.cleaned_data["warehouse"], form.cleaned_data["parcels_per_day"]
        others = [one for one in queries.list_capacities() if one.warehouse_id != warehouse_id]
        wanted = others if limit is None else [*others, Capacity(WarehouseId(warehouse_id), limit)]
        if attempt(request, lambda: commands.set_capacities(wanted), _("Saved.")):
            return redirect("console:sourcing")
    return _show(request, capacity_form=form)


@page("inventory:read")
def backorders(request: HttpRequest) -> HttpResponse:
    """What waits, the longest first; served in this order."""
    state = None if request.GET.get("state") == "all" else BackorderState.OPEN
    paged = paging.page(request, lambda after, count: queries.list_backorders(state, after, count), lambda one: one.backorder_id)
    goods = names.goods_names(one.sku_id for one in paged["rows"])
    rows = [
        {
            "one": one, "public_id": ids.public(BACKORDER, one.backorder_id), "order": ids.public(names.ORDER, one.order_id),
            "name": goods.get(one.sku_id, "–"),
        }
        for one in paged["rows"]
    ]  # fmt: skip
    shown = {**paged, "rows": rows, "state": "open" if state else "all", "may_write": may(request, "inventory:write")}
    return show(request, "console/backorders.html", _("Backorders"), **shown)


@require_POST
@page("inventory:write")
def cancel(request: HttpRequest) -> HttpResponse:
    """Give up what was picked: the money goes back."""
    picked = request.POST.getlist("pick")

    def act() -> None:
        commands.cancel_backorders([BackorderId(ids.parse(BACKORDER, one)) for one in picked])

    attempt(request, act, _("Given up; the money goes back."))
    return redirect("console:backorders")


@page("inventory:read")
def explain(request: HttpRequest, public_id: str) -> HttpResponse:
    """Why an order comes from its warehouses: the choice beside its runner-up and single warehouses, and what waits."""
    order_id = get_public(int, names.ORDER, public_id)
    decisions = queries.list_decisions([order_id]).get(order_id, [])
    waiting = queries.backorders_of([order_id]).get(order_id, [])
    held = stock.list_reservations([order_id]).get(order_id, ())
    if not decisions and not waiting and not held:
        raise Http404(public_id)
    places = {one.warehouse_id: one for one in stock.list_warehouses()}
    goods = names.goods_names({one.sku_id for one in held} | {one.sku_id for one in waiting})
    return show(
        request, "console/sourcing_explained.html", _("Why this warehouse"), public_id=public_id, currency=_currency(),
        decisions=[_told(decision, places, goods) for decision in decisions],
        held=[
            {"one": one, "place": places.get(one.warehouse_id), "name": goods.get(one.sku_id, "–")}
            for one in held if one.state.value not in ("released", "expired")
        ],
        waiting=[{"one": one, "name": goods.get(one.sku_id, "–")} for one in waiting],
        record_url=trail.record_url("orders_order", order_id) if may(request, "orders:read") else "",
    )  # fmt: skip


def _told(decision: Decision, places: Any, goods: Any) -> dict[str, Any]:
    return {
        "one": decision, "region": queries.region_name(decision.region_code) if decision.region_code else "",
        "gap": showing.percent(decision.gap_bp), "rows": _compared(decision.choice, places, goods),
    }  # fmt: skip


def _compared(choice: Choice, places: Any, goods: Any) -> list[dict[str, Any]]:
    """The chosen way, the runner-up, and single warehouses that are neither of them; each with what it costs more."""
    rows = [_row(_("The chosen one"), choice.chosen, choice.chosen, places, goods)]
    shown = {choice.chosen.warehouse_ids}
    if choice.runner_up is not None:
        rows.append(_row(_("Runner-up"), choice.runner_up, choice.chosen, places, goods))
        shown.add(choice.runner_up.warehouse_ids)
    others = [option for option in choice.alone if option.warehouse_ids not in shown]
    return rows + [_row(_("Alternative"), option, choice.chosen, places, goods) for option in others]


def _row(word: str, option: Option, chosen: Option, places: Any, goods: Any) -> dict[str, Any]:
    zones = _zone_names()
    return {
        "word": word, "is_chosen": option is chosen, "cost": option.cost, "total": option.cost.total_minor,
        "more": option.cost.total_minor - chosen.cost.total_minor,
        "parcels": [
            {"one": parcel, "place": places.get(parcel.warehouse_id), "zone": zones.get(parcel.zone, parcel.zone)}
            for parcel in option.parcels
        ],
        "missing": [{"quantity": one.quantity, "name": goods.get(one.sku_id, "–")} for one in option.missing],
    }  # fmt: skip


def _zone_names() -> dict[str, str]:
    """What the tariff's zones are called: as the shop named them, the example's own in the reader's language."""
    example = {one.code: one.name for one in DEFAULT_ZONES}
    words = {
        "remote": _("Remote areas"), "near": _("Same city"), "region": _("Region nearby"), "country": _("Whole country"),
        "far": _("Far away"),
    }  # fmt: skip
    return {
        one.code: words[one.code] if example.get(one.code) == one.name and one.code in words else one.name
        for one in queries.get_policy().zones
    }


def _currency() -> str:
    return tenancy.get_tenant(tenancy.current_tenant_id()).currency


def _show(request: HttpRequest, **forms: Any) -> HttpResponse:
    policy, currency = queries.get_policy(), _currency()
    places: dict[int, Any] = {one.warehouse_id: one for one in stock.list_warehouses()}
    latest = [
        {"one": one, "public_id": ids.public(names.ORDER, one.order_id),
         "region": queries.region_name(one.region_code) if one.region_code else "",
         "places": "、".join(places[w].name for w in one.choice.chosen.warehouse_ids if w in places)}
        for one in queries.list_recent(limit=10)
    ]  # fmt: skip
    return show(
        request, "console/sourcing.html", _("Sourcing"), policy=policy, currency=currency, latest=latest, zones=_zone_names(),
        policy_form=forms.get("policy_form") or SourcingPolicyForm.of(policy, currency),
        tariff_form=forms.get("tariff_form") or TariffForm.of(policy.zones, currency),
        capacity_form=forms.get("capacity_form") or CapacityForm(),
        capacities=[{"one": one, "place": places.get(one.warehouse_id)} for one in queries.list_capacities()],
        may_write=may(request, "inventory:write"),
    )  # fmt: skip
