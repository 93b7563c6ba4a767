"""Stock set aside for a channel: a campaign, a live room, a group."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from banyan.goods.catalog.types import SkuId

from .stock import WarehouseId

ChannelStockId = NewType("ChannelStockId", int)


@dataclass(frozen=True, slots=True)
class NewChannelStock:
    """Pieces of a SKU to set aside for a channel.

    ``channel`` is the channel's own key of at most 60 characters, such as ``flash_sale/812``. ``warehouse_id`` None: wherever
    pieces are free, first choice first. ``ends_at`` None: until somebody ends it.
    """

    channel: str
    sku_id: SkuId
    quantity: int
    warehouse_id: WarehouseId | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChannelStock:
    """A channel's share of a SKU in a warehouse. ``taken``: pieces that orders of the channel hold, have been promised or got."""

    channel_stock_id: ChannelStockId
    channel: str
    sku_id: SkuId
    warehouse_id: WarehouseId
    quantity: int
    taken: int
    opened_at: datetime
    ends_at: datetime | None
    ended_at: datetime | None

    @property
    def left(self) -> int:
        """Pieces that the channel can still take; 0 once it has ended."""
        return 0 if self.ended_at is not None else self.quantity - self.taken
