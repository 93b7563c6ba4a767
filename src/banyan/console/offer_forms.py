"""The form for a flash sale."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from banyan.console.forms import MoneyField


def _moment(label: Any) -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    return forms.DateTimeField(label=label, widget=widget)


class OfferForm(forms.Form):
    """What is sold when, for how much, and how the crowd is let in."""

    def __init__(self, currency: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"] = forms.CharField(label=_("Name of the sale"), max_length=80)
        self.fields["code"] = forms.CharField(label=_("SKU code"), max_length=80)
        self.fields["price_minor"] = MoneyField(currency, label=_("Sale price"))
        self.fields["quantity"] = forms.IntegerField(label=_("Pieces set aside for it"), min_value=1, max_value=10**9)
        self.fields["per_person"] = forms.IntegerField(label=_("At most per person"), min_value=1, max_value=10**6, initial=1)
        self.fields["starts_at"] = _moment(_("Starts at"))
        self.fields["ends_at"] = _moment(_("Ends at"))
        self.fields["admit_per_second"] = forms.IntegerField(
            label=_("Let in from the queue per second (0: no queue)"), min_value=0, max_value=10**6, initial=0
        )
        self.fields["puzzle_bits"] = forms.IntegerField(
            label=_("Work a place costs (0: none, 16: a moment)"), min_value=0, max_value=24, initial=0
        )
