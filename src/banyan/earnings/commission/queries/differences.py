"""The difference between two versions in words, in the language that is active."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from banyan.earnings.commission.engine import Change, PlanDocumentError, differences, parse_plan, write_plan
from banyan.earnings.commission.queries.documents import outward
from banyan.kernel.tenancy import current_tenant_id, get_tenant
from banyan.kernel.values.money import format_minor


def describe_differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """One sentence for each change; none where the documents say the same."""
    currency = get_tenant(current_tenant_id()).currency
    return [_sentence(each, currency) for each in differences(outward(_canonical(before)), outward(_canonical(after)))]


def list_changes(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """Each change with its place: the rule ("" for the plan itself), the path in it, and both sides."""
    return [
        {"rule": each.rule, "path": each.path, "before": each.before, "after": each.after}
        for each in differences(outward(_canonical(before)), outward(_canonical(after)))
    ]


def _canonical(document: dict[str, Any]) -> dict[str, Any]:
    """As the database keeps it, so that what is said by saying nothing is no difference; what is no plan is left as it is."""
    try:
        return write_plan(parse_plan(document))
    except PlanDocumentError:
        return document


def _sentence(change: Change, currency: str) -> str:
    if change.is_whole_rule:
        rule = change.after or change.before
        place = {"rule": rule.get("title") or change.rule, "amount": _shown("amount", rule.get("amount"), currency)}
        if change.before is None:
            return _("New rule “%(rule)s”: %(amount)s.") % place
        return _("Rule “%(rule)s” is gone: %(amount)s.") % place
    words = {
        "rule": change.rule,
        "what": _name(change.path),
        "before": _shown(change.path, change.before, currency),
        "after": _shown(change.path, change.after, currency),
    }
    if not change.rule:
        return _("Plan, %(what)s: %(before)s → %(after)s.") % words
    return _("Rule “%(rule)s”, %(what)s: %(before)s → %(after)s.") % words


def _name(path: str) -> str:
    names = {
        "title": _("title"),
        "unqualified": _("what becomes of an unqualified share"),
        "hold_days": _("holding days"),
        "reach": _("reach of compression"),
        "caps.total_bp": _("cap of all pay together"),
        "caps.order_minor": _("cap per order"),
        "caps.payee_minor": _("cap per person and order"),
        "caps.line_minor": _("cap per order line"),
        "caps.margin_bp": _("cap as a part of the margin"),
        "caps.budget_minor": _("budget"),
        "amount.rate_bp": _("rate"),
        "amount.minor": _("fixed amount"),
        "amount.bands": _("bands"),
        "amount.times_bp": _("multiplier"),
        "amount": _("amount"),
        "pays": _("who is paid"),
        "pays.to": _("who is paid"),
        "pays.depth": _("depth"),
        "pays.min_tier": _("lowest tier"),
        "when": _("condition"),
        "group": _("group"),
        "priority": _("priority"),
        "groups": _("stacking of groups"),
    }
    return names.get(path, path)


def _shown(path: str, value: Any, currency: str) -> str:
    if value is None:
        return _("none")
    if isinstance(value, bool) or not isinstance(value, int | dict | list):
        return str(value)
    if isinstance(value, int):
        if path.endswith("_bp"):
            return f"{value // 100}.{value % 100:02d}%"
        return format_minor(value, currency) if path.endswith("minor") else str(value)
    if isinstance(value, list):
        return ", ".join(_shown(path, each, currency) for each in value)
    parts = [f"{name} {_shown(name, each, currency)}" for name, each in value.items() if name != "kind"]
    return " ".join([str(value["kind"]), *parts]) if "kind" in value else ", ".join(parts)
