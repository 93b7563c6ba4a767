"""The clock of settlement."""

from __future__ import annotations

from banyan.earnings.settlement import commands
from banyan.kernel import clock, jobs


@jobs.periodic("settlement.open_due", every_seconds=300, queue="money")
def open_due() -> int:
    """Open the statements of periods that have ended."""
    return commands.open_statements(clock.now())


@jobs.periodic("settlement.pay_due", every_seconds=60, queue="money")
def pay_due() -> int:
    """Ask for payouts that waited or failed."""
    return commands.pay_due(clock.now())
