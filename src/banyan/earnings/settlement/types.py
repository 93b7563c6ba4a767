"""The words of settlement.

Amounts are integer minor units; a statement line's amount is signed (a commission adds, a reversal takes). Instants are
aware UTC; periods are half-open: `start_at` belongs to the period, `end_at` to the next one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

PolicyId = NewType("PolicyId", int)
StatementId = NewType("StatementId", int)


class Cycle(StrEnum):
    """How often a distributor is settled, counted in the tenant's time zone."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Lane(StrEnum):
    """Whether a person looks at a statement before it is paid."""

    AUTOMATIC = "automatic"
    REVIEWED = "reviewed"


class Scope(StrEnum):
    """Whom a policy is for; the narrowest one that exists decides."""

    DISTRIBUTOR = "distributor"
    TIER = "tier"
    TENANT = "tenant"


class SourceKind(StrEnum):
    """What a statement line stands for; with its source id it is unique, so nothing is settled twice."""

    COMMISSION_RELEASED = "commission_released"
    COMMISSION_REVERSED = "commission_reversed"  # reversed after its release
    CARRIED = "carried"  # the amount of an earlier statement that was not paid: below minimum, or a debt
    RETURNED = "returned"  # the amount of an earlier statement whose payout came back


class StatementStatus(StrEnum):
    """Where a statement stands; the README has the diagram."""

    UNDER_REVIEW = "under_review"
    AWAITING_SECOND = "awaiting_second"  # one person approved, four eyes are asked for
    HELD = "held"
    APPROVED = "approved"  # booked to payable; the payout is not asked for yet
    PAYING = "paying"
    PAID = "paid"
    PAYOUT_FAILED = "payout_failed"
    REJECTED = "rejected"  # its lines may be settled again
    CARRIED = "carried"  # nothing was paid; the amount goes into the next statement
    RETURNED = "returned"  # the payout came back for good; the amount goes into the next statement


OPEN_STATUSES = (StatementStatus.UNDER_REVIEW, StatementStatus.AWAITING_SECOND, StatementStatus.HELD)
"""Statements that wait for a person; their amount is still the distributor's available balance."""


class Decision(StrEnum):
    """What a reviewer may decide."""

    APPROVE = "approve"
    HOLD = "hold"
    RESUME = "resume"
    REJECT = "reject"


class CarryReason(StrEnum):
    """Why a statement was not paid but carried into the next one."""

    BELOW_MINIMUM = "below_minimum"
    NEGATIVE = "negative"
    NOTHING_DUE = "nothing_due"


class WaitReason(StrEnum):
    """Why a distributor has not received money yet."""

    HOLDING_PERIOD = "holding_period"  # commission is pending until its release date
    AWAITING_RECEIPT = "awaiting_receipt"  # the buyer has not received the goods, so the holding period has not begun
    PERIOD_RUNNING = "period_running"  # released, the settlement period has not ended
    BELOW_MINIMUM = "below_minimum"
    DEBT = "debt"  # reversals exceed what was earned since
    FROZEN = "frozen"
    UNDER_REVIEW = "under_review"
    HELD = "held"
    NO_ACCOUNT = "no_account"  # nowhere to pay to
    BEING_PAID = "being_paid"
    PAYOUT_FAILED = "payout_failed"
    NO_POLICY = "no_policy"


@dataclass(frozen=True)
class Period:
    """A half-open settlement period in UTC."""

    start_at: datetime
    end_at: datetime


@dataclass(frozen=True)
class Rhythm:
    """When periods begin: at local midnight of every day, of `weekday` (0 = Monday), or of `month_day` (1–31; a month
    that is too short begins its period on its final day)."""

    cycle: Cycle
    weekday: int = 0
    month_day: int = 1


@dataclass(frozen=True)
class PolicyTerms:
    """What a policy says. A threshold of None never applies; at or above it does.

    `minimum_minor`: a statement below it is carried over. `review_minor`: also an automatic statement is reviewed.
    `four_eyes_minor`: two different persons must approve. `attempt_count`: payouts tried by itself before a person must.
    """

    rhythm: Rhythm
    lane: Lane = Lane.REVIEWED
    minimum_minor: int = 1
    review_minor: int | None = None
    four_eyes_minor: int | None = None
    channel: str = "wechat_pay"
    attempt_count: int = 3


@dataclass(frozen=True)
class NewPolicy:
    """A policy to open. `subject` is the distributor id or the tier's name; empty for the tenant's default. It replaces
    the policy that was open for the same subject; statements keep the policy that they were opened under."""

    scope: Scope
    subject: str
    terms: PolicyTerms
    opened_by: int


@dataclass(frozen=True)
class Policy:
    """An opened policy."""

    policy_id: PolicyId
    scope: Scope
    subject: str
    terms: PolicyTerms
    opened_by: int
    opened_at: datetime
    retired_at: datetime | None = None


@dataclass(frozen=True)
class Item:
    """Something to settle: one signed amount with its source, not yet in any standing statement."""

    item_id: int
    source_kind: SourceKind
    source_id: int
    amount_minor: int
    occurred_at: datetime
    cause_id: int = 0  # the commission that a reversal belongs to; the statement that a carried amount comes from


@dataclass(frozen=True)
class NewItem:
    """An amount that is now to be settled: positive for a released commission, negative for a reversal after release.
    (`source_kind`, `source_id`) is unique: the same source again changes nothing."""

    distributor_id: int
    currency: str
    source_kind: SourceKind
    source_id: int
    amount_minor: int
    occurred_at: datetime
    cause_id: int = 0


@dataclass(frozen=True, slots=True)
class PayoutEnd:
    """How one payout ended: paid at an instant, or (None) unpaid with the reason. `may_retry`: may be paid again by itself."""

    payout_id: int
    paid_at: datetime | None
    reason: str = ""
    may_retry: bool = False


@dataclass(frozen=True)
class Draft:
    """What the engine decided about one distributor and period."""

    items: tuple[Item, ...]
    amount_minor: int
    status: StatementStatus
    reason: str  # a CarryReason, or why it is held, or empty


@dataclass(frozen=True)
class StatementLine:
    """One line of a statement, as it is read."""

    line_id: int
    source_kind: SourceKind
    source_id: int
    cause_id: int
    amount_minor: int
    occurred_at: datetime
    stands: bool = True  # False once its statement was rejected


@dataclass(frozen=True)
class Decided:
    """One decision as it was taken."""

    decision: Decision
    status: StatementStatus
    amount_minor: int
    reviewer_id: int
    reason: str
    decided_at: datetime


@dataclass(frozen=True)
class Statement:
    """A statement as it is read. `lines` is filled by `get_statement` only."""

    statement_id: StatementId
    distributor_id: int
    policy_id: PolicyId
    period: Period
    currency: str
    amount_minor: int
    line_count: int
    status: StatementStatus
    reason: str
    tier: str
    opened_at: datetime
    first_approver_id: int | None
    approver_id: int | None
    approved_at: datetime | None
    paid_at: datetime | None
    payout_id: int | None
    attempt: int
    lines: tuple[StatementLine, ...] = ()


@dataclass(frozen=True)
class ReviewRequest:
    """One decision of one person about one statement. `reason` is demanded for hold and reject."""

    statement_id: StatementId
    decision: Decision
    reviewer_id: int
    reason: str = ""
    expected_minor: int | None = None  # refuse when the amount is no longer what the reviewer saw


@dataclass(frozen=True)
class ReviewOutcome:
    """What became of one decision: the new status, or the code and message of the refusal."""

    statement_id: StatementId
    status: StatementStatus | None
    refused: str = ""
    message: str = ""


@dataclass(frozen=True)
class PayeeAccount:
    """Where a distributor is paid: the channel's own id of the person (an openid), encrypted at rest."""

    distributor_id: int
    channel: str
    account: str
    account_name: str = ""


@dataclass(frozen=True)
class Waiting:
    """One answer to "why not yet": an amount, the reason and, where it is known, the date it ends."""

    reason: WaitReason
    amount_minor: int
    until: datetime | None = None
    reference_id: int | None = None
