"""What fulfillment hears from below: orders that end, promises that broke."""

from __future__ import annotations

from banyan.goods.inventory.events import PromiseBroken
from banyan.kernel import events
from banyan.trade.fulfillment import commands
from banyan.trade.orders.events import OrderCancelled, OrderReceived


@events.reaction("fulfillment.close_received", on=(OrderReceived,), batch=500)
def close_received(received: list[OrderReceived]) -> None:
    """Who has the goods needs no carrier to say so."""
    commands.close_received({event.order_id: event.occurred_at for event in received})


@events.reaction("fulfillment.drop_cancelled", on=(OrderCancelled,), batch=500)
def drop_cancelled(cancelled: list[OrderCancelled]) -> None:
    """What was given back is no longer picked, packed or handed out. Orders that were never paid are in no wave."""
    order_ids = [event.order_id for event in cancelled if event.was_paid]
    if order_ids:
        commands.drop_pickups(order_ids)
        commands.drop(order_ids)


@events.reaction("fulfillment.follow_promises", on=(PromiseBroken,))
def follow_promises(changed: list[PromiseBroken]) -> None:
    """Pieces that were held, lost or expired are no longer picked. What replaces them, the job and the next wave find."""
    commands.follow_stock({event.order_id for event in changed})
