"""What happened to orders. Amounts are minor units; ``occurred_at`` is aware UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from banyan.kernel.events import Event


@dataclass(frozen=True)
class OrderPlaced(Event):
    """An order was accepted and its stock is held."""

    kind: ClassVar[str] = "orders.order_placed"
    order_id: int
    buyer_id: int
    total_minor: int
    currency: str
    occurred_at: datetime


@dataclass(frozen=True)
class OrderPaid(Event):
    """The full amount arrived; stock is allocated and the attribution frozen as of ``occurred_at`` (= paid_at)."""

    kind: ClassVar[str] = "orders.order_paid"
    order_id: int
    payment_id: int
    buyer_id: int
    total_minor: int
    currency: str
    occurred_at: datetime


@dataclass(frozen=True)
class OrderShortfall(Event):
    """Money arrived for an order that can no longer be served: the whole amount was asked to be refunded.

    ``reason`` is one of: cancelled, out_of_stock, wrong_amount, wrong_currency, paid_twice.
    """

    kind: ClassVar[str] = "orders.order_shortfall"
    order_id: int
    payment_id: int
    amount_minor: int
    currency: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True)
class OrderPartlyShipped(Event):
    """Some of the goods left; others of the order have yet to."""

    kind: ClassVar[str] = "orders.order_partly_shipped"
    order_id: int
    occurred_at: datetime


@dataclass(frozen=True)
class OrderShipped(Event):
    """The goods have left: all that the order still owed."""

    kind: ClassVar[str] = "orders.order_shipped"
    order_id: int
    occurred_at: datetime


@dataclass(frozen=True)
class OrderReceived(Event):
    """The buyer has the goods: by his word, or by the tenant's number of days after shipping."""

    kind: ClassVar[str] = "orders.order_received"
    order_id: int
    occurred_at: datetime


@dataclass(frozen=True)
class OrderClosed(Event):
    """The time for ordinary returns is over."""

    kind: ClassVar[str] = "orders.order_closed"
    order_id: int
    occurred_at: datetime


@dataclass(frozen=True)
class OrderCancelled(Event):
    """The order ended before shipping. ``reason`` is one of: buyer, operator, expired, refunded. ``was_paid`` only with refunded:
    then the returns house has given everything back, and has told commission by its own event."""

    kind: ClassVar[str] = "orders.order_cancelled"
    order_id: int
    reason: str
    was_paid: bool
    occurred_at: datetime
