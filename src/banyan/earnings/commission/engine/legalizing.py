"""The nearest plan that a law allows: first what costs nobody anything, then ceilings, then depth, then what is paid on teams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from banyan.earnings.commission.types import Plan, Recipient, Rule, Terms

from .facts import paid_range


def nearest_lawful(plan: Plan, upline_depth: int, total_bp: int, is_lawful: Callable[[Plan], bool]) -> Plan | None:
    """The first of ever stricter variants that `is_lawful` allows, or None. The plan itself is the first of them."""
    return next((each for each in _variants(plan, upline_depth, total_bp) if each.rules and is_lawful(each)), None)


def _variants(plan: Plan, upline_depth: int, total_bp: int) -> Iterator[Plan]:
    yield plan
    plain = replace(plan, terms=Terms())
    yield plain
    capped = _capped(plain, total_bp)
    yield capped
    yield _shallow(plain, upline_depth)
    shallow = _shallow(capped, upline_depth)
    yield shallow
    yield replace(shallow, rules=tuple(rule for rule in shallow.rules if not _on_teams(shallow, rule)))


def _capped(plan: Plan, total_bp: int) -> Plan:
    lowered = max(1, min(plan.caps.total_bp, total_bp))
    return replace(plan, caps=replace(plan.caps, total_bp=lowered))


def _shallow(plan: Plan, upline_depth: int) -> Plan:
    """Without what reaches above `upline_depth`; rules for a stretch of depths are shortened."""
    rules = tuple(shortened for rule in plan.rules if (shortened := _shorten(rule, upline_depth)) is not None)
    deepest = max((rule.pays.depth for rule in rules if rule.pays.to is Recipient.ANCESTOR), default=0)
    reach = plan.reach
    if reach is not None:
        reach = max(min(reach, upline_depth), deepest) or None
    return replace(plan, rules=rules, reach=reach)


def _shorten(rule: Rule, upline_depth: int) -> Rule | None:
    pays = rule.pays
    if pays.to is Recipient.ANCESTOR:
        return rule if pays.depth <= upline_depth else None
    if pays.to is Recipient.GENERATION:
        return (
            replace(rule, pays=replace(pays, to_depth=min(pays.to_depth, upline_depth))) if pays.depth <= upline_depth else None
        )
    if pays.to is Recipient.PATH:
        return (
            replace(rule, pays=replace(pays, to_depth=min(pays.to_depth, upline_depth))) if pays.depth <= upline_depth else None
        )
    return rule


def _on_teams(plan: Plan, rule: Rule) -> bool:
    return paid_range(replace(plan, rules=(rule,))).pays_on_team_sales
