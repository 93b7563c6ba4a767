"""Events from below, each to one own command."""

from __future__ import annotations

from banyan.earnings.commission import commands
from banyan.earnings.commission.types import Cause, ReturnedLine, Takeback
from banyan.kernel import events
from banyan.rules.compliance.events import LawChanged
from banyan.trade.orders.events import OrderPaid, OrderReceived
from banyan.trade.returns.events import ReturnAccepted, ReturnClosed


@events.reaction("commission.accrue", on=(OrderPaid,), batch=500, lanes=2)
def on_paid(paid: list[OrderPaid]) -> None:
    """Paid orders earn commission."""
    commands.accrue([each.order_id for each in paid])


@events.reaction("commission.mark_received", on=(OrderReceived,), batch=500)
def on_received(received: list[OrderReceived]) -> None:
    """Receipt starts the hold."""
    commands.mark_received([(each.order_id, each.occurred_at) for each in received])


@events.reaction("commission.reverse", on=(ReturnAccepted,), batch=500)
def on_returned(accepted: list[ReturnAccepted]) -> None:
    """Goods that come back take their commission back, and no longer hold up the rest of the order."""
    commands.reverse([_takeback(each) for each in accepted])
    commands.look_again([each.order_id for each in accepted])


@events.reaction("commission.look_again", on=(ReturnClosed,), batch=500)
def on_return_closed(closed: list[ReturnClosed]) -> None:
    """A return that came to nothing no longer holds up the release."""
    commands.look_again([each.order_id for each in closed])


def _takeback(fact: ReturnAccepted) -> Takeback:
    lines = tuple(ReturnedLine(line_id, refund, of) for line_id, _, refund, _, of in fact.lines)
    return Takeback(Cause.RETURN, fact.return_id, fact.order_id, lines, fact.occurred_at)


@events.reaction("commission.keep_lawful", on=(LawChanged,), batch=100)
def on_law_changed(changed: list[LawChanged]) -> None:
    """The law became another one: live plans are judged again."""
    commands.keep_plans_lawful(max(each.update_id for each in changed))
