"""The words of returns: what a buyer may ask back, and where such a request stands.

Amounts are integer minor units of the order's currency; quantities are whole units; instants are aware UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

from banyan.kernel.values.errors import Refusal

ReturnId = NewType("ReturnId", int)


class Mode(StrEnum):
    """How the refund comes about."""

    GOODS_BACK = "goods_back"  # shipped goods come back and are inspected first
    UNSHIPPED = "unshipped"  # paid goods that never left the warehouse: the reservation is released
    REFUND_ONLY = "refund_only"  # an amount goes back, the goods stay with the buyer


class Fault(StrEnum):
    """Whose fault the return is; decides about freight, never about the goods."""

    BUYER = "buyer"
    MERCHANT = "merchant"


class FreightRule(StrEnum):
    """When the freight that the buyer paid goes back."""

    LATEST_GOODS_OR_MERCHANT_FAULT = "latest_goods_or_merchant_fault"
    LATEST_GOODS = "latest_goods"  # only with the goods that complete the return of the whole order
    MERCHANT_FAULT = "merchant_fault"
    NEVER = "never"


class ReturnStatus(StrEnum):
    """requested → approved → received → accepted → refunded | refund_failed (→ accepted again); or rejected, withdrawn."""

    REQUESTED = "requested"
    APPROVED = "approved"
    RECEIVED = "received"
    ACCEPTED = "accepted"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"  # the channel would not give the money back; it can be asked for again
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


REFUND_KEY = "return/"


def refund_key(return_id: int, attempt: int) -> str:
    """What a return's refund is asked for under; each attempt is a refund of its own."""
    return f"{REFUND_KEY}{return_id}" if attempt == 1 else f"{REFUND_KEY}{return_id}/{attempt}"


OPEN_STATUSES = (ReturnStatus.REQUESTED, ReturnStatus.APPROVED, ReturnStatus.RECEIVED)
"""A return in one of these may still take money back, so commission on its order stays on hold."""


class Disposition(StrEnum):
    """What the warehouse does with a unit that came back."""

    RESTOCK = "restock"
    SCRAP = "scrap"


@dataclass(frozen=True)
class ReturnPolicy:
    """A tenant's terms. `days_after_receipt` counts 24-hour days from the instant of receipt."""

    days_after_receipt: int = 7
    freight_rule: FreightRule = FreightRule.LATEST_GOODS_OR_MERCHANT_FAULT


@dataclass(frozen=True)
class LineClaim:
    """One line of a request: `quantity` units, or (refund only) `amount_minor` with quantity 0."""

    line_id: int
    quantity: int
    amount_minor: int = 0


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
class LineInspection:
    """What the warehouse found for one line: restock + scrap must equal the quantity that the return claims."""

    line_id: int
    restock_quantity: int
    scrap_quantity: int = 0


@dataclass(frozen=True)
class GoodsReceipt:
    """Goods of one return, received and inspected."""

    return_id: ReturnId
    inspections: tuple[LineInspection, ...]
    received_by: int
    warehouse_id: int | None = None


@dataclass(frozen=True)
class LineState:
    """What an order line was sold for (frozen) and what already went back of it (accepted returns only)."""

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
