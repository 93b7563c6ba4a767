"""The words of payouts. Amounts are integer minor units (fen for CNY); times are aware UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

PayoutId = NewType("PayoutId", int)


class PayoutState(StrEnum):
    """requested → submitting → (processing | awaiting_confirmation) → completed | failed | expired | cancelled;
    `unknown`: the call ended unclear, we ask by our own number; `returned`: sent back after it was completed."""

    REQUESTED = "requested"
    SUBMITTING = "submitting"
    PROCESSING = "processing"
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    UNKNOWN = "unknown"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    RETURNED = "returned"


class ChannelPayoutState(StrEnum):
    """A payout as the channel sees it. `not_found`: the channel never heard of the number. `expired`: the receiver did
    not confirm in time (WeChat: 24 hours). `returned`: it was paid and came back."""

    PROCESSING = "processing"
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    RETURNED = "returned"
    NOT_FOUND = "not_found"


class RecordResult(StrEnum):
    """What became of one payout notice. UNKNOWN_NUMBER, WRONG_AMOUNT and CONTRADICTION were refused and recorded."""

    RECORDED = "recorded"
    REPEATED = "repeated"
    OUTDATED = "outdated"
    UNKNOWN_NUMBER = "unknown_number"
    WRONG_AMOUNT = "wrong_amount"
    CONTRADICTION = "contradiction"


@dataclass(frozen=True, slots=True)
class NewPayout:
    """A decision to pay a distributor. The amount moves from payable to payout_clearing at once, so it cannot be promised
    twice. `account` is the channel's own id of the receiver (an openid), `account_name` the real name where the channel
    asks for one; `key` is unique per tenant: the same key twice is one payout."""

    distributor_id: int
    amount_minor: int
    currency: str
    channel: str
    account: str
    statement_id: int
    key: str
    account_name: str = ""


@dataclass(frozen=True, slots=True)
class Payout:
    """A payout as it is read. `account` is not shown here: it is personal."""

    payout_id: PayoutId
    distributor_id: int
    statement_id: int
    channel: str
    out_bill_no: str
    reference: str
    state: PayoutState
    amount_minor: int
    currency: str
    key: str
    attempt_count: int
    failure_code: str
    failure: str
    held_reason: str
    requested_at: datetime
    submitted_at: datetime | None
    confirm_by: datetime | None
    ended_at: datetime | None


# ── what passes through the channel port ─────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class PayoutOrder:
    """What a channel needs to pay somebody. `out_bill_no`: ours, 32 characters [0-9a-f], the same one on every try."""

    out_bill_no: str
    amount_minor: int
    currency: str
    account: str
    account_name: str
    description: str
    notify_url: str


@dataclass(frozen=True, slots=True)
class ChannelPayout:
    """The channel's answer about one payout. `confirm_package` is what the receiver's client needs to confirm."""

    out_bill_no: str
    state: ChannelPayoutState
    reference: str = ""
    amount_minor: int = 0
    confirm_package: str | None = None
    failure_code: str = ""
    failure: str = ""
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PayoutNotice:
    """The channel says where a payout stands. Only an adapter that verified the sender may make one."""

    channel: str
    out_bill_no: str
    state: ChannelPayoutState
    reference: str
    amount_minor: int
    currency: str
    occurred_at: datetime
    failure_code: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class RecordOutcome:
    """What became of one notice, in the order of the notices."""

    out_bill_no: str
    result: RecordResult
    payout_id: PayoutId | None = None
    state: PayoutState | None = None


@dataclass(frozen=True, slots=True)
class SubmitReport:
    """What one call of submit_due did, counted in payouts."""

    submitted: int = 0
    failed: int = 0
    unknown: int = 0
    held_back: int = 0

    @property
    def total(self) -> int:
        """Payouts that were dealt with; 0 means that nothing was due."""
        return self.submitted + self.failed + self.unknown + self.held_back
