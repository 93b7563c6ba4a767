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
_PEOPLE = ("payee_id", "old_minor", "new_minor", "delta_minor", "why")


def records_of(run: Run, table: str) -> list[dict[str, Any]]:
    """The rows of one of TABLES as the outcome keeps them; none without an outcome. Raises KeyError for another table."""
    outcome = run.outcome
    if outcome is None:
        return []
    if table == "totals":
        return [{name: outcome[name] for name in _TOTALS}]
    if table == "people":
        return [{name: one[name] for name in _PEOPLE} for one in (*outcome["gainers"], *outcome["losers"])]
    return list(outcome.get(_LISTS[table], ()))  # outcomes of earlier days know no periods


def rows_of(run: Run, table: str) -> Iterator[list[Any]]:
    """A head and the rows of one of TABLES; nothing for a run without an outcome. Raises KeyError for another table."""
    found = records_of(run, table)
    names = list(found[0]) if found else list(_PEOPLE) if run.outcome is not None and table == "people" else []
    if names:
        yield names
    for row in found:
        yield [_why(row[name]) if name == "why" else _outside(name, row[name]) for name in names]


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


def _why(parts: list[dict[str, Any]]) -> str:
    return "; ".join(f"{each['rule']} {each['delta_minor']:+d}" for each in parts)


def _outside(name: str, value: Any) -> Any:
    prefix = _IDS.get(name)
    return (ids.public(prefix, value) if value else "") if prefix is not None else value
