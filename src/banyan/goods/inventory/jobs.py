"""The clock's part in inventory."""

from __future__ import annotations

from banyan.goods.inventory import commands
from banyan.kernel import clock, jobs


@jobs.periodic("inventory.expire_due", every_seconds=60, queue="money")
def expire_due() -> int:
    """Give back the goods of unpaid orders whose time is over."""
    return commands.expire_due(clock.now())
