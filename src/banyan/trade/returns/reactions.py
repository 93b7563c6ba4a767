"""What returns hears from below."""

from __future__ import annotations

from banyan.goods.sourcing.events import BackorderCancelled
from banyan.kernel import events
from banyan.trade.fulfillment.events import ParcelCameBack, PickupExpired
from banyan.trade.orders.events import OrderCancelled
from banyan.trade.returns import commands
from banyan.treasury.payments.events import RefundCompleted, RefundFailed


@events.reaction("returns.record_refunds", on=(RefundCompleted, RefundFailed))
def record_refunds(ended: list[RefundCompleted | RefundFailed]) -> None:
    """A completed refund completes its part of a return; a failed one shows in it and can be asked for again."""
    commands.record_refunds(
        [
            (event.key, event.completed_at, True) if isinstance(event, RefundCompleted) else (event.key, event.failed_at, False)
            for event in ended  # in commit order: a failed refund may still arrive
        ]
    )


@events.reaction("returns.undo_unpaid", on=(OrderCancelled,))
def undo_unpaid(cancelled: list[OrderCancelled]) -> None:
    """A replacement that nobody paid the difference for becomes a refund of the goods that came back."""
    commands.undo_unpaid([event.order_id for event in cancelled if not event.was_paid])


@events.reaction("returns.give_back_unfetched", on=(PickupExpired,))
def give_back_unfetched(expired: list[PickupExpired]) -> None:
    """What nobody fetched in time is free again, and its money goes back."""
    commands.give_back_unfetched([commands.Unfetched(e.pickup_id, e.order_id, e.occurred_at) for e in expired])


@events.reaction("returns.ask_for_undelivered", on=(ParcelCameBack,))
def ask_for_undelivered(came_back: list[ParcelCameBack]) -> None:
    """A parcel that came back waits on the desk: refund it, or send it again."""
    commands.ask_for_undelivered([commands.Undelivered(e.parcel_id, e.order_id, e.lines, e.occurred_at) for e in came_back])


@events.reaction("returns.give_back_missing", on=(BackorderCancelled,))
def give_back_missing(cancelled: list[BackorderCancelled]) -> None:
    """Pieces that will not come are paid back."""
    commands.give_back_missing(
        [commands.GivenUp(e.backorder_id, e.order_id, e.line_id, e.quantity, e.occurred_at) for e in cancelled]
    )
