"""The clock of payouts. The job calls the channels, so it enters the tenant itself."""

from __future__ import annotations

from banyan.kernel import jobs
from banyan.treasury.payouts import commands


@jobs.periodic_outside("payouts.submit_due", every_seconds=5)
def submit_due(tenant_id: int) -> int:
    """Hand over due payouts and ask about those that are under way."""
    return commands.submit_due(tenant_id).total
