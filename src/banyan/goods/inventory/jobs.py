"""The clock's part in inventory."""

from __future__ import annotations

from banyan.goods.inventory import commands
from banyan.kernel import clock, jobs

EXPIRED_LOTS_EVERY_SECONDS = 300
"""How long pieces may be promised after the midnight at which they expire; they are not picked even then."""


@jobs.periodic("inventory.expire_due", every_seconds=60, queue="money")
def expire_due() -> int:
    """Give back the goods of unpaid orders whose time is over."""
    return commands.expire_due(clock.now())


@jobs.periodic("inventory.expire_lots", every_seconds=EXPIRED_LOTS_EVERY_SECONDS)
def expire_lots() -> int:
    """Take lots that are past their date out of sale."""
    return commands.expire_lots(clock.now())


@jobs.periodic("inventory.warn_of_expiry", every_seconds=3600)
def warn_of_expiry() -> int:
    """Tell of lots that expire soon, each once."""
    return commands.warn_of_expiry(clock.now())


@jobs.periodic("inventory.check_mirror", every_seconds=15)
def check_mirror() -> int:
    """Correct what the mirror says of stock; its own work is done at once, so never more than one batch."""
    commands.check_mirror()
    return 0


@jobs.periodic("inventory.end_due_channels", every_seconds=60)
def end_due_channels() -> int:
    """Give what channels whose time is over have left back to everybody."""
    return commands.end_due_channels(clock.now())


@jobs.periodic("inventory.raise_alerts", every_seconds=60)
def raise_alerts() -> int:
    """Tell where stock has fallen below its safety stock or run out, and where it is back."""
    return commands.raise_alerts(clock.now())


@jobs.periodic("inventory.mend_due", every_seconds=30)
def mend_due() -> int:
    """Serve paid orders that lost pieces from what came back in other ways than receipts."""
    return commands.mend_due(clock.now())
