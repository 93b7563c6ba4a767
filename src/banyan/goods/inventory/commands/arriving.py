"""Goods that come in, and who has waited for them longest. Runs inside ``tenancy.enter``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from banyan.goods.inventory.commands import stocking
from banyan.goods.inventory.commands.holding import lock_holds
from banyan.goods.inventory.commands.moving import Place
from banyan.goods.inventory.commands.withholding import serve_lost
from banyan.goods.inventory.events import PromiseMended
from banyan.goods.inventory.models import FREE
from banyan.goods.inventory.types import Receipt
from banyan.kernel import clock, events, sql
from banyan.kernel.tenancy import current_tenant_id

WAITING_MAX = 500
"""Orders that are served with one arrival; the others follow by themselves (``mend_due``)."""
# Those that what is free, and what is coming, serves whole: an order that waits for more than there is stands in nobody's way.
_SERVABLE = """
WITH waiting AS (
  SELECT order_id, sku_id, sum(quantity) AS pieces, min(id) AS first_id FROM inventory_reservations
  WHERE tenant_id = %s AND state = 'lost' AND lost_at IS NOT NULL {among} GROUP BY order_id, sku_id
), coming AS (
  SELECT sku_id, sum(pieces) AS pieces FROM unnest(%s::bigint[], %s::bigint[]) AS c(sku_id, pieces) GROUP BY sku_id
), free AS (
  SELECT s.sku_id, sum({free}) AS pieces FROM inventory_stock_levels s JOIN inventory_warehouses w ON w.id = s.warehouse_id
  WHERE s.tenant_id = %s AND w.is_active AND s.sku_id IN (SELECT sku_id FROM waiting) GROUP BY s.sku_id
)
SELECT order_id FROM waiting LEFT JOIN free USING (sku_id) LEFT JOIN coming USING (sku_id) GROUP BY order_id
HAVING bool_and(waiting.pieces <= coalesce(free.pieces, 0) + coalesce(coming.pieces, 0)) ORDER BY min(first_id) LIMIT %s
"""
_AMONG = """AND order_id IN (
    SELECT order_id FROM inventory_reservations WHERE tenant_id = %s AND sku_id = ANY(%s::bigint[]) AND state = 'lost'
    AND lost_at IS NOT NULL)"""
_LOST_PLACES = """
SELECT sku_id, warehouse_id FROM inventory_stock_levels WHERE tenant_id = %s AND sku_id IN (
  SELECT sku_id FROM inventory_reservations WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) AND state = 'lost')
"""


def receive_stock(receipts: Sequence[Receipt]) -> int:
    """Goods came in: on_hand rises, a movement is written. Returns how many receipts were new; a known key is skipped.

    Paid orders that lost pieces of these SKUs and can now be served whole are served first, the oldest first, before anybody
    else can order them. A lot that is named for the first time begins here. Raises Invalid, UnknownWarehouse, UnknownSku, and for
    lot-tracked SKUs LotMissing, UnknownLot, LotDiffers; then nothing is received.
    """
    coming = [receipt for receipt in receipts if not receipt.quarantined]
    waiting = _servable(coming, WAITING_MAX) if coming else []
    # Reservations are locked before levels, and all levels that will be touched at once, in their order.
    if waiting:
        lock_holds(waiting)
    count = stocking.receive_stock(receipts, _lost_places(waiting))
    _mend(waiting, clock.now())
    return count


def mend_due(at: datetime, limit: int = WAITING_MAX) -> int:
    """Serve paid orders that lost pieces from what came back in other ways: transfers, returns, released lots. Returns how
    many."""
    return _mend(_servable([], limit), at)


def _servable(coming: Sequence[Receipt], limit: int) -> list[int]:
    """The orders that lost pieces and can be served whole, the oldest first; where something is coming, those that want it."""
    tenant_id = current_tenant_id()
    skus = [int(receipt.sku_id) for receipt in coming]
    statement = _SERVABLE.format(among=_AMONG if coming else "", free=FREE)
    among = (tenant_id, skus) if coming else ()
    rows = sql.fetch(statement, (tenant_id, *among, skus, [receipt.quantity for receipt in coming], tenant_id, limit))
    return [row[0] for row in rows]


def _lost_places(order_ids: Sequence[int]) -> list[Place]:
    tenant_id = current_tenant_id()
    rows = sql.fetch(_LOST_PLACES, (tenant_id, tenant_id, list(order_ids))) if order_ids else []
    return [(row[0], row[1]) for row in rows]


def _mend(order_ids: Sequence[int], at: datetime) -> int:
    if not order_ids:
        return 0
    lost = serve_lost(order_ids, at)
    mended = [order_id for order_id in order_ids if order_id not in lost]
    events.record([PromiseMended(order_id=order_id, occurred_at=at) for order_id in mended])
    return len(mended)
