"""A commission plan as frozen values: who is paid, on what, how much, when, how shares stack, and what caps them.

Amounts are integer minor units of the tenant's currency, rates are basis points, instants are aware UTC.
A plan is written as a JSON document (`engine.document`); these types are what the document means.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NewType

from .conditions import Condition

PlanId = NewType("PlanId", int)
PlanVersionId = NewType("PlanVersionId", int)

DOCUMENT_FORMAT: Final = 1
TIERS: Final = ("bronze", "silver", "gold", "platinum", "diamond")
"""Tiers from lowest to highest, as `people.distributors` names them."""
FULL_BP: Final = 10_000


class Unqualified(StrEnum):
    """What becomes of a share whose ancestor is not eligible."""

    COMPRESSION = "compression"  # the share passes over him to the next eligible ancestor
    BREAKAGE = "breakage"  # nobody is paid, the share stays with the tenant


class Stacking(StrEnum):
    """How rules of one group that reach the same payee on the same line work together."""

    ADD = "add"
    MAX = "max"
    EXCLUSIVE = "exclusive"


class Recipient(StrEnum):
    SELLER = "seller"  # depth 0, the referrer of the order
    ANCESTOR = "ancestor"  # depth n above the seller
    BUYER = "buyer"  # the buyer himself, where he is a distributor (自购)
    PATH = "path"  # everybody from one depth to another: a team bonus, or a differential (级差)
    GENERATION = "generation"  # the n-th ancestor of `min_tier` at least, however many stand between (代数)
    REGIONAL_PARTNER = "regional_partner"  # who holds the region that the order goes to (区域代理)
    PERSON = "person"  # one named distributor
    EARNER = "earner"  # overlays only: whoever earns in the target group
    MEMBER = "member"  # at the period's end: everybody, each by his own sales of the period
    POOL = "pool"  # at the period's end: a pot that is shared by weight (分红)


PERIOD_RECIPIENTS: Final = frozenset({Recipient.MEMBER, Recipient.POOL})
"""Rules that pay these are decided when a period closes; all others with each order."""


class Per(StrEnum):
    UNIT = "unit"
    LINE = "line"
    ORDER = "order"
    PERIOD = "period"  # for what is decided when a period closes


class Measure(StrEnum):
    """What decides the band of a tiered amount."""

    LINE = "line"
    ORDER = "order"
    FIGURE = "figure"  # a figure of the payee frozen with the order, such as his sales of the month
    PERIOD = "period"  # the payee's sales of the period that closes


class Period(StrEnum):
    """A calendar period in the tenant's time zone; weeks begin on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class Sales(StrEnum):
    PERSONAL = "personal"  # orders that he referred
    TEAM = "team"  # those, and the orders of everybody below him


FIGURES: Final = tuple(f"{period}_{'team_' if team else ''}sales_minor" for period in Period for team in (False, True))
"""What a band may be decided by: the payee's personal or team sales of the running period before this order."""


class Scope(StrEnum):
    """How large a region a partner holds: adcodes of 2, 4 or 6 digits."""

    PROVINCE = "province"
    CITY = "city"
    DISTRICT = "district"


class Weight(StrEnum):
    """By what a pool is shared."""

    EQUAL = "equal"
    TIER = "tier"
    PERSONAL_SALES = "personal_sales"
    TEAM_SALES = "team_sales"


class Basis(StrEnum):
    """What a rule's amount is computed on."""

    PAID = "paid"  # the commissionable amount: paid less freight, tax and discounts
    MARGIN = "margin"  # that less the goods' cost, at least 0


# ── who ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Pays:
    """Who. Only the members that belong to `to` are set; the document's types (`types.document`) say which they are."""

    to: Recipient
    depth: int = 0
    """ancestor, generation: which; path: the first depth; the seller's is 0."""
    min_tier: str | None = None
    to_depth: int = 0
    """path: the last depth; generation: how deep at most."""
    scope: Scope | None = None
    distributor_id: int | None = None
    period: Period | None = None
    sales: Sales = Sales.PERSONAL
    weight: Weight = Weight.EQUAL
    tier_weights: tuple[tuple[str, int], ...] = ()
    min_sales_minor: int = 0
    """member, pool: who sold less in the period (`sales`) takes no part."""


# ── how much ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Fixed:
    minor: int
    per: Per


@dataclass(frozen=True, slots=True)
class Rate:
    rate_bp: int


@dataclass(frozen=True, slots=True)
class Band:
    from_minor: int
    rate_bp: int


@dataclass(frozen=True, slots=True)
class Progressive:
    """Each part of the amount is paid at the rate of the band it lies in."""

    by: Measure
    bands: tuple[Band, ...]
    figure: str | None = None
    true_up: bool = False
    """By a figure: what was accrued with each order is adjusted to the whole period's sales when the period closes."""


@dataclass(frozen=True, slots=True)
class WholeBand:
    """The whole amount is paid at the rate of the one band that is reached."""

    by: Measure
    bands: tuple[Band, ...]
    figure: str | None = None
    true_up: bool = False


@dataclass(frozen=True, slots=True)
class UnitBand:
    from_units: int
    minor: int


@dataclass(frozen=True, slots=True)
class UnitBands:
    """So much per unit, by the number of units of the line or of the order's matching lines.

    `progressive`: each unit at the price of the band it lies in; else all units at that of the one band reached.
    """

    by: Measure
    progressive: bool
    bands: tuple[UnitBand, ...]


@dataclass(frozen=True, slots=True)
class Peer:
    """The bonus of somebody who stands above an earner of his own tier (平级): a part of the line, or of what that earner got.

    `most`: how many of one tier get it. `cap_minor`: per line.
    """

    rate_bp: int
    of_earned: bool = False
    most: int = 1
    cap_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Differential:
    """Up the path each tier gets only what its rate is above the rates already paid below it (级差)."""

    rates: tuple[tuple[str, int], ...]
    peer: Peer | None = None


@dataclass(frozen=True, slots=True)
class TargetStep:
    from_minor: int
    minor: int


@dataclass(frozen=True, slots=True)
class Target:
    """A bonus for sales of the period that reach a target: the highest step reached pays, once."""

    steps: tuple[TargetStep, ...]


@dataclass(frozen=True, slots=True)
class Multiplier:
    """Overlay: what group `of` pays, times `times_bp`/10,000; only the part above 1 is this rule's share."""

    of: str
    times_bp: int


@dataclass(frozen=True, slots=True)
class Uplift:
    """Overlay: `rate_bp` of the line on top of what group `of` pays."""

    of: str
    rate_bp: int


Amount = Fixed | Rate | Progressive | WholeBand | UnitBands | Differential | Target | Multiplier | Uplift


# ── the plan ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class RuleCaps:
    """What one rule may pay: on a line, on an order, to one payee of an order, to one payee in the plan's cap period."""

    line_minor: int | None = None
    order_minor: int | None = None
    payee_minor: int | None = None
    period_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `priority`: the smaller number goes first. A rule of the document that names none takes 100 × its place in the
    list; among equal priorities the place has no meaning, the key decides."""

    key: str
    pays: Pays
    amount: Amount
    when: Condition | None = None
    group: str = "base"
    priority: int = 100
    caps: RuleCaps = field(default_factory=RuleCaps)
    title: str = ""
    basis: Basis = Basis.PAID


@dataclass(frozen=True, slots=True)
class PlanCaps:
    """`total_bp` of the commissionable amount bounds one order, and with what a period's close adds the whole period.

    `order_minor` bounds an order, `payee_minor` one payee of an order, `payee_period_minor` one payee in `period`.
    `budget_minor` bounds all that the version accrues: in each `period`, or ever (`budget_is_total`). `margin_bp` of a line's
    margin bounds what the line pays.
    """

    total_bp: int
    order_minor: int | None = None
    payee_minor: int | None = None
    margin_bp: int | None = None
    period: Period = Period.MONTH
    payee_period_minor: int | None = None
    budget_minor: int | None = None
    budget_is_total: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """What the tenant declares about taking part, for the legal judgement. The engine itself never pays on heads."""

    pays_on_recruitment: bool = False
    entry_fee_minor: int = 0
    starter_purchase_required: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    title: str
    unqualified: Unqualified
    hold_days: int
    caps: PlanCaps
    rules: tuple[Rule, ...]
    groups: tuple[tuple[str, Stacking], ...] = (("base", Stacking.ADD),)
    reach: int | None = None
    """Greatest true depth that a compressed share may pass to; None: the deepest depth that a rule names."""
    terms: Terms = field(default_factory=Terms)


def is_overlay(rule: Rule) -> bool:
    return isinstance(rule.amount, Multiplier | Uplift)


def is_periodic(rule: Rule) -> bool:
    """Whether the rule is decided when a period closes, not with each order."""
    return rule.pays.to in PERIOD_RECIPIENTS


def is_trued_up(rule: Rule) -> bool:
    """Whether what the rule accrued with each order is adjusted when the period closes."""
    return isinstance(rule.amount, Progressive | WholeBand) and rule.amount.true_up
