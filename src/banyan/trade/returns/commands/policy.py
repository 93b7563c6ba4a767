"""The tenant's terms of return."""

from __future__ import annotations

from banyan.kernel import clock, tenancy
from banyan.kernel.values.errors import Invalid
from banyan.trade.returns.models import ReturnPolicyRow
from banyan.trade.returns.types import ReturnPolicy

MAX_DAYS = 3650


def set_policy(policy: ReturnPolicy) -> ReturnPolicy:
    """Replace the tenant's terms. They decide about requests and freight from now on; idempotent. Raises Invalid."""
    if not 0 <= policy.days_after_receipt <= MAX_DAYS:
        raise Invalid(f"Days after receipt lie between 0 and {MAX_DAYS}.", field="days_after_receipt")
    ReturnPolicyRow.objects.update_or_create(
        tenant_id=tenancy.current_tenant_id(),
        defaults={
            "days_after_receipt": policy.days_after_receipt,
            "freight_rule": policy.freight_rule.value,
            "changed_at": clock.now(),
        },
    )
    return policy
