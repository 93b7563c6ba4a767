"""Warehouses: which there are, what they are and where they stand; opening one, changing one, closing one for new orders."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console import names
from banyan.console.access import attempt, get_public, may, page, show
from banyan.console.stock_forms import WarehouseForm
from banyan.goods.inventory import commands, queries
from banyan.goods.inventory.types import NewWarehouse, Warehouse, WarehouseKind
from banyan.kernel import ids


@page("inventory:read")
def listing(request: HttpRequest) -> HttpResponse:
    """All warehouses, first choice first, and the form for another."""
    return _show(request, WarehouseForm())


@require_POST
@page("inventory:write")
def open_one(request: HttpRequest) -> HttpResponse:
    """Open a warehouse."""
    form = WarehouseForm(request.POST)
    if form.is_valid() and attempt(request, lambda: commands.open_warehouses([_wanted(form.cleaned_data)]), _("Opened.")):
        return redirect("console:warehouses")
    return _show(request, form)


@page("inventory:read")
def revise(request: HttpRequest, public_id: str) -> HttpResponse:
    """One warehouse's form; sent, it is what the warehouse is from now on."""
    one = _find(public_id)
    if request.method != "POST":
        return _show(request, WarehouseForm(initial=_as_typed(one)), one)
    if not may(request, "inventory:write"):
        return redirect("console:warehouses")
    form = WarehouseForm({**request.POST.dict(), "code": one.code})
    if form.is_valid() and attempt(
        request, lambda: commands.revise_warehouse(one.warehouse_id, _wanted(form.cleaned_data)), _("Saved.")
    ):
        return redirect("console:warehouses")
    return _show(request, form, one)


@require_POST
@page("inventory:write")
def set_active(request: HttpRequest, public_id: str) -> HttpResponse:
    """Let it serve new orders or not; what it promised stays promised."""
    one = _find(public_id)
    wanted = request.POST.get("active") == "yes"
    done = _("It serves new orders.") if wanted else _("It serves no new orders; what it promised stays promised.")
    attempt(request, lambda: commands.set_warehouse_active(one.warehouse_id, wanted), done)
    return redirect("console:warehouses")


def _show(request: HttpRequest, form: WarehouseForm, one: Warehouse | None = None) -> HttpResponse:
    rows = [
        {"one": found, "public_id": ids.public(names.WAREHOUSE, found.warehouse_id), "kind": f"warehouse_{found.kind.value}"}
        for found in queries.list_warehouses()
    ]
    return show(
        request, "console/warehouses.html", _("Warehouses"), rows=rows, form=form, one=one,
        public_id=ids.public(names.WAREHOUSE, one.warehouse_id) if one else "", may_write=may(request, "inventory:write"),
    )  # fmt: skip


def _find(public_id: str) -> Warehouse:
    return get_public({one.warehouse_id: one for one in queries.list_warehouses()}.get, names.WAREHOUSE, public_id)


def _wanted(asked: dict[str, Any]) -> NewWarehouse:
    return NewWarehouse(
        asked["code"], asked["name"], asked["priority"], WarehouseKind(asked["kind"]), asked["region_code"], asked["address"]
    )


def _as_typed(one: Warehouse) -> dict[str, Any]:
    return {
        "code": one.code, "name": one.name, "priority": one.priority, "kind": one.kind.value, "region_code": one.region_code,
        "address": one.address,
    }  # fmt: skip
