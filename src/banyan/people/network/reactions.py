"""An approved distributor takes the place under the sponsor named in the application."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from banyan.kernel import events
from banyan.people.distributors.events import DistributorApproved
from banyan.people.distributors.types import DistributorId
from banyan.people.network import commands, queries
from banyan.people.network.types import Joining

log = structlog.get_logger(__name__)


@events.reaction("network.join_approved", on=(DistributorApproved,))
def join_approved(approved: Sequence[DistributorApproved]) -> None:
    """Let approved distributors join. Who has a place already keeps it: the approver may have placed or moved him since."""
    there = queries.list_members_by_ids([DistributorId(event.distributor_id) for event in approved])
    joinings = [
        Joining(
            DistributorId(event.distributor_id),
            DistributorId(event.sponsor_id) if event.sponsor_id is not None else None,
            event.occurred_at,
        )
        for event in approved
        if event.distributor_id not in there
    ]
    for outcome in commands.join(joinings):
        if outcome.refusal is not None:  # an operator places him by hand; the application stays approved
            log.warning("not_placed", distributor_id=int(outcome.distributor_id), code=outcome.refusal.code)
