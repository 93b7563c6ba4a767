"""Events from below, each to one own command."""

from __future__ import annotations

from banyan.earnings.commission import commands
from banyan.earnings.commission.types import Cause, ReturnedLine, Takeback
from banyan.kernel import events
from banyan.trade.orders.events import OrderCancelled, OrderPaid, OrderReceived
from banyan.trade.returns.events import ReturnAccepted, ReturnClosed


@events.reaction("commission.accrue", on=(OrderPaid,), batch=500)
def on_paid(paid: list[OrderPaid]) -> None:
    """Paid orders earn commission."""
    commands.accrue([each.order_id for each in paid])


@events.reaction("commission.mark_received", on=(OrderReceived,), batch=500)
def on_received(received: list[OrderReceived]) -> None:
    """Receipt starts the hold."""
    commands.mark_received([(each.order_id, each.occurred_at) for each in received])


@events.reaction("commission.reverse", on=(ReturnAccepted, OrderCancelled), batch=500)
def on_taken_back(facts: list[ReturnAccepted | OrderCancelled]) -> None:
    """Goods that come back, and paid orders that are cancelled, take their commission back."""
    takebacks = [takeback for fact in facts if (takeback := _takeback(fact)) is not None]
    commands.reverse(takebacks)
    commands.look_again([each.order_id for each in takebacks])


@events.reaction("commission.look_again", on=(ReturnClosed,), batch=500)
def on_return_closed(closed: list[ReturnClosed]) -> None:
    """A return that came to nothing no longer holds up the release."""
    commands.look_again([each.order_id for each in closed])


def _takeback(fact: ReturnAccepted | OrderCancelled) -> Takeback | None:
    if isinstance(fact, OrderCancelled):
        # An order that was never paid has no commission; one that was paid is refunded, and that says so.
        if fact.refunded_minor == 0:
            return None
        return Takeback(Cause.CANCELLATION, fact.order_id, fact.order_id, None, fact.occurred_at)
    lines = tuple(ReturnedLine(line_id, refund, of) for line_id, _, refund, _, of in fact.lines)
    return Takeback(Cause.RETURN, fact.return_id, fact.order_id, lines, fact.occurred_at)
