"""What returns hears from below."""

from __future__ import annotations

from banyan.kernel import events
from banyan.trade.returns import commands
from banyan.treasury.payments.events import RefundCompleted


@events.reaction("returns.record_refunds", on=(RefundCompleted,))
def record_refunds(completed: list[RefundCompleted]) -> None:
    """A completed refund that belongs to a return completes the return."""
    commands.record_refunds((event.key, event.completed_at) for event in completed)
