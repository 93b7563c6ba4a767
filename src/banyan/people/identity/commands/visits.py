"""The platform's people work in a merchant's tenant only after entering it, which the merchant can see."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

from django.db import connections

from banyan.kernel import clock, ids, sql, tenancy
from banyan.kernel.tenancy.registry import find_tenant_by_slug
from banyan.kernel.values.errors import Forbidden, Invalid, NotFound
from banyan.people.identity.commands.tokens import issue_token
from banyan.people.identity.models import Visit
from banyan.people.identity.queries import find_visitor_row
from banyan.people.identity.types import UserId, scopes_of

VISIT_TOKEN_LIFE = timedelta(hours=1)
T = TypeVar("T")


class NotPlatform(Forbidden):
    """Only the platform's own active users with the role ``platform`` enter other tenants."""

    code = "not_platform"
    advice = "Sign in with a platform account."


class ShopNotFound(NotFound):
    """No tenant has this slug."""

    code = "shop_not_found"
    advice = "Check the shop's slug."


def apart(work: Callable[[], T]) -> T:
    """Run ``work`` outside of the caller's transaction.

    The caller usually stands in the platform's own transaction, and one transaction never holds two tenants; another
    thread has its own connection. A visit is rare, so a thread is cheap.
    """

    def run() -> T:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(run).result()


def _in(tenant_id: int, visitor_id: UserId, reason: str, work: Callable[[], T]) -> T:
    """Run ``work`` in its own transaction of ``tenant_id``."""

    def run() -> T:
        with tenancy.enter(tenant_id, actor=ids.public("usr", visitor_id), reason=reason, origin="visit"):
            return work()

    return apart(run)


def begin_visit(visitor_id: UserId, slug: str, reason: str) -> int:
    """Write into the shop's own books that a platform user enters it, and why (3 to 200 characters); returns the tenant's id.

    Commits at once, whatever becomes of the caller's transaction. Raises ShopNotFound, NotPlatform, Invalid.
    """
    shop = find_tenant_by_slug(slug.casefold()) if slug.isprintable() else None
    if shop is None:
        raise ShopNotFound("No such shop.", field="slug")
    _in(shop.id, visitor_id, reason, lambda: _note_visit(visitor_id, reason))
    return shop.id


def issue_visit_token(visitor_id: UserId, slug: str, reason: str) -> str:
    """Begin a visit and return a token of one hour that works in that shop with the scopes of the role ``platform``."""
    shop_id = begin_visit(visitor_id, slug, reason)

    def issue() -> str:
        visitor = find_visitor_row(visitor_id)
        assert visitor is not None  # begin_visit has just found it
        return issue_token(visitor_id, scopes_of(visitor.roles), "platform visit", clock.now() + VISIT_TOKEN_LIFE)

    return _in(shop_id, visitor_id, reason, issue)


def end_visit(visitor_id: UserId, tenant_id: int) -> None:
    """Close the visitor's open visits in that shop and revoke the tokens issued for them. Commits at once."""
    _in(tenant_id, visitor_id, "visit ends", lambda: leave_shop(visitor_id))


def _note_visit(visitor_id: UserId, reason: str) -> None:
    visitor = find_visitor_row(visitor_id)
    if visitor is None:
        raise NotPlatform("Only platform users may enter another shop.")
    if not 3 <= len(reason.strip()) <= 200 or not reason.strip().isprintable():
        raise Invalid("Give the reason for the visit in 3 to 200 characters.", field="reason")
    columns = ("id", "visitor_id", "visitor_login", "reason", "entered_at")
    sql.insert(Visit, columns, [(ids.next_id(), visitor_id, visitor.login, reason.strip(), clock.now())])


def leave_shop(visitor_id: UserId) -> None:
    """Close the visitor's open visits in the entered shop and revoke the tokens issued for them."""
    tenant_id, now = tenancy.current_tenant_id(), clock.now()
    sql.execute(
        "UPDATE identity_tokens SET revoked_at = %s WHERE tenant_id = %s AND user_id = %s AND revoked_at IS NULL",
        (now, tenant_id, visitor_id),
    )
    sql.execute(
        "UPDATE identity_visits SET left_at = %s WHERE tenant_id = %s AND visitor_id = %s AND left_at IS NULL",
        (now, tenant_id, visitor_id),
    )
