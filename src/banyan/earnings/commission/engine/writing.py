"""`types.Plan` → its canonical JSON document. parse_plan(write_plan(plan)) == plan."""

from __future__ import annotations

from typing import Any

from banyan.earnings.commission.types import (
    DOCUMENT_FORMAT,
    Amount,
    Band,
    Basis,
    Differential,
    Fixed,
    Multiplier,
    Pays,
    Period,
    Plan,
    PlanCaps,
    Progressive,
    Rate,
    Recipient,
    Rule,
    RuleCaps,
    Sales,
    Target,
    Terms,
    UnitBands,
    Uplift,
    Weight,
    WholeBand,
)

from .conditions import write_condition


def write_plan(plan: Plan) -> dict[str, Any]:
    """The plan's JSON document; optional keys that say nothing are left out."""
    document: dict[str, Any] = {
        "format": DOCUMENT_FORMAT,
        "title": plan.title,
        "unqualified": plan.unqualified.value,
        "hold_days": plan.hold_days,
        "groups": {name: stacking.value for name, stacking in plan.groups},
        "caps": _write_plan_caps(plan.caps),
        "rules": [_write_rule(rule) for rule in plan.rules],
    }
    if plan.reach is not None:
        document["reach"] = plan.reach
    if plan.terms != Terms():
        document["terms"] = {
            "pays_on_recruitment": plan.terms.pays_on_recruitment,
            "entry_fee_minor": plan.terms.entry_fee_minor,
            "starter_purchase_required": plan.terms.starter_purchase_required,
        }
    return document


def _write_rule(rule: Rule) -> dict[str, Any]:
    written: dict[str, Any] = {"key": rule.key}
    if rule.title:
        written["title"] = rule.title
    written["pays"] = _write_pays(rule.pays)
    written["amount"] = write_amount(rule.amount)
    if rule.basis is not Basis.PAID:
        written["basis"] = rule.basis.value
    if rule.when is not None:
        written["when"] = write_condition(rule.when)
    written["group"] = rule.group
    written["priority"] = rule.priority
    if rule.caps != RuleCaps():
        written["caps"] = _present(
            line_minor=rule.caps.line_minor,
            order_minor=rule.caps.order_minor,
            payee_minor=rule.caps.payee_minor,
            period_minor=rule.caps.period_minor,
        )
    return written


def _write_plan_caps(caps: PlanCaps) -> dict[str, Any]:
    return _present(
        total_bp=caps.total_bp,
        order_minor=caps.order_minor,
        payee_minor=caps.payee_minor,
        margin_bp=caps.margin_bp,
        period=caps.period.value if caps.period is not Period.MONTH else None,
        payee_period_minor=caps.payee_period_minor,
        budget_minor=caps.budget_minor,
        budget_per="version" if caps.budget_is_total else None,
    )


def _write_pays(pays: Pays) -> dict[str, Any]:
    own: dict[str, Any] = {}
    match pays.to:
        case Recipient.ANCESTOR:
            own = {"depth": pays.depth}
        case Recipient.PATH:
            own = {"from_depth": pays.depth, "to_depth": pays.to_depth}
        case Recipient.GENERATION:
            own = {"generation": pays.depth, "to_depth": pays.to_depth}
        case Recipient.REGIONAL_PARTNER:
            own = {"scope": pays.scope.value if pays.scope else None}
        case Recipient.PERSON:
            own = {"distributor": pays.distributor_id}
        case Recipient.MEMBER | Recipient.POOL:
            own = {
                "period": pays.period.value if pays.period else None,
                "sales": pays.sales.value if pays.sales is not Sales.PERSONAL else None,
                "weight": pays.weight.value if pays.weight is not Weight.EQUAL else None,
                "tier_weights": dict(pays.tier_weights) or None,
                "min_sales_minor": pays.min_sales_minor or None,
            }
    return _present(to=pays.to.value, **own, min_tier=pays.min_tier)


def write_amount(amount: Amount) -> dict[str, Any]:
    match amount:
        case Fixed():
            return {"kind": "fixed", "minor": amount.minor, "per": amount.per.value}
        case Rate():
            return {"kind": "rate", "rate_bp": amount.rate_bp}
        case Multiplier():
            return {"kind": "multiplier", "of": amount.of, "times_bp": amount.times_bp}
        case Uplift():
            return {"kind": "uplift", "of": amount.of, "rate_bp": amount.rate_bp}
        case UnitBands():
            bands = [{"from_units": band.from_units, "minor": band.minor} for band in amount.bands]
            mode = "progressive" if amount.progressive else "whole_band"
            return {"kind": "unit_bands", "by": amount.by.value, "mode": mode, "bands": bands}
        case Differential():
            return _write_differential(amount)
        case Target():
            steps = [{"from_minor": step.from_minor, "minor": step.minor} for step in amount.steps]
            return {"kind": "target", "steps": steps}
        case Progressive():
            return {"kind": "progressive", **_write_bands(amount)}
        case WholeBand():
            return {"kind": "whole_band", **_write_bands(amount)}


def _write_differential(amount: Differential) -> dict[str, Any]:
    written: dict[str, Any] = {"kind": "differential", "rates_bp": dict(amount.rates)}
    if amount.peer is not None:
        peer = amount.peer
        of = "earned" if peer.of_earned else "line"
        written["peer"] = _present(rate_bp=peer.rate_bp, of=of, most=peer.most, cap_minor=peer.cap_minor)
    return written


def _write_bands(amount: Progressive | WholeBand) -> dict[str, Any]:
    true_up = amount.true_up or None
    return _present(by=amount.by.value, figure=amount.figure, true_up=true_up, bands=[_write_band(band) for band in amount.bands])


def _write_band(band: Band) -> dict[str, int]:
    return {"from_minor": band.from_minor, "rate_bp": band.rate_bp}


def _present(**members: Any) -> dict[str, Any]:
    return {key: value for key, value in members.items() if value is not None}
