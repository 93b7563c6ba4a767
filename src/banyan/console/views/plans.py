"""Commission plans in the console: read a version, write its document as a draft, ask the law, publish, retire."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console import names, paging, trail
from banyan.console.access import attempt, may, page, person, said, show
from banyan.earnings.commission import commands, queries
from banyan.earnings.commission.types import DraftPlan, PlanReport, PlanVersion, VersionStatus
from banyan.kernel import clock, ids
from banyan.kernel.values.errors import Refusal

CHARACTERS_MAX = 400_000
WRITE, PUBLISH = "plans:write", "plans:publish"
FIRST = ("format", "title", "key", "kind", "by", "per", "to", "depth", "from_minor", "unqualified", "hold_days", "reach", "caps",
         "groups", "rules", "pays", "when", "amount")  # fmt: skip
"""Keys of a document that people expect before the others."""
BLANK = {
    "format": 1,
    "title": "",
    "unqualified": "breakage",
    "hold_days": 7,
    "caps": {"total_bp": 3000},
    "rules": [{"key": "seller", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 500}}],
}
"""What a new plan begins with: one rule that pays the seller."""


@page("plans:read")
def listing(request: HttpRequest) -> HttpResponse:
    """Versions of all plans, the latest drafted first."""
    context = paging.page(
        request, lambda before, count: queries.list_versions(before=before, limit=count), lambda one: int(one.version_id)
    )
    return show(request, "console/plans.html", _("Commission plans"), may_write=may(request, WRITE), **context)


@page("plans:read")
def version(request: HttpRequest, public_id: str) -> HttpResponse:
    """One version: its document, what the law says about it now, and what can be done with it."""
    one = _find(public_id)
    report = queries.check_document(one.document, clock.now())
    return show(
        request, "console/plan.html", _("Plan %(name)s, version %(number)d") % {"name": one.name, "number": one.number}, one=one,
        public_id=public_id, text=_text(one.document), report=report, faults=_faults(report), chinese=_chinese(),
        may_write=may(request, WRITE),
        may_publish=may(request, PUBLISH) and one.status is VersionStatus.DRAFT,
        may_retire=may(request, PUBLISH) and one.status is VersionStatus.PUBLISHED,
        record=trail.record_url("commission_planversionrow", one.version_id),
    )  # fmt: skip


@page("plans:read")
def edit(request: HttpRequest, public_id: str = "") -> HttpResponse:
    """Write a document: a new plan, or with an id one that starts from that version. Checking keeps nothing."""
    origin = _find(public_id) if public_id else None
    if request.method != "POST":
        return _desk(request, origin, _text(origin.document if origin else BLANK), "")
    text, name = request.POST.get("document", ""), request.POST.get("name", "").strip()
    document, fault = _read(text)
    if fault:
        return _desk(request, origin, text, name, fault=fault)
    if request.POST.get("act") == "check":
        return _desk(request, origin, text, name, report=queries.check_document(document, clock.now()))
    if not may(request, WRITE):
        raise PermissionDenied(WRITE)
    try:
        kept = _keep(request, origin, document, name)
    except commands.InvalidPlan:
        return _desk(request, origin, text, name, report=queries.check_document(document, clock.now()))
    except Refusal as refusal:
        messages.error(request, said(refusal))
        return _desk(request, origin, text, name)
    messages.success(request, _("The draft is kept. Nothing is paid by it until it is published."))
    return redirect("console:plan", public_id=kept)


@require_POST
@page(PUBLISH)
def publish(request: HttpRequest, public_id: str) -> HttpResponse:
    """Into force from now on; the law is asked, and a refusal names the clauses."""
    one = _find(public_id)

    def act() -> None:
        try:
            commands.publish_plan(one.version_id, published_by=_actor(request))
        except commands.IllegalPlan as refusal:
            _in_own_words(refusal)

    attempt(request, act, _("Published."))
    return redirect("console:plan", public_id=public_id)


@require_POST
@page(PUBLISH)
def retire(request: HttpRequest, public_id: str) -> HttpResponse:
    """End a version without a successor, with the reason."""
    one = _find(public_id)
    attempt(request, lambda: commands.retire_plan(one.version_id, reason=request.POST.get("reason", "")), _("Retired."))
    return redirect("console:plan", public_id=public_id)


def _desk(
    request: HttpRequest, origin: PlanVersion | None, text: str, name: str, *, fault: str = "", report: PlanReport | None = None
) -> HttpResponse:
    title = _("New plan") if origin is None else _("Plan %s") % origin.name
    revises = origin is not None and origin.status is VersionStatus.DRAFT
    return show(
        request, "console/plan_desk.html", title, origin=origin, text=text, name=name, fault=fault, report=report,
        faults=_faults(report), chinese=_chinese(), may_write=may(request, WRITE), revises=revises,
    )  # fmt: skip


def _keep(request: HttpRequest, origin: PlanVersion | None, document: Any, name: str) -> str:
    """Save as the act says: over the draft it came from, as the next version of its plan, or as a new plan."""
    if origin is not None and request.POST.get("act") == "revise":
        commands.revise_draft(origin.version_id, document, _actor(request))
        return ids.public(names.VERSION, origin.version_id)
    draft = DraftPlan(document, _actor(request), name, origin.plan_id if origin else None)
    try:
        return ids.public(names.VERSION, commands.draft_plan(draft))
    except commands.PlanNameTaken as refusal:
        raise commands.PlanNameTaken("There is a plan of this name already.") from refusal


def _find(public_id: str) -> PlanVersion:
    try:
        return queries.get_version(ids.parse(names.VERSION, public_id))
    except Refusal as refusal:
        raise Http404(public_id) from refusal


def _text(document: Any) -> str:
    return json.dumps(_ordered(queries.outward(document)), ensure_ascii=False, indent=2)


def _ordered(value: Any) -> Any:
    """Keys in the order in which people read a plan; the database keeps them by length."""
    if isinstance(value, list):
        return [_ordered(each) for each in value]
    if not isinstance(value, dict):
        return value
    places = {key: place for place, key in enumerate(FIRST)}
    return {key: _ordered(value[key]) for key in sorted(value, key=lambda key: places.get(key, len(FIRST)))}


def _faults(report: PlanReport | None) -> list[tuple[str, str]]:
    """Place and message of every fault in the active language."""
    return [(path, _fault_words(message)) for path, message in report.faults] if report else []


def _fault_words(message: str) -> str:
    """Messages name limits and choices; the catalog knows them with # for a number, and choices by how they begin."""
    head, choices = message.partition("must be one of ")[1:]
    if head and message.startswith(head):
        return _("must be one of %s") % choices
    numbers = re.findall(r"\d+", message)
    said = _(re.sub(r"\d+", "#", message))
    for number in numbers:
        said = said.replace("#", number, 1)
    return said


def _read(text: str) -> tuple[Any, str]:
    """The document and no fault, or the fault: where the text stops being JSON."""
    if len(text) > CHARACTERS_MAX:
        return None, _("The document is too long.")
    try:
        return queries.inward(json.loads(text, parse_constant=_no_number)), ""
    except json.JSONDecodeError as error:
        place = {"line": error.lineno, "column": error.colno}
        return None, _("This is not JSON: line %(line)d, column %(column)d.") % place
    except (ValueError, RecursionError):
        return None, _("This is not JSON that a plan can be made of.")


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def _in_own_words(refusal: Refusal) -> NoReturn:
    """The clauses in Chinese where the reader reads Chinese; the compilation has both."""
    if _chinese():
        words = "; ".join(f"{one['law']} {one['article']}: {one['message_zh']}" for one in refusal.details["broken"])
        raise commands.IllegalPlan(_("The plan breaks %s") % words, **refusal.details) from refusal
    raise refusal


def _chinese() -> bool:
    return (translation.get_language() or "").startswith("zh")


def _actor(request: HttpRequest) -> str:
    return ids.public(names.USER, person(request).pk)
