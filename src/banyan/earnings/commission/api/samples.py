"""What goes into and comes out of a preview. Amounts are integer minor units, rates basis points."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from ninja import Field, Schema
from pydantic import AwareDatetime, ConfigDict

from banyan.earnings.commission.api.schemas import BandOut, VersionIdText
from banyan.earnings.commission.types.document import FigureName, PeriodName, TierName
from banyan.kernel.http import PublicId

Minor = Annotated[int, Field(ge=0, le=10**12)]
Name = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f]+$")]
Word = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]


class _Sample(Schema):
    model_config = ConfigDict(extra="forbid")


class PersonIn(_Sample):
    """A distributor of the sample. One name is one person, wherever it stands."""

    name: Name
    tier: TierName = "bronze"
    status: Literal["active", "frozen", "applied", "rejected", "closed"] = "active"
    figures: dict[FigureName, Minor] = Field(
        default_factory=dict, description="Sales of running periods before this order, e.g. month_sales_minor."
    )


class LineIn(_Sample):
    """`amount_minor`: paid less freight, tax and discounts. With a SKU, what is not said is taken from the catalog."""

    amount_minor: Minor
    quantity: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    sku: Annotated[int, PublicId("sku")] | None = None
    product: Annotated[int, PublicId("prd")] | None = None
    category: list[Annotated[int, PublicId("cat")]] = Field(
        default_factory=list, max_length=20, description="From the root category down to the goods' own."
    )
    tags: list[Word] = Field(default_factory=list, max_length=100)
    supplier: Annotated[int, PublicId("usr")] | None = None
    cost_minor: Minor = Field(0, description="The cost of all units of the line.")
    listed_at: AwareDatetime | None = None


class PartnersIn(_Sample):
    """Who holds the regions that the order goes to."""

    province: PersonIn | None = None
    city: PersonIn | None = None
    district: PersonIn | None = None


class NamedIn(PersonIn):
    """A person whom the plan names by the id `distributor`."""

    distributor: Annotated[int, PublicId("dst")]


class SpentRuleIn(_Sample):
    """What a rule paid somebody before in the plan's cap period."""

    rule: Word
    name: Name
    minor: Minor


class SpentIn(_Sample):
    """What the plan accrued before this order in its cap period: for caps by period and the budget."""

    budget_minor: Minor = 0
    payees: dict[Name, Minor] = Field(default_factory=dict)
    rules: list[SpentRuleIn] = Field(default_factory=list, max_length=1000)


class OrderIn(_Sample):
    """A paid order. `upline`: the seller first, then his sponsor, and so on. `paid_at` null: now."""

    lines: list[LineIn] = Field(min_length=1, max_length=200)
    upline: list[PersonIn] = Field(default_factory=list, max_length=60)
    paid_at: AwareDatetime | None = None
    channel: str = Field("shop", max_length=20)
    region: str = Field("", pattern=r"^(\d{2}(\d{2}(\d{2})?)?)?$", description="adcode that the goods go to")
    first_order: bool = Field(False, description="Whether the buyer had paid no order before.")
    buyer: PersonIn | None = Field(None, description="The buyer, where he is a distributor.")
    partners: PartnersIn = Field(default_factory=PartnersIn)
    people: list[NamedIn] = Field(default_factory=list, max_length=50)
    spent: SpentIn | None = None


class LawIn(_Sample):
    """A law to try the plan under, in the place of the shop's own. `total_bp` null: it names no rate."""

    upline_depth: Annotated[int, Field(ge=0, le=50)]
    total_bp: Annotated[int, Field(ge=0, le=10_000)] | None = None


class PreviewIn(_Sample):
    """A document, or a version that exists; one of the two. `law` null: the shop's law at the payment."""

    document: dict[str, Any] | None = None
    version_id: VersionIdText | None = None
    order: OrderIn
    law: LawIn | None = None


class SampleShareOut(Schema):
    """One share. `line`: the place in the order's lines, from 1. `words`: why, in the caller's language."""

    payee: str
    rule: str
    line: int
    depth: int
    kind: str
    base_minor: int
    rate_bp: int
    amount_minor: int
    words: list[str]


class SampleSkippedOut(Schema):
    """Somebody (or nobody, payee null) whom a rule did not pay, and why."""

    payee: str | None
    rule: str
    depth: int
    reason: str


class SampleStepOut(Schema):
    """What a rule gave on one line before stacking and caps. `dropped_e4`: what flooring dropped, in 1/10,000."""

    payee: str
    rule: str
    line: int
    base_minor: int
    rate_bp: int
    quantity: int
    amount_minor: int
    bands: list[BandOut]
    limited_by: str | None
    dropped_e4: int


class SampleStackingOut(Schema):
    """Which rules of a group were paid to a payee on a line, and which were not."""

    group: str
    stacking: str
    line: int
    payee: str
    paid_rules: list[str]
    dropped_rules: list[str]


class SampleCutOut(Schema):
    """One cap that cut. `subject`: the order, a rule, a payee, a rule and payee, or a line."""

    cap: str
    subject: str
    limit_minor: int
    before_minor: int
    after_minor: int


class SampleLawOut(Schema):
    """The law that the sample was decided under."""

    rule_set: str
    upline_depth_allowed: int
    total_bp_allowed: int | None
    ceiling_minor: int | None


class PreviewOut(Schema):
    """The whole decision on the sample. Σ shares = `paid_minor`; what is not paid stays with the shop."""

    base_minor: int
    paid_minor: int
    shares: list[SampleShareOut]
    skipped: list[SampleSkippedOut]
    steps: list[SampleStepOut]
    stackings: list[SampleStackingOut]
    cuts: list[SampleCutOut]
    law: SampleLawOut
    rounding: str
    decided_at: datetime


class StartOut(Schema):
    """A plan to begin with."""

    key: str
    title: str
    title_zh: str
    document: dict[str, Any]


class ReturnIn(_Sample):
    """`refund_minor` of a line came back before the close; order and line by their places, from 1."""

    order: Annotated[int, Field(ge=1)]
    line: Annotated[int, Field(ge=1)] = 1
    refund_minor: Minor


class PeriodPreviewIn(_Sample):
    """The orders of one calendar period. `members`: everybody as he stands at its end; those not named take no part in rewards.

    Figures (`by: figure`) are computed from the orders themselves, in the order of payment. The plan's shorter periods within
    this one are closed on the way; what comes back counts in that of its order. `law` null: the shop's law.
    """

    document: dict[str, Any] | None = None
    version_id: VersionIdText | None = None
    period: PeriodName = "month"
    orders: list[OrderIn] = Field(min_length=1, max_length=500)
    members: list[PersonIn] = Field(default_factory=list, max_length=2000)
    returns: list[ReturnIn] = Field(default_factory=list, max_length=2000)
    law: LawIn | None = None


class PeriodShareOut(Schema):
    """What was accrued with an order; order and line by their places, from 1."""

    order: int
    line: int
    payee: str
    rule: str
    kind: str
    amount_minor: int


class AdjustmentOut(Schema):
    """What the close changed of a share. `booked_minor`: what is booked, less the part of the line that came back."""

    order: int
    line: int
    payee: str
    rule: str
    before_minor: int
    after_minor: int
    booked_minor: int


class RewardOut(Schema):
    """What the close pays. `base_minor`: the sales it is paid on; `weight`: in a pool."""

    payee: str
    rule: str
    kind: str
    base_minor: int
    rate_bp: int
    amount_minor: int
    weight: int


class PotOut(Schema):
    """A pool: computed, after caps, and shared. Shared is all of it; where nobody takes part nothing is, and caps cut nothing."""

    rule: str
    base_minor: int
    before_minor: int
    pot_minor: int
    shared_minor: int


class ClosingCutOut(Schema):
    """One cap that cut what the close would pay."""

    cap: str
    subject: str
    limit_minor: int
    before_minor: int


class EarlierRewardOut(Schema):
    """What the close of a shorter period paid on the way, which is no longer there for this one."""

    period: str
    first_day: date
    payee: str
    rule: str
    amount_minor: int


class PeriodPreviewOut(Schema):
    """A whole period tried: accruals with the orders, true-ups, rewards of shorter periods, rewards and pools of the close."""

    accrued: list[PeriodShareOut]
    adjustments: list[AdjustmentOut]
    earlier: list[EarlierRewardOut]
    rewards: list[RewardOut]
    pots: list[PotOut]
    cuts: list[ClosingCutOut]
    skipped: list[SampleSkippedOut]
