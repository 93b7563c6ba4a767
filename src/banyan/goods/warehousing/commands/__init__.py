"""Writes of warehousing."""

from banyan.goods.warehousing.commands.counting import (
    CountedElsewhere,
    NotCounting,
    NothingCounted,
    SameCounter,
    UnknownStockTake,
    approve_stock_take,
    cancel_stock_take,
    count,
    open_stock_take,
)
from banyan.goods.warehousing.commands.transferring import (
    MoreThanSent,
    NotDrafted,
    NotOnTheWay,
    UnknownTransfer,
    cancel_transfer,
    draft_transfer,
    receive_transfer,
    send_transfer,
)

__all__ = [
    "CountedElsewhere", "MoreThanSent", "NotCounting", "NotDrafted", "NotOnTheWay", "NothingCounted", "SameCounter",
    "UnknownStockTake", "UnknownTransfer", "approve_stock_take", "cancel_stock_take", "cancel_transfer", "count",
    "draft_transfer", "open_stock_take", "receive_transfer", "send_transfer",
]  # fmt: skip
