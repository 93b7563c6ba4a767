"""Channel stock over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Schema

from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory import commands, queries
from banyan.goods.inventory.api.shared import ERRORS, Quantity, SkuRef, WarehouseRef, own_skus, router
from banyan.goods.inventory.types import ChannelStock, NewChannelStock, WarehouseId
from banyan.kernel.http import Page, PublicId, endpoint, page_of

Channel = Annotated[str, Field(min_length=1, max_length=60)]


class ChannelStockOut(Schema):
    """A channel's share of a SKU in a warehouse; left is what its buyers can still take."""

    id: Annotated[int, PublicId("chs")]
    channel: str
    sku_id: SkuRef
    warehouse_id: WarehouseRef
    quantity: int
    taken: int
    left: int
    opened_at: datetime
    ends_at: datetime | None
    ended_at: datetime | None


class ShareIn(Schema):
    """Pieces to set aside; without a warehouse wherever they are free."""

    channel: Channel
    sku_id: SkuRef
    quantity: Quantity
    warehouse_id: WarehouseRef | None = None
    ends_at: datetime | None = None


class SharesIn(Schema):
    """Shares, all or none."""

    shares: Annotated[list[ShareIn], Field(min_length=1, max_length=200)]


class SharesOut(Schema):
    """The shares that were opened or have grown."""

    items: list[ChannelStockOut]


class ChannelEndIn(Schema):
    """The channel whose shares end."""

    channel: Channel


class ReturnedOut(Schema):
    """Pieces that went back to everybody."""

    returned: int


def _share(one: ChannelStock) -> dict[str, Any]:
    return {
        "id": one.channel_stock_id, "channel": one.channel, "sku_id": one.sku_id, "warehouse_id": one.warehouse_id,
        "quantity": one.quantity, "taken": one.taken, "left": one.left, "opened_at": one.opened_at, "ends_at": one.ends_at,
        "ended_at": one.ended_at,
    }  # fmt: skip


@router.get("/stock/channels", response={200: Page[ChannelStockOut], **ERRORS})
@endpoint(scope="inventory:read")
def list_channel_stock(
    request: HttpRequest, sku_id: SkuRef | None = None, open_only: bool = False, cursor: str | None = None, limit: int = 50
) -> Any:
    """What is set aside for channels, newest first."""
    own = own_skus(request)

    def read(before_id: int | None, count: int) -> list[ChannelStock]:
        if own is not None:
            return []  # a shop's campaigns are not its suppliers' business
        return queries.list_channel_stock(None if sku_id is None else SkuId(sku_id), open_only, before_id, count)

    page = page_of(read, cursor, limit, lambda one: one.channel_stock_id)
    return page | {"items": [_share(one) for one in page["items"]]}


@router.post("/stock/channels", response={200: SharesOut, **ERRORS})
@endpoint(scope="inventory:write", write=True)
def set_aside(request: HttpRequest, body: SharesIn) -> Any:
    """Set pieces aside for channels; ordinary sales cannot take them, the channel cannot take more."""
    shares = [
        NewChannelStock(
            s.channel, SkuId(s.sku_id), s.quantity, None if s.warehouse_id is None else WarehouseId(s.warehouse_id), s.ends_at
        )
        for s in body.shares
    ]
    touched = set(commands.set_aside(shares))
    found = queries.channel_stock({share.channel.strip() for share in body.shares})
    return {"items": [_share(one) for one in found if one.channel_stock_id in touched]}


@router.post("/stock/channels/end", response={200: ReturnedOut, **ERRORS})
@endpoint(scope="inventory:write", write=True)
def end_channel(request: HttpRequest, body: ChannelEndIn) -> Any:
    """Give what a channel has left back to everybody; what its orders hold stays theirs."""
    return {"returned": commands.end_channels([body.channel])}
