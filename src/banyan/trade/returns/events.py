"""What happened in returns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from banyan.kernel import events


@dataclass(frozen=True)
class ReturnAccepted(events.Event):
    """Goods came back, or an amount is given back: the refund is requested in the same transaction.

    `lines` holds (line_id, quantity, refund_minor, of_quantity, of_minor) per order line: `refund_minor` of the frozen
    `of_minor` (the line's paid goods amount, no freight) goes back with `quantity` of `of_quantity` units; quantity 0 is
    a refund by amount. Freight is apart: commission was never paid on it.
    """

    kind = "returns.return_accepted"
    version = 1
    return_id: int
    order_id: int
    lines: tuple[tuple[int, int, int, int, int], ...]
    occurred_at: datetime
    freight_minor: int = 0


@dataclass(frozen=True)
class ReturnClosed(events.Event):
    """A return was rejected or withdrawn: nothing goes back, and the order is no longer held up by it."""

    kind = "returns.return_closed"
    version = 1
    return_id: int
    order_id: int
    status: str
    occurred_at: datetime
