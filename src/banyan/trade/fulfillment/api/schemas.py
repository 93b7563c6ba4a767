"""What travels over HTTP."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from ninja import Field, Schema

from banyan.kernel.http import PublicId
from banyan.trade.fulfillment.types import (
    Booking,
    Delivered,
    Fulfillment,
    FulfillmentState,
    Parcel,
    ParcelState,
    Pickup,
    PickupState,
    TrackCode,
    TrackEvent,
)
from banyan.trade.orders.types import Refused

WaveRef = Annotated[int, PublicId("wav")]
FulfillmentRef = Annotated[int, PublicId("ful")]
ParcelRef = Annotated[int, PublicId("pcl")]
PickupRef = Annotated[int, PublicId("pku")]
OrderRef = Annotated[int, PublicId("ord")]
LineRef = Annotated[int, PublicId("oln")]
SkuRef = Annotated[int, PublicId("sku")]
WarehouseRef = Annotated[int, PublicId("whs")]
Carrier = Annotated[str, Field(max_length=60, pattern=r"^[^\x00-\x1f\x7f]*$")]
TrackingNumber = Annotated[str, Field(max_length=80, pattern=r"^[0-9A-Za-z\-]*$")]
Weight = Annotated[int, Field(ge=0, le=1_000_000)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]


class WaveIn(Schema):
    """Where to pick, and how many orders at most."""

    warehouse_id: WarehouseRef
    limit: Annotated[int, Field(ge=1, le=2000)] = 200


class WaveOut(Schema):
    """A wave and what is left of it."""

    id: WaveRef
    warehouse_id: WarehouseRef
    opened_at: datetime
    order_count: int
    piece_count: int
    open_count: int


class PickLotOut(Schema):
    """From which lot."""

    number: str
    expires_on: date | None
    quantity: int


class PickRowOut(Schema):
    """Pieces of one SKU from one shelf."""

    shelf: str
    sku_id: SkuRef
    sku_code: str
    name: str
    quantity: int
    order_count: int
    lots: list[PickLotOut]


class PickListOut(Schema):
    """A wave with what is still to be taken from the shelves, in their order."""

    wave: WaveOut
    rows: list[PickRowOut]


class ShelfIn(Schema):
    """Where a SKU lies; empty forgets it."""

    sku_id: SkuRef
    shelf: Annotated[str, Field(max_length=40, pattern=r"^[^\x00-\x1f\x7f]*$")]


class ShelvesIn(Schema):
    """Shelves of one warehouse."""

    warehouse_id: WarehouseRef
    shelves: Annotated[list[ShelfIn], Field(min_length=1, max_length=1000)]


class ShelvesOut(Schema):
    """How many are known now."""

    known: int


class SkuShelfOut(Schema):
    """Where a SKU lies in a warehouse."""

    warehouse_id: WarehouseRef
    sku_id: SkuRef
    sku_code: str
    name: str
    shelf: str


class FulfillmentLineOut(Schema):
    """What one warehouse sends of one line."""

    line_id: LineRef
    sku_id: SkuRef
    quantity: int
    packed_quantity: int
    shipped_quantity: int


class FulfillmentOut(Schema):
    """What one warehouse sends for one order."""

    id: FulfillmentRef
    order_id: OrderRef
    warehouse_id: WarehouseRef
    wave_id: WaveRef | None
    state: FulfillmentState
    opened_at: datetime
    shipped_at: datetime | None
    delivered_at: datetime | None
    received_at: datetime | None
    lines: list[FulfillmentLineOut]


class PiecesIn(Schema):
    """Pieces of one line."""

    line_id: LineRef
    quantity: Count


class ParcelIn(Schema):
    """A parcel to pack. No pieces: all that are left. A carrier that is wired in and no number: the waybill is asked for."""

    fulfillment_id: FulfillmentRef
    pieces: Annotated[list[PiecesIn], Field(max_length=200)] = []
    weight_grams: Weight = 0
    carrier: Carrier = ""
    tracking_number: TrackingNumber = ""


class ParcelsIn(Schema):
    """Parcels to pack, each accepted or refused alone."""

    parcels: Annotated[list[ParcelIn], Field(min_length=1, max_length=500)]


class ParcelShipmentIn(Schema):
    """A packed parcel that is handed over."""

    parcel_id: ParcelRef
    carrier: Carrier = ""
    tracking_number: TrackingNumber = ""


class ParcelShipmentsIn(Schema):
    """Parcels to hand over; all of one order, or none of them."""

    parcels: Annotated[list[ParcelShipmentIn], Field(min_length=1, max_length=500)]


class ParcelIdsIn(Schema):
    """Parcels, each accepted or refused alone."""

    parcel_ids: Annotated[list[ParcelRef], Field(min_length=1, max_length=500)]


class OrderShipmentIn(Schema):
    """All that one warehouse still owes an order, in one parcel."""

    order_id: OrderRef
    carrier: Carrier
    tracking_number: TrackingNumber
    weight_grams: Weight = 0
    warehouse_id: WarehouseRef | None = None


class OrderShipmentsIn(Schema):
    """Orders to send, each accepted or refused alone."""

    orders: Annotated[list[OrderShipmentIn], Field(min_length=1, max_length=500)]


class ParcelOutcomeOut(Schema):
    """What became of one of them: the parcel, or why not."""

    parcel_id: ParcelRef | None = None
    code: str | None = None
    message: str | None = None
    details: dict[str, Any] = {}


class TakeBackIn(Schema):
    """What was found in a parcel that came back: sound pieces; the others go into quarantine."""

    restock: Annotated[list[PiecesIn], Field(max_length=200)] = []


class ParcelLineOut(Schema):
    """What lies in a parcel."""

    line_id: LineRef
    sku_id: SkuRef
    quantity: int


class ParcelOut(Schema):
    """A parcel."""

    id: ParcelRef
    fulfillment_id: FulfillmentRef
    order_id: OrderRef
    warehouse_id: WarehouseRef
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
    pieces: list[ParcelLineOut]


class TrackEventOut(Schema):
    """What the carrier told."""

    code: TrackCode
    occurred_at: datetime
    place: str
    text: str


class ParcelDetailOut(ParcelOut):
    """A parcel with its track, newest first."""

    track: list[TrackEventOut]


class FulfillmentPolicyBody(Schema):
    """Days from delivery to receipt when the buyer says nothing, days that a store keeps an order, the sender's phone, and after
    how many days without a word about a parcel its carrier is asked no more."""

    receive_after_days: Annotated[int, Field(ge=0, le=90)] = 7
    pickup_days: Annotated[int, Field(ge=1, le=90)] = 7
    sender_phone: Annotated[str, Field(max_length=30, pattern=r"^[0-9+\-() ]*$")] = ""
    silent_days: Annotated[int, Field(ge=7, le=365)] = 30


class PickupIn(Schema):
    """At which store the buyer fetches the order."""

    warehouse_id: WarehouseRef


class PickupOut(Schema):
    """An order that its buyer fetches."""

    id: PickupRef
    order_id: OrderRef
    warehouse_id: WarehouseRef
    state: PickupState
    chosen_at: datetime
    ready_at: datetime | None
    expires_at: datetime | None
    redeemed_at: datetime | None


class PickupCodeOut(Schema):
    """The code, shown once; any code before it is void."""

    code: str
    expires_at: datetime | None


class RedeemIn(Schema):
    """What the buyer says, and at the desk of which store."""

    warehouse_id: WarehouseRef
    code: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f\x7f]+$")]


class RedeemedOut(Schema):
    """The order to hand out, or why not: wrong_code (counted), too_many_tries, or other_store with the warehouse_id of the
    store that the code belongs to."""

    pickup: PickupOut | None = None
    code: str | None = None
    message: str | None = None
    retry_after_seconds: int | None = None
    warehouse_id: WarehouseRef | None = None


def fulfillment_out(one: Fulfillment) -> dict[str, Any]:
    """What one warehouse sends."""
    names = [name for name in FulfillmentOut.model_fields if name not in ("id", "lines")]
    lines = [{name: getattr(line, name) for name in FulfillmentLineOut.model_fields} for line in one.lines]
    return {"id": one.fulfillment_id, "lines": lines} | {name: getattr(one, name) for name in names}


def parcel_out(one: Parcel, *, to_buyer: bool) -> dict[str, Any]:
    """A parcel; its buyer is not told why a carrier refused."""
    names = [name for name in ParcelOut.model_fields if name not in ("id", "pieces", "failure")]
    pieces = [{"line_id": line_id, "sku_id": sku_id, "quantity": quantity} for line_id, sku_id, quantity in one.pieces]
    shown = {"id": one.parcel_id, "pieces": pieces, "failure": "" if to_buyer else one.failure}
    return shown | {name: getattr(one, name) for name in names}


def track_out(event: TrackEvent) -> dict[str, Any]:
    """An event."""
    return {"code": event.code, "occurred_at": event.occurred_at, "place": event.place, "text": event.text}


def pickup_out(one: Pickup) -> dict[str, Any]:
    """A pickup."""
    return {"id": one.pickup_id} | {name: getattr(one, name) for name in PickupOut.model_fields if name != "id"}


def outcome_out(outcome: int | Refused) -> dict[str, Any]:
    """What became of a parcel."""
    if isinstance(outcome, Refused):
        return {"code": outcome.code, "message": outcome.message, "details": outcome.details}
    return {"parcel_id": outcome}
