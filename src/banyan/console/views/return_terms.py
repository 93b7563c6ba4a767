"""Why something may be returned, what the law leaves out, and where goods go back to: three lists, changed row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console import names
from banyan.console.access import attempt, page, person, show
from banyan.console.return_forms import CATEGORY, ExclusionForm, ReasonForm, ReturnAddressForm
from banyan.goods.inventory import queries as inventory
from banyan.kernel import ids
from banyan.kernel.values.errors import Conflict
from banyan.trade.returns import commands, queries
from banyan.trade.returns.types import AddressRule

DECIDE = "returns.decide_returnrow"
RULE = "rad"


class ChangedMeanwhile(Conflict):
    """Somebody else changed the list since the page was shown."""

    code = "return_terms_changed"
    advice = "Look at the list as it is now and change it again."


@page("returns:read")
def listing(request: HttpRequest) -> HttpResponse:
    """The three lists; `reason` or `address` names the row whose form is filled in."""
    return _show(request)


@require_POST
@page("returns:review")
def put_reason(request: HttpRequest) -> HttpResponse:
    """Add a reason, or change the one with its code; returns keep what they were asked for."""
    form = ReasonForm(request.POST)

    def act() -> None:
        commands.lock_terms()
        held = queries.list_reasons()
        wanted, others = form.reason(), [one for one in held if one.code != form.cleaned_data["code"]]
        stood = next((place for place, one in enumerate(held) if one.code == wanted.code), len(others))
        place = form.cleaned_data["position"]
        others.insert(stood if place is None else place - 1, wanted)
        commands.set_reasons(others)

    return _put(request, form, act, reason_form=form)


@require_POST
@page("returns:review")
def put_exclusion(request: HttpRequest) -> HttpResponse:
    """Leave a category out of the statutory return, or (`drop`) no longer."""
    drop = request.POST.get("drop", "")
    form = ExclusionForm(request.POST)

    def change(category_id: int) -> None:
        commands.lock_terms()
        others = [one for one in queries.list_exclusions() if one.category_id != category_id]
        commands.set_exclusions(others if drop else [*others, form.exclusion()])

    if drop:
        return _put(request, None, lambda: change(ids.parse(CATEGORY, drop)))
    return _put(request, form, lambda: change(form.cleaned_data["category"]), exclusion_form=form)


@require_POST
@page("returns:review")
def put_address(request: HttpRequest) -> HttpResponse:
    """Add an address, change one (`rule`), or (`drop`) remove one; approved returns keep theirs."""
    drop, changed = request.POST.get("drop", ""), request.POST.get("rule", "")
    form = ReturnAddressForm(request.POST)

    def act() -> None:
        commands.lock_terms()
        held = queries.list_address_rules()
        wanted: list[AddressRule] = [] if drop else [form.rule()]
        if drop or changed:
            place = _place_of(held, drop or changed)
            held[place : place + 1] = wanted
        else:
            held += wanted
        commands.set_address_rules(held)

    if drop:
        return _put(request, None, act)
    return _put(request, form, act, address_form=form)


def _place_of(held: list[AddressRule], public_id: str) -> int:
    wanted = ids.parse(RULE, public_id)
    found = next((place for place, one in enumerate(held) if one.rule_id == wanted), None)
    if found is None:
        raise ChangedMeanwhile("This address is no longer in the list.")
    return found


def _put(request: HttpRequest, form: forms.Form | None, act: Callable[[], None], **typed: forms.Form) -> HttpResponse:
    if not person(request).has_perm(DECIDE):
        raise PermissionDenied(DECIDE)
    if (form is None or form.is_valid()) and attempt(request, act, _("Saved.")):
        return redirect("console:return_terms")
    return _show(request, **typed)


def _show(request: HttpRequest, **typed: forms.Form) -> HttpResponse:
    may_write = bool(person(request).has_perm(DECIDE))
    reasons, rules = queries.list_reasons(), queries.list_address_rules() if may_write else []
    categories = names.category_names()
    places = {one.warehouse_id: one.name for one in inventory.list_warehouses()} if rules else {}
    chosen: dict[str, Any] = {"reason_form": ReasonForm(), "exclusion_form": ExclusionForm(), "address_form": ReturnAddressForm()}
    changing = request.POST.get("rule", "")
    for position, one in enumerate(reasons, 1):
        if one.code == request.GET.get("reason"):
            chosen["reason_form"] = ReasonForm(initial=ReasonForm.typed(one, position))
    for rule in rules:
        if rule.rule_id and ids.public(RULE, rule.rule_id) == request.GET.get("address"):
            chosen["address_form"] = ReturnAddressForm(initial=ReturnAddressForm.typed(rule))
            changing = request.GET["address"]
    addresses = [
        {
            "one": rule, "public_id": ids.public(RULE, rule.rule_id or 0), "category": categories.get(rule.category_id or 0),
            "warehouse": places.get(rule.address.warehouse_id or 0),  # type: ignore[call-overload]
        }
        for rule in rules
    ]  # fmt: skip
    exclusions = [
        {"one": one, "public_id": ids.public(CATEGORY, one.category_id), "category": categories.get(one.category_id, "–")}
        for one in queries.list_exclusions()
    ]
    return show(
        request, "console/return_terms.html", _("Reasons and addresses of return"), reasons=reasons,
        exclusions=exclusions, addresses=addresses, may_write=may_write, changing=changing, law=queries.statutory_returns(),
        **{**chosen, **typed},
    )  # fmt: skip
