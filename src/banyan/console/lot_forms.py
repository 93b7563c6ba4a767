"""The console's forms about lots, one form for one command."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from banyan.console.stock_forms import PIECES_MAX, WarehouseField

DAYS_MAX = 3650


class TrackingForm(forms.Form):
    """A SKU that is lot-tracked from now on, or whose days of warning change."""

    code = forms.CharField(label=_("SKU code"), max_length=80)
    near_expiry_days = forms.IntegerField(
        label=_("Days of warning before expiry (empty: the shop's)"), required=False, min_value=0, max_value=DAYS_MAX
    )


class WarningForm(forms.Form):
    """The shop's days of warning."""

    near_expiry_days = forms.IntegerField(
        label=_("Days of warning of the shop (empty: 30)"), required=False, min_value=0, max_value=DAYS_MAX
    )


class ReceiptForm(forms.Form):
    """Goods of one lot that came in."""

    warehouse = WarehouseField(label=_("Warehouse"))
    code = forms.CharField(label=_("SKU code"), max_length=80)
    quantity = forms.IntegerField(label=_("Pieces"), min_value=1, max_value=PIECES_MAX)
    number = forms.CharField(label=_("Lot number"), max_length=80)
    produced_on = forms.DateField(label=_("Produced on"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    expires_on = forms.DateField(label=_("Expires on"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    supplier_note = forms.CharField(label=_("Supplier's note"), max_length=200, required=False)
    quarantined = forms.BooleanField(label=_("Into quarantine, to be inspected first"), required=False)


class PiecesForm(forms.Form):
    """Pieces of a lot to set apart, to put back for sale or to scrap."""

    deed = forms.ChoiceField(
        label=_("What happens"),
        choices=[
            ("quarantine", _("From the shelf into quarantine")),
            ("clear", _("From quarantine back for sale")),
            ("scrap", _("From quarantine into the bin")),
        ],
    )
    warehouse = WarehouseField(label=_("Warehouse"))
    quantity = forms.IntegerField(label=_("Pieces"), min_value=1, max_value=PIECES_MAX)
    reason = forms.CharField(label=_("Reason"), max_length=200)


class DecisionForm(forms.Form):
    """Why a lot is held, released or called back."""

    reason = forms.CharField(label=_("Reason"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].widget.attrs["placeholder"] = _("what was found, by whom")
