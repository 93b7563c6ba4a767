"""Applications to become a distributor, and the audited look at masked personal words."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console import paging
from banyan.console.access import get_public, page, person, show
from banyan.console.models import Reveal
from banyan.console.names import DISTRIBUTOR, USER, names_of
from banyan.kernel import clock, ids
from banyan.kernel.values.errors import Refusal
from banyan.kernel.words import said
from banyan.people.distributors import commands, queries
from banyan.people.distributors.types import Distributor, DistributorId, Status
from banyan.people.identity import queries as identity

MOST_AT_ONCE = 200


@page("distributors:read")
def applications(request: HttpRequest) -> HttpResponse:
    """Open applications, newest first, with the sponsor they named."""

    def fetch(before: int | None, count: int) -> list[Distributor]:
        return list(queries.list_distributors(None if before is None else DistributorId(before), count, Status.APPLIED))

    context = paging.page(request, fetch, lambda one: int(one.id))
    names = names_of([key for one in context["rows"] for key in (one.id, one.sponsor_id)])
    rows = [
        {"one": one, "name": names.get(int(one.id)), "sponsor": names.get(int(one.sponsor_id or 0))} for one in context["rows"]
    ]
    return show(request, "console/applications.html", _("Applications"), **{**context, "rows": rows},
                may_act=person(request).has_scope("distributors:write"))  # fmt: skip


@require_POST
@page("distributors:write")
def decide(request: HttpRequest) -> HttpResponse:
    """Approve or reject the picked applications; each gets its own outcome."""
    picked = []
    for text in request.POST.getlist("pick")[:MOST_AT_ONCE]:
        try:
            picked.append(DistributorId(ids.parse(DISTRIBUTOR, text)))
        except Refusal:
            continue
    try:
        if request.POST.get("decision") == "approve":
            outcomes = commands.approve(picked, clock.now())
        else:
            outcomes = commands.reject(picked, request.POST.get("reason", ""))
    except Refusal as refusal:
        messages.error(request, said(refusal))
        return redirect("console:applications")
    refused = [one.refusal for one in outcomes if one.refusal is not None]
    messages.info(
        request, _("%(done)d decided, %(refused)d refused.") % {"done": len(outcomes) - len(refused), "refused": len(refused)}
    )
    for one in refused[:5]:
        messages.warning(request, said(one))
    return redirect("console:applications")


@page("users:read")
def reveal(request: HttpRequest, public_id: str) -> HttpResponse:
    """Ask for a reason; with one, write it down and show name and phone once. Nothing is shown without the row."""
    subject = get_public(identity.get_user, USER, public_id)
    reason = request.POST.get("reason", "").strip() if request.method == "POST" else ""
    shown = 3 <= len(reason) <= 200
    if shown:
        Reveal.objects.create(viewer_id=person(request).pk, subject_id=subject.id, reason=reason, revealed_at=clock.now())
    elif request.method == "POST":
        messages.error(request, _("Give the reason in 3 to 200 characters."))
    response = show(request, "console/reveal.html", _("Personal words"), subject=subject if shown else None,
                    login=subject.login, public_id=public_id)  # fmt: skip
    response["Cache-Control"] = "no-store"
    return response
