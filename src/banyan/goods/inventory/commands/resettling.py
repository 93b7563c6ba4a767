"""What is held for many orders moves to other warehouses at once, as a higher house decided. Runs inside ``tenancy.enter``."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from banyan.goods.inventory.commands.holding import StockMoved
from banyan.goods.inventory.commands.moving import Place, lock_places
from banyan.goods.inventory.models import FREE, Reservation
from banyan.goods.inventory.ports import packed_pieces
from banyan.goods.inventory.types import Held
from banyan.kernel import clock, ids, sql
from banyan.kernel.tenancy import current_tenant_id


class _Hold(NamedTuple):
    """A reservation that may move."""

    reservation_id: int
    order_id: int
    line_id: int
    sku_id: int
    warehouse_id: int
    quantity: int
    state: str
    expires_at: object
    channel_stock_id: int | None


_OPEN = """
SELECT id, order_id, line_id, sku_id, warehouse_id, quantity, state, expires_at, channel_stock_id FROM inventory_reservations
WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) AND state IN ('reserved', 'allocated') ORDER BY id FOR UPDATE
"""
_FREE = f"""
SELECT s.sku_id, s.warehouse_id, {FREE} FROM inventory_stock_levels s JOIN inventory_warehouses w ON w.id = s.warehouse_id
WHERE s.tenant_id = %s AND s.sku_id = ANY(%s::bigint[]) AND w.is_active
"""
# The condition and the table's CHECK are the guard: whatever was planned, nothing is promised that is not there.
_CHANGE = f"""
UPDATE inventory_stock_levels s SET reserved = s.reserved + u.reserved, allocated = s.allocated + u.allocated
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]) AS u(sku_id, warehouse_id, reserved, allocated)
WHERE s.tenant_id = %s AND s.sku_id = u.sku_id AND s.warehouse_id = u.warehouse_id
  AND {FREE} >= u.reserved + u.allocated
"""


def resettle(wanted: Mapping[int, Sequence[Held]]) -> set[int]:
    """Hold for each of these orders exactly these pieces instead of what is held now. Returns the orders that are held so now.

    The pieces per line must be those that are held. An order keeps what it has when somebody took the stock meanwhile, when its
    pieces are no longer the same, when they come out of a channel's share, when it is partly paid, or when a piece that lies in
    a parcel would be held elsewhere. Orders may exchange pieces with each other. Idempotent. Nothing moves on hand: only what is
    promised where.
    """
    tenant_id = current_tenant_id()
    holds: dict[int, list[_Hold]] = defaultdict(list)
    for row in sql.fetch(_OPEN, (tenant_id, sorted(wanted))):
        holds[row[1]].append(_Hold(*row))
    # Asked under the lock that whoever packs takes, too; what is not paid yet is not packed.
    packed = packed_pieces([order_id for order_id, rows in holds.items() if any(one.state == "allocated" for one in rows)])
    same, changes = set(), {}
    for order_id, pieces in wanted.items():
        change = _change(holds[order_id], pieces) if _keeps_packed(holds[order_id], pieces, packed) else None
        if change is not None:
            if any(change.values()):
                changes[order_id] = change
            else:
                same.add(order_id)
    if not changes:
        return same
    lock_places({place for change in changes.values() for place in change})
    rows = sql.fetch(_FREE, (tenant_id, sorted({place[0] for change in changes.values() for place in change})))
    moving = _that_fit(changes, {(sku_id, warehouse_id): free for sku_id, warehouse_id, free in rows})
    if moving:
        _move(moving, changes, holds, wanted)
    return same | set(moving)


def _keeps_packed(holds: Sequence[_Hold], pieces: Sequence[Held], packed: Mapping[tuple[int, int], int]) -> bool:
    left = {(hold.line_id, hold.warehouse_id): packed.get((hold.line_id, hold.warehouse_id), 0) for hold in holds}
    for piece in pieces:
        left[piece.line_id, piece.warehouse_id] = left.get((piece.line_id, piece.warehouse_id), 0) - piece.quantity
    return all(short <= 0 for short in left.values())


def _change(holds: Sequence[_Hold], pieces: Sequence[Held]) -> dict[Place, int] | None:
    """By place, how many pieces more; None when this order cannot move."""
    if not holds or len({hold.state for hold in holds}) > 1 or any(hold.channel_stock_id is not None for hold in holds):
        return None
    lines: dict[tuple[int, int], int] = defaultdict(int)
    change: dict[Place, int] = defaultdict(int)
    for hold in holds:
        lines[hold.line_id, hold.sku_id] -= hold.quantity
        change[hold.sku_id, hold.warehouse_id] -= hold.quantity
    for piece in pieces:
        lines[piece.line_id, piece.sku_id] += piece.quantity
        change[piece.sku_id, piece.warehouse_id] += piece.quantity
    return None if any(lines.values()) else dict(change)


def _that_fit(changes: Mapping[int, Mapping[Place, int]], free: Mapping[Place, int]) -> list[int]:
    """The orders that can move together: while a place would have too little, the latest order that wants it stays."""
    net: dict[Place, int] = defaultdict(int)
    for change in changes.values():
        for place, pieces in change.items():
            net[place] += pieces
    moving = dict.fromkeys(changes)
    while True:
        short = {place for place, pieces in net.items() if pieces > 0 and pieces > free.get(place, 0)}
        stays = next((o for o in reversed(moving) if any(changes[o].get(place, 0) > 0 for place in short)), None)
        if stays is None:
            return list(moving)
        del moving[stays]
        for place, pieces in changes[stays].items():
            net[place] -= pieces


def _move(
    moving: Iterable[int], changes: Mapping[int, Mapping[Place, int]], holds: Mapping[int, Sequence[_Hold]],
    wanted: Mapping[int, Sequence[Held]],
) -> None:  # fmt: skip
    tenant_id, now = current_tenant_id(), clock.now()
    levels: dict[Place, list[int]] = defaultdict(lambda: [0, 0])
    kept: list[tuple[int, int, int]] = []
    gone: list[int] = []
    new: list[tuple[object, ...]] = []
    for order_id in moving:
        state = holds[order_id][0].state
        for place, pieces in changes[order_id].items():
            levels[place][0 if state == "reserved" else 1] += pieces
        rows: dict[int, list[_Hold]] = defaultdict(list)
        for hold in holds[order_id]:
            rows[hold.line_id].append(hold)
        parts = _merged(wanted[order_id])
        if any(len(rows[line_id]) < count for line_id, count in Counter(piece.line_id for piece in parts).items()):
            gone += [hold.reservation_id for hold in holds[order_id]]
            rows.clear()  # all rows are new: a payment that waits for this one finds all of them afterwards, not some
        for piece in parts:
            if rows[piece.line_id]:
                kept.append((rows[piece.line_id].pop(0).reservation_id, piece.warehouse_id, piece.quantity))
            else:
                expires_at = holds[order_id][0].expires_at
                new.append((order_id, piece.line_id, piece.warehouse_id, piece.sku_id, piece.quantity, state, expires_at, now))
        gone += [hold.reservation_id for rest in rows.values() for hold in rest]
    places = sorted(place for place, change in levels.items() if any(change))
    columns = [[p[0] for p in places], [p[1] for p in places], [levels[p][0] for p in places], [levels[p][1] for p in places]]
    if sql.execute(_CHANGE, (*columns, tenant_id)) != len(places):
        raise StockMoved("The stock changed while it was being promised elsewhere.")
    sql.execute(
        "UPDATE inventory_reservations r SET warehouse_id = u.warehouse_id, quantity = u.quantity"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::int[]) AS u(id, warehouse_id, quantity)"
        " WHERE r.tenant_id = %s AND r.id = u.id AND (r.warehouse_id, r.quantity) <> (u.warehouse_id, u.quantity)",
        (*([row[column] for row in kept] for column in range(3)), tenant_id),
    )
    sql.execute(
        "UPDATE inventory_reservations SET state = 'released', changed_at = %s WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (now, tenant_id, gone),
    )
    sql.insert(
        Reservation,
        ("id", "order_id", "line_id", "warehouse_id", "sku_id", "quantity", "state", "expires_at", "changed_at"),
        [(identity, *row) for identity, row in zip(ids.next_ids(len(new)), new, strict=True)],
    )


def _merged(pieces: Iterable[Held]) -> list[Held]:
    """One entry per line and warehouse."""
    found: dict[tuple[int, int], Held] = {}
    for piece in pieces:
        key = (piece.line_id, piece.warehouse_id)
        found[key] = piece._replace(quantity=piece.quantity + (found[key].quantity if key in found else 0))
    return list(found.values())
