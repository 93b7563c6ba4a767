"""Opening a shop: a tenant and the person who runs it, both or neither."""

from __future__ import annotations

import re
from secrets import token_urlsafe

from django.db import transaction

from banyan.kernel import ids, tenancy
from banyan.kernel.tenancy.registry import PLATFORM_SLUG, SlugTaken, list_jurisdiction_codes
from banyan.kernel.values.errors import Invalid
from banyan.people.identity.commands.users import register_users
from banyan.people.identity.commands.visits import NotPlatform, apart
from banyan.people.identity.queries import find_visitor_row
from banyan.people.identity.types import NewShop, NewUser, OpenedShop, Role, UserId

NAME_LENGTH_MAX = 120
ZONE_LENGTH_MAX = 40
NOBODYS = 0
"""The tenant that is entered while the new one does not exist yet, so that the audit log knows who opens it."""


class UnknownJurisdiction(Invalid):
    """A shop lives under a law, and the compilation has none of that code."""

    code = "unknown_jurisdiction"
    advice = "Choose one of details.known."


def open_shop(shop: NewShop, opened_by: UserId | None = None) -> OpenedShop:
    """Create a tenant with its first operator, who gets a drawn password to change after the first sign-in.

    ``opened_by`` None is whoever holds the machine (the command line). Commits at once, whatever becomes of the caller's
    transaction: one transaction never holds two tenants. The operator registers everybody else.
    Raises NotPlatform, SlugTaken, Invalid, UnknownJurisdiction, BadLogin.
    """
    if opened_by is not None:
        require_platform(opened_by)
    jurisdiction = _checked(shop)
    actor = ids.public("usr", opened_by) if opened_by is not None else "founding"
    password = token_urlsafe(12)

    def found() -> tuple[int, UserId]:
        about = {"actor": actor, "reason": "opening the shop"}
        with transaction.atomic():
            with tenancy.enter(NOBODYS, **about):
                tenant_id = tenancy.create_tenant(shop.slug, shop.name.strip(), shop.currency, shop.timezone, jurisdiction)
            with tenancy.enter(tenant_id, **about):
                (operator_id,) = register_users([NewUser(shop.login, password, shop.login, None, (Role.OPERATOR,))])
        return tenant_id, operator_id

    tenant_id, operator_id = apart(found)
    return OpenedShop(tenant_id, shop.slug, operator_id, shop.login, password)


def require_platform(user_id: UserId) -> None:
    """Raise NotPlatform unless this is an active user of the platform's own tenant: the role alone, in a shop, is not enough."""
    if find_visitor_row(user_id) is None:
        raise NotPlatform("Only the platform's own people see and open shops.")


def _checked(shop: NewShop) -> str:
    """The jurisdiction in the spelling that is stored; raises for what the kernel does not look at."""
    if shop.slug == PLATFORM_SLUG:  # also before the platform itself is founded
        raise SlugTaken("This slug is the platform's own.", field="slug")
    if not 1 <= len(shop.name.strip()) <= NAME_LENGTH_MAX or not shop.name.strip().isprintable():
        raise Invalid("A shop's name has 1 to 120 printable characters.", field="name")
    if not re.fullmatch(r"[A-Z]{3}", shop.currency):
        raise Invalid("A currency has three capital letters, as CNY.", field="currency")
    if len(shop.timezone) > ZONE_LENGTH_MAX:
        raise Invalid("Unknown time zone.", field="timezone")
    wanted, known = shop.jurisdiction.strip().upper(), list_jurisdiction_codes()
    if wanted not in known:
        raise UnknownJurisdiction("There is no law of this jurisdiction in the compilation.", field="jurisdiction", known=known)
    return wanted
