"""An order's money story: paid by whom, attributed to whom, whose commission, what came back, every posting."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from banyan.console import names, trail
from banyan.console.access import get_public, may, page, show
from banyan.earnings.commission import queries as commissions
from banyan.goods.sourcing import queries as sourcing
from banyan.goods.sourcing.types import BackorderState
from banyan.trade.attribution import queries as attribution
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import Order
from banyan.trade.returns import queries as returns
from banyan.treasury.ledger import queries as ledger
from banyan.treasury.payments import queries as payments


@page("orders:read")
def money_story(request: HttpRequest, public_id: str) -> HttpResponse:
    """Orders are open to the warehouse too; what was earned on them only to those who may see commissions."""
    order = get_public(orders.get_order, names.ORDER, public_id)
    sees_money = may(request, "commissions:read")
    earned = commissions.list_for_orders([order.order_id]).get(order.order_id, []) if sees_money else []
    paid = payments.list_payments_of([order.order_id]).get(order.order_id, []) if may(request, "payments:read") else []
    frozen = attribution.frozen([order.order_id]).get(order.order_id)
    returned = returns.list_returns(order_id=order.order_id)
    entries = _entries(order, paid, earned) if may(request, "ledger:read") else []
    upline = frozen.upline if frozen else ()
    people = names.names_of([*(m.distributor_id for m in upline), *(c.payee_id for c in earned)])
    return show(
        request, "console/money_story.html", _("Order %s") % order.number, order=order, frozen=frozen, people=people,
        goods=names.goods_names(names.ordered(order.lines)),
        path=[{"member": m, "name": people.get(m.distributor_id), "total": _earned_by(earned, m.distributor_id)} for m in upline],
        earned=[{"one": c, "name": people.get(c.payee_id), "url": trail.explain_url(c.commission_id)} for c in earned],
        total=sum(c.amount_minor for c in earned), back=sum(c.reversed_minor for c in earned), paid=paid, returned=returned,
        entries=[{"one": e, "url": trail.record_url("ledger_entryrow", e.entry_id)} for e in entries], moments=_moments(order),
        sees_money=sees_money, sees_stock=may(request, "inventory:read"), waiting=_waiting(order),
        record_url=trail.record_url("orders_order", order.order_id),
    )  # fmt: skip


def _waiting(order: Order) -> int:
    """Pieces of the order that cannot be sent yet."""
    found = sourcing.backorders_of([order.order_id]).get(order.order_id, [])
    return sum(one.quantity for one in found if one.state is BackorderState.OPEN)


def _entries(order: Order, paid: Iterable[Any], earned: Iterable[Any]) -> list[Any]:
    """The order's ledger entries, oldest first: payment, refunds, commission, statements of its commissions."""
    found = list(ledger.list_entries_for("order", order.order_id))
    found += ledger.list_entries_for("commission_accrual", order.order_id)
    found += ledger.list_entries_for_many("payment", [one.payment_id for one in paid])
    refunds = [one.refund_id for one in payments.list_refunds(order_id=order.order_id)]
    found += ledger.list_entries_for_many("refund", refunds)
    return sorted({entry.entry_id: entry for entry in found}.values(), key=lambda entry: (entry.occurred_at, entry.entry_id))


def _earned_by(earned: Iterable[Any], distributor_id: int) -> int:
    return sum(one.amount_minor for one in earned if one.payee_id == distributor_id)


def _moments(order: Order) -> list[tuple[str, Any]]:
    known = (
        (_("placed at"), order.placed_at),
        (_("paid at"), order.paid_at),
        (_("shipped at"), order.shipped_at),
        (_("received at"), order.received_at),
        (_("closed at"), order.closed_at),
        (_("cancelled at"), order.cancelled_at),
    )
    return [(word, at) for word, at in known if at is not None]
