"""The overview: figures, charts, top distributors."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from banyan.console import figures, showing
from banyan.console.access import may, show
from banyan.console.names import names_of
from banyan.console.navigation import first_page
from banyan.kernel import clock, tenancy
from banyan.kernel.tenancy.registry import get_tenant

PERIODS = (7, 30, 90)


def overview(request: HttpRequest) -> HttpResponse:
    """The entered shop at a glance. Money figures need the right to see commissions; others get their first menu."""
    if not may(request, "orders:read") or not may(request, "commissions:read"):
        other = first_page(request)
        return redirect(other) if other else show(request, "console/nothing.html", _("Overview"))
    asked = request.GET.get("days", "30")
    days = int(asked) if asked in {str(one) for one in PERIODS} else 30
    of = figures.window(days, clock.now())
    currency = get_tenant(tenancy.current_tenant_id()).currency
    series = figures.by_day(of)
    depths = figures.by_depth(of)
    top = figures.top_payees(of)
    names = names_of(payee for payee, _total, _orders in top)
    return show(
        request, "console/overview.html", _("Overview"), days=days, periods=PERIODS, currency=currency,
        cards=_cards(request, of, currency),
        top=[{"name": names.get(payee), "total": total, "orders": orders} for payee, total, orders in top],
        depths=depths, empty=not any(day.gmv_minor for day in series),
        day_chart=_day_chart(series, currency), depth_chart=_depth_chart(depths, currency),
    )  # fmt: skip


def _cards(request: HttpRequest, of: figures.Window, currency: str) -> list[dict[str, Any]]:
    sold = figures.sales(of)
    balances = figures.distributor_balances()
    people = figures.distributor_counts()
    waiting, waiting_minor = figures.review_queue()
    set_aside = figures.open_set_aside()

    def money(minor: int) -> str:
        return showing.money(minor, currency)

    def card(title: str, value: str, note: str = "", link: str = "") -> dict[str, Any]:
        return {"title": title, "value": value, "note": note, "link": link}

    cards = [
        card(_("Paid amount (GMV)"), money(sold.gmv_minor), _("%d paid orders") % sold.order_count),
        card(_("Commission accrued"), money(figures.accrued_minor(of)), _("on orders paid in this period")),
        card(_("Pending now"), money(balances.get("pending", 0)), _("in the holding period")),
        card(_("Available now"), money(balances.get("available", 0)), _("waits for settlement")),
        card(_("Being paid now"), money(balances.get("payable", 0) + figures.in_transit_minor()), _("approved, on the way")),
        card(_("Paid out"), money(figures.paid_out_minor(of)), _("completed in this period")),
        card(_("Debt carried"), money(balances.get("debt", 0)), _("clawed back after payout")),
        card(_("Return rate"), showing.percent(sold.return_rate_bp), _("%s refunded") % money(sold.refund_minor)),
        card(_("Active distributors"), f"{people.get('active', 0):,}", _("%d applications open") % people.get("applied", 0),
             reverse("console:applications") if may(request, "distributors:read") else ""),
        card(_("Review queue"), f"{waiting:,}", money(waiting_minor),
             reverse("console:review") if may(request, "settlements:read") else ""),
        card(_("Events set aside"), f"{set_aside:,}", _("nothing is waiting") if not set_aside else _("look at them today"),
             reverse("console:set_aside") if may(request, "events:read") else ""),
    ]  # fmt: skip
    return cards


def _day_chart(series: list[figures.Day], currency: str) -> dict[str, Any]:
    symbol = showing.SYMBOLS.get(currency, "")
    return {
        "moneyAxes": True, "symbol": symbol, "tooltip": {"trigger": "axis"}, "animation": False,
        "grid": {"left": 8, "right": 8, "top": 12, "bottom": 4, "containLabel": True},
        "xAxis": {"type": "category", "data": [day.day.strftime("%m-%d") for day in series], "boundaryGap": False},
        "yAxis": [{"type": "value", "money": True}, {"type": "value", "money": True, "splitLine": {"show": False}}],
        "series": [
            {"name": _("Paid amount (GMV)"), "type": "line", "data": [day.gmv_minor for day in series], "showSymbol": False,
             "areaStyle": {"opacity": 0.08}, "lineStyle": {"width": 2}},
            {"name": _("Commission accrued"), "type": "line", "yAxisIndex": 1, "data": [day.commission_minor for day in series],
             "showSymbol": False, "lineStyle": {"width": 2}},
        ],
    }  # fmt: skip


def _depth_chart(depths: list[tuple[int, int, int]], currency: str) -> dict[str, Any]:
    words = [_("seller") if depth == 0 else _("%d above") % depth for depth, _count, _total in depths]
    return {
        "moneyAxes": True, "symbol": showing.SYMBOLS.get(currency, ""), "tooltip": {"trigger": "axis"}, "animation": False,
        "grid": {"left": 8, "right": 16, "top": 12, "bottom": 4, "containLabel": True},
        "xAxis": {"type": "category", "data": words},
        "yAxis": {"type": "value", "money": True},
        "series": [{"type": "bar", "barMaxWidth": 56, "data": [total for _depth, _count, total in depths]}],
    }  # fmt: skip
