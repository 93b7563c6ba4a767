"""The terms of return: the tenant's policy, reasons, exclusions and addresses, and the law."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from banyan.kernel import tenancy
from banyan.people.distributors.types import Tier
from banyan.trade.returns.models import AddressRuleRow, ExclusionRow, ReasonRow, ReturnPolicyRow
from banyan.trade.returns.types import (
    DEFAULT_REASONS,
    Address,
    AddressRule,
    Exclusion,
    ExclusionKind,
    FreightRule,
    Reason,
    ReturnPolicy,
    ReviewTerms,
    StatutoryReturn,
)

_LAW = Path(__file__).parents[1] / "law.yaml"


def get_policy() -> ReturnPolicy:
    """The tenant's terms; the defaults where none were set."""
    row = ReturnPolicyRow.objects.filter(tenant_id=tenancy.current_tenant_id()).first()
    if row is None:
        return ReturnPolicy()
    return ReturnPolicy(
        days_after_receipt=row.days_after_receipt,
        freight_rule=FreightRule(row.freight_rule),
        days_by_tier=tuple((tier, int(row.days_by_tier[tier.value])) for tier in Tier if tier.value in row.days_by_tier),
        send_back_days=row.send_back_days,
        difference_days=row.difference_days,
        review=ReviewTerms(
            automatic_tiers=tuple(Tier(tier) for tier in row.automatic_tiers),
            trusted_below_minor=row.trusted_below_minor,
            claims_below_minor=row.claims_below_minor,
            newcomer_orders=row.newcomer_orders,
            risky_share_bp=row.risky_share_bp,
            risky_orders=row.risky_orders,
        ),
    )


def list_reasons() -> list[Reason]:
    """The tenant's catalogue in its order; the defaults where none was set up."""
    rows = ReasonRow.objects.filter(tenant_id=tenancy.current_tenant_id()).order_by("position", "id")
    found = [
        Reason(row.code, row.name_zh, row.name_en, row.fault, row.needs_photos, row.is_no_reason, tuple(row.modes), row.is_active)
        for row in rows
    ]
    return found or list(DEFAULT_REASONS)


def list_exclusions() -> list[Exclusion]:
    """The categories without statutory return."""
    rows = ExclusionRow.objects.filter(tenant_id=tenancy.current_tenant_id()).order_by("category_id")
    return [Exclusion(row.category_id, ExclusionKind(row.kind)) for row in rows]


def list_address_rules() -> list[AddressRule]:
    """Where goods are sent back to."""
    rows = AddressRuleRow.objects.filter(tenant_id=tenancy.current_tenant_id()).order_by("priority", "id")
    return [
        AddressRule(
            Address(row.name, row.phone, row.address, row.warehouse_id), row.priority, row.category_id, row.mode,
            row.region_code, row.pk,
        )
        for row in rows
    ]  # fmt: skip


def statutory_returns() -> tuple[StatutoryReturn, ...]:
    """What the law of the tenant's jurisdiction gives, by date; none where the compilation knows nothing. Not legal advice."""
    return _law().get(tenancy.get_tenant(tenancy.current_tenant_id()).jurisdiction.upper(), ())


@cache
def _law() -> dict[str, tuple[StatutoryReturn, ...]]:
    text = yaml.safe_load(_LAW.read_text(encoding="utf-8"))
    return {
        code: tuple(
            StatutoryReturn(
                jurisdiction=code,
                exclusions=tuple(ExclusionKind(kind) for kind in rule["exclusions"]),
                **{name: value for name, value in rule.items() if name != "exclusions"},
            )
            for rule in rules
        )
        for code, rules in text.items()
    }
