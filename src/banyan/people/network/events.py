"""What happened in the network."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from banyan.kernel import events


@dataclass(frozen=True)
class MemberMoved(events.Event):
    """A member, with everybody below, stands under another sponsor (None: is a root) from ``occurred_at`` on."""

    kind = "network.member_moved"
    version = 1
    distributor_id: int
    from_sponsor_id: int | None
    to_sponsor_id: int | None
    occurred_at: datetime


@dataclass(frozen=True)
class ConsumerBound(events.Event):
    """A consumer belongs to a distributor from ``occurred_at`` on."""

    kind = "network.consumer_bound"
    version = 1
    consumer_id: int
    distributor_id: int
    source: str
    occurred_at: datetime


@dataclass(frozen=True)
class ConsumerUnbound(events.Event):
    """A consumer belongs to nobody from ``occurred_at`` on."""

    kind = "network.consumer_unbound"
    version = 1
    consumer_id: int
    distributor_id: int
    occurred_at: datetime
