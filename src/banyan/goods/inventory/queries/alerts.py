"""Reads of safety stock and its alerts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory.types import AlertKind, AlertState, SafetyStock, StockAlert, WarehouseId
from banyan.kernel import sql
from banyan.kernel.tenancy import current_tenant_id

STANDING = (AlertState.OPEN, AlertState.SEEN)
COUNTED = 1_000


def safety_stock(
    sku_ids: Iterable[SkuId] | None = None, before_id: int | None = None, limit: int = 200
) -> list[tuple[int, SafetyStock]]:
    """What is watched, newest first, as (id for paging, safety stock)."""
    rows = sql.fetch(
        "SELECT id, warehouse_id, sku_id, quantity FROM inventory_safety_stocks WHERE tenant_id = %s"
        " AND (%s::bigint[] IS NULL OR sku_id = ANY(%s::bigint[])) AND (%s::bigint IS NULL OR id < %s::bigint)"
        " ORDER BY id DESC LIMIT %s",
        (current_tenant_id(), *([list(set(sku_ids))] * 2 if sku_ids is not None else [None, None]), before_id, before_id, limit),
    )
    return [(row[0], SafetyStock(*row[1:])) for row in rows]


def list_alerts(
    states: Sequence[AlertState] = STANDING, kind: AlertKind | None = None, warehouse_id: WarehouseId | None = None,
    sku_ids: Iterable[SkuId] | None = None, before_id: int | None = None, limit: int = 50,
) -> list[StockAlert]:  # fmt: skip
    """Alerts, newest first."""
    rows = sql.fetch(
        "SELECT id, warehouse_id, sku_id, kind, state, available, safety, raised_at, seen_by, seen_at, resolved_at"
        " FROM inventory_stock_alerts WHERE tenant_id = %s AND state = ANY(%s::text[])"
        " AND (%s::text IS NULL OR kind = %s::text) AND (%s::bigint IS NULL OR warehouse_id = %s::bigint)"
        " AND (%s::bigint[] IS NULL OR sku_id = ANY(%s::bigint[])) AND (%s::bigint IS NULL OR id < %s::bigint)"
        " ORDER BY id DESC LIMIT %s",
        (
            current_tenant_id(), [one.value for one in states], kind and kind.value, kind and kind.value, warehouse_id,
            warehouse_id, *([list(set(sku_ids))] * 2 if sku_ids is not None else [None, None]), before_id, before_id, limit,
        ),
    )  # fmt: skip
    return [StockAlert(row[0], row[1], row[2], AlertKind(row[3]), AlertState(row[4]), *row[5:]) for row in rows]


def count_open_alerts() -> int:
    """Alerts that nobody has seen yet, counted to 1,000 and no further."""
    rows = sql.fetch(
        "SELECT count(*) FROM (SELECT 1 FROM inventory_stock_alerts WHERE tenant_id = %s AND state = 'open' LIMIT %s) open",
        (current_tenant_id(), COUNTED),
    )
    return int(rows[0][0])
