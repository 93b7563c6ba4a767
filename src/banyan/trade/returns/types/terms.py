"""The terms of return: what a shop, and the law, let a buyer give back, until when, and who looks at it first."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from banyan.people.distributors.types import Tier


class FreightRule(StrEnum):
    """When the freight that the buyer paid goes back."""

    LATEST_GOODS_OR_MERCHANT_FAULT = "latest_goods_or_merchant_fault"
    LATEST_GOODS = "latest_goods"  # only with the goods that complete the return of the whole order
    MERCHANT_FAULT = "merchant_fault"
    NEVER = "never"


@dataclass(frozen=True)
class ReviewTerms:
    """Whose returns need nobody's approval. Risk always overrides."""

    automatic_tiers: tuple[Tier, ...] = (Tier.DIAMOND,)
    trusted_below_minor: int = 0
    """Returns worth less than this are approved for everybody who is no newcomer; 0 reviews them all."""
    claims_below_minor: int = 0
    """Amounts without goods (refund only, damage) below this may be approved like the rest; 0 always reviews them."""
    newcomer_orders: int = 3
    """Who has received fewer orders than this is a newcomer, and is reviewed."""
    risky_share_bp: int = 5_000
    """Who gave back at least this share of his received orders, in basis points, is reviewed whatever his tier."""
    risky_orders: int = 4
    """... once he has received this many."""


@dataclass(frozen=True)
class ReturnPolicy:
    """A tenant's terms. Days count from the day after receipt, to the end of the day in the tenant's zone; never less than law.

    `days_by_tier` gives distributors of a tier longer. Approved goods are sent back within `send_back_days`; the difference
    of an exchange is paid within `difference_days`, else the exchange becomes a refund.
    """

    days_after_receipt: int = 7
    freight_rule: FreightRule = FreightRule.LATEST_GOODS_OR_MERCHANT_FAULT
    days_by_tier: tuple[tuple[Tier, int], ...] = ()
    send_back_days: int = 7
    difference_days: int = 3
    review: ReviewTerms = field(default_factory=ReviewTerms)


@dataclass(frozen=True)
class Reason:
    """One entry of the tenant's catalogue of reasons. `fault` names who bears the freight: "buyer" or "merchant".

    `is_no_reason`: the statutory return for which nothing need be said; the law's excluded goods are excluded from it alone.
    `modes` empty: it may be given for every kind of return.
    """

    code: str
    name_zh: str
    name_en: str
    fault: str = "buyer"
    needs_photos: bool = False
    is_no_reason: bool = False
    modes: tuple[str, ...] = ()
    is_active: bool = True


DEFAULT_REASONS = (
    Reason("no_reason", "七天无理由", "Changed my mind", is_no_reason=True, modes=("goods_back", "exchange")),
    Reason("wrong_size", "尺码或颜色不合适", "Wrong size or color", is_no_reason=True, modes=("goods_back", "exchange")),
    Reason("not_wanted", "不想要了", "Not wanted any more", modes=("unshipped",)),
    Reason("late", "未按约定时间发货", "Shipped too late", fault="merchant"),
    Reason("defective", "商品质量问题", "Defective", fault="merchant", needs_photos=True),
    Reason("not_as_described", "与描述不符", "Not as described", fault="merchant", needs_photos=True),
    Reason("wrong_goods", "发错或漏发", "Wrong or missing goods", fault="merchant", needs_photos=True),
    Reason("damaged", "运输破损", "Damaged on the way", fault="merchant", needs_photos=True),
    Reason("price", "价格补偿", "Price adjustment", modes=("refund_only",)),
)
"""What a tenant has that has set up none of its own."""


class ExclusionKind(StrEnum):
    """Why goods have no statutory return without a reason."""

    CUSTOM_MADE = "custom_made"
    PERISHABLE = "perishable"
    OPENED_DIGITAL = "opened_digital"
    PERIODICAL = "periodical"
    CONFIRMED_UNSUITABLE = "confirmed_unsuitable"  # by their nature, and the buyer confirmed it when buying


@dataclass(frozen=True)
class Exclusion:
    """Goods of a category that the statutory return leaves out, by one of the law's own grounds."""

    category_id: int
    kind: ExclusionKind


@dataclass(frozen=True)
class StatutoryReturn:
    """What the law gives a buyer at a distance, from `effective_from` on. Not legal advice.

    `days` counts from the day after receipt. `refund_days`: within how many days of the goods' return the price goes back.
    """

    rule_id: str
    jurisdiction: str
    effective_from: date
    days: int
    refund_days: int
    law: str
    article: str
    source: str
    confidence: str
    text: str
    exclusions: tuple[ExclusionKind, ...] = ()


@dataclass(frozen=True)
class Deadline:
    """Until when a return may be asked for, and by which ground: policy, tier or law (then with the rule's id)."""

    at: datetime
    days: int
    ground: str


@dataclass(frozen=True)
class Address:
    """Where goods are sent back to. The shop's own, so not personal."""

    name: str
    phone: str
    address: str
    warehouse_id: int | None = None


@dataclass(frozen=True)
class AddressRule:
    """An address and the goods it is for: everything that is set must fit. The most specific rule wins, then the lower priority.

    `region_code` is a prefix of the six digits of the buyer's region; `category_id` fits its subcategories, too.
    """

    address: Address
    priority: int = 100
    category_id: int | None = None
    mode: str = ""
    region_code: str = ""
    rule_id: int | None = None


class Route(StrEnum):
    """What becomes of a request."""

    AUTOMATIC = "automatic"
    REVIEW = "review"


@dataclass(frozen=True)
class AskerFacts:
    """What the policy engine knows of who asks and for what. `risks` are words of whoever watches risk; "" where none."""

    tier: Tier | None
    is_active_distributor: bool
    received_orders: int
    returned_orders: int
    risks: tuple[str, ...]
    worth_minor: int
    is_by_amount: bool
    is_goodwill: bool = False
    is_on_word_alone: bool = False
    """Without a reason of the catalogue: the fault is the shop's, or goods come back that the law excludes."""


@dataclass(frozen=True)
class Ruling:
    """The route and every step that led to it, in order, as "word" or "word:value"."""

    route: Route
    steps: tuple[str, ...]
