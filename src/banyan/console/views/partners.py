"""Regional partners: who holds which region, appointing one, ending an appointment."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console import names, paging
from banyan.console.access import attempt, may, page, show
from banyan.console.forms import PartnerForm
from banyan.earnings.commission import commands, queries
from banyan.earnings.commission.types import RegionalPartner
from banyan.goods.sourcing.queries import region_name
from banyan.kernel import clock, ids, tenancy

PARTNER = "rpt"


@page("plans:read")
def listing(request: HttpRequest) -> HttpResponse:
    """Appointments, the latest first, and the form for another."""
    return _show(request, PartnerForm())


@require_POST
@page("plans:write")
def appoint(request: HttpRequest) -> HttpResponse:
    """Give a region to a distributor, from now or from midnight of a day on."""
    form = PartnerForm(request.POST)
    if form.is_valid() and attempt(request, lambda: _appoint(form.cleaned_data), _("Appointed.")):
        return redirect("console:partners")
    return _show(request, form)


@require_POST
@page("plans:write")
def end(request: HttpRequest, public_id: str) -> HttpResponse:
    """End an appointment now."""
    attempt(request, lambda: commands.end_partner(ids.parse(PARTNER, public_id)), _("The appointment has ended."))
    return redirect("console:partners")


def _appoint(asked: dict[str, Any]) -> None:
    whom = names.get_distributor(asked["distributor"])
    zone = tenancy.get_tenant(tenancy.current_tenant_id()).zone
    commands.appoint_partner(asked["region"], whom, datetime.combine(asked["day"], time(), zone) if asked["day"] else None)


def _show(request: HttpRequest, form: PartnerForm) -> HttpResponse:
    context = paging.page(
        request, lambda before, count: queries.list_partners(before=before, limit=count), lambda one: int(one.partner_id)
    )
    people = names.names_of(one.distributor_id for one in context["rows"])
    rows = [
        {"one": one, "region": region_name(one.region_code), "person": people.get(one.distributor_id), "state": _state(one),
         "public_id": ids.public(PARTNER, one.partner_id)}
        for one in context["rows"]
    ]  # fmt: skip
    return show(
        request, "console/partners.html", _("Regional partners"), form=form, may_write=may(request, "plans:write"),
        **{**context, "rows": rows},
    )  # fmt: skip


def _state(one: RegionalPartner) -> str:
    now = clock.now()
    if one.valid_to is not None and one.valid_to <= now:
        return "ended"
    return "active" if one.valid_from <= now else "scheduled"
