"""Flash sales: planned, watched live, ended; and the page on which buyers wait for their turn."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from banyan.console import names, paging
from banyan.console.access import attempt, get_public, may, page, show
from banyan.console.offer_forms import OfferForm
from banyan.goods.catalog import queries as catalog
from banyan.kernel import clock, ids, tenancy
from banyan.kernel.values.errors import Refusal
from banyan.trade.offers import commands, queries
from banyan.trade.offers.types import NewOffer, Offer, OfferId

OFFER = "off"


class UnknownCode(Refusal):
    """No SKU has this code."""

    code = "unknown_sku"
    status = 422
    advice = "Use the code of a SKU of this shop."


@page("catalog:read")
def listing(request: HttpRequest) -> HttpResponse:
    """Sales, newest first, and the form for another."""
    return _listing(request, OfferForm(_currency()))


@require_POST
@page("catalog:write")
def plan(request: HttpRequest) -> HttpResponse:
    """Plan a sale; its pieces are set aside at once."""
    form = OfferForm(_currency(), request.POST)
    if form.is_valid():
        asked = dict(form.cleaned_data)
        made: list[OfferId] = []

        def act() -> None:
            code = asked.pop("code")
            sku_id = catalog.find_skus_by_codes([code]).get(code)
            if sku_id is None:
                raise UnknownCode("No SKU has this code.")
            made.extend(commands.plan([NewOffer(sku_id=sku_id, **asked)]))

        if attempt(request, act, _("Planned. Its pieces are set aside.")):
            return redirect("console:flash_sale", public_id=ids.public(OFFER, made[0]))
    return _listing(request, form)


def _listing(request: HttpRequest, form: OfferForm) -> HttpResponse:
    context = paging.page(request, lambda before, count: queries.list_offers(None, before, count), lambda one: one.offer_id)
    context["rows"] = [_row(one) for one in context["rows"]]
    return show(
        request, "console/flash_sales.html", _("Flash sales"), form=form, may_write=may(request, "catalog:write"), **context
    )  # fmt: skip


def _row(offer: Offer) -> dict[str, Any]:
    return {"one": offer, "public_id": ids.public(OFFER, offer.offer_id), "phase": offer.phase(clock.now()).value}


def _find(public_id: str) -> Offer:
    return get_public(queries.get_offer, OFFER, public_id)


def _currency() -> str:
    return tenancy.get_tenant(tenancy.current_tenant_id()).currency


@page("catalog:read")
def live(request: HttpRequest, public_id: str) -> HttpResponse:
    """One sale as it goes; the browser looks again by itself while it is planned or on."""
    offer = _find(public_id)
    at = clock.now()
    return show(
        request, "console/flash_sale.html", offer.name, **_row(offer), now=queries.standing(offer, at), at=at,
        goods=names.goods_names([offer.sku_id]).get(offer.sku_id, ""), currency=_currency(),
        may_write=may(request, "catalog:write"),
    )  # fmt: skip


@require_POST
@page("catalog:write")
def end(request: HttpRequest, public_id: str) -> HttpResponse:
    """End a sale before its time."""
    offer = _find(public_id)
    attempt(request, lambda: commands.end([offer.offer_id]), _("Ended. What was left is everybody's again."))
    return redirect("console:flash_sale", public_id=public_id)


@require_GET
def waiting(request: HttpRequest, public_id: str) -> HttpResponse:
    """Where buyers wait. The page holds nothing of the shop: it asks the API with the buyer's own token."""
    return render(request, "console/waiting.html", {"public_id": public_id})
