"""Safety stock and its alerts. Nothing of this is looked at when orders come in: a job compares in bulk. All functions run inside
``tenancy.enter``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from banyan.goods.inventory.commands.moving import lock_places
from banyan.goods.inventory.commands.stocking import QUANTITY_MAX, check_places
from banyan.goods.inventory.events import StockCameBack, StockRanLow, StockRanOut
from banyan.goods.inventory.models import FREE, SafetyStockRow, StockAlertRow
from banyan.goods.inventory.types import SafetyStock, StockAlertId
from banyan.kernel import events, ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import Invalid, NotFound


class UnknownAlert(NotFound):
    """No such alert in this shop."""

    code = "unknown_alert"
    advice = "List the stock alerts and use one of their ids."


def set_safety_stock(stocks: Sequence[SafetyStock]) -> int:
    """Say how many pieces each warehouse should have for sale; 0: tell only when nothing is left. Returns how many changed.

    Raises Invalid, UnknownWarehouse, UnknownSku; then nothing is set.
    """
    if any(not 0 <= one.quantity <= QUANTITY_MAX for one in stocks):
        raise Invalid("A safety stock must lie within 0 and 1,000,000,000.", field="quantity")
    if len({(one.warehouse_id, one.sku_id) for one in stocks}) != len(stocks):
        raise Invalid("A SKU is named twice for one warehouse.", field="stocks")
    if not stocks:
        return 0
    check_places([(one.warehouse_id, one.sku_id) for one in stocks])
    lock_places((one.sku_id, one.warehouse_id) for one in stocks)  # so that each has its row in the stock, were it empty
    rows = sql.insert(
        SafetyStockRow,
        ("id", "sku_id", "warehouse_id", "quantity"),
        [(i, one.sku_id, one.warehouse_id, one.quantity) for i, one in zip(ids.next_ids(len(stocks)), stocks, strict=True)],
        on_conflict="ON CONFLICT (tenant_id, sku_id, warehouse_id) DO UPDATE SET quantity = EXCLUDED.quantity"
        " WHERE inventory_safety_stocks.quantity <> EXCLUDED.quantity",
        returning="id",
    )
    return len(rows)


def clear_safety_stock(places: Sequence[tuple[int, int]]) -> int:
    """Watch these (warehouse, SKU) no longer; returns how many were watched. Standing alerts are resolved by the job."""
    return sql.execute(
        "DELETE FROM inventory_safety_stocks s USING unnest(%s::bigint[], %s::bigint[]) AS u(warehouse_id, sku_id)"
        " WHERE s.tenant_id = %s AND s.warehouse_id = u.warehouse_id AND s.sku_id = u.sku_id",
        ([place[0] for place in places], [place[1] for place in places], current_tenant_id()),
    )


# What each watched place has for sale and what its standing alert says; only where the two differ.
_DIFFERING = f"""
SELECT sku_id, warehouse_id, f.safety, f.free, f.due, a.id, a.kind
FROM (
  SELECT w.sku_id, w.warehouse_id, w.quantity AS safety, coalesce({FREE}, 0) AS free,
         CASE WHEN coalesce({FREE}, 0) <= 0 THEN 'out_of_stock' WHEN {FREE} < w.quantity THEN 'low_stock' END AS due
  FROM inventory_safety_stocks w
  LEFT JOIN inventory_stock_levels s ON s.tenant_id = w.tenant_id AND s.sku_id = w.sku_id AND s.warehouse_id = w.warehouse_id
  WHERE w.tenant_id = %s
) f FULL JOIN (
  SELECT id, sku_id, warehouse_id, kind FROM inventory_stock_alerts WHERE tenant_id = %s AND state <> 'resolved'
) a USING (sku_id, warehouse_id)
WHERE f.due IS DISTINCT FROM a.kind ORDER BY a.id NULLS LAST, sku_id, warehouse_id LIMIT %s
"""


def raise_alerts(at: datetime, limit: int = 1_000) -> int:
    """Raise and resolve alerts as the stock is now, at most ``limit`` places; returns how many changed. Idempotent.

    An alert is resolved when its place has enough again, is watched no longer, or turns from low to out or back; then the new
    one stands instead. Records StockRanLow, StockRanOut, StockCameBack.
    """
    tenant_id = current_tenant_id()
    # One at a time: two at once would both raise.
    if not sql.fetch("SELECT pg_try_advisory_xact_lock(hashtextextended('inventory.alerts', %s))", (tenant_id,))[0][0]:
        return 0
    rows = sql.fetch(_DIFFERING, (tenant_id, tenant_id, limit))
    stale = [row[5] for row in rows if row[5] is not None]
    if stale:
        sql.execute(
            "UPDATE inventory_stock_alerts SET state = 'resolved', resolved_at = %s"
            " WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
            (at, tenant_id, stale),
        )
    due = [row for row in rows if row[4] is not None]
    sql.insert(
        StockAlertRow,
        ("id", "sku_id", "warehouse_id", "kind", "state", "available", "safety", "raised_at"),
        [
            (identity, sku_id, warehouse_id, kind, "open", free, safety, at)
            for identity, (sku_id, warehouse_id, safety, free, kind, _, _) in zip(ids.next_ids(len(due)), due, strict=True)
        ],
    )
    events.record([_event(row, at) for row in rows])
    return len(rows)


def _event(row: tuple[object, ...], at: datetime) -> StockRanLow | StockRanOut | StockCameBack:
    sku_id, warehouse_id, _, free, kind = row[:5]
    told = {"sku_id": sku_id, "warehouse_id": warehouse_id, "available": free or 0, "occurred_at": at}
    if kind is None:
        return StockCameBack(**told)  # type: ignore[arg-type]
    return StockRanOut(**told) if kind == "out_of_stock" else StockRanLow(**told)  # type: ignore[arg-type]


def see_alerts(alert_ids: Sequence[StockAlertId], seen_by: int, at: datetime) -> int:
    """Somebody has seen these alerts; returns how many were open. Resolved ones stay so. Raises UnknownAlert."""
    tenant_id = current_tenant_id()
    wanted = list(set(alert_ids))
    known = sql.fetch(
        "SELECT count(*) FROM inventory_stock_alerts WHERE tenant_id = %s AND id = ANY(%s::bigint[])", (tenant_id, wanted)
    )
    if known[0][0] != len(wanted):
        raise UnknownAlert("No such alert.")
    return sql.execute(
        "UPDATE inventory_stock_alerts SET state = 'seen', seen_by = %s, seen_at = %s"
        " WHERE tenant_id = %s AND id = ANY(%s::bigint[]) AND state = 'open'",
        (seen_by, at, tenant_id, wanted),
    )
