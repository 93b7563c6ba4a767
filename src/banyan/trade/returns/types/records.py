"""The words of returns: what a buyer may ask back, and where such a request stands.

Amounts are integer minor units of the order's currency; quantities are whole units; instants are aware UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

from banyan.goods.inventory.types import Disposition
from banyan.kernel.values.errors import Refusal
from banyan.trade.returns.types.terms import Address

ReturnId = NewType("ReturnId", int)


class Mode(StrEnum):
    """How the return is made good."""

    GOODS_BACK = "goods_back"  # shipped goods come back and are inspected first
    UNSHIPPED = "unshipped"  # paid goods that never left the warehouse: the reservation is released
    REFUND_ONLY = "refund_only"  # an amount goes back, the goods stay with the buyer
    EXCHANGE = "exchange"  # goods come back, others go out; a difference of price is collected or refunded
    DAMAGE_CLAIM = "damage_claim"  # compensation for damage shown in photos; the goods stay with the buyer

    @property
    def wants_goods(self) -> bool:
        """Whether the buyer sends goods back before anything is made good."""
        return self in (Mode.GOODS_BACK, Mode.EXCHANGE)

    @property
    def is_by_amount(self) -> bool:
        """Whether an amount is asked for instead of pieces."""
        return self in (Mode.REFUND_ONLY, Mode.DAMAGE_CLAIM)


class Fault(StrEnum):
    """Whose fault the return is; decides about freight, never about the goods."""

    BUYER = "buyer"
    MERCHANT = "merchant"


class ReturnStatus(StrEnum):
    """requested → approved (→ sent) → received → accepted → refunded | refund_failed (→ accepted again) | exchanged;
    or rejected, withdrawn, expired."""

    REQUESTED = "requested"
    APPROVED = "approved"
    SENT = "sent"  # the buyer named a parcel; the goods are on their way back
    RECEIVED = "received"
    ACCEPTED = "accepted"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"  # the channel would not give the money back; it can be asked for again
    EXCHANGED = "exchanged"  # the replacement is ordered and nothing is to be refunded
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"  # approved, but the goods were not sent in time


REFUND_KEY = "return/"


def refund_key(return_id: int, attempt: int, other_order_id: int | None = None) -> str:
    """What a return's refund is asked for under; each attempt is a refund of its own.

    `other_order_id` where the money lies with another order's payment: goods of an exchange that come back.
    """
    if other_order_id is not None:
        return f"{REFUND_KEY}{return_id}/{attempt}/{other_order_id}"
    return f"{REFUND_KEY}{return_id}" if attempt == 1 else f"{REFUND_KEY}{return_id}/{attempt}"


OPEN_STATUSES = (ReturnStatus.REQUESTED, ReturnStatus.APPROVED, ReturnStatus.SENT, ReturnStatus.RECEIVED)
"""A return in one of these may still take money back, so commission on its order stays on hold."""
AWAITED_STATUSES = (ReturnStatus.APPROVED, ReturnStatus.SENT)
"""Goods of a return in one of these may arrive."""
CLOSED_STATUSES = (ReturnStatus.REJECTED, ReturnStatus.WITHDRAWN, ReturnStatus.EXPIRED)
"""A return in one of these claims no units."""


@dataclass(frozen=True)
class LineClaim:
    """One line of a request: `quantity` units, or (refund only, damage claim) `amount_minor` with quantity 0.

    `exchange_sku_id`: what is wanted for the units (exchange only); None is the same SKU again, at the same price.
    """

    line_id: int
    quantity: int
    amount_minor: int = 0
    exchange_sku_id: int | None = None


@dataclass(frozen=True)
class RequestReturn:
    """A buyer's (or, for them, an operator's) request. `key` is unique per tenant: the same key returns the same return.

    `goodwill` lets an operator pass the deadline and a closed order; it needs a reason like every other request.
    """

    order_id: int
    lines: tuple[LineClaim, ...]
    mode: Mode
    reason: str
    key: str
    requested_by: int
    requested_at: datetime
    fault: Fault = Fault.BUYER
    goodwill: bool = False
    reason_code: str = ""
    """An entry of the tenant's catalogue; it decides whose fault it is and whether photos are needed."""
    photo_ids: tuple[int, ...] = ()
    """Photos that the asker uploaded before."""


@dataclass(frozen=True)
class ReturnOutcome:
    """What a batch command did for one return: where it stands now, or why not. In the order of the batch."""

    return_id: ReturnId | None
    status: ReturnStatus | None = None
    refund_minor: int = 0  # freight included; 0 until accepted
    refusal: Refusal | None = None
    repeated: bool = False  # the request's key was known, this is the return of then


@dataclass(frozen=True)
class Rejection:
    """A decision against a return; `reason` is shown to the buyer."""

    return_id: ReturnId
    reason: str


@dataclass(frozen=True)
class PieceGroup:
    """Pieces of one line that were found alike. `lot_id` None: the lots that the order was shipped from."""

    quantity: int
    disposition: Disposition
    lot_id: int | None = None
    note: str = ""


@dataclass(frozen=True)
class LineInspection:
    """What the warehouse found for one line: all pieces together must equal the quantity that the return claims.

    Plain counts, or `pieces` group by group; not both. `deducted_minor` is kept of the refund, because the buyer damaged the
    goods, and needs a `deduction_reason` that the buyer is shown.
    """

    line_id: int
    restock_quantity: int = 0
    scrap_quantity: int = 0
    quarantine_quantity: int = 0
    pieces: tuple[PieceGroup, ...] = ()
    deducted_minor: int = 0
    deduction_reason: str = ""

    @property
    def groups(self) -> tuple[PieceGroup, ...]:
        """The pieces as groups, however they were told."""
        counts = {
            Disposition.RESTOCK: self.restock_quantity,
            Disposition.QUARANTINE: self.quarantine_quantity,
            Disposition.SCRAP: self.scrap_quantity,
        }
        return self.pieces or tuple(PieceGroup(count, word) for word, count in counts.items() if count)

    def count(self, disposition: Disposition) -> int:
        """Pieces that were found to be this."""
        return sum(group.quantity for group in self.groups if group.disposition is disposition)


@dataclass(frozen=True)
class GoodsReceipt:
    """Goods of one return, received and inspected."""

    return_id: ReturnId
    inspections: tuple[LineInspection, ...]
    received_by: int
    warehouse_id: int | None = None


@dataclass(frozen=True)
class LineState:
    """What an order line was sold for (frozen) and what already went back of it (accepted returns only).

    `of_minor` is what was paid for the line, money that came with an exchange included. What an exchange carried on, and what
    was kept for damage, counts as gone, like a refund.
    """

    line_id: int
    of_quantity: int
    of_minor: int
    returned_quantity: int = 0
    refunded_minor: int = 0


@dataclass(frozen=True)
class LineRefund:
    """The decided refund of one line, and the frozen amounts that it is a part of."""

    line_id: int
    quantity: int
    refund_minor: int
    of_quantity: int
    of_minor: int
    deducted_minor: int = 0
    carried_minor: int = 0

    @property
    def gone_minor(self) -> int:
        """What the line is worth less after this: refund, deduction and what is carried on to a replacement."""
        return self.refund_minor + self.deducted_minor + self.carried_minor


@dataclass(frozen=True)
class OrderState:
    """An order as the refund engine sees it: every line, the freight paid and the freight refunded so far."""

    lines: tuple[LineState, ...]
    freight_minor: int = 0
    freight_refunded_minor: int = 0


@dataclass(frozen=True)
class RefundDecision:
    """The whole refund of one return."""

    lines: tuple[LineRefund, ...]
    freight_minor: int

    @property
    def total_minor(self) -> int:
        return self.freight_minor + sum(line.refund_minor for line in self.lines)


@dataclass(frozen=True)
class Money:
    """Where money of an order line lies: the line itself, or the line that an exchange carried it on from."""

    order_id: int
    line_id: int
    left_minor: int


@dataclass(frozen=True)
class Draw:
    """What is taken from one of a line's moneys: given back, kept for damage, or carried on to a replacement."""

    order_id: int
    line_id: int
    refund_minor: int = 0
    deducted_minor: int = 0
    carried_minor: int = 0


@dataclass(frozen=True)
class Parcel:
    """Goods on their way back, as the buyer (or, for rejected goods, the shop) says."""

    return_id: ReturnId
    carrier: str
    tracking_number: str


@dataclass(frozen=True)
class Grant:
    """How much of what was asked for a line by amount is granted; at most the asked amount."""

    line_id: int
    amount_minor: int


@dataclass(frozen=True)
class ReturnLine:
    """One line of a return as others read it; `refund_minor` is 0 until the return is accepted."""

    line_id: int
    quantity: int
    amount_minor: int
    restock_quantity: int
    scrap_quantity: int
    refund_minor: int
    of_quantity: int
    of_minor: int
    sku_id: int = 0
    quarantine_quantity: int = 0
    granted_minor: int | None = None
    deducted_minor: int = 0
    deduction_reason: str = ""
    carried_minor: int = 0
    exchange_sku_id: int | None = None
    exchange_unit_minor: int | None = None
    pieces: tuple[PieceGroup, ...] = ()


@dataclass(frozen=True)
class Photo:
    """An uploaded photo. `return_id` None: not attached yet."""

    photo_id: int
    return_id: int | None
    media_type: str
    size: int
    digest: str
    uploaded_by: int
    uploaded_at: datetime


@dataclass(frozen=True)
class RefundPart:
    """One of a return's refunds: the part that goes back to one order's payment, and how that ended."""

    order_id: int
    payment_id: int | None
    amount_minor: int
    attempt: int
    key: str
    ended_at: datetime | None
    completed: bool | None


@dataclass(frozen=True)
class Return:
    """A return as others read it."""

    return_id: ReturnId
    order_id: int
    buyer_id: int
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
    lines: tuple[ReturnLine, ...] = field(default_factory=tuple)
    reason_code: str = ""
    ruling: tuple[str, ...] = ()
    """Why it was reviewed or not: codes of engine.review with their values, in order."""
    is_automatic: bool = False
    deadline_at: datetime | None = None
    deadline_ground: str = ""
    send_back_by: datetime | None = None
    address: Address | None = None
    carrier: str = ""
    tracking_number: str = ""
    sent_at: datetime | None = None
    hand_back_carrier: str = ""
    hand_back_number: str = ""
    handed_back_at: datetime | None = None
    replacement_order_id: int | None = None
    difference_minor: int = 0
    """Exchange: what the replacement costs more (the buyer pays it) or less (it is refunded)."""
    photo_ids: tuple[int, ...] = ()
