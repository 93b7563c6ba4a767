"""What a plan's own conditions can tell apart: classes of goods and of sales, each by one of its members. A proof that goes
through all of them has gone through everything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from math import prod
from typing import Any, NamedTuple

from banyan.earnings.commission.types import (
    All,
    FirstOrder,
    FromSupplier,
    HasTag,
    InCategory,
    InChannel,
    InRegion,
    IsProduct,
    IsSku,
    NewGoods,
    Not,
    Plan,
    SellerTier,
    Some,
    TimeOfDay,
    Window,
)

from .provable import EVERY_TIER, leaves_of


@dataclass(frozen=True, slots=True)
class Goods:
    """A class of goods and a part of time, by one of its members: what conditions can tell of it."""

    sku_id: int | None
    categories: frozenset[int]
    tags: frozenset[str]
    age_days: int | None
    """Whole days since listing, None for goods without a listing."""
    at: datetime | None
    """A moment of the part of time; None where the plan has no windows."""
    product_id: int = 0
    supplier_id: int | None = None
    cost_minor: int = 0
    """Of the one unit; 0 is what `prove` takes, because the whole price is the greatest margin."""


class Sale(NamedTuple):
    """What conditions can tell of the order itself; a member that no condition asks for says nothing."""

    channel: str = ""
    region_code: str = ""
    first_order: bool | None = None
    local_minute: int | None = None


class SaleClasses:
    """The classes of goods and of sales of one plan. `count`: how many pairs, known before any is made."""

    def __init__(self, plan: Plan, category_sets: Sequence[frozenset[int]] | None) -> None:
        self._leaves = [leaf for rule in plan.rules for leaf in leaves_of(rule.when)]
        named = frozenset(each for leaf in self._of(InCategory) for each in leaf.category_ids)
        sets = {frozenset(each) & named for each in category_sets} if category_sets is not None else set(_subsets(sorted(named)))
        spans = {leaf.days for leaf in self._of(NewGoods)}
        edges = sorted({at for leaf in self._of(Window) for at in (leaf.from_at, leaf.to_at) if at})
        self._goods: tuple[Sequence[Any], ...] = (
            [None, *self._named(IsSku, "sku_ids")],
            sorted(sets | {frozenset()}, key=sorted),
            _subsets(self._named(HasTag, "tags")),
            [None, *([0, *sorted(spans)] if spans else [])],
            [edges[0] - timedelta(microseconds=1), *edges] if edges else [None],
            [0, *self._named(IsProduct, "product_ids")],
            [None, *self._named(FromSupplier, "supplier_ids")],
        )
        minutes = sorted({each for leaf in self._of(TimeOfDay) for each in (leaf.from_minute, leaf.to_minute)})
        self._sales: tuple[Sequence[Any], ...] = (
            ["", *self._named(InChannel, "channels")],
            ["", *self._named(InRegion, "codes")],
            [True, False] if any(self._of(FirstOrder)) else [None],
            minutes or [None],  # before the first edge is after the greatest one: all such conditions are arcs of the clock
        )
        self.count = prod(len(each) for each in (*self._goods, *self._sales))

    def goods(self) -> Iterator[Goods]:
        for each in product(*self._goods):
            yield Goods(*each)

    def sales(self) -> list[Sale]:
        return [Sale(*each) for each in product(*self._sales)]

    def _of(self, kind: type) -> list[Any]:
        return [leaf for leaf in self._leaves if isinstance(leaf, kind)]

    def _named(self, kind: type, member: str) -> list[Any]:
        return sorted({each for leaf in self._of(kind) for each in getattr(leaf, member)})


def tiers_for(condition: Any, goods: Goods, sale: Sale, seller_tier: str | None) -> frozenset[str]:
    """The tiers of the payee for which the condition holds on this sale. `seller_tier` None: nobody sold."""
    match condition:
        case None:
            return EVERY_TIER
        case All():
            return frozenset.intersection(*(tiers_for(each, goods, sale, seller_tier) for each in condition.conditions))
        case Some():
            return frozenset().union(*(tiers_for(each, goods, sale, seller_tier) for each in condition.conditions))
        case Not():
            return EVERY_TIER - tiers_for(condition.condition, goods, sale, seller_tier)
    if hasattr(condition, "tiers") and not isinstance(condition, SellerTier):
        return frozenset(condition.tiers)
    held = seller_tier in condition.tiers if isinstance(condition, SellerTier) else _holds(condition, goods, sale)
    return EVERY_TIER if held else frozenset()


def _holds(condition: Any, goods: Goods, sale: Sale) -> bool:
    match condition:
        case InCategory():
            return not goods.categories.isdisjoint(condition.category_ids)
        case IsSku():
            return goods.sku_id in condition.sku_ids
        case IsProduct():
            return goods.product_id in condition.product_ids
        case HasTag():
            return not goods.tags.isdisjoint(condition.tags)
        case FromSupplier():
            return goods.supplier_id in condition.supplier_ids
        case NewGoods():
            return goods.age_days is not None and goods.age_days < condition.days
        case Window():
            assert goods.at is not None
            begun = condition.from_at is None or goods.at >= condition.from_at
            return begun and (condition.to_at is None or goods.at < condition.to_at)
        case InChannel():
            return sale.channel in condition.channels
        case InRegion():
            return sale.region_code.startswith(condition.codes)
        case FirstOrder():
            return sale.first_order is condition.is_first
        case TimeOfDay():
            return _on_clock(condition, sale.local_minute)
    raise TypeError(type(condition).__name__)


def _on_clock(condition: TimeOfDay, minute: int | None) -> bool:
    if minute is None:
        return False
    start, end = condition.from_minute, condition.to_minute
    return start <= minute < end if start < end else minute >= start or minute < end


def _subsets(members: Sequence[Any]) -> list[frozenset[Any]]:
    found: list[frozenset[Any]] = [frozenset()]
    for member in members[:16]:
        found += [each | {member} for each in found]
    return found
