"""The clock of this house."""

from __future__ import annotations

from banyan.earnings.commission import commands
from banyan.kernel import clock, jobs


@jobs.periodic("commission.release_due", every_seconds=60, queue="money")
def release_due() -> int:
    """Release what is due."""
    return commands.release_due(clock.now(), 500)


@jobs.periodic("commission.close_due", every_seconds=300, queue="money")
def close_due() -> int:
    """Close the periods that are over, one at a time."""
    return commands.close_due(clock.now())


@jobs.periodic("commission.provide_due", every_seconds=300, queue="money")
def provide_due() -> int:
    """Provide for the rewards of the periods that run, one at a time, once a day each."""
    return commands.provide_due(clock.now())


@jobs.periodic("commission.keep_lawful", every_seconds=300, queue="money")
def keep_lawful() -> int:
    """Judge live plans again, should the news that the law changed have been lost on its way to this shop."""
    return commands.keep_plans_lawful()
