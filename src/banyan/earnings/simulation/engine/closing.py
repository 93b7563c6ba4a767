"""What closes of periods paid, added to the sums of orders."""

from __future__ import annotations

from collections.abc import Iterable

from banyan.earnings.commission.types import Paid
from banyan.earnings.simulation.types import PeriodPair, Tally

from .tallying import put


def add_payments(tally: Tally, side: int, payments: Iterable[tuple[PeriodPair, Paid]]) -> None:
    """Add what closes paid on one side, each to its period. Rewards are of no goods, so the sums by goods do not have them."""
    for pair, paid in payments:
        amount = paid.amount_minor
        if side:
            pair.new += amount
            tally.total.new += amount
        else:
            pair.old += amount
            tally.total.old += amount
        place = (side, paid.rule_key)
        tally.by_rule[place] = tally.by_rule.get(place, 0) + amount
        put(tally.by_tier, paid.tier, side, amount)
        put(tally.by_depth, paid.depth, side, amount)
        put(tally.released, paid.released_on.isoformat() if paid.released_on is not None else "", side, amount)
        key = (paid.payee_id, side, paid.rule_key)
        tally.paid[key] = tally.paid.get(key, 0) + amount
        orders, base, old, new = tally.by_day.get(paid.end_day.isoformat(), (0, 0, 0, 0))
        tally.by_day[paid.end_day.isoformat()] = (orders, base, old + (0 if side else amount), new + (amount if side else 0))
