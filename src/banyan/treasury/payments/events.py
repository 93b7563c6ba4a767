"""What happened to payments and refunds. Amounts are integer minor units."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from banyan.kernel import events


@dataclass(frozen=True)
class PaymentCaptured(events.Event):
    """Money arrived for an order, also when the order was cancelled meanwhile: what to do about it is the order's matter."""

    kind = "payments.payment_captured"
    version = 1
    payment_id: int
    order_id: int
    amount_minor: int
    currency: str
    captured_at: datetime


@dataclass(frozen=True)
class RefundCompleted(events.Event):
    """Money is back with the buyer. `key` is what the refund was asked for under."""

    kind = "payments.refund_completed"
    version = 1
    refund_id: int
    order_id: int
    amount_minor: int
    completed_at: datetime
    key: str


@dataclass(frozen=True)
class RefundFailed(events.Event):
    """The channel will not give this refund; the amount may be refunded again under another key."""

    kind = "payments.refund_failed"
    version = 1
    refund_id: int
    order_id: int
    amount_minor: int
    failed_at: datetime
    key: str
