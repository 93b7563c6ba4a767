"""Which lots a picker takes: the order in which the stock lets them go, so that what is taken is what is written off."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from banyan.trade.fulfillment.types import PickLot


class LyingLot(NamedTuple):
    """Pieces of one lot on the shelf that may be picked."""

    lot_id: int
    number: str
    pieces: int
    expires_on: date | None
    produced_on: date | None


def first_expired(lots: Iterable[LyingLot], quantity: int) -> tuple[PickLot, ...]:
    """First expired first out; of equal dates the first produced, then the first known. As far as the pieces reach."""
    taken = []
    for lot in sorted(lots, key=lambda one: (one.expires_on or date.max, one.produced_on or date.max, one.lot_id)):
        part = min(lot.pieces, quantity)
        if part > 0:
            taken.append(PickLot(lot.number, lot.expires_on, part))
            quantity -= part
    return tuple(taken)
