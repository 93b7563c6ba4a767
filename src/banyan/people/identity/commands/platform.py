"""Founding the platform: the tenant of those who run the installation."""

from __future__ import annotations

from banyan.kernel import tenancy
from banyan.kernel.tenancy.registry import PLATFORM_SLUG, find_tenant_by_slug
from banyan.kernel.values.errors import Conflict
from banyan.people.identity.commands.users import register_users
from banyan.people.identity.types import NewUser, Role, UserId


def found_platform(login: str, password: str | None, display_name: str) -> UserId:
    """Register a platform user, creating the tenant ``platform`` if this is the first; returns the user's id.

    For the command line and the demo: opens its own transaction. Raises LoginTaken, BadLogin, WeakPassword.
    """
    home = find_tenant_by_slug(PLATFORM_SLUG)
    if home is None:
        try:
            home_id = tenancy.create_tenant(PLATFORM_SLUG, "Platform")
        except Conflict:  # somebody else was founding it at the same moment
            found = find_tenant_by_slug(PLATFORM_SLUG)
            assert found is not None
            home_id = found.id
    else:
        home_id = home.id
    with tenancy.enter(home_id, actor="founding", reason="founding the platform"):
        return register_users([NewUser(login, password, display_name, None, (Role.PLATFORM,))])[0]
