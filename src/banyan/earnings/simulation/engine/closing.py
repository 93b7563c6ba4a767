"""What closes of periods paid, added to the sums of orders."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Protocol

from banyan.earnings.simulation.types import PeriodPair, Tally

from .tallying import put


class Payment(Protocol):
    """What a close added to, or took from, one payee by one rule, as the commission house tells of it."""

    @property
    def end_day(self) -> date: ...
    @property
    def rule_key(self) -> str: ...
    @property
    def payee_id(self) -> int: ...
    @property
    def tier(self) -> str: ...
    @property
    def depth(self) -> int: ...
    @property
    def released_on(self) -> date | None: ...
    @property
    def amount_minor(self) -> int: ...


def add_payments(tally: Tally, side: int, payments: Iterable[tuple[PeriodPair, Payment]]) -> None:
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
