"""The platform's people: the list of shops, entering one with a reason, and coming back."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console.access import page, person, show
from banyan.kernel.http.middleware import SESSION_TENANT
from banyan.kernel.tenancy.models import TenantRow
from banyan.kernel.values.errors import Refusal
from banyan.people.identity import sessions

SHOWN = 500


@page("tenants:read")
def listing(request: HttpRequest) -> HttpResponse:
    """Shops by name; entering needs a reason, which the shop's auditors see."""
    words = request.GET.get("q", "").strip()
    rows = TenantRow.objects.order_by("slug")
    if words:
        rows = rows.filter(slug__icontains=words) | rows.filter(name__icontains=words)
    current = request.session.get(SESSION_TENANT)
    return show(request, "console/shops.html", _("Shops"), rows=list(rows[:SHOWN]), q=words, current=current,
                at_home=current == getattr(request.user, "tenant_id", None))  # fmt: skip


@require_POST
@page("tenants:read")
def enter(request: HttpRequest) -> HttpResponse:
    """Work in another shop from the next request on."""
    try:
        sessions.visit(request, person(request), request.POST.get("shop", ""), request.POST.get("reason", ""))
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("console:shops")
    return redirect("admin:index")


@require_POST
@page("tenants:read")
def leave(request: HttpRequest) -> HttpResponse:
    """Close the visit and come home."""
    sessions.return_home(request, person(request))
    return redirect("console:shops")
