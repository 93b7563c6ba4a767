"""Registering people and changing what they may do."""

from __future__ import annotations

from collections.abc import Sequence
from secrets import token_urlsafe

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, make_password
from django.db import IntegrityError, transaction

from banyan.kernel import clock, ids, secrets, sql, tenancy
from banyan.kernel.values.errors import Conflict, Invalid
from banyan.people.identity.commands.passwords import check_strength
from banyan.people.identity.engine.normalizing import normalize_login, normalize_phone
from banyan.people.identity.models import User as UserRow
from banyan.people.identity.queries import PHONE, UserNotFound
from banyan.people.identity.types import NewUser, Role, UserId, scopes_of

NAME = "identity_users.display_name"
NAME_LENGTH_MAX = 80
COLUMNS = ("id", "login", "password", "display_name", "phone", "phone_index", "roles", "active", "joined_at")


class LoginTaken(Conflict):
    """Somebody of this tenant has the login already."""

    code = "login_taken"
    advice = "Choose another login, or sign in with the existing one."


class BadLogin(Invalid):
    """Not usable as a login."""

    code = "bad_login"
    advice = "A login has 1 to 80 characters without spaces and without '@'."


class BadPhone(Invalid):
    """Not a telephone number."""

    code = "bad_phone"
    advice = "Give the number with its country prefix, for example +8613800000000."


class BadName(Invalid):
    """Not usable as a name."""

    code = "bad_name"
    advice = f"A name has 1 to {NAME_LENGTH_MAX} printable characters."


def register_users(people: Sequence[NewUser]) -> list[UserId]:
    """Register people, in order, all or none, in one statement. A person without a password signs in by token only.

    Raises BadLogin, BadPhone, BadName, WeakPassword or LoginTaken (details name the position in the batch).
    """
    if not people:
        return []
    tenant_id, now = tenancy.current_tenant_id(), clock.now()
    identities = ids.next_ids(len(people))
    rows = [
        _row(tenant_id, identity, position, person)
        for position, (identity, person) in enumerate(zip(identities, people, strict=True))
    ]
    logins = [str(row[1]) for row in rows]
    _refuse_taken(tenant_id, logins)
    try:
        with transaction.atomic(using=tenancy.entered().alias):  # type: ignore[union-attr]
            sql.insert(UserRow, COLUMNS, [(*row, person.joined_at or now) for row, person in zip(rows, people, strict=True)])
    except IntegrityError:
        _refuse_taken(tenant_id, logins)  # somebody registered the same login at the same moment
        raise
    return [UserId(identity) for identity in identities]


def _refuse_taken(tenant_id: int, logins: list[str]) -> None:
    taken = {
        login
        for (login,) in sql.fetch(
            "SELECT login FROM identity_users WHERE tenant_id = %s AND login = ANY(%s)", (tenant_id, logins)
        )
    }
    seen: set[str] = set()
    for position, login in enumerate(logins):
        if login in taken or login in seen:
            raise LoginTaken("This login is taken.", field="login", position=position)
        seen.add(login)


def _row(tenant_id: int, identity: int, position: int, person: NewUser) -> tuple[object, ...]:
    login = normalize_login(person.login)
    if login is None:
        raise BadLogin("This cannot be a login.", field="login", position=position)
    roles = _checked_roles(person.roles)
    if person.password is not None:
        check_strength(login, person.password)
    # make_password(None) draws 40 letters one by one; thousands of people without a password need no more than a stop mark.
    password = make_password(person.password) if person.password is not None else UNUSABLE_PASSWORD_PREFIX + token_urlsafe(30)
    name = secrets.seal(tenant_id, NAME, identity, _checked_name(person.display_name))
    phone, index = _sealed_phone(tenant_id, identity, person.phone)
    return (identity, login, password, name, phone, index, roles, True)


def _checked_name(name: str) -> str:
    if not 1 <= len(name.strip()) <= NAME_LENGTH_MAX or not name.strip().isprintable():
        raise BadName("This cannot be a name.", field="display_name")
    return name.strip()


def _checked_roles(roles: Sequence[Role | str]) -> list[str]:
    try:
        return sorted({Role(role).value for role in roles})
    except ValueError as error:
        raise Invalid("Unknown role.", field="roles", known=[role.value for role in Role]) from error


def _sealed_phone(tenant_id: int, identity: int, phone: str | None) -> tuple[bytes | None, bytes | None]:
    if phone is None:
        return None, None
    spelled = normalize_phone(phone)
    if spelled is None:
        raise BadPhone("This cannot be a telephone number.", field="phone")
    return secrets.seal(tenant_id, PHONE, identity, spelled), secrets.blind_index(tenant_id, PHONE, spelled)


def update_profile(user_id: UserId, *, display_name: str | None = None, phone: str | None = None) -> None:
    """Change a user's name or phone; None leaves it, an empty phone removes it. Raises UserNotFound, BadName, BadPhone."""
    tenant_id = tenancy.current_tenant_id()
    changes: dict[str, object] = {}
    if display_name is not None:
        changes["display_name"] = secrets.seal(tenant_id, NAME, user_id, _checked_name(display_name))
    if phone is not None:
        changes["phone"], changes["phone_index"] = _sealed_phone(tenant_id, user_id, phone or None)
    assignments = ", ".join(f"{column} = %s" for column in changes)
    if not changes:
        return
    if not sql.execute(
        f"UPDATE identity_users SET {assignments} WHERE tenant_id = %s AND id = %s", (*changes.values(), tenant_id, user_id)
    ):
        raise UserNotFound("No such user.")


def set_roles(user_id: UserId, roles: Sequence[Role]) -> None:
    """Replace a user's roles. Tokens lose at once every scope that the new roles do not have; they never gain one.

    Raises UserNotFound, Invalid.
    """
    wanted = _checked_roles(roles)
    if not sql.execute(
        "UPDATE identity_users SET roles = %s WHERE tenant_id = %s AND id = %s", (wanted, tenancy.current_tenant_id(), user_id)
    ):
        raise UserNotFound("No such user.")
    _narrow_tokens([user_id])


def grant_role(user_ids: Sequence[UserId], role: Role) -> None:
    """Give many users one more role; those who have it keep it. Their tokens stay as narrow as they are."""
    sql.execute(
        "UPDATE identity_users SET roles = array_append(roles, %s) WHERE tenant_id = %s AND id = ANY(%s) AND NOT %s = ANY(roles)",
        (role.value, tenancy.current_tenant_id(), list(user_ids), role.value),
    )


def withdraw_role(user_ids: Sequence[UserId], role: Role) -> None:
    """Take one role from many users and narrow their tokens."""
    sql.execute(
        "UPDATE identity_users SET roles = array_remove(roles, %s) WHERE tenant_id = %s AND id = ANY(%s) AND %s = ANY(roles)",
        (role.value, tenancy.current_tenant_id(), list(user_ids), role.value),
    )
    _narrow_tokens(user_ids)


def _narrow_tokens(user_ids: Sequence[UserId]) -> None:
    """Cut each user's tokens down to the scopes of the user's present roles, one statement per distinct set of roles."""
    tenant_id = tenancy.current_tenant_id()
    by_roles: dict[tuple[str, ...], list[int]] = {}
    for identity, roles in sql.fetch(
        "SELECT id, roles FROM identity_users WHERE tenant_id = %s AND id = ANY(%s)", (tenant_id, list(user_ids))
    ):
        by_roles.setdefault(tuple(sorted(roles)), []).append(identity)
    for roles, members in by_roles.items():
        allowed = sorted(scopes_of(roles))
        sql.execute(
            "UPDATE identity_tokens SET scopes = ARRAY(SELECT s FROM unnest(scopes) s WHERE s = ANY(%s::text[]) ORDER BY s)"
            " WHERE tenant_id = %s AND user_id = ANY(%s) AND revoked_at IS NULL AND NOT scopes <@ %s::varchar[]",
            (allowed, tenant_id, members, allowed),
        )


def set_active(user_id: UserId, active: bool) -> None:
    """Switch a user off or on. Off: tokens answer 401 and sessions end with the next request. Raises UserNotFound."""
    if not sql.execute(
        "UPDATE identity_users SET active = %s WHERE tenant_id = %s AND id = %s", (active, tenancy.current_tenant_id(), user_id)
    ):
        raise UserNotFound("No such user.")
