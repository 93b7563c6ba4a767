"""The clock of payments. Both jobs call the channels, so they enter the tenant themselves."""

from __future__ import annotations

from banyan.kernel import jobs
from banyan.treasury.payments import commands


@jobs.periodic_outside("payments.submit_due_refunds", every_seconds=5)
def submit_due_refunds(tenant_id: int) -> int:
    """Hand due refunds to their channels."""
    return commands.submit_due_refunds(tenant_id)


@jobs.periodic_outside("payments.query_due", every_seconds=60)
def query_due(tenant_id: int) -> int:
    """Ask about payments that no notice settled, and close what is expired or unwanted."""
    return commands.query_due(tenant_id)
