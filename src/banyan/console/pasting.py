"""A carrier's list as people paste it from a spreadsheet: one order per line. Pure, so that it can be tested by table."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.utils.translation import gettext as _

CUT = re.compile("[\t,;\uff0c\uff1b\u3001]|\\s+")
"""Tabs, commas and semicolons, also the full-width ones of Chinese keyboards, or space."""
NUMBER = re.compile(r"[0-9A-Za-z\-]{1,80}")


@dataclass(frozen=True)
class Pasted:
    """One line: which order, by whom, under which number."""

    line: int
    text: str
    number: str = ""
    carrier: str = ""
    tracking_number: str = ""
    weight_grams: int = 0


def read(text: str, carrier: str, maximum: int) -> tuple[list[Pasted], list[tuple[Pasted, str]]]:
    """The lines that can be read, and those that cannot with the reason. ``carrier`` counts where a line names none.

    Columns are order number, carrier, tracking number, grams; with a carrier for all, the second column may be missing.
    """
    good: list[Pasted] = []
    bad: list[tuple[Pasted, str]] = []
    lines = [(position, line.strip()) for position, line in enumerate(text.splitlines(), 1) if line.strip()]
    for position, line in lines:
        one = _line(position, line[:300], carrier)
        if isinstance(one, str):
            bad.append((Pasted(position, line[:300]), one))
        elif len(good) >= maximum:
            bad.append((Pasted(position, line[:300]), _("Too many lines at once.")))
        else:
            good.append(one)
    return good, bad


def _line(position: int, text: str, carrier: str) -> Pasted | str:
    parts = [part for part in CUT.split(text) if part]
    weight = 0
    if len(parts) > 2 and (carrier or len(parts) > 3) and parts[-1].isascii() and parts[-1].isdigit() and len(parts[-1]) <= 6:
        weight = int(parts.pop())
    if len(parts) == 2 and carrier:
        parts.insert(1, carrier)
    if len(parts) != 3:
        return _("A line has an order number, a carrier and a tracking number.")
    if not NUMBER.fullmatch(parts[2]):
        return _("A tracking number has letters, digits and dashes only.")
    if len(parts[1]) > 60 or not text.replace("\t", " ").isprintable():
        return _("A line has an order number, a carrier and a tracking number.")
    return Pasted(position, text, parts[0], parts[1], parts[2], weight)
