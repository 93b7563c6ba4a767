"""What a plan may hold to be proven; whatever is not named here is told in words, and the plan is bounded instead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import Any

from banyan.earnings.commission.types import (
    PERIOD_RECIPIENTS,
    TIERS,
    All,
    Band,
    Basis,
    Condition,
    Differential,
    Fixed,
    Measure,
    Multiplier,
    Not,
    Plan,
    Progressive,
    Rate,
    Recipient,
    Rule,
    Sales,
    Some,
    Stacking,
    Target,
    UnitBands,
    Uplift,
    Weight,
    WholeBand,
    is_periodic,
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
    "rule": {"key", "pays", "amount", "when", "group", "priority", "caps", "title", "basis"},
    "rule_caps": {"line_minor", "order_minor", "payee_minor", "period_minor"},
    "pays": {
        "to",
        "depth",
        "min_tier",
        "to_depth",
        "scope",
        "distributor_id",
        "period",
        "sales",
        "weight",
        "tier_weights",
        "min_sales_minor",
    },
}
BESIDE = frozenset({Recipient.BUYER, Recipient.REGIONAL_PARTNER, Recipient.PERSON})
"""Paid for something else than a place on the path."""
_RECIPIENTS = BESIDE | PERIOD_RECIPIENTS
_RECIPIENTS |= {Recipient.SELLER, Recipient.ANCESTOR, Recipient.PATH, Recipient.GENERATION, Recipient.EARNER}
_AMOUNTS: dict[type, set[str]] = {
    Fixed: {"minor", "per"},
    Rate: {"rate_bp"},
    Progressive: {"by", "bands", "figure", "true_up"},
    WholeBand: {"by", "bands", "figure", "true_up"},
    UnitBands: {"by", "progressive", "bands"},
    Differential: {"rates", "peer"},
    Target: {"steps"},
    Multiplier: {"of", "times_bp"},
    Uplift: {"of", "rate_bp"},
}


EVERY_TIER = frozenset(TIERS)


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
    for rule in plan.rules:
        yield from _unknown_of_rule(rule)
        yield from _meeting_caps(rule, plan)
        yield from _overlay_beside(rule, plan)
    yield from _figures(plan)
    yield from _at_the_close(plan)
    yield from _chosen_by_absence(plan)
    tags = {tag for rule in plan.rules for leaf in leaves_of(rule.when) for tag in getattr(leaf, "tags", ())}
    if len(tags) > 12:
        yield f"{len(tags)} tags"


def _unknown_of_rule(rule: Rule) -> Iterator[str]:
    at, amount = f"rule {rule.key}", rule.amount
    yield from _beyond("rule", rule, at)
    yield from _beyond("rule_caps", rule.caps, at)
    yield from _beyond("pays", rule.pays, at)
    if rule.pays.to not in _RECIPIENTS:
        yield f"{at}: pays {rule.pays.to}"
    if type(amount) not in _AMOUNTS or not _is_plain(amount, _AMOUNTS[type(amount)]):
        yield f"{at}: {type(amount).__name__}"
    for leaf in leaves_of(rule.when):
        if not isinstance(leaf, Condition):
            yield f"{at}: {type(leaf).__name__}"


def _meeting_caps(rule: Rule, plan: Plan) -> Iterator[str]:
    """Caps that are shared in proportion between shares of which others then take another part: no straight lines any more."""
    caps, at = rule.caps, f"rule {rule.key}"
    rivals = dict(plan.groups)[rule.group] is not Stacking.ADD and [each.group for each in plan.rules].count(rule.group) > 1
    if rivals and any(cap is not None for cap in (caps.order_minor, caps.payee_minor, caps.period_minor)):
        yield f"{at}: a cap per order or person on one of several rivals"
    if caps.order_minor is not None:
        if rule.pays.to is Recipient.EARNER:
            yield f"{at}: a cap per order over several earners"
        elif rule.pays.to is Recipient.PATH and rule.pays.to_depth > rule.pays.depth:
            yield f"{at}: a cap per order over several payees"


def _overlay_beside(rule: Rule, plan: Plan) -> Iterator[str]:
    """Whoever is paid for something else may be the very seller, and then gets the seller's overlay."""
    if isinstance(rule.amount, Multiplier | Uplift) and rule.pays.to is not Recipient.EARNER:
        of = rule.amount.of
        if any(each.group == of and each.pays.to in BESIDE for each in plan.rules):
            yield f"rule {rule.key}: an overlay for one place on a group that also pays others"


def _figures(plan: Plan) -> Iterator[str]:
    """A figure can be anything. One rule takes its worst; several take theirs together only if that is the last band of each."""
    amounts = [rule.amount for rule in plan.rules]
    bands = [each.bands for each in amounts if isinstance(each, Progressive | WholeBand) and each.by is Measure.FIGURE]
    if len(bands) > 1 and not all(ends_highest(each) for each in bands):
        yield "several rules by figures, of which one is highest below its last band"


def _at_the_close(plan: Plan) -> Iterator[str]:
    """What a close pays on one sale is known where the sale can be all that there is in its period."""
    periodic = [rule for rule in plan.rules if is_periodic(rule)]
    if not periodic:
        return
    for rule in periodic:
        if rule.pays.to is Recipient.MEMBER and rule.pays.sales is Sales.TEAM:
            yield f"rule {rule.key}: one sale counts for everybody above it, so only the plan's caps bound it"
    if len({rule.pays.period for rule in periodic}) > 1:
        yield "rewards of several periods"
    if any(getattr(rule.amount, "by", None) is Measure.FIGURE for rule in plan.rules):
        yield "rules by figures of a period beside rewards of one"
    if not frozenset.intersection(EVERY_TIER, *(_tiers_at_end(rule) for rule in periodic if by_seller(rule))):
        yield "rewards of one person that no tier gets all of"
    for rule in periodic:
        if not _tiers_at_end(rule):
            yield f"rule {rule.key}: nobody can take part"
    if plan.caps.payee_period_minor is not None:
        yield "a cap of a payee's period over orders and rewards"


def by_seller(rule: Rule) -> bool:
    """Whether the close pays only where somebody sold, for his sales."""
    pays = rule.pays
    return pays.to is Recipient.MEMBER or bool(pays.min_sales_minor) or pays.weight in (Weight.PERSONAL_SALES, Weight.TEAM_SALES)


def _tiers_at_end(rule: Rule) -> frozenset[str]:
    """The tiers that the close can pay by this rule."""
    pays = rule.pays
    fit = TIERS[TIERS.index(pays.min_tier) :] if pays.min_tier else TIERS
    weights = dict(pays.tier_weights)
    return frozenset(tier for tier in fit if pays.weight is not Weight.TIER or weights.get(tier, 0))


def ends_highest(bands: tuple[Band, ...]) -> bool:
    return bands[-1].rate_bp == max(band.rate_bp for band in bands)


def _chosen_by_absence(plan: Plan) -> Iterator[str]:
    """Where less of one share makes room for more of another, the greatest margin need not be the worst, nor the exact amount the
    bound of the rounded one."""
    of_margin = [rule for rule in plan.rules if rule.basis is Basis.MARGIN]
    for group, stacking in plan.groups:
        rules = [rule for rule in plan.rules if rule.group == group]
        if stacking is not Stacking.EXCLUSIVE or len(rules) < 2:
            continue
        if of_margin:
            yield f"group {group}: one of several excludes others, and rules are on the margin"
        if len({rule.amount.of for rule in rules if isinstance(rule.amount, Multiplier | Uplift)}) > 1:
            yield f"group {group}: one of several overlays on different groups excludes others"
    for rule in of_margin:
        amount = rule.amount
        if isinstance(amount, WholeBand) and amount.by is not Measure.FIGURE:
            rates = [band.rate_bp for band in amount.bands]
            if rates != sorted(rates):
                yield f"rule {rule.key}: a falling band on the margin"
        if isinstance(amount, Target) and (minors := [step.minor for step in amount.steps]) != sorted(minors):
            yield f"rule {rule.key}: a falling step on the margin"


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
