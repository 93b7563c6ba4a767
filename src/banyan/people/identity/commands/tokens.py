"""Issuing and revoking API tokens."""

from __future__ import annotations

import secrets as system_secrets
from collections.abc import Collection
from datetime import datetime
from hashlib import sha256

from banyan.kernel import clock, ids, sql, tenancy
from banyan.kernel.values.errors import Forbidden, Invalid, NotFound
from banyan.people.identity.models import Token as TokenRow
from banyan.people.identity.models import User as UserRow
from banyan.people.identity.queries import UserNotFound, find_visitor_row
from banyan.people.identity.types import TOKEN_PREFIX, Scope, TokenId, UserId, scopes_of


class TokenNotFound(NotFound):
    """No such token of this user."""

    code = "token_not_found"


class ScopeNotHeld(Forbidden):
    """A token may carry only what its owner may do."""

    code = "scope_not_held"
    advice = "Ask only for scopes that your roles have; the details name the others."


def issue_token(user_id: UserId, scopes: Collection[str], name: str, expires_at: datetime | None = None) -> str:
    """Issue a token and return its secret, which is shown this once: only its SHA-256 is kept.

    ``scopes`` must be held by the user's roles (ScopeNotHeld) and known (Invalid). A platform user gets a token for the
    entered tenant. Raises UserNotFound for unknown and inactive users, Invalid for an expiry that is not in the future.
    """
    row = UserRow.objects.filter(pk=user_id, active=True).first() or find_visitor_row(user_id)
    if row is None:
        raise UserNotFound("No such active user.")
    if not 1 <= len(name.strip()) <= 80 or not name.isprintable():
        raise Invalid("A token needs a name of 1 to 80 characters.", field="name")
    unknown = sorted(set(scopes) - set(Scope))
    if unknown:
        raise Invalid("Unknown scopes.", field="scopes", unknown=unknown[:10])
    missing = sorted(set(scopes) - scopes_of(row.roles))
    if missing:
        raise ScopeNotHeld("The user's roles do not have all of these scopes.", missing=missing)
    now = clock.now()
    if expires_at is not None and expires_at <= now:
        raise Invalid("The expiry must be in the future.", field="expires_at")
    secret = TOKEN_PREFIX + system_secrets.token_urlsafe(32)
    digest = sha256(secret.encode()).digest()
    columns = ("id", "user_id", "name", "digest", "actor", "scopes", "issued_at", "expires_at")
    values = (ids.next_id(), user_id, name.strip(), digest, ids.public("usr", user_id), sorted(set(scopes)), now, expires_at)
    sql.insert(TokenRow, columns, [values])
    return secret


def revoke_token(user_id: UserId, token_id: TokenId) -> None:
    """Revoke one token of this user at once; revoking it again changes nothing. Raises TokenNotFound."""
    tenant_id = tenancy.current_tenant_id()
    if not sql.execute(
        "UPDATE identity_tokens SET revoked_at = coalesce(revoked_at, %s) WHERE tenant_id = %s AND user_id = %s AND id = %s",
        (clock.now(), tenant_id, user_id, token_id),
    ):
        raise TokenNotFound("No such token.")


def revoke_presented(secret: str) -> None:
    """Revoke the token that a request was made with: signing out."""
    sql.execute(
        "UPDATE identity_tokens SET revoked_at = coalesce(revoked_at, %s) WHERE tenant_id = %s AND digest = %s",
        (clock.now(), tenancy.current_tenant_id(), sha256(secret.encode()).digest()),
    )


def revoke_tokens_of(user_id: UserId) -> int:
    """Revoke all working tokens of a user; returns how many."""
    return sql.execute(
        "UPDATE identity_tokens SET revoked_at = %s WHERE tenant_id = %s AND user_id = %s AND revoked_at IS NULL",
        (clock.now(), tenancy.current_tenant_id(), user_id),
    )
