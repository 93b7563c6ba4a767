"""The login form: shop, login, password."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.contrib.auth.forms import AuthenticationForm as DjangoAuthenticationForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from banyan.people.identity.sessions import refusal_of

SHOP_COOKIE = "banyan_shop"


class ShopLoginForm(DjangoAuthenticationForm):
    """Signs in `login@shop`. An empty shop means the platform. Nothing tells which of the three was wrong."""

    shop = forms.CharField(
        label=_("Shop"),
        required=False,
        max_length=40,
        widget=UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "organization", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )

    def __init__(self, request: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        username, password = self.fields["username"], self.fields["password"]
        username.label, password.label = _("Login"), _("Password")
        username.widget = UnfoldAdminTextInputWidget(attrs={"autocomplete": "username", "autocapitalize": "none"})
        password.widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"})
        if request is not None and not self.is_bound:
            self.fields["shop"].initial = request.GET.get("shop") or request.COOKIES.get(SHOP_COOKIE, "")
        self.order_fields(["shop", "username", "password"])

    def clean(self) -> dict[str, Any]:
        """Check the three together; the reason of a refusal (wrong, locked) is the sign-in command's own words."""
        login, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        shop = (self.cleaned_data.get("shop") or "").strip().lower()
        if login and password:
            account = login if "@" in login or not shop else f"{login}@{shop}"
            self.user_cache = authenticate(self.request, username=account, password=password)
            if self.user_cache is None:
                raise ValidationError(self._why(), code="invalid_login")
            self.confirm_login_allowed(self.user_cache)
        return self.cleaned_data

    def _why(self) -> str:
        refusal = refusal_of(self.request) if self.request is not None else None
        if refusal is not None and refusal.code == "too_many_attempts":
            minutes = -(-int(refusal.details.get("retry_after_seconds", 60)) // 60)
            return _("Too many failed attempts. Try again in %(minutes)d minutes.") % {"minutes": minutes}
        if refusal is not None and refusal.code == "signed_in_elsewhere":
            return str(_("You are signed in to another shop. Sign out first."))
        return str(_("Shop, login or password is wrong."))

    def confirm_login_allowed(self, user: Any) -> None:
        """The console is for staff roles; distributors and consumers have the shop."""
        if not user.is_staff:
            raise ValidationError(_("This account may not open the console."), code="no_console")


class OwnPasswordForm(forms.Form):
    """The present password and the new one twice; the change command judges both."""

    present = forms.CharField(
        label=_("Present password"), widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"})
    )
    new = forms.CharField(label=_("New password"), widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}))
    again = forms.CharField(
        label=_("New password again"), widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
    )

    def clean(self) -> dict[str, Any]:
        """Both spellings of the new password must agree."""
        if self.cleaned_data.get("new") != self.cleaned_data.get("again"):
            self.add_error("again", _("The two spellings differ."))
        return self.cleaned_data
