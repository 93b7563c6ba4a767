"""Order numbers: unique without a counter, a lock or an index.

The number is the local date and the order's id under a fixed permutation of ten digits (more for ids beyond), so it can be
turned back into the id, and two orders of a minute do not look alike.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

_WIDTHS = (10, 14, 19)
_FACTOR = 7_393_570_117
"""Odd, not a multiple of 5: so multiplication modulo a power of ten is a permutation."""


def number_of(order_id: int, placed_on: date) -> str:
    """``2611220123456789``: date, then the permuted id; 16 digits for ids below 10**10."""
    width = 10 if order_id < 10**10 else 14 if order_id < 10**14 else 19
    return f"{_shown(placed_on)}{order_id * _FACTOR % 10**width:0{width}d}"


@lru_cache(maxsize=1000)
def _shown(day: date) -> str:
    return f"{day:%y%m%d}"


def id_of(number: str) -> int | None:
    """The order id behind a number, or None when it is not one. The date is not checked: the row's number must be compared."""
    digits = number.strip()
    width = len(digits) - 6
    if width not in _WIDTHS or not digits.isascii() or not digits.isdecimal():
        return None
    order_id: int = int(digits[6:]) * pow(_FACTOR, -1, 10**width) % 10**width
    return order_id
