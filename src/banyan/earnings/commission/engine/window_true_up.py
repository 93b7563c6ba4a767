"""One period of a window trued up: its orders decided once more with the figures of its close, as `true_up` does for live ones.

Pure, in two passes over the orders in the order of payment; what is kept grows with people, not with orders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import NamedTuple

from banyan.earnings.commission.types import LegalCeiling, PaidOrder, Place

from .compiled import CompiledPlan
from .periods import GRACE
from .true_up import FigureBook, compile_for_closing, differences
from .window import Back, TruedUp, Window, returned_by


class WindowOrder(NamedTuple):
    """An order of the window, what ever came back of it, and the day on which its hold ends; None: it still waits."""

    order: PaidOrder
    legal: LegalCeiling
    backs: tuple[Back, ...] = ()
    released_on: date | None = None


def true_up_window(compiled: CompiledPlan, window: Window, place: Place, orders: Callable[[], Iterable[WindowOrder]]) -> TruedUp:
    """What the close of the period at `place` changes. `orders`: begins a pass over the period's orders in the window."""
    span, figures = window.span(place), FigureBook(compiled.plan)
    until = min(span.end_at, window.end_at)
    for sold in orders():
        figures.count(sold.order, returned_by(sold.backs, until))
    at_close, found = compile_for_closing(compiled.plan), TruedUp()
    for sold in orders():
        order = sold.order
        changes = differences(compiled.decide(order, sold.legal), at_close.decide(figures.close(order), sold.legal))
        if not changes:
            continue
        tiers = {member.distributor_id: member.tier for member in order.upline}
        back = returned_by(sold.backs, until + GRACE)
        released = max(sold.released_on, span.end_day) if sold.released_on is not None else None
        day = order.paid_at.astimezone(window.zone).date()
        for change in changes:
            share, net = change.share, change.booked_minor(back)
            key = (share.rule_key, share.payee_id, tiers.get(share.payee_id, ""), share.depth, released)
            found.paid[key] = found.paid.get(key, 0) + change.after_minor - change.before_minor
            found.by_day[day] = found.by_day.get(day, 0) + net
            found.by_payee[share.payee_id] = found.by_payee.get(share.payee_id, 0) + net
    return found
