"""A run's outcome as tables for a spreadsheet: public ids, amounts in minor units."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from banyan.earnings.simulation.types import Run
from banyan.kernel import ids

TABLES = ("totals", "rules", "tiers", "depths", "goods", "categories", "months", "days", "cash_flow", "periods", "people")
_LISTS = {
    "rules": "by_rule", "tiers": "by_tier", "depths": "by_depth", "goods": "by_sku", "categories": "by_category",
    "months": "by_month", "days": "by_day", "cash_flow": "released_by_day", "periods": "by_period",
}  # fmt: skip
_IDS = {"sku_id": "sku", "category_id": "cat", "payee_id": "dst"}
_TOTALS = ("orders", "base_minor", "old_minor", "new_minor", "delta_minor", "old_bp", "new_bp", "people", "gaining", "losing")


def rows_of(run: Run, table: str) -> Iterator[list[Any]]:
    """A head and the rows of one of TABLES; nothing for a run without an outcome. Raises KeyError for another table."""
    outcome = run.outcome
    if outcome is None:
        return
    if table == "totals":
        yield list(_TOTALS)
        yield [outcome[name] for name in _TOTALS]
        return
    if table == "people":
        yield ["payee_id", "old_minor", "new_minor", "delta_minor", "why"]
        for one in (*outcome["gainers"], *outcome["losers"]):
            why = "; ".join(f"{each['rule']} {each['delta_minor']:+d}" for each in one["why"])
            yield [ids.public("dst", one["payee_id"]), one["old_minor"], one["new_minor"], one["delta_minor"], why]
        return
    found = outcome.get(_LISTS[table])  # outcomes of earlier days know no periods
    if not found:
        return
    names = list(found[0])
    yield names
    for row in found:
        yield [_outside(name, row[name]) for name in names]


def as_csv(run: Run, table: str) -> str:
    """A table as CSV text, with a byte order mark so that spreadsheets read Chinese."""
    text = io.StringIO()
    csv.writer(text).writerows(rows_of(run, table))
    return "\ufeff" + text.getvalue()


def outside(value: Any) -> Any:
    """An outcome with numbers of people and goods turned into public ids; "" where a row stands for all others."""
    if isinstance(value, dict):
        return {name: _outside(name, part) if name in _IDS else outside(part) for name, part in value.items()}
    return [outside(each) for each in value] if isinstance(value, list) else value


def _outside(name: str, value: Any) -> Any:
    prefix = _IDS.get(name)
    return (ids.public(prefix, value) if value else "") if prefix is not None else value
