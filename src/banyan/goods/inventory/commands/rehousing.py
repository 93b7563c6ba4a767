"""What is held for an order moves to another warehouse: the buyer fetches it at a store. Runs inside ``tenancy.enter``."""

from __future__ import annotations

from banyan.goods.inventory.commands.holding import StockMoved
from banyan.goods.inventory.commands.moving import lock_places
from banyan.goods.inventory.models import FREE
from banyan.goods.inventory.types import WarehouseId
from banyan.kernel import sql
from banyan.kernel.tenancy import current_tenant_id

_HELD = """
SELECT id, sku_id, warehouse_id, quantity, state, channel_stock_id FROM inventory_reservations
WHERE tenant_id = %s AND order_id = %s AND state IN ('reserved', 'allocated') ORDER BY id FOR UPDATE
"""
_FREE = (
    f"SELECT s.sku_id, {FREE} FROM inventory_stock_levels s WHERE s.tenant_id = %s AND s.warehouse_id = %s AND sku_id = ANY(%s)"
)
_CHANGE = """
UPDATE inventory_stock_levels s SET reserved = s.reserved + u.reserved, allocated = s.allocated + u.allocated
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]) AS u(sku_id, warehouse_id, reserved, allocated)
WHERE s.tenant_id = %s AND s.sku_id = u.sku_id AND s.warehouse_id = u.warehouse_id
"""


def move_holds(order_id: int, warehouse_id: WarehouseId) -> bool:
    """Hold there what is held for this order elsewhere: all of it, or nothing and False when the warehouse has too little or a
    piece comes out of a channel's share. Idempotent. The caller holds the order's lock.

    The pieces were never on their way: nothing moves on hand, only what is promised where. The levels' CHECK is the last guard.
    """
    tenant_id = current_tenant_id()
    held = sql.fetch(_HELD, (tenant_id, order_id))
    away = [row for row in held if row[2] != warehouse_id]
    if not away:
        return bool(held)
    if any(row[5] is not None for row in away):
        return False
    changes: dict[tuple[int, int], list[int]] = {}
    for _, sku_id, place, quantity, state, _ in away:
        position = 0 if state == "reserved" else 1
        changes.setdefault((sku_id, place), [0, 0])[position] -= quantity
        changes.setdefault((sku_id, warehouse_id), [0, 0])[position] += quantity
    lock_places(changes)
    free = dict(sql.fetch(_FREE, (tenant_id, warehouse_id, sorted({row[1] for row in away}))))
    if any(sum(change) > free.get(sku_id, 0) for (sku_id, place), change in changes.items() if place == warehouse_id):
        return False
    rows = [(sku_id, place, *change) for (sku_id, place), change in sorted(changes.items())]
    if sql.execute(_CHANGE, (*(list(column) for column in zip(*rows, strict=True)), tenant_id)) != len(rows):
        raise StockMoved("A level vanished while pieces were being moved.")
    sql.execute(
        "UPDATE inventory_reservations SET warehouse_id = %s WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (warehouse_id, tenant_id, [row[0] for row in away]),
    )
    return True
