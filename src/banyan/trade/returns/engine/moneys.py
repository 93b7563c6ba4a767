"""From which money a line's refund is taken: pure.

A line's worth is what was paid for it, and what an exchange carried on to it from other lines. Each part can only go back the
way it was paid. A refund takes the line's own money first, then the carried ones in order; then what is kept for damage; what
is carried on comes last.
"""

from __future__ import annotations

from collections.abc import Sequence

from banyan.kernel.values.filled import Filled
from banyan.trade.returns.types import Draw, LineRefund, Money


def draw(moneys: Sequence[Money], taken: LineRefund) -> list[Draw]:
    """Spread one line's refund, deduction and carried part over its moneys. Raises ValueError where too little is left."""
    left = [money.left_minor for money in moneys]
    shares: list[list[int]] = []
    for wanted in (taken.refund_minor, taken.deducted_minor, taken.carried_minor):
        parts = []
        for position, available in enumerate(left):
            part = min(wanted, available)
            left[position] -= part
            wanted -= part
            parts.append(part)
        if wanted:
            raise ValueError(Filled("{wanted} minor units more are taken than are left", wanted=wanted))
        shares.append(parts)
    return [Draw(money.order_id, money.line_id, *parts) for money, *parts in zip(moneys, *shares, strict=True) if any(parts)]
