"""The admin site: signs in to a shop, shows the person's menus, keeps Django's own log out of the way of the audit."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.sites import UnfoldAdminSite

from banyan.console.forms import SHOP_COOKIE
from banyan.kernel import tenancy
from banyan.kernel.tenancy.registry import get_tenant


class ConsoleSite(UnfoldAdminSite):  # type: ignore[misc]  # unfold has no types
    """Fails closed: without an entered tenant nobody has any permission, whatever the session says."""

    enable_nav_sidebar = True

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.disable_action("delete_selected")  # facts are reversed, never deleted

    def has_permission(self, request: HttpRequest) -> bool:
        """Active staff of the entered tenant (or the visiting platform)."""
        return tenancy.entered() is not None and super().has_permission(request)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Sign in; the shop is remembered for the next time (a slug, nothing secret)."""
        response: HttpResponse = super().login(request, extra_context)
        shop = request.POST.get("shop", "").strip().lower()
        if request.method == "POST" and response.status_code == 302 and shop:
            response.set_cookie(SHOP_COOKIE, shop[:40], max_age=31_536_000, samesite="Lax", httponly=True)
        return response

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The overview; people who may not see its figures get their first menu instead."""
        from banyan.console.views.overview import overview

        return overview(request)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """The entered shop for the header of every page."""
        context: dict[str, Any] = super().each_context(request)
        current = tenancy.entered()
        if current is not None:
            tenant = get_tenant(current.tenant_id)
            user = request.user
            home = getattr(user, "tenant_id", None)
            context |= {
                "shop": tenant,
                "is_simulation_shop": tenant.jurisdiction.lower() == "sandbox",
                "is_visiting": user.is_authenticated and home != tenant.id,
                "leave_shop_url": reverse("console:leave_shop"),
            }
        return context
