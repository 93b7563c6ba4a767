"""The entered tenant: a context variable for Python, transaction-local settings for PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from django.db import connections, transaction

DEFAULT_ALIAS = "default"


@dataclass(frozen=True)
class Entered:
    """What the current transaction acts for."""

    tenant_id: int
    actor: str
    alias: str


class NoTenant(RuntimeError):
    """Code that needs a tenant ran outside ``tenancy.enter``: a defect, never a user's error."""


class TenantMixing(RuntimeError):
    """One transaction tried to act for two tenants: a defect."""


_entered: ContextVar[Entered | None] = ContextVar("banyan_tenant", default=None)


def entered() -> Entered | None:
    """What is entered now, or None."""
    return _entered.get()


def current_tenant_id() -> int:
    """The entered tenant's id; raises NoTenant."""
    current = _entered.get()
    if current is None:
        raise NoTenant("no tenant is entered; wrap the call in tenancy.enter(tenant_id)")
    return current.tenant_id


def current_actor() -> str:
    """Who acts, as given to ``enter``: a public id, ``reaction:<name>``, ``job:<name>`` or empty."""
    current = _entered.get()
    return current.actor if current else ""


def alias() -> str:
    """The database alias of the entered tenant's cell; the default database outside of a tenant."""
    current = _entered.get()
    return current.alias if current else DEFAULT_ALIAS


def _tell_database(using: str, tenant: str, actor: str, reason: str, origin: str) -> None:
    """Open the transaction and set its facts in one round trip."""
    from banyan.kernel import statements

    connection = connections[using]
    connection.ensure_connection()
    with connection.wrap_database_errors:
        settings = {"banyan.tenant": tenant, "banyan.actor": actor, "banyan.reason": reason, "banyan.origin": origin}
        statements.begin_with(connection.connection, settings)


@contextmanager
def enter(tenant_id: int, *, actor: str = "", reason: str = "", origin: str = "", using: str = DEFAULT_ALIAS) -> Iterator[None]:
    """Open one transaction for one tenant.

    Entering the tenant that is already entered joins its transaction (the outer actor stands); another tenant raises
    TenantMixing. ``actor``, ``reason`` and ``origin`` reach the audit log.
    """
    current = _entered.get()
    if current is not None:
        if current.tenant_id != tenant_id:
            raise TenantMixing(f"tenant {current.tenant_id} is entered; cannot enter {tenant_id} in the same transaction")
        yield
        return
    with transaction.atomic(using=using):
        _tell_database(using, str(int(tenant_id)), actor, reason, origin)
        with adopted(tenant_id, actor, using):
            yield


@contextmanager
def adopted(tenant_id: int, actor: str, using: str = DEFAULT_ALIAS) -> Iterator[None]:
    """Mark the tenant as entered in Python only, where a statement has already told PostgreSQL (token authentication)."""
    token = _entered.set(Entered(int(tenant_id), actor, using))
    try:
        yield
    finally:
        _entered.reset(token)
