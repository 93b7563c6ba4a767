"""Events that a reaction could not take: see why, try again, or dismiss with a reason."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console import paging, showing
from banyan.console.access import page, person, show
from banyan.console.names import SET_ASIDE
from banyan.kernel import events, ids
from banyan.kernel.events.models import SetAsideEvent
from banyan.kernel.values.errors import Refusal
from banyan.kernel.words import said

MOST_AT_ONCE = 200


@page("events:read")
def listing(request: HttpRequest) -> HttpResponse:
    """Open ones first by default; `?state=all` shows resolved ones too."""
    state = request.GET.get("state", "open")
    reaction = request.GET.get("reaction", "")

    def fetch(before: int | None, count: int) -> list[SetAsideEvent]:
        rows = SetAsideEvent.objects.order_by("-id")
        rows = rows.filter(resolved_at=None) if state == "open" else rows
        rows = rows.filter(reaction=reaction) if reaction else rows
        rows = rows.filter(id__lt=before) if before is not None else rows
        return list(rows[:count])

    context = paging.page(request, fetch, lambda row: int(row.pk))
    for row in context["rows"]:
        row.end = showing.resolution_of(row.resolution)
    reactions = SetAsideEvent.objects.order_by("reaction").values_list("reaction", flat=True).distinct()[:100]
    return show(
        request, "console/set_aside.html", _("Events set aside"), state=state, reaction=reaction, reactions=list(reactions),
        prefix=SET_ASIDE, may_act=person(request).has_scope("events:write"), **context,
    )  # fmt: skip


@require_POST
@page("events:write")
def decide(request: HttpRequest) -> HttpResponse:
    """Retry or dismiss the picked events, each on its own; one that fails again does not stop the others."""
    chosen = _chosen(request)
    reason = request.POST.get("reason", "").strip()
    if request.POST.get("decision") == "dismiss" and not reason:
        messages.error(request, _("Dismissing needs a reason."))
        return redirect("console:set_aside")
    done, failed = 0, 0
    for row_id in chosen:
        try:
            if request.POST.get("decision") == "dismiss":
                events.dismiss_set_aside(row_id, reason[:300])
                done += 1
            elif events.retry_set_aside(row_id):
                done += 1
            else:
                failed += 1
        except Refusal as refusal:
            failed += 1
            messages.warning(request, said(refusal))
    messages.info(request, _("%(done)d done, %(failed)d still set aside.") % {"done": done, "failed": failed})
    return redirect("console:set_aside")


def _chosen(request: HttpRequest) -> list[int]:
    found = []
    for text in request.POST.getlist("pick")[:MOST_AT_ONCE]:
        try:
            found.append(ids.parse(SET_ASIDE, text))
        except Refusal:
            continue
    return found
