"""A pasted list of counts becomes counts and faults: pure, line by line, nothing guessed."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable

from banyan.goods.warehousing.types import TypedCount, TypedFault

PIECES_MAX = 1_000_000_000
_SEPARATORS = (("\t", "\t"), (",", ","), ("，", "，"), (";", ";"), ("；", "；"))
_HEADINGS = frozenset(("sku", "code", "sku code", "编码", "sku编码", "商品编码"))


def read_counts(text: str) -> tuple[list[TypedCount], list[TypedFault]]:
    """Lines of ``code, pieces`` or ``code, lot, pieces``, by tab, comma or semicolon (also full-width).

    A heading and empty lines are skipped. The same code and lot twice is a fault of the later line: nobody knows which
    count is meant.
    """
    counts: list[TypedCount] = []
    faults: list[TypedFault] = []
    seen: dict[tuple[str, str], int] = {}
    for number, line in enumerate(text.replace("\ufeff", "").splitlines(), start=1):
        if not line.strip():
            continue
        cells = _cells(line)
        if number == 1 and cells[0].lower() in _HEADINGS:
            continue
        fault = _fault_of(cells)
        if fault:
            faults.append(TypedFault(number, line.strip()[:120], fault))
            continue
        code, lot_number = cells[0], cells[1] if len(cells) == 3 else ""
        if (code, lot_number) in seen:
            faults.append(TypedFault(number, line.strip()[:120], "This was counted in an earlier line already."))
            continue
        seen[code, lot_number] = number
        counts.append(TypedCount(code, lot_number, int(cells[-1]), number))
    return counts, faults


def _cells(line: str) -> list[str]:
    separator = next((by for mark, by in _SEPARATORS if mark in line), None)
    if separator is None:
        return re.split(r"\s+", line.strip())
    return [cell.strip() for cell in next(iter(csv.reader([line], delimiter=separator)))]


def _fault_of(cells: Iterable[str]) -> str:
    found = list(cells)
    if len(found) not in (2, 3) or not found[0]:
        return "A line needs a SKU code, perhaps a lot number, and the pieces."
    if not re.fullmatch(r"[0-9]{1,10}", found[-1]) or int(found[-1]) > PIECES_MAX:
        return "The pieces must be a whole number from 0 to 1,000,000,000."
    return ""
