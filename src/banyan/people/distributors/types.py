"""The words of distributors: application, standing, tier."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from banyan.kernel.values.errors import Refusal
from banyan.people.identity.types import UserId

DistributorId = NewType("DistributorId", int)


class Tier(StrEnum):
    """A distributor's rank, lowest first. Held here, decided by a higher house."""

    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"
    PLATINUM = "platinum"
    DIAMOND = "diamond"


class Status(StrEnum):
    """Where a distributor stands. Only ``active`` earns."""

    APPLIED = "applied"
    ACTIVE = "active"
    FROZEN = "frozen"
    REJECTED = "rejected"
    CLOSED = "closed"


@dataclass(frozen=True)
class Standing:
    """Status and tier of one distributor at one moment."""

    distributor_id: DistributorId
    status: Status
    tier: Tier


@dataclass(frozen=True)
class Application:
    """A user's wish to become a distributor, under the holder of ``sponsor_code`` or directly under the tenant."""

    user_id: UserId
    sponsor_code: str | None
    applied_at: datetime


@dataclass(frozen=True)
class Applied:
    """An accepted application: the new distributor, still to be approved."""

    user_id: UserId
    distributor_id: DistributorId
    code: str


@dataclass(frozen=True)
class Outcome:
    """What a batch command did for one distributor: done, or the refusal."""

    distributor_id: DistributorId
    refusal: Refusal | None = None

    @property
    def done(self) -> bool:
        """Whether the change was made."""
        return self.refusal is None


@dataclass(frozen=True)
class Distributor:
    """One distributor as of now. ``sponsor_id`` is the sponsor named at application; the network holds the current one."""

    id: DistributorId
    user_id: UserId
    code: str
    status: Status
    tier: Tier
    sponsor_id: DistributorId | None
    applied_at: datetime
    approved_at: datetime | None


@dataclass(frozen=True)
class DatedFact:
    """A status or tier that held from ``valid_from`` (inclusive) to ``valid_to`` (exclusive, None: still holds)."""

    value: str
    valid_from: datetime
    valid_to: datetime | None
    reason: str
