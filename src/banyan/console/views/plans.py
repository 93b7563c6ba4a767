"""Commission plans in the console: read a version, write its document as a draft, ask the law, publish, retire."""

from __future__ import annotations

from datetime import date
from typing import NoReturn

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console import names, paging, trail
from banyan.console.access import attempt, may, page, show
from banyan.console.views.plan_desk import SIMULATE, actor, faults, find, shown
from banyan.earnings.commission import commands, queries
from banyan.earnings.commission.types import PlanVersion, VersionStatus
from banyan.kernel import clock
from banyan.kernel.values.errors import Invalid, Refusal

WRITE, APPROVE, PUBLISH = "plans:write", "plans:approve", "plans:publish"


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
    one = find(public_id)
    report = queries.check_document(one.document, clock.now())
    return show(
        request, "console/plan.html", _("Plan %(name)s, version %(number)d") % {"name": one.name, "number": one.number}, one=one,
        public_id=public_id, text=shown(one.document), report=report, faults=faults(report), chinese=names.is_chinese(),
        may_write=may(request, WRITE), may_simulate=may(request, SIMULATE),
        may_publish=may(request, PUBLISH) and one.status is VersionStatus.DRAFT,
        may_approve=may(request, APPROVE) and one.status is VersionStatus.DRAFT and one.drafted_by != actor(request),
        changes=_changes(one), suspensions=queries.list_suspensions(version_id=one.version_id),
        may_retire=may(request, PUBLISH) and one.status is VersionStatus.PUBLISHED,
        record=trail.record_url("commission_planversionrow", one.version_id),
    )  # fmt: skip


@require_POST
@page(APPROVE)
def approve(request: HttpRequest, public_id: str) -> HttpResponse:
    """The second person's approval of the document as it stands."""
    one = find(public_id)
    attempt(
        request,
        lambda: commands.approve_plan(one.version_id, approved_by=actor(request), note=request.POST.get("note", "")),
        _("Approved. It can be published now."),
    )
    return redirect("console:plan", public_id=public_id)


@require_POST
@page(PUBLISH)
def publish(request: HttpRequest, public_id: str) -> HttpResponse:
    """Into force now, or from midnight of the chosen day; the law is asked, and a refusal names the clauses."""
    one = find(public_id)
    day = request.POST.get("effective_on", "")

    def act() -> None:
        try:
            on = date.fromisoformat(day) if day else None
        except ValueError as error:
            raise Invalid("This is no day.", field="effective_on") from error
        try:
            commands.publish_plan(one.version_id, published_by=actor(request), effective_on=on)
        except commands.IllegalPlan as refusal:
            _in_own_words(refusal)

    attempt(request, act, _("Published."))
    return redirect("console:plan", public_id=public_id)


@require_POST
@page(PUBLISH)
def retire(request: HttpRequest, public_id: str) -> HttpResponse:
    """End a version without a successor, with the reason."""
    one = find(public_id)
    attempt(request, lambda: commands.retire_plan(one.version_id, reason=request.POST.get("reason", "")), _("Retired."))
    return redirect("console:plan", public_id=public_id)


def _changes(one: PlanVersion) -> tuple[PlanVersion, list[str]] | None:
    """What is different from the version before, or from what is in force where this is a plan's first."""
    rows = queries.list_versions(plan_id=one.plan_id, before=int(one.version_id), limit=1)
    before = rows[0] if rows else queries.version_at(clock.now())
    if before is None or before.version_id == one.version_id:
        return None
    return before, queries.describe_differences(before.document, one.document)


def _in_own_words(refusal: Refusal) -> NoReturn:
    """The clauses in Chinese where the reader reads Chinese; the compilation has both."""
    if names.is_chinese():
        words = "; ".join(f"{one['law']} {one['article']}: {one['message_zh']}" for one in refusal.details["broken"])
        raise commands.IllegalPlan(_("The plan breaks %s") % words, **refusal.details) from refusal
    raise refusal
