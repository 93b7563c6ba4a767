"""The plan document ↔ `types.Plan`. Strict: an unknown key, a wrong type, an idle rule are faults, each with its path.

What one member may hold is said by `types.document`; here is what several must keep between them, and what they mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from pydantic import ValidationError

from banyan.earnings.commission.types import (
    Amount,
    Band,
    Basis,
    Differential,
    Fixed,
    Measure,
    Multiplier,
    Pays,
    Peer,
    Per,
    Period,
    Plan,
    PlanCaps,
    Progressive,
    Rate,
    Recipient,
    Rule,
    RuleCaps,
    Sales,
    Scope,
    Stacking,
    Target,
    TargetStep,
    Terms,
    UnitBand,
    UnitBands,
    Unqualified,
    Uplift,
    Weight,
    WholeBand,
    is_overlay,
    is_periodic,
)
from banyan.earnings.commission.types import document as doc
from banyan.earnings.commission.types.written import WRITTEN_LIKE

from .conditions import condition_faults, read_condition
from .faults import Fault, PlanDocumentError
from .figures import period_of
from .writing import write_plan

__all__ = ["Fault", "PlanDocumentError", "parse_plan", "write_plan"]

LIST_STEP = 100
"""The priority of a rule that names none: its place in the list times this."""
ID_MEMBERS = ("sku", "product", "category", "supplier", "distributor")
PERIOD_AMOUNTS = {
    Recipient.MEMBER: (Fixed, Rate, Progressive, WholeBand, Target),
    Recipient.POOL: (Fixed, Rate),
}


def parse_plan(document: object) -> Plan:
    """The plan that `document` (parsed JSON) means. Raises PlanDocumentError with every fault and its path."""
    try:
        written = doc.PlanDocument.model_validate(document)
    except ValidationError as error:
        raise PlanDocumentError(tuple(_fault(each) for each in error.errors(include_url=False, include_input=False))) from None
    plan = Plan(
        title=written.title,
        unqualified=Unqualified(written.unqualified),
        hold_days=written.hold_days,
        caps=_plan_caps(written.caps),
        rules=tuple(_rule(each, place) for place, each in enumerate(written.rules, start=1)),
        groups=_groups(written.groups),
        reach=written.reach,
        terms=_terms(written.terms),
    )
    faults = tuple(_plan_faults(plan, written))
    if faults:
        raise PlanDocumentError(faults)
    return plan


# ── pydantic's words in ours ───────────────────────────────────────────────────────────────────────────────────────

_UNIONS = {"pays": "to", "amount": "kind"}
"""Members whose kind is told by a key; pydantic puts the kind into the place as if it were a key."""


def _fault(error: Any) -> Fault:
    steps: list[str | int] = []
    after_union = False
    for step in error["loc"]:
        if after_union or (isinstance(step, str) and (step.startswith(doc.TAG_MARK) or step == "[key]")):
            after_union = False
            continue
        steps.append(step)
        after_union = step in _UNIONS and len(steps) == 3  # rules, n, pays | amount
    if error["type"] in ("union_tag_invalid", "union_tag_not_found") and steps:
        steps.append(_UNIONS.get(str(steps[-1]), ""))
    path = ""
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path and step else str(step)
    # A path repeats the caller's own keys; what cannot be encoded must not come back in an answer.
    return Fault(path.encode("utf-8", "replace").decode()[:300], _words(error))


def _choices(text: str) -> str:
    """pydantic's `'a', 'b' or 'c'` as `a, b, c`."""
    return text.replace(" or ", ", ").replace("'", "")


def _words(error: Any) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return "is not a known key here"
        case "int_type" if any(step in ID_MEMBERS for step in error["loc"]):
            return "is no id of that kind"
        case "int_type" | "int_from_float":
            return "must be a whole number"
        case "string_type":
            return "must be a text"
        case "bool_type":
            return "must be true or false"
        case "list_type":
            return "must be a list"
        case "dict_type" | "model_type" | "model_attributes_type":
            return "must be an object"
        case "union_tag_not_found":
            return "is required: it says which kind this is"
        case "union_tag_invalid":
            return f"must be one of {_choices(context.get('expected_tags', ''))}"
        case "literal_error":
            return f"must be one of {_choices(context.get('expected', ''))}"
        case "greater_than_equal" | "greater_than":
            return f"must be at least {context.get('ge', context.get('gt', 0) + 1)}"
        case "less_than_equal" | "less_than":
            return f"must be at most {context.get('le', context.get('lt', 0) - 1)}"
        case "too_short":
            return "must not be empty"
        case "too_long":
            return f"must have at most {context.get('max_length')} members"
        case "string_too_short":
            return "must be a text that is not empty"
        case "string_too_long":
            return f"must have at most {context.get('max_length')} characters"
        case "string_pattern_mismatch":
            pattern = context.get("pattern", "")
            return f"must be written like {WRITTEN_LIKE.get(pattern, pattern)}"
        case _:
            return str(error["msg"])


# ── what the document means ────────────────────────────────────────────────────────────────────────────────────────


def _groups(written: dict[str, Any] | None) -> tuple[tuple[str, Stacking], ...]:
    if written is None:
        return (("base", Stacking.ADD),)
    return tuple((name, Stacking(written[name])) for name in sorted(written))


def _terms(written: doc.TermsDocument | None) -> Terms:
    if written is None:
        return Terms()
    return Terms(bool(written.pays_on_recruitment), written.entry_fee_minor, bool(written.starter_purchase_required))


def _plan_caps(written: doc.PlanCapsDocument) -> PlanCaps:
    return PlanCaps(
        written.total_bp,
        written.order_minor,
        written.payee_minor,
        written.margin_bp,
        Period(written.period),
        written.payee_period_minor,
        written.budget_minor,
        written.budget_per == "version",
    )


def _rule(written: doc.RuleDocument, place: int) -> Rule:
    caps = written.caps
    return Rule(
        key=written.key,
        title=written.title or "",
        pays=_pays(written.pays),
        amount=_amount(written.amount),
        when=read_condition(written.when) if written.when is not None else None,
        group=written.group or "base",
        priority=LIST_STEP * place if written.priority is None else written.priority,
        caps=RuleCaps(caps.line_minor, caps.order_minor, caps.payee_minor, caps.period_minor) if caps else RuleCaps(),
        basis=Basis(written.basis),
    )


def _pays(written: Any) -> Pays:
    to = Recipient(written.to)
    match written:
        case doc.PaysAncestor():
            return Pays(to, written.depth, written.min_tier)
        case doc.PaysPath():
            return Pays(to, written.from_depth, written.min_tier, to_depth=written.to_depth)
        case doc.PaysGeneration():
            return Pays(to, written.generation, written.min_tier, to_depth=written.to_depth)
        case doc.PaysRegionalPartner():
            return Pays(to, 0, written.min_tier, scope=Scope(written.scope))
        case doc.PaysPerson():
            return Pays(to, 0, written.min_tier, distributor_id=written.distributor)
        case doc.PaysEarner():
            return Pays(to)
        case doc.PaysMember():
            return Pays(
                to, 0, written.min_tier, period=Period(written.period), sales=Sales(written.sales),
                min_sales_minor=written.min_sales_minor,
            )  # fmt: skip
        case doc.PaysPool():
            return Pays(
                to, 0, written.min_tier, period=Period(written.period), weight=Weight(written.weight),
                tier_weights=tuple(sorted((written.tier_weights or {}).items())), min_sales_minor=written.min_sales_minor,
            )  # fmt: skip
        case _:
            return Pays(to, 0, written.min_tier)


def _amount(written: Any) -> Amount:
    match written:
        case doc.FixedAmount():
            return Fixed(written.minor, Per(written.per))
        case doc.RateAmount():
            return Rate(written.rate_bp)
        case doc.MultiplierAmount():
            return Multiplier(written.of, written.times_bp)
        case doc.UpliftAmount():
            return Uplift(written.of, written.rate_bp)
        case doc.UnitBandsAmount():
            bands = tuple(UnitBand(each.from_units, each.minor) for each in written.bands)
            return UnitBands(Measure(written.by), written.mode == "progressive", bands)
        case doc.DifferentialAmount():
            peer = written.peer
            return Differential(
                tuple(sorted(written.rates_bp.items())),
                Peer(peer.rate_bp, peer.of == "earned", peer.most, peer.cap_minor) if peer is not None else None,
            )
        case doc.TargetAmount():
            return Target(tuple(TargetStep(each.from_minor, each.minor) for each in written.steps))
        case _:
            kind = Progressive if isinstance(written, doc.ProgressiveAmount) else WholeBand
            steps = tuple(Band(each.from_minor, each.rate_bp) for each in written.bands)
            return kind(Measure(written.by), steps, written.figure, written.true_up)


# ── what several members must keep between them ────────────────────────────────────────────────────────────────────


def _plan_faults(plan: Plan, written: doc.PlanDocument) -> Iterator[Fault]:
    groups = dict(plan.groups)
    overlay_groups = {rule.group for rule in plan.rules if is_overlay(rule)}
    keys: set[str] = set()
    for index, rule in enumerate(plan.rules):
        at = f"rules[{index}]"
        if rule.key in keys:
            yield Fault(f"{at}.key", f"is used twice: {rule.key}")
        keys.add(rule.key)
        if rule.group not in groups:
            yield Fault(f"{at}.group", f"is not among the plan's groups: {', '.join(groups)}")
        if isinstance(rule.amount, Multiplier | Uplift):
            yield from _overlay_faults(rule, at, groups, overlay_groups)
        elif rule.group in overlay_groups:
            yield Fault(f"{at}.group", f"group {rule.group} holds overlays; give ordinary rules a group of their own")
        yield from _pays_faults(rule, at, written.rules[index])
        yield from _amount_faults(rule, at)
        if is_periodic(rule):
            yield from _periodic_faults(rule, at, groups)
        if rule.when is not None:
            yield from condition_faults(rule.when, f"{at}.when", periodic=is_periodic(rule))
    yield from _period_faults(plan)
    deepest = max((rule.pays.depth for rule in plan.rules if rule.pays.to is Recipient.ANCESTOR), default=0)
    if plan.reach is not None and plan.reach < deepest:
        yield Fault("reach", f"must be at least {deepest}, the deepest depth that a rule names")
    if plan.reach is not None and plan.unqualified is Unqualified.BREAKAGE:
        yield Fault("reach", "belongs to compression; under breakage no share passes over anybody")


def _overlay_faults(rule: Rule, at: str, groups: dict[str, Stacking], overlay_groups: set[str]) -> Iterator[Fault]:
    assert isinstance(rule.amount, Multiplier | Uplift)
    if rule.amount.of not in groups:
        yield Fault(f"{at}.amount.of", f"is not among the plan's groups: {', '.join(groups)}")
    elif rule.amount.of == rule.group:
        yield Fault(f"{at}.amount.of", "is the overlay's own group; give the overlay a group beside the one that it works on")
    elif rule.amount.of in overlay_groups:
        yield Fault(f"{at}.amount.of", "an overlay works on a group of ordinary rules, not on overlays")
    if rule.pays.to not in (Recipient.SELLER, Recipient.ANCESTOR, Recipient.EARNER):
        yield Fault(f"{at}.pays.to", "an overlay pays the seller, an ancestor, or every earner of the other group")
    if rule.basis is not Basis.PAID:
        yield Fault(f"{at}.basis", "an overlay works on what the other group pays, or on the paid amount")


def _pays_faults(rule: Rule, at: str, written: doc.RuleDocument) -> Iterator[Fault]:
    pays, amount = rule.pays, rule.amount
    if pays.to is Recipient.EARNER and not is_overlay(rule):
        yield Fault(f"{at}.pays.to", "only a multiplier or an uplift pays the earner of another group")
    if pays.to is Recipient.PATH and pays.to_depth < pays.depth:
        yield Fault(f"{at}.pays.to_depth", "must not be less than from_depth")
    if pays.to is Recipient.GENERATION and pays.to_depth < pays.depth:
        yield Fault(f"{at}.pays.to_depth", "must not be less than the generation")
    if isinstance(amount, Differential) and pays.to is not Recipient.PATH:
        yield Fault(f"{at}.pays.to", "a differential is shared along a path: use to: path")
    if pays.to is Recipient.POOL:
        named = isinstance(written.pays, doc.PaysPool) and written.pays.tier_weights
        if (pays.weight is Weight.TIER) != bool(named):
            yield Fault(f"{at}.pays.tier_weights", "belong to weight: tier, and it needs them")
        elif named and not any(weight for _, weight in pays.tier_weights):
            yield Fault(f"{at}.pays.tier_weights", "must not all be 0")


def _amount_faults(rule: Rule, at: str) -> Iterator[Fault]:
    amount, periodic = rule.amount, is_periodic(rule)
    at = f"{at}.amount"
    if isinstance(amount, Progressive | WholeBand):
        if (amount.by is Measure.FIGURE) != (amount.figure is not None):
            yield Fault(f"{at}.figure", "belongs to by: figure, and it needs one")
        if amount.true_up and amount.by is not Measure.FIGURE:
            yield Fault(f"{at}.true_up", "belongs to by: figure; everything else is final with the order")
        if (amount.by is Measure.PERIOD) != periodic:
            yield Fault(f"{at}.by", "period belongs to rules that a period's close decides (to: member), and they need it")
        yield from _rising(f"{at}.bands", [band.from_minor for band in amount.bands], "from_minor")
    if isinstance(amount, UnitBands):
        yield from _rising(f"{at}.bands", [band.from_units for band in amount.bands], "from_units")
    if isinstance(amount, Fixed) and (amount.per is Per.PERIOD) != periodic:
        yield Fault(f"{at}.per", "period belongs to rules that a period's close decides (to: member, pool), and they need it")
    if isinstance(amount, Target):
        if rule.pays.to is not Recipient.MEMBER:
            yield Fault(f"{at}.kind", "a target is reached by the sales of a period: use to: member")
        for index, (before, step) in enumerate(pairwise(amount.steps), start=1):
            if step.from_minor <= before.from_minor:
                yield Fault(f"{at}.steps[{index}].from_minor", "steps rise: each is above the one before")
    elif periodic and not isinstance(amount, PERIOD_AMOUNTS[rule.pays.to]):
        yield Fault(f"{at}.kind", "is not decided when a period closes")


def _rising(at: str, starts: list[int], name: str) -> Iterator[Fault]:
    if starts[0] != 0:
        yield Fault(f"{at}[0].{name}", "the first band starts at 0")
    for index, (before, start) in enumerate(pairwise(starts), start=1):
        if start <= before:
            yield Fault(f"{at}[{index}].{name}", "bands rise: each starts above the one before")


def _period_faults(plan: Plan) -> Iterator[Fault]:
    """What is decided when periods close must agree on the period with the caps that count in one."""
    trued = {
        period_of(rule.amount.figure)
        for rule in plan.rules
        if isinstance(rule.amount, Progressive | WholeBand) and rule.amount.true_up and rule.amount.figure
    }
    if len(trued) > 1:
        yield Fault("rules", "all rules with true_up look at figures of one period")
    counted = plan.caps.payee_period_minor is not None or (plan.caps.budget_minor is not None and not plan.caps.budget_is_total)
    if counted:
        for index, rule in enumerate(plan.rules):
            if rule.pays.period is not None and rule.pays.period is not plan.caps.period:
                yield Fault(f"rules[{index}].pays.period", f"must be {plan.caps.period}, in which the plan's caps count")
    if plan.caps.payee_period_minor is not None:
        for index, rule in enumerate(plan.rules):
            if rule.pays.to is Recipient.POOL:
                yield Fault(f"rules[{index}].pays.to", "a pool is shared to the last cent: no caps.payee_period_minor")


def _periodic_faults(rule: Rule, at: str, groups: dict[str, Stacking]) -> Iterator[Fault]:
    if groups.get(rule.group, Stacking.ADD) is not Stacking.ADD:
        yield Fault(f"{at}.group", "what a period's close pays adds up; give it a group that adds")
    for name in ("line_minor", "order_minor", "payee_minor"):
        if getattr(rule.caps, name) is not None:
            yield Fault(f"{at}.caps.{name}", "belongs to rules that are decided with an order; here use period_minor")
    if rule.caps.period_minor is not None and rule.pays.to is Recipient.POOL:
        yield Fault(f"{at}.caps.period_minor", "a pool is shared to the last cent; lower its rate instead")
