"""The console's forms about sourcing, one form for one command."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from banyan.console import showing
from banyan.console.forms import MoneyField, SettingForm
from banyan.console.stock_forms import WarehouseField
from banyan.goods.sourcing.types import Policy, Shortfall, Split, Zone

COLUMNS = 8


def _choices(prefix: str, kinds: Any) -> list[tuple[str, str]]:
    return [(kind.value, showing.word_of(f"{prefix}_{kind.value}")) for kind in kinds]


class SourcingPolicyForm(SettingForm):
    """Whether and how warehouses are chosen, and what is worth how much."""

    is_on = forms.BooleanField(label=_("Choose warehouses by cost at payment"), required=False)
    split = forms.ChoiceField(label=_("Several parcels"), choices=lambda: _choices("split", Split))
    shortfall = forms.ChoiceField(label=_("When pieces are missing"), choices=lambda: _choices("shortfall", Shortfall))
    promise_hours = forms.IntegerField(label=_("Promised within (hours)"), min_value=0, max_value=8760)
    fresh_days = forms.IntegerField(label=_("Days left on arrival (0: no wish)"), min_value=0, max_value=3650)

    def __init__(self, *args: Any, currency: str, **options: Any) -> None:
        super().__init__(*args, currency=currency, **options)
        self.fields["late_minor"] = MoneyField(currency, label=_("An hour late costs"))
        self.fields["fresh_minor"] = MoneyField(currency, label=_("A piece a day too old costs"))
        self.fields["load_minor"] = MoneyField(currency, label=_("A parcel beyond the limit costs"))
        self.fields["split_minor"] = MoneyField(currency, label=_("A further parcel costs"))
        self.fields["priority_minor"] = MoneyField(currency, label=_("A step of priority costs"))

    @classmethod
    def of(cls, policy: Policy, currency: str) -> SourcingPolicyForm:
        """Filled with what holds now."""
        w = policy.weights
        return cls(
            currency=currency,
            initial={
                "is_on": policy.is_on, "split": policy.split.value, "shortfall": policy.shortfall.value,
                "promise_hours": policy.promise_hours, "fresh_days": policy.fresh_days, "late_minor": w.late_minor,
                "fresh_minor": w.fresh_minor, "load_minor": w.load_minor, "split_minor": w.split_minor,
                "priority_minor": w.priority_minor,
            },
        )  # fmt: skip


class TariffForm(SettingForm):
    """The zones, one a line, as people copy them out of a carrier's table."""

    lines = forms.CharField(
        label=_("Zones, one a line"), widget=forms.Textarea(
            attrs={"rows": 7, "class": "bn-mono", "style": "width:100%", "wrap": "off", "spellcheck": "false"}
        ),
        max_length=6000,
    )  # fmt: skip

    zones: Sequence[Zone] = ()

    @classmethod
    def of(cls, zones: Sequence[Zone], currency: str) -> TariffForm:
        """Filled with what holds now."""
        money = MoneyField(currency)
        lines = [
            ", ".join(
                (
                    z.code, z.name, "" if z.up_to_km is None else str(z.up_to_km), str(z.first_grams),
                    money.prepare_value(z.first_minor), str(z.step_grams), money.prepare_value(z.step_minor), str(z.hours),
                    " ".join(z.provinces),
                )
            )
            for z in zones
        ]  # fmt: skip
        return cls(currency=currency, initial={"lines": "\n".join(lines)})

    def clean_lines(self) -> str:
        """Keep the zones beside the text; a line that cannot be read is named."""
        text: str = self.cleaned_data["lines"]
        scale = MoneyField(self.currency).decimals
        zones = []
        for number, line in enumerate(text.replace("，", ",").splitlines(), 1):
            if line.strip():
                try:
                    zones.append(_zone([part.strip() for part in line.split(",")], scale))
                except (ValueError, InvalidOperation) as error:
                    raise ValidationError(_("Line %(number)d cannot be read."), params={"number": number}) from error
        self.zones = zones
        return text


def _zone(parts: list[str], scale: int) -> Zone:
    if not COLUMNS <= len(parts) <= COLUMNS + 1:
        raise ValueError("a zone has eight or nine columns")
    first, step = (Decimal(parts[position]).scaleb(scale) for position in (4, 6))
    if first != int(first) or step != int(step):
        raise ValueError("an amount is finer than the currency")
    provinces = tuple(parts[COLUMNS].split()) if len(parts) > COLUMNS else ()
    return Zone(
        parts[0], parts[1], int(parts[2]) if parts[2] else None, int(parts[3]), int(first), int(parts[5]), int(step),
        int(parts[7]), provinces,
    )  # fmt: skip


class CapacityForm(forms.Form):
    """How many parcels a warehouse sends a day without extra cost."""

    warehouse = WarehouseField(label=_("Warehouse"))
    parcels_per_day = forms.IntegerField(label=_("Parcels a day (empty: no limit)"), required=False, min_value=0, max_value=10**9)
