"""Signing in, the own account, tokens, and the administration of users."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Status

from banyan.kernel import clock, tenancy
from banyan.kernel.http import Page, address_of, endpoint, keep_nowhere, page_of, principal_of, public_endpoint
from banyan.kernel.values.errors import Forbidden
from banyan.people.identity import commands, queries
from banyan.people.identity.api import platform
from banyan.people.identity.api.schemas import (
    ERRORS,
    PRINTABLE,
    LockLiftedOut,
    MeOut,
    NewPasswordIn,
    NewUserIn,
    PasswordIn,
    ProfileIn,
    RolesIn,
    SignInIn,
    TokenIdOut,
    TokenIn,
    TokenOut,
    TokenRowOut,
    UserIdOut,
    UserOut,
)
from banyan.people.identity.types import NewUser, Role, Scope, Token, TokenId, User, UserId, scopes_of

router = Router(tags=["identity"])
router.add_router("", platform.router)
SESSION_LIFE = timedelta(hours=12)
STAFF_MAY_GRANT = frozenset(Role) - {Role.PLATFORM}


class NotAllowed(Forbidden):
    """Nobody raises himself, and nobody makes platform users from inside a shop."""

    code = "not_allowed"
    advice = "Ask another person with users:write; platform users are made in the platform's own tenant."


def user_out(user: User) -> dict[str, Any]:
    """A user as the API shows him."""
    return {
        "id": user.id, "login": user.login, "display_name": user.display_name, "phone": user.phone,
        "roles": list(user.roles), "active": user.active, "joined_at": user.joined_at,
    }  # fmt: skip


def _token_out(token: Token) -> dict[str, Any]:
    return {
        "id": token.id, "name": token.name, "scopes": list(token.scopes),
        "issued_at": token.issued_at, "expires_at": token.expires_at,
    }  # fmt: skip


@router.post("/auth/sign-in", auth=None, response={200: TokenOut, **ERRORS}, summary="Sign in with a password")
@public_endpoint
def sign_in(request: HttpRequest, response: HttpResponse, body: SignInIn) -> dict[str, Any]:
    """A token of 12 hours with every scope of the person's roles. Five failures lock the login for 15 minutes."""
    account = f"{body.login}@{body.shop}" if body.shop else body.login
    tenant_id, user_id = commands.sign_in(account, body.password, address_of(request))
    expires_at = clock.now() + SESSION_LIFE
    with tenancy.enter(tenant_id, actor="sign-in", reason="sign-in"):
        user = queries.get_user(UserId(user_id))
        token = commands.issue_token(user.id, scopes_of(user.roles), "sign-in", expires_at)
    keep_nowhere(response)
    return {"token": token, "expires_at": expires_at}


@router.post("/auth/sign-out", response={204: None, **ERRORS}, summary="Revoke the token of this request")
@endpoint(scope=Scope.ME_WRITE, write=True)
def sign_out(request: HttpRequest) -> Status[None]:
    """The token of this request answers 401 from now on. For the platform's people this also ends the visit."""
    user_id = UserId(principal_of(request).user_id)
    commands.revoke_presented(request.headers["Authorization"].partition(" ")[2].strip())
    if not queries.find_active_ids([user_id]):
        commands.leave_shop(user_id)
    return Status(204, None)


@router.get("/me", response={200: MeOut, **ERRORS}, summary="Who am I")
@endpoint(scope=Scope.ME_READ)
def me(request: HttpRequest) -> dict[str, Any]:
    """The caller's account and the rights of this token."""
    principal = principal_of(request)
    user = queries.get_user(UserId(principal.user_id))
    return {**user_out(user), "scopes": sorted(principal.scopes), "distributor_id": principal.distributor_id}


@router.patch("/me", response={200: UserOut, **ERRORS}, summary="Change my name or phone")
@endpoint(scope=Scope.ME_WRITE, write=True)
def change_me(request: HttpRequest, body: ProfileIn) -> dict[str, Any]:
    """Absent fields stay as they are."""
    user_id = UserId(principal_of(request).user_id)
    commands.update_profile(user_id, display_name=body.display_name, phone=body.phone)
    return user_out(queries.get_user(user_id))


@router.put("/me/password", response={204: None, **ERRORS}, summary="Change my password")
@endpoint(scope=Scope.ME_WRITE, write=True)
def change_my_password(request: HttpRequest, body: PasswordIn) -> Status[None]:
    """Browser sessions elsewhere end; tokens stay until revoked."""
    commands.change_password(UserId(principal_of(request).user_id), body.present, body.new)
    return Status(204, None)


@router.get("/me/tokens", response={200: Page[TokenRowOut], **ERRORS}, summary="My working tokens")
@endpoint(scope=Scope.ME_READ)
def my_tokens(request: HttpRequest, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> dict[str, Any]:
    """Newest first."""
    return _tokens_of(UserId(principal_of(request).user_id), cursor, limit)


def _tokens_of(user_id: UserId, cursor: str | None, limit: int) -> dict[str, Any]:
    now = clock.now()
    page = page_of(
        lambda before, count: queries.list_tokens(user_id, now, before, count), cursor, limit, lambda token: int(token.id)
    )
    return {**page, "items": [_token_out(token) for token in page["items"]]}


@router.post("/me/tokens", response={201: TokenOut, **ERRORS}, summary="Issue a token for myself")
@endpoint(scope=Scope.ME_WRITE, write=True)
def issue_my_token(request: HttpRequest, response: HttpResponse, body: TokenIn) -> Status[dict[str, Any]]:
    """A token never carries more than the token that asks for it."""
    principal = principal_of(request)
    wider = sorted(set(body.scopes) - principal.scopes)
    if wider:
        raise commands.ScopeNotHeld("This token does not have all of these scopes.", missing=wider)
    expires_at = clock.now() + timedelta(days=body.days) if body.days else None
    token = commands.issue_token(UserId(principal.user_id), body.scopes, body.name, expires_at)
    keep_nowhere(response)
    return Status(201, {"token": token, "expires_at": expires_at})


@router.delete("/me/tokens/{token_id}", response={204: None, **ERRORS}, summary="Revoke one of my tokens")
@endpoint(scope=Scope.ME_WRITE, write=True)
def revoke_my_token(request: HttpRequest, token_id: TokenIdOut) -> Status[None]:
    """Works at once. Revoking again changes nothing."""
    commands.revoke_token(UserId(principal_of(request).user_id), TokenId(token_id))
    return Status(204, None)


@router.get("/users", response={200: Page[UserOut], **ERRORS}, summary="Users")
@endpoint(scope=Scope.USERS_READ)
def list_users(
    request: HttpRequest,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    role: Role | None = None,
) -> dict[str, Any]:
    """Newest first; one role if asked."""
    page = page_of(lambda before, count: queries.list_users(before, count, role), cursor, limit, lambda user: user.id)
    return {**page, "items": [user_out(user) for user in page["items"]]}


@router.get("/users/search", response={200: list[UserOut], **ERRORS}, summary="Users by login or phone, exactly")
@endpoint(scope=Scope.USERS_READ)
def search_users(
    request: HttpRequest,
    login: Annotated[str, Query(max_length=120, pattern=PRINTABLE)] | None = None,
    phone: Annotated[str, Query(max_length=30, pattern=PRINTABLE)] | None = None,
) -> list[dict[str, Any]]:
    """Phones are stored sealed, so only a whole number finds somebody."""
    found = queries.list_users_by_phone(phone) if phone else []
    by_login = queries.find_user_by_login(login) if login else None
    return [user_out(user) for user in [*found, *([by_login] if by_login else [])]]


@router.post("/users", response={201: UserOut, **ERRORS}, summary="Register a user")
@endpoint(scope=Scope.USERS_WRITE, write=True)
def register_user(request: HttpRequest, body: NewUserIn) -> Status[dict[str, Any]]:
    """Without a password the user can only be given tokens."""
    _may_grant(request, body.roles)
    person = NewUser(body.login, body.password, body.display_name, body.phone, tuple(body.roles))
    (user_id,) = commands.register_users([person])
    return Status(201, user_out(queries.get_user(user_id)))


@router.get("/users/{user_id}", response={200: UserOut, **ERRORS}, summary="One user")
@endpoint(scope=Scope.USERS_READ)
def get_user(request: HttpRequest, user_id: UserIdOut) -> dict[str, Any]:
    """404 for everybody of other tenants."""
    return user_out(_own_tenants_user(user_id))


@router.put("/users/{user_id}/roles", response={200: UserOut, **ERRORS}, summary="Set a user's roles")
@endpoint(scope=Scope.USERS_WRITE, write=True)
def set_roles(request: HttpRequest, user_id: UserIdOut, body: RolesIn) -> dict[str, Any]:
    """The user's tokens lose at once what the new roles do not have."""
    user = _somebody_else(request, user_id)
    _may_grant(request, [*body.roles, *user.roles])
    commands.set_roles(user.id, body.roles)
    return user_out(queries.get_user(user.id))


@router.post("/users/{user_id}/deactivate", response={200: UserOut, **ERRORS}, summary="Switch a user off")
@endpoint(scope=Scope.USERS_WRITE, write=True)
def deactivate(request: HttpRequest, user_id: UserIdOut) -> dict[str, Any]:
    """The user's tokens and sessions stop with the next request."""
    return _switch(request, user_id, False)


@router.post("/users/{user_id}/activate", response={200: UserOut, **ERRORS}, summary="Switch a user on again")
@endpoint(scope=Scope.USERS_WRITE, write=True)
def activate(request: HttpRequest, user_id: UserIdOut) -> dict[str, Any]:
    """Tokens that were not revoked work again."""
    return _switch(request, user_id, True)


@router.put("/users/{user_id}/password", response={204: None, **ERRORS}, summary="Set a user's password")
@endpoint(scope=Scope.USERS_WRITE, write=True)
def set_password(request: HttpRequest, user_id: UserIdOut, body: NewPasswordIn) -> Status[None]:
    """For people who lost theirs; the own one is changed under /me."""
    user = _somebody_else(request, user_id)
    _may_grant(request, user.roles)
    commands.set_password(user.id, body.new)
    commands.lift_lock(user.login)
    return Status(204, None)


@router.post("/users/{user_id}/lift-lock", response={200: LockLiftedOut, **ERRORS}, summary="Lift a user's sign-in lock")
@endpoint(scope=Scope.USERS_WRITE, write=True)
def lift_lock(request: HttpRequest, user_id: UserIdOut) -> dict[str, Any]:
    """Forgives the failures of the last 15 minutes; 0 when there were none. A lock of an address stays."""
    user = _own_tenants_user(user_id)
    _may_grant(request, user.roles)
    return {"forgiven_count": commands.lift_lock(user.login)}


@router.get("/users/{user_id}/tokens", response={200: Page[TokenRowOut], **ERRORS}, summary="A user's working tokens")
@endpoint(scope=Scope.USERS_READ)
def user_tokens(
    request: HttpRequest, user_id: UserIdOut, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> dict[str, Any]:
    """Newest first."""
    return _tokens_of(_own_tenants_user(user_id).id, cursor, limit)


@router.delete("/users/{user_id}/tokens", response={204: None, **ERRORS}, summary="Revoke all of a user's tokens")
@endpoint(scope=Scope.USERS_WRITE, write=True)
def revoke_user_tokens(request: HttpRequest, user_id: UserIdOut) -> Status[None]:
    """Works at once."""
    commands.revoke_tokens_of(_own_tenants_user(user_id).id)
    return Status(204, None)


def _own_tenants_user(user_id: int) -> User:
    """A user of the entered tenant; a visiting platform user is not administered here."""
    found = queries.list_users_by_ids([UserId(user_id)]).get(UserId(user_id))
    if found is None:
        raise queries.UserNotFound("No such user.")
    return found


def _somebody_else(request: HttpRequest, user_id: int) -> User:
    user = _own_tenants_user(user_id)
    if user.id == principal_of(request).user_id:
        raise NotAllowed("Nobody changes the own roles or account here.")
    return user


def _switch(request: HttpRequest, user_id: int, active: bool) -> dict[str, Any]:
    user = _somebody_else(request, user_id)
    _may_grant(request, user.roles)
    commands.set_active(user.id, active)
    return user_out(queries.get_user(user.id))


def _may_grant(request: HttpRequest, roles: list[Role] | tuple[Role, ...]) -> None:
    if not principal_of(request).is_any(Role.PLATFORM) and not STAFF_MAY_GRANT.issuperset(roles):
        raise NotAllowed("Platform users are not made or changed from inside a shop.")
