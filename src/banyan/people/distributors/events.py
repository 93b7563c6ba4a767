"""What happened to distributors. Ids only: no personal facts travel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from banyan.kernel import events


@dataclass(frozen=True)
class DistributorApplied(events.Event):
    """A user asked to become a distributor."""

    kind = "distributors.applied"
    version = 1
    distributor_id: int
    user_id: int
    sponsor_id: int | None
    occurred_at: datetime


@dataclass(frozen=True)
class DistributorApproved(events.Event):
    """An application was granted; ``sponsor_id`` is who was named in it."""

    kind = "distributors.approved"
    version = 1
    distributor_id: int
    user_id: int
    sponsor_id: int | None
    occurred_at: datetime


@dataclass(frozen=True)
class DistributorRejected(events.Event):
    """An application was declined."""

    kind = "distributors.rejected"
    version = 1
    distributor_id: int
    occurred_at: datetime


@dataclass(frozen=True)
class DistributorFrozen(events.Event):
    """A distributor earns nothing until unfrozen."""

    kind = "distributors.frozen"
    version = 1
    distributor_id: int
    occurred_at: datetime


@dataclass(frozen=True)
class DistributorUnfrozen(events.Event):
    """A frozen distributor earns again."""

    kind = "distributors.unfrozen"
    version = 1
    distributor_id: int
    occurred_at: datetime


@dataclass(frozen=True)
class DistributorClosed(events.Event):
    """A distributor left for good."""

    kind = "distributors.closed"
    version = 1
    distributor_id: int
    occurred_at: datetime


@dataclass(frozen=True)
class TierChanged(events.Event):
    """A distributor has another tier from ``occurred_at`` on."""

    kind = "distributors.tier_changed"
    version = 1
    distributor_id: int
    from_tier: str
    to_tier: str
    occurred_at: datetime
