"""Settlement policies: which are open, opening one by form, retiring one."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console import names, trail
from banyan.console.access import attempt, may, page, person, show
from banyan.console.forms import WEEKDAYS, PolicyForm
from banyan.earnings.settlement import commands, queries
from banyan.earnings.settlement.types import Cycle, Lane, NewPolicy, Policy, PolicyTerms, Rhythm, Scope
from banyan.kernel import ids, tenancy
from banyan.kernel.tenancy.registry import get_tenant

POLICY = "spo"


@page("settlements:read")
def listing(request: HttpRequest) -> HttpResponse:
    """The open policies, the narrowest first, and the form for another."""
    return _show(request)


@require_POST
@page("settlements:write")
def open_one(request: HttpRequest) -> HttpResponse:
    """Open a policy in the signed-in person's name, who cannot approve under it."""
    form = PolicyForm(request.POST, currency=_currency())
    if form.is_valid():
        opener = person(request).pk
        done = _("Opened. The policy that was open for the same is retired.")
        if attempt(request, lambda: commands.open_policy(_policy(form.cleaned_data, opener)), done):
            return redirect("console:policies")
    return _show(request, form)


@require_POST
@page("settlements:write")
def retire(request: HttpRequest, public_id: str) -> HttpResponse:
    """Whom it was for falls under the next wider one."""
    attempt(request, lambda: commands.retire_policy(ids.parse(POLICY, public_id)), _("Retired."))
    return redirect("console:policies")


def _show(request: HttpRequest, form: PolicyForm | None = None) -> HttpResponse:
    found = sorted(queries.list_policies(), key=lambda one: (list(Scope).index(one.scope), one.policy_id), reverse=True)
    people = names.names_of(int(one.subject) for one in found if one.scope is Scope.DISTRIBUTOR)
    staff = names.user_names(one.opened_by for one in found)
    rows = [{"one": one, "whom": _whom(one, people), "rhythm": _rhythm(one.terms.rhythm), "opener": staff.get(one.opened_by, "–"),
             "public_id": ids.public(POLICY, one.policy_id)} for one in found]  # fmt: skip
    return show(
        request, "console/policies.html", _("Settlement policies"), rows=rows, form=form or PolicyForm(currency=_currency()),
        may_write=may(request, "settlements:write"), currency=_currency(),
        history=trail.list_url("settlement_policyrow", ""),
    )  # fmt: skip


def _policy(asked: dict[str, Any], opener: int) -> NewPolicy:
    scope = Scope(asked["scope"])
    terms = PolicyTerms(
        Rhythm(Cycle(asked["cycle"]), asked["weekday"], asked["month_day"]), Lane(asked["lane"]), asked["minimum_minor"],
        asked["review_minor"], asked["four_eyes_minor"], asked["channel"], asked["attempt_count"],
    )  # fmt: skip
    return NewPolicy(scope, _subject(scope, asked), terms, opener)


def _subject(scope: Scope, asked: dict[str, Any]) -> str:
    if scope is Scope.TIER:
        return str(asked["tier"])
    if scope is Scope.TENANT:
        return ""
    return str(names.get_distributor(asked["distributor"]))


def _whom(one: Policy, people: dict[int, names.Name]) -> str:
    if one.scope is Scope.TIER:
        return _(one.subject)
    if one.scope is Scope.TENANT:
        return _("everybody")
    name = people.get(int(one.subject))
    return name.label if name else ids.public(names.DISTRIBUTOR, int(one.subject))


def _rhythm(rhythm: Rhythm) -> str:
    if rhythm.cycle is Cycle.WEEKLY:
        return str(WEEKDAYS[rhythm.weekday])
    return _("day %d") % rhythm.month_day if rhythm.cycle is Cycle.MONTHLY else ""


def _currency() -> str:
    return get_tenant(tenancy.current_tenant_id()).currency
