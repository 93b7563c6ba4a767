"""`types.Plan` → its canonical JSON document. parse_plan(write_plan(plan)) == plan."""

from __future__ import annotations

from typing import Any

from banyan.earnings.commission.types import (
    DOCUMENT_FORMAT,
    Amount,
    Band,
    Fixed,
    Multiplier,
    Pays,
    Plan,
    Progressive,
    Rate,
    Recipient,
    Rule,
    RuleCaps,
    Terms,
    Uplift,
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
        "caps": _present(total_bp=plan.caps.total_bp, order_minor=plan.caps.order_minor, payee_minor=plan.caps.payee_minor),
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
    if rule.when is not None:
        written["when"] = write_condition(rule.when)
    written["group"] = rule.group
    written["priority"] = rule.priority
    if rule.caps != RuleCaps():
        written["caps"] = _present(line_minor=rule.caps.line_minor, order_minor=rule.caps.order_minor)
    return written


def _write_pays(pays: Pays) -> dict[str, Any]:
    depth = pays.depth if pays.to is Recipient.ANCESTOR else None
    return _present(to=pays.to.value, depth=depth, min_tier=pays.min_tier)


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
        case Progressive():
            return {"kind": "progressive", **_write_bands(amount)}
        case WholeBand():
            return {"kind": "whole_band", **_write_bands(amount)}


def _write_bands(amount: Progressive | WholeBand) -> dict[str, Any]:
    return _present(by=amount.by.value, figure=amount.figure, bands=[_write_band(band) for band in amount.bands])


def _write_band(band: Band) -> dict[str, int]:
    return {"from_minor": band.from_minor, "rate_bp": band.rate_bp}


def _present(**members: Any) -> dict[str, Any]:
    return {key: value for key, value in members.items() if value is not None}
