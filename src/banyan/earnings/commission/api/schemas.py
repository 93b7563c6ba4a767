"""What goes in and out. Amounts are integer minor units, rates basis points, times ISO 8601 UTC."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from ninja import Field, Schema

from banyan.kernel.http import PublicId
from banyan.trade.attribution.types import Source

PlanIdText = Annotated[int, PublicId("pln")]
VersionIdText = Annotated[int, PublicId("plv")]
CommissionIdText = Annotated[int, PublicId("cms")]
OrderIdText = Annotated[int, PublicId("ord")]
LineIdText = Annotated[int, PublicId("oln")]
ClosingIdText = Annotated[int, PublicId("clg")]
DistributorIdText = Annotated[int, PublicId("dst")]
ReversalIdText = Annotated[int, PublicId("crv")]
EntryIdText = Annotated[int, PublicId("ent")]


class DraftIn(Schema):
    """A plan document to keep as a draft: of a new plan called `name`, or as the next version of `plan_id`."""

    document: dict[str, Any]
    name: str = Field(default="", max_length=120)
    plan_id: PlanIdText | None = None


class DocumentIn(Schema):
    """A plan document. docs/algorithms describes every kind of rule."""

    document: dict[str, Any]


class PublishIn(Schema):
    """`effective_from` a moment, or `effective_on` a day that begins at midnight in the shop's time zone; neither: now."""

    effective_from: datetime | None = None
    effective_on: date | None = None


class PlanApproveIn(Schema):
    """The second person's word, kept with the version."""

    note: str = Field(default="", max_length=200)


class DifferenceOut(Schema):
    """What is different from one version to another: places and values, and the same in sentences of the asked language."""

    changes: list[dict[str, Any]]
    words: list[str]


class RetireIn(Schema):
    """`at` null: now. From then on nothing is paid until another version takes effect."""

    reason: str = Field(min_length=1, max_length=200)
    at: datetime | None = None


class FaultOut(Schema):
    """One fault of a document and where it is."""

    path: str
    message: str


class BrokenOut(Schema):
    """One clause of the law that the plan breaks."""

    clause: str
    law: str
    article: str
    fact_id: str
    message: str
    message_zh: str


class ReportOut(Schema):
    """Faults, or the worst case (deepest ancestor paid, greatest part of a sale in bp) and the law's verdict on it."""

    faults: list[FaultOut]
    upline_depth_paid: int | None
    total_rate_bp: int | None
    legal: bool
    rule_set: str
    broken: list[BrokenOut]
    judged_at: datetime
    disclaimer: str


class VersionOut(Schema):
    """One version of a plan; in force in [effective_from, effective_to) unless it is a draft."""

    version_id: VersionIdText
    plan_id: PlanIdText
    name: str
    number: int
    title: str
    status: str
    document: dict[str, Any]
    effective_from: datetime | None
    effective_to: datetime | None
    drafted_at: datetime
    published_at: datetime | None
    rule_set: str
    upline_depth_paid: int | None
    total_rate_bp: int | None
    ended_reason: str
    drafted_by: str
    approved_by: str
    approved_at: datetime | None


class CommissionOut(Schema):
    """One commission. net = amount − reversed. `hold`: provisional (while a period runs), awaiting_receipt, holding_period or
    released. A period's reward has the closing that added it and no order."""

    commission_id: CommissionIdText
    order_id: OrderIdText | None
    line_id: LineIdText | None
    closing_id: ClosingIdText | None
    payee_id: DistributorIdText
    rule_key: str
    kind: str
    depth: int
    base_minor: int
    rate_bp: int
    amount_minor: int
    reversed_minor: int
    net_minor: int
    currency: str
    paid_at: datetime
    hold: str
    release_after: datetime | None
    released_at: datetime | None


class TotalsOut(Schema):
    """A payee's sums in one currency: accrued = reversed + pending + released."""

    payee_id: DistributorIdText
    currency: str
    commission_count: int
    accrued_minor: int
    reversed_minor: int
    pending_minor: int
    released_minor: int


class ReversalOut(Schema):
    """What went back, why, and where it was taken from."""

    reversal_id: ReversalIdText
    cause: str
    amount_minor: int
    from_pending_minor: int
    from_available_minor: int
    from_debt_minor: int
    occurred_at: datetime


class CommissionPostingOut(Schema):
    """One ledger line: debit positive, credit negative."""

    entry_id: EntryIdText
    entry_kind: str
    account_kind: str
    amount_minor: int
    occurred_at: datetime


class SkippedOut(Schema):
    """A place that the rule did not pay, and why. `payee_id` null: nobody is there."""

    payee_id: DistributorIdText | None
    depth: int
    reason: str


class PeriodMemberOut(Schema):
    """One member of the path frozen at payment."""

    distributor_id: DistributorIdText
    depth: int
    tier: str
    status: str


class BandOut(Schema):
    """One band that the amount went through."""

    from_minor: int
    part_minor: int
    rate_bp: int


class ReasonStepOut(Schema):
    """What the rule gave before stacking and caps."""

    line_id: LineIdText
    payee_id: DistributorIdText
    rule_key: str
    base_minor: int
    rate_bp: int
    quantity: int
    amount_minor: int
    bands: list[BandOut]
    limited_by: str | None
    dropped_e4: int


class CutOut(Schema):
    """A cap that cut; the cut is spread over the shares by largest remainder."""

    cap: str
    limit_minor: int
    before_minor: int
    after_minor: int


class LegalOut(Schema):
    """The law's ceiling at payment and what it did."""

    rule_set: str
    upline_depth_allowed: int
    total_bp_allowed: int | None
    ceiling_minor: int | None
    cut: bool


class ArrivalOut(Schema):
    """How the buyer came. `note` says why a link or code that was brought along did not count; `token` is the link's."""

    source: Source
    note: str
    code: str
    token: str
    clicked_at: datetime | None


class ExplanationOut(Schema):
    """Why this amount: in sentences, and step by step. Distributors see their own part only; `arrival`, if they referred."""

    commission: CommissionOut
    words: list[str]
    arrival: ArrivalOut | None
    plan: str
    plan_version: int
    version_id: VersionIdText
    rule_title: str
    rule: dict[str, Any]
    upline: list[PeriodMemberOut]
    skipped: list[SkippedOut]
    steps: list[ReasonStepOut]
    cuts: list[CutOut]
    legal: LegalOut
    rounding: str
    agrees: bool
    reversals: list[ReversalOut]
    postings: list[CommissionPostingOut]
    siblings: list[CommissionOut]


class SuspensionOut(Schema):
    """A version that the law stopped. `variant_id`: the nearest lawful variant, drafted for approval, if there is one."""

    suspension_id: Annotated[int, PublicId("psu")]
    version_id: VersionIdText
    plan_name: str
    number: int
    suspended_from: datetime
    noted_at: datetime
    rule_set: str
    broken: list[BrokenOut]
    variant_id: VersionIdText | None
    told_count: int


class ProveIn(Schema):
    """A document, or the version whose document it is."""

    document: dict[str, Any] | None = None
    version_id: VersionIdText | None = None


class ProvenPartOut(Schema):
    """What one rule gives at the witness, as a part of the sale, before caps over several rules."""

    rule: str
    rate_bp: int


class ProvenBesideOut(Schema):
    """Somebody who is paid for something else than a place on the path: `buyer`, `regional_partner:city`, `person:…`."""

    whom: str
    tier: str


class ProvenCaseOut(Schema):
    """One class of goods and one tier path (from the seller up) with the greatest part of a sale that it can pay, rounded up to
    a basis point. `sku_id` null: any that the plan does not name. `base_minor`: a sale that pays that part; null: approached as
    sales grow. `inactive_depths`: where on the path somebody is not active. `channel` to `local_minute`: what the plan asks of
    the order itself; empty or null where it does not, or where it names none of the kind."""

    rate_bp: int
    path: list[str]
    sku_id: Annotated[int, PublicId("sku")] | None
    category_ids: list[Annotated[int, PublicId("cat")]]
    tags: list[str]
    age_days: int | None
    at: datetime | None
    product_id: Annotated[int, PublicId("prd")] | None
    supplier_id: Annotated[int, PublicId("usr")] | None
    channel: str
    region_code: str
    first_order: bool | None
    local_minute: int | None
    inactive_depths: list[int]
    beside: list[ProvenBesideOut]
    base_minor: int | None
    parts: list[ProvenPartOut]


class ThinSkuOut(Schema):
    """Goods on which the plan can pay more than their margin at the list price."""

    sku_id: Annotated[int, PublicId("sku")]
    price_minor: int
    margin_minor: int
    worst_minor: int


class ProofOut(Schema):
    """The proof. `exact` false: `why_not_exact` names what is not known to the proof, and `bound_bp` counts."""

    report: ReportOut
    exact: bool
    why_not_exact: list[str]
    bound_bp: int | None
    worst_bp: int | None
    case_count: int
    cases: list[ProvenCaseOut]
    beyond_margin: list[ThinSkuOut]
    publishable: bool


class CountryOut(Schema):
    """What one country's law says of a plan: under its letter, or in the shop's own country as it is read there."""

    jurisdiction: str
    name: str
    name_zh: str
    is_own: bool
    reading: str
    rule_set: str
    legal: bool
    upline_depth_allowed: int
    total_bp_allowed: int
    confidence: str
    broken: list[BrokenOut]
    disclaimer: str


class AnswerOut(Schema):
    """What an order brings a person, and why. `outcome`: paid, waiting, reversed, nothing or undecided."""

    order_id: OrderIdText
    distributor_id: DistributorIdText
    outcome: str
    amount_minor: int
    reversed_minor: int
    reasons: list[str]
    words: list[str]
    release_after: datetime | None
    commission_ids: list[CommissionIdText]


class MomentOut(Schema):
    """A person as of a moment. `tier` null: no distributor then. `balances`: minor units by account kind."""

    distributor_id: DistributorIdText
    at: datetime
    tier: str | None
    status: str | None
    upline: list[DistributorIdText]
    balances: dict[str, int]
    plan: str | None
    version_id: VersionIdText | None
    rule_set: str
    upline_depth_allowed: int
    total_bp_allowed: int
