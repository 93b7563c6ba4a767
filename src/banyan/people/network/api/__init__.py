"""The network over HTTP: places, teams, uplines, moves and bindings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Status

from banyan.kernel import clock
from banyan.kernel.http import Page, endpoint, page_of, principal_of
from banyan.kernel.http.schemas import page_by
from banyan.kernel.values.errors import Invalid, NotFound
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.types import DistributorId
from banyan.people.identity import queries as identity
from banyan.people.identity.types import OWN_ROWS_ROLES, Scope, UserId
from banyan.people.network import commands, queries
from banyan.people.network.api import signing_up
from banyan.people.network.api.schemas import (
    ERRORS,
    BindingOut,
    BoundOut,
    DistributorIdOut,
    JoinIn,
    MemberOut,
    Moment,
    MovedOut,
    MoveIn,
    SettingsBody,
    SponsorshipOut,
    TeamSizeOut,
    TouchIn,
    UnbindIn,
    UnknownCode,
    UplineOut,
    UserIdOut,
)
from banyan.people.network.types import (
    Binding,
    BindingSettings,
    BindRequest,
    BindSource,
    Joining,
    Member,
)

router = Router(tags=["network"])
router.add_router("", signing_up.router)


def member_out(member: Member) -> dict[str, Any]:
    """A place as the API shows it."""
    return {
        "distributor_id": member.distributor_id, "sponsor_id": member.sponsor_id, "depth": member.depth,
        "frontline_count": member.frontline_count, "joined_at": member.joined_at,
    }  # fmt: skip


def binding_out(binding: Binding) -> dict[str, Any]:
    """A binding as the API shows it."""
    return {
        "consumer_id": binding.consumer_id, "distributor_id": binding.distributor_id, "source": binding.source,
        "valid_from": binding.valid_from, "valid_to": binding.valid_to, "expires_at": binding.expires_at,
        "ended_reason": binding.ended_reason,
    }  # fmt: skip


def _visible(request: HttpRequest, distributor_id: int) -> Member:
    """The place, if the caller may see it: staff everybody's, a distributor the own one. Else 404."""
    principal = principal_of(request)
    if principal.roles <= OWN_ROWS_ROLES and principal.distributor_id != distributor_id:
        raise queries.MemberNotFound("This distributor has no place in the network.")
    return queries.get_member(DistributorId(distributor_id))


def _past(at: datetime | None) -> datetime:
    """The asked moment in UTC, now by default. Without a time zone or in the future it is refused."""
    now = clock.now()
    if at is None:
        return now
    if at.tzinfo is None or at.astimezone(UTC) > now:
        raise Invalid("The moment needs a time zone and must not lie in the future.", field="at")
    return at.astimezone(UTC)


@router.post("/network/members", response={201: MemberOut, **ERRORS}, summary="Give a distributor a place")
@endpoint(scope=Scope.NETWORK_WRITE, write=True)
def join(request: HttpRequest, body: JoinIn) -> Status[dict[str, Any]]:
    """Approval does this by itself; here for somebody whose sponsor could not be used."""
    distributor_id = DistributorId(body.distributor_id)
    sponsor_id = DistributorId(body.sponsor_id) if body.sponsor_id is not None else None
    (outcome,) = commands.join([Joining(distributor_id, sponsor_id, clock.now())])
    if outcome.refusal is not None:
        raise outcome.refusal
    return Status(201, member_out(queries.get_member(distributor_id)))


@router.get("/network/members/{distributor_id}", response={200: MemberOut, **ERRORS}, summary="One place")
@endpoint(scope=Scope.NETWORK_READ)
def get_member(request: HttpRequest, distributor_id: DistributorIdOut) -> dict[str, Any]:
    """404 for other people's places."""
    return member_out(_visible(request, distributor_id))


@router.get(
    "/network/members/{distributor_id}/upline", response={200: UplineOut, **ERRORS}, summary="The upline, now or in the past"
)
@endpoint(scope=Scope.NETWORK_READ)
def get_upline(request: HttpRequest, distributor_id: DistributorIdOut, at: Moment | None = None) -> dict[str, Any]:
    """Nearest first; empty for a root, 404 if the distributor had no place at that time."""
    member, moment = _visible(request, distributor_id), _past(at)
    upline = queries.uplines_at([member.distributor_id], moment).get(member.distributor_id)
    if upline is None:
        raise queries.MemberNotFound("The distributor had no place in the network at that time.")
    return {"at": moment, "upline": list(upline)}


@router.get(
    "/network/members/{distributor_id}/sponsorships", response={200: Page[SponsorshipOut], **ERRORS}, summary="Every sponsor"
)
@endpoint(scope=Scope.NETWORK_READ)
def get_sponsorships(
    request: HttpRequest,
    distributor_id: DistributorIdOut,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Oldest first."""
    member = _visible(request, distributor_id)
    return page_by(
        lambda key, count: queries.list_sponsorships(member.distributor_id, after=key and key[0], count=count),
        cursor,
        limit,
        lambda one: (one.valid_from,),
        (datetime,),
    )


@router.get("/network/members/{distributor_id}/frontline", response={200: Page[MemberOut], **ERRORS}, summary="The frontline")
@endpoint(scope=Scope.NETWORK_READ)
def get_frontline(
    request: HttpRequest,
    distributor_id: DistributorIdOut,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Those directly below, newest first."""
    member = _visible(request, distributor_id)
    page = page_of(
        lambda before, count: queries.list_frontline(member.distributor_id, before, count),
        cursor,
        limit,
        lambda m: m.distributor_id,
    )
    return {**page, "items": [member_out(found) for found in page["items"]]}


@router.get("/network/members/{distributor_id}/team", response={200: Page[MemberOut], **ERRORS}, summary="The team")
@endpoint(scope=Scope.NETWORK_READ)
def get_team(
    request: HttpRequest,
    distributor_id: DistributorIdOut,
    depth: Annotated[int, Query(ge=1, le=1000)] | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Everybody below, at most ``depth`` steps, newest first."""
    member = _visible(request, distributor_id)
    page = page_of(
        lambda before, count: queries.list_team(member.distributor_id, depth, before, count),
        cursor, limit, lambda m: m.distributor_id,
    )  # fmt: skip
    return {**page, "items": [member_out(found) for found in page["items"]]}


@router.get("/network/members/{distributor_id}/team/size", response={200: TeamSizeOut, **ERRORS}, summary="The size of the team")
@endpoint(scope=Scope.NETWORK_READ)
def get_team_size(
    request: HttpRequest, distributor_id: DistributorIdOut, depth: Annotated[int, Query(ge=1, le=1000)] | None = None
) -> dict[str, Any]:
    """Frontline, everybody below, and the consumers bound to the member himself."""
    member = _visible(request, distributor_id)
    consumers = queries.count_bound_consumers([member.distributor_id], clock.now())
    return {
        "frontline_count": member.frontline_count,
        "team_count": queries.count_team(member.distributor_id, depth),
        "consumer_count": consumers.get(member.distributor_id, 0),
    }


@router.get("/network/members/{distributor_id}/consumers", response={200: Page[BindingOut], **ERRORS}, summary="Bound consumers")
@endpoint(scope=Scope.NETWORK_READ)
def get_consumers(
    request: HttpRequest,
    distributor_id: DistributorIdOut,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Who belongs to the distributor now, latest first."""
    member, now = _visible(request, distributor_id), clock.now()
    page = page_of(
        lambda before, count: queries.list_bound_consumers(member.distributor_id, now, before, count),
        cursor, limit, lambda row: row[0],
    )  # fmt: skip
    return {**page, "items": [binding_out(binding) for _, binding in page["items"]]}


@router.post("/network/members/{distributor_id}/move", response={200: MovedOut, **ERRORS}, summary="Move a member with the team")
@endpoint(scope=Scope.NETWORK_WRITE, write=True)
def move(request: HttpRequest, distributor_id: DistributorIdOut, body: MoveIn) -> dict[str, Any]:
    """Circles are refused. Orders already paid keep the upline of their time."""
    sponsor_id = DistributorId(body.sponsor_id) if body.sponsor_id is not None else None
    at = _past(body.at) if body.at is not None else None
    moved = commands.move(DistributorId(distributor_id), sponsor_id, at, body.reason)
    return {"member": member_out(queries.get_member(DistributorId(distributor_id))), "moved_count": moved}


@router.post("/network/bindings", response={200: BoundOut, **ERRORS}, summary="Bind a consumer by referral code")
@endpoint(scope=Scope.NETWORK_BIND, write=True)
def bind(request: HttpRequest, body: TouchIn) -> dict[str, Any]:
    """The caller himself, or with network:write any consumer. The shop's rules decide; a refusal says why."""
    principal = principal_of(request)
    by_operator = body.consumer_id is not None and Scope.NETWORK_WRITE in principal.scopes
    if body.consumer_id is not None and not by_operator and body.consumer_id != principal.user_id:
        raise NotFound("No such consumer.")
    consumer_id = UserId(body.consumer_id if by_operator and body.consumer_id is not None else principal.user_id)
    source = BindSource.OPERATOR if by_operator else BindSource.CODE
    distributor_id = distributors.find_by_codes([body.code]).get(body.code)
    if distributor_id is None:
        raise UnknownCode("Nobody has this referral code.", field="code")
    (outcome,) = commands.bind([BindRequest(consumer_id, distributor_id, source, clock.now())])
    if outcome.refusal is not None:
        raise outcome.refusal
    return {"result": outcome.result, "consumer_id": consumer_id, "distributor_id": distributor_id}


@router.post("/network/bindings/release", response={204: None, **ERRORS}, summary="Release a consumer")
@endpoint(scope=Scope.NETWORK_WRITE, write=True)
def unbind(request: HttpRequest, body: UnbindIn) -> Status[None]:
    """From now on; the history stays."""
    (outcome,) = commands.unbind([UserId(body.consumer_id)], clock.now(), body.reason)
    if outcome.refusal is not None:
        raise outcome.refusal
    return Status(204, None)


@router.get("/network/bindings/{consumer_id}", response={200: Page[BindingOut], **ERRORS}, summary="A consumer's bindings")
@endpoint(scope=Scope.NETWORK_READ)
def get_bindings(
    request: HttpRequest,
    consumer_id: UserIdOut,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Oldest first. Staff sees everybody's, others only their own."""
    principal = principal_of(request)
    if principal.roles <= OWN_ROWS_ROLES and consumer_id != principal.user_id:
        raise NotFound("No such consumer.")
    identity.get_user(UserId(consumer_id))  # nobody's bindings are no empty list
    page = page_by(
        lambda key, count: queries.list_bindings(UserId(consumer_id), after=key and key[0], count=count),
        cursor,
        limit,
        lambda one: (one.valid_from,),
        (datetime,),
    )
    return {**page, "items": [binding_out(binding) for binding in page["items"]]}


@router.get("/network/binding-rules", response={200: SettingsBody, **ERRORS}, summary="The shop's rules of binding")
@endpoint(scope=Scope.NETWORK_READ)
def get_rules(request: HttpRequest) -> dict[str, Any]:
    """Defaults: first touch, protected for ever, never expiring."""
    settings = queries.get_binding_settings()
    return {"mode": settings.mode, "protect_days": settings.protect_days, "validity_days": settings.validity_days}


@router.put("/network/binding-rules", response={200: SettingsBody, **ERRORS}, summary="Change the rules of binding")
@endpoint(scope=Scope.NETWORK_WRITE, write=True)
def set_rules(request: HttpRequest, body: SettingsBody) -> dict[str, Any]:
    """They count for touches from now on."""
    commands.set_binding_settings(BindingSettings(body.mode, body.protect_days, body.validity_days))
    return body.dict()
