"""Writes of inventory: batches, guarded in the statement and by the table's CHECK.

One lock order everywhere: reservations by id, then levels by (sku_id, warehouse_id). All functions run inside
``tenancy.enter``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction

from banyan.goods.catalog import queries as catalog
from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory.engine import choosing
from banyan.goods.inventory.events import ReservationsExpired
from banyan.goods.inventory.models import Movement, Warehouse
from banyan.goods.inventory.types import (
    Adjustment,
    MovementKind,
    NewWarehouse,
    Receipt,
    ReserveLine,
    ReturnedGoods,
    Shortage,
    WarehouseId,
)
from banyan.kernel import clock, events, ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import Conflict, Invalid, NotFound

QUANTITY_MAX = 1_000_000_000


class CodeTaken(Conflict):
    """The warehouse code is in use."""

    code = "code_taken"
    advice = "Choose another code."


class UnknownWarehouse(NotFound):
    """No such warehouse in this shop."""

    code = "unknown_warehouse"
    advice = "List the warehouses and use one of their ids."


class UnknownSku(NotFound):
    """No such SKU in this shop."""

    code = "unknown_sku"
    advice = "List the products and use one of their SKU ids."


class StockPromised(Conflict):
    """The change would take away pieces that are promised to orders."""

    code = "stock_promised"
    advice = "Release or ship the orders first, or adjust by less."


# Locking and reading in one order, so that orders (A, B) and (B, A) queue instead of deadlocking.
LOCK_LEVELS = """
SELECT s.sku_id, s.warehouse_id, s.on_hand - s.reserved - s.allocated, w.priority
FROM inventory_stock_levels s
CROSS JOIN LATERAL (SELECT priority FROM inventory_warehouses WHERE id = s.warehouse_id AND is_active OFFSET 0) w
WHERE s.tenant_id = %s AND s.sku_id = ANY({skus})
ORDER BY s.sku_id, s.warehouse_id FOR UPDATE OF s
"""
# The guard. The levels are locked already; the condition makes the statement safe even without the lock.
GUARD = "AND s.on_hand - s.reserved - s.allocated >= w.quantity"
RESERVE = """
WITH held AS (
  INSERT INTO inventory_reservations (tenant_id, id, order_id, line_id, warehouse_id, sku_id, quantity, state,
    expires_at, changed_at)
  SELECT %s, u.id, u.order_id, u.line_id, u.warehouse_id, u.sku_id, u.quantity, 'reserved', u.expires_at, %s
  FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::int[], %s::timestamptz[])
    AS u(id, order_id, line_id, warehouse_id, sku_id, quantity, expires_at)
)
UPDATE inventory_stock_levels s SET reserved = s.reserved + w.quantity
FROM unnest({skus}, {warehouses}, {quantities}) AS w(sku_id, warehouse_id, quantity)
WHERE s.tenant_id = %s AND s.sku_id = w.sku_id AND s.warehouse_id = w.warehouse_id {guard}
"""


def open_warehouses(warehouses: Sequence[NewWarehouse]) -> list[WarehouseId]:
    """Open warehouses. Raises CodeTaken, Invalid; then none is opened."""
    for new in warehouses:
        if not new.code.strip() or len(new.code) > 40 or not new.name.strip() or len(new.name) > 120:
            raise Invalid("A warehouse needs a code of 1 to 40 and a name of 1 to 120 characters.", field="code")
    identities = ids.next_ids(len(warehouses))
    rows = [(identity, w.code, w.name, w.priority, True) for identity, w in zip(identities, warehouses, strict=True)]
    try:
        with transaction.atomic():
            sql.insert(Warehouse, ("id", "code", "name", "priority", "is_active"), rows)
    except IntegrityError as error:
        raise CodeTaken("A warehouse code of this batch is taken or named twice.") from error
    return [WarehouseId(identity) for identity in identities]


def set_warehouse_active(warehouse_id: WarehouseId, is_active: bool) -> None:
    """Let a warehouse serve new orders or not; what it has promised stays promised. Raises UnknownWarehouse."""
    if not sql.execute(
        "UPDATE inventory_warehouses SET is_active = %s WHERE tenant_id = %s AND id = %s",
        (is_active, current_tenant_id(), warehouse_id),
    ):
        raise UnknownWarehouse("No such warehouse.")


def reserve(lines: Sequence[ReserveLine]) -> dict[int, tuple[Shortage, ...]]:
    """Hold the goods of orders: all lines of an order or none. Returns the refused orders with what they lack.

    Orders are served in the order of their first line. Levels are locked by (sku, warehouse) before deciding, so nobody
    else can promise the same pieces; the update is conditional and the table checks once more.
    Raises Invalid on a quantity outside 1..1,000,000,000.
    """
    if not lines:
        return {}
    wishes: dict[int, list[tuple[int, int, int]]] = {}
    for line in lines:
        if not 0 < line.quantity <= QUANTITY_MAX:
            raise Invalid("A quantity must lie within 1 and 1,000,000,000.", field="quantity")
        wishes.setdefault(line.order_id, []).append((line.line_id, line.sku_id, line.quantity))
    tenant_id = current_tenant_id()
    levels: choosing.Available = {}
    warehouses: set[tuple[int, int]] = set()
    array, params = sql.few(list({line.sku_id for line in lines}))
    for sku_id, warehouse_id, free, priority in sql.fetch(LOCK_LEVELS.format(skus=array), (tenant_id, *params)):
        levels.setdefault(sku_id, {})[warehouse_id] = free
        warehouses.add((priority, warehouse_id))
    by_priority = [warehouse_id for _, warehouse_id in sorted(warehouses)]
    choice = choosing.choose([choosing.Wish(order_id, tuple(wish)) for order_id, wish in wishes.items()], levels, by_priority)
    _hold(choice.holds, {line.order_id: line.expires_at for line in lines})
    return {
        order_id: tuple(Shortage(order_id, sku_id, wanted, have) for sku_id, wanted, have in shortages)  # type: ignore[arg-type]
        for order_id, shortages in choice.refused.items()
    }


def _hold(holds: Sequence[choosing.Hold], expires: dict[int, datetime | None]) -> None:
    """Write reservations and raise levels in one statement; a level that fails its guard is a defect and rolls all back."""
    if not holds:
        return
    tenant_id = current_tenant_id()
    totals: dict[tuple[int, int], int] = {}
    for hold in holds:
        place = (hold.sku_id, hold.warehouse_id)
        totals[place] = totals.get(place, 0) + hold.quantity
    places = sorted(totals)
    skus, sku_params = sql.few([place[0] for place in places])
    warehouses, warehouse_params = sql.few([place[1] for place in places])
    quantities, quantity_params = sql.few([totals[place] for place in places])
    touched = sql.execute(
        RESERVE.format(guard=GUARD, skus=skus, warehouses=warehouses, quantities=quantities),
        (
            tenant_id,
            clock.now(),
            list(ids.next_ids(len(holds))),
            [h.order_id for h in holds],
            [h.line_id for h in holds],
            [h.warehouse_id for h in holds],
            [h.sku_id for h in holds],
            [h.quantity for h in holds],
            [expires[h.order_id] for h in holds],
            *sku_params,
            *warehouse_params,
            *quantity_params,
            tenant_id,
        ),
    )
    if touched != len(places):
        raise Conflict("The stock changed while it was being promised; send the request again.")


# picked: the reservations to move, locked by id; moved: their new state; the levels follow, locked by (sku, warehouse).
_TURN = """
WITH picked AS (
  SELECT id, order_id, line_id, sku_id, warehouse_id, quantity, state FROM inventory_reservations
  WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) AND state = ANY(%s::text[]) ORDER BY id FOR UPDATE
), moved AS (
  UPDATE inventory_reservations r SET state = %s, changed_at = %s FROM picked p WHERE r.id = p.id
), wanted AS (
  SELECT sku_id, warehouse_id, sum(quantity) FILTER (WHERE state = 'reserved') AS from_reserved,
         sum(quantity) FILTER (WHERE state = 'allocated') AS from_allocated
  FROM picked GROUP BY sku_id, warehouse_id
), locked AS (
  SELECT s.id, coalesce(w.from_reserved, 0) AS from_reserved, coalesce(w.from_allocated, 0) AS from_allocated
  FROM inventory_stock_levels s JOIN wanted w USING (sku_id, warehouse_id) WHERE s.tenant_id = %s
  ORDER BY s.sku_id, s.warehouse_id FOR UPDATE OF s
), levelled AS (
  UPDATE inventory_stock_levels s SET reserved = s.reserved - l.from_reserved {allocated} {on_hand} FROM locked l
    WHERE s.id = l.id
)
SELECT id, order_id, line_id, sku_id, warehouse_id, quantity FROM picked
"""
_ALLOCATE = _TURN.format(allocated=", allocated = s.allocated - l.from_allocated + l.from_reserved", on_hand="")
_RELEASE = _TURN.format(allocated=", allocated = s.allocated - l.from_allocated", on_hand="")
_SHIP = _TURN.format(allocated=", allocated = s.allocated - l.from_allocated", on_hand=", on_hand = s.on_hand - l.from_allocated")


def _turn(statement: str, order_ids: Iterable[int], states: list[str], into: str, at: datetime) -> list[tuple[int, ...]]:
    tenant_id = current_tenant_id()
    wanted = list(set(order_ids))
    return sql.fetch(statement, (tenant_id, wanted, states, into, at, tenant_id)) if wanted else []


def allocate(order_ids: Iterable[int], at: datetime) -> set[int]:
    """At payment: turn what is reserved into what is owed. Returns the orders that had nothing reserved (not served).

    Idempotent: an order that is allocated already counts as served.
    """
    wanted = set(order_ids)
    served = {row[1] for row in _turn(_ALLOCATE, wanted, ["reserved"], "allocated", at)}
    missing = wanted - served
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
    return len(_turn(_RELEASE, order_ids, ["reserved", "allocated"], "released", clock.now()))


def ship(order_ids: Iterable[int], at: datetime) -> set[int]:
    """Send the allocated goods: pieces leave the warehouse, a movement is written. Returns the orders that shipped something.

    Idempotent: what is shipped already is not shipped again.
    """
    rows = _turn(_SHIP, order_ids, ["allocated"], "shipped", at)
    _move([(row[4], row[3], MovementKind.SHIPMENT, -row[5], row[1], "", None) for row in rows], at)
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
    expired = sorted({row[1] for row in _turn(_RELEASE, [row[0] for row in rows], ["reserved"], "expired", at)})
    events.record([ReservationsExpired(order_id=order_id, occurred_at=at) for order_id in expired])
    return len(expired)


Change = tuple[int, int, MovementKind, int, int | None, str, str | None]
"""(warehouse_id, sku_id, kind, quantity_change, order_id, reference, key)"""


def _move(changes: Sequence[Change], at: datetime) -> list[tuple[int, int, int]]:
    """Write movements; those whose key is known are skipped. Returns the written (warehouse_id, sku_id, quantity_change)."""
    identities = ids.next_ids(len(changes))
    rows = [(identity, *change, at) for identity, change in zip(identities, changes, strict=True)]
    columns = ("id", "warehouse_id", "sku_id", "kind", "quantity_change", "order_id", "reference", "key", "occurred_at")
    return sql.insert(
        Movement, columns, rows,
        on_conflict="ON CONFLICT (tenant_id, key) WHERE key IS NOT NULL DO NOTHING",
        returning="warehouse_id, sku_id, quantity_change",
    )  # fmt: skip


def _raise_levels(moved: Sequence[tuple[int, int, int]]) -> None:
    """Add the written changes to on_hand, making levels that do not exist yet, in lock order."""
    totals: dict[tuple[int, int], int] = {}
    for warehouse_id, sku_id, change in moved:
        totals[sku_id, warehouse_id] = totals.get((sku_id, warehouse_id), 0) + change
    places = sorted(place for place, change in totals.items() if change)
    if not places:
        return
    tenant_id = current_tenant_id()
    sql.execute(
        # Zero rows first, so that there is something to lock; then all locks in order; then the change.
        "INSERT INTO inventory_stock_levels (tenant_id, id, sku_id, warehouse_id, on_hand, reserved, allocated)"
        " SELECT %s, u.id, u.sku_id, u.warehouse_id, 0, 0, 0 FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[])"
        " AS u(id, sku_id, warehouse_id) ORDER BY u.sku_id, u.warehouse_id"
        " ON CONFLICT (tenant_id, sku_id, warehouse_id) DO NOTHING",
        (tenant_id, list(ids.next_ids(len(places))), [p[0] for p in places], [p[1] for p in places]),
    )
    sql.execute(
        "WITH wanted AS (SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS u(sku_id, warehouse_id, change)),"
        " locked AS (SELECT s.id, w.change FROM inventory_stock_levels s JOIN wanted w USING (sku_id, warehouse_id)"
        " WHERE s.tenant_id = %s ORDER BY s.sku_id, s.warehouse_id FOR UPDATE OF s)"
        " UPDATE inventory_stock_levels s SET on_hand = s.on_hand + l.change FROM locked l WHERE s.id = l.id",
        ([p[0] for p in places], [p[1] for p in places], [totals[p] for p in places], tenant_id),
    )


def _check_places(places: Sequence[tuple[int, int]]) -> None:
    """Raise UnknownWarehouse or UnknownSku unless every (warehouse_id, sku_id) names rows of this tenant."""
    warehouses = {place[0] for place in places}
    known = sql.fetch(
        "SELECT id FROM inventory_warehouses WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (current_tenant_id(), list(warehouses)),
    )
    if len(known) != len(warehouses):
        raise UnknownWarehouse("A warehouse of this batch does not exist.")
    skus = {SkuId(place[1]) for place in places}
    if catalog.known_skus(skus) != skus:
        raise UnknownSku("A SKU of this batch does not exist.")


def receive_stock(receipts: Sequence[Receipt]) -> int:
    """Goods came in: on_hand rises, a movement is written. Returns how many receipts were new; a known key is skipped.

    Raises Invalid, UnknownWarehouse, UnknownSku; then nothing is received.
    """
    for receipt in receipts:
        if not 0 < receipt.quantity <= QUANTITY_MAX:
            raise Invalid("A received quantity must lie within 1 and 1,000,000,000.", field="quantity")
    return _change_stock(
        [(r.warehouse_id, r.sku_id, MovementKind.RECEIPT, r.quantity, None, r.reference[:200], r.key) for r in receipts]
    )


def adjust_stock(adjustments: Sequence[Adjustment]) -> int:
    """Write counted differences with their reasons. Returns how many were new; a known key is skipped.

    Raises StockPromised when fewer pieces would remain than are promised, Invalid, UnknownWarehouse, UnknownSku.
    """
    for adjustment in adjustments:
        if adjustment.quantity_change == 0 or abs(adjustment.quantity_change) > QUANTITY_MAX or not adjustment.reason.strip():
            raise Invalid("An adjustment needs a change other than 0 and a reason.", field="quantity_change")
    return _change_stock(
        [(a.warehouse_id, a.sku_id, MovementKind.ADJUSTMENT, a.quantity_change, None, a.reason[:200], a.key) for a in adjustments]
    )


def _change_stock(changes: Sequence[Change]) -> int:
    if not changes:
        return 0
    _check_places([(change[0], change[1]) for change in changes])
    try:
        with transaction.atomic():  # a savepoint: a refused change leaves no movement behind
            moved = _move(changes, clock.now())
            _raise_levels(moved)
    except IntegrityError as error:
        raise StockPromised("Fewer pieces would remain than are promised to orders.") from error
    return len(moved)


def restock_returns(returned: Sequence[ReturnedGoods]) -> int:
    """Put returned pieces that are fit for sale back. Returns how many were new; a known key is skipped.

    Without a warehouse they go to where the line was shipped from (the larger part, when it was split).
    Raises Invalid, and UnknownWarehouse when none is named and nothing of that line was ever shipped.
    """
    shipped: dict[int, int] = {}
    unnamed = [goods.line_id for goods in returned if goods.warehouse_id is None]
    if unnamed:
        rows = sql.fetch(
            "SELECT line_id, warehouse_id FROM inventory_reservations WHERE tenant_id = %s AND order_id = ANY(%s::bigint[])"
            " AND line_id = ANY(%s::bigint[]) AND state = 'shipped' ORDER BY quantity, id DESC",
            (current_tenant_id(), list({goods.order_id for goods in returned}), unnamed),
        )
        shipped = dict(rows)
    changes: list[Change] = []
    for goods in returned:
        if not 0 < goods.quantity <= QUANTITY_MAX:
            raise Invalid("A returned quantity must lie within 1 and 1,000,000,000.", field="quantity")
        warehouse_id = goods.warehouse_id or shipped.get(goods.line_id)
        if warehouse_id is None:
            raise UnknownWarehouse("This line was never shipped; name the warehouse that takes the goods.")
        changes.append((warehouse_id, goods.sku_id, MovementKind.RESTOCK, goods.quantity, goods.order_id, "", goods.key))
    return _change_stock(changes)


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
        "SELECT id, line_id, quantity FROM inventory_reservations WHERE tenant_id = %s AND order_id = ANY(%s::bigint[])"
        " AND line_id = ANY(%s::bigint[]) AND state IN ('reserved', 'allocated') ORDER BY id FOR UPDATE",
        (tenant_id, list({line.order_id for line in lines}), list(asked)),
    )
    left, taken = dict(asked), []
    for reservation_id, line_id, quantity in held:
        part = min(quantity, left[line_id])
        left[line_id] -= part
        if part:
            taken.append((reservation_id, part, quantity - part))
    short = {line_id: quantity for line_id, quantity in left.items() if quantity}
    if short:
        raise NotHeld("Fewer pieces are held than are to be given back.", missing_quantity=sum(short.values()))
    if taken:
        columns = [list(column) for column in zip(*taken, strict=True)]
        sql.execute(_RELEASE_PART, (*columns, clock.now(), tenant_id, tenant_id, tenant_id))
    return sum(asked.values())
