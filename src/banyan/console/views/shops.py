"""The platform's people: the list of shops, opening one, entering one with a reason, and coming back."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console.access import may, page, person, show
from banyan.console.names import is_chinese
from banyan.kernel.http.middleware import SESSION_TENANT
from banyan.kernel.tenancy.models import TenantRow
from banyan.kernel.values.errors import Refusal
from banyan.kernel.words import said
from banyan.people.identity import commands, sessions
from banyan.people.identity.types import NewShop, OpenedShop, UserId
from banyan.rules.compliance import queries as law

SHOWN = 500
ASKED = ("slug", "name", "currency", "timezone", "jurisdiction", "login")


@page("tenants:read")
def listing(request: HttpRequest) -> HttpResponse:
    """Shops by name; entering needs a reason, which the shop's auditors see. Posting opens a shop."""
    may_open = may(request, "tenants:write")
    opened = None
    if request.method == "POST":
        if not may_open:
            raise PermissionDenied("Opening a shop needs the scope tenants:write.")
        opened = _open(request)
    words = request.GET.get("q", "").strip()
    rows = TenantRow.objects.order_by("slug")
    if words:
        rows = rows.filter(slug__icontains=words) | rows.filter(name__icontains=words)
    current = request.session.get(SESSION_TENANT)
    wanted = {} if opened else {name: request.POST.get(name, "") for name in ASKED if name in request.POST}
    answer = show(request, "console/shops.html", _("Shops"), rows=list(rows[:SHOWN]), q=words, current=current,
                  at_home=current == getattr(request.user, "tenant_id", None), may_open=may_open, opened=opened,
                  wanted={**_usual(), **wanted}, jurisdictions=_jurisdictions() if may_open else [])  # fmt: skip
    if opened is not None:
        answer["Cache-Control"] = "no-store"  # it holds a password
    return answer


def _open(request: HttpRequest) -> OpenedShop | None:
    asked = NewShop(**{name: request.POST.get(name, "").strip() for name in ASKED})
    try:
        return commands.open_shop(asked, UserId(person(request).pk))
    except Refusal as refusal:
        messages.error(request, said(refusal))
        return None


def _usual() -> dict[str, str]:
    blank = NewShop("", "")
    return {name: getattr(blank, name) for name in ASKED}


def _jurisdictions() -> list[tuple[str, str]]:
    chinese = is_chinese()
    return [(one.code.upper(), one.name_zh if chinese else one.name) for one in law.list_jurisdictions()]


@require_POST
@page("tenants:read")
def enter(request: HttpRequest) -> HttpResponse:
    """Work in another shop from the next request on."""
    try:
        sessions.visit(request, person(request), request.POST.get("shop", ""), request.POST.get("reason", ""))
    except Refusal as refusal:
        messages.error(request, said(refusal))
        return redirect("console:shops")
    return redirect("admin:index")


@require_POST
@page("tenants:read")
def leave(request: HttpRequest) -> HttpResponse:
    """Close the visit and come home."""
    sessions.return_home(request, person(request))
    return redirect("console:shops")
