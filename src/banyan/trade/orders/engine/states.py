"""The state machine of an order, and what a captured payment means for an order in each state."""

from __future__ import annotations

from enum import StrEnum

from banyan.trade.orders.types import Capture, OrderState, Payable

TRANSITIONS: dict[OrderState, frozenset[OrderState]] = {
    OrderState.PLACED: frozenset({OrderState.PAID, OrderState.CANCELLED, OrderState.EXPIRED}),
    OrderState.PAID: frozenset({OrderState.PARTLY_SHIPPED, OrderState.SHIPPED, OrderState.CANCELLED}),
    OrderState.PARTLY_SHIPPED: frozenset({OrderState.PARTLY_SHIPPED, OrderState.SHIPPED}),
    OrderState.SHIPPED: frozenset({OrderState.RECEIVED}),
    OrderState.RECEIVED: frozenset({OrderState.CLOSED}),
    OrderState.CLOSED: frozenset(),
    OrderState.CANCELLED: frozenset(),
    # Money that was under way when the time ran out may still revive the order, if the goods can be had again.
    OrderState.EXPIRED: frozenset({OrderState.PAID}),
}
"""From each state, the states that may follow. Everything else is refused."""


def may_become(state: OrderState, wanted: OrderState) -> bool:
    """Whether the step is allowed."""
    return wanted in TRANSITIONS[state]


class Verdict(StrEnum):
    """What to do about money that arrived."""

    PAY = "pay"
    """The order waits for it: allocate what is reserved."""
    REVIVE = "revive"
    """Its time was over: reserve again, else give the money back."""
    REPEAT = "repeat"
    """This payment has paid this order already: nothing to do."""
    REFUND = "refund"
    """It cannot pay this order: give it back."""


def judge_capture(order: Payable, capture: Capture) -> tuple[Verdict, str]:
    """The verdict and, for REFUND, its reason: wrong_amount, wrong_currency, cancelled or paid_twice."""
    if order.payment_id == capture.payment_id:
        return Verdict.REPEAT, ""
    if order.payment_id is not None:
        return Verdict.REFUND, "paid_twice"
    if order.state is OrderState.CANCELLED:
        return Verdict.REFUND, "cancelled"
    if capture.currency != order.currency:
        return Verdict.REFUND, "wrong_currency"
    if capture.amount_minor != order.total_minor:
        return Verdict.REFUND, "wrong_amount"
    return (Verdict.PAY if order.state is OrderState.PLACED else Verdict.REVIVE), ""
