"""A return in the console: what was asked and why it is here, the inspection, the decisions, and all that it turned back."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console import names, reversals, showing, trail
from banyan.console.access import attempt, get_public, may, page, person, show
from banyan.console.stock_forms import typed_pieces
from banyan.goods.inventory import queries as inventory
from banyan.kernel import ids
from banyan.kernel.values.errors import Invalid, Refusal
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import OrderId
from banyan.trade.returns import commands, queries
from banyan.trade.returns.types import (
    AWAITED_STATUSES,
    GoodsReceipt,
    Grant,
    LineInspection,
    Mode,
    Parcel,
    Rejection,
    Return,
    ReturnStatus,
)

RECEIVE, DECIDE = "returns.receive_returnrow", "returns.decide_returnrow"
PHOTO = "pho"


@page("returns:read")
def inspection(request: HttpRequest, public_id: str) -> HttpResponse:
    """One return with everything about it; whoever may receive goods says here what becomes of each piece."""
    one = _find(public_id)
    order = orders.get_order(OrderId(one.order_id))
    lines = {line.line_id: line for line in order.lines}
    wanted = {each.exchange_sku_id for each in one.lines if each.exchange_sku_id}
    goods = names.goods_names({*names.ordered(order.lines), *wanted})
    rows = [
        {
            "one": each,
            "goods": goods.get(int(lines[each.line_id].sku.sku_id), "–"),  # type: ignore[index]
            "bundle": goods.get(lines[each.line_id].bundle_sku_id or 0, ""),  # type: ignore[index]
            "wanted": goods.get(each.exchange_sku_id or 0, ""),
        }
        for each in one.lines
    ]
    awaited = one.mode.wants_goods and one.status in AWAITED_STATUSES
    found = reversals.of_return(
        one, money=may(request, "payments:read"), earned=may(request, "commissions:read"), books=may(request, "ledger:read")
    )
    return show(
        request, "console/inspection.html", _("Return of order %s") % order.number, one=one, order=order, rows=rows,
        public_id=public_id, awaited=awaited, may_receive=awaited and person(request).has_perm(RECEIVE),
        may_decide=person(request).has_perm(DECIDE), decisions=_decisions(one), warehouses=inventory.list_warehouses(),
        record=trail.record_url("returns_returnrow", one.return_id), found=found,
        taken=_taken(found), debts=_debts(found), statements=_statements(found), entries=_entries(found),
        may_hand_back=_may_hand_back(request, one), replacement=_replacement(one),
        grants=one.mode.is_by_amount and one.status is ReturnStatus.REQUESTED, sees_money=may(request, "payments:read"),
        sees_earned=may(request, "commissions:read"),
    )  # fmt: skip


def _replacement(one: Return) -> Any:
    found = one.replacement_order_id
    return orders.list_by_ids([OrderId(found)]).get(OrderId(found)) if found is not None else None


def _may_hand_back(request: HttpRequest, one: Return) -> bool:
    waits = one.status is ReturnStatus.REJECTED and one.received_at is not None and one.handed_back_at is None
    return waits and bool(person(request).has_perm(RECEIVE))


def _taken(found: reversals.Reversals) -> list[dict[str, Any]]:
    people = names.names_of(each.payee_id for each in found.taken_back)
    return [
        {"one": each, "name": people.get(each.payee_id), "url": trail.explain_url(each.commission_id)}
        for each in found.taken_back
    ]


def _debts(found: reversals.Reversals) -> list[dict[str, Any]]:
    people = names.names_of(payee for payee, _ in found.debts)
    return [{"name": people.get(payee), "amount_minor": amount} for payee, amount in found.debts]


def _statements(found: reversals.Reversals) -> list[dict[str, Any]]:
    people = names.names_of(each.distributor_id for each in found.statements)
    return [
        {"one": each, "name": people.get(each.distributor_id), "url": trail.statement_url(each.statement_id)}
        for each in found.statements
    ]


def _entries(found: reversals.Reversals) -> list[dict[str, Any]]:
    return [{"one": entry, "url": trail.record_url("ledger_entryrow", entry.entry_id)} for entry in found.entries]


@page("returns:read")
def photo(request: HttpRequest, public_id: str) -> HttpResponse:
    """A photo of a return, as the bytes say what it is."""
    found = get_public(queries.get_photo, PHOTO, public_id)
    answer = HttpResponse(queries.read_photo(found), content_type=found.media_type)
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, max-age=3600"
    return answer


@require_POST
@page("returns:review")
def receive(request: HttpRequest, public_id: str) -> HttpResponse:
    """The goods are here and inspected; stock and money move when the return is accepted."""
    _need(request, RECEIVE)
    one = _find(public_id)

    def act() -> None:
        warehouse = request.POST.get("warehouse", "")
        receipt = GoodsReceipt(
            one.return_id,
            tuple(
                LineInspection(
                    line.line_id,
                    typed_pieces(request, "restock", line.line_id),
                    typed_pieces(request, "scrap", line.line_id),
                    typed_pieces(request, "quarantine", line.line_id),
                    deducted_minor=_amount(request, "deduct", line.line_id, one.currency) or 0,
                    deduction_reason=request.POST.get("deduction_reason", ""),
                )
                for line in one.lines
            ),
            person(request).pk,
            ids.parse(names.WAREHOUSE, warehouse) if warehouse else None,
        )
        refusal = commands.receive([receipt])[0].refusal
        if isinstance(refusal, commands.BadInspection) and not isinstance(
            refusal, commands.BadDeduction
        ):  # its own words have numbers in them, which no catalog translates
            raise commands.BadInspection("The pieces do not add up to what the return claims.")
        _raise(refusal)

    attempt(request, act, _("The goods are received. The return can be accepted now."))
    return redirect("console:inspection", public_id=public_id)


@require_POST
@page("returns:review")
def decide(request: HttpRequest, public_id: str) -> HttpResponse:
    """Approve, reject, accept and refund, or refund instead of exchanging: the return of this page."""
    _need(request, DECIDE)
    one = _find(public_id)
    decision, user_id = request.POST.get("decision"), person(request).pk
    if decision == "accept":
        attempt(request, lambda: _raise(commands.accept([one.return_id])[0].refusal), _("Accepted: the refund is on its way."))
    elif decision == "reject":
        rejection = Rejection(one.return_id, request.POST.get("reason", "").replace("\x00", ""))
        attempt(request, lambda: _raise(commands.reject([rejection], user_id)[0].refusal), _("Rejected."))
    elif decision == "refund_instead":
        attempt(
            request, lambda: _raise(commands.refund_instead([one.return_id])[0].refusal), _("It will be refunded, not exchanged.")
        )
    elif decision == "retry_refund":
        attempt(request, lambda: _raise(commands.retry_refunds([one.return_id])[0].refusal), _("The refund is asked for again."))
    else:
        attempt(request, lambda: _approve(request, one, user_id), _("Approved."))
    return redirect("console:inspection", public_id=public_id)


def _approve(request: HttpRequest, one: Return, user_id: int) -> None:
    grants = [
        Grant(line.line_id, amount)
        for line in one.lines
        if one.mode.is_by_amount and (amount := _amount(request, "grant", line.line_id, one.currency)) is not None
    ]
    _raise(commands.approve([one.return_id], user_id, {one.return_id: grants} if grants else None)[0].refusal)


@require_POST
@page("returns:review")
def hand_back(request: HttpRequest, public_id: str) -> HttpResponse:
    """Rejected goods are on their way back to the buyer."""
    _need(request, RECEIVE)
    one = _find(public_id)
    parcel = Parcel(one.return_id, request.POST.get("carrier", ""), request.POST.get("tracking_number", ""))
    attempt(request, lambda: _raise(commands.hand_back([parcel])[0].refusal), _("The goods are on their way to the buyer."))
    return redirect("console:inspection", public_id=public_id)


def _find(public_id: str) -> Return:
    return get_public(queries.get_return, names.RETURN, public_id)


def _need(request: HttpRequest, permission: str) -> None:
    if not person(request).has_perm(permission):
        raise PermissionDenied(permission)


def _raise(refusal: Refusal | None) -> None:
    if refusal is not None:
        raise refusal


def _decisions(one: Return) -> list[tuple[str, Any]]:
    """What can be decided about it now, as the value of a button and its word."""
    ready = ReturnStatus.RECEIVED if one.mode.wants_goods else ReturnStatus.APPROVED
    if one.status is ReturnStatus.REQUESTED:
        found = [("approve", _("Approve"))]
    elif one.status is ready:
        found = [("accept", _("Accept and exchange") if one.mode is Mode.EXCHANGE else _("Accept and refund"))]
    elif one.status is ReturnStatus.REFUND_FAILED:
        return [("retry_refund", _("Ask for the refund again"))]
    else:
        found = []
    is_open = one.status in (ReturnStatus.REQUESTED, *AWAITED_STATUSES, ReturnStatus.RECEIVED)
    if is_open and one.mode is Mode.EXCHANGE:
        found.append(("refund_instead", _("Refund instead")))
    return [*found, ("reject", _("Reject"))] if is_open else found


def _amount(request: HttpRequest, what: str, line_id: int, currency: str) -> int | None:
    """An amount of a form in minor units; None where it was left empty."""
    text = request.POST.get(f"{what}_{ids.public('oln', line_id)}", "").strip()
    if not text:
        return None
    try:
        minor = Decimal(text).scaleb(showing.decimals_of(currency))
    except InvalidOperation:
        minor = Decimal(-1)
    if not minor.is_finite() or minor != minor.to_integral_value() or not 0 <= minor <= 10**15:
        raise Invalid("Amounts are numbers such as 12.50.", field=what)
    return int(minor)
