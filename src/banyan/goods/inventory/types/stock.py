"""The words of inventory. Quantities are whole pieces; times are aware UTC.

``order_id`` and ``line_id`` are plain ints: orders stands above this house.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple, NewType

from banyan.goods.catalog.types import SkuId

WarehouseId = NewType("WarehouseId", int)
ReservationId = NewType("ReservationId", int)
LotId = NewType("LotId", int)


class ReservationState(StrEnum):
    """reserved → allocated → shipped; reserved | allocated → released; reserved → expired. Nothing leaves these three.

    allocated → lost when a hold, an expiry or a count took the pieces away and no others could be had: the line is paid and
    nothing is kept for it. lost → released when it is served again or given up.
    """

    RESERVED = "reserved"
    ALLOCATED = "allocated"
    SHIPPED = "shipped"
    RELEASED = "released"
    EXPIRED = "expired"
    LOST = "lost"


class MovementKind(StrEnum):
    """Why the pieces on hand changed."""

    RECEIPT = "receipt"
    ADJUSTMENT = "adjustment"
    SHIPMENT = "shipment"
    RESTOCK = "restock"
    QUARANTINE = "quarantine"
    """From the shelf into quarantine or back: two movements that cancel each other on hand."""
    SCRAP = "scrap"
    TRANSFER_OUT = "transfer_out"
    TRANSFER_IN = "transfer_in"
    TRANSFER_LOSS = "transfer_loss"
    """Pieces lost on the way: they come in and go out again where they should have arrived."""
    STOCK_TAKE = "stock_take"
    TRACKING = "tracking"
    """Pieces that lay there when a SKU became lot-tracked pass into its first lot: two movements that cancel each other."""


class WarehouseKind(StrEnum):
    """What a warehouse is: the company's main one, a region's, a partner's that is run for us (云仓), or a shop's own."""

    HEAD = "head"
    REGIONAL = "regional"
    CLOUD = "cloud"
    STORE = "store"


class Disposition(StrEnum):
    """What becomes of goods that came back: for sale again, set apart for inspection, or thrown away."""

    RESTOCK = "restock"
    QUARANTINE = "quarantine"
    SCRAP = "scrap"


class LotState(StrEnum):
    """Only pieces of an open lot can be promised and picked. open ⇄ held; open → expired; open | held | expired → recalled."""

    OPEN = "open"
    HELD = "held"
    EXPIRED = "expired"
    RECALLED = "recalled"


class LotTurn(StrEnum):
    """What was decided about a lot; the last turn is its state."""

    HELD = "held"
    RELEASED = "released"
    EXPIRED = "expired"
    RECALLED = "recalled"


@dataclass(frozen=True, slots=True)
class NewLot:
    """A production batch as the supplier names it. ``number`` is unique per SKU; naming a known one means that lot.

    The lot can be sold up to the day before ``expires_on``, counted in the shop's time zone.
    """

    number: str
    produced_on: date | None = None
    expires_on: date | None = None
    supplier_note: str = ""


@dataclass(frozen=True, slots=True)
class Lot:
    """A lot as it is read. ``pieces`` are on hand over all warehouses, ``quarantined`` of them lie apart."""

    lot_id: LotId
    sku_id: SkuId
    number: str
    produced_on: date | None
    expires_on: date | None
    supplier_note: str
    state: LotState
    pieces: int = 0
    quarantined: int = 0
    sku_code: str = ""


@dataclass(frozen=True, slots=True)
class LotStock:
    """Pieces of one lot in one warehouse: on hand, of which quarantined."""

    lot_id: LotId
    warehouse_id: WarehouseId
    sku_id: SkuId
    on_hand: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class LotDecision:
    """Who decided what about a lot, and why. ``decided_by`` is the actor of the transaction: a person's public id or a job."""

    turn: LotTurn
    reason: str
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class LotOrder:
    """Pieces of one lot that left for one order, from which warehouses, and how many of them came back."""

    order_id: int
    shipped: int
    returned: int
    warehouse_ids: tuple[WarehouseId, ...]
    first_shipped_at: datetime


@dataclass(frozen=True, slots=True)
class LotTrace:
    """Where the pieces of a lot came from and where they are now:
    came_in + counted = on_hand + with_buyers + scrapped + in_transit + lost_on_the_way."""

    lot_id: LotId
    came_in: int
    counted: int
    with_buyers: int
    scrapped: int
    in_transit: int
    lost_on_the_way: int
    on_hand: int
    quarantined: int
    first_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class LotRule:
    """That a SKU is lot-tracked, and how many days before expiry to warn; None: the shop's own number of days."""

    sku_id: SkuId
    near_expiry_days: int | None = None


@dataclass(frozen=True, slots=True)
class ExpiringLot:
    """A lot with pieces for sale that expires soon."""

    lot: Lot
    days_left: int


@dataclass(frozen=True, slots=True)
class Pieces:
    """Pieces in one warehouse to set apart, to put back for sale, or to scrap. A lot-tracked SKU needs ``lot_id``.

    ``key`` (unique per tenant when given) makes the change idempotent.
    """

    warehouse_id: WarehouseId
    sku_id: SkuId
    quantity: int
    reason: str
    lot_id: LotId | None = None
    key: str | None = None


class ReserveLine(NamedTuple):
    """One order line that wants its goods held. ``expires_at`` None holds them until released.

    ``channel``: the key of the channel that sells it; the line is then served from what is set aside for that channel, and from
    nothing else. "" is an ordinary sale, which cannot take what is set aside.
    """

    order_id: int
    line_id: int
    sku_id: SkuId
    quantity: int
    expires_at: datetime | None = None
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Shortage:
    """Why an order could not be served: of this SKU so many were asked for and so many can be had over all warehouses."""

    order_id: int
    sku_id: SkuId
    requested: int
    available: int


class Held(NamedTuple):
    """Pieces to hold in one warehouse for one line; ``channel_stock_id`` names the share that they are taken from."""

    order_id: int
    line_id: int
    warehouse_id: int
    sku_id: int
    quantity: int
    channel_stock_id: int | None = None


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
    """Goods that came in. ``key`` (unique per tenant when given) makes the receipt idempotent.

    A lot-tracked SKU needs ``lot`` or ``lot_id``. ``quarantined``: the goods wait for inspection and cannot be promised yet.
    """

    warehouse_id: WarehouseId
    sku_id: SkuId
    quantity: int
    reference: str = ""
    key: str | None = None
    lot: NewLot | None = None
    lot_id: LotId | None = None
    quarantined: bool = False


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A counted difference, positive or negative, with its reason.

    Of a lot-tracked SKU, what was found needs its lot; what is missing is taken from the named lot, else first expired first.
    """

    warehouse_id: WarehouseId
    sku_id: SkuId
    quantity_change: int
    reason: str
    key: str | None = None
    lot_id: LotId | None = None


@dataclass(frozen=True, slots=True)
class ReturnedGoods:
    """Pieces of an order that came back. ``warehouse_id`` None: where the line was shipped from.

    ``lot_id`` None: the lots this order was shipped from, first shipped first. Further keys are made from ``key`` where the
    pieces belong to several lots.
    """

    order_id: int
    line_id: int
    sku_id: SkuId
    quantity: int
    key: str
    warehouse_id: WarehouseId | None = None
    disposition: Disposition = Disposition.RESTOCK
    lot_id: LotId | None = None


class StockMove(NamedTuple):
    """One change of the pieces on hand that a house above asks for. ``key`` makes it idempotent; a lot-tracked SKU that comes in
    needs its lot, one that leaves without is taken first expired first."""

    warehouse_id: int
    sku_id: int
    kind: MovementKind
    quantity_change: int
    reference: str
    key: str
    lot_id: int | None = None


class LeavingPieces(NamedTuple):
    """Pieces of one order line that leave one warehouse."""

    order_id: int
    line_id: int
    warehouse_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class StockLevel:
    """One SKU in one warehouse. available = on_hand − quarantined − held − reserved − allocated − set_aside.

    ``held``: pieces of lots that are held, expired or recalled and not quarantined as well. ``set_aside``: pieces that channels
    have for themselves and that no order of theirs holds yet.
    """

    warehouse_id: WarehouseId
    sku_id: SkuId
    on_hand: int
    reserved: int
    allocated: int
    level_id: int = field(default=0, compare=False)
    """For paging; not a fact about the stock."""
    quarantined: int = 0
    held: int = 0
    set_aside: int = 0

    @property
    def available(self) -> int:
        """Pieces that can still be promised."""
        return self.on_hand - self.quarantined - self.held - self.reserved - self.allocated - self.set_aside


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
    """One change of the pieces on hand; never edited. ``quarantined``: the pieces lie, or lay, apart."""

    movement_id: int
    warehouse_id: WarehouseId
    sku_id: SkuId
    kind: MovementKind
    quantity_change: int
    order_id: int | None
    reference: str
    occurred_at: datetime
    lot_id: LotId | None = None
    quarantined: bool = False
