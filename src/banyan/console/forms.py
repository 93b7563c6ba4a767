"""The console's forms: signing in, the own password, and the shop's settings, one form for one command."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.contrib.auth.forms import AuthenticationForm as DjangoAuthenticationForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from banyan.console import showing
from banyan.earnings.settlement.types import Cycle, Lane, Scope
from banyan.people.distributors.types import Tier
from banyan.people.identity.sessions import refusal_of
from banyan.people.network.types import BindingMode
from banyan.trade.returns.types import FreightRule

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


class MoneyField(forms.DecimalField):
    """An amount as people write it (12.50); cleaned to integer minor units, None where it may be left out."""

    def __init__(self, currency: str, **options: Any) -> None:
        self.decimals = showing.decimals_of(currency)
        super().__init__(min_value=0, max_digits=15, decimal_places=self.decimals, **options)

    def prepare_value(self, value: Any) -> Any:
        """Minor units as the text of the field; what somebody typed stays as it is."""
        return str(Decimal(value).scaleb(-self.decimals)) if isinstance(value, int) else value

    def clean(self, value: Any) -> int | None:
        """Minor units."""
        amount: Decimal | None = super().clean(value)
        return None if amount is None else int(amount.scaleb(self.decimals))


class PercentField(forms.DecimalField):
    """A share as people write it (12.5); cleaned to basis points, None where it may be left out."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_value=100, max_digits=5, decimal_places=2, **options)

    def prepare_value(self, value: Any) -> Any:
        """Basis points as the text of the field; what somebody typed stays as it is."""
        return f"{Decimal(value).scaleb(-2).normalize():f}" if isinstance(value, int) else value

    def clean(self, value: Any) -> int | None:
        """Basis points."""
        share: Decimal | None = super().clean(value)
        return None if share is None else int(share.scaleb(2))


def _words(kinds: Any) -> list[tuple[str, str]]:
    return [(kind.value, showing.word_of(kind.value)) for kind in kinds]


def _days(label: Any, **options: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, **options)


class SettingForm(forms.Form):
    """A form that knows the shop's currency."""

    def __init__(self, *args: Any, currency: str, **options: Any) -> None:
        self.currency = currency
        super().__init__(*args, **options)


class BindingForm(SettingForm):
    """Which touch wins a consumer, and for how long."""

    mode = forms.ChoiceField(label=_("Who wins a consumer"), choices=lambda: _words(BindingMode))
    protect_days = _days(_("Protected for days (empty: for ever)"), required=False, min_value=0, max_value=36_500)
    validity_days = _days(_("Valid for days (empty: for ever)"), required=False, min_value=1, max_value=36_500)


class AttributionForm(SettingForm):
    """Whether distributors earn on what they buy themselves."""

    self_purchase = forms.BooleanField(label=_("Distributors earn on their own purchases"), required=False)


class OrderForm(SettingForm):
    """Times of an order, and the freight where an order names none."""

    payment_window_seconds = forms.IntegerField(label=_("Seconds to pay"), min_value=60, max_value=30 * 86_400)
    receive_after_days = _days(_("Received by itself after days"), min_value=0, max_value=365)
    close_after_days = _days(_("Closed after days (then no return)"), min_value=0, max_value=365)
    first_grams = forms.IntegerField(label=_("First weight (g)"), min_value=0, max_value=1_000_000_000)
    step_grams = forms.IntegerField(label=_("Further weight (g)"), min_value=1, max_value=1_000_000_000)

    def __init__(self, *args: Any, currency: str, **options: Any) -> None:
        super().__init__(*args, currency=currency, **options)
        self.fields["base_minor"] = MoneyField(currency, label=_("Freight up to the first weight"))
        self.fields["step_minor"] = MoneyField(currency, label=_("Freight for each further weight"))
        self.fields["free_from_minor"] = MoneyField(currency, label=_("Free from (empty: never)"), required=False)


class FulfillmentForm(SettingForm):
    """When delivered goods count as received, how long stores keep orders, and who sends."""

    receive_after_days = _days(_("Received by itself days after delivery"), min_value=0, max_value=90)
    pickup_days = _days(_("Kept at the store for days"), min_value=1, max_value=90)
    sender_phone = forms.RegexField(
        r"^[0-9+\-() ]*$", label=_("Sender's phone on waybills"), max_length=30, required=False, empty_value="",
        error_messages={"invalid": _("A phone number has digits, spaces, dashes and brackets only.")},
    )  # fmt: skip
    silent_days = _days(_("A silent carrier is asked for days"), min_value=7, max_value=365)


FREIGHT = (
    (FreightRule.LATEST_GOODS_OR_MERCHANT_FAULT.value, _("when the whole order is back, or by the shop's fault")),
    (FreightRule.LATEST_GOODS.value, _("when the whole order is back")),
    (FreightRule.MERCHANT_FAULT.value, _("by the shop's fault")),
    (FreightRule.NEVER.value, _("never")),
)


NOBODY_TRUSTED = "nobody"


TIER_DAYS = {f"days_{tier.value}": tier for tier in Tier}
"""Fields of the days that distributors of a tier have."""


class ReturnForm(SettingForm):
    """How long goods may come back, what happens to the freight, and whose returns nobody reviews. What is not sent stays."""

    days_after_receipt = _days(_("Days after receipt (the law's at least)"), min_value=0, max_value=3650)
    freight_rule = forms.ChoiceField(label=_("Freight goes back"), choices=FREIGHT)
    send_back_days = _days(_("Days to send goods back"), min_value=1, max_value=3650, required=False)
    difference_days = _days(_("Days to pay the difference of an exchange"), min_value=1, max_value=3650, required=False)
    trusted_tier = forms.ChoiceField(
        label=_("Without review from tier"), required=False, choices=lambda: [(NOBODY_TRUSTED, _("nobody")), *_words(Tier)],
        help_text=_("Risk and amounts without goods are reviewed all the same."),
    )  # fmt: skip
    newcomer_orders = forms.IntegerField(
        label=_("Newcomer below orders received"), min_value=0, max_value=1_000_000, required=False,
        help_text=_("Newcomers are reviewed, unless their tier is not."),
    )  # fmt: skip
    risky_share_bp = PercentField(
        label=_("Reviewed from a share of orders given back (%)"), required=False,
        help_text=_("Who gives back this much is reviewed whatever the tier."),
    )  # fmt: skip
    risky_orders = forms.IntegerField(
        label=_("… once so many orders were received"), min_value=1, max_value=1_000_000, required=False,
        help_text=_("With fewer orders the share says little."),
    )  # fmt: skip

    def __init__(self, *args: Any, currency: str, **options: Any) -> None:
        super().__init__(*args, currency=currency, **options)
        self.fields["trusted_below_minor"] = MoneyField(
            currency, label=_("Known buyers without review below"), required=False, help_text=_("0: all are reviewed.")
        )
        self.fields["claims_below_minor"] = MoneyField(
            currency, label=_("Amounts without goods reviewed from"), required=False,
            help_text=_("Refund only and damage claims below it go the way of other returns; 0: all are reviewed."),
        )  # fmt: skip
        for name, tier in TIER_DAYS.items():
            label = _("Days after receipt for %(tier)s (empty: as everybody)") % {"tier": showing.word_of(tier.value)}
            self.fields[name] = _days(label, min_value=1, max_value=3650, required=False)

    def clean(self) -> dict[str, Any]:
        """A tier's days must be more than everybody's, or they would promise what they do not change. `days_by_tier` has what was
        said about single tiers, None for as everybody; a tier that was not sent is absent."""
        everybody = self.cleaned_data.get("days_after_receipt")
        for name in TIER_DAYS:
            days = self.cleaned_data.get(name)
            if days is not None and everybody is not None and days <= everybody:
                self.add_error(name, _("Not more than everybody's days: leave it empty."))
        said = {tier: self.cleaned_data.get(name) for name, tier in TIER_DAYS.items() if name in self.data}
        return {**self.cleaned_data, "days_by_tier": said}


WEEKDAYS = (_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday"))


WHOM = (
    (Scope.TENANT.value, _("everybody")),
    (Scope.TIER.value, _("one tier")),
    (Scope.DISTRIBUTOR.value, _("one distributor")),
)


class PartnerForm(forms.Form):
    """Who holds which region from when on."""

    region = forms.RegexField(
        r"^[0-9]{2}([0-9]{2}([0-9]{2})?)?$", label=_("Region code (2, 4 or 6 digits, e.g. 3304)"),
        error_messages={"invalid": _("A region code has two, four or six digits.")},
    )  # fmt: skip
    distributor = forms.CharField(label=_("Referral code or id"), max_length=40)
    day = forms.DateField(
        label=_("From midnight of (empty: from now on)"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )


class PolicyForm(SettingForm):
    """Whose statements, when, from what amount on, and who looks at them."""

    scope = forms.ChoiceField(label=_("For whom"), choices=WHOM)
    tier = forms.ChoiceField(label=_("Tier (for a tier)"), required=False, choices=lambda: [("", "–"), *_words(Tier)])
    distributor = forms.CharField(label=_("Referral code or id (for one distributor)"), required=False, max_length=40)
    cycle = forms.ChoiceField(label=_("Settlement cycle"), choices=lambda: _words(Cycle))
    weekday = forms.TypedChoiceField(label=_("Weekday (weekly)"), coerce=int, choices=tuple(enumerate(WEEKDAYS)), initial=0)
    month_day = forms.IntegerField(label=_("Day of the month (monthly)"), min_value=1, max_value=31, initial=1)
    lane = forms.ChoiceField(label=_("Who looks"), choices=lambda: _words(Lane), initial=Lane.REVIEWED.value)
    channel = forms.CharField(label=_("Payout channel"), max_length=30, initial="wechat_pay")
    attempt_count = forms.IntegerField(label=_("Payout attempts"), min_value=1, max_value=20, initial=3)

    def __init__(self, *args: Any, currency: str, **options: Any) -> None:
        super().__init__(*args, currency=currency, **options)
        self.fields["minimum_minor"] = MoneyField(currency, label=_("Minimum; below it is carried over"), initial=1)
        self.fields["review_minor"] = MoneyField(currency, label=_("A person looks from (empty: never)"), required=False)
        self.fields["four_eyes_minor"] = MoneyField(currency, label=_("Two persons look from (empty: never)"), required=False)
