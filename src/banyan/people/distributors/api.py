"""Applying, standing and tiers over HTTP. Consumers and distributors see their own row only."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from banyan.kernel import clock
from banyan.kernel.http import ErrorBody, Page, Principal, PublicId, endpoint, page_of, principal_of
from banyan.kernel.values.errors import Refusal
from banyan.people.distributors import commands, queries
from banyan.people.distributors import types as words
from banyan.people.distributors.types import Application, Distributor, DistributorId, Tier
from banyan.people.identity.types import OWN_ROWS_ROLES, Scope, UserId

router = Router(tags=["distributors"])
ERRORS: dict[int, Any] = {400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody, 422: ErrorBody}
BATCH_MAX = 1000

DistributorIdOut = Annotated[int, PublicId("dst")]
UserIdOut = Annotated[int, PublicId("usr")]
Ids = Annotated[list[DistributorIdOut], Field(min_length=1, max_length=BATCH_MAX)]
Reason = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]


class DistributorOut(Schema):
    """A distributor as of now."""

    id: DistributorIdOut
    user_id: UserIdOut
    code: str
    status: words.Status
    tier: Tier
    sponsor_id: DistributorIdOut | None
    applied_at: datetime
    approved_at: datetime | None


class FactOut(Schema):
    """A status or tier that held from valid_from until before valid_to (null: still holds)."""

    value: str
    valid_from: datetime
    valid_to: datetime | None
    reason: str


class HistoryOut(Schema):
    """Every status and tier, oldest first."""

    statuses: list[FactOut]
    tiers: list[FactOut]


class ApplyIn(Schema):
    """An application for oneself; operators may name the user."""

    sponsor_code: Annotated[str, Field(max_length=20, pattern=r"^[^\x00-\x1f]*$")] | None = None
    user_id: UserIdOut | None = None


class IdsIn(Schema):
    """Distributors to decide on, at most 1,000."""

    ids: Ids


class DecisionIn(IdsIn):
    """A decision with its reason, which the person concerned may read."""

    reason: Reason


class TierIn(DecisionIn):
    """A tier from now on."""

    tier: Tier


class ErrorOut(Schema):
    """Why one of a batch was refused."""

    code: str
    message: str
    advice: str


class ApplicationOutcomeOut(Schema):
    """What was done for one distributor of a batch."""

    id: DistributorIdOut
    done: bool
    error: ErrorOut | None


def distributor_out(row: Distributor) -> dict[str, Any]:
    """A distributor as the API shows him."""
    return {
        "id": row.id, "user_id": row.user_id, "code": row.code, "status": row.status, "tier": row.tier,
        "sponsor_id": row.sponsor_id, "applied_at": row.applied_at, "approved_at": row.approved_at,
    }  # fmt: skip


def _outcomes(outcomes: list[words.Outcome]) -> list[dict[str, Any]]:
    """One answer each. A batch of one that was refused is refused as a whole."""
    if len(outcomes) == 1 and outcomes[0].refusal is not None:
        raise outcomes[0].refusal
    return [{"id": o.distributor_id, "done": o.done, "error": _error(o.refusal)} for o in outcomes]


def _error(refusal: Refusal | None) -> dict[str, str] | None:
    return {"code": refusal.code, "message": refusal.message, "advice": refusal.advice} if refusal else None


def sees_own_rows_only(principal: Principal) -> bool:
    """Whether the caller is nothing but a consumer, distributor or supplier."""
    return principal.roles <= OWN_ROWS_ROLES


def visible(principal: Principal, distributor_id: int) -> Distributor:
    """The distributor, if the caller may see him; otherwise DistributorNotFound, as for one that does not exist."""
    if sees_own_rows_only(principal) and principal.distributor_id != distributor_id:
        raise queries.DistributorNotFound("No such distributor.")
    return queries.get_distributor(DistributorId(distributor_id))


@router.post("/distributors", response={201: DistributorOut, **ERRORS}, summary="Apply to become a distributor")
@endpoint(scope=Scope.DISTRIBUTORS_APPLY, write=True)
def apply(request: HttpRequest, body: ApplyIn) -> Status[dict[str, Any]]:
    """For oneself; with distributors:write also for another user. An operator approves."""
    principal = principal_of(request)
    user_id = body.user_id if body.user_id is not None and Scope.DISTRIBUTORS_WRITE in principal.scopes else principal.user_id
    (answer,) = commands.apply([Application(UserId(user_id), body.sponsor_code, clock.now())])
    if isinstance(answer, Refusal):
        raise answer
    return Status(201, distributor_out(queries.get_distributor(answer.distributor_id)))


@router.get("/distributors", response={200: Page[DistributorOut], **ERRORS}, summary="Distributors")
@endpoint(scope=Scope.DISTRIBUTORS_READ)
def list_distributors(
    request: HttpRequest,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    status: words.Status | None = None,
    tier: Tier | None = None,
) -> dict[str, Any]:
    """Newest first. Consumers and distributors get their own row only."""
    principal = principal_of(request)
    if sees_own_rows_only(principal):
        own = queries.list_distributors_by_ids([DistributorId(principal.distributor_id)]) if principal.distributor_id else {}
        return {"items": [distributor_out(row) for row in own.values()], "next_cursor": None}
    page = page_of(
        lambda before, count: queries.list_distributors(before, count, status, tier), cursor, limit, lambda row: row.id
    )
    return {**page, "items": [distributor_out(row) for row in page["items"]]}


@router.post("/distributors/approve", response={200: list[ApplicationOutcomeOut], **ERRORS}, summary="Approve applications")
@endpoint(scope=Scope.DISTRIBUTORS_WRITE, write=True)
def approve(request: HttpRequest, body: IdsIn) -> list[dict[str, Any]]:
    """From now on; the place under the named sponsor follows by itself."""
    return _outcomes(commands.approve([DistributorId(key) for key in body.ids], clock.now()))


@router.post("/distributors/reject", response={200: list[ApplicationOutcomeOut], **ERRORS}, summary="Reject applications")
@endpoint(scope=Scope.DISTRIBUTORS_WRITE, write=True)
def reject(request: HttpRequest, body: DecisionIn) -> list[dict[str, Any]]:
    """The users may apply again."""
    return _outcomes(commands.reject([DistributorId(key) for key in body.ids], body.reason))


@router.post("/distributors/freeze", response={200: list[ApplicationOutcomeOut], **ERRORS}, summary="Freeze distributors")
@endpoint(scope=Scope.DISTRIBUTORS_WRITE, write=True)
def freeze(request: HttpRequest, body: DecisionIn) -> list[dict[str, Any]]:
    """They earn nothing and win no consumers until unfrozen."""
    return _outcomes(commands.freeze([DistributorId(key) for key in body.ids], body.reason))


@router.post("/distributors/unfreeze", response={200: list[ApplicationOutcomeOut], **ERRORS}, summary="Unfreeze distributors")
@endpoint(scope=Scope.DISTRIBUTORS_WRITE, write=True)
def unfreeze(request: HttpRequest, body: DecisionIn) -> list[dict[str, Any]]:
    """They earn again from now on."""
    return _outcomes(commands.unfreeze([DistributorId(key) for key in body.ids], body.reason))


@router.post("/distributors/close", response={200: list[ApplicationOutcomeOut], **ERRORS}, summary="Close distributors for good")
@endpoint(scope=Scope.DISTRIBUTORS_WRITE, write=True)
def close(request: HttpRequest, body: DecisionIn) -> list[dict[str, Any]]:
    """The place in the network stays, so that nobody's upline changes."""
    return _outcomes(commands.close([DistributorId(key) for key in body.ids], body.reason))


@router.post("/distributors/tier", response={200: list[ApplicationOutcomeOut], **ERRORS}, summary="Set a tier")
@endpoint(scope=Scope.DISTRIBUTORS_WRITE, write=True)
def set_tier(request: HttpRequest, body: TierIn) -> list[dict[str, Any]]:
    """From now on; what was earned before keeps the tier of its time."""
    tiers = {DistributorId(key): body.tier for key in body.ids}
    return _outcomes(commands.set_tiers(tiers, clock.now(), body.reason))


# After the fixed paths, which the id would swallow.
@router.get("/distributors/{distributor_id}", response={200: DistributorOut, **ERRORS}, summary="One distributor")
@endpoint(scope=Scope.DISTRIBUTORS_READ)
def get_distributor(request: HttpRequest, distributor_id: DistributorIdOut) -> dict[str, Any]:
    """404 for other people's rows."""
    return distributor_out(visible(principal_of(request), distributor_id))


@router.get("/distributors/{distributor_id}/history", response={200: HistoryOut, **ERRORS}, summary="Status and tier history")
@endpoint(scope=Scope.DISTRIBUTORS_READ)
def get_history(request: HttpRequest, distributor_id: DistributorIdOut) -> dict[str, Any]:
    """Every dated fact, with its reason."""
    row = visible(principal_of(request), distributor_id)
    return {"statuses": queries.list_status_history(row.id), "tiers": queries.list_tier_history(row.id)}
