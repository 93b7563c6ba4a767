"""Part of an order leaves: some lines or some pieces now, the rest later. Runs inside ``tenancy.enter``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from banyan.goods.inventory.commands.holding import _TURN
from banyan.goods.inventory.commands.moving import write_movements
from banyan.goods.inventory.types import LeavingPieces, MovementKind
from banyan.kernel import ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import Invalid

_LOCK = """
SELECT id, order_id, line_id, warehouse_id, quantity FROM inventory_reservations
WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) AND state = 'allocated' ORDER BY id FOR UPDATE
"""
# What stays becomes a reservation of its own, in the same place and state; what leaves keeps the old row.
_SPLIT = """
WITH d AS (SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::int[]) AS d(id, new_id, taken)), stays AS (
  INSERT INTO inventory_reservations
    (tenant_id, id, order_id, line_id, warehouse_id, sku_id, quantity, state, expires_at, changed_at, channel_stock_id)
  SELECT r.tenant_id, d.new_id, r.order_id, r.line_id, r.warehouse_id, r.sku_id, r.quantity - d.taken, r.state, r.expires_at,
         r.changed_at, r.channel_stock_id
  FROM inventory_reservations r JOIN d ON d.id = r.id WHERE r.tenant_id = %s
)
UPDATE inventory_reservations r SET quantity = d.taken FROM d WHERE r.id = d.id AND r.tenant_id = %s
"""
_SHIP_PICKED = _TURN.format(
    moved="""
  UPDATE inventory_reservations SET state = %s, changed_at = %s
  WHERE tenant_id = %s AND id = ANY(%s::bigint[]) AND state = 'allocated'
  RETURNING id, order_id, line_id, sku_id, warehouse_id, quantity, channel_stock_id, 'allocated' AS state
""",
    allocated=", allocated = s.allocated - l.from_allocated",
    on_hand=", on_hand = s.on_hand - l.from_allocated",
)


def ship_lines(pieces: Sequence[LeavingPieces], at: datetime) -> set[int]:
    """Send some of what is allocated to orders: those pieces leave their warehouse, a movement is written.

    Returns the orders that were refused because fewer pieces are allocated in that warehouse than are to leave: nothing of
    them is sent. The caller holds the orders' locks, and guards its own repetition: what is sent twice leaves twice.
    """
    wanted: dict[tuple[int, int, int], int] = {}
    for piece in pieces:
        if piece.quantity <= 0:
            raise Invalid("A quantity must be positive.", field="quantity")
        place = (piece.order_id, piece.line_id, piece.warehouse_id)
        wanted[place] = wanted.get(place, 0) + piece.quantity
    if not wanted:
        return set()
    tenant_id = current_tenant_id()
    picked: dict[int, list[tuple[int, int, int]]] = {}
    for reservation_id, order_id, line_id, warehouse_id, quantity in sql.fetch(
        _LOCK, (tenant_id, sorted({order_id for order_id, _, _ in wanted}))
    ):
        taken = min(quantity, wanted.get((order_id, line_id, warehouse_id), 0))
        if taken:
            wanted[order_id, line_id, warehouse_id] -= taken
            picked.setdefault(order_id, []).append((reservation_id, taken, quantity - taken))
    refused = {order_id for (order_id, _, _), missing in wanted.items() if missing}
    leaving = [row for order_id, rows in picked.items() if order_id not in refused for row in rows]
    _ship([row[0] for row in leaving], [(row[0], row[1]) for row in leaving if row[2]], at)
    return refused


def _ship(reservation_ids: Sequence[int], parted: Sequence[tuple[int, int]], at: datetime) -> None:
    if not reservation_ids:
        return
    tenant_id = current_tenant_id()
    if parted:
        columns = ([row[0] for row in parted], list(ids.next_ids(len(parted))), [row[1] for row in parted])
        sql.execute(_SPLIT, (*columns, tenant_id, tenant_id))
    rows = sql.fetch(_SHIP_PICKED, ("shipped", at, tenant_id, sorted(reservation_ids), tenant_id))
    write_movements([(row[4], row[3], MovementKind.SHIPMENT, -row[5], row[1], "", None) for row in rows], at)
