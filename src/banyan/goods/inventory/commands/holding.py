"""What is held for orders: reserved, allocated, shipped, released. One lock order everywhere: the order, which its house locks by
id before it asks for anything here; its reservations; then levels by (sku_id, warehouse_id). Guarded in the statement and by the
table's CHECK. All functions run inside ``tenancy.enter``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from django.db import OperationalError

from banyan.goods.inventory.commands.channels import Shares, give_back, take_shares
from banyan.goods.inventory.commands.moving import lock_skus, write_movements
from banyan.goods.inventory.commands.stocking import QUANTITY_MAX
from banyan.goods.inventory.engine import choosing
from banyan.goods.inventory.events import ReservationsExpired
from banyan.goods.inventory.models import FREE, Reservation
from banyan.goods.inventory.types import MovementKind, Promise, ReserveLine, ReturnedGoods, Shortage
from banyan.kernel import clock, events, ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import Conflict, Invalid

READ_LEVELS = f"""
SELECT s.sku_id, s.warehouse_id, {FREE}, w.priority
FROM inventory_stock_levels s
CROSS JOIN LATERAL (SELECT priority FROM inventory_warehouses WHERE id = s.warehouse_id AND is_active OFFSET 0) w
WHERE s.tenant_id = %s AND s.sku_id = ANY({{skus}})
"""
# Locking and reading in one order, so that orders (A, B) and (B, A) queue instead of deadlocking.
LOCK_LEVELS = READ_LEVELS + "ORDER BY s.sku_id, s.warehouse_id FOR UPDATE OF s"
# The guard. Where the levels are locked already, the condition makes the statement safe even without the lock.
GUARD = f"AND {FREE} >= w.quantity"
TAKE = """
UPDATE inventory_stock_levels s SET reserved = s.reserved + w.quantity
FROM unnest({skus}, {warehouses}, {quantities}) AS w(sku_id, warehouse_id, quantity)
WHERE s.tenant_id = %s AND s.sku_id = w.sku_id AND s.warehouse_id = w.warehouse_id {guard}
"""
LATE_FROM_LINES = 50
PLENTY = 1_000
"""Pieces that a level must hold beyond ten times what a batch wants of it, to be taken last instead of locked first."""


class StockMoved(OperationalError):
    """Plenty was seen and little was left a moment later: the transaction is tried again, as after a deadlock."""


def promise(lines: Sequence[ReserveLine]) -> Promise:
    """Decide which goods to hold for orders: all lines of an order or none. Nothing is written yet: see ``hold``.

    Orders are served in the order of their first line. Levels are locked by (sku, warehouse) before deciding, so nobody
    else can promise the same pieces. Only where a large batch wants little of much, levels are read, and locked by
    ``hold`` at the end, so that others do not wait while the batch is written.
    A line of a channel is served from the channel's share alone, others from what is set aside for nobody.
    Raises Invalid on a quantity outside 1..1,000,000,000.
    """
    if not lines:
        return Promise((), {}, {}, late=False)
    wishes: dict[int, list[tuple[int, int, int]]] = {}
    wanted: dict[int, int] = {}
    shares = Shares(lines)
    for line in lines:
        if not 0 < line.quantity <= QUANTITY_MAX:
            raise Invalid("A quantity must lie within 1 and 1,000,000,000.", field="quantity")
        wishes.setdefault(line.order_id, []).append((line.line_id, shares.key_of(line), line.quantity))
        wanted[line.sku_id] = wanted.get(line.sku_id, 0) + line.quantity
    choosing_from = _read(READ_LEVELS, wanted) if len(lines) >= LATE_FROM_LINES and not shares else None
    late = choosing_from is not None and all(free >= PLENTY + 10 * wanted[sku_id] for sku_id, free, _, _ in choosing_from)
    if choosing_from is None or not late:
        choosing_from = _read(LOCK_LEVELS, wanted)
    levels: choosing.Available = shares.free() if shares else {}
    warehouses: set[tuple[int, int]] = set()
    for sku_id, free, warehouse_id, priority in choosing_from:
        levels.setdefault(sku_id, {})[warehouse_id] = free
        warehouses.add((priority, warehouse_id))
    by_priority = [warehouse_id for _, warehouse_id in sorted(warehouses)]
    choice = choosing.choose([choosing.Wish(order_id, tuple(wish)) for order_id, wish in wishes.items()], levels, by_priority)
    refused = {
        order_id: tuple(
            Shortage(order_id, shares.sku_of(key), wished, have)  # type: ignore[arg-type]
            for key, wished, have in shortages
        )
        for order_id, shortages in choice.refused.items()
    }
    if shares:
        choice.holds = [shares.named(held) for held in choice.holds]
    return Promise(choice.holds, {line.order_id: line.expires_at for line in lines}, refused, late)


def _read(statement: str, wanted: Iterable[int]) -> list[tuple[int, int, int, int]]:
    """(SKU, free pieces, warehouse, priority) of every level of these SKUs."""
    array, params = sql.few(list(wanted))
    rows = sql.fetch(statement.format(skus=array), (current_tenant_id(), *params))
    return [(sku_id, free, warehouse_id, priority) for sku_id, warehouse_id, free, priority in rows]


@contextmanager
def hold(promised: Promise) -> Iterator[None]:
    """Write what was promised: the reservations, and the levels before or after what the block writes.

    The update of the levels is conditional and the table checks once more. Raises StockMoved, and the transaction is lost.
    """
    if promised.holds and not promised.late:
        _take(promised)
    with sql.together():
        yield
        _write_reservations(promised)
    if promised.holds and promised.late:
        # Locked in a statement of its own: the update then begins with what the others have left, and rechecks nothing.
        lock_skus(held.sku_id for held in promised.holds)
        _take(promised)


def _write_reservations(promised: Promise) -> None:
    now = clock.now()
    columns: tuple[str, ...] = (
        "id", "order_id", "line_id", "warehouse_id", "sku_id", "quantity", "state", "expires_at", "changed_at",
    )  # fmt: skip
    rows: list[tuple[object, ...]] = [
        (i, h.order_id, h.line_id, h.warehouse_id, h.sku_id, h.quantity, "reserved", promised.expires[h.order_id], now)
        for i, h in zip(ids.next_ids(len(promised.holds)), promised.holds, strict=True)
    ]
    if any(held.channel_stock_id is not None for held in promised.holds):
        columns = (*columns, "channel_stock_id")
        rows = [(*row, held.channel_stock_id) for row, held in zip(rows, promised.holds, strict=True)]
    sql.insert(Reservation, columns, rows)


def _take(promised: Promise) -> None:
    totals: dict[tuple[int, int], int] = {}
    for held in promised.holds:
        if held.channel_stock_id is None:
            place = (held.sku_id, held.warehouse_id)
            totals[place] = totals.get(place, 0) + held.quantity
    if not take_shares(promised.holds):
        raise StockMoved("The stock changed while it was being promised.")
    places = sorted(totals)
    if not places:
        return
    skus, sku_params = sql.few([place[0] for place in places])
    warehouses, warehouse_params = sql.few([place[1] for place in places])
    quantities, quantity_params = sql.few([totals[place] for place in places])
    touched = sql.execute(
        TAKE.format(guard=GUARD, skus=skus, warehouses=warehouses, quantities=quantities),
        (*sku_params, *warehouse_params, *quantity_params, current_tenant_id()),
    )
    if touched != len(places):
        raise StockMoved("The stock changed while it was being promised.")


def reserve(lines: Sequence[ReserveLine]) -> Mapping[int, tuple[Shortage, ...]]:
    """``promise`` and ``hold`` at once. Returns the refused orders with what they lack."""
    promised = promise(lines)
    with hold(promised):
        pass
    return promised.refused


# moved: the reservations in their new state, as they were before; the levels follow, locked by (sku, warehouse).
_TURN = """
WITH moved AS ({moved}), wanted AS (
  SELECT sku_id, warehouse_id, sum(quantity) FILTER (WHERE state = 'reserved') AS from_reserved,
         sum(quantity) FILTER (WHERE state = 'allocated') AS from_allocated
  FROM moved GROUP BY sku_id, warehouse_id
), locked AS (
  SELECT s.id, coalesce(w.from_reserved, 0) AS from_reserved, coalesce(w.from_allocated, 0) AS from_allocated
  FROM inventory_stock_levels s JOIN wanted w USING (sku_id, warehouse_id) WHERE s.tenant_id = %s
  ORDER BY s.sku_id, s.warehouse_id FOR UPDATE OF s
), levelled AS (
  UPDATE inventory_stock_levels s SET reserved = s.reserved - l.from_reserved {allocated} {on_hand} FROM locked l
    WHERE s.id = l.id
)
SELECT id, order_id, line_id, sku_id, warehouse_id, quantity, channel_stock_id FROM moved
"""
# One state turns into another: no need to look first. The condition is the guard, also against whoever was quicker.
_FROM_ONE = """
  UPDATE inventory_reservations SET state = %s, changed_at = %s
  WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) AND state = '{state}'
  RETURNING id, order_id, line_id, sku_id, warehouse_id, quantity, channel_stock_id, '{state}' AS state
"""
_FROM_SOME = """
  UPDATE inventory_reservations r SET state = %s, changed_at = %s FROM (
    SELECT id, state FROM inventory_reservations
    WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) AND state = ANY(%s::text[]) ORDER BY id FOR UPDATE) p
  WHERE r.id = p.id RETURNING r.id, r.order_id, r.line_id, r.sku_id, r.warehouse_id, r.quantity,
    r.channel_stock_id, p.state
"""
_ALLOCATE = _TURN.format(
    moved=_FROM_ONE.format(state="reserved"), allocated=", allocated = s.allocated + l.from_reserved", on_hand=""
)
_SHIP = _TURN.format(
    moved=_FROM_ONE.format(state="allocated"), allocated=", allocated = s.allocated - l.from_allocated",
    on_hand=", on_hand = s.on_hand - l.from_allocated",
)  # fmt: skip
_RELEASE = _TURN.format(moved=_FROM_SOME, allocated=", allocated = s.allocated - l.from_allocated", on_hand="")


def _turn(statement: str, order_ids: Iterable[int], into: str, at: datetime, states: Sequence[str] = ()) -> list[tuple[int, ...]]:
    tenant_id = current_tenant_id()
    wanted = sorted(set(order_ids))
    if not wanted:
        return []
    rows = sql.fetch(statement, (into, at, tenant_id, wanted, *([list(states)] if states else []), tenant_id))
    if into in ("released", "expired"):
        give_back((row[6], row[5]) for row in rows)
    return rows


def allocate(order_ids: Iterable[int], at: datetime) -> set[int]:
    """At payment: turn what is reserved into what is owed. Returns the orders that had nothing reserved (not served).

    Idempotent: an order that is allocated already counts as served.
    """
    missing = set(order_ids)
    for _ in range(2):  # an order whose pieces were chosen anew at this moment holds rows that only the next statement sees
        missing -= {row[1] for row in _turn(_ALLOCATE, missing, "allocated", at)}
    if missing:
        rows = sql.fetch(
            "SELECT DISTINCT order_id FROM inventory_reservations WHERE tenant_id = %s AND order_id = ANY(%s::bigint[])"
            " AND state IN ('allocated', 'shipped')",
            (current_tenant_id(), list(missing)),
        )
        missing -= {row[0] for row in rows}
    return missing


def release(order_ids: Iterable[int]) -> int:
    """Give back what is reserved or allocated for these orders; returns how many reservations ended. Idempotent."""
    order_ids = list(order_ids)
    lock_holds(order_ids)  # what is being lost, served again or moved for them now ends as well
    return len(_turn(_RELEASE, order_ids, "released", clock.now(), ("reserved", "allocated", "lost")))


def lock_holds(order_ids: Sequence[int]) -> None:
    """Let nobody change what is held for these orders. Whoever just does writes rows that only the next statement sees."""
    sql.execute(
        "SELECT 1 FROM inventory_reservations WHERE tenant_id = %s AND order_id = ANY(%s::bigint[])"
        " AND state IN ('reserved', 'allocated', 'lost') ORDER BY id FOR UPDATE",
        (current_tenant_id(), order_ids),
    )


def release_reserved(order_ids: Iterable[int], at: datetime) -> list[tuple[int, ...]]:
    """Give back what is reserved, not what is allocated; the reservations as (id, order, line, SKU, warehouse, pieces)."""
    return _turn(_RELEASE, order_ids, "released", at, ("reserved",))


def ship(order_ids: Iterable[int], at: datetime) -> set[int]:
    """Send the allocated goods: pieces leave the warehouse, a movement is written. Returns the orders that shipped something.

    Idempotent: what is shipped already is not shipped again. Pieces of lot-tracked SKUs leave first expired first. Raises
    PiecesLost when an order lost some of its pieces, LotShort when the lots that may be picked have too few; then nothing leaves.
    """
    order_ids = list(order_ids)
    lock_holds(order_ids)  # before it is looked at: of an order whose pieces are being taken out of sale now nothing may leave
    lost = sql.fetch(
        "SELECT DISTINCT order_id FROM inventory_reservations WHERE tenant_id = %s AND order_id = ANY(%s::bigint[])"
        " AND state = 'lost'",
        (current_tenant_id(), order_ids),
    )
    if lost:
        raise PiecesLost("Pieces of this order were taken out of sale.", order_ids=[ids.public("ord", row[0]) for row in lost])
    rows = _turn(_SHIP, order_ids, "shipped", at)
    write_movements([(row[4], row[3], MovementKind.SHIPMENT, -row[5], row[1], "", None) for row in rows], at)
    return {row[1] for row in rows}


def expire_due(at: datetime, limit: int = 500) -> int:
    """End reservations of unpaid orders whose time is over, at most ``limit`` orders; returns how many orders.

    A safety net below the orders' own expiry: goods come back even when nobody cancels the order.
    """
    rows = sql.fetch(
        "SELECT DISTINCT order_id FROM (SELECT order_id FROM inventory_reservations WHERE tenant_id = %s AND state = 'reserved'"
        " AND expires_at <= %s ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED) due",
        (current_tenant_id(), at, limit),
    )
    expired = sorted({row[1] for row in _turn(_RELEASE, [row[0] for row in rows], "expired", at, ("reserved",))})
    events.record([ReservationsExpired(order_id=order_id, occurred_at=at) for order_id in expired])
    return len(expired)


class PiecesLost(Conflict):
    """Pieces that were allocated to a paid order were taken out of sale, and no others could be had yet."""

    code = "pieces_lost"
    advice = "Wait for new stock and serve the lost pieces again, send the rest in parts, or refund what is missing."


class NotHeld(Conflict):
    """Fewer pieces of a line are held than are to be given back: they left, or were released before."""

    code = "not_held"
    advice = "Read the order's reservations; what has shipped comes back as returned goods."


_RELEASE_PART = """
WITH d AS (
  SELECT * FROM unnest(%s::bigint[], %s::int[], %s::int[]) AS d(id, taken, rest)
), changed AS (
  UPDATE inventory_reservations r SET state = CASE WHEN d.rest = 0 THEN 'released' ELSE r.state END,
         quantity = CASE WHEN d.rest = 0 THEN r.quantity ELSE d.rest END, changed_at = %s
  FROM d WHERE r.id = d.id AND r.tenant_id = %s
), wanted AS (
  SELECT r.sku_id, r.warehouse_id, coalesce(sum(d.taken) FILTER (WHERE r.state = 'reserved'), 0) AS from_reserved,
         coalesce(sum(d.taken) FILTER (WHERE r.state = 'allocated'), 0) AS from_allocated
  FROM inventory_reservations r JOIN d ON d.id = r.id WHERE r.tenant_id = %s GROUP BY r.sku_id, r.warehouse_id
), locked AS (
  SELECT s.id, w.from_reserved, w.from_allocated FROM inventory_stock_levels s JOIN wanted w USING (sku_id, warehouse_id)
  WHERE s.tenant_id = %s ORDER BY s.sku_id, s.warehouse_id FOR UPDATE OF s
)
UPDATE inventory_stock_levels s SET reserved = s.reserved - l.from_reserved, allocated = s.allocated - l.from_allocated
FROM locked l WHERE s.id = l.id
"""


def release_lines(lines: Sequence[ReturnedGoods]) -> int:
    """Give back part of what is held for order lines that have not shipped; returns how many pieces.

    The reservation shrinks, or ends when nothing of it is left. Raises NotHeld when fewer pieces are held than asked for;
    then nothing is given back. Not idempotent: the caller guards its own repetition.
    """
    asked: dict[int, int] = {}
    for line in lines:
        asked[line.line_id] = asked.get(line.line_id, 0) + line.quantity
    tenant_id = current_tenant_id()
    held = sql.fetch(
        "SELECT id, line_id, quantity, channel_stock_id FROM inventory_reservations"
        " WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) AND line_id = ANY(%s::bigint[])"
        " AND state IN ('reserved', 'allocated', 'lost')"
        " ORDER BY state = 'lost' DESC, id FOR UPDATE",
        (tenant_id, list({line.order_id for line in lines}), list(asked)),
    )
    left, taken, shared = dict(asked), [], []
    for reservation_id, line_id, quantity, channel_stock_id in held:
        part = min(quantity, left[line_id])
        left[line_id] -= part
        if part:
            taken.append((reservation_id, part, quantity - part))
            shared.append((channel_stock_id, part))
    short = {line_id: quantity for line_id, quantity in left.items() if quantity}
    if short:
        raise NotHeld("Fewer pieces are held than are to be given back.", missing_quantity=sum(short.values()))
    if taken:
        columns = [list(column) for column in zip(*taken, strict=True)]
        sql.execute(_RELEASE_PART, (*columns, clock.now(), tenant_id, tenant_id, tenant_id))
        give_back(shared)
    return sum(asked.values())
