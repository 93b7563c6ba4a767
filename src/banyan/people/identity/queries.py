"""Reads of identity. Names and phones come back in clear: show them only to those who may see them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import Q

from banyan.kernel import secrets, sql, tenancy
from banyan.kernel.values.errors import NotFound
from banyan.people.identity.engine.normalizing import normalize_login, normalize_phone
from banyan.people.identity.models import Token as TokenRow
from banyan.people.identity.models import User as UserRow
from banyan.people.identity.types import Role, Token, TokenId, User, UserId

PHONE = "identity_users.phone"


class UserNotFound(NotFound):
    """No such user in this tenant, or not one that the caller may see."""

    code = "user_not_found"


def as_user(row: UserRow) -> User:
    """The row as the word of this house."""
    roles = tuple(Role(role) for role in row.roles)
    return User(UserId(row.pk), row.login, row.display_name, row.phone, roles, row.active, row.joined_at)


def as_token(row: TokenRow) -> Token:
    """The row as the word of this house; it never had the secret."""
    return Token(TokenId(row.pk), UserId(row.user_id), row.name, tuple(row.scopes), row.issued_at, row.expires_at, row.revoked_at)


def list_users_by_ids(ids: Sequence[UserId]) -> dict[UserId, User]:
    """The users of these ids; unknown ids are absent. One query."""
    return {UserId(row.pk): as_user(row) for row in UserRow.objects.filter(pk__in=list(ids))}


def contacts(ids: Iterable[UserId]) -> dict[UserId, tuple[str, str | None]]:
    """(display name, phone) of these users and nothing else, for long lists; unknown ids are absent. One query."""
    tenant_id = tenancy.current_tenant_id()
    rows = sql.fetch(
        "SELECT id, display_name, phone FROM identity_users WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (tenant_id, list(set(ids))),
    )
    return {
        UserId(key): (
            secrets.unseal(tenant_id, "identity_users.display_name", key, bytes(name)),
            secrets.unseal(tenant_id, PHONE, key, bytes(phone)) if phone is not None else None,
        )
        for key, name, phone in rows
    }


def find_active_ids(ids: Sequence[UserId]) -> set[UserId]:
    """Which of these ids are active users: nothing is decrypted. One query."""
    rows = sql.fetch(
        "SELECT id FROM identity_users WHERE tenant_id = %s AND id = ANY(%s) AND active", (tenancy.current_tenant_id(), list(ids))
    )
    return {UserId(identity) for (identity,) in rows}


def get_user(user_id: UserId) -> User:
    """One user, also the platform's user who is visiting this tenant; raises UserNotFound."""
    found = list_users_by_ids([user_id]).get(user_id)
    if found is None:
        visitor = find_visitor_row(user_id)
        if visitor is None:
            raise UserNotFound("No such user.")
        roles = tuple(Role(role) for role in visitor.roles)
        found = User(user_id, visitor.login, visitor.login, None, roles, True, visitor.joined_at)
    return found


def find_visitor_row(user_id: int) -> UserRow | None:
    """An active platform user as an unsaved row without name and phone, from any tenant; None for everybody else."""
    rows = sql.fetch("SELECT id, tenant_id, login, password, roles, joined_at FROM banyan_visitor(%s)", (user_id,))
    if not rows:
        return None
    identity, tenant_id, login, password, roles, joined_at = rows[0]
    return UserRow(
        id=identity, tenant_id=tenant_id, login=login, password=password, roles=roles, joined_at=joined_at, display_name=login
    )


def find_user_by_login(login: str) -> User | None:
    """The user of this login in any spelling, or None."""
    spelled = normalize_login(login)
    row = UserRow.objects.filter(tenant_id=tenancy.current_tenant_id(), login=spelled).first() if spelled else None
    return as_user(row) if row else None


def list_users_by_phone(phone: str) -> list[User]:
    """Users with exactly this phone number, found by the blind index."""
    spelled = normalize_phone(phone)
    if spelled is None:
        return []
    tenant_id = tenancy.current_tenant_id()
    index = secrets.blind_index(tenant_id, PHONE, spelled)
    return [as_user(row) for row in UserRow.objects.filter(tenant_id=tenant_id, phone_index=index).order_by("-pk")[:100]]


def list_users(before_id: int | None, count: int, role: Role | None = None) -> list[User]:
    """Users in descending id order, at most ``count``, with id below ``before_id``."""
    rows = UserRow.objects.filter(tenant_id=tenancy.current_tenant_id())
    if before_id is not None:
        rows = rows.filter(pk__lt=before_id)
    if role is not None:
        rows = rows.filter(roles__contains=[role.value])
    return [as_user(row) for row in rows.order_by("-pk")[:count]]


def list_tokens(user_id: UserId, at: datetime, before_id: int | None = None, count: int = 200) -> list[Token]:
    """The tokens of a user that still work at ``at``, newest first, at most ``count``, with id below ``before_id``."""
    rows = TokenRow.objects.filter(tenant_id=tenancy.current_tenant_id(), user_id=user_id, revoked_at=None)
    rows = rows.filter(Q(expires_at=None) | Q(expires_at__gt=at))
    if before_id is not None:
        rows = rows.filter(pk__lt=before_id)
    return [as_token(row) for row in rows.order_by("-pk")[:count]]
