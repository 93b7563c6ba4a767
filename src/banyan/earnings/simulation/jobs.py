"""The clock of this house."""

from __future__ import annotations

from banyan.earnings.simulation import commands
from banyan.kernel import jobs


@jobs.periodic_outside("simulation.run_due", every_seconds=5, queue="analytics")
def run_due(tenant_id: int) -> int:
    """Run what waits, one at a time."""
    return commands.run_due(tenant_id)
