"""The return desk: every return that waits for somebody, by what it waits for, and one decision about many."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from banyan.console import names, trail
from banyan.console.access import page, person, show
from banyan.console.return_queue import TABS, count_tabs, list_waiting
from banyan.kernel import ids
from banyan.kernel.values.errors import Refusal
from banyan.kernel.words import said
from banyan.trade.returns import commands
from banyan.trade.returns.types import Rejection, ReturnId, ReturnOutcome

DECIDE = "returns.decide_returnrow"
MOST_AT_ONCE = 500
SAID_MOST = 5


@page("returns:read")
def desk(request: HttpRequest) -> HttpResponse:
    """One tab of the queue, the oldest first."""
    tab = request.GET.get("tab", "requested")
    tab = tab if tab in TABS else "requested"
    rows, following = list_waiting(tab, _after(request.GET.get("after", "")))
    counts = count_tabs()
    tabs = [{"key": key, "word": word, "count": counts.get(key)} for key, word in _tab_words().items()]
    return show(
        request, "console/return_desk.html", _("Return desk"), is_fullwidth="1", tab=tab, tabs=tabs,
        rows=[{"one": row, "url": trail.return_url(row.return_id)} for row in rows],
        next_page=f"?tab={tab}&after={ids.public(names.RETURN, following)}" if following else None,
        first_page=f"?tab={tab}" if request.GET.get("after") else None,
        may_act=person(request).has_perm(DECIDE), actions=_actions(tab),
    )  # fmt: skip


@require_POST
@page("returns:review")
def decide(request: HttpRequest) -> HttpResponse:
    """One decision about the picked returns; good ones are done even where others are refused."""
    if not person(request).has_perm(DECIDE):
        return HttpResponse(status=403)
    tab = request.POST.get("tab", "")
    back = redirect(f"{reverse('console:return_desk')}?tab={tab if tab in TABS else 'requested'}")
    chosen, decision = _chosen(request), request.POST.get("decision", "")
    reason = request.POST.get("reason", "").replace("\x00", "")
    user_id = person(request).pk
    if decision == "approve":
        outcomes = commands.approve(chosen, user_id)
    elif decision == "reject":
        outcomes = commands.reject([Rejection(one, reason) for one in chosen], user_id)
    elif decision == "accept":
        outcomes = commands.accept(chosen)
    elif decision == "retry_refund":
        outcomes = commands.retry_refunds(chosen)
    else:
        messages.error(request, _("Choose what to decide."))
        return back
    _tell(request, outcomes)
    return back


def _tell(request: HttpRequest, outcomes: list[ReturnOutcome]) -> None:
    refused = [one for one in outcomes if one.refusal is not None]
    done = len(outcomes) - len(refused)
    if done:
        messages.success(request, ngettext("%(count)d return done.", "%(count)d returns done.", done) % {"count": done})
    for one in refused[:SAID_MOST]:
        if one.refusal is not None:
            messages.warning(request, f"{ids.public(names.RETURN, one.return_id or 0)}: {said(one.refusal)}")


def _tab_words() -> dict[str, str]:
    return {
        "requested": _("To decide"),
        "awaited": _("Goods awaited"),
        "ready": _("To accept"),
        "failed": _("Refund failed"),
        "hand_back": _("To send back to the buyer"),
        "done": _("Done"),
        "all": _("All"),
    }


def _actions(tab: str) -> list[str]:
    """What can be decided about many on a tab."""
    return {
        "requested": ["approve", "reject"],
        "awaited": ["reject"],
        "ready": ["accept", "reject"],
        "failed": ["retry_refund"],
    }.get(tab, [])


def _chosen(request: HttpRequest) -> list[ReturnId]:
    found = []
    for text in request.POST.getlist("pick")[:MOST_AT_ONCE]:
        try:
            found.append(ReturnId(ids.parse(names.RETURN, text)))
        except Refusal:
            continue
    return list(dict.fromkeys(found))


def _after(text: str) -> int:
    try:
        return ids.parse(names.RETURN, text) if text else 0
    except Refusal:
        return 0
