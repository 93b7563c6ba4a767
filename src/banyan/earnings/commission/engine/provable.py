"""What a plan may hold to be proven; whatever is not named here is told in words, and the plan is bounded instead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import Any

from banyan.earnings.commission.types import (
    All,
    Fixed,
    HasTag,
    InCategory,
    IsSku,
    Measure,
    Multiplier,
    NewGoods,
    Not,
    PayeeTier,
    Per,
    Plan,
    Progressive,
    Rate,
    Recipient,
    Some,
    Stacking,
    Uplift,
    WholeBand,
    Window,
)

_KNOWN = {
    "plan": {"title", "unqualified", "hold_days", "caps", "rules", "groups", "reach", "terms"},
    "plan_caps": {
        "total_bp",
        "order_minor",
        "payee_minor",
        "margin_bp",
        "period",
        "payee_period_minor",
        "budget_minor",
        "budget_is_total",
    },
    "rule": {"key", "pays", "amount", "when", "group", "priority", "caps", "title"},
    "rule_caps": {"line_minor", "order_minor", "payee_minor", "period_minor"},
    "pays": {"to", "depth", "min_tier"},
}
_AMOUNTS: dict[type, set[str]] = {
    Fixed: {"minor", "per"},
    Rate: {"rate_bp"},
    Progressive: {"by", "bands"},
    WholeBand: {"by", "bands"},
    Multiplier: {"of", "times_bp"},
    Uplift: {"of", "rate_bp"},
}


def leaves_of(condition: Any) -> Iterator[Any]:
    match condition:
        case None:
            return
        case All() | Some():
            for each in condition.conditions:
                yield from leaves_of(each)
        case Not():
            yield from leaves_of(condition.condition)
        case _:
            yield condition


def unknown_of(plan: Plan) -> Iterator[str]:
    """What of the plan cannot be proven, in words."""
    yield from _beyond("plan", plan, "plan")
    yield from _beyond("plan_caps", plan.caps, "caps")
    stackings, sizes = dict(plan.groups), [rule.group for rule in plan.rules]
    for rule in plan.rules:
        at, amount = f"rule {rule.key}", rule.amount
        yield from _beyond("rule", rule, at)
        yield from _beyond("rule_caps", rule.caps, at)
        yield from _beyond("pays", rule.pays, at)
        if rule.pays.to not in (Recipient.SELLER, Recipient.ANCESTOR, Recipient.EARNER):
            yield f"{at}: pays {rule.pays.to}"
        if type(amount) not in _AMOUNTS or not _is_plain(amount, _AMOUNTS[type(amount)]):
            yield f"{at}: {type(amount).__name__}"
        elif getattr(amount, "by", Measure.LINE) not in (Measure.LINE, Measure.ORDER):
            yield f"{at}: by {amount.by}"  # type: ignore[union-attr]
        elif getattr(amount, "per", Per.LINE) not in (Per.LINE, Per.UNIT):
            yield f"{at}: per {amount.per}"  # type: ignore[union-attr]
        later = any(cap is not None for cap in (rule.caps.order_minor, rule.caps.payee_minor, rule.caps.period_minor))
        if later and stackings[rule.group] is not Stacking.ADD and sizes.count(rule.group) > 1:
            yield f"{at}: a cap per order or person on one of several rivals"
        if rule.caps.order_minor is not None and rule.pays.to is Recipient.EARNER:
            yield f"{at}: a cap per order over several earners"
        for leaf in leaves_of(rule.when):
            if not isinstance(leaf, InCategory | IsSku | HasTag | PayeeTier | NewGoods | Window):
                yield f"{at}: {type(leaf).__name__}"
    tags = {tag for rule in plan.rules for leaf in leaves_of(rule.when) if isinstance(leaf, HasTag) for tag in leaf.tags}
    if len(tags) > 12:
        yield f"{len(tags)} tags"


def _beyond(kind: str, value: Any, at: str) -> Iterator[str]:
    if not _is_plain(value, _KNOWN[kind]):
        yield f"{at}: a member that the proof does not know"


def _is_plain(value: Any, known: set[str]) -> bool:
    """Whether everything that `value` says beyond the `known` members is what is said by saying nothing."""
    for each in fields(value):
        if each.name in known:
            continue
        if each.default is not MISSING:
            silent = each.default
        elif each.default_factory is not MISSING:
            silent = each.default_factory()
        else:
            return False
        if getattr(value, each.name) != silent:
            return False
    return True
