"""Exact money: integer minor units and basis points only."""

from __future__ import annotations

from collections.abc import Sequence

BP_ONE = 10_000
"""One hundred percent in basis points."""


def rate_of(amount_minor: int, rate_bp: int) -> int:
    """``amount × rate`` in minor units, rounded towards zero so that a share never exceeds its exact value."""
    product = amount_minor * rate_bp
    return product // BP_ONE if product >= 0 else -(-product // BP_ONE)


def allocate(total_minor: int, weights: Sequence[int]) -> list[int]:
    """Split ``total_minor`` by ``weights`` so that the parts sum to the total exactly.

    Largest remainder (Hamilton): every part gets the floor of its exact share, left-over units go one each to the
    largest remainders, ties to the earlier part. A part of weight 0 gets 0. A total of 0 or all-zero weights gives zeros,
    except that a non-zero total over all-zero weights raises ``ValueError``: there is nobody to give it to.
    Negative totals split like their absolute value with the sign put back. Negative weights raise ``ValueError``.
    """
    if any(weight < 0 for weight in weights):
        raise ValueError("weights must not be negative")
    if total_minor < 0:
        return [-part for part in allocate(-total_minor, weights)]
    whole = sum(weights)
    if whole == 0:
        if total_minor:
            raise ValueError("cannot split a non-zero total over zero weights")
        return [0] * len(weights)
    parts = [total_minor * weight // whole for weight in weights]
    left = total_minor - sum(parts)
    if left:
        by_remainder = sorted(range(len(weights)), key=lambda i: (-(total_minor * weights[i] % whole), i))
        for i in by_remainder[:left]:
            parts[i] += 1
    return parts


def cumulative_share(amount_minor: int, done: int, whole: int) -> int:
    """The part of ``amount_minor`` that ``done`` of ``whole`` units stand for, floored, and all of it when done = whole.

    Differences of this function split an amount over steps so that any sequence of steps sums to the one-shot figure.
    """
    if not 0 <= done <= whole:
        raise ValueError("done must lie within 0..whole")
    if whole == 0:
        return 0
    share = abs(amount_minor) * done // whole
    return share if amount_minor >= 0 else -share


def format_rate(rate_bp: int) -> str:
    """Basis points as people write them, the one way on every screen and in every sentence: 8%, 12.5%, 0.05%."""
    sign = "-" if rate_bp < 0 else ""
    whole, part = divmod(abs(rate_bp), 100)
    decimals = f".{part:02d}".rstrip("0") if part else ""
    return f"{sign}{whole}{decimals}%"


def format_minor(amount_minor: int, currency: str = "CNY") -> str:
    """``¥1,234.56`` for people; two decimals, the minor unit of every currency Banyan settles in."""
    symbol = {"CNY": "¥", "GBP": "£", "USD": "$", "EUR": "€"}.get(currency, f"{currency} ")
    sign = "-" if amount_minor < 0 else ""
    whole, part = divmod(abs(amount_minor), 100)
    return f"{sign}{symbol}{whole:,}.{part:02d}"
