"""Pieces that cannot be sent: from the moment this is known until they are held where they can be sent, or given up.

Pieces of a paid line wait either because they are lost everywhere (the inventory keeps them as ``lost``, and serves them
first when goods come in), or because the only warehouse that has them was closed. Both stand in one list and are told by events.
What waits is what the stock says: a backorder never stands for more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.events import PromiseMended
from banyan.goods.inventory.types import ReservationState, WarehouseId
from banyan.goods.sourcing.commands.choosing import LEVELS_MAX, packed_of, source
from banyan.goods.sourcing.events import BackorderCancelled, BackorderOpened, BackorderServed
from banyan.goods.sourcing.queries import backorders_of, get_policy, list_backorders
from banyan.goods.sourcing.types import Backorder, BackorderId, BackorderState, Broken, Cause, Shortfall, ToSource
from banyan.kernel import clock, events, ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import Conflict

BATCH = 200
OPEN_MAX = 5_000
"""So many backorders are read at once."""
FOLLOWING = "sourcing.follow_promises"
"""The reaction that hears of lost pieces and of those that are held again, in this order."""


class BackorderOver(Conflict):
    """The backorder is not open any more, does not exist in this shop, or nothing of it waits."""

    code = "backorder_over"
    advice = "Read the list of backorders again."


_OPEN = """
INSERT INTO sourcing_backorders AS b (tenant_id, id, order_id, line_id, sku_id, quantity, shortfall, state, cause, opened_at)
SELECT %s, u.id, u.order_id, u.line_id, u.sku_id, u.quantity, %s, 'open', %s, %s
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::int[]) AS u(id, order_id, line_id, sku_id, quantity)
ON CONFLICT (tenant_id, line_id, cause) WHERE state = 'open' DO UPDATE SET quantity = excluded.quantity
WHERE b.quantity <> excluded.quantity
RETURNING id, order_id, line_id, sku_id, quantity
"""
_END = """
UPDATE sourcing_backorders SET state = %s, ended_at = %s WHERE tenant_id = %s AND id = ANY(%s::bigint[]) AND state = 'open'
RETURNING id, order_id, line_id, sku_id, quantity
"""
Waiting = Mapping[tuple[Cause, int], Broken]
"""By cause and line."""


def _waiting(order_ids: Iterable[int]) -> Waiting:
    """What the stock says of these orders: pieces of paid lines that are lost, or lie in a closed warehouse. What was packed
    there waits for nothing: its parcel can leave."""
    wanted = set(order_ids)
    closed = {one.warehouse_id for one in stock.list_warehouses() if not one.is_active}
    packed = dict(stock.packed_pieces(wanted)) if closed else {}
    found: dict[tuple[Cause, int], Broken] = {}
    for one in (one for held in stock.list_reservations(wanted).values() for one in held):
        quantity = one.quantity
        if one.state is ReservationState.LOST:
            key = (Cause.STOCK_SHORT, one.line_id)
        elif one.state is ReservationState.ALLOCATED and one.warehouse_id in closed:
            key = (Cause.WAREHOUSE_CLOSED, one.line_id)
            quantity -= packed_of(one, packed)
        else:
            continue
        before = found[key].quantity if key in found else 0
        if before + quantity:
            found[key] = Broken(one.order_id, one.line_id, one.sku_id, before + quantity)
    return found


def open_broken(broken: Sequence[Broken], at: datetime) -> int:
    """Pieces of paid lines are lost: they wait, or are cancelled, as the policy says. Returns how many lines.

    What is held again or was given back meanwhile is left out.
    """
    if not broken:
        return 0
    order_ids = {one.order_id for one in broken}
    told: Counter[int] = Counter()
    for one in broken:
        told[one.line_id] += one.quantity
    known = {one.line_id: one.quantity for one in _open_ones(order_ids) if one.cause is Cause.STOCK_SHORT}
    lines = [
        lost._replace(quantity=min(lost.quantity, known.get(line_id, 0) + told[line_id]))
        for (cause, line_id), lost in _waiting(order_ids).items() if cause is Cause.STOCK_SHORT and told[line_id]
    ]  # fmt: skip
    return _open(lines, Cause.STOCK_SHORT, at)


def open_stuck(order_ids: Iterable[int], at: datetime) -> int:
    """Paid pieces of these orders that a closed warehouse holds wait there, or are cancelled. Returns how many lines."""
    wanted = list(order_ids)
    if not wanted:
        return 0
    stuck = [one for (cause, _), one in _waiting(wanted).items() if cause is Cause.WAREHOUSE_CLOSED]
    return _open(stuck, Cause.WAREHOUSE_CLOSED, at)


def _open_ones(order_ids: Iterable[int]) -> list[Backorder]:
    found = backorders_of(order_ids).values()
    return [one for of_order in found for one in of_order if one.state is BackorderState.OPEN]


def _open(lines: Sequence[Broken], cause: Cause, at: datetime) -> int:
    if not lines:
        return 0
    shortfall = get_policy().shortfall
    columns = [list(column) for column in zip(*lines, strict=True)]
    rows = sql.fetch(_OPEN, (current_tenant_id(), shortfall.value, cause.value, at, list(ids.next_ids(len(lines))), *columns))
    events.record(
        [
            BackorderOpened(
                backorder_id=row[0], order_id=row[1], line_id=row[2], sku_id=row[3], quantity=row[4], cause=cause.value,
                shortfall=shortfall.value, occurred_at=at,
            )
            for row in rows
        ]
    )  # fmt: skip
    if shortfall is Shortfall.CANCEL:
        _cancel([row[0] for row in rows], at)
    return len(rows)


def _cancel(backorder_ids: Sequence[int], at: datetime) -> int:
    rows = _end(backorder_ids, BackorderState.CANCELLED, at)
    events.record(
        [
            BackorderCancelled(
                backorder_id=row[0], order_id=row[1], line_id=row[2], sku_id=row[3], quantity=row[4], occurred_at=at
            )
            for row in rows
        ]
    )
    return len(rows)


def _end(backorder_ids: Iterable[int], state: BackorderState, at: datetime) -> list[tuple[int, ...]]:
    return sql.fetch(_END, (state.value, at, current_tenant_id(), sorted(backorder_ids)))


def cancel_backorders(backorder_ids: Sequence[BackorderId]) -> int:
    """Give pieces up that wait: their money goes back to the buyer. What was given back by another way is not paid twice.

    Raises BackorderOver unless something of all of them waits; then none is given up.
    """
    rows = _lock(backorder_ids)
    waiting = _waiting({one.order_id for one in rows})
    if len(rows) != len(set(backorder_ids)) or not all(_left(one, waiting) for one in rows):
        raise BackorderOver("A backorder of this batch is not open, or nothing of it waits.")
    _lower(rows, waiting)
    return _cancel(backorder_ids, clock.now())


def _lock(backorder_ids: Iterable[int]) -> list[Backorder]:
    """Those of these backorders that are open, until the transaction ends."""
    wanted = set(backorder_ids)
    rows = sql.fetch(
        "SELECT order_id FROM sourcing_backorders WHERE tenant_id = %s AND id = ANY(%s::bigint[]) AND state = 'open'"
        " ORDER BY id FOR UPDATE",
        (current_tenant_id(), list(wanted)),
    )
    return [one for one in _open_ones({row[0] for row in rows}) if one.backorder_id in wanted]


def _lower(backorders: Iterable[Backorder], waiting: Waiting) -> None:
    """Locked backorders stand for no more than waits."""
    less = {one.backorder_id: left for one in backorders if 0 < (left := _left(one, waiting)) < one.quantity}
    if less:
        sql.execute(
            "UPDATE sourcing_backorders b SET quantity = u.quantity FROM unnest(%s::bigint[], %s::int[]) AS u(id, quantity)"
            " WHERE b.tenant_id = %s AND b.id = u.id",
            (list(less), list(less.values()), current_tenant_id()),
        )


def _left(one: Backorder, waiting: Waiting) -> int:
    found = waiting.get((one.cause, one.line_id))
    return found.quantity if found is not None else 0


def end_mended(order_ids: Sequence[int], at: datetime) -> int:
    """Lost pieces of these orders are held again: choose their warehouses anew and end their backorders. Returns how many."""
    if not order_ids:
        return 0
    still = {lost.order_id for (cause, _), lost in _waiting(order_ids).items() if cause is Cause.STOCK_SHORT}
    whole = [one for one in _open_ones(order_ids) if one.cause is Cause.STOCK_SHORT and one.order_id not in still]
    if whole and get_policy().is_on:
        source(_known_regions(sorted({one.order_id for one in whole})), at, Cause.STOCK_ARRIVED)
    return _served([one.backorder_id for one in whole], at)


def _served(backorder_ids: Sequence[int], at: datetime) -> int:
    rows = _end(backorder_ids, BackorderState.SERVED, at)
    events.record(
        [
            BackorderServed(backorder_id=row[0], order_id=row[1], line_id=row[2], sku_id=row[3], quantity=row[4], occurred_at=at)
            for row in rows
        ]
    )
    return len(rows)


def clear_warehouse(warehouse_id: WarehouseId, at: datetime) -> int:
    """A warehouse was closed: what it holds for orders moves to others. What cannot move waits there. Returns how many orders.

    Idempotent; one that was opened again meanwhile keeps everything. What is not paid yet waits once it is (``open_stuck``).
    """
    if any(warehouse.warehouse_id == warehouse_id and warehouse.is_active for warehouse in stock.list_warehouses()):
        return 0
    after, count = 0, 0
    while order_ids := stock.orders_held_at(warehouse_id, after, BATCH):
        after, count = order_ids[-1], count + len(order_ids)
        source(_known_regions(order_ids), at, Cause.WAREHOUSE_CLOSED)
        open_stuck(order_ids, at)
    return count


def _known_regions(order_ids: Sequence[int]) -> list[ToSource]:
    """The orders with the region that their latest choice knew."""
    rows = sql.fetch(
        "SELECT DISTINCT ON (order_id) order_id, region_code FROM sourcing_decisions WHERE tenant_id = %s"
        " AND order_id = ANY(%s::bigint[]) ORDER BY order_id, id DESC",
        (current_tenant_id(), list(order_ids)),
    )
    known = dict(rows)
    return [ToSource(order_id, known.get(order_id, "")) for order_id in order_ids]


def retry_due(at: datetime) -> int:
    """Try to move what waits in closed warehouses, the oldest first, and end what waits no more: it moved, was sent after all,
    or was given back by another way. Returns how many backorders ended. All that can move are tried, so that those which
    nothing moves stand in nobody's way."""
    after, ended = 0, 0
    while backorders := list_backorders(after_id=after, limit=OPEN_MAX):
        after = backorders[-1].backorder_id
        movable = _movable(backorders)
        for first in range(0, len(movable), BATCH):
            source(_known_regions(movable[first : first + BATCH]), at, Cause.STOCK_ARRIVED, only_moves=True)
        ended += _follow(backorders, at)
    return ended


def _movable(backorders: Iterable[Backorder]) -> list[int]:
    """Orders with pieces in a closed warehouse of which another one has free ones."""
    stuck = [one for one in backorders if one.cause is Cause.WAREHOUSE_CLOSED]
    if not stuck:
        return []
    active = {warehouse.warehouse_id for warehouse in stock.list_warehouses() if warehouse.is_active}
    levels = stock.stock_levels({one.sku_id for one in stuck}, limit=LEVELS_MAX)
    free = {shelf.sku_id for shelf in levels if shelf.warehouse_id in active and shelf.available > 0}
    return sorted({one.order_id for one in stuck if one.sku_id in free})


def _follow(backorders: Sequence[Backorder], at: datetime) -> int:
    """Let backorders say what of them waits; returns how many ended.

    Nothing is recorded of what was given back: whoever gave it back has paid for it.
    """
    waiting = _waiting({one.order_id for one in backorders}) if backorders else {}
    changed = [one.backorder_id for one in backorders if _left(one, waiting) < one.quantity]
    if not changed:
        return 0
    rows = _lock(changed)
    waiting = _waiting({one.order_id for one in rows})
    _lower(rows, waiting)
    over = [one for one in rows if not _left(one, waiting)]
    held = _held_lines({one.order_id for one in over})
    mended = {event.order_id for event in events.unheard(FOLLOWING, PromiseMended)}
    moved = [one.backorder_id for one in over if one.cause is Cause.WAREHOUSE_CLOSED and one.line_id in held]
    given_back = [
        one.backorder_id for one in over
        if (one.line_id not in held if one.cause is Cause.WAREHOUSE_CLOSED else one.order_id not in mended)
    ]  # fmt: skip
    return _served(moved, at) + len(_end(given_back, BackorderState.CANCELLED, at))


def _held_lines(order_ids: Iterable[int]) -> set[int]:
    """Lines of which something is held or was sent."""
    kept = (ReservationState.RESERVED, ReservationState.ALLOCATED, ReservationState.SHIPPED)
    return {one.line_id for held in stock.list_reservations(order_ids).values() for one in held if one.state in kept}
