"""Pieces that cannot be sent: from the moment this is known until they are held where they can be sent, or given up.

Pieces of a paid line wait either because they are lost everywhere (the inventory keeps them as ``lost``, and serves them
first when goods come in), or because the only warehouse that has them was closed. Both stand in one list and are told by events.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import ReservationState, WarehouseId
from banyan.goods.sourcing.commands.choosing import source
from banyan.goods.sourcing.events import BackorderCancelled, BackorderOpened, BackorderServed
from banyan.goods.sourcing.queries import get_policy
from banyan.goods.sourcing.types import BackorderId, BackorderState, Broken, Cause, Missing, Shortfall, ToSource
from banyan.kernel import clock, events, ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import Conflict

BATCH = 200


class BackorderOver(Conflict):
    """The backorder is not open any more, or does not exist in this shop."""

    code = "backorder_over"
    advice = "Read the list of backorders again."


_OPEN = """
INSERT INTO sourcing_backorders AS b (tenant_id, id, order_id, line_id, sku_id, quantity, shortfall, state, cause, opened_at)
SELECT %s, u.id, u.order_id, u.line_id, u.sku_id, u.quantity, %s, 'open', %s, %s
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::int[]) AS u(id, order_id, line_id, sku_id, quantity)
ON CONFLICT (tenant_id, line_id, cause) WHERE state = 'open' DO UPDATE SET quantity = {quantity}
RETURNING id, order_id, line_id, sku_id, quantity
"""
_END = """
UPDATE sourcing_backorders SET state = %s, ended_at = %s WHERE tenant_id = %s AND id = ANY(%s::bigint[]) AND state = 'open'
RETURNING id, order_id, line_id, sku_id, quantity
"""


def open_broken(broken: Sequence[Broken], at: datetime) -> int:
    """Pieces of paid lines are lost: they wait, or are cancelled, as the policy says. Returns how many lines."""
    lines: dict[tuple[int, int, int], int] = {}
    for one in broken:
        lines[one[:3]] = lines.get(one[:3], 0) + one.quantity
    return _open([(*line, quantity) for line, quantity in lines.items()], Cause.STOCK_SHORT, "b.quantity + excluded.quantity", at)


def _open(lines: Sequence[tuple[int, int, int, int]], cause: Cause, quantity: str, at: datetime) -> int:
    if not lines:
        return 0
    shortfall = get_policy().shortfall
    columns = [list(column) for column in zip(*lines, strict=True)]
    rows = sql.fetch(
        _OPEN.format(quantity=quantity),
        (current_tenant_id(), shortfall.value, cause.value, at, list(ids.next_ids(len(lines))), *columns),
    )
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


def cancel_backorders(backorder_ids: Sequence[BackorderId], at: datetime | None = None) -> int:
    """Give pieces up that wait: their money goes back to the buyer. Raises BackorderOver unless all are open; then none is."""
    if _cancel(backorder_ids, at or clock.now()) != len(set(backorder_ids)):
        raise BackorderOver("A backorder of this batch is not open.")
    return len(set(backorder_ids))


def end_mended(order_ids: Sequence[int], at: datetime) -> int:
    """Lost pieces of these orders are held again: choose their warehouses anew and end their backorders. Returns how many."""
    rows = sql.fetch(
        "SELECT id, order_id FROM sourcing_backorders WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) AND state = 'open'"
        " AND cause = %s ORDER BY id FOR UPDATE",
        (current_tenant_id(), list(order_ids), Cause.STOCK_SHORT.value),
    )
    still = {
        order_id
        for order_id, held in stock.list_reservations(order_ids).items()
        if any(one.state is ReservationState.LOST for one in held)
    }
    whole = [row for row in rows if row[1] not in still]
    if whole and get_policy().is_on:
        source(_known_regions(sorted({row[1] for row in whole})), at, Cause.STOCK_ARRIVED)
    return _served([row[0] for row in whole], at)


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
    """A warehouse was closed: what it holds for orders moves to others. What no other has waits there. Returns how many orders.

    Idempotent; one that was opened again meanwhile keeps everything.
    """
    if any(warehouse.warehouse_id == warehouse_id and warehouse.is_active for warehouse in stock.list_warehouses()):
        return 0
    after, count = 0, 0
    while order_ids := stock.orders_held_at(warehouse_id, after, BATCH):
        after, count = order_ids[-1], count + len(order_ids)
        missing = source(_known_regions(order_ids), at, Cause.WAREHOUSE_CLOSED)
        _open(_paid_only(missing), Cause.WAREHOUSE_CLOSED, "excluded.quantity", at)
    return count


def _paid_only(missing: dict[int, tuple[Missing, ...]]) -> list[tuple[int, int, int, int]]:
    """Unpaid orders need no backorder: they are served anew, or refused, when they are paid."""
    held = stock.list_reservations(missing)
    paid = {order_id for order_id, rows in held.items() if any(one.state is ReservationState.ALLOCATED for one in rows)}
    return [(order_id, m.line_id, m.sku_id, m.quantity) for order_id in sorted(paid) for m in missing[order_id]]


def _known_regions(order_ids: Sequence[int]) -> list[ToSource]:
    """The orders with the region that their latest choice knew."""
    rows = sql.fetch(
        "SELECT DISTINCT ON (order_id) order_id, region_code FROM sourcing_decisions WHERE tenant_id = %s"
        " AND order_id = ANY(%s::bigint[]) ORDER BY order_id, id DESC",
        (current_tenant_id(), list(order_ids)),
    )
    known = dict(rows)
    return [ToSource(order_id, known.get(order_id, "")) for order_id in order_ids]


def retry_due(at: datetime, limit: int = BATCH) -> int:
    """Try to move what waits in closed warehouses, oldest first; returns how many backorders ended."""
    rows = sql.fetch(
        "SELECT id, order_id, line_id FROM sourcing_backorders WHERE tenant_id = %s AND state = 'open' AND cause = %s"
        " ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED",
        (current_tenant_id(), Cause.WAREHOUSE_CLOSED.value, limit),
    )
    if not rows or not _something_changed([row[2] for row in rows]):
        return 0
    missing = source(_known_regions(sorted({row[1] for row in rows})), at, Cause.STOCK_ARRIVED)
    waiting = {(order_id, one.line_id) for order_id, lines in missing.items() for one in lines}
    return _served([row[0] for row in rows if (row[1], row[2]) not in waiting], at)


def _something_changed(line_ids: Sequence[int]) -> bool:
    """Whether any of these lines could be served elsewhere now, or is held by nobody any more: else there is nothing to
    choose."""
    rows = sql.fetch(
        "SELECT EXISTS (SELECT 1 FROM sourcing_backorders b WHERE b.tenant_id = %s AND b.line_id = ANY(%s::bigint[])"
        " AND b.state = 'open' AND b.sku_id IN (SELECT sku_id FROM unnest(%s::bigint[]) AS u(sku_id)))",
        (current_tenant_id(), list(line_ids), _free_skus(line_ids)),
    )
    return bool(rows[0][0])


def _free_skus(line_ids: Sequence[int]) -> list[int]:
    skus = sql.fetch(
        "SELECT DISTINCT sku_id FROM sourcing_backorders WHERE tenant_id = %s AND line_id = ANY(%s::bigint[]) AND state = 'open'",
        (current_tenant_id(), list(line_ids)),
    )
    wanted = [row[0] for row in skus]
    open_places = {warehouse.warehouse_id for warehouse in stock.list_warehouses() if warehouse.is_active}
    levels = stock.stock_levels(wanted, limit=1_000_000)
    return sorted({int(one.sku_id) for one in levels if one.warehouse_id in open_places and one.on_hand > 0})
