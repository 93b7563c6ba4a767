"""The plan document: versioned JSON ↔ `types.Plan`. Strict: an unknown key, a wrong type, an idle rule are faults."""

from __future__ import annotations

import re

from banyan.earnings.commission.types import (
    DOCUMENT_FORMAT,
    FULL_BP,
    TIERS,
    Amount,
    Band,
    Fixed,
    Measure,
    Multiplier,
    Pays,
    Per,
    Plan,
    PlanCaps,
    Progressive,
    Rate,
    Recipient,
    Rule,
    RuleCaps,
    Stacking,
    Terms,
    Unqualified,
    Uplift,
    WholeBand,
    is_overlay,
)

from .conditions import read_condition
from .reader import MAX_MINOR, Fault, PlanDocumentError, Reader
from .writing import write_plan

__all__ = ["Fault", "PlanDocumentError", "parse_plan", "write_plan"]

KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
MAX_DEPTH = 50
MAX_RULES = 200
AMOUNT_KINDS = ("fixed", "rate", "progressive", "whole_band", "multiplier", "uplift")


def parse_plan(document: object) -> Plan:
    """The plan that `document` (parsed JSON) means. Raises PlanDocumentError with every fault and its path."""
    faults: list[Fault] = []
    reader = Reader(document, "", faults)
    if faults:
        raise PlanDocumentError(tuple(faults))
    if reader.value("format") != DOCUMENT_FORMAT or isinstance(reader.value("format"), bool):
        reader.fault("format", f"must be {DOCUMENT_FORMAT}, the version of the document's form")
    groups = _read_groups(reader)
    plan = Plan(
        title=reader.text("title"),
        unqualified=Unqualified(reader.choice("unqualified", tuple(Unqualified))),
        hold_days=reader.integer("hold_days", 0, 3650),
        caps=_read_plan_caps(reader.child("caps")),
        rules=_read_rules(reader),
        groups=groups,
        reach=reader.optional_integer("reach", 1, MAX_DEPTH),
        terms=_read_terms(reader),
    )
    reader.close()
    _check_rules(plan, faults)
    if faults:
        raise PlanDocumentError(tuple(faults))
    return plan


def _read_groups(reader: Reader) -> tuple[tuple[str, Stacking], ...]:
    if not reader.has("groups"):
        reader.seen.add("groups")
        return (("base", Stacking.ADD),)
    child = reader.child("groups")
    groups = []
    for name in sorted(child.members):
        if not KEY.fullmatch(name):
            child.fault(name, "a group is named with a-z, 0-9, - and _, at most 40")
        groups.append((name, Stacking(child.choice(name, tuple(Stacking)))))
    return tuple(groups)


def _read_plan_caps(reader: Reader) -> PlanCaps:
    caps = PlanCaps(
        total_bp=reader.integer("total_bp", 1, FULL_BP),
        order_minor=reader.optional_integer("order_minor", 0),
        payee_minor=reader.optional_integer("payee_minor", 0),
    )
    reader.close()
    return caps


def _read_terms(reader: Reader) -> Terms:
    if not reader.has("terms"):
        reader.seen.add("terms")
        return Terms()
    child = reader.child("terms")
    terms = Terms(
        pays_on_recruitment=child.boolean("pays_on_recruitment", False),
        entry_fee_minor=child.integer("entry_fee_minor", 0, default=0),
        starter_purchase_required=child.boolean("starter_purchase_required", False),
    )
    child.close()
    return terms


def _read_rules(reader: Reader) -> tuple[Rule, ...]:
    return tuple(
        _read_rule(Reader(value, f"rules[{index}]", reader.faults))
        for index, value in enumerate(reader.array("rules", MAX_RULES))
    )


def _read_rule(reader: Reader) -> Rule:
    key = reader.text("key")
    if key and not KEY.fullmatch(key):
        reader.fault("key", "is written with a-z, 0-9, - and _, at most 40")
    rule = Rule(
        key=key,
        title=reader.text("title", default=""),
        pays=_read_pays(reader.child("pays")),
        amount=_read_amount(reader.child("amount")),
        when=read_condition(reader.child("when")) if reader.has("when") else None,
        group=reader.text("group", default="base"),
        priority=reader.integer("priority", 0, 1_000_000, default=100),
        caps=_read_rule_caps(reader),
    )
    reader.seen.add("when")
    reader.close()
    return rule


def _read_pays(reader: Reader) -> Pays:
    to = Recipient(reader.choice("to", tuple(Recipient)))
    depth = reader.integer("depth", 1, MAX_DEPTH) if to is Recipient.ANCESTOR else 0
    min_tier = reader.choice("min_tier", TIERS) if to is not Recipient.EARNER and reader.has("min_tier") else None
    if min_tier is None and "min_tier" in reader.members and reader.members["min_tier"] is None:
        reader.seen.add("min_tier")
    reader.close()
    return Pays(to, depth, min_tier)


def _read_rule_caps(reader: Reader) -> RuleCaps:
    if not reader.has("caps"):
        reader.seen.add("caps")
        return RuleCaps()
    child = reader.child("caps")
    caps = RuleCaps(child.optional_integer("line_minor", 0), child.optional_integer("order_minor", 0))
    child.close()
    return caps


def _read_amount(reader: Reader) -> Amount:
    kind = reader.choice("kind", AMOUNT_KINDS)
    amount: Amount
    if kind == "fixed":
        amount = Fixed(reader.integer("minor", 0), Per(reader.choice("per", tuple(Per))))
    elif kind == "rate":
        amount = Rate(reader.integer("rate_bp", 0, FULL_BP))
    elif kind == "multiplier":
        amount = Multiplier(reader.text("of"), reader.integer("times_bp", FULL_BP, 100 * FULL_BP))
    elif kind == "uplift":
        amount = Uplift(reader.text("of"), reader.integer("rate_bp", 0, FULL_BP))
    else:
        by = Measure(reader.choice("by", tuple(Measure)))
        figure = reader.text("figure") if by is Measure.FIGURE else None
        bands = _read_bands(reader)
        amount = Progressive(by, bands, figure) if kind == "progressive" else WholeBand(by, bands, figure)
    reader.close()
    return amount


def _read_bands(reader: Reader) -> tuple[Band, ...]:
    bands = []
    for index, value in enumerate(reader.array("bands", 50)):
        child = Reader(value, reader.at(f"bands[{index}]"), reader.faults)
        bands.append(Band(child.integer("from_minor", 0, MAX_MINOR), child.integer("rate_bp", 0, FULL_BP)))
        child.close()
        if index == 0 and bands[0].from_minor != 0:
            child.fault("from_minor", "the first band starts at 0")
        if index and bands[index].from_minor <= bands[index - 1].from_minor:
            child.fault("from_minor", "bands rise: each starts above the one before")
    return tuple(bands)


def _check_rules(plan: Plan, faults: list[Fault]) -> None:
    """What only the whole plan shows: unique keys, known groups, overlays apart from what they overlay."""
    groups = dict(plan.groups)
    overlay_groups = {rule.group for rule in plan.rules if is_overlay(rule)}
    keys: set[str] = set()
    for index, rule in enumerate(plan.rules):
        at = f"rules[{index}]"
        if rule.key in keys:
            faults.append(Fault(f"{at}.key", f"is used twice: {rule.key}"))
        keys.add(rule.key)
        if rule.group not in groups:
            faults.append(Fault(f"{at}.group", f"is not among the plan's groups: {', '.join(groups)}"))
        if isinstance(rule.amount, Multiplier | Uplift):
            if rule.amount.of not in groups:
                faults.append(Fault(f"{at}.amount.of", f"is not among the plan's groups: {', '.join(groups)}"))
            elif rule.amount.of in overlay_groups:
                faults.append(Fault(f"{at}.amount.of", "an overlay works on a group of ordinary rules, not on overlays"))
        else:
            if rule.pays.to is Recipient.EARNER:
                faults.append(Fault(f"{at}.pays.to", "only a multiplier or an uplift pays the earner of another group"))
            if rule.group in overlay_groups:
                faults.append(
                    Fault(f"{at}.group", f"group {rule.group} holds overlays; give ordinary rules a group of their own")
                )
    deepest = max((rule.pays.depth for rule in plan.rules), default=0)
    if plan.reach is not None and plan.reach < deepest:
        faults.append(Fault("reach", f"must be at least {deepest}, the deepest depth that a rule names"))
    if plan.reach is not None and plan.unqualified is Unqualified.BREAKAGE:
        faults.append(Fault("reach", "belongs to compression; under breakage no share passes over anybody"))
