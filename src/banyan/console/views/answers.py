"""Why this, why not me, why not yet: one person's answer about one order; and how a person stood at any past moment."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.dateparse import parse_datetime
from django.utils.timezone import localtime, make_aware
from django.utils.translation import gettext as _

from banyan.console import names, showing, trail
from banyan.console.access import get_public, may, page, show
from banyan.earnings.commission import queries as commissions
from banyan.earnings.commission.types import Commission, OrderDecision
from banyan.kernel import clock
from banyan.kernel.tenancy import current_tenant_id, get_tenant
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.types import DistributorId
from banyan.rules.compliance import queries as compliance
from banyan.trade.attribution import queries as attribution
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import Order

SCOPE = "commissions:read"
EARLIEST_YEAR = 1990
"""Nothing was sold here before; and dates of the first centuries leave the calendar when they change their zone."""


@page(SCOPE)
def order_answer(request: HttpRequest, public_id: str) -> HttpResponse:
    """What an order brings somebody and why, in the words that he reads himself and in full; whoever asks names the person."""
    order = _order(public_id)
    asked = request.GET.get("of", "").strip()
    own = names.find_distributor(asked) if asked else None
    earned = commissions.list_for_orders([order.order_id]).get(order.order_id, [])
    line = _line(order, earned)
    people = names.names_of([*line, own])
    answer = commissions.answer_for(order.order_id, own) if own is not None else None
    decided = answer is not None and answer.outcome != "undecided"
    decision = commissions.decide_again(order.order_id) if decided else None
    return show(
        request, "console/order_answer.html", _("Why this, why not, why not yet"), order=order, public_id=public_id, asked=asked,
        line=[people[key] for key in line if key in people], own=people.get(own) if own else None, answer=answer,
        outcome=_outcome(answer.outcome) if answer is not None else None, decision=decision,
        earned=_earned([one for one in earned if one.payee_id == own], decision),
        version_url=_version_url(request, decision.version) if decision is not None else "",
        sees_network=may(request, "network:read"), sees_order=may(request, "orders:read"), **_full(decision, own),
    )  # fmt: skip


@page(SCOPE)
def moment(request: HttpRequest, public_id: str) -> HttpResponse:
    """Tree, plan, tier, law and balances of a distributor as of a moment; now where none is named."""
    own = _distributor(public_id)
    now, asked = clock.now(), request.GET.get("at", "").strip()
    at = _moment(asked, now) if asked else now
    found = commissions.moment_of(own, at) if at is not None else None
    people = names.names_of([own, *(found.upline if found is not None else ())])
    rules = compliance.explain_rule_set(str(found.caps.rule_set)) if found is not None else None
    return show(
        request, "console/moment.html", _("%s as of a moment") % people[own].code, own=people[own], found=found, rules=rules,
        upline=[people[key] for key in reversed(found.upline) if key in people] if found is not None else [],
        asked=asked, field=localtime(at).strftime("%Y-%m-%dT%H:%M:%S") if at is not None else "",
        stamp=at.isoformat() if asked and at is not None else "", currency=get_tenant(current_tenant_id()).currency,
        version_url=_version_url(request, found.version) if found is not None else "",
        sees_network=may(request, "network:read"), sees_law=may(request, "compliance:read"),
    )  # fmt: skip


def _order(public_id: str) -> Order:
    return get_public(orders.get_order, names.ORDER, public_id)


def _distributor(public_id: str) -> DistributorId:
    return get_public(distributors.get_distributor, names.DISTRIBUTOR, public_id).id


def _line(order: Order, earned: list[Commission]) -> list[int]:
    """Whom one may want to ask about: the frozen line, nearest first, the buyer as a distributor, and whoever else earned."""
    frozen = attribution.frozen([order.order_id]).get(order.order_id)
    line = [int(each.distributor_id) for each in frozen.upline] if frozen is not None else []
    buyer = frozen.buyer_distributor_id if frozen is not None else None
    return list(dict.fromkeys([*line, *([int(buyer)] if buyer else []), *(each.payee_id for each in earned)]))


def _earned(mine: list[Commission], decision: OrderDecision | None) -> list[dict[str, Any]]:
    """What the person earned, named as on the page that explains it."""
    version = decision.version if decision is not None else None
    rules = {str(rule["key"]): rule for rule in version.document["rules"]} if version is not None else {}
    return [
        {
            "one": one,
            "kind": showing.commission_kind(one.kind, rules.get(one.rule_key, {})),
            "url": trail.explain_url(one.commission_id),
        }
        for one in mine
    ]


def _outcome(outcome: str) -> dict[str, str]:
    """Word and color of an outcome. Released is not paid out yet, so the pill does not say "paid"."""
    words = {
        "paid": (_("earned and released"), "good"),
        "waiting": (_("earned, not yet released"), "warn"),
        "reversed": (_("earned and taken back"), "bad"),
        "nothing": (_("earned nothing"), "plain"),
    }
    word, tone = words.get(outcome, (_("not decided yet"), "warn"))
    return {"word": word, "tone": tone}


def _full(decision: OrderDecision | None, own: int | None) -> dict[str, Any]:
    """The person's part of the decision for finance: what each rule gave or withheld, and what cut the order's shares."""
    if decision is None:
        return {"steps": [], "skipped": [], "cuts": [], "stackings": []}
    trace = decision.trace
    return {
        "steps": [each for each in trace.evaluations if each.payee_id == own],
        "skipped": [each for each in trace.skipped if each.payee_id == own],
        "stackings": [each for each in trace.stackings if each.payee_id == own and each.dropped_rules],
        "cuts": trace.cuts,
    }


def _version_url(request: HttpRequest, version: Any) -> str:
    return trail.plan_url(version.version_id) if version is not None and may(request, "plans:read") else ""


def _moment(text: str, now: datetime) -> datetime | None:
    """A date or a date and time, in the shop's zone where it names none; None for anything else and for what is to come."""
    try:
        found = parse_datetime(text)
        if found is None or found.year < EARLIEST_YEAR:
            return None
        at = make_aware(found) if found.tzinfo is None else found
        return at if at <= now else None
    except (ValueError, OverflowError):
        return None
