"""What the network takes and gives over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from ninja import Field, Schema

from banyan.kernel.http import ErrorBody, PublicId
from banyan.kernel.values.errors import Invalid
from banyan.people.network.types import BindingMode, BindResult, BindSource

ERRORS: dict[int, Any] = {400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody, 422: ErrorBody}

DistributorIdOut = Annotated[int, PublicId("dst")]
UserIdOut = Annotated[int, PublicId("usr")]
PRINTABLE = r"^[^\x00-\x1f]+$"
Reason = Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTABLE)]
Moment = Annotated[datetime, Field(description="ISO 8601 with time zone")]


class UnknownCode(Invalid):
    """Nobody has this referral code."""

    code = "unknown_referral_code"
    advice = "Check the referral code with the person who gave it."


class MemberOut(Schema):
    """A place in the network; depth 0 is a root."""

    distributor_id: DistributorIdOut
    sponsor_id: DistributorIdOut | None
    depth: int
    frontline_count: int
    joined_at: datetime


class UplineOut(Schema):
    """All ancestors at a moment, nearest first."""

    at: datetime
    upline: list[DistributorIdOut]


class TeamSizeOut(Schema):
    """How many stand below."""

    frontline_count: int
    team_count: int
    consumer_count: int


class SponsorshipOut(Schema):
    """Under whom a member stood from valid_from until before valid_to."""

    sponsor_id: DistributorIdOut | None
    valid_from: datetime
    valid_to: datetime | None
    reason: str


class BindingOut(Schema):
    """A consumer's belonging to a distributor."""

    consumer_id: UserIdOut
    distributor_id: DistributorIdOut
    source: BindSource
    valid_from: datetime
    valid_to: datetime | None
    expires_at: datetime | None
    ended_reason: str


class JoinIn(Schema):
    """A place for an approved distributor who has none yet."""

    distributor_id: DistributorIdOut
    sponsor_id: DistributorIdOut | None = None


class MoveIn(Schema):
    """The new sponsor (null: become a root) and why. Without ``at`` the move counts from now on."""

    sponsor_id: DistributorIdOut | None
    reason: Reason
    at: Moment | None = None


class MovedOut(Schema):
    """The new place and how many members moved along."""

    member: MemberOut
    moved_count: int


class TouchIn(Schema):
    """A referral code that the caller met; operators may bind another consumer."""

    code: Annotated[str, Field(min_length=1, max_length=20, pattern=PRINTABLE)]
    consumer_id: UserIdOut | None = None


class BoundOut(Schema):
    """What the touch did: bound, renewed or kept."""

    result: BindResult
    consumer_id: UserIdOut
    distributor_id: DistributorIdOut


class UnbindIn(Schema):
    """Whom to release, and why."""

    consumer_id: UserIdOut
    reason: Reason


class SettingsBody(Schema):
    """The shop's rules of binding. Null protect_days: for ever; null validity_days: never expires."""

    mode: BindingMode
    protect_days: Annotated[int, Field(ge=0, le=36_500)] | None = None
    validity_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
