"""The words of orders. Amounts are integer minor units of the order's currency; times are aware UTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, NewType

from banyan.goods.catalog.types import SkuFacts, SkuId
from banyan.goods.inventory.types import WarehouseId
from banyan.kernel.values.errors import Refusal
from banyan.people.identity.types import UserId
from banyan.trade.pricing.types import FreightTariff

OrderId = NewType("OrderId", int)
OrderLineId = NewType("OrderLineId", int)


class OrderState(StrEnum):
    """placed → paid (→ partly_shipped) → shipped → received → closed; placed → cancelled | expired; paid → cancelled when all
    was refunded before shipping; expired → paid when the money came after all and the goods can be had.

    closed and cancelled are final: a late callback never changes them.
    """

    PLACED = "placed"
    PAID = "paid"
    PARTLY_SHIPPED = "partly_shipped"
    SHIPPED = "shipped"
    RECEIVED = "received"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class PlaceLine(NamedTuple):
    """One wanted line. ``unit_price_minor`` overrides the catalog's price: for imports of past sales only."""

    sku_id: SkuId
    quantity: int
    unit_price_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """Where the goods go. Stored encrypted; shown whole to the buyer and to who packs and ships (``engine/recipients.py``)."""

    name: str
    phone: str
    address: str
    region_code: str = ""
    """The six-digit code (adcode) of the district, city or province; empty when it was not told. Not encrypted."""


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """One order to place. ``lines`` may be plain (sku_id, quantity) or (sku_id, quantity, unit_price_minor) tuples.

    ``client_key`` is the caller's idempotency key: placing the same key again returns the order that exists (or refuses
    when the content differs). ``code`` and ``link`` name the referrer and beat any binding. ``placed_at`` None is
      now; ``shipping_minor`` None is the
    tenant's tariff.
    """

    buyer_id: UserId
    lines: Sequence[PlaceLine | tuple[SkuId, int] | tuple[SkuId, int, int | None]]
    shipping_minor: int | None = 0
    discount_minor: int = 0
    code: str | None = None
    channel: str = "shop"
    placed_at: datetime | None = None
    link: str | None = None
    client_key: str | None = None
    recipient: Recipient | None = None
    buyer_is_consumer: bool = False
    """True when the caller knows that the buyer is no distributor (a token says so); spares the look-up."""
    offer_id: int | None = None
    """The flash sale that its SKU is bought from: at the sale's price, from the sale's share of the stock."""
    ticket: str | None = None
    """The buyer's place in the queue of that sale."""
    window_seconds: int | None = None
    """How long it may be paid, where that is not the tenant's usual time: the difference of an exchange."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A placed order, in the order of the requests. ``line_ids`` in the order of the request's lines, a bundle's parts in its
    place."""

    order_id: OrderId
    number: str
    total_minor: int
    currency: str
    line_ids: tuple[OrderLineId, ...]
    expires_at: datetime
    repeated: bool = False
    """True when the client key was known and this is the order placed then."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An order or transition that was declined; ``reason`` is the error to raise or show."""

    reason: Refusal

    @property
    def code(self) -> str:
        """The stable error code."""
        return self.reason.code

    @property
    def message(self) -> str:
        """What is wrong, in words."""
        return self.reason.message

    @property
    def details(self) -> dict[str, Any]:
        """Machine-readable facts, e.g. what is available."""
        return self.reason.details


@dataclass(frozen=True, slots=True)
class Capture:
    """Money that a channel captured for an order, as payments reports it."""

    payment_id: int
    order_id: OrderId
    amount_minor: int
    currency: str
    captured_at: datetime


@dataclass(frozen=True, slots=True)
class Payable:
    """What decides whether money pays an order; ``payment_id`` is the payment that paid it, if one has."""

    order_id: OrderId
    buyer_id: UserId
    state: OrderState
    total_minor: int
    currency: str
    payment_id: int | None


@dataclass(frozen=True, slots=True)
class Shipment:
    """Goods handed to a carrier."""

    order_id: OrderId
    carrier: str = ""
    tracking_number: str = ""


class LotBuyer(NamedTuple):
    """Pieces of a lot that left for one order: whose it is, from which warehouses and in which parcels they left."""

    order_id: OrderId
    number: str
    state: OrderState
    buyer_id: UserId
    shipped: int
    returned: int
    warehouse_ids: tuple[int, ...]
    first_shipped_at: datetime
    parcels: tuple[Shipment, ...]


class LeavingLine(NamedTuple):
    """Pieces of one line that leave one warehouse."""

    line_id: OrderLineId
    warehouse_id: WarehouseId
    quantity: int


@dataclass(frozen=True, slots=True)
class PartShipment:
    """Some lines or pieces of an order, handed to a carrier; the rest follows later or has left before."""

    order_id: OrderId
    lines: tuple[LeavingLine, ...]
    carrier: str = ""
    tracking_number: str = ""


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One line with the facts frozen at placement. payable = gross − discount; tax is contained in payable."""

    line_id: OrderLineId
    position: int
    sku: SkuFacts
    quantity: int
    gross_minor: int
    discount_minor: int
    payable_minor: int
    tax_minor: int
    commissionable_minor: int
    bundle_sku_id: SkuId | None = None
    """The bundle that it was ordered as a part of; its discount then holds what the bundle is cheaper than its parts."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it is read, with its lines. total = Σ payable + shipping."""

    order_id: OrderId
    number: str
    buyer_id: UserId
    state: OrderState
    currency: str
    gross_minor: int
    discount_minor: int
    shipping_minor: int
    tax_minor: int
    total_minor: int
    channel: str
    placed_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    shipped_at: datetime | None
    received_at: datetime | None
    closed_at: datetime | None
    cancelled_at: datetime | None
    cancel_reason: str
    lines: tuple[OrderLine, ...]


class CommissionableLine(NamedTuple):
    """What commission needs of one line. ``commissionable_minor`` = paid − shipping − tax − discounts; 0 when the product
    is switched off for commission."""

    line_id: OrderLineId
    sku: SkuFacts
    quantity: int
    commissionable_minor: int


class CommissionableOrder(NamedTuple):
    """What commission needs of one paid order."""

    order_id: OrderId
    buyer_id: UserId
    paid_at: datetime
    currency: str
    lines: tuple[CommissionableLine, ...]
    number: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """The tenant's times (how long an unpaid order holds stock, when a delivered order is received and closed by itself) and
    its freight tariff, used where an order names no freight of its own. A change takes effect within half a minute."""

    payment_window_seconds: int = 1800
    receive_after_days: int = 10
    close_after_days: int = 7
    tariff: FreightTariff = field(default_factory=FreightTariff)
