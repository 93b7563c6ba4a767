"""What travels over HTTP, and which of it whom is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from ninja import Field, Schema
from pydantic import BaseModel

from banyan.kernel import ids
from banyan.kernel.http import Principal, PublicId
from banyan.kernel.values.masks import masked as hidden
from banyan.people.identity.types import UserId
from banyan.trade.orders.types import LotBuyer, Order, OrderState, Placed, Policy, Recipient, Shipment

OrderRef = Annotated[int, PublicId("ord")]
LineRef = Annotated[int, PublicId("oln")]
SkuRef = Annotated[int, PublicId("sku")]
UserRef = Annotated[int, PublicId("usr")]
Text = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Amount = Annotated[int, Field(ge=0, le=10**12)]


class View(StrEnum):
    """How much of an order the caller may see."""

    WHOLE = "whole"
    """Staff and the buyer."""
    FULFILMENT = "fulfilment"
    """The warehouse: what to send where, without amounts and without the buyer's account."""
    REFERRED = "referred"
    """The distributor who referred it: amounts and lines, the buyer masked."""


class LineIn(BaseModel):
    """One wanted line."""

    sku_id: SkuRef
    quantity: Annotated[int, Field(ge=1, le=1_000_000)]


class RecipientBody(BaseModel):
    """Where the goods go: personal, stored encrypted."""

    name: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00]+$")]
    phone: Annotated[str, Field(min_length=3, max_length=30, pattern=r"^[0-9+\-() ]+$")]
    address: Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00]+$")]
    region_code: Annotated[str, Field(pattern=r"^([1-9][0-9]{5})?$")] = ""
    """The six-digit code of the division, e.g. 330106; what chooses the warehouse nearby."""


class RecipientOut(Schema):
    """Where the goods go: whole for the buyer and for who may ship (``orders:ship``); else name and phone are masked, and the
    address is told down to its district."""

    name: str
    phone: str
    address: str
    region_code: str


class QuoteIn(Schema):
    """What shall be priced."""

    lines: Annotated[list[LineIn], Field(min_length=1, max_length=200)]


class QuoteLineOut(Schema):
    """One priced line; tax is contained."""

    sku_id: SkuRef
    quantity: int
    unit_price_minor: int
    payable_minor: int
    tax_minor: int
    bundle_sku_id: SkuRef | None = None
    """The bundle that it is a part of."""


class QuoteOut(Schema):
    """What the order would cost now."""

    lines: list[QuoteLineOut]
    gross_minor: int
    discount_minor: int = 0
    shipping_minor: int
    tax_minor: int
    total_minor: int


class OrderIn(BaseModel):
    """An order to place. ``code`` or ``link`` names the referrer. ``offer_id`` names a flash sale
    that one of the SKUs is bought from, ``ticket`` the place in its queue. Freight is the shop's tariff.

    Only operators may name another buyer, a discount, or the freight."""

    lines: Annotated[list[LineIn], Field(min_length=1, max_length=200)]
    code: Text | None = None
    link: Text | None = None
    offer_id: Annotated[int, PublicId("off")] | None = None
    ticket: Annotated[str, Field(max_length=100, pattern=r"^[0-9a-z_.]+$")] | None = None
    channel: Annotated[str, Field(min_length=1, max_length=20, pattern=r"^[a-z0-9_]+$")] = "shop"
    recipient: RecipientBody | None = None
    buyer_id: UserRef | None = None
    discount_minor: Amount = 0
    shipping_minor: Amount | None = None


class PlacedOut(Schema):
    """A placed order: pay it until ``expires_at``."""

    id: OrderRef
    number: str
    state: OrderState
    total_minor: int
    currency: str
    line_ids: list[LineRef]
    expires_at: datetime


class OrderBatchIn(Schema):
    """Orders to place, each accepted or refused alone. A ``client_key`` places its order once, whatever the batch."""

    orders: Annotated[list[BatchOrderIn], Field(min_length=1, max_length=500)]


class BatchOrderIn(OrderIn):
    """One order of a batch."""

    client_key: Text | None = None


OrderBatchIn.model_rebuild()


class BatchOutcomeOut(Schema):
    """The placed order, or why it was refused."""

    placed: PlacedOut | None = None
    code: str | None = None
    message: str | None = None
    details: dict[str, Any] = {}


class OrderLineOut(Schema):
    """One line. Amounts are absent for the warehouse."""

    id: LineRef
    position: int
    sku_id: SkuRef
    bundle_sku_id: SkuRef | None = None
    """The bundle that it was ordered in."""
    quantity: int
    unit_price_minor: int | None = None
    discount_minor: int | None = None
    payable_minor: int | None = None
    tax_minor: int | None = None


class OrderParcelOut(Schema):
    """A parcel on its way."""

    carrier: str
    tracking_number: str


class OrderOut(Schema):
    """An order as the caller may see it."""

    id: OrderRef
    number: str
    state: OrderState
    view: View
    buyer_id: UserRef | None = None
    buyer_name: str | None = None
    currency: str
    gross_minor: int | None = None
    discount_minor: int | None = None
    shipping_minor: int | None = None
    total_minor: int | None = None
    channel: str
    placed_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    shipped_at: datetime | None
    received_at: datetime | None
    closed_at: datetime | None
    cancelled_at: datetime | None
    cancel_reason: str
    lines: list[OrderLineOut]


class OrderDetailOut(OrderOut):
    """An order with where it goes and its parcels."""

    recipient: RecipientOut | None = None
    parcels: list[OrderParcelOut] = []


class PaymentIn(Schema):
    """Through which channel to pay."""

    channel: Annotated[str, Field(min_length=1, max_length=20, pattern=r"^[a-z0-9_]+$")]


class OrderPaymentOut(Schema):
    """The opened payment; null when there was nothing to pay."""

    payment_id: Annotated[int, PublicId("pay")] | None


class ShipmentIn(Schema):
    """One order handed to a carrier."""

    order_id: OrderRef
    carrier: Annotated[str, Field(max_length=60, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    tracking_number: Annotated[str, Field(max_length=80, pattern=r"^[0-9A-Za-z\-]*$")] = ""


class ShipmentsIn(Schema):
    """Shipments, each accepted or refused alone."""

    shipments: Annotated[list[ShipmentIn], Field(min_length=1, max_length=500)]


class OrderStepOut(Schema):
    """What became of one order: ``code`` null means that it moved."""

    order_id: OrderRef
    code: str | None = None
    message: str | None = None


class TariffBody(Schema):
    """Freight: the base up to the first weight, a step for each begun further weight, free from a value on (null: never)."""

    base_minor: Amount = 0
    first_grams: Annotated[int, Field(ge=0, le=10**9)] = 1000
    step_grams: Annotated[int, Field(ge=1, le=10**9)] = 1000
    step_minor: Amount = 0
    free_from_minor: Amount | None = None


class OrderPolicyBody(Schema):
    """The shop's times and freight tariff."""

    payment_window_seconds: Annotated[int, Field(ge=60, le=30 * 86_400)] = 1800
    receive_after_days: Annotated[int, Field(ge=0, le=365)] = 10
    close_after_days: Annotated[int, Field(ge=0, le=365)] = 7
    tariff: TariffBody = TariffBody()


STAFF = ("platform", "operator", "finance", "auditor")


def placed_out(placed: Placed) -> dict[str, Any]:
    """A placed order as shown to whoever placed it."""
    return {
        "id": placed.order_id, "number": placed.number, "state": OrderState.PLACED, "total_minor": placed.total_minor,
        "currency": placed.currency, "line_ids": list(placed.line_ids), "expires_at": placed.expires_at,
    }  # fmt: skip


def placed_json(placed: Placed) -> str:
    """The same as PlacedOut's JSON, written directly: the busiest answer of the shop. A test compares both."""
    shown = {
        "id": ids.public("ord", placed.order_id), "number": placed.number, "state": OrderState.PLACED.value,
        "total_minor": placed.total_minor, "currency": placed.currency,
        "line_ids": [ids.public("oln", line_id) for line_id in placed.line_ids],
        "expires_at": placed.expires_at.isoformat().replace("+00:00", "Z"),
    }  # fmt: skip
    return json.dumps(shown)


def view_of(order: Order, principal: Principal, referrer_id: int | None) -> View | None:
    """How much of this order the caller may see; None: for him it does not exist."""
    if principal.is_any(*STAFF) or order.buyer_id == principal.user_id:
        return View.WHOLE
    if principal.is_any("warehouse"):
        return View.FULFILMENT
    if principal.distributor_id is not None and referrer_id == principal.distributor_id:
        return View.REFERRED
    return None


def order_out(order: Order, view: View, names: Mapping[UserId, str] | None = None) -> dict[str, Any]:
    """An order in one view; ``names`` holds masked buyers' names for REFERRED."""
    money = view is not View.FULFILMENT
    shown: dict[str, Any] = {
        "id": order.order_id, "number": order.number, "state": order.state, "view": view, "currency": order.currency,
        "channel": order.channel, "placed_at": order.placed_at, "expires_at": order.expires_at, "paid_at": order.paid_at,
        "shipped_at": order.shipped_at, "received_at": order.received_at, "closed_at": order.closed_at,
        "cancelled_at": order.cancelled_at, "cancel_reason": order.cancel_reason,
    }  # fmt: skip
    if view is View.WHOLE:
        shown["buyer_id"] = order.buyer_id
    elif view is View.REFERRED:
        shown["buyer_name"] = masked((names or {}).get(order.buyer_id, ""))
    if money:
        shown |= {
            "gross_minor": order.gross_minor, "discount_minor": order.discount_minor, "shipping_minor": order.shipping_minor,
            "total_minor": order.total_minor,
        }  # fmt: skip
    shown["lines"] = [
        {
            "id": line.line_id, "position": line.position, "sku_id": line.sku.sku_id, "quantity": line.quantity,
            "bundle_sku_id": line.bundle_sku_id,
        }
        | (
            {
                "unit_price_minor": line.sku.price_minor, "discount_minor": line.discount_minor,
                "payable_minor": line.payable_minor, "tax_minor": line.tax_minor,
            }
            if money
            else {}
        )
        for line in order.lines
    ]  # fmt: skip
    return shown


class LotBuyerOut(Schema):
    """Pieces of a lot that left for one order. Name and phone of the buyer are masked."""

    order_id: OrderRef
    number: str
    state: OrderState
    buyer_id: UserRef
    buyer_name: str
    buyer_phone: str
    shipped: int
    returned: int
    warehouse_ids: list[Annotated[int, PublicId("whs")]]
    first_shipped_at: datetime
    parcels: list[OrderParcelOut]


def lot_buyer_out(one: LotBuyer, name: str | None, phone: str | None) -> dict[str, Any]:
    """One row of a recall."""
    return {
        "order_id": one.order_id, "number": one.number, "state": one.state, "buyer_id": one.buyer_id,
        "buyer_name": hidden(name), "buyer_phone": hidden(phone),
        "shipped": one.shipped, "returned": one.returned, "warehouse_ids": list(one.warehouse_ids),
        "first_shipped_at": one.first_shipped_at, "parcels": [parcel_out(parcel) for parcel in one.parcels],
    }  # fmt: skip


def masked(name: str) -> str:
    """``王**``: the first character and nothing else, not even the length."""
    return f"{name[:1]}**"


def recipient_out(recipient: Recipient | None) -> dict[str, Any] | None:
    """Where the goods go."""
    if recipient is None:
        return None
    return {
        "name": recipient.name, "phone": recipient.phone, "address": recipient.address, "region_code": recipient.region_code,
    }  # fmt: skip


def parcel_out(shipment: Shipment) -> dict[str, Any]:
    """A parcel."""
    return {"carrier": shipment.carrier, "tracking_number": shipment.tracking_number}


def policy_out(policy: Policy) -> dict[str, Any]:
    """The shop's times and tariff."""
    tariff = policy.tariff
    return {
        "payment_window_seconds": policy.payment_window_seconds, "receive_after_days": policy.receive_after_days,
        "close_after_days": policy.close_after_days,
        "tariff": {
            "base_minor": tariff.base_minor, "first_grams": tariff.first_grams, "step_grams": tariff.step_grams,
            "step_minor": tariff.step_minor, "free_from_minor": tariff.free_from_minor,
        },
    }  # fmt: skip
