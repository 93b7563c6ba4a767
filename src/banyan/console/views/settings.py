"""The shop's settings of distribution: one small form for one command each, with what holds now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from banyan.console import forms
from banyan.console.access import attempt, may, page, person, show
from banyan.kernel import tenancy
from banyan.kernel.tenancy.registry import get_tenant
from banyan.people.distributors.types import Tier
from banyan.people.network import commands as network
from banyan.people.network import queries as bindings
from banyan.people.network.types import BindingMode, BindingSettings
from banyan.trade.attribution import commands as attribution
from banyan.trade.attribution import queries as referrals
from banyan.trade.attribution.types import Policy as AttributionPolicy
from banyan.trade.fulfillment import commands as fulfillment
from banyan.trade.fulfillment import queries as fulfillment_terms
from banyan.trade.fulfillment.types import Policy as FulfillmentPolicy
from banyan.trade.orders import commands as orders
from banyan.trade.orders import queries as order_terms
from banyan.trade.orders.types import Policy as OrderPolicy
from banyan.trade.pricing.types import FreightTariff
from banyan.trade.returns import commands as returns
from banyan.trade.returns import queries as return_terms
from banyan.trade.returns.types import FreightRule

Cleaned = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """One form of the page: who may read and who may change it (the same rights as over the API), what holds, what to do."""

    title: Any
    note: Any
    read: str
    allowed: Callable[[HttpRequest], bool]
    form: type[forms.SettingForm]
    held: Callable[[], Cleaned]
    change: Callable[[Cleaned], object]


def _with_scope(scope: str) -> Callable[[HttpRequest], bool]:
    return lambda request: may(request, scope)


def _order_terms() -> Cleaned:
    held = order_terms.get_policy()
    times = {"receive_after_days": held.receive_after_days, "close_after_days": held.close_after_days}
    return {**times, "payment_window_seconds": held.payment_window_seconds, **asdict(held.tariff)}


def _set_order_terms(asked: Cleaned) -> None:
    tariff = FreightTariff(**{name: asked[name] for name in asdict(FreightTariff())})
    times = (asked["payment_window_seconds"], asked["receive_after_days"], asked["close_after_days"])
    orders.set_policy(OrderPolicy(*times, tariff))


def _set_binding(asked: Cleaned) -> None:
    rules = BindingSettings(BindingMode(asked["mode"]), asked["protect_days"], asked["validity_days"])
    network.set_binding_settings(rules)


REVIEWED = ("newcomer_orders", "trusted_below_minor", "claims_below_minor", "risky_share_bp", "risky_orders")
"""Terms of review that the form names as the policy does."""


def _set_returns(asked: Cleaned) -> None:
    held = return_terms.get_policy()
    review = {name: asked[name] for name in REVIEWED if asked[name] is not None}
    if asked["trusted_tier"]:
        review["automatic_tiers"] = _from_tier(asked["trusted_tier"])
    days = {name: asked[name] for name in ("send_back_days", "difference_days") if asked[name] is not None}
    by_tier = dict(held.days_by_tier) | asked["days_by_tier"]
    returns.set_policy(
        replace(
            held,
            days_after_receipt=asked["days_after_receipt"],
            freight_rule=FreightRule(asked["freight_rule"]),
            days_by_tier=tuple((tier, by_tier[tier]) for tier in Tier if by_tier.get(tier) is not None),
            review=replace(held.review, **review),
            **days,
        )
    )


def _return_terms() -> Cleaned:
    held = return_terms.get_policy()
    tiers = [tier for tier in Tier if tier in held.review.automatic_tiers]
    by_tier = dict(held.days_by_tier)
    return {
        "days_after_receipt": held.days_after_receipt, "freight_rule": held.freight_rule, "send_back_days": held.send_back_days,
        "difference_days": held.difference_days, "trusted_tier": tiers[0].value if tiers else forms.NOBODY_TRUSTED,
        **{name: getattr(held.review, name) for name in REVIEWED},
        **{name: by_tier.get(tier) for name, tier in forms.TIER_DAYS.items()},
    }  # fmt: skip


def _from_tier(lowest: str) -> tuple[Tier, ...]:
    """A tier and those above it."""
    tiers = list(Tier)
    return () if lowest == forms.NOBODY_TRUSTED else tuple(tiers[tiers.index(Tier(lowest)) :])


SETTINGS: dict[str, Setting] = {
    "binding": Setting(
        gettext_lazy("Binding of consumers"), gettext_lazy("Counts for touches from now on; present bindings stay."),
        "network:read", _with_scope("network:write"), forms.BindingForm, lambda: asdict(bindings.get_binding_settings()),
        _set_binding,
    ),
    "attribution": Setting(
        gettext_lazy("Attribution of orders"), gettext_lazy("Orders placed before keep what was recorded."),
        "network:read", _with_scope("network:write"), forms.AttributionForm, lambda: asdict(referrals.get_policy()),
        lambda asked: attribution.set_policy(AttributionPolicy(asked["self_purchase"])),
    ),
    "orders": Setting(
        gettext_lazy("Orders and freight"), gettext_lazy("Takes effect within half a minute."),
        "catalog:read", _with_scope("catalog:write"), forms.OrderForm, _order_terms, _set_order_terms,
    ),
    "fulfillment": Setting(
        gettext_lazy("Delivery and pickup"),
        gettext_lazy("Days until receipt count for what was delivered before, too; what waits at a store keeps its last day."),
        "catalog:read", _with_scope("catalog:write"), forms.FulfillmentForm, lambda: asdict(fulfillment_terms.get_policy()),
        lambda asked: fulfillment.set_policy(FulfillmentPolicy(**asked)),
    ),
    "returns": Setting(
        gettext_lazy("Terms of return"), gettext_lazy("They hold for requests and freight from now on."),
        "returns:read", lambda request: bool(person(request).has_perm("returns.decide_returnrow")), forms.ReturnForm,
        _return_terms, _set_returns,
    ),
}  # fmt: skip


@page("network:read")
def overview(request: HttpRequest) -> HttpResponse:
    """Every setting that the person may read, with what holds now."""
    return _show(request)


@require_POST
@page("network:read")
def change(request: HttpRequest, key: str) -> HttpResponse:
    """One command with what one form says; faults stand beside the fields."""
    setting = SETTINGS.get(key)
    if setting is None:
        raise Http404(key)
    if not setting.allowed(request):
        raise PermissionDenied(key)
    form = setting.form(request.POST, currency=_currency())
    if not form.is_valid():
        return _show(request, key, form)
    if attempt(request, lambda: setting.change(form.cleaned_data), _("Changed: %s.") % setting.title):
        return redirect("console:settings")
    return _show(request, key, form)


def _show(request: HttpRequest, key: str = "", faulty: forms.SettingForm | None = None) -> HttpResponse:
    cards = [
        {
            "key": each, "setting": setting, "allowed": setting.allowed(request),
            "form": faulty if each == key and faulty else setting.form(initial=setting.held(), currency=_currency()),
        }
        for each, setting in SETTINGS.items()
        if may(request, setting.read)
    ]  # fmt: skip
    return show(request, "console/settings.html", _("Distribution settings"), cards=cards,
                sees_policies=may(request, "settlements:read"))  # fmt: skip


def _currency() -> str:
    return get_tenant(tenancy.current_tenant_id()).currency
