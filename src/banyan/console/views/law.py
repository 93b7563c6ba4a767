"""The law of this shop: its rule sets with sources, its caps now, and the acknowledgement of a reading."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console import showing
from banyan.console.access import page, person, show
from banyan.console.names import is_chinese, user_names
from banyan.earnings.commission import queries as commission
from banyan.kernel import clock, tenancy
from banyan.kernel.tenancy.registry import get_tenant
from banyan.kernel.values.errors import Refusal
from banyan.kernel.words import said
from banyan.rules.compliance import commands, queries
from banyan.rules.compliance.types import (
    ACKNOWLEDGE_SCOPE,
    NOT_LEGAL_ADVICE,
    NOT_LEGAL_ADVICE_ZH,
    Jurisdiction,
    Reading,
    Rule,
    RuleSet,
    StandingGrade,
)


@page("compliance:read")
def overview(request: HttpRequest) -> HttpResponse:
    """What counts for this shop now, what could be acknowledged, who did what, and all jurisdictions."""
    now = clock.now()
    code = get_tenant(tenancy.current_tenant_id()).jurisdiction
    own = queries.find_jurisdiction(code)
    rules = queries.rule_set_at(now)
    acknowledgements = queries.list_acknowledgements()
    return show(
        request, "console/law.html", _("Law and readings"),
        code=code, own=own, rules=rules, caps=queries.caps_at(now), rows=_clauses(rules) if rules else [],
        accepted=queries.get_reading_at(now), offers=_offers(own), acknowledgements=acknowledgements,
        people=user_names(one.accepted_by_id for one in acknowledgements),
        may_acknowledge=person(request).has_scope(ACKNOWLEDGE_SCOPE), jurisdictions=queries.list_jurisdictions(),
        chinese=is_chinese(), advice=NOT_LEGAL_ADVICE_ZH if is_chinese() else NOT_LEGAL_ADVICE,
    )  # fmt: skip


@page("compliance:read")
def standing(request: HttpRequest) -> HttpResponse:
    """One screen: the plan in force under every country's law, organizations near the line, updates taken, plans stopped."""
    now = clock.now()
    watched = [one for one in queries.list_watched(200) if one.grade is not StandingGrade.CLEAR]
    layers, people = queries.lines_of(queries.rule_set_at(now))
    return show(
        request, "console/law_standing.html", _("Standing per country"), chinese=is_chinese(),
        countries=commission.standings_per_country(None, now), version=commission.version_at(now), watched=watched,
        layers=layers, people=people,
        updates=queries.list_updates(limit=20), missing=queries.list_missing_updates(),
        suspensions=commission.list_suspensions(limit=20),
        advice=NOT_LEGAL_ADVICE_ZH if is_chinese() else NOT_LEGAL_ADVICE,
    )  # fmt: skip


@page("compliance:read")
def jurisdiction(request: HttpRequest, code: str) -> HttpResponse:
    """Every rule set and every sourced fact of one jurisdiction."""
    found = queries.find_jurisdiction(code)
    if found is None:
        raise Http404(code)
    sets = [(rules, _clauses(rules)) for rules in found.rule_sets]
    return show(request, "console/law_jurisdiction.html", found.name_zh if is_chinese() else found.name, found=found, sets=sets,
                chinese=is_chinese(), advice=NOT_LEGAL_ADVICE_ZH if is_chinese() else NOT_LEGAL_ADVICE)  # fmt: skip


@require_POST
@page(ACKNOWLEDGE_SCOPE)
def acknowledge(request: HttpRequest) -> HttpResponse:
    """Record the signed-in operator's acceptance of the statement that the page showed."""
    try:
        commands.acknowledge_reading(
            request.POST.get("reading", ""),
            person(request).pk,
            request.POST.get("statement", "") if request.POST.get("agreed") == "yes" else "",
            upline_depth_paid=_number(request, "upline_depth_paid", 1),
            total_rate_bp=_number(request, "total_rate_percent", 100),
        )
    except Refusal as refusal:
        messages.error(request, said(refusal))
    else:
        messages.success(request, _("The reading counts from now on. Your acceptance is on the record."))
    return redirect("console:law")


@require_POST
@page(ACKNOWLEDGE_SCOPE)
def withdraw(request: HttpRequest) -> HttpResponse:
    """Go back to the letter of the law."""
    try:
        commands.withdraw_reading(person(request).pk, request.POST.get("reason", ""))
    except Refusal as refusal:
        messages.error(request, said(refusal))
    else:
        messages.success(request, _("The letter of the law counts from now on."))
    return redirect("console:law")


def _number(request: HttpRequest, name: str, scale: int) -> int | None:
    text = request.POST.get(name, "").strip()
    try:
        return round(float(text) * scale) if text and len(text) <= 8 else None
    except (ValueError, OverflowError):
        return -1  # refused by the command with the field's name


def _offers(own: Jurisdiction | None) -> list[dict[str, object]]:
    """Readings that could be acknowledged, with the words to accept."""
    if own is None:
        return []
    offers: list[dict[str, object]] = []
    for rules in own.rule_sets:
        words = rules.statement_zh if is_chinese() else rules.statement
        if rules.reading is Reading.PRACTICE:
            offers.append({"reading": "practice", "rules": rules, "statement": words, "open_depth": False, "open_rate": False})
        elif rules.reading is Reading.LETTER:
            depth, rate = rules.upline_depth_paid.number is None, rules.total_rate_bp.number is None
            if depth or rate:
                offers.append({"reading": "counsel", "rules": rules, "statement": words, "open_depth": depth, "open_rate": rate})
    return offers


def _clauses(rules: RuleSet) -> list[dict[str, object]]:
    """One row per clause: what it says in words, and the fact that it rests on."""
    depth, rate = rules.upline_depth_paid, rules.total_rate_bp
    said = [
        (_("Ancestors above the seller that may be paid"), _number_words(depth.number, _("at most %d")), depth.fact_id),
        (_("All pay together"), _rate_words(rate.number), rate.fact_id),
        (_("Pay for people recruited"), _(rules.recruitment_pay.rule.value), rules.recruitment_pay.fact_id),
        (_("Entry fee"), _(rules.entry_fee.rule.value), rules.entry_fee.fact_id),
        (_("Purchase demanded to join"), _(rules.starter_purchase.rule.value), rules.starter_purchase.fact_id),
        (_("Pay on the sales of a whole team"), _(rules.team_pay.rule.value), rules.team_pay.fact_id),
        (_("Network marketing as such"), _network_words(rules), rules.network_marketing.fact_id),
    ]
    return [{"clause": clause, "says": says, "fact": rules.facts.get(fact) if fact else None} for clause, says, fact in said]


def _network_words(rules: RuleSet) -> str:
    silent = rules.network_marketing.rule is Rule.SILENT  # no ban of its own: the clauses above decide
    return _("no clause of its own") if silent else _(rules.network_marketing.rule.value)


def _number_words(number: int | None, words: str) -> str:
    return _("no number: denied by default") if number is None else words % number


def _rate_words(rate_bp: int | None) -> str:
    return _("no number: denied by default") if rate_bp is None else _("at most %s of the sale") % showing.percent(rate_bp)
