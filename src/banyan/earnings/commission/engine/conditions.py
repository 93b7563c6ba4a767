"""Conditions (`when`): read from the document, written back, and compiled into one closure per rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from banyan.earnings.commission.types import (
    All,
    Condition,
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
    OrderFacts,
    PaidLine,
    PaidOrder,
    PayeeTier,
    SellerTier,
    Some,
    TimeOfDay,
    Window,
)
from banyan.earnings.commission.types import document_when as doc

from .faults import Fault

Predicate = Callable[[PaidLine, PaidOrder, str], bool]
"""(line, order, tier of the payee) → does the rule apply."""

MAX_NESTING = 8
NO_FACTS = OrderFacts()


def read_condition(written: Any) -> Condition:
    """What a condition of the document means."""
    match written:
        case doc.WhenAll():
            return All(tuple(read_condition(each) for each in written.all))
        case doc.WhenAny():
            return Some(tuple(read_condition(each) for each in written.any))
        case doc.WhenNot():
            return Not(read_condition(written.not_))
        case doc.WhenCategory():
            return InCategory(tuple(written.category))
        case doc.WhenProduct():
            return IsProduct(tuple(written.product))
        case doc.WhenSku():
            return IsSku(tuple(written.sku))
        case doc.WhenTag():
            return HasTag(tuple(written.tag))
        case doc.WhenSupplier():
            return FromSupplier(tuple(written.supplier))
        case doc.WhenChannel():
            return InChannel(tuple(written.channel))
        case doc.WhenRegion():
            return InRegion(tuple(written.region))
        case doc.WhenFirstOrder():
            return FirstOrder(written.first_order)
        case doc.WhenPayeeTier():
            return PayeeTier(tuple(written.payee_tier))
        case doc.WhenSellerTier():
            return SellerTier(tuple(written.seller_tier))
        case doc.WhenNewGoods():
            return NewGoods(written.new_goods_days)
        case doc.WhenWindow():
            return Window(written.window.from_, written.window.to)
        case doc.WhenTimeOfDay():
            return TimeOfDay(_minute(written.time_of_day.from_), _minute(written.time_of_day.to))
    raise TypeError(type(written).__name__)


def _minute(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


def condition_faults(condition: Condition, at: str, *, periodic: bool, nesting: int = 0) -> Iterator[Fault]:
    """What a condition's members must keep between them."""
    if nesting > MAX_NESTING:
        yield Fault(at, f"conditions nest at most {MAX_NESTING} deep")
        return
    match condition:
        case All() | Some():
            name = "all" if isinstance(condition, All) else "any"
            for index, child in enumerate(condition.conditions):
                yield from condition_faults(child, f"{at}.{name}[{index}]", periodic=periodic, nesting=nesting + 1)
        case Not():
            yield from condition_faults(condition.condition, f"{at}.not", periodic=periodic, nesting=nesting + 1)
        case Window():
            if condition.from_at is None and condition.to_at is None:
                yield Fault(f"{at}.window", "a window has from, to, or both")
            elif condition.from_at is not None and condition.to_at is not None and condition.from_at >= condition.to_at:
                yield Fault(f"{at}.window.to", "must be after from; the window is half-open")
        case TimeOfDay():
            if condition.from_minute == condition.to_minute:
                yield Fault(f"{at}.time_of_day.to", "must differ from from")
        case PayeeTier():
            if periodic:
                yield Fault(f"{at}.payee_tier", "here conditions choose lines of the period's orders; use min_tier")


def write_condition(condition: Condition) -> dict[str, Any]:
    match condition:
        case All():
            return {"all": [write_condition(child) for child in condition.conditions]}
        case Some():
            return {"any": [write_condition(child) for child in condition.conditions]}
        case Not():
            return {"not": write_condition(condition.condition)}
        case InCategory():
            return {"category": list(condition.category_ids)}
        case IsProduct():
            return {"product": list(condition.product_ids)}
        case IsSku():
            return {"sku": list(condition.sku_ids)}
        case HasTag():
            return {"tag": list(condition.tags)}
        case FromSupplier():
            return {"supplier": list(condition.supplier_ids)}
        case InChannel():
            return {"channel": list(condition.channels)}
        case InRegion():
            return {"region": list(condition.codes)}
        case FirstOrder():
            return {"first_order": condition.is_first}
        case PayeeTier():
            return {"payee_tier": list(condition.tiers)}
        case SellerTier():
            return {"seller_tier": list(condition.tiers)}
        case NewGoods():
            return {"new_goods_days": condition.days}
        case Window():
            sides = {"from": condition.from_at, "to": condition.to_at}
            return {"window": {side: at.isoformat() for side, at in sides.items() if at is not None}}
        case TimeOfDay():
            ends = {"from": condition.from_minute, "to": condition.to_minute}
            return {"time_of_day": {end: f"{minute // 60:02d}:{minute % 60:02d}" for end, minute in ends.items()}}


def compile_condition(condition: Condition) -> Predicate:
    """A closure that answers for one line and payee; sets and prefixes are prepared once. What is not known does not hold."""
    match condition:
        case All():
            every = tuple(compile_condition(child) for child in condition.conditions)
            return lambda line, order, tier: all(holds(line, order, tier) for holds in every)
        case Some():
            some = tuple(compile_condition(child) for child in condition.conditions)
            return lambda line, order, tier: any(holds(line, order, tier) for holds in some)
        case Not():
            inner = compile_condition(condition.condition)
            return lambda line, order, tier: not inner(line, order, tier)
        case InCategory():
            category_ids = frozenset(condition.category_ids)
            return lambda line, _order, _tier: not category_ids.isdisjoint(line.category_path)
        case IsProduct():
            product_ids = frozenset(condition.product_ids)
            return lambda line, _order, _tier: line.product_id in product_ids
        case IsSku():
            sku_ids = frozenset(condition.sku_ids)
            return lambda line, _order, _tier: line.sku_id in sku_ids
        case HasTag():
            tags = frozenset(condition.tags)
            return lambda line, _order, _tier: not tags.isdisjoint(line.tags)
        case FromSupplier():
            supplier_ids = frozenset(condition.supplier_ids)
            return lambda line, _order, _tier: line.supplier_id in supplier_ids
        case PayeeTier():
            tiers = frozenset(condition.tiers)
            return lambda _line, _order, tier: tier in tiers
        case NewGoods():
            span = timedelta(days=condition.days)
            return lambda line, order, _tier: line.listed_at is not None and timedelta() <= order.paid_at - line.listed_at < span
        case Window():
            start, end = condition.from_at, condition.to_at
            return lambda _line, order, _tier: (start is None or order.paid_at >= start) and (end is None or order.paid_at < end)
        case InChannel() | InRegion() | FirstOrder() | SellerTier() | TimeOfDay():
            return _of_the_order(condition)


def _of_the_order(condition: InChannel | InRegion | FirstOrder | SellerTier | TimeOfDay) -> Predicate:
    match condition:
        case InChannel():
            channels = frozenset(condition.channels)
            return lambda _line, order, _tier: (order.facts or NO_FACTS).channel in channels
        case InRegion():
            return lambda _line, order, _tier: (order.facts or NO_FACTS).region_code.startswith(condition.codes)
        case FirstOrder():
            return lambda _line, order, _tier: (order.facts or NO_FACTS).first_order is condition.is_first
        case SellerTier():
            tiers = frozenset(condition.tiers)
            return lambda _line, order, _tier: any(each.depth == 0 and each.tier in tiers for each in order.upline)
        case TimeOfDay():
            start, end = condition.from_minute, condition.to_minute

            def holds(_line: PaidLine, order: PaidOrder, _tier: str) -> bool:
                minute = (order.facts or NO_FACTS).local_minute
                if minute is None:
                    return False
                return start <= minute < end if start < end else minute >= start or minute < end

            return holds
