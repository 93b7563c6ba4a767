"""What a shop and its worker do with orders: place them, open their payments, take in the money, deliver the events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from django.db import OperationalError

from banyan.kernel import events, tenancy
from banyan.trade.orders import commands as orders
from banyan.trade.orders.types import Placed, PlaceOrder, Refused
from banyan.treasury.payments import commands as payments
from banyan.treasury.payments import queries as collected
from banyan.treasury.payments.types import CaptureNotice, Payment

from .founding import CHANNEL, CURRENCY

PAYING = "orders.mark_paid"
ORDERS_PER_BATCH = 80
TRIES = 5
T = TypeVar("T")


class Wish(NamedTuple):
    """An order to be, and when its money comes. None: its payment is opened, and paid at the channel's own counter."""

    order: PlaceOrder
    paid_at: datetime | None


class Sold(NamedTuple):
    """What became of a wish: the order with its payment and what was told of the money, or the refusal."""

    outcome: Placed | Refused
    payment: Payment | None = None
    notice: CaptureNotice | None = None


def sell(tenant_id: int, wishes: Sequence[Wish]) -> list[Sold]:
    """Place and pay all of them, in batches; the events wait. Raises RuntimeError when a captured payment was not taken."""
    return [
        one
        for start in range(0, len(wishes), ORDERS_PER_BATCH)
        for one in _sell_batch(tenant_id, wishes[start : start + ORDERS_PER_BATCH])
    ]


def deliver(tenant_id: int, names: set[str] | None) -> None:
    """Deliver what is committed to these reactions (None: all), as a worker does."""
    _again(lambda: events.drain(tenant_id, names=names))


def _sell_batch(tenant_id: int, wishes: Sequence[Wish]) -> list[Sold]:
    outcomes = _again(lambda: _place(tenant_id, wishes))
    placed = [one.order_id for one in outcomes if isinstance(one, Placed)]
    with tenancy.enter(tenant_id, actor="replay", reason="payments of the day"):
        orders.open_payments(placed, CHANNEL)
        opened = {order_id: found[-1] for order_id, found in collected.list_payments_of(placed).items()}
        sold = [_sold(wish, outcome, opened) for wish, outcome in zip(wishes, outcomes, strict=True)]
        taken = payments.capture([one.notice for one in sold if one.notice])
    refused = [one for one in taken if one.result.is_refused]
    if refused:
        raise RuntimeError(f"{len(refused)} captures were refused, the first as {refused[0].result}")
    return sold


def _place(tenant_id: int, wishes: Sequence[Wish]) -> list[Placed | Refused]:
    """In a transaction of its own, because it holds the stock that others want."""
    with tenancy.enter(tenant_id, actor="replay", reason="orders of the day"):
        return orders.place_orders([wish.order for wish in wishes])


def _sold(wish: Wish, outcome: Placed | Refused, opened: dict[int, Payment]) -> Sold:
    if isinstance(outcome, Refused):
        return Sold(outcome)
    payment = opened[outcome.order_id]
    if wish.paid_at is None:
        return Sold(outcome, payment)
    transaction = f"replay{payment.out_trade_no[:24]}"
    notice = CaptureNotice(CHANNEL, payment.out_trade_no, transaction, payment.amount_minor, CURRENCY, wish.paid_at)
    return Sold(outcome, payment, notice)


def _again(run: Callable[[], T]) -> T:
    """Try again after a deadlock with somebody else: nothing of that transaction was kept."""
    for _ in range(TRIES - 1):
        try:
            return run()
        except OperationalError:
            continue
    return run()
