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
    a refund by amount. Freight is apart: commission was never paid on it. What was kept for damage, and what an exchange carried
    on, is in no line: it was not given back.

    Goods of an exchange that come back give money of several orders back; then there is one fact per order, each with its own
    lines, under the same return. What points and coupons need is here: whose order, how much of it, and whether by now the
    buyer has nothing of it any more (`is_whole`): all of its goods came back, and what an exchange carried on to other goods
    came back with those. Goods that were only exchanged leave it open.
    """

    kind = "returns.return_accepted"
    version = 1
    return_id: int
    order_id: int
    lines: tuple[tuple[int, int, int, int, int], ...]
    occurred_at: datetime
    freight_minor: int = 0
    buyer_id: int = 0
    currency: str = ""
    mode: str = ""
    is_whole: bool = False


@dataclass(frozen=True)
class ReturnApproved(events.Event):
    """The shop agrees; goods, if any are wanted, are to be sent until `send_back_by`. For messages to the buyer."""

    kind = "returns.return_approved"
    version = 1
    return_id: int
    order_id: int
    buyer_id: int
    is_automatic: bool
    send_back_by: datetime | None
    occurred_at: datetime


@dataclass(frozen=True)
class GoodsExchanged(events.Event):
    """A replacement was ordered. The buyer pays `difference_minor` where it is positive; a negative one is refunded."""

    kind = "returns.goods_exchanged"
    version = 1
    return_id: int
    order_id: int
    replacement_order_id: int
    difference_minor: int
    occurred_at: datetime


@dataclass(frozen=True)
class ReturnClosed(events.Event):
    """A return was rejected, withdrawn, or expired because the goods did not come: nothing goes back, and the order is no longer
    held up by it. `status` says which."""

    kind = "returns.return_closed"
    version = 1
    return_id: int
    order_id: int
    status: str
    occurred_at: datetime
