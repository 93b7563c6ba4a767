"""Proportional clawback from frozen values.

After returns that add up to `returned` of a line that was worth `of`, floor(amount × returned / of) is taken back in all.
Each step takes the difference to what was already taken, so any way to split a return ends at the one-shot figure, and a
full return takes back every cent.
"""

from __future__ import annotations

from typing import NamedTuple

from banyan.kernel.values.money import cumulative_share


class LineReversal(NamedTuple):
    """`returned_minor`: how much of the line counts as returned with this step (what exceeds the line is not counted)."""

    returned_minor: int
    amount_minor: int


def part_back(minor: int, refund: int, of: int) -> int:
    """What of a share went back by the time that `refund` of a line of `of` was returned."""
    return cumulative_share(minor, min(refund, of), of)


def reverse_line(
    amount_minor: int, *, of_minor: int, returned_before_minor: int, reversed_before_minor: int, refund_minor: int
) -> LineReversal:
    """One more return of `refund_minor` on a line of `of_minor`, for a commission of `amount_minor`."""
    if min(amount_minor, of_minor, returned_before_minor, reversed_before_minor, refund_minor) < 0:
        raise ValueError("amounts must not be negative")
    returned = min(returned_before_minor + refund_minor, of_minor)
    due = cumulative_share(amount_minor, returned, of_minor)
    return LineReversal(returned - returned_before_minor, max(due - reversed_before_minor, 0))
