"""The words of flash sales. Money is minor units, times are aware UTC, quantities are pieces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, NewType

from banyan.goods.catalog.types import SkuId
from banyan.people.identity.types import UserId

OfferId = NewType("OfferId", int)


class Phase(StrEnum):
    """Where a flash sale is at a moment."""

    PLANNED = "planned"
    LIVE = "live"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class NewOffer:
    """A flash sale to plan. ``quantity`` pieces are set aside for it at once, nobody else can buy them.

    ``per_person`` pieces at most for one buyer. ``admit_per_second`` buyers are let in from the queue, 0: there is no queue.
    ``puzzle_bits``: how much work a place in the queue costs a buyer's device, each bit doubles it; 0: none.
    """

    name: str
    sku_id: SkuId
    price_minor: int
    quantity: int
    per_person: int
    starts_at: datetime
    ends_at: datetime
    admit_per_second: int = 0
    puzzle_bits: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """A flash sale as it is read. ``ended_at``: when somebody ended it before its time."""

    offer_id: OfferId
    name: str
    sku_id: SkuId
    price_minor: int
    quantity: int
    per_person: int
    starts_at: datetime
    ends_at: datetime
    admit_per_second: int
    puzzle_bits: int
    ended_at: datetime | None = None

    def phase(self, at: datetime) -> Phase:
        """Planned, live or over at this moment; the first moment belongs to the sale, the last one does not."""
        if self.ended_at is not None or at >= self.ends_at:
            return Phase.OVER
        return Phase.LIVE if at >= self.starts_at else Phase.PLANNED


class Claim(NamedTuple):
    """One order that wants pieces of a sale. ``ticket`` is the buyer's place in the queue, as it was given to him."""

    order_id: int
    offer_id: OfferId
    sku_id: SkuId
    buyer_id: UserId
    quantity: int
    ticket: str | None = None


class Ticket(NamedTuple):
    """A buyer's place in the queue of a sale, from 1."""

    offer_id: OfferId
    buyer_id: UserId
    position: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a sale stands: pieces held or sold and left, buyers in the queue, how many of them are let in by now."""

    taken: int
    left: int
    buyers: int
    queued: int
    admitted: int


TakenBefore = Mapping[tuple[OfferId, UserId], int]
"""Pieces that a buyer's orders of a sale hold already."""
