"""What happened to transfers and stock takes that houses above may care about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from banyan.kernel.events import Event


@dataclass(frozen=True)
class TransferSent(Event):
    """The goods of a transfer left their warehouse."""

    kind: ClassVar[str] = "warehousing.transfer_sent"
    transfer_id: int
    occurred_at: datetime


@dataclass(frozen=True)
class TransferClosed(Event):
    """Nothing of a transfer is on the way any more: all came in or was given up."""

    kind: ClassVar[str] = "warehousing.transfer_closed"
    transfer_id: int
    occurred_at: datetime


@dataclass(frozen=True)
class StockTakeApproved(Event):
    """The differences of a stock take were written."""

    kind: ClassVar[str] = "warehousing.stock_take_approved"
    stock_take_id: int
    occurred_at: datetime
