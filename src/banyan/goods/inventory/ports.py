"""What inventory needs from outside: a quick memory of what is nearly gone, in front of the database, which stays the judge;
and what lies in parcels already, which is held but cannot be held elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

FRESH_SECONDS = 2.0
"""How long a mirror's word counts. So long what it calls gone is looked up before it is refused."""

Wish = Sequence[tuple[int, int]]
"""The (SKU, pieces) of one order's lines."""


class StockMirror(Protocol):
    """Pieces that can still be promised, per SKU, as the database last said. It may forget anything at any time.

    No function raises: a mirror that is lost, slow or restarted answers as if it knew nothing, and asks itself less often.
    """

    def lacking(self, tenant_id: int, wishes: Sequence[Wish]) -> list[dict[int, int]]:
        """For each order, the SKUs of which it wants more than there are, with what there are; empty: the database shall say.

        What an order wants that is not refused counts as taken until the database says otherwise.
        """

    def tell(self, tenant_id: int, available: Mapping[int, int]) -> None:
        """The database has just said how many pieces of these SKUs there are. Counts for ``FRESH_SECONDS``."""

    def known(self, tenant_id: int) -> dict[int, int]:
        """What counts now."""

    def correct(self, tenant_id: int, available: Mapping[int, int], fence: int) -> int:
        """As ``tell``, by the holder of this fence; returns how many were wrong. Nothing, when a younger fence was used."""

    def acquire(self, tenant_id: int, seconds: float) -> int | None:
        """The right to correct, for so long: a fence, larger than every one before; None when somebody else has it."""

    def drift(self, tenant_id: int) -> int:
        """How many corrections there have been that the mirror remembers."""


class NoMirror:
    """Knows nothing: everybody asks the database."""

    def lacking(self, tenant_id: int, wishes: Sequence[Wish]) -> list[dict[int, int]]:
        """Nobody is refused here."""
        return [{} for _ in wishes]

    def tell(self, tenant_id: int, available: Mapping[int, int]) -> None:
        """Forgotten at once."""

    def known(self, tenant_id: int) -> dict[int, int]:
        """Nothing."""
        return {}

    def correct(self, tenant_id: int, available: Mapping[int, int], fence: int) -> int:
        """Nothing is wrong."""
        return 0

    def acquire(self, tenant_id: int, seconds: float) -> int | None:
        """There is nothing to correct."""
        return None

    def drift(self, tenant_id: int) -> int:
        """None."""
        return 0


Packing = Callable[[Collection[int]], Mapping[tuple[int, int], int]]
"""Of these orders, the pieces in parcels that have not left, by (line, warehouse)."""

_mirror: StockMirror = NoMirror()


def _nobody_packs(order_ids: Collection[int]) -> Mapping[tuple[int, int], int]:
    return {}


_packing: Packing = _nobody_packs


def register_mirror(mirror: StockMirror) -> StockMirror:
    """Use this mirror from now on; returns the one before."""
    global _mirror
    before, _mirror = _mirror, mirror
    return before


def mirror() -> StockMirror:
    """The mirror in use."""
    return _mirror


def register_packing(packing: Packing) -> Packing:
    """Ask this one from now on what is packed; returns the one before."""
    global _packing
    before, _packing = _packing, packing
    return before


def packed_pieces(order_ids: Collection[int]) -> Mapping[tuple[int, int], int]:
    """What the registered house says is packed, by (line, warehouse); no orders, no question."""
    return _packing(order_ids) if order_ids else {}
