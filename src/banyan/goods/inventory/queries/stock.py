"""Reads of inventory. All run inside ``tenancy.enter``."""

from __future__ import annotations

from collections.abc import Iterable

from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory.models import FREE
from banyan.goods.inventory.types import (
    Movement,
    MovementKind,
    Reservation,
    ReservationState,
    StockLevel,
    Warehouse,
    WarehouseId,
    WarehouseKind,
)
from banyan.kernel import sql
from banyan.kernel.tenancy import current_tenant_id

_AVAILABLE = f"""
WITH parts AS MATERIALIZED (
  SELECT bundle_id, part_id, quantity FROM catalog_sku_parts WHERE tenant_id = %s AND bundle_id = ANY(%s::bigint[])
), free AS (
  SELECT s.sku_id, sum({FREE})::bigint AS pieces FROM inventory_stock_levels s
  JOIN inventory_warehouses w ON w.id = s.warehouse_id AND w.is_active
  WHERE s.tenant_id = %s AND s.sku_id = ANY(%s::bigint[] || ARRAY(SELECT part_id FROM parts)) GROUP BY s.sku_id
)
SELECT sku_id, pieces FROM free WHERE NOT EXISTS (SELECT 1 FROM parts WHERE bundle_id = sku_id)
UNION ALL
SELECT p.bundle_id, min(greatest(coalesce(f.pieces, 0), 0) / p.quantity)::bigint
FROM parts p LEFT JOIN free f ON f.sku_id = p.part_id GROUP BY p.bundle_id
"""


def available(sku_ids: Iterable[SkuId]) -> dict[SkuId, int]:
    """Pieces that can still be promised over all active warehouses; 0 for SKUs without stock. A bundle has no stock: there are
    as many as its scarcest part allows."""
    wanted = list(set(sku_ids))
    tenant_id = current_tenant_id()
    rows = sql.fetch(_AVAILABLE, (tenant_id, wanted, tenant_id, wanted))
    found = dict.fromkeys(wanted, 0)
    found.update((sku_id, pieces) for sku_id, pieces in rows if sku_id in found)  # not the parts that were not asked for
    return found


def stock_levels(
    sku_ids: Iterable[SkuId] | None = None,
    warehouse_id: WarehouseId | None = None,
    before_id: int | None = None,
    limit: int = 200,
) -> list[StockLevel]:
    """Levels, newest first, at most ``limit``; restricted to SKUs, a warehouse, and level_id < ``before_id``."""
    rows = sql.fetch(
        "SELECT warehouse_id, sku_id, on_hand, reserved, allocated, id, quarantined, held, set_aside FROM inventory_stock_levels"
        " WHERE tenant_id = %s"
        " AND (%s::bigint[] IS NULL OR sku_id = ANY(%s::bigint[])) AND (%s::bigint IS NULL OR warehouse_id = %s::bigint)"
        " AND id < %s ORDER BY id DESC LIMIT %s",
        (
            current_tenant_id(),
            *([list(set(sku_ids))] * 2 if sku_ids is not None else [None, None]),
            warehouse_id, warehouse_id, before_id if before_id is not None else 2**63 - 1, limit,
        ),
    )  # fmt: skip
    return [StockLevel(*row) for row in rows]


def list_reservations(order_ids: Iterable[int]) -> dict[int, tuple[Reservation, ...]]:
    """All reservations of these orders, also the ended ones; orders without any are left out."""
    rows = sql.fetch(
        "SELECT id, order_id, line_id, warehouse_id, sku_id, quantity, state, expires_at FROM inventory_reservations"
        " WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) ORDER BY id",
        (current_tenant_id(), list(set(order_ids))),
    )
    found: dict[int, list[Reservation]] = {}
    for row in rows:
        state = ReservationState(row[6])
        found.setdefault(row[1], []).append(Reservation(row[0], row[1], row[2], row[3], row[4], row[5], state, row[7]))
    return {order_id: tuple(reservations) for order_id, reservations in found.items()}


def held_quantities(order_ids: Iterable[int]) -> dict[int, dict[str, int]]:
    """Pieces per order and reservation state, for checks; orders without reservations are left out."""
    rows = sql.fetch(
        "SELECT order_id, state, sum(quantity)::bigint FROM inventory_reservations WHERE tenant_id = %s AND order_id ="
        " ANY(%s::bigint[])"
        " GROUP BY order_id, state",
        (current_tenant_id(), list(order_ids)),
    )
    held: dict[int, dict[str, int]] = {}
    for order_id, state, quantity in rows:
        held.setdefault(order_id, {})[state] = quantity
    return held


def list_movements(
    sku_id: SkuId | None = None, warehouse_id: WarehouseId | None = None, before_id: int | None = None, limit: int = 50
) -> list[Movement]:
    """Changes of the pieces on hand, newest first."""
    rows = sql.fetch(
        "SELECT id, warehouse_id, sku_id, kind, quantity_change, order_id, reference, occurred_at, lot_id, quarantined"
        " FROM inventory_movements"
        " WHERE tenant_id = %s AND (%s::bigint IS NULL OR sku_id = %s::bigint) AND (%s::bigint IS NULL OR warehouse_id"
        " = %s::bigint)"
        " AND (%s::bigint IS NULL OR id < %s::bigint) ORDER BY id DESC LIMIT %s",
        (current_tenant_id(), sku_id, sku_id, warehouse_id, warehouse_id, before_id, before_id, limit),
    )
    return [Movement(row[0], row[1], row[2], MovementKind(row[3]), *row[4:]) for row in rows]


def list_warehouses() -> list[Warehouse]:
    """All warehouses, first choice first."""
    rows = sql.fetch(
        "SELECT id, code, name, priority, is_active, kind, region_code, address FROM inventory_warehouses WHERE tenant_id = %s"
        " ORDER BY priority, id",
        (current_tenant_id(),),
    )
    return [Warehouse(row[0], row[1], row[2], row[3], row[4], WarehouseKind(row[5]), *row[6:]) for row in rows]


def orders_held_at(warehouse_id: WarehouseId, after_order_id: int = 0, limit: int = 500) -> list[int]:
    """Orders that hold something in this warehouse, unpaid or paid, by id above ``after_order_id``. Reads many rows: a rare
    question."""
    rows = sql.fetch(
        "SELECT DISTINCT order_id FROM inventory_reservations WHERE tenant_id = %s AND warehouse_id = %s"
        " AND state IN ('reserved', 'allocated') AND order_id > %s ORDER BY order_id LIMIT %s",
        (current_tenant_id(), warehouse_id, after_order_id, limit),
    )
    return [row[0] for row in rows]
