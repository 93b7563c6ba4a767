"""Simulations in the console: ask for one, watch it, read it with charts, take it along as CSV."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console import names, paging, showing
from banyan.console.access import attempt, get_public, may, page, person, show
from banyan.console.figures import window
from banyan.console.simulation_tables import TITLES, rows_of
from banyan.console.spreadsheets import as_csv
from banyan.console.views.plan_desk import RUN, SIMULATE, SIMULATED_DAYS
from banyan.earnings.commission import queries as commission
from banyan.earnings.simulation import commands, queries
from banyan.earnings.simulation.types import NewRun, Run, RunStatus
from banyan.kernel import clock, ids, tenancy
from banyan.kernel.values.errors import Invalid

SHOWN_GOODS = 20


@page("plans:read")
def listing(request: HttpRequest) -> HttpResponse:
    """Runs, the latest first, and the form for a new one over a version's document."""
    context = paging.page(
        request, lambda before, count: queries.list_runs(before=before, limit=count), lambda run: int(run.run_id)
    )
    of = window(SIMULATED_DAYS, clock.now())
    zone = tenancy.get_tenant(tenancy.current_tenant_id()).zone
    return show(
        request, "console/simulations.html", _("Simulations"), may_simulate=may(request, SIMULATE),
        versions=commission.list_versions(limit=100), chosen=request.GET.get("version", ""),
        start=of.start.astimezone(zone).date().isoformat(), end=of.end.astimezone(zone).date().isoformat(), **context,
    )  # fmt: skip


@require_POST
@page(SIMULATE)
def request_run(request: HttpRequest) -> HttpResponse:
    """Queue a run over whole days of the shop's zone."""
    asked: list[int] = []

    def act() -> None:
        version = commission.get_version(ids.parse(names.VERSION, request.POST.get("version", "")))
        by = ids.public(names.USER, person(request).pk)
        moments = [_midnight(request.POST.get(name, ""), name) for name in ("start", "end")]
        asked.append(commands.request(NewRun(version.document, moments[0], moments[1], by, version.version_id)))

    if attempt(request, act, _("The simulation is queued; it begins within seconds.")):
        return redirect("console:simulation", public_id=ids.public(RUN, asked[0]))
    return redirect("console:simulations")


@page("plans:read")
def one(request: HttpRequest, public_id: str) -> HttpResponse:
    """One run: how far it is, or what it found."""
    run = _find(public_id)
    outcome = run.outcome
    currency = tenancy.get_tenant(tenancy.current_tenant_id()).currency
    context: dict[str, Any] = {}
    if outcome is not None:
        people = names.names_of([each["payee_id"] for each in (*outcome["gainers"], *outcome["losers"])])
        context = {
            "day_chart": _two_lines([row["day"][5:] for row in outcome["by_day"]], outcome["by_day"], currency),
            "cash_chart": _two_lines(
                [row["day"][5:] for row in outcome["released_by_day"]], outcome["released_by_day"], currency
            ),
            "rule_chart": _bars([row["rule"] for row in outcome["by_rule"]], outcome["by_rule"], currency),
            "tables": _tables(outcome),
            "partial": [_period(row) for row in outcome.get("by_period", ()) if not row["is_whole"]],
            "open": [_period(row) for row in outcome.get("by_period", ()) if row["is_open"]],
            "sides": [
                (title, [{**row, "name": people.get(row["payee_id"])} for row in rows])
                for title, rows in ((_("Who gains most"), outcome["gainers"]), (_("Who loses most"), outcome["losers"]))
            ],
        }
    return show(
        request, "console/simulation.html", run.title or _("Simulation"), run=run, outcome=outcome, currency=currency,
        public_id=public_id, may_cancel=may(request, SIMULATE) and run.status in (RunStatus.QUEUED, RunStatus.RUNNING),
        chinese=names.is_chinese(), exports=TITLES, **context,
    )  # fmt: skip


def _tables(outcome: dict[str, Any]) -> list[tuple[object, str, list[dict[str, Any]]]]:
    """Title, name of the table that can be taken along, and rows with what each stands for in words."""
    skus = outcome["by_sku"][:SHOWN_GOODS]
    say: dict[str, Callable[[Any], Any]] = {
        "sku_id": names.goods_names(row["sku_id"] for row in skus if row["sku_id"]).get,
        "category_id": names.category_names().get,
        "tier": showing.word_of,
    }
    periods = [{**row, "words": _period(row)} for row in outcome.get("by_period", ())]
    return [
        (TITLES[table], table, [{**row, "words": say.get(key, str)(row[key])} for row in rows])
        for table, key, rows in (
            ("rules", "rule", outcome["by_rule"]),
            ("tiers", "tier", outcome["by_tier"]),
            ("depths", "depth", outcome["by_depth"]),
            ("months", "month", outcome["by_month"]),
            ("categories", "category_id", outcome["by_category"][:SHOWN_GOODS]),
            ("goods", "sku_id", skus),
        )
    ] + ([(TITLES["periods"], "periods", periods)] if periods else [])


def _period(row: dict[str, Any]) -> str:
    """A period in words: `month from 2026-03-01`; an outcome keeps the day after its end, not its latest."""
    return _("%(period)s from %(day)s") % {"period": showing.word_of(row["period"]), "day": row["first_day"]}


@require_POST
@page(SIMULATE)
def cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    """Cancel a run that waits or is under way."""
    run = _find(public_id)
    attempt(request, lambda: commands.cancel(run.run_id), _("Cancelled."))
    return redirect("console:simulation", public_id=public_id)


@page("plans:read")
def export(request: HttpRequest, public_id: str, table: str) -> HttpResponse:
    """One table as CSV."""
    run = _find(public_id)
    if table not in TITLES:
        raise Http404(table)
    currency = tenancy.get_tenant(tenancy.current_tenant_id()).currency
    return as_csv(f"{public_id}-{table}", rows_of(run, table, currency))


def _find(public_id: str) -> Run:
    return get_public(queries.get_run, RUN, public_id)


def _midnight(text: str, field: str) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise Invalid("This is no day.", field=field) from error
    return datetime.combine(day, time(), tenancy.get_tenant(tenancy.current_tenant_id()).zone)


def _base(currency: str, words: list[str]) -> dict[str, Any]:
    return {
        "moneyAxes": True, "symbol": showing.SYMBOLS.get(currency, ""), "tooltip": {"trigger": "axis"}, "animation": False,
        "grid": {"left": 8, "right": 16, "top": 12, "bottom": 4, "containLabel": True},
        "xAxis": {"type": "category", "data": words}, "yAxis": {"type": "value", "money": True},
    }  # fmt: skip


def _two_lines(words: list[str], rows: list[dict[str, Any]], currency: str) -> dict[str, Any]:
    lines = [(_("Plan in force then"), "old_minor"), (_("This plan"), "new_minor")]
    series = [
        {"name": name, "type": "line", "data": [row[key] for row in rows], "showSymbol": False, "lineStyle": {"width": 2}}
        for name, key in lines
    ]
    return {**_base(currency, words), "series": series}


def _bars(words: list[str], rows: list[dict[str, Any]], currency: str) -> dict[str, Any]:
    bars = [(_("Plan in force then"), "old_minor"), (_("This plan"), "new_minor")]
    series = [{"name": name, "type": "bar", "barMaxWidth": 36, "data": [row[key] for row in rows]} for name, key in bars]
    return {**_base(currency, words), "series": series}
