"""What payouts hears from below."""

from __future__ import annotations

from banyan.kernel import events
from banyan.people.distributors.events import DistributorFrozen, DistributorUnfrozen
from banyan.treasury.payouts import commands


@events.reaction("payouts.follow_standing", on=(DistributorFrozen, DistributorUnfrozen))
def follow_standing(happened: list[DistributorFrozen | DistributorUnfrozen]) -> None:
    """No payment to the frozen; the freed go on."""
    commands.follow_standing(sorted({event.distributor_id for event in happened}))
