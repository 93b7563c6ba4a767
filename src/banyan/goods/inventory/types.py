"""The words of inventory. Quantities are whole pieces; times are aware UTC.

``order_id`` and ``line_id`` are plain ints: orders stands above this house.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, NewType

from banyan.goods.catalog.types import SkuId

WarehouseId = NewType("WarehouseId", int)
ReservationId = NewType("ReservationId", int)


class ReservationState(StrEnum):
    """reserved → allocated → shipped; reserved | allocated → released; reserved → expired. Nothing leaves the last three."""

    RESERVED = "reserved"
    ALLOCATED = "allocated"
    SHIPPED = "shipped"
    RELEASED = "released"
    EXPIRED = "expired"


class MovementKind(StrEnum):
    """Why the pieces on hand changed."""

    RECEIPT = "receipt"
    ADJUSTMENT = "adjustment"
    SHIPMENT = "shipment"
    RESTOCK = "restock"


class WarehouseKind(StrEnum):
    """What a warehouse is: the company's main one, a region's, a partner's that is run for us (云仓), or a shop's own."""

    HEAD = "head"
    REGIONAL = "regional"
    CLOUD = "cloud"
    STORE = "store"


class ReserveLine(NamedTuple):
    """One order line that wants its goods held. ``expires_at`` None holds them until released."""

    order_id: int
    line_id: int
    sku_id: SkuId
    quantity: int
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Shortage:
    """Why an order could not be served: of this SKU so many were asked for and so many can be had over all warehouses."""

    order_id: int
    sku_id: SkuId
    requested: int
    available: int


class Held(NamedTuple):
    """Pieces to hold in one warehouse for one line."""

    order_id: int
    line_id: int
    warehouse_id: int
    sku_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Promise:
    """What was decided for a batch of orders and is not written yet. ``late``: the levels were read, not locked."""

    holds: Sequence[Held]
    expires: Mapping[int, datetime | None]
    refused: Mapping[int, tuple[Shortage, ...]]
    late: bool


@dataclass(frozen=True, slots=True)
class NewWarehouse:
    """A warehouse to open. ``code`` is unique per tenant; the lowest ``priority`` is served from first.

    ``region_code``: six digits of China's administrative divisions (GB/T 2260, e.g. 330402), "" where it has none.
    """

    code: str
    name: str
    priority: int = 100
    kind: WarehouseKind = WarehouseKind.REGIONAL
    region_code: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Warehouse:
    """A warehouse as it is read."""

    warehouse_id: WarehouseId
    code: str
    name: str
    priority: int
    is_active: bool
    kind: WarehouseKind = WarehouseKind.REGIONAL
    region_code: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Goods that came in. ``key`` (unique per tenant when given) makes the receipt idempotent."""

    warehouse_id: WarehouseId
    sku_id: SkuId
    quantity: int
    reference: str = ""
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A counted difference, positive or negative, with its reason."""

    warehouse_id: WarehouseId
    sku_id: SkuId
    quantity_change: int
    reason: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class ReturnedGoods:
    """Pieces of an order that came back fit for sale. ``warehouse_id`` None: where the line was shipped from."""

    order_id: int
    line_id: int
    sku_id: SkuId
    quantity: int
    key: str
    warehouse_id: WarehouseId | None = None
    disposition: Disposition = Disposition.RESTOCK
    lot_id: LotId | None = None


class LeavingPieces(NamedTuple):
    """Pieces of one order line that leave one warehouse."""

    order_id: int
    line_id: int
    warehouse_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class StockLevel:
    """One SKU in one warehouse. available = on_hand − reserved − allocated."""

    warehouse_id: WarehouseId
    sku_id: SkuId
    on_hand: int
    reserved: int
    allocated: int
    level_id: int = field(default=0, compare=False)
    """For paging; not a fact about the stock."""

    @property
    def available(self) -> int:
        """Pieces that can still be promised."""
        return self.on_hand - self.reserved - self.allocated


@dataclass(frozen=True, slots=True)
class Reservation:
    """Pieces of one SKU held in one warehouse for one order line."""

    reservation_id: ReservationId
    order_id: int
    line_id: int
    warehouse_id: WarehouseId
    sku_id: SkuId
    quantity: int
    state: ReservationState
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Movement:
    """One change of the pieces on hand; never edited."""

    movement_id: int
    warehouse_id: WarehouseId
    sku_id: SkuId
    kind: MovementKind
    quantity_change: int
    order_id: int | None
    reference: str
    occurred_at: datetime
