"""Reads of lots: what there is, what expires, where a lot came from and where every piece of it is now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory.models import NEARING
from banyan.goods.inventory.types import (
    ExpiringLot,
    Lot,
    LotDecision,
    LotId,
    LotOrder,
    LotRule,
    LotState,
    LotStock,
    LotTrace,
    LotTurn,
    Movement,
    MovementKind,
    WarehouseId,
)
from banyan.kernel import clock, sql
from banyan.kernel.tenancy import current_tenant_id, get_tenant
from banyan.kernel.values.errors import NotFound


class UnknownLot(NotFound):
    """No such lot of this SKU in this shop."""

    code = "unknown_lot"
    advice = "List the lots of the SKU and use one of their ids."


_LOT = """
SELECT l.id, l.sku_id, l.number, l.produced_on, l.expires_on, l.supplier_note, l.state, coalesce(k.pieces, 0),
       coalesce(k.quarantined, 0), s.code
FROM inventory_lots l JOIN catalog_skus s ON s.id = l.sku_id
LEFT JOIN LATERAL (
  SELECT sum(on_hand)::bigint AS pieces, sum(quarantined)::bigint AS quarantined FROM inventory_lot_stock k
  WHERE k.tenant_id = l.tenant_id AND k.lot_id = l.id
) k ON true
WHERE l.tenant_id = %s
"""


def _lots(rows: Iterable[Sequence[Any]]) -> list[Lot]:
    return [Lot(row[0], row[1], row[2], row[3], row[4], row[5], LotState(row[6]), row[7], row[8], row[9]) for row in rows]


def list_lots(
    sku_id: SkuId | None = None,
    state: LotState | None = None,
    number: str = "",
    before_id: int | None = None,
    limit: int = 200,
    sku_ids: Iterable[SkuId] | None = None,
) -> list[Lot]:
    """Lots, newest first, at most ``limit``; of a SKU (or several), in a state, whose number begins with ``number``."""
    own = list(set(sku_ids)) if sku_ids is not None else None
    rows = sql.fetch(
        _LOT + " AND (%s::bigint IS NULL OR l.sku_id = %s::bigint) AND (%s::text IS NULL OR l.state = %s::text)"
        " AND (%s::bigint[] IS NULL OR l.sku_id = ANY(%s::bigint[])) AND starts_with(l.number, %s::text) AND l.id < %s"
        " ORDER BY l.id DESC LIMIT %s",
        (
            current_tenant_id(), sku_id, sku_id, state and state.value, state and state.value, own, own, number,
            before_id if before_id is not None else 2**63 - 1, limit,
        ),
    )  # fmt: skip
    return _lots(rows)


def get_lot(lot_id: LotId) -> Lot:
    """One lot. Raises UnknownLot."""
    rows = sql.fetch(_LOT + " AND l.id = %s", (current_tenant_id(), lot_id))
    if not rows:
        raise UnknownLot("No such lot.")
    return _lots(rows)[0]


def lot_stock(sku_ids: Iterable[SkuId] | None = None, lot_ids: Iterable[LotId] | None = None) -> list[LotStock]:
    """Where pieces of these SKUs' lots, or of these lots, lie now; in the order of SKU, warehouse, expiry."""
    skus = list(set(sku_ids)) if sku_ids is not None else None
    lots = list(set(lot_ids)) if lot_ids is not None else None
    rows = sql.fetch(
        "SELECT k.lot_id, k.warehouse_id, k.sku_id, k.on_hand, k.quarantined FROM inventory_lot_stock k"
        " JOIN inventory_lots l ON l.id = k.lot_id WHERE k.tenant_id = %s AND k.on_hand > 0"
        " AND (%s::bigint[] IS NULL OR k.sku_id = ANY(%s::bigint[])) AND (%s::bigint[] IS NULL OR k.lot_id = ANY(%s::bigint[]))"
        " ORDER BY k.sku_id, k.warehouse_id, l.expires_on NULLS LAST, l.id",
        (current_tenant_id(), skus, skus, lots, lots),
    )
    return [LotStock(*row) for row in rows]


def lot_decisions(lot_id: LotId) -> list[LotDecision]:
    """What was decided about a lot, newest first."""
    rows = sql.fetch(
        "SELECT turn, reason, decided_by, decided_at FROM inventory_lot_decisions WHERE tenant_id = %s AND lot_id = %s"
        " ORDER BY decided_at DESC, id DESC",
        (current_tenant_id(), lot_id),
    )
    return [LotDecision(LotTurn(row[0]), *row[1:]) for row in rows]


def lot_orders(lot_id: LotId, before_order_id: int | None = None, limit: int | None = None) -> list[LotOrder]:
    """The orders that pieces of a lot left for, with what came back; the order with the highest id first."""
    rows = sql.fetch(
        "SELECT order_id, coalesce(-sum(quantity_change) FILTER (WHERE kind = 'shipment'), 0)::bigint,"
        " coalesce(sum(quantity_change) FILTER (WHERE kind = 'restock'), 0)::bigint,"
        " array_agg(DISTINCT warehouse_id) FILTER (WHERE kind = 'shipment'), min(occurred_at)"
        " FROM inventory_movements WHERE tenant_id = %s AND lot_id = %s AND order_id < %s AND kind IN ('shipment', 'restock')"
        " GROUP BY order_id ORDER BY order_id DESC LIMIT %s",
        (current_tenant_id(), lot_id, before_order_id if before_order_id is not None else 2**63 - 1, limit),
    )
    return [LotOrder(row[0], row[1], row[2], tuple(row[3] or ()), row[4]) for row in rows]


def lot_movements(lot_id: LotId, before_id: int | None = None, limit: int = 50) -> list[Movement]:
    """Every change of a lot's pieces, newest first."""
    rows = sql.fetch(
        "SELECT id, warehouse_id, sku_id, kind, quantity_change, order_id, reference, occurred_at, lot_id, quarantined"
        " FROM inventory_movements WHERE tenant_id = %s AND lot_id = %s AND id < %s ORDER BY id DESC LIMIT %s",
        (current_tenant_id(), lot_id, before_id if before_id is not None else 2**63 - 1, limit),
    )
    return [Movement(row[0], row[1], row[2], MovementKind(row[3]), *row[4:]) for row in rows]


def trace_lot(lot_id: LotId) -> LotTrace:
    """Where the pieces of a lot came from and where they are now, from its movements alone."""
    rows = sql.fetch(
        "SELECT kind, sum(quantity_change)::bigint, coalesce(sum(quantity_change) FILTER (WHERE quarantined), 0)::bigint,"
        " min(occurred_at) FROM inventory_movements WHERE tenant_id = %s AND lot_id = %s GROUP BY kind",
        (current_tenant_id(), lot_id),
    )
    moved = {MovementKind(kind): pieces for kind, pieces, _, _ in rows}

    def of(*kinds: MovementKind) -> int:
        return sum(moved.get(kind, 0) for kind in kinds)

    return LotTrace(
        lot_id=lot_id,
        came_in=of(MovementKind.RECEIPT, MovementKind.TRACKING),
        counted=of(MovementKind.ADJUSTMENT, MovementKind.STOCK_TAKE),
        with_buyers=-of(MovementKind.SHIPMENT, MovementKind.RESTOCK),
        scrapped=-of(MovementKind.SCRAP),
        in_transit=-of(MovementKind.TRANSFER_OUT, MovementKind.TRANSFER_IN),
        lost_on_the_way=-of(MovementKind.TRANSFER_LOSS),
        on_hand=sum(moved.values()),
        quarantined=sum(row[2] for row in rows),
        first_seen_at=min((row[3] for row in rows), default=None),
    )


def expiring_lots(limit: int = 200, sku_ids: Iterable[SkuId] | None = None) -> list[ExpiringLot]:
    """Lots for sale (of these SKUs) whose days of warning have begun, the first to expire first, at most ``limit``."""
    today = clock.now().astimezone(get_tenant(current_tenant_id()).zone).date()
    tenant_id = current_tenant_id()
    own = list(set(sku_ids)) if sku_ids is not None else None
    near = sql.fetch(
        f"{NEARING} AND (%s::bigint[] IS NULL OR l.sku_id = ANY(%s::bigint[])) ORDER BY l.expires_on, l.id LIMIT %s",
        (tenant_id, today, own, own, limit),
    )
    lots = {
        lot.lot_id: lot for lot in _lots(sql.fetch(_LOT + " AND l.id = ANY(%s::bigint[])", (tenant_id, [r[0] for r in near])))
    }
    return [ExpiringLot(lots[row[0]], (row[2] - today).days) for row in near]


def count_expiring_lots() -> int:
    """How many lots ``expiring_lots`` would list without its limit."""
    today = clock.now().astimezone(get_tenant(current_tenant_id()).zone).date()
    return int(sql.fetch(f"SELECT count(*) FROM ({NEARING}) n", (current_tenant_id(), today))[0][0])


def lot_rules() -> tuple[int | None, list[LotRule]]:
    """The shop's own days of warning, and every lot-tracked SKU with its own."""
    rows = sql.fetch(
        "SELECT sku_id, near_expiry_days FROM inventory_lot_rules WHERE tenant_id = %s ORDER BY sku_id NULLS FIRST",
        (current_tenant_id(),),
    )
    shop = [days for sku_id, days in rows if sku_id is None]
    return (shop[0] if shop else None), [LotRule(SkuId(sku_id), days) for sku_id, days in rows if sku_id is not None]


def shelf_of(
    warehouse_id: WarehouseId | None = None,
    before_id: int | None = None,
    limit: int = 200,
    sku_ids: Iterable[SkuId] | None = None,
) -> list[tuple[int, LotStock, Lot]]:
    """Stock by warehouse and lot, newest first, as (row id for paging, stock, lot)."""
    tenant_id = current_tenant_id()
    own = list(set(sku_ids)) if sku_ids is not None else None
    rows = sql.fetch(
        "SELECT k.id, k.lot_id, k.warehouse_id, k.sku_id, k.on_hand, k.quarantined FROM inventory_lot_stock k"
        " WHERE k.tenant_id = %s AND k.on_hand > 0 AND (%s::bigint IS NULL OR k.warehouse_id = %s::bigint) AND k.id < %s"
        " AND (%s::bigint[] IS NULL OR k.sku_id = ANY(%s::bigint[])) ORDER BY k.id DESC LIMIT %s",
        (tenant_id, warehouse_id, warehouse_id, before_id if before_id is not None else 2**63 - 1, own, own, limit),
    )
    lots = {
        lot.lot_id: lot for lot in _lots(sql.fetch(_LOT + " AND l.id = ANY(%s::bigint[])", (tenant_id, [r[1] for r in rows])))
    }
    return [(row[0], LotStock(*row[1:]), lots[row[1]]) for row in rows]


def first_expiry(sku_ids: Iterable[SkuId]) -> dict[tuple[SkuId, WarehouseId], date]:
    """When the first pieces for sale of these SKUs expire in each warehouse; without a date: left out."""
    rows = sql.fetch(
        "SELECT k.sku_id, k.warehouse_id, min(l.expires_on) FROM inventory_lot_stock k JOIN inventory_lots l ON l.id = k.lot_id"
        " WHERE k.tenant_id = %s AND k.sku_id = ANY(%s::bigint[]) AND k.on_hand > k.quarantined AND l.state = 'open'"
        " AND l.expires_on IS NOT NULL GROUP BY k.sku_id, k.warehouse_id",
        (current_tenant_id(), list(set(sku_ids))),
    )
    return {(row[0], row[1]): row[2] for row in rows}
