"""What the engine reads and what it answers. All of it is frozen at payment, so the answer can be computed again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from banyan.earnings.commission.types.plan import Period


class CommissionKind(StrEnum):
    DIRECT = "direct"  # the seller's own sale
    OVERRIDE = "override"  # an ancestor's share of a downline sale
    BOOSTER = "booster"  # a campaign overlay
    SELF = "self"  # the buyer's own purchase
    PEER = "peer"  # an ancestor above an earner of his own tier
    REGIONAL = "regional"  # the partner of the region that the order went to
    NAMED = "named"  # a person whom the plan names
    BONUS = "bonus"  # a member's own reward for his sales of a period
    POOL = "pool"  # a share of a period's pool
    TRUE_UP = "true_up"  # what a period's close added to an order's commission


class SkipReason(StrEnum):
    NO_SELLER = "no_seller"
    NO_ANCESTOR = "no_ancestor"
    NOT_ACTIVE = "not_active"
    TIER_TOO_LOW = "tier_too_low"
    BEYOND_REACH = "beyond_reach"
    LEGAL_DEPTH = "legal_depth"
    NO_BUYER = "no_buyer"  # the buyer is no distributor
    NO_PARTNER = "no_partner"  # nobody holds the region
    NO_PERSON = "no_person"  # the named person is no distributor here
    NO_DIFFERENCE = "no_difference"  # a tier not above what was paid below
    BELOW_MINIMUM = "below_minimum"  # too few sales in the period


class PaidLine(NamedTuple):
    """One order line. `base_minor`: paid amount less shipping, tax and discounts; `category_path` from the root down."""

    line_id: int
    base_minor: int
    quantity: int
    sku_id: int
    category_path: tuple[int, ...]
    tags: tuple[str, ...]
    listed_at: datetime | None
    product_id: int = 0
    supplier_id: int | None = None
    cost_minor: int | None = None
    """The cost of all its units. These three are read and frozen only where the plan in force asks for them."""

    @property
    def margin_minor(self) -> int:
        return max(self.base_minor - (self.cost_minor or 0), 0)


class Member(NamedTuple):
    """One frozen member of the upline; depth 0 is the seller. `figures`: his frozen sales figures, where known."""

    distributor_id: int
    depth: int
    tier: str
    status: str
    figures: Mapping[str, int] | None = None


class Spent(NamedTuple):
    """What the plan version had already accrued (less reversals) when this order was decided: for caps by period and budget."""

    budget_minor: int = 0
    payees: tuple[tuple[int, int], ...] = ()
    """(payee, minor) in the plan's cap period."""
    rules: tuple[tuple[str, int, int], ...] = ()
    """(rule, payee, minor) in the plan's cap period."""


class OrderFacts(NamedTuple):
    """What only some plans ask about an order; each is read only where the plan in force asks, and then frozen."""

    channel: str = ""
    region_code: str = ""
    first_order: bool | None = None
    local_minute: int | None = None
    """Minutes since midnight on the tenant's clock at payment."""
    buyer: Member | None = None
    """The buyer as a distributor."""
    partners: tuple[tuple[str, Member], ...] = ()
    """(scope, who holds the region of that size at payment)."""
    people: tuple[Member, ...] = ()
    """The persons whom the plan names."""
    spent: Spent | None = None


class PaidOrder(NamedTuple):
    order_id: int
    paid_at: datetime
    lines: tuple[PaidLine, ...]
    upline: tuple[Member, ...]
    facts: OrderFacts | None = None
    """None where the plan in force asks for none of them."""


class LegalCeiling(NamedTuple):
    """The law's hard ceiling at the moment of payment. `total_bp` None: the law names no rate."""

    rule_set: str
    upline_depth: int
    total_bp: int | None


class Share(NamedTuple):
    """One commission: a line, a payee, a rule. `rate_bp` is 0 where no single rate applies."""

    line_id: int
    payee_id: int
    depth: int
    rule_key: str
    kind: CommissionKind
    base_minor: int
    rate_bp: int
    amount_minor: int


# ── the trace: every step, computed only when asked ────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Skipped:
    """Someone (or nobody, payee_id None) whom a rule did not pay, and why."""

    rule_key: str
    payee_id: int | None
    depth: int
    reason: SkipReason


@dataclass(frozen=True, slots=True)
class Seating:
    """Whom a rule pays on this order. `passed_to_depth` differs from `rule_depth` where a share was compressed."""

    rule_key: str
    rule_depth: int
    payee_id: int | None
    passed_to_depth: int | None


@dataclass(frozen=True, slots=True)
class BandPart:
    from_minor: int
    part_minor: int
    rate_bp: int
    exact_e4: int
    """part × rate, in 1/10,000 of a minor unit, before rounding."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a rule gives on one line before stacking and caps."""

    rule_key: str
    line_id: int
    payee_id: int
    base_minor: int
    rate_bp: int
    quantity: int
    amount_minor: int
    bands: tuple[BandPart, ...] = ()
    limited_by: str | None = None
    """`line_base` or `rule_line_cap` where the share met one of them."""
    dropped_e4: int = 0
    """What flooring dropped, in 1/10,000 of a minor unit (0 for amounts split over lines)."""


@dataclass(frozen=True, slots=True)
class StackingDecision:
    group: str
    stacking: str
    line_id: int
    payee_id: int
    paid_rules: tuple[str, ...]
    dropped_rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CapCut:
    """One cap that cut. The cut is spread over the shares by largest remainder."""

    cap: str
    subject: str
    limit_minor: int
    before_minor: int
    after_minor: int


@dataclass(frozen=True, slots=True)
class LegalCheck:
    rule_set: str
    upline_depth_allowed: int
    deepest_depth_paid: int
    total_bp_allowed: int | None
    ceiling_minor: int | None
    paid_minor: int
    cut: bool
    refused_depths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """The whole decision on one order; `shares` are exactly what was accrued."""

    order_id: int
    base_minor: int
    seatings: tuple[Seating, ...]
    skipped: tuple[Skipped, ...]
    evaluations: tuple[Evaluation, ...]
    stackings: tuple[StackingDecision, ...]
    cuts: tuple[CapCut, ...]
    legal: LegalCheck
    shares: tuple[Share, ...]
    rounding: str = "floor per share; a total that is split goes by largest remainder"


# ── when a period closes ───────────────────────────────────────────────────────────────────────────────────────────


class Reward(NamedTuple):
    """What one rule pays one payee at the close. `base_minor`: his sales, or the pool's; `weight`: his, in a pool."""

    rule_key: str
    payee_id: int
    kind: CommissionKind
    base_minor: int
    rate_bp: int
    amount_minor: int
    weight: int = 0


class Pot(NamedTuple):
    """A pool's pot: computed, left after caps, and shared: all of it; where nobody takes part nothing is, nor cut."""

    rule_key: str
    base_minor: int
    before_minor: int
    pot_minor: int
    shared_minor: int


class ClosingCut(NamedTuple):
    """One cap that cut what the close would pay."""

    cap: str
    subject: str
    limit_minor: int
    before_minor: int


@dataclass(frozen=True, slots=True)
class ClosingDecision:
    rewards: tuple[Reward, ...]
    pots: tuple[Pot, ...]
    cuts: tuple[ClosingCut, ...]
    skipped: tuple[Skipped, ...]


class Place(NamedTuple):
    """One period of the calendar."""

    period: Period
    first_day: date


class Paid(NamedTuple):
    """What the close of one period added to, or took from, one payee by one rule. `released_on` None: it waits for receipt."""

    place: Place
    end_day: date
    rule_key: str
    payee_id: int
    tier: str
    depth: int
    released_on: date | None
    amount_minor: int
    trued: bool
    """An adjustment of orders; else a reward of the period."""
