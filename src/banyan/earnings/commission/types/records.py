"""What is kept: plans and their versions, commissions, reversals, holds, and the explanation that joins them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, NewType

from banyan.earnings.commission.types.decision import ClosingCut, CommissionKind, LegalCheck, Member, Skipped, Trace
from banyan.earnings.commission.types.plan import PlanId, PlanVersionId
from banyan.trade.attribution.types import Arrival

CommissionId = NewType("CommissionId", int)
ReversalId = NewType("ReversalId", int)


PERIOD_REWARDS = frozenset({CommissionKind.BONUS, CommissionKind.POOL})
PartnerId = NewType("PartnerId", int)
ClosingId = NewType("ClosingId", int)


@dataclass(frozen=True, slots=True)
class RegionalPartner:
    """Who holds a region, half-open [valid_from, valid_to)."""

    partner_id: PartnerId
    region_code: str
    distributor_id: int
    valid_from: datetime
    valid_to: datetime | None


@dataclass(frozen=True, slots=True)
class Closing:
    """A period closed for one plan version. `reward_minor`: what its period rules pay; `raised_minor`, `lowered_minor`: by how
    much orders' commission went up and down. Not `is_final`: the period ran on, and its rewards are provided up to `end_at`."""

    closing_id: ClosingId
    plan_version_id: PlanVersionId
    period: str
    start_at: datetime
    end_at: datetime
    closed_at: datetime
    currency: str
    order_count: int
    reward_minor: int
    raised_minor: int
    lowered_minor: int
    is_final: bool


class AdjustedOrder(NamedTuple):
    """By how much a close raised and lowered one order's commission, before returns."""

    order_id: int
    raised_minor: int
    lowered_minor: int


@dataclass(frozen=True, slots=True)
class ClosingRule:
    """One period rule at a closing. `measure`: what members are paid on, or what the pool is shared by (`personal_sales`,
    `team_sales`, `tier`, `equal`); `pot_minor` is left of `pot_before_minor` after caps, None where the rule has no pot;
    `weight` is the sum over those who share it."""

    rule_key: str
    title: str
    kind: CommissionKind
    measure: str
    turnover_minor: int
    pot_before_minor: int | None
    pot_minor: int | None
    weight: int
    payee_count: int
    amount_minor: int


class ClosingReward(NamedTuple):
    """What one rule pays one payee with a closing. `sales_minor` as the rule's measure counts them, None where it asks for
    none; `commission_id`: the latest row that it was booked with."""

    rule_key: str
    payee_id: int
    kind: CommissionKind
    sales_minor: int | None
    rate_bp: int
    weight: int
    amount_minor: int
    commission_id: CommissionId | None


@dataclass(frozen=True, slots=True)
class ClosingAccount:
    """One closing with what it was decided from and what it decided. `accrued_minor`: what the period's orders pay without it;
    ceilings are of the whole period, None where there is none. `agrees`: decided again it gives what is booked. `adjusted`
    names the orders that changed most."""

    closing: Closing
    version: PlanVersion
    others: tuple[Closing, ...]
    base_minor: int
    accrued_minor: int
    plan_ceiling_minor: int
    legal_ceiling_minor: int | None
    margin_ceiling_minor: int | None
    budget_left_minor: int | None
    member_count: int
    rules: tuple[ClosingRule, ...]
    rewards: tuple[ClosingReward, ...]
    cuts: tuple[ClosingCut, ...]
    skipped: tuple[Skipped, ...]
    adjusted: tuple[AdjustedOrder, ...]
    agrees: bool


class VersionStatus(StrEnum):
    """draft → published → superseded | retired | suspended (by the law).

    Only a draft can be changed; the others are in force for their dates.
    """

    DRAFT = "draft"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"
    RETIRED = "retired"
    SUSPENDED = "suspended"


class Cause(StrEnum):
    """What takes commission back."""

    RETURN = "return"
    TRUE_UP = "true_up"  # a period closed: what was accrued before was too much


class Hold(StrEnum):
    """Where an order's commission stands on its way to the payee."""

    PROVISIONAL = "provisional"  # a period's reward, while the period runs
    AWAITING_RECEIPT = "awaiting_receipt"
    HOLDING_PERIOD = "holding_period"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class DraftPlan:
    """A plan to draft. `plan_id` None starts a new plan called `name`, else this is that plan's next version."""

    document: Any
    drafted_by: str = ""
    name: str = ""
    plan_id: PlanId | None = None


@dataclass(frozen=True, slots=True)
class PlanVersion:
    """One version as it is read. Half-open [effective_from, effective_to) for every status but draft."""

    version_id: PlanVersionId
    plan_id: PlanId
    name: str
    number: int
    title: str
    status: VersionStatus
    document: dict[str, Any]
    effective_from: datetime | None
    effective_to: datetime | None
    drafted_at: datetime
    drafted_by: str
    published_at: datetime | None
    published_by: str
    rule_set: str
    upline_depth_paid: int | None
    total_rate_bp: int | None
    ended_reason: str
    approved_by: str = ""
    """Who approved exactly this document, if a second person has."""
    approved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Suspension:
    """A version that the law stopped. `variant_id`: the nearest lawful variant, drafted for somebody to approve."""

    suspension_id: int
    version_id: PlanVersionId
    plan_name: str
    number: int
    suspended_from: datetime
    noted_at: datetime
    law_update_id: int
    rule_set: str
    broken: tuple[BrokenClause, ...]
    variant_id: PlanVersionId | None
    told_count: int


@dataclass(frozen=True, slots=True)
class BrokenClause:
    """One clause of the law that a plan breaks, as compliance names it."""

    clause: str
    law: str
    article: str
    fact_id: str
    message: str
    message_zh: str


@dataclass(frozen=True, slots=True)
class PlanReport:
    """What a document would mean: its faults, or its worst case and what the law says about it at `judged_at`."""

    faults: tuple[tuple[str, str], ...]
    upline_depth_paid: int | None
    total_rate_bp: int | None
    legal: bool
    rule_set: str
    broken: tuple[BrokenClause, ...]
    judged_at: datetime
    disclaimer: str = ""


class ReturnedLine(NamedTuple):
    """`refund_minor` of the line's frozen `of_minor` went back."""

    line_id: int
    refund_minor: int
    of_minor: int


@dataclass(frozen=True, slots=True)
class Takeback:
    """Something that takes commission back from one order.

    (`cause`, `cause_id`) counts once: the same return taken back again changes nothing.
    """

    cause: Cause
    cause_id: int
    order_id: int
    lines: tuple[ReturnedLine, ...]
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Commission:
    """One commission as it is read; `reversed_minor` is what went back so far.

    A period's reward belongs to no order: its `order_id` is the number of the period's first closing, under which all its rewards
    are booked, and its `line_id` that of the closing that added it.
    """

    commission_id: CommissionId
    order_id: int
    line_id: int
    payee_id: int
    rule_key: str
    kind: CommissionKind
    depth: int
    base_minor: int
    rate_bp: int
    amount_minor: int
    reversed_minor: int
    currency: str
    paid_at: datetime
    plan_version_id: PlanVersionId
    hold: Hold
    release_after: datetime | None
    released_at: datetime | None

    @property
    def net_minor(self) -> int:
        return self.amount_minor - self.reversed_minor

    @property
    def closing_id(self) -> ClosingId | None:
        """The closing that added it, where it is a period's reward."""
        return ClosingId(self.line_id) if self.kind in PERIOD_REWARDS else None


@dataclass(frozen=True, slots=True)
class Reversal:
    """One reversal and where the money was taken from; the three parts sum to `amount_minor`."""

    reversal_id: ReversalId
    commission_id: CommissionId
    payee_id: int
    cause: Cause
    cause_id: int
    returned_minor: int
    amount_minor: int
    from_pending_minor: int
    from_available_minor: int
    from_debt_minor: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Totals:
    """A payee's sums in one currency: accrued = pending + released + reversed."""

    payee_id: int
    currency: str
    commission_count: int
    accrued_minor: int
    reversed_minor: int
    pending_minor: int
    released_minor: int


@dataclass(frozen=True, slots=True)
class ReleasedItem:
    """A commission whose hold ended; `amount_minor` is what was released (accrued less reversed before)."""

    commission_id: CommissionId
    order_id: int
    payee_id: int
    amount_minor: int
    currency: str
    released_at: datetime


@dataclass(frozen=True, slots=True)
class PostingView:
    """One ledger line that this commission's money went through (the payee's accounts and the expense)."""

    entry_id: int
    entry_kind: str
    account_kind: str
    owner_id: int
    amount_minor: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class OrderDecision:
    """The whole decision on one order, computed again from its frozen inputs. `agrees`: it equals what is stored."""

    order_id: int
    paid_at: datetime
    currency: str
    version: PlanVersion | None
    upline: tuple[Member, ...]
    trace: Trace
    agrees: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why this person was paid this amount: the click, rule, base, rate, path, law, postings, and the way on from here.

    `words` says it in sentences, in the language that is active when it is asked for.
    """

    commission: Commission
    version: PlanVersion
    rule_title: str
    rule: dict[str, Any]
    decision: OrderDecision
    arrival: Arrival | None
    skipped: tuple[Skipped, ...]
    legal: LegalCheck
    reversals: tuple[Reversal, ...]
    postings: tuple[PostingView, ...]
    siblings: tuple[Commission, ...]
    words: tuple[str, ...]
