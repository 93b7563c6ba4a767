"""Reads of channel stock."""

from __future__ import annotations

from collections.abc import Iterable

from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory.types import ChannelStock
from banyan.kernel import sql
from banyan.kernel.tenancy import current_tenant_id

_COLUMNS = "id, channel, sku_id, warehouse_id, quantity, taken, opened_at, ends_at, ended_at"


def channel_stock(channels: Iterable[str]) -> list[ChannelStock]:
    """All shares of these channels, also the ended ones, oldest first."""
    rows = sql.fetch(
        f"SELECT {_COLUMNS} FROM inventory_channel_stocks WHERE tenant_id = %s AND channel = ANY(%s::text[]) ORDER BY id",
        (current_tenant_id(), list(channels)),
    )
    return [ChannelStock(*row) for row in rows]


def list_channel_stock(
    sku_id: SkuId | None = None, open_only: bool = False, before_id: int | None = None, limit: int = 50
) -> list[ChannelStock]:
    """Shares, newest first."""
    rows = sql.fetch(
        f"SELECT {_COLUMNS} FROM inventory_channel_stocks WHERE tenant_id = %s AND (%s::bigint IS NULL OR sku_id = %s::bigint)"
        " AND (NOT %s OR ended_at IS NULL) AND (%s::bigint IS NULL OR id < %s::bigint) ORDER BY id DESC LIMIT %s",
        (current_tenant_id(), sku_id, sku_id, open_only, before_id, before_id, limit),
    )
    return [ChannelStock(*row) for row in rows]
