"""Goods that came back, and goods that lie apart: back for sale, into quarantine, out of it, or scrapped. Every piece moves with
its lot. All functions run inside ``tenancy.enter``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from banyan.goods.inventory.commands.moving import Change, LotMissing, known_keys, tracked
from banyan.goods.inventory.commands.stocking import QUANTITY_MAX, UnknownWarehouse, change_stock, check_places
from banyan.goods.inventory.types import Disposition, MovementKind, Pieces, ReturnedGoods
from banyan.kernel import ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import Invalid


def restock_returns(returned: Sequence[ReturnedGoods]) -> int:
    """Take back returned pieces, each by its disposition. Returns how many were new; a known key is skipped.

    ``restock``: for sale again (pieces of a lot that is held or expired stay away from sale). ``quarantine``: on hand, but
    apart. ``scrap``: came back and left again, so that the trace of the lot knows them. Without a warehouse they go to where
    the line was shipped from (the larger part, when it was split). Without a lot, pieces of a lot-tracked SKU go back to the
    lots that this order was shipped from. Raises Invalid, UnknownLot; LotMissing when the lots of the order cannot be known
    or have fewer pieces outside; UnknownWarehouse when none is named and nothing of that line was ever shipped.
    """
    homes = _shipped_from([goods for goods in returned if goods.warehouse_id is None])
    changes: list[Change] = []
    for goods in returned:
        if not 0 < goods.quantity <= QUANTITY_MAX:
            raise Invalid("A returned quantity must lie within 1 and 1,000,000,000.", field="quantity")
        warehouse_id = goods.warehouse_id or homes.get(goods.line_id)
        if warehouse_id is None:
            raise UnknownWarehouse("This line was never shipped; name the warehouse that takes the goods.")
        changes.append(
            Change(
                warehouse_id, goods.sku_id, MovementKind.RESTOCK, goods.quantity, goods.order_id, "", goods.key, goods.lot_id,
                goods.disposition is not Disposition.RESTOCK,
            )
        )  # fmt: skip
    check_places([(change.warehouse_id, change.sku_id) for change in changes])
    scrapped = {goods.key for goods in returned if goods.disposition is Disposition.SCRAP}
    changes = _with_their_lots(_new(changes))
    change_stock(changes + [_scrapping(change) for change in changes if (change.key or "").split("#")[0] in scrapped])
    return len({(change.key or "").split("#")[0] for change in changes})


def _scrapping(change: Change) -> Change:
    return change._replace(kind=MovementKind.SCRAP, quantity_change=-change.quantity_change, key=f"{change.key}/scrap")


def _shipped_from(returned: Sequence[ReturnedGoods]) -> dict[int, int]:
    """Warehouse per line, the one with the larger part last."""
    if not returned:
        return {}
    rows = sql.fetch(
        "SELECT line_id, warehouse_id FROM inventory_reservations WHERE tenant_id = %s AND order_id = ANY(%s::bigint[])"
        " AND line_id = ANY(%s::bigint[]) AND state = 'shipped' ORDER BY quantity, id DESC",
        (current_tenant_id(), list({goods.order_id for goods in returned}), [goods.line_id for goods in returned]),
    )
    return dict(rows)


def _new(changes: Sequence[Change]) -> list[Change]:
    known, fresh = known_keys([change.key for change in changes if change.key is not None]), []
    for change in changes:
        if change.key is not None and change.key not in known:
            known.add(change.key)
            fresh.append(change)
    return fresh


_OUTSIDE = """
SELECT order_id, sku_id, lot_id, -sum(quantity_change)::bigint FROM inventory_movements
WHERE tenant_id = %s AND sku_id = ANY(%s::bigint[]) AND order_id = ANY(%s::bigint[]) AND lot_id IS NOT NULL
  AND kind IN ('shipment', 'restock')
GROUP BY order_id, sku_id, lot_id HAVING sum(quantity_change) < 0 ORDER BY min(id)
"""


def _with_their_lots(changes: Sequence[Change]) -> list[Change]:
    """Give pieces of lot-tracked SKUs the lots in which their order left, first shipped first; a change may become several."""
    unnamed = [change for change in changes if change.lot_id is None]
    with_lots = tracked(change.sku_id for change in unnamed) if unnamed else set()
    if not with_lots:
        return list(changes)
    outside: dict[tuple[int, int], list[list[int]]] = defaultdict(list)
    orders = [change.order_id for change in unnamed if change.sku_id in with_lots]
    for order_id, sku_id, lot_id, pieces in sql.fetch(_OUTSIDE, (current_tenant_id(), list(with_lots), orders)):
        outside[order_id, sku_id].append([lot_id, pieces])
    answer: list[Change] = []
    for change in changes:
        if change.lot_id is not None or change.sku_id not in with_lots:
            answer.append(change)
            continue
        left, part = change.quantity_change, 0
        for lot in outside[change.order_id or 0, change.sku_id]:
            taken = min(left, lot[1])
            if taken:
                lot[1] -= taken
                left -= taken
                key = change.key if part == 0 else f"{change.key}#{part}"
                answer.append(change._replace(quantity_change=taken, lot_id=lot[0], key=key))
                part += 1
        if left:
            raise LotMissing(
                "The lots of these returned pieces are not known.", field="lot_id", sku_id=ids.public("sku", change.sku_id)
            )
    return answer


def quarantine(pieces: Sequence[Pieces]) -> int:
    """Set pieces on the shelf apart: they stay on hand and can no longer be promised. Returns how many changes were new.

    Raises StockPromised when fewer would remain than are promised, LotMissing, UnknownLot, LotShort, Invalid.
    """
    return _turn_over(pieces, into_quarantine=True)


def clear_quarantine(pieces: Sequence[Pieces]) -> int:
    """Put quarantined pieces back on the shelf. Returns how many changes were new.

    Raises StockPromised when fewer are quarantined there, LotMissing, UnknownLot, LotShort, Invalid.
    """
    return _turn_over(pieces, into_quarantine=False)


def scrap(pieces: Sequence[Pieces], from_quarantine: bool = True) -> int:
    """Throw pieces away, by default quarantined ones. Returns how many changes were new.

    Raises StockPromised when fewer are there or would remain than are promised, LotMissing, UnknownLot, LotShort, Invalid.
    """
    _check(pieces)
    return change_stock(
        [
            Change(p.warehouse_id, p.sku_id, MovementKind.SCRAP, -p.quantity, None, p.reason, p.key, p.lot_id, from_quarantine)
            for p in pieces
        ]
    )


def _turn_over(pieces: Sequence[Pieces], into_quarantine: bool) -> int:
    """Two movements per change: out of the one, into the other. Both have a key or none has."""
    _check(pieces)
    changes: list[Change] = []
    for p in pieces:
        gone = Change(
            p.warehouse_id, p.sku_id, MovementKind.QUARANTINE, -p.quantity, None, p.reason, p.key, p.lot_id, not into_quarantine
        )
        arrived = gone._replace(
            quantity_change=p.quantity, quarantined=into_quarantine, key=None if p.key is None else f"{p.key}/into"
        )
        changes += [gone, arrived]
    return change_stock(changes) // 2


def _check(pieces: Sequence[Pieces]) -> None:
    for piece in pieces:
        if not 0 < piece.quantity <= QUANTITY_MAX or not piece.reason.strip() or len(piece.reason) > 200:
            raise Invalid("Pieces need a quantity of 1 or more and a reason of 1 to 200 characters.", field="quantity")
    check_places([(piece.warehouse_id, piece.sku_id) for piece in pieces])
    with_lots = tracked(piece.sku_id for piece in pieces)
    for piece in pieces:
        if piece.sku_id in with_lots and piece.lot_id is None:
            raise LotMissing(
                "Pieces of a lot-tracked SKU need their lot.", field="lot_id", sku_id=ids.public("sku", piece.sku_id)
            )
