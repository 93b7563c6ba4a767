"""Signing in with a password, throttled by counts in the database so that a restart forgives nothing."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from hashlib import blake2b

from django.contrib.auth.hashers import check_password, make_password

from banyan.kernel import clock, ids, secrets, sql, tenancy
from banyan.kernel.tenancy.registry import PLATFORM_SLUG, find_tenant_by_slug
from banyan.kernel.values.errors import Conflict, Refusal
from banyan.kernel.values.filled import Filled
from banyan.people.identity.engine.normalizing import normalize_login, split_account
from banyan.people.identity.models import LoginAttempt
from banyan.people.identity.models import User as UserRow

WINDOW = timedelta(minutes=15)
FAILURES_PER_LOGIN = 5
FAILURES_PER_ADDRESS = 50
SIGN_UPS_PER_ADDRESS = 20
SIGN_UP_WINDOW = timedelta(hours=1)
ATTEMPTS_KEPT = timedelta(days=90)
NOBODY = 0
"""The tenant of tries against shops that do not exist."""

LOGIN = "identity_login_attempts.login"


class SignInRefused(Refusal):
    """Login, password or shop is wrong, or the account is off. The answer does not say which."""

    code = "sign_in_refused"
    status = 401
    advice = "Check the login (login@shop) and the password. After five failures the login is locked for 15 minutes."


class TooManyAttempts(Refusal):
    """Too many failures for this login or from this address."""

    code = "too_many_attempts"
    status = 429
    advice = "Wait until the moment in details.retry_at, or ask an operator of the shop to lift the lock."

    def __init__(self, retry_at: datetime, now: datetime) -> None:
        seconds = max(1, math.ceil((retry_at - now).total_seconds()))
        super().__init__(
            Filled("Too many attempts. Try again in {minutes} minutes.", minutes=math.ceil(seconds / 60)),
            retry_at=retry_at.isoformat(),
            retry_after_seconds=seconds,
        )
        self.retry_after_seconds = seconds  # type: ignore[misc]


class AlreadyInAnotherShop(Conflict):
    """A browser that is signed in to one shop tried to sign in to another."""

    code = "signed_in_elsewhere"
    advice = "Sign out first, then sign in to the other shop."


def sign_in(account: str, password: str, address: str, default_slug: str = PLATFORM_SLUG) -> tuple[int, int]:
    """Check ``login@shop`` (or a login of the default shop) and return (tenant id, user id).

    Opens its own transactions: the attempt is committed as failed before the password is looked at, so that concurrent
    and interrupted tries count. Raises SignInRefused, TooManyAttempts, AlreadyInAnotherShop.
    """
    login_text, slug = split_account(account)
    wanted = slug or default_slug
    tenant = find_tenant_by_slug(wanted) if wanted.isprintable() else None
    tenant_id = tenant.id if tenant else NOBODY
    entered = tenancy.entered()
    if entered is not None and entered.tenant_id != tenant_id:
        raise AlreadyInAnotherShop("You are signed in to another shop.")
    login = normalize_login(login_text)
    with tenancy.enter(tenant_id, actor="sign-in", reason="sign-in", origin=address):
        attempt_id = _begin_attempt(tenant_id, login or "", address)
        row = UserRow.objects.filter(tenant_id=tenant_id, login=login).first() if login else None
    # Outside of a transaction: hashing takes a while, and no connection should wait for it.
    right = _is_right(row, password)
    with tenancy.enter(tenant_id, actor="sign-in", reason="sign-in", origin=address):
        if row is not None and right:
            _note_success(attempt_id, row.pk)
        elif row is not None:
            sql.execute("UPDATE identity_login_attempts SET user_id = %s WHERE id = %s", (row.pk, attempt_id))
    if row is None or not right:
        raise SignInRefused("Login or password is wrong.")
    return tenant_id, row.pk


def _is_right(row: UserRow | None, password: str) -> bool:
    """Whether the password opens the account; the same work for a login that nobody has, so that time tells nothing."""
    if row is None:
        make_password(password)
        return False
    return check_password(password, row.password) and row.active


def _note_success(attempt_id: int, user_id: int) -> None:
    now = clock.now()
    sql.execute("UPDATE identity_login_attempts SET outcome = 'succeeded', user_id = %s WHERE id = %s", (user_id, attempt_id))
    sql.execute("UPDATE identity_users SET latest_sign_in_at = %s WHERE id = %s", (now, user_id))


def _begin_attempt(tenant_id: int, login: str, address: str) -> int:
    """Count, and write down this attempt as failed; the locks make counting and writing one step."""
    now, index = clock.now(), secrets.blind_index(tenant_id, LOGIN, login)
    keys = sorted(_lock_key(tenant_id, part) for part in (index, address.encode()))
    for key in keys:
        sql.fetch("SELECT pg_advisory_xact_lock(%s)", (key,))
    limits = (("login_index", index, FAILURES_PER_LOGIN), ("address", address, FAILURES_PER_ADDRESS))
    for column, value, limit in limits:
        locked_by = _nth_failure(tenant_id, column, value, limit, now)
        if locked_by is not None:
            raise TooManyAttempts(locked_by + WINDOW, now)
    if tenant_id == NOBODY:
        forget_old_attempts(100)  # periodic jobs visit the tenants that exist
    attempt_id = ids.next_id()
    sql.insert(
        LoginAttempt,
        ("id", "login_index", "address", "attempted_at", "outcome"),
        [(attempt_id, index, address, now, LoginAttempt.Outcome.FAILED.value)],
    )
    return attempt_id


def note_sign_up(address: str) -> None:
    """Count a sign-up from this address in the entered tenant. Raises TooManyAttempts at the 21st within an hour."""
    tenant_id, now = tenancy.current_tenant_id(), clock.now()
    sql.fetch("SELECT pg_advisory_xact_lock(%s)", (_lock_key(tenant_id, address.encode()),))
    rows = sql.fetch(
        "SELECT attempted_at FROM identity_login_attempts WHERE tenant_id = %s AND address = %s AND attempted_at > %s"
        " AND outcome = 'signed_up' ORDER BY attempted_at DESC OFFSET %s LIMIT 1",
        (tenant_id, address, now - SIGN_UP_WINDOW, SIGN_UPS_PER_ADDRESS - 1),
    )
    if rows:
        raise TooManyAttempts(rows[0][0] + SIGN_UP_WINDOW, now)
    columns = ("id", "login_index", "address", "attempted_at", "outcome")
    index = secrets.blind_index(tenant_id, LOGIN, "")
    sql.insert(LoginAttempt, columns, [(ids.next_id(), index, address, now, LoginAttempt.Outcome.SIGNED_UP.value)])


def _lock_key(tenant_id: int, part: bytes) -> int:
    return int.from_bytes(blake2b(b"sign-in/%d/" % tenant_id + part, digest_size=8).digest(), "big", signed=True)


def _nth_failure(tenant_id: int, column: str, value: object, limit: int, now: datetime) -> datetime | None:
    """When the ``limit``-th newest failure in the window happened, or None while there are fewer. A success starts anew."""
    rows = sql.fetch(
        f"SELECT attempted_at FROM identity_login_attempts a WHERE tenant_id = %s AND {column} = %s AND attempted_at > %s"
        f" AND outcome = 'failed' AND (%s OR NOT EXISTS (SELECT 1 FROM identity_login_attempts s WHERE s.tenant_id = a.tenant_id"
        f" AND s.{column} = a.{column} AND s.outcome = 'succeeded' AND s.attempted_at >= a.attempted_at))"
        " ORDER BY attempted_at DESC OFFSET %s LIMIT 1",
        (tenant_id, value, now - WINDOW, column == "address", limit - 1),
    )
    return rows[0][0] if rows else None


def lift_lock(login: str) -> int:
    """Forgive the failures of one login of the entered tenant: for operators. Returns how many were forgiven."""
    tenant_id = tenancy.current_tenant_id()
    index = secrets.blind_index(tenant_id, LOGIN, normalize_login(login) or "")
    return sql.execute(
        "UPDATE identity_login_attempts SET outcome = 'lifted' WHERE tenant_id = %s AND login_index = %s AND outcome = 'failed'"
        " AND attempted_at > %s",
        (tenant_id, index, clock.now() - WINDOW),
    )


def forget_old_attempts(limit: int = 5000) -> int:
    """Delete attempts older than 90 days, at most ``limit``; returns how many."""
    return sql.execute(
        "DELETE FROM identity_login_attempts WHERE id IN (SELECT id FROM identity_login_attempts"
        " WHERE tenant_id = %s AND attempted_at < %s ORDER BY attempted_at LIMIT %s)",
        (tenancy.current_tenant_id(), clock.now() - ATTEMPTS_KEPT, limit),
    )
