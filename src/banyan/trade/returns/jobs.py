"""The clock's part in returns."""

from __future__ import annotations

from banyan.kernel import jobs
from banyan.trade.returns import commands


@jobs.periodic("returns.expire_due", every_seconds=600, queue="money")
def expire_due() -> int:
    """Close approved returns whose goods were not sent in time."""
    return commands.expire_due()
