"""Console sessions: Django's own, holding tenant and user. The kernel's middleware enters the session's tenant."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from banyan.kernel import tenancy
from banyan.kernel.http import address_of
from banyan.kernel.http.middleware import SESSION_TENANT
from banyan.kernel.values.errors import Refusal
from banyan.people.identity import commands
from banyan.people.identity.models import User
from banyan.people.identity.queries import find_visitor_row
from banyan.people.identity.types import UserId

REFUSAL = "banyan_sign_in_refusal"


class TenantBackend(BaseBackend):
    """Signs in ``login@shop``; a login without shop belongs to the platform."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """The user, or None. Why not is kept on the request for the form (``refusal_of``)."""
        if username is None or password is None:
            return None
        address = address_of(request) if request is not None else ""
        try:
            tenant_id, user_id = commands.sign_in(username, password, address)
        except Refusal as refusal:
            if request is not None:
                setattr(request, REFUSAL, refusal)
            raise PermissionDenied(refusal.message) from refusal
        with tenancy.enter(tenant_id, actor="sign-in"):
            return User.objects.filter(pk=user_id, active=True).first()

    def get_user(self, user_id: int) -> User | None:
        """The session's user in the entered tenant, or the platform's user who is visiting; None ends the session."""
        if tenancy.entered() is None:
            return None
        return User.objects.filter(pk=user_id, active=True).first() or find_visitor_row(user_id)


def refusal_of(request: HttpRequest) -> Refusal | None:
    """Why the sign-in of this request was refused."""
    return getattr(request, REFUSAL, None)


def remember_tenant(sender: type[Any], request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Signal receiver: the new session works in the user's own tenant."""
    request.session[SESSION_TENANT] = user.tenant_id


def visit(request: HttpRequest, user: User, slug: str, reason: str) -> int:
    """Let the session of a platform user work in the shop ``slug`` from the next request on; returns its tenant id.

    Raises ShopNotFound, NotPlatform, Invalid.
    """
    shop_id = commands.begin_visit(UserId(user.pk), slug, reason)
    request.session[SESSION_TENANT] = shop_id
    return shop_id


def return_home(request: HttpRequest, user: User) -> None:
    """Close the visit and let the session work in the user's own tenant again."""
    shop_id = request.session.get(SESSION_TENANT)
    if isinstance(shop_id, int) and shop_id != user.tenant_id:
        commands.end_visit(UserId(user.pk), shop_id)
    request.session[SESSION_TENANT] = user.tenant_id
