"""The tenant's terms of return: policy, reasons, goods without statutory return, and where goods go back to."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db import models

from banyan.goods.catalog import queries as catalog
from banyan.goods.inventory import queries as inventory
from banyan.kernel import clock, sql, tenancy
from banyan.kernel.values.errors import Invalid, NotFound
from banyan.kernel.values.filled import Filled
from banyan.trade.returns.models import AddressRuleRow, ExclusionRow, ReasonRow, ReturnPolicyRow
from banyan.trade.returns.types import AddressRule, Exclusion, Fault, Mode, Reason, ReturnPolicy

MAX_DAYS = 3650
MAX_ORDERS = 1_000_000
FULL_BP = 10_000
ROWS_MAX = 200
NAME_MAX, PHONE_MAX, ADDRESS_MAX = 60, 40, 300
_REGION = re.compile("[0-9]{0,6}")


def set_policy(policy: ReturnPolicy) -> ReturnPolicy:
    """Replace the tenant's terms. They decide about requests and freight from now on; idempotent. Raises Invalid.

    Days below what the law gives are kept but do not count: the longer of both does.
    """
    review = policy.review
    days = {
        "days_after_receipt": policy.days_after_receipt,
        "send_back_days": policy.send_back_days,
        "difference_days": policy.difference_days,
        **{f"days_by_tier.{tier.value}": value for tier, value in policy.days_by_tier},
    }
    for field, value in days.items():
        if not 0 <= value <= MAX_DAYS:
            raise Invalid(Filled("Days lie between 0 and {most}.", most=MAX_DAYS), field=field)
    if policy.send_back_days == 0 or policy.difference_days == 0:
        raise Invalid(
            "A buyer needs at least a day.", field="send_back_days" if policy.send_back_days == 0 else "difference_days"
        )
    if min(review.trusted_below_minor, review.claims_below_minor) < 0 or not 0 <= review.risky_share_bp <= FULL_BP:
        raise Invalid("Amounts are not negative and a share lies between 0 and 10,000 basis points.", field="review")
    if not 0 <= review.newcomer_orders <= MAX_ORDERS or not 1 <= review.risky_orders <= MAX_ORDERS:
        raise Invalid(Filled("Orders lie between 1 and {most}.", most=MAX_ORDERS), field="review")
    ReturnPolicyRow.objects.update_or_create(
        tenant_id=tenancy.current_tenant_id(),
        defaults={
            "days_after_receipt": policy.days_after_receipt,
            "freight_rule": policy.freight_rule.value,
            "days_by_tier": {tier.value: value for tier, value in policy.days_by_tier},
            "send_back_days": policy.send_back_days,
            "difference_days": policy.difference_days,
            "automatic_tiers": [tier.value for tier in review.automatic_tiers],
            "trusted_below_minor": review.trusted_below_minor,
            "claims_below_minor": review.claims_below_minor,
            "newcomer_orders": review.newcomer_orders,
            "risky_share_bp": review.risky_share_bp,
            "risky_orders": review.risky_orders,
            "changed_at": clock.now(),
        },
    )
    return policy


def set_reasons(reasons: Sequence[Reason]) -> None:
    """Replace the catalogue of reasons, in this order; none at all brings the defaults back. Idempotent. Raises Invalid."""
    codes = [reason.code for reason in reasons]
    if len(codes) != len(set(codes)) or len(codes) > ROWS_MAX:
        raise Invalid(Filled("At most {most} reasons, each code once.", most=ROWS_MAX), field="code")
    modes = {mode.value for mode in Mode}
    for reason in reasons:
        if not reason.code.isprintable() or not 0 < len(reason.code) <= 40 or not reason.name_zh.strip():
            raise Invalid("A reason has a code of 1 to 40 printable characters and a name.", field="code")
        if max(len(reason.name_zh), len(reason.name_en)) > NAME_MAX:
            raise Invalid(Filled("A name has at most {most} characters.", most=NAME_MAX), field="name_zh")
        if reason.fault not in {fault.value for fault in Fault} or not modes.issuperset(reason.modes):
            raise Invalid("Fault is buyer or merchant, and kinds of return are those of returns.", field="fault")
    _replace(
        ReasonRow,
        [
            ReasonRow(
                code=reason.code, name_zh=reason.name_zh, name_en=reason.name_en, fault=reason.fault,
                needs_photos=reason.needs_photos, is_no_reason=reason.is_no_reason, modes=list(reason.modes), position=position,
                is_active=reason.is_active,
            )
            for position, reason in enumerate(reasons)
        ],
    )  # fmt: skip


def set_exclusions(exclusions: Sequence[Exclusion]) -> None:
    """Replace the categories without statutory return. Only the law's own grounds exist; idempotent. Raises Invalid, NotFound."""
    categories = [exclusion.category_id for exclusion in exclusions]
    if len(categories) != len(set(categories)) or len(categories) > ROWS_MAX:
        raise Invalid(Filled("At most {most} categories, each once.", most=ROWS_MAX), field="category_id")
    _check_categories(categories)
    _replace(ExclusionRow, [ExclusionRow(category_id=one.category_id, kind=one.kind.value) for one in exclusions])


def set_address_rules(rules: Sequence[AddressRule]) -> None:
    """Replace the return addresses and their rules; returns that were approved before keep theirs. Raises Invalid."""
    if len(rules) > ROWS_MAX:
        raise Invalid(Filled("At most {most} addresses.", most=ROWS_MAX), field="rules")
    warehouses = {one.warehouse_id for one in inventory.list_warehouses()}
    _check_categories([rule.category_id for rule in rules if rule.category_id is not None])
    for rule in rules:
        place = rule.address
        if not place.name.strip() or not place.address.strip() or not _REGION.fullmatch(rule.region_code):
            raise Invalid("An address has a name and a text, a region up to six digits.", field="address")
        if len(place.name) > NAME_MAX or len(place.phone) > PHONE_MAX or len(place.address) > ADDRESS_MAX:
            raise Invalid("A name, phone or address is too long.", field="address")
        if place.warehouse_id is not None and place.warehouse_id not in warehouses:
            raise Invalid("No such warehouse.", field="warehouse_id")
        if rule.mode not in ("", *(mode.value for mode in Mode if mode.wants_goods)):
            raise Invalid("Goods come back in goods_back and exchange only.", field="mode")
    _replace(
        AddressRuleRow,
        [
            AddressRuleRow(
                name=rule.address.name, phone=rule.address.phone, address=rule.address.address,
                warehouse_id=rule.address.warehouse_id, category_id=rule.category_id, mode=rule.mode,
                region_code=rule.region_code, priority=rule.priority,
            )
            for rule in rules
        ],
    )  # fmt: skip


def _check_categories(category_ids: Sequence[int]) -> None:
    known = {one.category_id for one in catalog.list_categories()} if category_ids else set()
    if not known.issuperset(category_ids):
        raise NotFound("No such category.")


def lock_terms() -> None:
    """Until the end of the transaction nobody else changes reasons, exclusions or addresses: for who reads them to change one."""
    tenant_id = tenancy.current_tenant_id()
    sql.fetch("SELECT pg_advisory_xact_lock(hashtext('return_terms'), %s)", (tenant_id % 2**31,))


def _replace(model: type[models.Model], rows: Sequence[models.Model]) -> None:
    """Two people at once: the second waits, so that never both lists are kept."""
    lock_terms()
    model._default_manager.filter(tenant_id=tenancy.current_tenant_id()).delete()
    model._default_manager.bulk_create(rows)
