"""The console's forms about stock, one form for one command."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from banyan.console import showing
from banyan.goods.catalog import queries as catalog
from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory import queries
from banyan.goods.inventory.types import WarehouseKind
from banyan.kernel import ids
from banyan.kernel.values.errors import Invalid

PIECES_MAX = 1_000_000_000


def typed_number(text: str, field: str, otherwise: str = "Pieces are whole numbers.") -> int:
    """A whole number as people typed it, 0 where the field is empty. Raises Invalid."""
    text = text.strip() or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= PIECES_MAX):
        raise Invalid(otherwise, field=field)
    return int(text)


def typed_pieces(request: HttpRequest, what: str, line_id: int, prefix: str = "oln") -> int:
    """The pieces typed beside a line. Raises Invalid."""
    return typed_number(request.POST.get(f"{what}_{ids.public(prefix, line_id)}", ""), what)


def typed_carrier(request: HttpRequest) -> str:
    """The carrier of ``carrier_fields.html``: one that is wired in, or the name of another one."""
    return (request.POST.get("carrier", "") or request.POST.get("other_carrier", "")).strip()


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


def _warehouses() -> list[tuple[str, str]]:
    return [("", "–"), *((ids.public("whs", one.warehouse_id), one.name) for one in queries.list_warehouses())]


class WarehouseField(forms.TypedChoiceField):
    """One of the shop's warehouses; cleaned to its id, None where it may be left out."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=_warehouses, coerce=lambda text: ids.parse("whs", text), empty_value=None, **options)


class SafetyForm(forms.Form):
    """How many pieces of a SKU a warehouse should have for sale."""

    warehouse = WarehouseField(label=_("Warehouse"))
    code = forms.CharField(label=_("SKU code"), max_length=80)
    quantity = forms.IntegerField(
        label=_("Safety stock (empty: watch no longer)"), required=False, min_value=0, max_value=PIECES_MAX
    )


class ChannelForm(forms.Form):
    """Pieces of a SKU for a campaign, a live room or a group alone."""

    channel = forms.CharField(label=_("Channel (e.g. live/812)"), max_length=60)
    code = forms.CharField(label=_("SKU code"), max_length=80)
    quantity = forms.IntegerField(label=_("Pieces"), min_value=1, max_value=PIECES_MAX)
    warehouse = WarehouseField(label=_("Warehouse (empty: wherever free)"), required=False)
    ends_at = forms.DateTimeField(
        label=_("Ends at (empty: when somebody ends it)"), required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip


class TransferForm(forms.Form):
    """What goes from where to where."""

    source = WarehouseField(label=_("From warehouse"))
    destination = WarehouseField(label=_("To warehouse"))
    note = forms.CharField(label=_("Note"), max_length=200, required=False)
    lines = forms.CharField(
        label=_("Goods, one per line: SKU code, pieces (or SKU code, lot, pieces)"), max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 6, "class": "bn-document", "spellcheck": "false"}),
    )  # fmt: skip


class StockTakeForm(forms.Form):
    """What is to be counted."""

    warehouse = WarehouseField(label=_("Warehouse"))
    note = forms.CharField(label=_("Note"), max_length=200, required=False)
    codes = forms.CharField(
        label=_("SKU codes, one per line (empty: everything there)"), max_length=100_000, required=False,
        widget=forms.Textarea(attrs={"rows": 4, "class": "bn-document", "spellcheck": "false"}),
    )  # fmt: skip

    def clean_codes(self) -> list[SkuId] | None:
        """The SKUs of these codes; None for everything."""
        wanted = [line.strip() for line in self.cleaned_data["codes"].splitlines() if line.strip()]
        if not wanted:
            return None
        found = catalog.find_skus_by_codes(wanted)
        unknown = [code for code in wanted if code not in found]
        if unknown:
            raise forms.ValidationError(_("No SKU has the code %(code)s."), params={"code": unknown[0][:80]})
        return list(found.values())
