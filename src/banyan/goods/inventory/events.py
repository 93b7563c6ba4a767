"""What happened to stock that houses above may care about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from banyan.kernel.events import Event


@dataclass(frozen=True)
class ReservationsExpired(Event):
    """The goods held for an unpaid order were given back because its time was over."""

    kind: ClassVar[str] = "inventory.reservations_expired"
    order_id: int
    occurred_at: datetime
