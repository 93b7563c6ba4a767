"""What happened to stock that houses above may care about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from banyan.kernel.events import Event


@dataclass(frozen=True)
class LotTurned(Event):
    """A lot was held, released, recalled, or is past its date. ``turn``: see ``LotTurn``."""

    kind: ClassVar[str] = "inventory.lot_turned"
    lot_id: int
    sku_id: int
    turn: str
    occurred_at: datetime


@dataclass(frozen=True)
class LotNearsExpiry(Event):
    """The days of warning of a lot with pieces for sale have begun; once per lot. ``expires_on`` is an ISO date."""

    kind: ClassVar[str] = "inventory.lot_nears_expiry"
    lot_id: int
    sku_id: int
    expires_on: str
    occurred_at: datetime


@dataclass(frozen=True)
class PromiseBroken(Event):
    """Pieces that were held for an order line left what can be sold, and no others could be had.

    ``was_paid``: the line's reservation is now ``lost``; else the order holds nothing any more. ``cause``: held, expired,
    recalled, or what else took the pieces.
    """

    kind: ClassVar[str] = "inventory.promise_broken"
    order_id: int
    line_id: int
    sku_id: int
    quantity: int
    was_paid: bool
    cause: str
    occurred_at: datetime


@dataclass(frozen=True)
class PromiseMended(Event):
    """Pieces that a paid order had lost are held for it again: all that it had lost."""

    kind: ClassVar[str] = "inventory.promise_mended"
    order_id: int
    occurred_at: datetime


@dataclass(frozen=True)
class WarehouseClosed(Event):
    """A warehouse serves no new orders any more. What it promised stays promised until somebody moves it."""

    kind: ClassVar[str] = "inventory.warehouse_closed"
    warehouse_id: int
    occurred_at: datetime


@dataclass(frozen=True)
class ReservationsExpired(Event):
    """The goods held for an unpaid order were given back because its time was over."""

    kind: ClassVar[str] = "inventory.reservations_expired"
    order_id: int
    occurred_at: datetime


@dataclass(frozen=True)
class StockRanLow(Event):
    """Fewer pieces than the safety stock can be sold from a warehouse."""

    kind: ClassVar[str] = "inventory.stock_ran_low"
    sku_id: int
    warehouse_id: int
    available: int
    occurred_at: datetime


@dataclass(frozen=True)
class StockRanOut(Event):
    """Nothing of a watched SKU can be sold from a warehouse any more."""

    kind: ClassVar[str] = "inventory.stock_ran_out"
    sku_id: int
    warehouse_id: int
    available: int
    occurred_at: datetime


@dataclass(frozen=True)
class StockCameBack(Event):
    """A watched SKU has enough for sale in a warehouse again."""

    kind: ClassVar[str] = "inventory.stock_came_back"
    sku_id: int
    warehouse_id: int
    available: int
    occurred_at: datetime
