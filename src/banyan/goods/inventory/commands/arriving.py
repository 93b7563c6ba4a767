"""Goods that come in, and who has waited for them longest. Runs inside ``tenancy.enter``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from banyan.goods.inventory.commands import stocking
from banyan.goods.inventory.commands.withholding import serve_lost
from banyan.goods.inventory.events import PromiseMended
from banyan.goods.inventory.types import Receipt
from banyan.kernel import clock, events, sql
from banyan.kernel.tenancy import current_tenant_id

WAITING_MAX = 500
"""Orders that are served with one arrival; the others follow by themselves (``mend_due``)."""
_LOST = """
SELECT order_id FROM inventory_reservations
WHERE tenant_id = %s AND sku_id = ANY(%s::bigint[]) AND state = 'lost' AND lost_at IS NOT NULL
ORDER BY id LIMIT %s FOR UPDATE
"""
# Only where something is for sale again: an order whose pieces are still missing everywhere is not asked for again and again.
_MENDABLE = """
SELECT r.order_id FROM inventory_reservations r WHERE r.tenant_id = %s AND r.state = 'lost' AND r.lost_at IS NOT NULL AND EXISTS (
  SELECT 1 FROM inventory_stock_levels s JOIN inventory_warehouses w ON w.id = s.warehouse_id AND w.is_active
  WHERE s.tenant_id = r.tenant_id AND s.sku_id = r.sku_id
  AND s.on_hand - s.quarantined - s.held - s.reserved - s.allocated - s.set_aside > 0)
ORDER BY r.id LIMIT %s FOR UPDATE OF r
"""


def receive_stock(receipts: Sequence[Receipt]) -> int:
    """Goods came in: on_hand rises, a movement is written. Returns how many receipts were new; a known key is skipped.

    Paid orders that lost pieces of these SKUs are served first, the oldest first, before anybody else can order them. A lot that
    is named for the first time begins here. Raises Invalid, UnknownWarehouse, UnknownSku, and for lot-tracked SKUs LotMissing,
    UnknownLot, LotDiffers; then nothing is received.
    """
    skus = sorted({int(receipt.sku_id) for receipt in receipts})
    # Reservations are locked before levels, everywhere.
    waiting = sql.fetch(_LOST, (current_tenant_id(), skus, WAITING_MAX)) if skus else []
    count = stocking.receive_stock(receipts)
    _mend([row[0] for row in waiting], clock.now())
    return count


def mend_due(at: datetime, limit: int = WAITING_MAX) -> int:
    """Serve paid orders that lost pieces from what came back in other ways: transfers, returns, released lots. Returns how
    many."""
    return _mend([row[0] for row in sql.fetch(_MENDABLE, (current_tenant_id(), limit))], at)


def _mend(order_ids: Sequence[int], at: datetime) -> int:
    if not order_ids:
        return 0
    lost = serve_lost(order_ids, at)
    mended = [order_id for order_id in dict.fromkeys(order_ids) if order_id not in lost]
    events.record([PromiseMended(order_id=order_id, occurred_at=at) for order_id in mended])
    return len(mended)
