"""Conditions (`when`): read from the document, written back, and compiled into one closure per rule."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from banyan.earnings.commission.types import (
    TIERS,
    All,
    Condition,
    HasTag,
    InCategory,
    IsSku,
    NewGoods,
    Not,
    PaidLine,
    PayeeTier,
    Some,
    Window,
)

from .reader import Reader

Predicate = Callable[[PaidLine, datetime, str], bool]
"""(line, paid_at, tier of the payee) → does the rule apply."""

NAMES = ("all", "any", "not", "category", "sku", "tag", "payee_tier", "new_goods_days", "window")
MAX_NESTING = 8


def read_condition(reader: Reader, nesting: int = 0) -> Condition:
    """One condition: an object with exactly one of NAMES."""
    named = [key for key in reader.members if key in NAMES]
    if nesting > MAX_NESTING:
        reader.fault("", f"conditions nest at most {MAX_NESTING} deep")
        return All(())
    if len(reader.members) != 1 or len(named) != 1:
        reader.fault("", "a condition has exactly one key of " + ", ".join(NAMES))
        return All(())
    name = named[0]
    match name:
        case "all" | "any":
            children = tuple(
                read_condition(Reader(value, reader.at(f"{name}[{index}]"), reader.faults), nesting + 1)
                for index, value in enumerate(reader.array(name, 50))
            )
            return All(children) if name == "all" else Some(children)
        case "not":
            return Not(read_condition(reader.child("not"), nesting + 1))
        case "category":
            return InCategory(reader.integers("category"))
        case "sku":
            return IsSku(reader.integers("sku"))
        case "tag":
            return HasTag(reader.texts("tag"))
        case "payee_tier":
            return PayeeTier(reader.texts("payee_tier", TIERS))
        case "new_goods_days":
            return NewGoods(reader.integer("new_goods_days", 1, 3650))
        case _:
            return _read_window(reader.child("window"))


def _read_window(reader: Reader) -> Window:
    window = Window(reader.instant("from"), reader.instant("to"))
    if window.from_at is None and window.to_at is None and not reader.has("from") and not reader.has("to"):
        reader.fault("", "a window has from, to, or both")
    if window.from_at is not None and window.to_at is not None and window.from_at >= window.to_at:
        reader.fault("to", "must be after from; the window is half-open")
    reader.close()
    return window


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
        case IsSku():
            return {"sku": list(condition.sku_ids)}
        case HasTag():
            return {"tag": list(condition.tags)}
        case PayeeTier():
            return {"payee_tier": list(condition.tiers)}
        case NewGoods():
            return {"new_goods_days": condition.days}
        case Window():
            sides = {"from": condition.from_at, "to": condition.to_at}
            return {"window": {side: at.isoformat() for side, at in sides.items() if at is not None}}


def compile_condition(condition: Condition) -> Predicate:
    """A closure that answers for one line and payee; sets and prefixes are prepared once."""
    match condition:
        case All():
            every = tuple(compile_condition(child) for child in condition.conditions)
            return lambda line, paid_at, tier: all(holds(line, paid_at, tier) for holds in every)
        case Some():
            some = tuple(compile_condition(child) for child in condition.conditions)
            return lambda line, paid_at, tier: any(holds(line, paid_at, tier) for holds in some)
        case Not():
            inner = compile_condition(condition.condition)
            return lambda line, paid_at, tier: not inner(line, paid_at, tier)
        case InCategory():
            category_ids = frozenset(condition.category_ids)
            return lambda line, _paid_at, _tier: not category_ids.isdisjoint(line.category_path)
        case IsSku():
            sku_ids = frozenset(condition.sku_ids)
            return lambda line, _paid_at, _tier: line.sku_id in sku_ids
        case HasTag():
            tags = frozenset(condition.tags)
            return lambda line, _paid_at, _tier: not tags.isdisjoint(line.tags)
        case PayeeTier():
            tiers = frozenset(condition.tiers)
            return lambda _line, _paid_at, tier: tier in tiers
        case NewGoods():
            span = timedelta(days=condition.days)
            return lambda line, paid_at, _tier: line.listed_at is not None and timedelta() <= paid_at - line.listed_at < span
        case Window():
            start, end = condition.from_at, condition.to_at
            return lambda _line, paid_at, _tier: (start is None or paid_at >= start) and (end is None or paid_at < end)
