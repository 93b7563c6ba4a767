"""What sourcing could not do for orders, and when it could after all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from banyan.kernel.events import Event


@dataclass(frozen=True)
class BackorderOpened(Event):
    """Pieces of a paid line cannot be sent: they wait. ``cause``: see ``Cause``; ``shortfall``: what the shop does about it."""

    kind: ClassVar[str] = "sourcing.backorder_opened"
    backorder_id: int
    order_id: int
    line_id: int
    sku_id: int
    quantity: int
    cause: str
    shortfall: str
    occurred_at: datetime


@dataclass(frozen=True)
class BackorderServed(Event):
    """Pieces that waited are held in a warehouse that sends them."""

    kind: ClassVar[str] = "sourcing.backorder_served"
    backorder_id: int
    order_id: int
    line_id: int
    sku_id: int
    quantity: int
    occurred_at: datetime


@dataclass(frozen=True)
class BackorderCancelled(Event):
    """Pieces will not come: whoever answers for the order's money gives it back."""

    kind: ClassVar[str] = "sourcing.backorder_cancelled"
    backorder_id: int
    order_id: int
    line_id: int
    sku_id: int
    quantity: int
    occurred_at: datetime
