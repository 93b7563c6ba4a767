"""A simulation's tables for a spreadsheet as people read them: heads and words in the screen's language, amounts in the currency
itself, shares in percent. Programs take the same tables over the API, with names and minor units."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from banyan.console import names, showing
from banyan.earnings.simulation import queries
from banyan.earnings.simulation.types import Run

TITLES = {
    "totals": gettext_lazy("Totals"), "rules": gettext_lazy("By rule"), "tiers": gettext_lazy("By tier"),
    "depths": gettext_lazy("By depth"), "goods": gettext_lazy("By goods"), "categories": gettext_lazy("By category"),
    "months": gettext_lazy("By month"), "days": gettext_lazy("By day"), "cash_flow": gettext_lazy("Cash flow: when holds end"),
    "periods": gettext_lazy("Paid when periods closed"), "people": gettext_lazy("Who gains or loses most"),
}  # fmt: skip
"""Every table that can be taken along."""
_HEADS = {
    "rule": gettext_lazy("Rule"), "tier": gettext_lazy("Tier"), "depth": gettext_lazy("Depth"), "sku_id": gettext_lazy("Goods"),
    "category_id": gettext_lazy("Category"), "month": gettext_lazy("month"), "day": gettext_lazy("Day"),
    "period": gettext_lazy("Period"), "first_day": gettext_lazy("First day"), "end_day": gettext_lazy("Day after the end"),
    "payee_id": gettext_lazy("Distributor"), "orders": gettext_lazy("Orders"), "people": gettext_lazy("Payees"),
    "gaining": gettext_lazy("Gain"), "losing": gettext_lazy("Lose"), "base_minor": gettext_lazy("Base"),
    "old_minor": gettext_lazy("Plan in force then"), "new_minor": gettext_lazy("This plan"),
    "delta_minor": gettext_lazy("Difference"), "old_bp": gettext_lazy("Plan in force then (%)"),
    "new_bp": gettext_lazy("This plan (%)"), "is_whole": gettext_lazy("Whole period"), "is_open": gettext_lazy("Not closed yet"),
    "why": gettext_lazy("Why"),
}  # fmt: skip
"""Columns in the order in which they stand."""


def rows_of(run: Run, table: str, currency: str) -> Iterator[list[Any]]:
    """A head and the rows of one of TITLES; nothing for a run without an outcome. Raises KeyError for another table."""
    found = queries.records_of(run, table)
    if not found:
        return
    columns = [name for name in _HEADS if name in found[0]]
    say = _sayings(found, currency)
    yield [f"{_HEADS[name]} ({currency})" if name.endswith("_minor") else str(_HEADS[name]) for name in columns]
    for row in found:
        yield [say[name](row[name]) if name in say else row[name] for name in columns]


def _sayings(found: list[dict[str, Any]], currency: str) -> dict[str, Callable[[Any], Any]]:
    decimals = showing.decimals_of(currency)

    def amount(minor: int) -> Decimal:
        return Decimal(minor).scaleb(-decimals)

    def why(parts: list[dict[str, Any]]) -> str:
        return "; ".join(f"{each['rule']} {amount(each['delta_minor'])}" for each in parts)

    goods = names.goods_names(row["sku_id"] for row in found if row.get("sku_id"))
    people = names.names_of(row.get("payee_id") for row in found)
    categories = names.category_names() if "category_id" in found[0] else {}
    others = _("all others")
    return {
        "tier": showing.word_of, "period": showing.word_of, "is_whole": showing.value_words, "is_open": showing.value_words,
        "sku_id": lambda one: goods.get(one, "–") if one else others,
        "category_id": lambda one: categories.get(one, "–") if one else others,
        "payee_id": lambda one: people[one].label if one in people else "–", "why": why,
        **dict.fromkeys(("old_bp", "new_bp"), lambda share: Decimal(share).scaleb(-2)),
        **{name: amount for name in _HEADS if name.endswith("_minor")},
    }  # fmt: skip
