"""What houses above move: transfers and counted differences. Runs inside ``tenancy.enter``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from banyan.goods.inventory.commands.moving import Change, LotMissing, known_keys, lock_places, tracked
from banyan.goods.inventory.commands.stocking import StockPromised, check_places, write_changes
from banyan.goods.inventory.models import FREE
from banyan.goods.inventory.queries import UnknownLot
from banyan.goods.inventory.types import StockMove
from banyan.kernel import ids, sql
from banyan.kernel.tenancy import current_tenant_id

_SHORT = f"""
SELECT s.sku_id, {FREE}, u.leaving FROM inventory_stock_levels s
JOIN unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS u(sku_id, warehouse_id, leaving) USING (sku_id, warehouse_id)
WHERE s.tenant_id = %s AND {FREE} < u.leaving ORDER BY s.sku_id LIMIT 1
"""


def move_stock(
    moves: Sequence[StockMove], at: datetime, expecting: Sequence[tuple[int, int]] = ()
) -> list[tuple[int, int | None, int]]:
    """Change what is on hand, all or none; returns what was written as (position in ``moves``, lot, change), a row per lot.

    ``expecting`` names further (warehouse, SKU) that goods are on the way to: they get their row in the stock, with nothing yet.
    A known key is skipped. Only free pieces leave: raises StockPromised, with the SKU and what is free, when fewer are free
    than leave a place on balance; LotShort, LotMissing, UnknownLot for lot-tracked SKUs; UnknownWarehouse, UnknownSku.
    """
    if not moves:
        return []
    check_places([(move.warehouse_id, move.sku_id) for move in moves])
    lock_places([*((m.sku_id, m.warehouse_id) for m in moves), *((sku_id, place) for place, sku_id in expecting)])
    tenant_id = current_tenant_id()
    known = known_keys([move.key for move in moves])
    leaving: dict[tuple[int, int], int] = {}
    for move in moves:
        if move.key not in known:
            place = (move.sku_id, move.warehouse_id)
            leaving[place] = leaving.get(place, 0) - move.quantity_change
    places = sorted(place for place, pieces in leaving.items() if pieces > 0)
    columns = ([p[0] for p in places], [p[1] for p in places], [leaving[p] for p in places])
    for sku_id, free, wanted in sql.fetch(_SHORT, (*columns, tenant_id)) if places else ():
        raise StockPromised(
            "Fewer pieces are free than are to leave.", sku_id=ids.public("sku", sku_id), requested=wanted, available=free
        )
    changes = [
        Change(m.warehouse_id, m.sku_id, m.kind, m.quantity_change, None, m.reference[:200], m.key, m.lot_id) for m in moves
    ]
    return [(asked, change.lot_id, change.quantity_change) for asked, change in write_changes(changes, at)]


def lock_books(warehouse_id: int, things: Sequence[tuple[int, int | None]]) -> dict[tuple[int, int | None], int]:
    """Pieces on hand now of each (SKU, lot or None) in a warehouse; nobody can change them before the transaction ends.

    Raises LotMissing where a lot-tracked SKU comes without its lot, UnknownLot where the lot is not of that SKU.
    """
    with_lots = tracked(sku_id for sku_id, _ in things)
    for sku_id, lot_id in things:
        if (lot_id is None) == (sku_id in with_lots):
            raise LotMissing(
                "Pieces of a lot-tracked SKU need their lot, others have none.", field="lot_id", sku_id=ids.public("sku", sku_id)
            )
    lock_places((sku_id, warehouse_id) for sku_id, _ in things)
    tenant_id = current_tenant_id()
    books: dict[tuple[int, int | None], int] = dict.fromkeys(things, 0)
    for sku_id, on_hand in sql.fetch(
        "SELECT sku_id, on_hand FROM inventory_stock_levels WHERE tenant_id = %s AND warehouse_id = %s"
        " AND sku_id = ANY(%s::bigint[])",
        (tenant_id, warehouse_id, [sku_id for sku_id, lot_id in things if lot_id is None]),
    ):
        books[sku_id, None] = on_hand
    lots = {lot_id: sku_id for sku_id, lot_id in things if lot_id is not None}
    if not lots:
        return books
    rows = sql.fetch(
        "SELECT l.id, l.sku_id, coalesce(k.on_hand, 0) FROM inventory_lots l LEFT JOIN inventory_lot_stock k"
        " ON k.tenant_id = l.tenant_id AND k.lot_id = l.id AND k.warehouse_id = %s"
        " WHERE l.tenant_id = %s AND l.id = ANY(%s::bigint[])",
        (warehouse_id, tenant_id, list(lots)),
    )
    books |= {(sku_id, lot_id): on_hand for lot_id, sku_id, on_hand in rows if lots[lot_id] == sku_id}
    if len(rows) != len(lots) or any(lots[lot_id] != sku_id for lot_id, sku_id, _ in rows):
        raise UnknownLot("No such lot of this SKU.")
    return books
