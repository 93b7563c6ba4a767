"""Which plans the quick way knows, and at which moments their conditions look."""

from __future__ import annotations

from dataclasses import MISSING, fields
from datetime import datetime
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
    Rule,
    Some,
    Uplift,
    WholeBand,
    Window,
)

_KNOWN: dict[str, frozenset[str]] = {
    "plan": frozenset({"title", "unqualified", "hold_days", "caps", "rules", "groups", "reach", "terms"}),
    "rule": frozenset({"key", "pays", "amount", "when", "group", "priority", "caps", "title"}),
    "plan_caps": frozenset({"total_bp", "order_minor", "payee_minor", "period", "budget_is_total"}),
    "rule_caps": frozenset({"line_minor", "order_minor"}),
    "pays": frozenset({"to", "depth", "min_tier"}),
}
_AMOUNTS: dict[type, frozenset[str]] = {
    Fixed: frozenset({"minor", "per"}),
    Rate: frozenset({"rate_bp"}),
    Progressive: frozenset({"by", "bands", "figure"}),
    WholeBand: frozenset({"by", "bands", "figure"}),
    Multiplier: frozenset({"of", "times_bp"}),
    Uplift: frozenset({"of", "rate_bp"}),
}
_RECIPIENTS = frozenset({Recipient.SELLER, Recipient.ANCESTOR, Recipient.EARNER})
DAY = 86_400_000_000
"""Moments here are microseconds since 1970, so that they cost nothing to compare."""


def is_known(plan: Plan) -> bool:
    """Whether everything that the plan says is known to the quick way."""
    plain = _is_plain(plan, _KNOWN["plan"]) and _is_plain(plan.caps, _KNOWN["plan_caps"])
    return plain and all(_is_known(rule) for rule in plan.rules)


def micros(at: datetime) -> int:
    """A moment as whole microseconds since 1970."""
    return int(at.timestamp()) * 1_000_000 + at.microsecond


def _is_known(rule: Rule) -> bool:
    amount = rule.amount
    return (
        _is_plain(rule, _KNOWN["rule"])
        and _is_plain(rule.pays, _KNOWN["pays"])
        and rule.pays.to in _RECIPIENTS
        and _is_plain(rule.caps, _KNOWN["rule_caps"])
        and type(amount) in _AMOUNTS
        and _is_plain(amount, _AMOUNTS[type(amount)])
        and getattr(amount, "by", Measure.LINE) in (Measure.LINE, Measure.ORDER)
        and getattr(amount, "per", Per.LINE) in (Per.LINE, Per.UNIT)
        and gather(rule.when, [], [])
    )


def _is_plain(value: Any, known: frozenset[str]) -> bool:
    """Whether everything that `value` says beyond the `known` fields is what is said by saying nothing."""
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


def gather(condition: Any, edges: list[int], spans: list[int]) -> bool:
    """Gather the moments that a condition looks at; False when it is of an unknown kind."""
    match condition:
        case None | InCategory() | IsSku() | HasTag() | PayeeTier():
            return True
        case All() | Some():
            return all([gather(each, edges, spans) for each in condition.conditions])  # noqa: C419 (every one is gathered)
        case Not():
            return gather(condition.condition, edges, spans)
        case Window():
            edges += [micros(at) for at in (condition.from_at, condition.to_at) if at is not None]
            return True
        case NewGoods():
            spans.append(condition.days * DAY)
            return True
        case _:
            return False
