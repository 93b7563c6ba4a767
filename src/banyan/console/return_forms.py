"""The console's forms about the terms of return: a reason, goods without statutory return, an address."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from banyan.console import names, showing
from banyan.console.stock_forms import WarehouseField
from banyan.kernel import ids
from banyan.trade.returns.types import Address, AddressRule, Exclusion, ExclusionKind, Fault, Mode, Reason

CATEGORY, MODE = "cat", "mode_"


def _categories() -> list[tuple[str, str]]:
    return [("", "–"), *((ids.public(CATEGORY, one), name) for one, name in names.category_names().items())]


class CategoryField(forms.TypedChoiceField):
    """One of the shop's categories; cleaned to its id, None where it may be left out."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=_categories, coerce=lambda text: ids.parse(CATEGORY, text), empty_value=None, **options)


class ReasonForm(forms.Form):
    """Why something may be returned, who bears the freight then, and for which kinds of return it counts (none: for all)."""

    code = forms.CharField(label=_("Code"), max_length=40)
    name_zh = forms.CharField(label=_("Chinese name"), max_length=60)
    name_en = forms.CharField(label=_("English name"), max_length=60)
    fault = forms.ChoiceField(
        label=_("Whose fault (the shop's: freight goes back)"),
        choices=lambda: [(one.value, showing.word_of(one.value)) for one in Fault],
    )
    position = forms.IntegerField(label=_("Place in the list"), min_value=1, max_value=200, required=False)
    is_active = forms.BooleanField(label=_("Offered to buyers"), required=False, initial=True)
    needs_photos = forms.BooleanField(label=_("Photos needed"), required=False)
    is_no_reason = forms.BooleanField(label=_("Return without a reason, as the law gives it"), required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for mode in Mode:
            label = f"{_('Kind of return')}: {showing.word_of(mode.value)}"
            self.fields[MODE + mode.value] = forms.BooleanField(label=label, required=False)

    def reason(self) -> Reason:
        """What was typed; every kind of return ticked is none ticked."""
        typed = self.cleaned_data
        modes = tuple(mode.value for mode in Mode if typed[MODE + mode.value])
        return Reason(
            typed["code"], typed["name_zh"], typed["name_en"], typed["fault"], typed["needs_photos"], typed["is_no_reason"],
            () if len(modes) == len(Mode) else modes, typed["is_active"],
        )  # fmt: skip

    @staticmethod
    def typed(one: Reason, position: int) -> dict[str, Any]:
        """A reason as it stands in the form."""
        modes = {MODE + mode.value: mode.value in one.modes or not one.modes for mode in Mode}
        return {
            "code": one.code, "name_zh": one.name_zh, "name_en": one.name_en, "fault": one.fault, "position": position,
            "is_active": one.is_active, "needs_photos": one.needs_photos, "is_no_reason": one.is_no_reason, **modes,
        }  # fmt: skip


class ExclusionForm(forms.Form):
    """Goods that the statutory return leaves out, by one of the law's grounds."""

    category = CategoryField(label=_("Category (with everything below it)"))
    kind = forms.ChoiceField(
        label=_("Ground of the law"), choices=lambda: [(one.value, showing.word_of(one.value)) for one in ExclusionKind]
    )

    def exclusion(self) -> Exclusion:
        """What was typed."""
        return Exclusion(self.cleaned_data["category"], ExclusionKind(self.cleaned_data["kind"]))


class ReturnAddressForm(forms.Form):
    """Where goods are sent back to, and which goods those are: what is left empty fits everything."""

    name = forms.CharField(label=_("Receiver"), max_length=60)
    phone = forms.CharField(label=_("Phone"), max_length=40)
    address = forms.CharField(label=_("Address"), max_length=300)
    warehouse = WarehouseField(label=_("Warehouse"), required=False)
    category = CategoryField(label=_("Only goods of the category"), required=False)
    mode = forms.ChoiceField(
        label=_("Only for"), required=False,
        choices=lambda: [("", "–"), *((one.value, showing.word_of(one.value)) for one in Mode if one.wants_goods)],
    )  # fmt: skip
    region_code = forms.RegexField(
        r"^[0-9]{1,6}$", label=_("Only buyers of the region (first digits of its code)"), required=False, empty_value="",
        error_messages={"invalid": _("A region code has up to six digits.")},
    )  # fmt: skip
    priority = forms.IntegerField(label=_("Priority (the lowest first)"), min_value=0, max_value=1_000_000, initial=100)

    def rule(self) -> AddressRule:
        """What was typed."""
        typed = self.cleaned_data
        place = Address(typed["name"], typed["phone"], typed["address"], typed["warehouse"])
        return AddressRule(place, typed["priority"], typed["category"], typed["mode"], typed["region_code"])

    @staticmethod
    def typed(one: AddressRule) -> dict[str, Any]:
        """A rule as it stands in the form."""
        place = one.address
        return {
            "name": place.name, "phone": place.phone, "address": place.address, "mode": one.mode, "priority": one.priority,
            "warehouse": ids.public("whs", place.warehouse_id) if place.warehouse_id else "",
            "category": ids.public(CATEGORY, one.category_id) if one.category_id else "", "region_code": one.region_code,
        }  # fmt: skip
