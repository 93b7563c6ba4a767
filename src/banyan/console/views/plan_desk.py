"""The plan editor: write a document with cards or as JSON, see at once what it would mean, keep it as a draft."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console import names, showing
from banyan.console.access import get_public, may, page, person, show
from banyan.console.figures import window
from banyan.console.plan_sample import sample_order
from banyan.console.plan_words import plan_words
from banyan.earnings.commission import commands, queries
from banyan.earnings.commission.types import DraftPlan, PlanReport, PlanVersion, VersionStatus
from banyan.earnings.commission.types.document import plan_schema
from banyan.earnings.commission.types.plan import TIERS
from banyan.earnings.commission.types.starts import STARTS
from banyan.earnings.simulation import commands as simulation
from banyan.earnings.simulation.types import NewRun
from banyan.kernel import clock, ids, tenancy
from banyan.kernel.values.errors import Refusal
from banyan.kernel.words import said

CHARACTERS_MAX = 400_000
WRITE, SIMULATE = "plans:write", "plans:simulate"
RUN, SIMULATED_DAYS = "sim", 90
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
"""What a new plan begins with: one rule that pays the seller. Its title is said in the reader's language."""


CATEGORY = "cat"
SHOWN_THIN = 10


@page("plans:read")
def edit(request: HttpRequest, public_id: str = "") -> HttpResponse:
    """Write a document: a new plan, or with an id one that starts from that version. Checking keeps nothing."""
    origin = find(public_id) if public_id else None
    if request.method != "POST":
        return _desk(request, origin, shown(origin.document if origin else _blank()), "")
    text, name = request.POST.get("document", ""), request.POST.get("name", "").strip()
    document, fault = _read(text)
    if fault:
        return _desk(request, origin, text, name, fault=fault)
    if request.POST.get("act") == "check":
        return _desk(request, origin, text, name, report=queries.check_document(document, clock.now()))
    scope = SIMULATE if request.POST.get("act") == "simulate" else WRITE
    if not may(request, scope):
        raise PermissionDenied(scope)
    try:
        if scope == SIMULATE:
            return _simulate(request, document)
        kept = _keep(request, origin, document, name)
    except commands.InvalidPlan:
        return _desk(request, origin, text, name, report=queries.check_document(document, clock.now()))
    except Refusal as refusal:
        messages.error(request, said(refusal))
        return _desk(request, origin, text, name)
    messages.success(request, _("The draft is kept. Nothing is paid by it until it is published."))
    return redirect("console:plan", public_id=kept)


@require_POST
@page("plans:read")
def verdict(request: HttpRequest) -> HttpResponse:
    """The faults of what is being written, or its proven worst case with the witness, and what the law says. Keeps nothing."""
    document, fault = _read(request.POST.get("document", ""))
    found = None if fault else queries.prove_document(document, clock.now())
    proven = found if isinstance(found, queries.ShopProof) else None
    report = found.report if isinstance(found, queries.ShopProof) else found
    context = {
        "fault": fault, "report": report, "faults": faults(report), "chinese": names.is_chinese(),
        "proof": _proof(proven) if proven else None, "currency": _tenant().currency,
    }  # fmt: skip
    return render(request, "console/plan_verdict.html", context)


@require_POST
@page("plans:read")
def sample(request: HttpRequest) -> HttpResponse:
    """What the plan that is being written pays on the order beside it, share by share and why. Keeps nothing."""
    document, fault = _read(request.POST.get("document", ""))
    if fault or queries.check_document(document, clock.now()).faults:
        return HttpResponse("")  # the verdict beside it says what is wrong
    order = sample_order(request.POST, document)
    decided = queries.preview_order(queries.compiled(document), order)
    margin_minor = decided.trace.base_minor - order.lines[0].cost_minor - decided.trace.legal.paid_minor
    return render(
        request, "console/plan_sample.html",
        {
            "paid_minor": decided.trace.legal.paid_minor, "margin_minor": margin_minor, "currency": _tenant().currency,
            "shares": [
                {"share": share, "name": decided.names[share.payee_id], "words": words}
                for share, words in zip(decided.trace.shares, decided.words, strict=True)
            ],
        },
    )  # fmt: skip


def _proof(found: queries.ShopProof) -> dict[str, Any]:
    """The worst case with its witness, and the goods on which the plan can pay more than their margin."""
    worst, titles = found.proof.worst, names.goods_names([each.sku_id for each in found.thin[:SHOWN_THIN]])
    case = queries.describe_case(worst) if worst else {}
    return {
        "exact": found.proof.exact,
        "worst_bp": worst.rate_bp if worst else None,
        "bound_bp": found.bound_bp,
        "case_count": found.proof.case_count,
        "path": _path(case) if case else [],
        "base_minor": case.get("base_minor"),
        "circumstances": _circumstances(case) if case else [],
        "parts": case.get("parts", []),
        "why": [_reason(each) for each in found.proof.why],
        "thin": [(titles.get(each.sku_id, ids.public("sku", each.sku_id)), each) for each in found.thin[:SHOWN_THIN]],
        "thin_count": len(found.thin),
    }


def _path(case: dict[str, Any]) -> list[str]:
    """The tiers of the witness from the seller up, and who of them is not active."""
    words, inactive = plan_words(), _("%s (not active)")
    return [
        inactive % words[tier] if depth in case["inactive_depths"] else words[tier] for depth, tier in enumerate(case["path"])
    ]


def _circumstances(case: dict[str, Any]) -> list[tuple[str, str]]:
    """What else the witness is made of: who is paid beside the path, and what the plan asks of the goods and of the sale."""
    words, named = plan_words(), names.category_names()
    beside = [(_whom(each["whom"], words), words[each["tier"]]) for each in case["beside"]]
    told = {
        "sku": names.goods_names([case["sku_id"]]).get(case["sku_id"], ids.public("sku", case["sku_id"]))
        if case["sku_id"]
        else "",
        "product": ids.public("prd", case["product_id"]) if case["product_id"] else "",
        "category": ", ".join(named.get(one, ids.public(CATEGORY, one)) for one in case["category_ids"]),
        "tag": ", ".join(case["tags"]),
        "supplier": ids.public(names.USER, case["supplier_id"]) if case["supplier_id"] else "",
        "channel": case["channel"],
        "region": case["region_code"],
        "first_order": "" if case["first_order"] is None else _("yes") if case["first_order"] else _("no"),
        "time_of_day": "" if case["local_minute"] is None else "{:02d}:{:02d}".format(*divmod(case["local_minute"], 60)),
        "window": showing.moment(case["at"]) if case["at"] else "",
        "age_days": "" if case["age_days"] is None else str(case["age_days"]),
    }
    words |= {"age_days": _("Days since listing"), "window": _("Moment")}
    return [*beside, *((words[name], said) for name, said in told.items() if said)]


def _reason(why: str) -> str:
    """Why there is no proof: the place as it stands, what is there in the active language."""
    place, colon, said = why.rpartition(": ")
    return f"{place}{colon}{_fault_words(said)}"


def _whom(whom: str, words: dict[str, str]) -> str:
    """Somebody beside the path: the buyer, a regional partner with his region, a named person with his id."""
    kind, _colon, which = whom.partition(":")
    if kind == "person":
        which = ids.public(names.DISTRIBUTOR, int(which))
    return " ".join(filter(None, (words[kind], words.get(which, which))))


def _around() -> dict[str, Any]:
    """The schema of a document, the words of its members, what can be picked from, and plans to begin with."""
    words, tenant = plan_words(), _tenant()
    return {
        "schema": plan_schema(),
        "words": words,
        "choices": {
            "symbol": showing.SYMBOLS.get(tenant.currency, tenant.currency),
            "offset": timezone.localtime(clock.now()).isoformat()[-6:],
            "named": {"category": [(ids.public(CATEGORY, one), named) for one, named in names.category_names().items()]},
        },
        "starts": [
            {"key": one.key, "title": one.title_zh if names.is_chinese() else one.title, "document": one.document}
            for one in STARTS
        ],
        "tiers": [(tier, words[tier]) for tier in TIERS],
    }


def _tenant() -> tenancy.Tenant:
    return tenancy.get_tenant(tenancy.current_tenant_id())


def _desk(
    request: HttpRequest, origin: PlanVersion | None, text: str, name: str, *, fault: str = "", report: PlanReport | None = None
) -> HttpResponse:
    title = _("New plan") if origin is None else _("Plan %s") % origin.name
    revises = origin is not None and origin.status is VersionStatus.DRAFT
    return show(
        request, "console/plan_desk.html", title, origin=origin, text=text, name=name, fault=fault, report=report,
        faults=faults(report), chinese=names.is_chinese(), may_write=may(request, WRITE), may_simulate=may(request, SIMULATE),
        days=SIMULATED_DAYS, revises=revises,
        **_around(),
    )  # fmt: skip


def _simulate(request: HttpRequest, document: Any) -> HttpResponse:
    """Queue a run of what is being written over the latest orders. The document is not kept as a draft."""
    of = window(SIMULATED_DAYS, clock.now())
    run_id = simulation.request(NewRun(document, of.start, of.end, actor(request)))
    messages.success(request, _("The simulation is queued; it begins within seconds."))
    return redirect("console:simulation", public_id=ids.public(RUN, run_id))


def _keep(request: HttpRequest, origin: PlanVersion | None, document: Any, name: str) -> str:
    """Save as the act says: over the draft it came from, as the next version of its plan, or as a new plan."""
    if origin is not None and request.POST.get("act") == "revise":
        commands.revise_draft(origin.version_id, document, actor(request))
        return ids.public(names.VERSION, origin.version_id)
    draft = DraftPlan(document, actor(request), name, origin.plan_id if origin else None)
    try:
        return ids.public(names.VERSION, commands.draft_plan(draft))
    except commands.PlanNameTaken as refusal:
        raise commands.PlanNameTaken("There is a plan of this name already.") from refusal


def _blank() -> dict[str, Any]:
    """A plan without faults, so that nobody is blamed for what he has not written yet."""
    return BLANK | {"title": _("New commission plan")}


def find(public_id: str) -> PlanVersion:
    """The version of a public id, or 404."""
    return get_public(queries.get_version, names.VERSION, public_id)


def shown(document: Any) -> str:
    """The document as people read it: public ids, keys in a reader's order."""
    return json.dumps(_ordered(queries.outward(document)), ensure_ascii=False, indent=2)


def _ordered(value: Any) -> Any:
    """Keys in the order in which people read a plan; the database keeps them by length."""
    if isinstance(value, list):
        return [_ordered(each) for each in value]
    if not isinstance(value, dict):
        return value
    places = {key: place for place, key in enumerate(FIRST)}
    return {key: _ordered(value[key]) for key in sorted(value, key=lambda key: places.get(key, len(FIRST)))}


def faults(report: PlanReport | None) -> list[tuple[str, str]]:
    """Place and message of every fault in the active language."""
    return [(path, _fault_words(message)) for path, message in report.faults] if report else []


def _fault_words(message: str) -> str:
    """Messages name limits and choices; the catalog knows them with # for a number, and names by what stands around them."""
    for words, shown in (
        ("must be one of %s", _("must be one of %s")),
        ("must be written like %s", _("must be written like %s")),
        ("a condition has exactly one key of %s", _("a condition has exactly one key of %s")),
        ("is used twice: %s", _("is used twice: %s")),
        ("is not among the plan's groups: %s", _("is not among the plan's groups: %s")),
        (
            "group %s holds overlays; give ordinary rules a group of their own",
            _("group %s holds overlays; give ordinary rules a group of their own"),
        ),
        ("must be %s, in which the plan's caps count", _("must be %s, in which the plan's caps count")),
    ):
        head, _mark, tail = words.partition("%s")
        if message.startswith(head) and message.endswith(tail):
            named = message.removeprefix(head).removesuffix(tail)
            return shown % (plan_words().get(named, named) if words.startswith("must be %s,") else named)
    numbers = re.findall(r"\d+", message)
    shown = _(re.sub(r"\d+", "#", message))
    for number in numbers:
        shown = shown.replace("#", number, 1)
    return shown


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


def actor(request: HttpRequest) -> str:
    """The person's public id, as plans keep it."""
    return ids.public(names.USER, person(request).pk)
