"""A commission plan as frozen values: who is paid, on what, how much, when, how shares stack, and what caps them.

Amounts are integer minor units of the tenant's currency, rates are basis points, instants are aware UTC.
A plan is written as a JSON document (`engine.document`); these types are what the document means.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType

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
    EARNER = "earner"  # overlays only: whoever earns in the target group


class Per(StrEnum):
    UNIT = "unit"
    LINE = "line"


class Measure(StrEnum):
    """What decides the band of a tiered amount."""

    LINE = "line"
    ORDER = "order"
    FIGURE = "figure"  # a figure of the payee frozen with the order, such as his sales of the month


# ── who ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Pays:
    to: Recipient
    depth: int = 0
    min_tier: str | None = None


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


@dataclass(frozen=True, slots=True)
class WholeBand:
    """The whole amount is paid at the rate of the one band that is reached."""

    by: Measure
    bands: tuple[Band, ...]
    figure: str | None = None


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


Amount = Fixed | Rate | Progressive | WholeBand | Multiplier | Uplift


# ── when ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class All:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of the conditions holds (`any` in the document)."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    condition: Condition


@dataclass(frozen=True, slots=True)
class InCategory:
    """The line's category is one of these, or lies below one of them."""

    category_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class IsSku:
    sku_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HasTag:
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PayeeTier:
    tiers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewGoods:
    """Paid within `days` of the goods' listing: listed_at ≤ paid_at < listed_at + days."""

    days: int


@dataclass(frozen=True, slots=True)
class Window:
    """Paid within [from_at, to_at); an open side is None."""

    from_at: datetime | None
    to_at: datetime | None


Condition = All | Some | Not | InCategory | IsSku | HasTag | PayeeTier | NewGoods | Window


# ── the plan ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class RuleCaps:
    line_minor: int | None = None
    order_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `priority`: the smaller number goes first; the order in the document has no meaning."""

    key: str
    pays: Pays
    amount: Amount
    when: Condition | None = None
    group: str = "base"
    priority: int = 100
    caps: RuleCaps = field(default_factory=RuleCaps)
    title: str = ""


@dataclass(frozen=True, slots=True)
class PlanCaps:
    """`total_bp` of the commissionable amount bounds one order; the others bound an order, and one payee of an order."""

    total_bp: int
    order_minor: int | None = None
    payee_minor: int | None = None


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
