"""The words of fulfillment. Weights are grams, quantities whole pieces, times aware UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple, NewType

from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory.types import Warehouse, WarehouseId
from banyan.people.identity.types import UserId
from banyan.trade.orders.types import OrderId, OrderLineId, Recipient

WaveId = NewType("WaveId", int)
FulfillmentId = NewType("FulfillmentId", int)
ParcelId = NewType("ParcelId", int)
PickupId = NewType("PickupId", int)


class FulfillmentState(StrEnum):
    """open → shipped → delivered → received; open → cancelled; shipped → returned when every parcel came back.

    A shipped one is open again when more pieces are allocated to it.
    """

    OPEN = "open"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    RECEIVED = "received"
    RETURNED = "returned"
    CANCELLED = "cancelled"


class ParcelState(StrEnum):
    """packed → shipped → what the carrier's track says; packed → void when it is unpacked; returned → taken_back.

    delivered, taken_back and void are final.
    """

    PACKED = "packed"
    VOID = "void"
    SHIPPED = "shipped"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    TROUBLED = "troubled"
    DELIVERED = "delivered"
    RETURNING = "returning"
    RETURNED = "returned"
    TAKEN_BACK = "taken_back"


UNDER_WAY = (
    ParcelState.SHIPPED, ParcelState.IN_TRANSIT, ParcelState.OUT_FOR_DELIVERY, ParcelState.TROUBLED, ParcelState.RETURNING,
    ParcelState.RETURNED,
)  # fmt: skip
"""A parcel in one of these may still be delivered or come back."""


NUMBER_UNKNOWN = "number_unknown"
CARRIER_SILENT = "carrier_silent"
GIVEN_UP = (NUMBER_UNKNOWN, CARRIER_SILENT)
"""The failures of parcels that their carrier is asked about no more: somebody has to find out where they are."""


class TrackCode(StrEnum):
    """What a carrier's event means. A note changes nothing."""

    NOTE = "note"
    ACCEPTED = "accepted"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    TROUBLED = "troubled"
    DELIVERED = "delivered"
    RETURNING = "returning"
    RETURNED = "returned"


class Booking(StrEnum):
    """Where the waybill of a parcel stands: none (a person writes the number), requested → unknown? → booked | refused."""

    NONE = "none"
    REQUESTED = "requested"
    UNKNOWN = "unknown"
    BOOKED = "booked"
    REFUSED = "refused"


class Delivered(StrEnum):
    """Who says that a parcel arrived."""

    CARRIER = "carrier"
    BUYER = "buyer"
    STAFF = "staff"
    CLOCK = "clock"
    PICKUP = "pickup"


class PickupState(StrEnum):
    """chosen → ready (paid, its goods lie at the store) → redeemed | expired; chosen | ready → cancelled with its order."""

    CHOSEN = "chosen"
    READY = "ready"
    REDEEMED = "redeemed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Pieces(NamedTuple):
    """Pieces of one order line."""

    line_id: OrderLineId
    quantity: int


@dataclass(frozen=True, slots=True)
class FulfillmentLine:
    """What one warehouse sends of one order line: shipped ≤ packed ≤ quantity."""

    line_id: OrderLineId
    sku_id: SkuId
    quantity: int
    packed_quantity: int
    shipped_quantity: int


@dataclass(frozen=True, slots=True)
class Fulfillment:
    """What one warehouse sends for one order."""

    fulfillment_id: FulfillmentId
    order_id: OrderId
    buyer_id: UserId
    warehouse_id: WarehouseId
    wave_id: WaveId | None
    state: FulfillmentState
    opened_at: datetime
    shipped_at: datetime | None
    delivered_at: datetime | None
    received_at: datetime | None
    lines: tuple[FulfillmentLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Wave:
    """Orders that are picked together in one warehouse. ``open_count``: those that have yet to leave."""

    wave_id: WaveId
    warehouse_id: WarehouseId
    opened_at: datetime
    opened_by: str
    order_count: int
    piece_count: int
    open_count: int


@dataclass(frozen=True, slots=True)
class PickLot:
    """From which lot to take how many pieces, first expired first."""

    number: str
    expires_on: date | None
    quantity: int


@dataclass(frozen=True, slots=True)
class PickRow:
    """How many pieces of one SKU a wave takes from one shelf, for how many orders."""

    shelf: str
    sku_id: SkuId
    sku_code: str
    name: str
    quantity: int
    order_count: int
    lots: tuple[PickLot, ...] = ()


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where a SKU lies in a warehouse."""

    shelf_id: int
    warehouse_id: WarehouseId
    sku_id: SkuId
    sku_code: str
    name: str
    shelf: str


@dataclass(frozen=True, slots=True)
class NewParcel:
    """A parcel to pack. No ``pieces``: all that its fulfillment has not packed yet.

    A carrier that is wired in and no tracking number: the waybill is asked of the carrier.
    """

    fulfillment_id: FulfillmentId
    pieces: tuple[Pieces, ...] = ()
    weight_grams: int = 0
    carrier: str = ""
    tracking_number: str = ""


@dataclass(frozen=True, slots=True)
class ParcelShipment:
    """A packed parcel that is handed over. Carrier and number where the parcel does not carry them yet."""

    parcel_id: ParcelId
    carrier: str = ""
    tracking_number: str = ""


@dataclass(frozen=True, slots=True)
class OrderShipment:
    """All that one warehouse still owes an order, in one parcel. ``warehouse_id`` None: the order waits in one only."""

    order_id: OrderId
    carrier: str
    tracking_number: str
    weight_grams: int = 0
    warehouse_id: WarehouseId | None = None


@dataclass(frozen=True, slots=True)
class Parcel:
    """A parcel as it is read."""

    parcel_id: ParcelId
    fulfillment_id: FulfillmentId
    order_id: OrderId
    buyer_id: UserId
    warehouse_id: WarehouseId
    state: ParcelState
    carrier: str
    tracking_number: str
    weight_grams: int
    booking: Booking
    failure: str
    packed_at: datetime
    shipped_at: datetime | None
    delivered_at: datetime | None
    delivered_by: Delivered | None
    has_label: bool
    pieces: tuple[tuple[OrderLineId, SkuId, int], ...] = ()


@dataclass(frozen=True, slots=True)
class TrackEvent:
    """One event of a carrier. ``key`` is the carrier's own id of it, or made of its content: the same event has the same key."""

    key: str
    code: TrackCode
    occurred_at: datetime
    place: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Track:
    """What a carrier told about one tracking number, in any order and as often as it likes."""

    tracking_number: str
    events: tuple[TrackEvent, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """What all events of a parcel say together. ``delivered_at``: the first time it was said to have arrived."""

    state: ParcelState
    delivered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sender:
    """Where a parcel comes from: the warehouse."""

    name: str
    phone: str
    address: str
    region_code: str = ""


@dataclass(frozen=True, slots=True)
class WaybillOrder:
    """What a carrier is asked for. ``own_number`` is ours: the same number twice is one waybill. Personal: never log it."""

    own_number: str
    sender: Sender
    recipient: Recipient
    weight_grams: int
    piece_count: int


@dataclass(frozen=True, slots=True)
class Waybill:
    """The carrier's answer. ``tracking_number`` "" means that it does not know our number."""

    own_number: str
    tracking_number: str


@dataclass(frozen=True, slots=True)
class Label:
    """What is stuck on the parcel. Personal: stored encrypted."""

    content_type: str
    content: bytes


class CarrierError(Exception):
    """The carrier said no (``permanent``), or could not be reached before anything was sent."""

    def __init__(self, message: str, *, permanent: bool, code: str = "") -> None:
        super().__init__(message)
        self.message, self.permanent, self.code = message, permanent, code


class CarrierUnknown(Exception):
    """A time-out, a broken connection or an unclear answer: neither success nor failure. Ask by our own number."""


class CarrierRejected(Exception):
    """A push that does not prove its sender or cannot be read. ``code``: bad_signature, stale_timestamp, malformed."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.message, self.code = message, code


@dataclass(frozen=True, slots=True)
class Pickup:
    """An order that its buyer fetches at a store."""

    pickup_id: PickupId
    order_id: OrderId
    buyer_id: UserId
    warehouse_id: WarehouseId
    state: PickupState
    chosen_at: datetime
    ready_at: datetime | None
    expires_at: datetime | None
    code_issued_at: datetime | None
    redeemed_at: datetime | None
    redeemed_by: UserId | None


@dataclass(frozen=True, slots=True)
class Redemption:
    """What became of a try at the desk: the order handed out, or why not. ``waits_at``: the store whose code was shown at the
    desk of another one."""

    pickup: Pickup | None = None
    code: str = ""
    message: str = ""
    retry_after_seconds: int | None = None
    waits_at: Warehouse | None = None


@dataclass(frozen=True, slots=True)
class CameBack:
    """What the warehouse found in a parcel that came back: pieces fit for sale, the others are quarantined for inspection."""

    parcel_id: ParcelId
    restock: tuple[Pieces, ...] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Policy:
    """A tenant's terms: days from delivery to receipt when the buyer says nothing, days that a store keeps an order, the
    phone number that carriers are given for the sender, and after how many days without a word about a parcel under way its
    carrier is asked no more."""

    receive_after_days: int = 7
    pickup_days: int = 7
    sender_phone: str = ""
    silent_days: int = 30
