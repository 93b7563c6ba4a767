"""What happens below and moves orders: money."""

from __future__ import annotations

from banyan.kernel import events
from banyan.trade.orders import commands
from banyan.trade.orders.types import Capture, OrderId
from banyan.treasury.payments.events import PaymentCaptured


@events.reaction("orders.mark_paid", on=(PaymentCaptured,), batch=500, lanes=2)
def mark_paid(captured: list[PaymentCaptured]) -> None:
    """Captured money pays its order, or is given back."""
    commands.mark_paid([Capture(e.payment_id, OrderId(e.order_id), e.amount_minor, e.currency, e.captured_at) for e in captured])
