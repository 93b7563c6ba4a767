"""Which lots pieces are taken from: first expired, first out. Pure, deterministic, never more than there is.

Source of the rule: 近效期先出 of the drug and food trade (GSP, GB 31621). A lot without expiry date is taken last, of equal dates
the one that was produced first, then the one that was known first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple


class LotPieces(NamedTuple):
    """Pieces of one lot in one place; ``may_be_picked`` is False for lots that are held, recalled or past their date."""

    lot_id: int
    pieces: int
    expires_on: date | None
    produced_on: date | None
    may_be_picked: bool = True


class Taken(NamedTuple):
    """Pieces of one lot for one wish."""

    lot_id: int
    pieces: int


def order_of_picking(lot: LotPieces) -> tuple[date, date, int]:
    """Sorts lots: the first one goes out first."""
    return lot.expires_on or date.max, lot.produced_on or date.max, lot.lot_id


class Shelf:
    """The lots of one SKU in one warehouse while a batch is taken from it."""

    def __init__(self, lots: Iterable[LotPieces]) -> None:
        self._lots = sorted(lots, key=order_of_picking)
        self._left = {lot.lot_id: lot.pieces for lot in self._lots}

    def pick(self, quantity: int) -> tuple[Taken, ...] | None:
        """Take so many pieces, first expired first; None, and nothing is taken, when fewer may be picked."""
        taken: list[Taken] = []
        for lot in self._lots:
            if not lot.may_be_picked or self._left[lot.lot_id] <= 0:
                continue
            part = min(quantity, self._left[lot.lot_id])
            taken.append(Taken(lot.lot_id, part))
            quantity -= part
            if not quantity:
                break
        if quantity:
            return None
        for lot_id, part in taken:
            self._left[lot_id] -= part
        return tuple(taken)

    def take(self, lot_id: int, quantity: int) -> None:
        """Pieces of a named lot left; the table's CHECK judges whether they were there."""
        self._left[lot_id] = self._left.get(lot_id, 0) - quantity

    @property
    def left(self) -> Mapping[int, int]:
        """Pieces left per lot."""
        return self._left
