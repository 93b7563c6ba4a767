"""The words of warehousing. Quantities are whole pieces; times are aware UTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, NewType

from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory.types import LotId, WarehouseId

TransferId = NewType("TransferId", int)
TransferLineId = NewType("TransferLineId", int)
StockTakeId = NewType("StockTakeId", int)


class TransferState(StrEnum):
    """draft → sent → receiving → closed; draft → cancelled. Receiving: some pieces have come in, others are on the way."""

    DRAFT = "draft"
    SENT = "sent"
    RECEIVING = "receiving"
    CLOSED = "closed"
    CANCELLED = "cancelled"


ON_THE_WAY = (TransferState.SENT, TransferState.RECEIVING)


class StockTakeState(StrEnum):
    """counting → approved | cancelled."""

    COUNTING = "counting"
    APPROVED = "approved"
    CANCELLED = "cancelled"


class Wanted(NamedTuple):
    """Pieces of a SKU to transfer. ``lot_id`` None: what expires first goes first, where the SKU is lot-tracked."""

    sku_id: SkuId
    quantity: int
    lot_id: LotId | None = None


@dataclass(frozen=True, slots=True)
class NewTransfer:
    """Goods to go from one warehouse to another. ``note`` is free text of at most 200 characters."""

    source_id: WarehouseId
    destination_id: WarehouseId
    lines: Sequence[Wanted]
    note: str = ""


@dataclass(frozen=True, slots=True)
class TransferLine:
    """Pieces of one SKU, and of one lot once sent. ``on_the_way`` = quantity − received − lost after sending."""

    line_id: TransferLineId
    sku_id: SkuId
    lot_id: LotId | None
    quantity: int
    received: int
    lost: int

    @property
    def left(self) -> int:
        """Pieces that have neither come in nor been given up."""
        return self.quantity - self.received - self.lost


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer as it is read. The ``_by`` are user ids."""

    transfer_id: TransferId
    source_id: WarehouseId
    destination_id: WarehouseId
    state: TransferState
    note: str
    drafted_by: int
    drafted_at: datetime
    sent_at: datetime | None
    closed_at: datetime | None
    lines: tuple[TransferLine, ...] = ()


class Arrived(NamedTuple):
    """What became of pieces of a line: so many came in, so many are lost. A loss needs its reason."""

    line_id: TransferLineId
    received: int
    lost: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TransferReceipt:
    """One line of one receipt; never edited."""

    line_id: TransferLineId
    received: int
    lost: int
    reason: str
    received_by: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class NewStockTake:
    """A count to open in one warehouse: of some SKUs, or of all that it has (``sku_ids`` None)."""

    warehouse_id: WarehouseId
    sku_ids: Sequence[SkuId] | None = None
    note: str = ""


class Counted(NamedTuple):
    """Pieces that somebody counted of a SKU, or of one lot where the SKU is lot-tracked."""

    sku_id: SkuId
    quantity: int
    lot_id: LotId | None = None


@dataclass(frozen=True, slots=True)
class StockTakeLine:
    """One thing to count. ``book``: the pieces on hand by the books at the moment of the count."""

    line_id: int
    sku_id: SkuId
    lot_id: LotId | None
    counted: int | None
    book: int | None
    counted_by: int | None
    counted_at: datetime | None

    @property
    def difference(self) -> int | None:
        """What was found less what the books said then; None while nobody has counted."""
        return None if self.counted is None or self.book is None else self.counted - self.book


@dataclass(frozen=True, slots=True)
class StockTake:
    """A stock take as it is read. ``line_count``, ``counted_count``, ``different_count`` are numbers of lines."""

    stock_take_id: StockTakeId
    warehouse_id: WarehouseId
    state: StockTakeState
    covers_all: bool
    note: str
    opened_by: int
    opened_at: datetime
    decided_by: int | None
    decided_at: datetime | None
    line_count: int = 0
    counted_count: int = 0
    different_count: int = 0


class TypedCount(NamedTuple):
    """One line of a pasted list: the SKU's code, the lot's number or "", the pieces, the number of the line."""

    code: str
    lot_number: str
    quantity: int
    line_number: int = 0


class TypedFault(NamedTuple):
    """What is wrong with one line of a pasted list."""

    line_number: int
    text: str
    message: str
