"""The admin site: signs in to a shop, shows the person's menus, keeps Django's own log out of the way of the audit."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin
from unfold.sites import UnfoldAdminSite

from banyan.console.access import person, show
from banyan.console.dressing import dressed
from banyan.console.forms import SHOP_COOKIE, OwnPasswordForm
from banyan.kernel import tenancy
from banyan.kernel.tenancy.registry import get_tenant
from banyan.kernel.values.errors import Refusal
from banyan.kernel.words import in_words
from banyan.people.identity import commands as identity
from banyan.people.identity.types import UserId


class ConsoleSite(UnfoldAdminSite):  # type: ignore[misc]  # unfold has no types
    """Fails closed: without an entered tenant nobody has any permission, whatever the session says."""

    enable_nav_sidebar = True

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.disable_action("delete_selected")  # facts are reversed, never deleted

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register a house's pages, dressed alike."""
        found = [model_or_iterable] if isinstance(model_or_iterable, type) else list(model_or_iterable)
        for model in found:
            super().register(model, dressed(model, admin_class or ModelAdmin), **options)

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

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The own password, through identity's command; this session goes on, all others end."""
        form = OwnPasswordForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                identity.change_password(UserId(person(request).pk), form.cleaned_data["present"], form.cleaned_data["new"])
            except Refusal as refusal:
                form.add_error("new" if refusal.details.get("field") == "password" else "present", in_words(refusal.message))
            else:
                person(request).refresh_from_db()
                update_session_auth_hash(request, person(request))
                messages.success(request, _("Your password was changed."))
                return redirect("admin:index")
        return show(request, "console/password.html", _("Change password"), form=form)

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
