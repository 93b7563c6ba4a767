"""What the clock does for identity."""

from __future__ import annotations

from banyan.kernel import jobs
from banyan.people.identity import commands


@jobs.periodic("identity.forget_old_attempts", every_seconds=3600, queue="analytics")
def forget_old_attempts() -> int:
    """Delete login attempts older than 90 days, 5,000 a batch."""
    return commands.forget_old_attempts()
