"""What happened to parcels and pickups. ``occurred_at`` is aware UTC; lines are (line_id, sku_id, quantity)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from banyan.kernel.events import Event


@dataclass(frozen=True)
class ParcelShipped(Event):
    """A parcel was handed to its carrier."""

    kind: ClassVar[str] = "fulfillment.parcel_shipped"
    parcel_id: int
    order_id: int
    carrier: str
    tracking_number: str
    occurred_at: datetime


@dataclass(frozen=True)
class ParcelDelivered(Event):
    """A parcel arrived; ``said_by`` is one of: carrier, buyer, staff, clock, pickup."""

    kind: ClassVar[str] = "fulfillment.parcel_delivered"
    parcel_id: int
    order_id: int
    said_by: str
    occurred_at: datetime


@dataclass(frozen=True)
class ParcelCameBack(Event):
    """An undelivered parcel is back in the warehouse and its goods are in stock again; the buyer's money is not back yet."""

    kind: ClassVar[str] = "fulfillment.parcel_came_back"
    parcel_id: int
    order_id: int
    lines: tuple[tuple[int, int, int], ...]
    occurred_at: datetime


@dataclass(frozen=True)
class PickupReady(Event):
    """An order waits at its store; the buyer may ask for the code."""

    kind: ClassVar[str] = "fulfillment.pickup_ready"
    pickup_id: int
    order_id: int
    buyer_id: int
    occurred_at: datetime


@dataclass(frozen=True)
class PickupExpired(Event):
    """Nobody fetched the order in time. Its goods are still held for it: giving them and the money back is one step, a
    return of what never left."""

    kind: ClassVar[str] = "fulfillment.pickup_expired"
    pickup_id: int
    order_id: int
    occurred_at: datetime
