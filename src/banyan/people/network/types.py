"""The words of the network: members, sponsorship, bindings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from banyan.kernel.values.errors import Refusal
from banyan.people.distributors.types import DistributorId
from banyan.people.identity.types import UserId


@dataclass(frozen=True)
class Joining:
    """A distributor takes a place in the network, under a sponsor or as a root."""

    distributor_id: DistributorId
    sponsor_id: DistributorId | None
    joined_at: datetime


@dataclass(frozen=True)
class JoinOutcome:
    """What became of one joining: joined, was already there (nothing written), or refused."""

    distributor_id: DistributorId
    joined: bool
    refusal: Refusal | None = None


@dataclass(frozen=True)
class Member:
    """A distributor's place in the network as of now; ``depth`` 0 is a root, ``frontline_count`` counts direct members."""

    distributor_id: DistributorId
    sponsor_id: DistributorId | None
    depth: int
    frontline_count: int
    joined_at: datetime


@dataclass(frozen=True)
class Sponsorship:
    """``distributor_id`` stood directly under ``sponsor_id`` (None: was a root) from ``valid_from`` until before ``valid_to``."""

    distributor_id: DistributorId
    sponsor_id: DistributorId | None
    valid_from: datetime
    valid_to: datetime | None
    reason: str


class BindingMode(StrEnum):
    """Which touch wins a consumer."""

    FIRST_TOUCH = "first_touch"
    """The first distributor keeps the consumer; nobody overrides within the protect period."""
    SIGN_UP = "sign_up"
    """Only a sign-up binds, and only a consumer who never was bound."""
    OVERRIDING = "overriding"
    """The latest touch wins at once."""


class BindSource(StrEnum):
    """How the consumer came."""

    LINK = "link"
    CODE = "code"
    ORDER = "order"
    SIGN_UP = "sign_up"
    OPERATOR = "operator"
    IMPORT = "import"


@dataclass(frozen=True)
class BindingSettings:
    """A tenant's rules of binding. ``protect_days`` None protects for ever; ``validity_days`` None never expires."""

    mode: BindingMode = BindingMode.FIRST_TOUCH
    protect_days: int | None = None
    validity_days: int | None = None


@dataclass(frozen=True)
class BindRequest:
    """A consumer touched a distributor's link, code or invitation at ``at``."""

    consumer_id: UserId
    distributor_id: DistributorId
    source: BindSource
    at: datetime


class BindResult(StrEnum):
    """What a bind request did."""

    BOUND = "bound"
    RENEWED = "renewed"
    KEPT = "kept"
    """Already bound to this distributor: nothing to change."""
    REFUSED = "refused"


@dataclass(frozen=True)
class BindOutcome:
    """The result for one request; ``refusal`` says why when refused."""

    consumer_id: UserId
    distributor_id: DistributorId
    result: BindResult
    refusal: Refusal | None = None

    @property
    def bound(self) -> bool:
        """Whether the consumer is bound to the requested distributor after this request."""
        return self.result is not BindResult.REFUSED


@dataclass(frozen=True)
class UnbindOutcome:
    """The result for one consumer: unbound, or the refusal."""

    consumer_id: UserId
    refusal: Refusal | None = None


@dataclass(frozen=True)
class Binding:
    """A consumer belonged to a distributor from ``valid_from`` until before the earlier of ``valid_to`` and ``expires_at``."""

    consumer_id: UserId
    distributor_id: DistributorId
    source: BindSource
    valid_from: datetime
    valid_to: datetime | None
    expires_at: datetime | None
    ended_reason: str
