"""The published plan document: these types are the JSON Schema (`docs/plan.schema.json`, `GET /plans/schema`), the check of what
comes in, and the form of the editor.

They say what may be written; what a document means is `types.plan`, and `engine.document` leads from one to the other. Strict:
no unknown keys, no numbers in texts, no booleans as numbers. What several members must keep between them is checked in
`engine.document`, too, and told with the same paths. A new kind of rule begins here and in `types.plan`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, WithJsonSchema
from pydantic_core import PydanticCustomError

from .plan import DOCUMENT_FORMAT, FULL_BP

MAX_MINOR: Final = 10**15
MAX_DEPTH: Final = 50
MAX_RULES: Final = 200
KEY: Final = "^[a-z0-9][a-z0-9_-]{0,39}$"
TAG_MARK: Final = "condition:"
"""Marks the tags of conditions in the places of pydantic's errors, which are no keys of the document."""


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can keep the text: no NUL, no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


def _storable(text: str) -> str:
    if not is_storable(text):
        raise PydanticCustomError("not_storable", "must not contain NUL or half characters")
    return text


def _instant(value: Any) -> datetime:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        at = None
    if not isinstance(at, datetime) or at.tzinfo is None or not 1970 <= at.year <= 2200:
        raise PydanticCustomError("instant", "must be an instant with its offset, like 2026-03-01T00:00:00+08:00")
    return at


Minor = Annotated[int, Field(ge=0, le=MAX_MINOR, description="Minor units of the shop's currency.")]
RateBp = Annotated[int, Field(ge=0, le=FULL_BP, description="Basis points: 10,000 is 100 %.")]
Text = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_storable)]
Key = Annotated[str, Field(pattern=KEY, description="a-z, 0-9, - and _, at most 40.")]
Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "description": "With its offset."}),
]
Id = Annotated[int, Field(gt=0, lt=2**63)]
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="HH:MM on the shop's clock.")]
RegionCode = Annotated[
    str, Field(pattern=r"^\d{2}(\d{2}(\d{2})?)?$", description="adcode of a province (2 digits), city (4), district (6).")
]
TierName = Literal["bronze", "silver", "gold", "platinum", "diamond"]
PeriodName = Literal["day", "week", "month", "quarter", "year"]
FigureName = Literal[
    "day_sales_minor", "day_team_sales_minor", "week_sales_minor", "week_team_sales_minor", "month_sales_minor",
    "month_team_sales_minor", "quarter_sales_minor", "quarter_team_sales_minor", "year_sales_minor", "year_team_sales_minor",
]  # fmt: skip
Depth = Annotated[int, Field(ge=1, le=MAX_DEPTH)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


# ── who ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class PaysSeller(_Strict):
    """The direct referrer of the order. Nobody else gets his share."""

    to: Literal["seller"]
    min_tier: TierName | None = None


class PaysAncestor(_Strict):
    """The indirect referrer `depth` above the seller: 1 is the seller's sponsor."""

    to: Literal["ancestor"]
    depth: Depth
    min_tier: TierName | None = None


class PaysBuyer(_Strict):
    """自购: the buyer himself, where he is an active distributor."""

    to: Literal["buyer"]
    min_tier: TierName | None = None


class PaysPath(_Strict):
    """Everybody eligible from one depth to another, each the whole amount (team bonus), or by difference of tier (级差) with a
    differential amount. Depth 0 is the seller."""

    to: Literal["path"]
    from_depth: Annotated[int, Field(ge=0, le=MAX_DEPTH)] = 1
    to_depth: Annotated[int, Field(ge=0, le=MAX_DEPTH)]
    min_tier: TierName | None = None


class PaysGeneration(_Strict):
    """代数: the n-th ancestor of `min_tier` or above, however many lower ones stand between; nobody deeper than `to_depth`."""

    to: Literal["generation"]
    generation: Depth
    min_tier: TierName
    to_depth: Depth


class PaysRegionalPartner(_Strict):
    """区域代理: who holds the province, city or district that the order goes to."""

    to: Literal["regional_partner"]
    scope: Literal["province", "city", "district"]
    min_tier: TierName | None = None


class PaysPerson(_Strict):
    """One named distributor, on every order that the rule matches."""

    to: Literal["person"]
    distributor: Id
    min_tier: TierName | None = None


class PaysEarner(_Strict):
    """Only for multiplier and uplift: whoever earns in the group that is overlaid."""

    to: Literal["earner"]


class PaysMember(_Strict):
    """At the period's end: every active distributor by his own, or his team's, net sales of the period."""

    to: Literal["member"]
    period: PeriodName
    sales: Literal["personal", "team"] = "personal"
    min_tier: TierName | None = None
    min_sales_minor: Minor = 0


class PaysPool(_Strict):
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


class FixedAmount(_Strict):
    """So much per unit, per line, per order (split over its matching lines), or per period."""

    kind: Literal["fixed"]
    minor: Minor
    per: Literal["unit", "line", "order", "period"]


class RateAmount(_Strict):
    """A part of the line, or of the period's sales."""

    kind: Literal["rate"]
    rate_bp: RateBp


class BandDocument(_Strict):
    from_minor: Minor
    rate_bp: RateBp


class ProgressiveAmount(_Strict):
    """Each part of the amount at the rate of the band that it lies in. `figure` and `true_up` belong to `by: figure`."""

    kind: Literal["progressive"]
    by: Literal["line", "order", "figure", "period"]
    figure: FigureName | None = None
    true_up: bool = False
    bands: Annotated[list[BandDocument], Field(min_length=1, max_length=50)]


class WholeBandAmount(_Strict):
    """The whole amount at the rate of the one band reached. `figure` and `true_up` belong to `by: figure`."""

    kind: Literal["whole_band"]
    by: Literal["line", "order", "figure", "period"]
    figure: FigureName | None = None
    true_up: bool = False
    bands: Annotated[list[BandDocument], Field(min_length=1, max_length=50)]


class UnitBandDocument(_Strict):
    from_units: Annotated[int, Field(ge=0, le=1_000_000_000)]
    minor: Minor


class UnitBandsAmount(_Strict):
    """By quantity: so much per unit, by the units of the line or of the order's matching lines."""

    kind: Literal["unit_bands"]
    by: Literal["line", "order"]
    mode: Literal["progressive", "whole_band"] = "progressive"
    bands: Annotated[list[UnitBandDocument], Field(min_length=1, max_length=50)]


class PeerDocument(_Strict):
    """平级: for who stands above an earner of his own tier. `of`: a part of the line, or of what that earner got by this rule."""

    rate_bp: RateBp
    of: Literal["line", "earned"] = "line"
    most: Annotated[int, Field(ge=1, le=MAX_DEPTH)] = 1
    cap_minor: Minor | None = None


class DifferentialAmount(_Strict):
    """级差: each tier's rate less the rates already paid below it. A tier that is not named has rate 0. Only with `to: path`."""

    kind: Literal["differential"]
    rates_bp: Annotated[dict[TierName, RateBp], Field(min_length=1)]
    peer: PeerDocument | None = None


class TargetStepDocument(_Strict):
    from_minor: Annotated[int, Field(ge=1, le=MAX_MINOR)]
    minor: Minor


class TargetAmount(_Strict):
    """A bonus for reaching a target of the period's sales: the highest step reached pays. Only with `to: member`."""

    kind: Literal["target"]
    steps: Annotated[list[TargetStepDocument], Field(min_length=1, max_length=50)]


class MultiplierAmount(_Strict):
    """Overlay: what group `of` pays × times_bp/10,000; the part above 1 is this rule's share."""

    kind: Literal["multiplier"]
    of: Text
    times_bp: Annotated[int, Field(ge=FULL_BP, le=100 * FULL_BP)]


class UpliftAmount(_Strict):
    """Overlay: a part of the line on top of what group `of` pays."""

    kind: Literal["uplift"]
    of: Text
    rate_bp: RateBp


AmountDocument = Annotated[
    FixedAmount | RateAmount | ProgressiveAmount | WholeBandAmount | UnitBandsAmount | DifferentialAmount | TargetAmount
    | MultiplierAmount | UpliftAmount,
    Field(discriminator="kind"),
]  # fmt: skip


# ── when ───────────────────────────────────────────────────────────────────────────────────────────────────────────

Ids = Annotated[list[Id], Field(min_length=1, max_length=1000)]
Texts = Annotated[list[Text], Field(min_length=1, max_length=1000)]
Tiers = Annotated[list[TierName], Field(min_length=1, max_length=1000)]


class WhenAll(_Strict):
    """All of the conditions hold."""

    all: Annotated[list[ConditionDocument], Field(min_length=1, max_length=50)]


class WhenAny(_Strict):
    """At least one of the conditions holds."""

    any: Annotated[list[ConditionDocument], Field(min_length=1, max_length=50)]


class WhenNot(_Strict):
    """The condition does not hold."""

    not_: Annotated[ConditionDocument, Field(alias="not")]


class WhenCategory(_Strict):
    """The line's category is one of these or lies below one."""

    category: Ids


class WhenProduct(_Strict):
    """The line's goods (SPU) are one of these."""

    product: Ids


class WhenSku(_Strict):
    """The line's SKU is one of these."""

    sku: Ids


class WhenTag(_Strict):
    """The SKU bears one of these tags."""

    tag: Texts


class WhenSupplier(_Strict):
    """The SKU comes from one of these suppliers."""

    supplier: Ids


class WhenChannel(_Strict):
    """The order came through one of these sales channels."""

    channel: Texts


class WhenRegion(_Strict):
    """The order goes to, or into, one of these regions."""

    region: Annotated[list[RegionCode], Field(min_length=1, max_length=1000)]


class WhenFirstOrder(_Strict):
    """true: it is the buyer's first paid order; false: it is not."""

    first_order: bool


class WhenPayeeTier(_Strict):
    """Whoever is paid has one of these tiers at payment; his share is not passed on otherwise (that is what min_tier does)."""

    payee_tier: Tiers


class WhenSellerTier(_Strict):
    """The seller has one of these tiers at payment."""

    seller_tier: Tiers


class WhenNewGoods(_Strict):
    """Paid within so many days (24 hours each) of the goods' listing."""

    new_goods_days: Annotated[int, Field(ge=1, le=3650)]


class WindowDocument(_Strict):
    from_: Annotated[Instant | None, Field(alias="from")] = None
    to: Instant | None = None


class WhenWindow(_Strict):
    """Paid within [from, to); one side may be left open."""

    window: WindowDocument


class TimeOfDayDocument(_Strict):
    from_: Annotated[Clock, Field(alias="from")]
    to: Clock


class WhenTimeOfDay(_Strict):
    """Paid within [from, to) on the shop's clock; from later than to runs over midnight."""

    time_of_day: TimeOfDayDocument


CONDITIONS: Final[dict[str, type[_Strict]]] = {
    "all": WhenAll, "any": WhenAny, "not": WhenNot, "category": WhenCategory, "product": WhenProduct, "sku": WhenSku,
    "tag": WhenTag, "supplier": WhenSupplier, "channel": WhenChannel, "region": WhenRegion, "first_order": WhenFirstOrder,
    "payee_tier": WhenPayeeTier, "seller_tier": WhenSellerTier, "new_goods_days": WhenNewGoods, "window": WhenWindow,
    "time_of_day": WhenTimeOfDay,
}  # fmt: skip
"""The one key of each condition."""


def _condition_tag(value: Any) -> str | None:
    if isinstance(value, dict) and len(value) == 1:
        (key,) = value
        return TAG_MARK + key if isinstance(key, str) and key in CONDITIONS else None
    return next((TAG_MARK + key for key, model in CONDITIONS.items() if isinstance(value, model)), None)


ConditionDocument = Annotated[
    Annotated[WhenAll, Tag(TAG_MARK + "all")] | Annotated[WhenAny, Tag(TAG_MARK + "any")]
    | Annotated[WhenNot, Tag(TAG_MARK + "not")] | Annotated[WhenCategory, Tag(TAG_MARK + "category")]
    | Annotated[WhenProduct, Tag(TAG_MARK + "product")] | Annotated[WhenSku, Tag(TAG_MARK + "sku")]
    | Annotated[WhenTag, Tag(TAG_MARK + "tag")] | Annotated[WhenSupplier, Tag(TAG_MARK + "supplier")]
    | Annotated[WhenChannel, Tag(TAG_MARK + "channel")] | Annotated[WhenRegion, Tag(TAG_MARK + "region")]
    | Annotated[WhenFirstOrder, Tag(TAG_MARK + "first_order")] | Annotated[WhenPayeeTier, Tag(TAG_MARK + "payee_tier")]
    | Annotated[WhenSellerTier, Tag(TAG_MARK + "seller_tier")] | Annotated[WhenNewGoods, Tag(TAG_MARK + "new_goods_days")]
    | Annotated[WhenWindow, Tag(TAG_MARK + "window")] | Annotated[WhenTimeOfDay, Tag(TAG_MARK + "time_of_day")],
    Discriminator(_condition_tag, custom_error_type="condition",
                  custom_error_message="a condition has exactly one key of " + ", ".join(CONDITIONS)),
]  # fmt: skip


# ── the plan ───────────────────────────────────────────────────────────────────────────────────────────────────────


class RuleCapsDocument(_Strict):
    """Caps of one rule: per line, per order, per payee of an order, per payee in the plan's cap period."""

    line_minor: Minor | None = None
    order_minor: Minor | None = None
    payee_minor: Minor | None = None
    period_minor: Minor | None = None


class PlanCapsDocument(_Strict):
    """Caps of the whole plan. `margin_bp`: of each line's margin; `period`: what the caps by period and the budget count in."""

    total_bp: Annotated[int, Field(ge=1, le=FULL_BP)]
    order_minor: Minor | None = None
    payee_minor: Minor | None = None
    margin_bp: RateBp | None = None
    period: PeriodName = "month"
    payee_period_minor: Minor | None = None
    budget_minor: Minor | None = None
    budget_per: Literal["period", "version"] = "period"


class TermsDocument(_Strict):
    """What the shop declares about taking part; the law asks for it, the engine never pays on heads."""

    pays_on_recruitment: bool | None = False
    entry_fee_minor: Minor = 0
    starter_purchase_required: bool | None = False


class RuleDocument(_Strict):
    """One rule. Without a priority it takes 100 × its place in the list: the list's order is the order of precedence."""

    key: Key
    title: Annotated[str, Field(max_length=200), AfterValidator(_storable)] | None = ""
    pays: PaysDocument
    amount: AmountDocument
    basis: Literal["paid", "margin"] = "paid"
    when: ConditionDocument | None = None
    group: Text | None = "base"
    priority: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    caps: RuleCapsDocument | None = None


class PlanDocument(_Strict):
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


for _model in (WhenAll, WhenAny, WhenNot, RuleDocument, PlanDocument):
    _model.model_rebuild()


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
