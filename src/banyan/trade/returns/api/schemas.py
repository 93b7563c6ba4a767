"""What returns look like over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from ninja import Field, Schema

from banyan.kernel.http import PublicId
from banyan.trade.returns.types import Disposition, Fault, Mode, ReturnStatus

PHOTOS_MAX = 9
Reason = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]
Units = Annotated[int, Field(ge=0, le=2_000_000_000)]
Amount = Annotated[int, Field(ge=0, le=10**15)]
OrderRef = Annotated[int, PublicId("ord")]
LineRef = Annotated[int, PublicId("oln")]
ReturnRef = Annotated[int, PublicId("ret")]
PhotoRef = Annotated[int, PublicId("pho")]
Words = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]


class ClaimIn(Schema):
    """One line: a quantity, or for a refund only or a damage claim an amount in minor units with quantity 0.

    `exchange_sku_id`: what is wanted instead, in an exchange; without it the same goods again.
    """

    line_id: LineRef
    quantity: Units = 0
    amount_minor: Amount = 0
    exchange_sku_id: Annotated[int, PublicId("sku")] | None = None


class RequestIn(Schema):
    """A return to ask for. `reason_code` is one of GET /returns/reasons and says whose fault it is; `reason` is the asker's own
    words, needed where no code is given. `goodwill` (operators only) passes the deadline and a closed order."""

    order_id: OrderRef
    mode: Mode
    lines: Annotated[list[ClaimIn], Field(min_length=1, max_length=200)]
    reason: Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")] = ""
    fault: Fault = Fault.BUYER
    goodwill: bool = False
    reason_code: Annotated[str, Field(max_length=40, pattern=r"^[^\x00]*$")] = ""
    photo_ids: Annotated[list[PhotoRef], Field(max_length=PHOTOS_MAX)] = []


class ReturnReasonIn(Schema):
    """Why; shown to the buyer."""

    reason: Reason


class PieceIn(Schema):
    """Pieces that were found alike; without a lot they belong to those that the order was shipped from."""

    quantity: Annotated[int, Field(ge=1, le=2_000_000_000)]
    disposition: Disposition
    lot_id: Annotated[int, PublicId("lot")] | None = None
    note: Words = ""


class InspectionIn(Schema):
    """What was found for one line, as counts or group by group; all pieces add up to the claimed quantity.

    `deducted_minor` is kept of the refund because the buyer damaged the goods; the buyer is shown `deduction_reason`.
    """

    line_id: LineRef
    restock_quantity: Units = 0
    scrap_quantity: Units = 0
    quarantine_quantity: Units = 0
    pieces: Annotated[list[PieceIn], Field(max_length=100)] = []
    deducted_minor: Amount = 0
    deduction_reason: Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")] = ""


class GrantIn(Schema):
    """How much of what was asked for a line is granted."""

    line_id: LineRef
    amount_minor: Annotated[int, Field(ge=1, le=10**15)]


class ReturnApproveIn(Schema):
    """With refunds by amount, less than what was asked may be granted; lines that are not named get what was asked."""

    grants: Annotated[list[GrantIn], Field(max_length=200)] = []


class ReturnParcelIn(Schema):
    """Goods on their way."""

    carrier: Annotated[str, Field(max_length=60, pattern=r"^[^\x00]*$")] = ""
    tracking_number: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00]*$")]


class ReceiptIn(Schema):
    """Goods of a return, inspected. Without a warehouse they go back to where they were shipped from."""

    inspections: Annotated[list[InspectionIn], Field(min_length=1, max_length=200)]
    warehouse_id: Annotated[int, PublicId("whs")] | None = None


class ReturnBatchIn(Schema):
    """One decision about many returns."""

    action: Literal["approve", "reject", "accept", "retry_refund", "refund_instead"]
    return_ids: Annotated[list[ReturnRef], Field(min_length=1, max_length=500)]
    reason: Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")] = ""


class ReturnOutcomeOut(Schema):
    """What became of one return of a batch."""

    return_id: ReturnRef
    status: ReturnStatus | None
    refund_minor: int
    refused: str
    message: str


class ReturnBatchOut(Schema):
    """One outcome per return, in order."""

    outcomes: list[ReturnOutcomeOut]


class PieceOut(Schema):
    """Pieces that the inspection found alike."""

    quantity: int
    disposition: Disposition
    lot_id: Annotated[int, PublicId("lot")] | None
    note: str


class ReturnLineOut(Schema):
    """One line of a return; `refund_minor` is 0 until it is accepted."""

    line_id: LineRef
    quantity: int
    amount_minor: int
    restock_quantity: int
    scrap_quantity: int
    refund_minor: int
    of_quantity: int
    of_minor: int
    sku_id: Annotated[int, PublicId("sku")]
    quarantine_quantity: int
    granted_minor: int | None
    deducted_minor: int
    deduction_reason: str
    carried_minor: int
    exchange_sku_id: Annotated[int, PublicId("sku")] | None
    exchange_unit_minor: int | None
    pieces: list[PieceOut]


class AddressOut(Schema):
    """Where the goods are to be sent."""

    name: str
    phone: str
    address: str


class ReturnOut(Schema):
    """A return. Amounts in minor units; `refund_minor` includes `freight_minor`.

    `ruling` says why it was reviewed or not, step by step as "word" or "word:value"; `deadline_ground` is policy, tier, or the
    rule of GET /returns/law. `difference_minor`: what an exchange costs the buyer more, or (negative) gives back.
    """

    return_id: ReturnRef
    order_id: OrderRef
    buyer_id: Annotated[int, PublicId("usr")]
    status: ReturnStatus
    mode: Mode
    fault: Fault
    goodwill: bool
    reason: str
    decision_reason: str
    currency: str
    refund_minor: int
    freight_minor: int
    requested_at: datetime
    decided_at: datetime | None
    received_at: datetime | None
    accepted_at: datetime | None
    refunded_at: datetime | None
    lines: list[ReturnLineOut]
    reason_code: str
    ruling: list[str]
    is_automatic: bool
    deadline_at: datetime | None
    deadline_ground: str
    send_back_by: datetime | None
    address: AddressOut | None
    carrier: str
    tracking_number: str
    sent_at: datetime | None
    hand_back_carrier: str
    hand_back_number: str
    handed_back_at: datetime | None
    replacement_order_id: OrderRef | None
    difference_minor: int
    photo_ids: list[PhotoRef]


class PhotoIn(Schema):
    """A picture as base64, for a request to come, or (with `return_id`) for an open return."""

    content_base64: Annotated[str, Field(min_length=1, max_length=7_000_000, pattern=r"^[A-Za-z0-9+/=]*$")]
    return_id: ReturnRef | None = None


class PhotoOut(Schema):
    """A kept photo; its type is what its bytes say."""

    photo_id: PhotoRef
    return_id: ReturnRef | None
    media_type: str
    size: int


class LeftOut(Schema):
    """What may still go back of one order line."""

    line_id: LineRef
    quantity: int
    amount_minor: int


class ReturnableOut(Schema):
    """What may still go back of an order."""

    order_id: OrderRef
    lines: list[LeftOut]


class ReturnFilters(Schema):
    """Which returns to list."""

    order_id: Annotated[int, PublicId("ord")] | None = None
    status: ReturnStatus | None = None
    cursor: Annotated[str, Field(max_length=500)] | None = None
    limit: int = 50
