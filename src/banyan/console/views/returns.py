"""A return in the console: what was asked, and for goods that come back the inspection that says what is fit for sale."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console import names, trail
from banyan.console.access import attempt, page, person, show
from banyan.goods.inventory import queries as inventory
from banyan.kernel import ids
from banyan.kernel.values.errors import Invalid, Refusal
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import OrderId
from banyan.trade.returns import commands, queries
from banyan.trade.returns.types import GoodsReceipt, LineInspection, Mode, Return, ReturnId, ReturnStatus

RECEIVE, DECIDE = "returns.receive_returnrow", "returns.decide_returnrow"
PIECES_MAX = 2_000_000_000


@page("returns:read")
def inspection(request: HttpRequest, public_id: str) -> HttpResponse:
    """One return with its lines; whoever may receive goods says here how many pieces go back on sale and how many do not."""
    one = _find(public_id)
    order = orders.get_order(OrderId(one.order_id))
    lines = {line.line_id: line for line in order.lines}
    goods = names.goods_names(line.sku.sku_id for line in order.lines)
    rows = [{"one": each, "goods": goods.get(int(lines[each.line_id].sku.sku_id), "–")} for each in one.lines]  # type: ignore[index]
    awaited = one.mode is Mode.GOODS_BACK and one.status is ReturnStatus.APPROVED
    return show(
        request, "console/inspection.html", _("Return of order %s") % order.number, one=one, order=order, rows=rows,
        public_id=public_id, awaited=awaited, may_receive=awaited and person(request).has_perm(RECEIVE),
        may_decide=person(request).has_perm(DECIDE), decisions=_decisions(one), warehouses=inventory.list_warehouses(),
        record=trail.record_url("returns_returnrow", one.return_id),
    )  # fmt: skip


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
                LineInspection(line.line_id, _pieces(request, "restock", line.line_id), _pieces(request, "scrap", line.line_id))
                for line in one.lines
            ),
            person(request).pk,
            ids.parse(names.WAREHOUSE, warehouse) if warehouse else None,
        )
        refusal = commands.receive([receipt])[0].refusal
        if isinstance(refusal, commands.BadInspection):  # its own words have numbers in them, which no catalog translates
            raise commands.BadInspection("The pieces do not add up to what the return claims.")
        _raise(refusal)

    attempt(request, act, _("The goods are received. The return can be accepted now."))
    return redirect("console:inspection", public_id=public_id)


@require_POST
@page("returns:review")
def decide(request: HttpRequest, public_id: str) -> HttpResponse:
    """Approve, or accept and refund, the return of this page."""
    _need(request, DECIDE)
    one = _find(public_id)
    if request.POST.get("decision") == "accept":
        attempt(request, lambda: _raise(commands.accept([one.return_id])[0].refusal), _("Accepted: the refund is on its way."))
    else:
        attempt(request, lambda: _raise(commands.approve([one.return_id], person(request).pk)[0].refusal), _("Approved."))
    return redirect("console:inspection", public_id=public_id)


def _find(public_id: str) -> Return:
    try:
        return queries.get_return(ReturnId(ids.parse(names.RETURN, public_id)))
    except Refusal as refusal:
        raise Http404(public_id) from refusal


def _need(request: HttpRequest, permission: str) -> None:
    if not person(request).has_perm(permission):
        raise PermissionDenied(permission)


def _raise(refusal: Refusal | None) -> None:
    if refusal is not None:
        raise refusal


def _decisions(one: Return) -> list[tuple[str, Any]]:
    """What can be decided about it now, as the value of a button and its word."""
    ready = ReturnStatus.RECEIVED if one.mode is Mode.GOODS_BACK else ReturnStatus.APPROVED
    if one.status is ReturnStatus.REQUESTED:
        return [("approve", _("Approve"))]
    return [("accept", _("Accept and refund"))] if one.status is ready else []


def _pieces(request: HttpRequest, what: str, line_id: int) -> int:
    text = request.POST.get(f"{what}_{ids.public('oln', line_id)}", "").strip() or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= PIECES_MAX):
        raise Invalid("Pieces are whole numbers.", field=what)
    return int(text)
