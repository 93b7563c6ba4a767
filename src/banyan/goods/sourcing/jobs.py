"""The clock's part in sourcing."""

from __future__ import annotations

from banyan.goods.sourcing import commands
from banyan.kernel import clock, jobs


@jobs.periodic("sourcing.retry_due", every_seconds=60)
def retry_due() -> int:
    """Move what waits in closed warehouses once another one has it."""
    return commands.retry_due(clock.now())
