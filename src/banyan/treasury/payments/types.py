"""The words of payments. Amounts are integer minor units (fen for CNY); times are aware UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

PaymentId = NewType("PaymentId", int)
RefundId = NewType("RefundId", int)


class PaymentState(StrEnum):
    """pending → captured, or pending → closed. Money that arrives late wins: closed → captured is declared."""

    PENDING = "pending"
    CAPTURED = "captured"
    CLOSED = "closed"


class RefundState(StrEnum):
    """requested → submitting → submitted → completed | failed; `unknown` is asked for under the same number."""

    REQUESTED = "requested"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    UNKNOWN = "unknown"
    COMPLETED = "completed"
    FAILED = "failed"


class CaptureResult(StrEnum):
    """What became of one capture notice. Everything from UNKNOWN_NUMBER on was refused and recorded."""

    CAPTURED = "captured"
    REPEATED = "repeated"
    UNKNOWN_NUMBER = "unknown_number"
    WRONG_AMOUNT = "wrong_amount"
    WRONG_CURRENCY = "wrong_currency"
    WRONG_CHANNEL = "wrong_channel"
    CONTRADICTION = "contradiction"

    @property
    def is_refused(self) -> bool:
        """True when the money of the notice was not booked."""
        return self not in (CaptureResult.CAPTURED, CaptureResult.REPEATED)


class RefundResult(StrEnum):
    """What became of one refund notice. Everything from UNKNOWN_NUMBER on was refused and recorded."""

    COMPLETED = "completed"
    FAILED = "failed"
    REPEATED = "repeated"
    UNKNOWN_NUMBER = "unknown_number"
    WRONG_AMOUNT = "wrong_amount"
    WRONG_CURRENCY = "wrong_currency"
    WRONG_CHANNEL = "wrong_channel"
    CONTRADICTION = "contradiction"

    @property
    def is_refused(self) -> bool:
        """True when the notice changed nothing and must be looked at."""
        return self not in (RefundResult.COMPLETED, RefundResult.FAILED, RefundResult.REPEATED)


class IncidentKind(StrEnum):
    """Why something a channel said was not booked, or must be looked at by a person."""

    UNKNOWN_NUMBER = "unknown_number"
    WRONG_AMOUNT = "wrong_amount"
    WRONG_CURRENCY = "wrong_currency"
    WRONG_CHANNEL = "wrong_channel"
    CONTRADICTION = "contradiction"
    PAID_TWICE = "paid_twice"
    REFUND_FAILED = "refund_failed"
    BAD_SIGNATURE = "bad_signature"
    STALE_TIMESTAMP = "stale_timestamp"
    WRONG_APP = "wrong_app"
    WRONG_MERCHANT = "wrong_merchant"
    MALFORMED = "malformed"
    ADAPTER_DEFECT = "adapter_defect"


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident as it is written: `details` are sorted pairs of plain words, nothing personal."""

    kind: IncidentKind
    channel: str
    number: str = ""
    payment_id: int = 0
    details: tuple[tuple[str, str | int], ...] = ()


# ── what other houses ask for ────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class NewPayment:
    """A wish to be paid for one order through one channel. Asking again for the same order returns the same payment.

    `buyer_id` is the user who may see and open it over HTTP; with 0 only the shop's own people see it.
    """

    order_id: int
    amount_minor: int
    currency: str
    channel: str
    description: str = ""
    expires_at: datetime | None = None
    buyer_id: int = 0


@dataclass(frozen=True, slots=True)
class CaptureNotice:
    """The channel says: this payment was captured. Only an adapter that verified the sender may make one."""

    channel: str
    out_trade_no: str
    transaction_id: str
    amount_minor: int
    currency: str
    captured_at: datetime


@dataclass(frozen=True, slots=True)
class CaptureOutcome:
    """What became of one notice, in the order of the notices."""

    out_trade_no: str
    result: CaptureResult
    payment_id: PaymentId | None = None
    order_id: int | None = None


@dataclass(frozen=True, slots=True)
class NewRefund:
    """A wish to give money back for an order. `key` is unique per tenant; the same key twice is one refund.

    `payment_id` names the payment; without it, the order's earliest captured payment with enough left is taken, but none that
    is extra. `is_extra`: the named payment pays no order (see `PaymentRow.is_extra`), and is marked so for ever.
    """

    order_id: int
    amount_minor: int
    reason: str
    key: str
    payment_id: PaymentId | None = None
    is_extra: bool = False


class RefundNoticeState(StrEnum):
    """How a refund ended at the channel."""

    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RefundNotice:
    """The channel says how a refund ended. `amount_minor` is the refunded amount."""

    channel: str
    out_refund_no: str
    reference: str
    state: RefundNoticeState
    amount_minor: int
    currency: str
    completed_at: datetime
    failure: str = ""


@dataclass(frozen=True, slots=True)
class RefundOutcome:
    """What became of one refund notice, in the order of the notices."""

    out_refund_no: str
    result: RefundResult
    refund_id: RefundId | None = None
    order_id: int | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as it is read."""

    payment_id: PaymentId
    order_id: int
    buyer_id: int
    channel: str
    out_trade_no: str
    transaction_id: str
    description: str
    state: PaymentState
    amount_minor: int
    currency: str
    refund_held_minor: int
    refunded_minor: int
    created_at: datetime
    expires_at: datetime
    captured_at: datetime | None
    is_extra: bool = False

    @property
    def reversible_minor(self) -> int:
        """What may still be given back: captured − refunds already asked for and not failed. Minor units."""
        return self.amount_minor - self.refund_held_minor if self.state is PaymentState.CAPTURED else 0


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund as it is read."""

    refund_id: RefundId
    payment_id: PaymentId
    order_id: int
    channel: str
    out_refund_no: str
    reference: str
    state: RefundState
    amount_minor: int
    currency: str
    reason: str
    key: str
    attempt_count: int
    failure: str
    requested_at: datetime
    completed_at: datetime | None


# ── how a call to a channel can end badly ────────────────────────────────────────────────────────────


class ChannelError(Exception):
    """The channel refused, or was certainly not reached. `permanent`: trying again unchanged cannot succeed.
    `code` is the channel's own. The message holds no secret and no personal details."""

    def __init__(self, message: str, permanent: bool, code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.permanent = permanent
        self.code = code


class ChannelUnknown(Exception):
    """Nobody knows whether the channel did it (time-out, 5xx, unverifiable answer). Ask by our own number."""


class ChannelRejected(Exception):
    """A notice that does not prove its sender or is not for us. `code` is one of: bad_signature, stale_timestamp,
    wrong_app, wrong_merchant, malformed."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


# ── what passes through the channel port ─────────────────────────────────────────────────────────────


class ChannelPaymentState(StrEnum):
    """A payment as the channel sees it; `not_found` means that the channel never heard of the number."""

    PENDING = "pending"
    CAPTURED = "captured"
    CLOSED = "closed"
    NOT_FOUND = "not_found"


class ChannelRefundState(StrEnum):
    """A refund as the channel sees it; `not_found` means that the channel never heard of the number."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """What a channel needs to open a payment. `out_trade_no`: ours, 32 characters [0-9a-f]. `payer`: the channel's own
    id of the payer (an openid; may be empty when the way of paying needs none), never stored by us."""

    out_trade_no: str
    amount_minor: int
    currency: str
    description: str
    notify_url: str
    expires_at: datetime
    payer: str = ""


@dataclass(frozen=True, slots=True)
class ClientParameters:
    """What the shop's client hands to the channel's software so that the buyer can pay (already signed)."""

    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChannelPayment:
    """The channel's answer about one payment. The last four are set when it is captured."""

    out_trade_no: str
    state: ChannelPaymentState
    transaction_id: str = ""
    amount_minor: int = 0
    currency: str = ""
    captured_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """What a channel needs to refund. `out_refund_no`: ours, 32 characters; the same one on every try."""

    out_refund_no: str
    out_trade_no: str
    transaction_id: str
    amount_minor: int
    captured_minor: int
    currency: str
    reason: str
    notify_url: str


@dataclass(frozen=True, slots=True)
class ChannelRefund:
    """The channel's answer about one refund."""

    out_refund_no: str
    state: ChannelRefundState
    reference: str = ""
    amount_minor: int = 0
    currency: str = ""
    completed_at: datetime | None = None
    failure: str = ""
