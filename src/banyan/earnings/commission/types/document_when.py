"""Conditions of a plan document: one object with exactly one key each."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Discriminator, Field, Tag

from .written import Clock, Id, Instant, RegionCode, Strict, Text, TierName

TAG_MARK: Final = "condition:"
"""Marks the tags of conditions in the places of pydantic's errors, which are no keys of the document."""

Ids = Annotated[list[Id], Field(min_length=1, max_length=1000)]
Texts = Annotated[list[Text], Field(min_length=1, max_length=1000)]
Tiers = Annotated[list[TierName], Field(min_length=1, max_length=1000)]


class WhenAll(Strict):
    """All of the conditions hold."""

    all: Annotated[list[ConditionDocument], Field(min_length=1, max_length=50)]


class WhenAny(Strict):
    """At least one of the conditions holds."""

    any: Annotated[list[ConditionDocument], Field(min_length=1, max_length=50)]


class WhenNot(Strict):
    """The condition does not hold."""

    not_: Annotated[ConditionDocument, Field(alias="not")]


class WhenCategory(Strict):
    """The line's category is one of these or lies below one."""

    category: Ids


class WhenProduct(Strict):
    """The line's goods (SPU) are one of these."""

    product: Ids


class WhenSku(Strict):
    """The line's SKU is one of these."""

    sku: Ids


class WhenTag(Strict):
    """The SKU bears one of these tags."""

    tag: Texts


class WhenSupplier(Strict):
    """The SKU comes from one of these suppliers."""

    supplier: Ids


class WhenChannel(Strict):
    """The order came through one of these sales channels."""

    channel: Texts


class WhenRegion(Strict):
    """The order goes to, or into, one of these regions."""

    region: Annotated[list[RegionCode], Field(min_length=1, max_length=1000)]


class WhenFirstOrder(Strict):
    """true: it is the buyer's first paid order; false: it is not."""

    first_order: bool


class WhenPayeeTier(Strict):
    """Whoever is paid has one of these tiers at payment; his share is not passed on otherwise (that is what min_tier does)."""

    payee_tier: Tiers


class WhenSellerTier(Strict):
    """The seller has one of these tiers at payment."""

    seller_tier: Tiers


class WhenNewGoods(Strict):
    """Paid within so many days (24 hours each) of the goods' listing."""

    new_goods_days: Annotated[int, Field(ge=1, le=3650)]


class WindowDocument(Strict):
    from_: Annotated[Instant | None, Field(alias="from")] = None
    to: Instant | None = None


class WhenWindow(Strict):
    """Paid within [from, to); one side may be left open."""

    window: WindowDocument


class TimeOfDayDocument(Strict):
    from_: Annotated[Clock, Field(alias="from")]
    to: Clock


class WhenTimeOfDay(Strict):
    """Paid within [from, to) on the shop's clock; from later than to runs over midnight."""

    time_of_day: TimeOfDayDocument


CONDITIONS: Final[dict[str, type[Strict]]] = {
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


for _model in (WhenAll, WhenAny, WhenNot):
    _model.model_rebuild()
