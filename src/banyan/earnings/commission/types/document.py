"""The published plan document: these types are the JSON Schema (`docs/plan.schema.json`, `GET /plans/schema`), the check of what
comes in, and the form of the editor.

They say what may be written; what a document means is `types.plan`, and `engine.document` leads from one to the other. Strict:
no unknown keys, no numbers in texts, no booleans as numbers. What several members must keep between them is checked in
`engine.document`, too, and told with the same paths. A new kind of rule begins here and in `types.plan`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from .document_when import CONDITIONS, TAG_MARK, ConditionDocument
from .plan import DOCUMENT_FORMAT, FULL_BP
from .written import (
    MAX_DEPTH,
    MAX_MINOR,
    Depth,
    FigureName,
    Id,
    Key,
    Minor,
    PeriodName,
    RateBp,
    Strict,
    Text,
    TierName,
    is_storable,
    storable,
)

__all__ = ["CONDITIONS", "TAG_MARK", "FigureName", "PeriodName", "PlanDocument", "TierName", "is_storable", "plan_schema"]
MAX_RULES: Final = 200


# ── who ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class PaysSeller(Strict):
    """The direct referrer of the order. Nobody else gets his share."""

    to: Literal["seller"]
    min_tier: TierName | None = None


class PaysAncestor(Strict):
    """The indirect referrer `depth` above the seller: 1 is the seller's sponsor."""

    to: Literal["ancestor"]
    depth: Depth
    min_tier: TierName | None = None


class PaysBuyer(Strict):
    """自购: the buyer himself, where he is an active distributor."""

    to: Literal["buyer"]
    min_tier: TierName | None = None


class PaysPath(Strict):
    """Everybody eligible from one depth to another, each the whole amount (team bonus), or by difference of tier (级差) with a
    differential amount. Depth 0 is the seller."""

    to: Literal["path"]
    from_depth: Annotated[int, Field(ge=0, le=MAX_DEPTH)] = 1
    to_depth: Annotated[int, Field(ge=0, le=MAX_DEPTH)]
    min_tier: TierName | None = None


class PaysGeneration(Strict):
    """代数: the n-th ancestor of `min_tier` or above, however many lower ones stand between; nobody deeper than `to_depth`."""

    to: Literal["generation"]
    generation: Depth
    min_tier: TierName
    to_depth: Depth


class PaysRegionalPartner(Strict):
    """区域代理: who holds the province, city or district that the order goes to."""

    to: Literal["regional_partner"]
    scope: Literal["province", "city", "district"]
    min_tier: TierName | None = None


class PaysPerson(Strict):
    """One named distributor, on every order that the rule matches."""

    to: Literal["person"]
    distributor: Id
    min_tier: TierName | None = None


class PaysEarner(Strict):
    """Only for multiplier and uplift: whoever earns in the group that is overlaid."""

    to: Literal["earner"]


class PaysMember(Strict):
    """At the period's end: every active distributor by his own, or his team's, net sales of the period."""

    to: Literal["member"]
    period: PeriodName
    sales: Literal["personal", "team"] = "personal"
    min_tier: TierName | None = None
    min_sales_minor: Minor = 0


class PaysPool(Strict):
    """分红: at the period's end a pot is shared to the last cent among active distributors by weight."""

    to: Literal["pool"]
    period: PeriodName
    weight: Literal["equal", "tier", "personal_sales", "team_sales"] = "equal"
    tier_weights: dict[TierName, Annotated[int, Field(ge=0, le=1_000_000)]] | None = None
    min_tier: TierName | None = None
    min_sales_minor: Minor = 0
    """Who sold less in the period himself takes no part."""


PaysDocument = Annotated[
    PaysSeller | PaysAncestor | PaysBuyer | PaysPath | PaysGeneration | PaysRegionalPartner | PaysPerson | PaysEarner | PaysMember
    | PaysPool,
    Field(discriminator="to"),
]  # fmt: skip


# ── how much ───────────────────────────────────────────────────────────────────────────────────────────────────────


class FixedAmount(Strict):
    """So much per unit, per line, per order (split over its matching lines), or per period."""

    kind: Literal["fixed"]
    minor: Minor
    per: Literal["unit", "line", "order", "period"]


class RateAmount(Strict):
    """A part of the line, or of the period's sales."""

    kind: Literal["rate"]
    rate_bp: RateBp


class BandDocument(Strict):
    from_minor: Minor
    rate_bp: RateBp


class ProgressiveAmount(Strict):
    """Each part of the amount at the rate of the band that it lies in. `figure` and `true_up` belong to `by: figure`."""

    kind: Literal["progressive"]
    by: Literal["line", "order", "figure", "period"]
    figure: FigureName | None = None
    true_up: bool = False
    bands: Annotated[list[BandDocument], Field(min_length=1, max_length=50)]


class WholeBandAmount(Strict):
    """The whole amount at the rate of the one band reached. `figure` and `true_up` belong to `by: figure`."""

    kind: Literal["whole_band"]
    by: Literal["line", "order", "figure", "period"]
    figure: FigureName | None = None
    true_up: bool = False
    bands: Annotated[list[BandDocument], Field(min_length=1, max_length=50)]


class UnitBandDocument(Strict):
    from_units: Annotated[int, Field(ge=0, le=1_000_000_000)]
    minor: Minor


class UnitBandsAmount(Strict):
    """By quantity: so much per unit, by the units of the line or of the order's matching lines."""

    kind: Literal["unit_bands"]
    by: Literal["line", "order"]
    mode: Literal["progressive", "whole_band"] = "progressive"
    bands: Annotated[list[UnitBandDocument], Field(min_length=1, max_length=50)]


class PeerDocument(Strict):
    """平级: for who stands above an earner of his own tier. `of`: a part of the line, or of what that earner got by this rule."""

    rate_bp: RateBp
    of: Literal["line", "earned"] = "line"
    most: Annotated[int, Field(ge=1, le=MAX_DEPTH)] = 1
    cap_minor: Minor | None = None


class DifferentialAmount(Strict):
    """级差: each tier's rate less the rates already paid below it. A tier that is not named has rate 0. Only with `to: path`."""

    kind: Literal["differential"]
    rates_bp: Annotated[dict[TierName, RateBp], Field(min_length=1)]
    peer: PeerDocument | None = None


class TargetStepDocument(Strict):
    from_minor: Annotated[int, Field(ge=1, le=MAX_MINOR)]
    minor: Minor


class TargetAmount(Strict):
    """A bonus for reaching a target of the period's sales: the highest step reached pays. Only with `to: member`."""

    kind: Literal["target"]
    steps: Annotated[list[TargetStepDocument], Field(min_length=1, max_length=50)]


class MultiplierAmount(Strict):
    """Overlay: what group `of` pays × times_bp/10,000; the part above 1 is this rule's share."""

    kind: Literal["multiplier"]
    of: Text
    times_bp: Annotated[int, Field(ge=FULL_BP, le=100 * FULL_BP)]


class UpliftAmount(Strict):
    """Overlay: a part of the line on top of what group `of` pays."""

    kind: Literal["uplift"]
    of: Text
    rate_bp: RateBp


AmountDocument = Annotated[
    FixedAmount | RateAmount | ProgressiveAmount | WholeBandAmount | UnitBandsAmount | DifferentialAmount | TargetAmount
    | MultiplierAmount | UpliftAmount,
    Field(discriminator="kind"),
]  # fmt: skip


# ── the plan ───────────────────────────────────────────────────────────────────────────────────────────────────────


class RuleCapsDocument(Strict):
    """Caps of one rule: per line, per order, per payee of an order, per payee in the plan's cap period."""

    line_minor: Minor | None = None
    order_minor: Minor | None = None
    payee_minor: Minor | None = None
    period_minor: Minor | None = None


class PlanCapsDocument(Strict):
    """Caps of the whole plan. `margin_bp`: of each line's margin; `period`: what the caps by period and the budget count in."""

    total_bp: Annotated[int, Field(ge=1, le=FULL_BP)]
    order_minor: Minor | None = None
    payee_minor: Minor | None = None
    margin_bp: RateBp | None = None
    period: PeriodName = "month"
    payee_period_minor: Minor | None = None
    budget_minor: Minor | None = None
    budget_per: Literal["period", "version"] = "period"


class TermsDocument(Strict):
    """What the shop declares about taking part; the law asks for it, the engine never pays on heads."""

    pays_on_recruitment: bool | None = False
    entry_fee_minor: Minor = 0
    starter_purchase_required: bool | None = False


class RuleDocument(Strict):
    """One rule. Without a priority it takes 100 × its place in the list: the list's order is the order of precedence."""

    key: Key
    title: Annotated[str, Field(max_length=200), AfterValidator(storable)] | None = ""
    pays: PaysDocument
    amount: AmountDocument
    basis: Literal["paid", "margin"] = "paid"
    when: ConditionDocument | None = None
    group: Text | None = "base"
    priority: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    caps: RuleCapsDocument | None = None


class PlanDocument(Strict):
    """A commission plan. Amounts are minor units, rates basis points, instants carry their offset."""

    format: Annotated[int, Field(ge=DOCUMENT_FORMAT, le=DOCUMENT_FORMAT)]
    title: Text
    unqualified: Literal["compression", "breakage"]
    hold_days: Annotated[int, Field(ge=0, le=3650)]
    caps: PlanCapsDocument
    groups: dict[Key, Literal["add", "max", "exclusive"]] | None = None
    reach: Depth | None = None
    terms: TermsDocument | None = None
    rules: Annotated[list[RuleDocument], Field(min_length=1, max_length=MAX_RULES)]


_IDS: Final = {
    "WhenSku": ("sku", "sku"),
    "WhenProduct": ("product", "prd"),
    "WhenCategory": ("category", "cat"),
    "WhenSupplier": ("supplier", "usr"),
    "PaysPerson": ("distributor", "dst"),
}
"""Type → its member that holds ids, and the prefix that these have outside."""


def plan_schema() -> dict[str, Any]:
    """The JSON Schema of a plan document as people and files write it: with public ids."""
    schema = PlanDocument.model_json_schema(by_alias=True)
    for name, (member, prefix) in _IDS.items():
        text = {"type": "string", "pattern": f"^{prefix}_[0-9a-z]+$"}
        held = schema["$defs"][name]["properties"][member]
        if "items" in held:
            held["items"] = text
        else:
            schema["$defs"][name]["properties"][member] = {"title": held["title"], **text}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
