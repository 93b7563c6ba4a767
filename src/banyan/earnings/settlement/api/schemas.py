"""What settlement takes and gives over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from ninja import Field, Schema

from banyan.earnings.settlement.types import Cycle, Decision, Lane, Scope, SourceKind, StatementStatus, WaitReason
from banyan.kernel.http import PublicId

BATCH_MAX = 5000
Text = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]
Amount = Annotated[int, Field(ge=0, le=10**15)]
StatementRef = Annotated[int, PublicId("stm")]
DistributorRef = Annotated[int, PublicId("dst")]
PolicyRef = Annotated[int, PublicId("spo")]
UserRef = Annotated[int, PublicId("usr")]


class PolicyIn(Schema):
    """A policy to open. `subject`: a distributor id, a tier's name, or empty for the shop. Amounts in minor units."""

    scope: Scope
    subject: Annotated[str, Field(max_length=40, pattern=r"^[^\x00]*$")] = ""
    cycle: Cycle
    weekday: Annotated[int, Field(ge=0, le=6)] = 0
    month_day: Annotated[int, Field(ge=1, le=31)] = 1
    lane: Lane
    minimum_minor: Annotated[int, Field(ge=1, le=10**15)] = 1
    review_minor: Amount | None = None
    four_eyes_minor: Amount | None = None
    channel: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,29}$")] = "wechat_pay"
    attempt_count: Annotated[int, Field(ge=1, le=20)] = 3


class PolicyOut(Schema):
    """A policy; retired ones stay readable."""

    policy_id: PolicyRef
    scope: Scope
    subject: str
    cycle: Cycle
    weekday: int
    month_day: int
    lane: Lane
    minimum_minor: int
    review_minor: int | None
    four_eyes_minor: int | None
    channel: str
    attempt_count: int
    opened_by: UserRef
    opened_at: datetime
    retired_at: datetime | None


class StatementOut(Schema):
    """A statement. Period half-open in UTC, amount in minor units; `reason` says why it is carried, held or unpaid."""

    statement_id: StatementRef
    distributor_id: DistributorRef
    policy_id: PolicyRef
    period_from: datetime
    period_to: datetime
    currency: str
    amount_minor: int
    line_count: int
    status: StatementStatus
    reason: str
    tier: str
    opened_at: datetime
    approved_at: datetime | None
    paid_at: datetime | None
    payout_id: Annotated[int, PublicId("pyo")] | None
    attempt: int


class StatementLineOut(Schema):
    """One line. `source` is the commission, reversal or earlier statement it stands for, `cause` what that belongs to."""

    line_id: Annotated[int, PublicId("stl")]
    source_kind: SourceKind
    source: str
    cause: str | None
    amount_minor: int
    occurred_at: datetime
    stands: bool


class ReviewIn(Schema):
    """A decision. `expected_minor` refuses when the amount is no longer what you saw."""

    decision: Decision
    reason: Text = ""
    expected_minor: Annotated[int, Field(ge=-(10**15), le=10**15)] | None = None


class NamedReviewIn(ReviewIn):
    """A decision about one statement of a batch."""

    statement_id: StatementRef


class ReviewBatchIn(Schema):
    """Decisions about up to 5,000 statements."""

    reviews: Annotated[list[NamedReviewIn], Field(min_length=1, max_length=BATCH_MAX)]


class ReviewOutcomeOut(Schema):
    """What became of one decision: the new status, or the code of the refusal."""

    statement_id: StatementRef
    status: StatementStatus | None
    refused: str
    message: str


class ReviewBatchOut(Schema):
    """One outcome per decision, in order."""

    outcomes: list[ReviewOutcomeOut]


class ReviewReasonIn(Schema):
    """Why."""

    reason: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]


class AccountIn(Schema):
    """Where to be paid: the channel's own id of the person. It is stored sealed and never shown again."""

    channel: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,29}$")] = "wechat_pay"
    account: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[!-~]+$")]
    account_name: Annotated[str, Field(max_length=80, pattern=r"^[^\x00]*$")] = ""


class PayeeAccountOut(Schema):
    """That an account is known for a channel."""

    channel: str
    known: bool


class WaitingOut(Schema):
    """An amount not received yet, why, and until when where that is known."""

    reason: WaitReason
    amount_minor: int
    until: datetime | None
    statement_id: StatementRef | None


class WaitingList(Schema):
    """All answers to "why not yet"."""

    items: list[WaitingOut]


class StatementFilters(Schema):
    """Which statements to list."""

    status: StatementStatus | None = None
    distributor_id: DistributorRef | None = None
    cursor: Annotated[str, Field(max_length=500)] | None = None
    limit: int = 50


class Paging(Schema):
    """Where to go on."""

    cursor: Annotated[str, Field(max_length=500)] | None = None
    limit: int = 50
