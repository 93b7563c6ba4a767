"""Settlement review: a queue made for thousands of open statements, and the page of one statement."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console import names, showing, trail
from banyan.console.access import get_public, may, page, person, show
from banyan.console.queue import ORDERS, STATES, Wanted, list_ids, list_waiting, total
from banyan.earnings.commission import queries as commission
from banyan.earnings.settlement import commands, queries
from banyan.earnings.settlement.types import (
    OPEN_STATUSES,
    Decision,
    ReviewOutcome,
    ReviewRequest,
    SourceKind,
    StatementId,
)
from banyan.kernel import ids, tenancy
from banyan.kernel.tenancy.registry import get_tenant
from banyan.kernel.values.errors import Refusal
from banyan.kernel.words import in_words, said
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.types import Tier
from banyan.treasury.ledger import queries as ledger

MOST_AT_ONCE = 5_000
LINES_SHOWN = 500


@page("settlements:read")
def queue(request: HttpRequest) -> HttpResponse:
    """Filters, totals, priority, keyset pages; boxes and batch decisions for reviewers."""
    wanted, unknown_code = _wanted(request.GET)
    rows, cursor = ([], "") if unknown_code else list_waiting(wanted, request.GET.get("cursor", ""))
    count, amount = (0, 0) if unknown_code else total(wanted)
    people = names.names_of(row.distributor_id for row in rows)
    approvers = names.user_names(row.first_approver_id for row in rows)
    address = request.GET.copy()
    address.pop("cursor", None)
    first = f"?{address.urlencode()}"
    address["cursor"] = cursor
    return show(
        request, "console/review.html", _("Review queue"), is_fullwidth="1",
        rows=[{"one": row, "name": people.get(row.distributor_id), "url": trail.statement_url(row.statement_id),
               "approver": approvers.get(row.first_approver_id or 0, "")} for row in rows],
        count=count, amount=amount, wanted=wanted, code=request.GET.get("code", ""), unknown_code=unknown_code,
        from_text=request.GET.get("from", ""), to_text=request.GET.get("to", ""), states=_state_words(), orders=_order_words(),
        tiers=list(Tier), next_page=f"?{address.urlencode()}" if cursor else None,
        first_page=first if request.GET.get("cursor") else None, filters=first.lstrip("?"),
        may_act=may(request, "settlements:review"), currency=get_tenant(tenancy.current_tenant_id()).currency,
    )  # fmt: skip


@require_POST
@page("settlements:review")
def decide(request: HttpRequest) -> HttpResponse:
    """One decision about the picked statements, or about all that the filters leave, exactly as they were shown."""
    back = f"{reverse('console:review')}?{request.POST.get('filters', '')}"
    if (shown := request.POST.get("statement", "")) and trail.PUBLIC_ID.fullmatch(shown):
        back = reverse("console:statement", args=[shown])
    decision = next((one for one in Decision if one.value == request.POST.get("decision")), None)
    if decision is None:
        messages.error(request, _("Choose what to decide."))
        return redirect(back)
    picked = _everything(request) if request.POST.get("scope") == "all" else _picked(request)
    if picked is None:
        messages.error(request, _("The queue changed since this page was shown. Look again before you decide about all of it."))
        return redirect(back)
    reason = request.POST.get("reason", "").strip()
    requests = [ReviewRequest(StatementId(key), decision, person(request).pk, reason, amount) for key, amount in picked]
    try:
        outcomes = commands.review(requests)
    except Refusal as refusal:
        messages.error(request, said(refusal))
        return redirect(back)
    _report(request, outcomes, dict(picked))
    return redirect(back)


@page("settlements:read")
def statement(request: HttpRequest, public_id: str) -> HttpResponse:
    """What it is made of, who decided, where the money went; every line leads to its commission."""
    found = get_public(queries.get_statement, names.STATEMENT, public_id)
    people = names.names_of([found.distributor_id])
    decisions = queries.list_decisions(found.statement_id)
    staff = names.user_names([*(one.reviewer_id for one in decisions), found.first_approver_id, found.approver_id])
    entries = ledger.list_entries_for("statement", found.statement_id) if may(request, "ledger:read") else []
    return show(
        request, "console/statement.html", _("Statement"), one=found, public_id=public_id, name=people.get(found.distributor_id),
        lines=_lines(found.lines[:LINES_SHOWN]), more=max(0, len(found.lines) - LINES_SHOWN), decisions=decisions, staff=staff,
        payout_url=trail.record_url("payouts_payoutrow", found.payout_id), waits=found.status in OPEN_STATUSES,
        entries=[{"one": e, "url": trail.record_url("ledger_entryrow", e.entry_id)} for e in entries],
        may_act=may(request, "settlements:review") and found.status in OPEN_STATUSES,
        person_url=trail.distributor_url(found.distributor_id),
    )  # fmt: skip


def _lines(lines: Any) -> list[dict[str, Any]]:
    """Lines with the page of what each stands for."""
    reversals = [line.source_id for line in lines if line.source_kind is SourceKind.COMMISSION_REVERSED]
    origins = commission.commissions_of_reversals(reversals)
    shown = []
    for line in lines:
        url = ""
        if line.source_kind is SourceKind.COMMISSION_RELEASED:
            url = trail.explain_url(line.source_id)
        elif line.source_kind is SourceKind.COMMISSION_REVERSED and line.source_id in origins:
            url = trail.explain_url(origins[line.source_id])
        elif line.cause_id and line.source_kind in (SourceKind.CARRIED, SourceKind.RETURNED):
            url = trail.statement_url(line.cause_id)
        shown.append({"one": line, "url": url})
    return shown


def _wanted(asked: QueryDict) -> tuple[Wanted, bool]:
    """The filters of an address; a code that nobody has is told apart, so that it shows nothing instead of everything."""
    code = asked.get("code", "").strip().upper()
    distributor_id = distributors.find_by_codes([code]).get(code) if code else None
    state, order, tier = asked.get("state", "waiting"), asked.get("order", "priority"), asked.get("tier", "")
    wanted = Wanted(
        state=state if state in STATES else "waiting",
        order=order if order in ORDERS else "priority",
        tier=tier if tier in {one.value for one in Tier} else "",
        from_minor=_minor(asked.get("from", "")),
        to_minor=_minor(asked.get("to", "")),
        distributor_id=distributor_id,
    )
    return wanted, bool(code) and distributor_id is None


def _minor(text: str) -> int | None:
    try:
        amount = Decimal(text.strip().replace(",", "")) if text.strip() else None
    except InvalidOperation:
        return None
    if amount is None or not amount.is_finite() or abs(amount) > 10**13:
        return None
    return int(amount.scaleb(showing.decimals_of(get_tenant(tenancy.current_tenant_id()).currency)))


def _picked(request: HttpRequest) -> list[tuple[int, int | None]]:
    """The boxes: `stm_…:amount`, the amount being what the reviewer saw."""
    found: list[tuple[int, int | None]] = []
    for text in request.POST.getlist("pick")[:MOST_AT_ONCE]:
        public_id, _colon, amount = text.partition(":")
        try:
            found.append((ids.parse(names.STATEMENT, public_id), int(amount)))
        except (Refusal, ValueError):
            continue
    return found


def _everything(request: HttpRequest) -> list[tuple[int, int | None]] | None:
    """All that the filters leave, if count and sum are still what the page showed; None when they are not."""
    wanted, unknown_code = _wanted(QueryDict(request.POST.get("filters", "")))
    found = [] if unknown_code else list_ids(wanted, MOST_AT_ONCE)
    shown = (request.POST.get("shown_count", ""), request.POST.get("shown_minor", ""))
    if (str(len(found)), str(sum(amount for _key, amount in found))) != shown:
        return None
    return [(key, amount) for key, amount in found]


def _report(request: HttpRequest, outcomes: list[ReviewOutcome], amounts: dict[int, int | None]) -> None:
    done = [one for one in outcomes if one.status is not None]
    currency = get_tenant(tenancy.current_tenant_id()).currency
    if done:
        moved = showing.money(sum(amounts.get(one.statement_id) or 0 for one in done), currency)
        messages.success(request, _("%(count)d statements decided, %(amount)s.") % {"count": len(done), "amount": moved})
    refused = Counter((one.refused, one.message) for one in outcomes if one.status is None)
    for (code, message), count in refused.most_common(6):
        messages.warning(
            request, _("%(count)d refused: %(message)s (%(code)s)") % {"count": count, "message": in_words(message), "code": code}
        )
    if not outcomes:
        messages.warning(request, _("Nothing was picked."))


def _state_words() -> list[tuple[str, str]]:
    return [("waiting", _("Waiting for review")), ("second", _("Waiting for a second person")), ("held", _("On hold")),
            ("open", _("All open"))]  # fmt: skip


def _order_words() -> list[tuple[str, str]]:
    return [("priority", _("Priority")), ("amount", _("Largest amount")), ("oldest", _("Oldest"))]
