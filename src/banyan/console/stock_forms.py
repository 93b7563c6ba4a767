"""The console's forms about stock, one form for one command."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from banyan.console import showing
from banyan.goods.inventory.types import WarehouseKind


class WarehouseForm(forms.Form):
    """What a warehouse is called, what it is and where it stands."""

    code = forms.CharField(label=_("Code"), max_length=40)
    name = forms.CharField(label=_("Warehouse name"), max_length=120)
    kind = forms.ChoiceField(
        label=_("Kind of warehouse"),
        choices=lambda: [(kind.value, showing.word_of(f"warehouse_{kind.value}")) for kind in WarehouseKind],
    )
    region_code = forms.RegexField(
        r"^[0-9]{6}$", label=_("Region code (six digits, e.g. 330402)"), required=False, empty_value="",
        error_messages={"invalid": _("A region code has six digits.")},
    )  # fmt: skip
    address = forms.CharField(label=_("Address"), max_length=200, required=False)
    priority = forms.IntegerField(label=_("Priority (the lowest serves first)"), min_value=0, max_value=10_000, initial=100)
