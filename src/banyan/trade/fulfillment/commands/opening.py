"""What warehouses owe orders, made from the stock when somebody asks: at wave time or when a parcel is sent. The stock is the
judge; these rows follow it. Lock order: orders by id, then fulfillments by id, then parcels, then stock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from banyan.goods.inventory import queries as inventory
from banyan.goods.inventory.types import ReservationState
from banyan.kernel import clock, ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.trade.fulfillment import queries
from banyan.trade.fulfillment.models import FulfillmentRow
from banyan.trade.fulfillment.types import FulfillmentState, WaveId
from banyan.trade.orders import commands as order_commands
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import OrderId, OrderState

Held = dict[tuple[int, int], dict[tuple[int, int], int]]
"""Allocated pieces: by (order, warehouse), then by (line, SKU)."""


def held_pieces(order_ids: Iterable[int]) -> Held:
    """What is allocated to these orders, warehouse by warehouse."""
    held: Held = {}
    for order_id, reservations in inventory.list_reservations(order_ids).items():
        for one in reservations:
            if one.state is ReservationState.ALLOCATED:
                lines = held.setdefault((order_id, one.warehouse_id), {})
                lines[one.line_id, one.sku_id] = lines.get((one.line_id, one.sku_id), 0) + one.quantity
    return held


def open_fulfillments(held: Held, wave_id: WaveId | None = None) -> list[int]:
    """Make the rows of (order, warehouse) pairs that have none; returns the new ids. Whoever is first makes them."""
    places = sorted(held)
    buyers = orders.buyers(OrderId(order_id) for order_id, _ in places)
    now = clock.now()
    rows = sql.insert(
        FulfillmentRow,
        ("id", "order_id", "buyer_id", "warehouse_id", "wave_id", "state", "opened_at"),
        [
            (i, order_id, buyers[OrderId(order_id)], warehouse_id, wave_id, FulfillmentState.OPEN.value, now)
            for i, (order_id, warehouse_id) in zip(ids.next_ids(len(places)), places, strict=True)
        ],
        on_conflict="ON CONFLICT (tenant_id, order_id, warehouse_id) WHERE NOT (state = 'cancelled') DO NOTHING",
        returning="id, order_id, warehouse_id",
    )
    made = {(row[1], row[2]): row[0] for row in rows}
    if made:
        _set_lines({fulfillment_id: held[place] for place, fulfillment_id in made.items()})
    return list(made.values())


def follow_stock(order_ids: Iterable[int], at: datetime | None = None) -> None:
    """Make the open rows of these orders say what the stock holds for them: pieces that were refunded, or moved to another
    warehouse, are no longer picked there. What lies in a parcel stays until it is unpacked."""
    follow_locked(lock(sorted(set(order_ids))), at)


def follow_locked(rows: Sequence[tuple[int, int, int]], at: datetime | None = None) -> None:
    """The same for rows that ``lock`` gave."""
    if not rows:
        return
    held = held_pieces({order_id for _, order_id, _ in rows})
    _set_lines({fulfillment_id: held.get((order_id, warehouse_id), {}) for fulfillment_id, order_id, warehouse_id in rows})
    settle([row[0] for row in rows], at or clock.now())


def lock(order_ids: Sequence[int]) -> list[tuple[int, int, int]]:
    """Lock these orders, then their living fulfillments, lowest id first: (id, order, warehouse)."""
    order_commands.lock(OrderId(order_id) for order_id in order_ids)
    return sql.fetch(
        "SELECT id, order_id, warehouse_id FROM fulfillments WHERE tenant_id = %s AND order_id = ANY(%s::bigint[])"
        " AND state <> 'cancelled' ORDER BY id FOR NO KEY UPDATE",
        (current_tenant_id(), sorted(set(order_ids))),
    )


def _set_lines(wanted: dict[int, dict[tuple[int, int], int]]) -> None:
    rows = [(f, line, sku, pieces) for f, lines in sorted(wanted.items()) for (line, sku), pieces in sorted(lines.items())]
    tenant_id = current_tenant_id()
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    sql.execute(
        "INSERT INTO fulfillment_lines (tenant_id, id, fulfillment_id, line_id, sku_id, quantity, packed_quantity,"
        " shipped_quantity) SELECT %s, u.id, u.fulfillment_id, u.line_id, u.sku_id, u.quantity, 0, 0"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::int[])"
        "  AS u(id, fulfillment_id, line_id, sku_id, quantity)"
        " ON CONFLICT (tenant_id, fulfillment_id, line_id) DO UPDATE SET quantity = greatest(fulfillment_lines.packed_quantity,"
        "  fulfillment_lines.shipped_quantity + excluded.quantity)",
        (tenant_id, list(ids.next_ids(len(rows))), *columns),
    )
    sql.execute(
        "UPDATE fulfillment_lines l SET quantity = packed_quantity WHERE tenant_id = %s AND fulfillment_id = ANY(%s::bigint[])"
        " AND quantity <> packed_quantity AND NOT EXISTS (SELECT 1 FROM unnest(%s::bigint[], %s::bigint[]) AS u(f, line_id)"
        "  WHERE u.f = l.fulfillment_id AND u.line_id = l.line_id)",
        (tenant_id, sorted(wanted), columns[0], columns[1]),
    )


_SETTLE = """
UPDATE fulfillments f SET state = s.state,
       shipped_at = CASE WHEN s.state IN ('open', 'cancelled') THEN NULL ELSE coalesce(f.shipped_at, %(at)s) END,
       delivered_at = CASE WHEN s.state = 'delivered' THEN s.delivered_at END
FROM (
  SELECT f.id, p.delivered_at, CASE
    WHEN coalesce(l.quantity > l.shipped, false) THEN 'open' WHEN coalesce(l.shipped, 0) = 0 THEN 'cancelled'
    WHEN p.under_way > 0 THEN 'shipped' WHEN p.delivered > 0 THEN 'delivered' ELSE 'returned' END AS state
  FROM fulfillments f
  LEFT JOIN (
    SELECT fulfillment_id, sum(quantity) AS quantity, sum(shipped_quantity) AS shipped
    FROM fulfillment_lines WHERE tenant_id = %(tenant)s AND fulfillment_id = ANY(%(ids)s::bigint[]) GROUP BY fulfillment_id
  ) l ON l.fulfillment_id = f.id
  LEFT JOIN (
    SELECT fulfillment_id, count(*) FILTER (WHERE state NOT IN ('packed', 'void', 'delivered', 'taken_back')) AS under_way,
           count(*) FILTER (WHERE state = 'delivered') AS delivered, max(delivered_at) AS delivered_at
    FROM fulfillment_parcels WHERE tenant_id = %(tenant)s AND fulfillment_id = ANY(%(ids)s::bigint[]) GROUP BY fulfillment_id
  ) p ON p.fulfillment_id = f.id
  WHERE f.tenant_id = %(tenant)s AND f.id = ANY(%(ids)s::bigint[]) AND f.state NOT IN ('received', 'cancelled')
) s WHERE f.id = s.id AND f.tenant_id = %(tenant)s AND (f.state <> s.state OR f.delivered_at IS DISTINCT FROM s.delivered_at)
RETURNING f.id
"""


def settle(fulfillment_ids: Iterable[int], at: datetime) -> int:
    """Let these fulfillments be what their lines and parcels say; returns how many changed. Idempotent."""
    wanted = sorted(set(fulfillment_ids))
    if not wanted:
        return 0
    return len(sql.fetch(_SETTLE, {"tenant": current_tenant_id(), "ids": wanted, "at": at}))  # type: ignore[arg-type]


def follow_orders(limit: int = 1000) -> int:
    """Close what was overtaken: open fulfillments of orders that were cancelled, or shipped whole without parcels, end, and their
    packed parcels are void. Others follow the stock where it changed. Returns how many ended. For the job."""
    over: set[int] = set()
    stale: set[int] = set()
    before = queries.EVER
    while rows := sql.fetch(
        "SELECT id, order_id FROM fulfillments WHERE tenant_id = %s AND state = 'open' AND id < %s ORDER BY id DESC LIMIT %s",
        (current_tenant_id(), before, limit),
    ):
        before = rows[-1][0]
        states = orders.states(OrderId(row[1]) for row in rows)
        waits = (OrderState.PAID, OrderState.PARTLY_SHIPPED)
        over |= {row[1] for row in rows if states.get(OrderId(row[1])) not in waits}
        stale |= _stale([row[0] for row in rows if states.get(OrderId(row[1])) in waits])
    lock(sorted(over | stale))  # all of them at once, so that nobody who locks in the same order is met halfway
    follow_stock(stale)
    return drop(over)


def _stale(fulfillment_ids: Sequence[int]) -> set[int]:
    """Orders of these open fulfillments whose lines are not what the stock holds."""
    found = queries.list_fulfillments(fulfillment_ids=fulfillment_ids, limit=None)
    held = held_pieces(one.order_id for one in found)
    stale = set()
    for one in found:
        lines = held.get((one.order_id, one.warehouse_id), {})
        known = {(line.line_id, line.sku_id): line for line in one.lines}
        if lines.keys() - known.keys() or any(
            line.quantity != max(line.packed_quantity, line.shipped_quantity + lines.get(place, 0))
            for place, line in known.items()
        ):
            stale.add(int(one.order_id))
    return stale


def drop(order_ids: Iterable[int]) -> int:
    """End the open fulfillments of orders that send nothing more; returns how many. Idempotent."""
    wanted = sorted(set(order_ids))
    if not wanted:
        return 0
    rows = [row[0] for row in lock(wanted)]
    tenant_id = current_tenant_id()
    sql.execute(
        "WITH void AS (UPDATE fulfillment_parcels SET state = 'void', due_at = NULL, ended_at = %s WHERE tenant_id = %s"
        " AND fulfillment_id = ANY(%s::bigint[]) AND state = 'packed')"
        " UPDATE fulfillment_lines SET quantity = shipped_quantity, packed_quantity = shipped_quantity"
        " WHERE tenant_id = %s AND fulfillment_id = ANY(%s::bigint[])",
        (clock.now(), tenant_id, rows, tenant_id, rows),
    )
    return settle(rows, clock.now())
