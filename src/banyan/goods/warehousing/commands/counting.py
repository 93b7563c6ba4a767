"""Stock takes: what is counted is compared with the books at the moment of each count, so sales may go on meanwhile.

What is written at the approval is the difference found then, not the number counted: a piece that was sold after the count has
left the books by itself. All functions run inside ``tenancy.enter``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from banyan.goods.catalog import queries as catalog
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import MovementKind, StockMove
from banyan.goods.warehousing.events import StockTakeApproved
from banyan.goods.warehousing.models import StockTakeLineRow, StockTakeRow
from banyan.goods.warehousing.types import Counted, NewStockTake, StockTakeId, StockTakeState
from banyan.kernel import clock, events, ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import Conflict, Invalid, NotFound

PIECES_MAX = 1_000_000_000
STOCK_TAKE = "stk"


class UnknownStockTake(NotFound):
    """No such stock take in this shop."""

    code = "unknown_stock_take"
    advice = "List the stock takes and use one of their ids."


class NotCounting(Conflict):
    """The stock take is decided."""

    code = "stock_take_decided"
    advice = "Open another stock take."


class NothingCounted(Conflict):
    """Nothing has been counted yet, so there is nothing to approve."""

    code = "nothing_counted"
    advice = "Enter what was counted first."


class CountedElsewhere(Conflict):
    """Another stock take has corrected the books since the count, which would be corrected twice."""

    code = "counted_elsewhere"
    advice = "Count this SKU again; the later count replaces the earlier one."


class SameCounter(Conflict):
    """Whoever counted cannot approve."""

    code = "same_counter"
    advice = "Ask somebody who has counted nothing of this stock take."


def open_stock_take(new: NewStockTake, opened_by: int) -> StockTakeId:
    """Open a count. ``sku_ids`` None: of everything that the warehouse has by the books.

    Raises Invalid, UnknownWarehouse, UnknownSku.
    """
    if all(one.warehouse_id != new.warehouse_id for one in stock.list_warehouses()):
        raise inventory.UnknownWarehouse("No such warehouse.")
    if new.sku_ids is not None:
        wanted = set(new.sku_ids)
        if not wanted:
            raise Invalid("A stock take of some SKUs names at least one.", field="sku_ids")
        if catalog.known_skus(wanted) != wanted:
            raise inventory.UnknownSku("A SKU of this stock take does not exist.")
    if len(new.note) > 200:
        raise Invalid("A note has at most 200 characters.", field="note")
    stock_take_id = ids.next_id()
    sql.insert(
        StockTakeRow,
        ("id", "warehouse_id", "state", "covers_all", "note", "opened_by", "opened_at"),
        [(stock_take_id, new.warehouse_id, "counting", new.sku_ids is None, new.note, opened_by, clock.now())],
    )
    places = stock.places_to_count(new.warehouse_id, new.sku_ids)
    sql.insert(
        StockTakeLineRow,
        ("id", "stock_take_id", "sku_id", "lot_id"),
        [(i, stock_take_id, *place) for i, place in zip(ids.next_ids(len(places)), places, strict=True)],
    )
    return StockTakeId(stock_take_id)


def count(stock_take_id: StockTakeId, counts: Sequence[Counted], counted_by: int) -> int:
    """Enter what was counted; a later count of the same thing replaces the earlier one. Returns how many lines were entered.

    Each count is kept with the pieces on hand by the books at this moment, read under the level's lock. In a stock take of
    everything, things may be found that the books do not know there; in one of some SKUs, only those (and any lot of them).
    Raises NotCounting, Invalid, UnknownSku, UnknownStockTake; then nothing is entered.
    """
    if not counts:
        return 0
    if any(not 0 <= one.quantity <= PIECES_MAX for one in counts):
        raise Invalid("A counted quantity must lie within 0 and 1,000,000,000.", field="quantity")
    things = [(one.sku_id, one.lot_id) for one in counts]
    if len(set(things)) != len(things):
        raise Invalid("A SKU, or a lot of it, is counted twice.", field="counts")
    warehouse_id, state, covers_all = _lock(stock_take_id)
    if state is not StockTakeState.COUNTING:
        raise NotCounting("The stock take is decided.")
    skus = {one.sku_id for one in counts}
    if covers_all:
        if catalog.known_skus(skus) != skus:
            raise inventory.UnknownSku("A SKU of these counts does not exist.")
    elif not skus <= _skus_of(stock_take_id):
        raise Invalid("A SKU of these counts is not part of this stock take.", field="sku_id")
    books = inventory.lock_books(warehouse_id, things)
    now = clock.now()
    sql.insert(
        StockTakeLineRow,
        ("id", "stock_take_id", "sku_id", "lot_id", "counted", "book", "counted_by", "counted_at"),
        [
            (i, stock_take_id, one.sku_id, one.lot_id, one.quantity, books[one.sku_id, one.lot_id], counted_by, now)
            for i, one in zip(ids.next_ids(len(counts)), counts, strict=True)
        ],
        on_conflict="ON CONFLICT (tenant_id, stock_take_id, sku_id, lot_id) DO UPDATE SET counted = EXCLUDED.counted,"
        " book = EXCLUDED.book, counted_by = EXCLUDED.counted_by, counted_at = EXCLUDED.counted_at",
    )
    return len(counts)


def approve_stock_take(stock_take_id: StockTakeId, approved_by: int, at: datetime) -> int:
    """Write the differences as movements; what nobody counted stays as it is. Returns how many lines differed. Idempotent.

    Raises SameCounter for whoever counted anything of it, StockPromised where fewer pieces would remain than are promised,
    CountedElsewhere, NothingCounted, NotCounting when it was cancelled; then nothing is written.
    """
    warehouse_id, state, _ = _lock(stock_take_id)
    tenant_id = current_tenant_id()
    if state is StockTakeState.APPROVED:
        return 0
    if state is not StockTakeState.COUNTING:
        raise NotCounting("The stock take was cancelled.")
    lines = sql.fetch(
        "SELECT id, sku_id, lot_id, counted - book, counted_by FROM warehousing_stock_take_lines"
        " WHERE tenant_id = %s AND stock_take_id = %s AND counted IS NOT NULL ORDER BY id",
        (tenant_id, stock_take_id),
    )
    if not lines:
        raise NothingCounted("Nothing has been counted yet.")
    if any(line[4] == approved_by for line in lines):
        raise SameCounter("Whoever counted cannot approve.")
    reference = ids.public(STOCK_TAKE, stock_take_id)
    different = [line for line in lines if line[3]]
    moves = [
        StockMove(warehouse_id, sku_id, MovementKind.STOCK_TAKE, change, reference, count_key(line_id), lot_id)
        for line_id, sku_id, lot_id, change, _ in different
    ]
    inventory.move_stock(moves, at)  # first: its locks let nobody correct the same books meanwhile
    if different and sql.fetch(_CORRECTED, (stock_take_id, tenant_id, [line[0] for line in different])):
        raise CountedElsewhere("Another stock take has corrected the books of these goods since they were counted.")
    _decide(stock_take_id, StockTakeState.APPROVED, approved_by, at)
    events.record([StockTakeApproved(stock_take_id=stock_take_id, occurred_at=at)])
    return len(different)


_CORRECTED = """
SELECT 1 FROM warehousing_stock_take_lines mine JOIN warehousing_stock_takes here ON here.id = mine.stock_take_id
JOIN warehousing_stock_take_lines theirs ON theirs.tenant_id = mine.tenant_id AND theirs.sku_id = mine.sku_id
  AND theirs.lot_id IS NOT DISTINCT FROM mine.lot_id AND theirs.stock_take_id <> %s AND theirs.counted <> theirs.book
JOIN warehousing_stock_takes there ON there.id = theirs.stock_take_id AND there.warehouse_id = here.warehouse_id
  AND there.state = 'approved' AND there.decided_at >= mine.counted_at
WHERE mine.tenant_id = %s AND mine.id = ANY(%s::bigint[]) LIMIT 1
"""


def count_key(line_id: int) -> str:
    """The key of the movement that wrote a line's difference."""
    return f"stock-take-line/{line_id}"


def cancel_stock_take(stock_take_id: StockTakeId, cancelled_by: int, at: datetime) -> None:
    """Give up a count; nothing is written. Idempotent. Raises NotCounting when it was approved, UnknownStockTake."""
    _, state, _ = _lock(stock_take_id)
    if state is StockTakeState.APPROVED:
        raise NotCounting("The stock take was approved.")
    if state is StockTakeState.COUNTING:
        _decide(stock_take_id, StockTakeState.CANCELLED, cancelled_by, at)


def _decide(stock_take_id: int, state: StockTakeState, decided_by: int, at: datetime) -> None:
    sql.execute(
        "UPDATE warehousing_stock_takes SET state = %s, decided_by = %s, decided_at = %s WHERE tenant_id = %s AND id = %s",
        (state.value, decided_by, at, current_tenant_id(), stock_take_id),
    )


def _lock(stock_take_id: int) -> tuple[int, StockTakeState, bool]:
    rows = sql.fetch(
        "SELECT warehouse_id, state, covers_all FROM warehousing_stock_takes WHERE tenant_id = %s AND id = %s FOR UPDATE",
        (current_tenant_id(), stock_take_id),
    )
    if not rows:
        raise UnknownStockTake("No such stock take.")
    return rows[0][0], StockTakeState(rows[0][1]), rows[0][2]


def _skus_of(stock_take_id: int) -> set[int]:
    rows = sql.fetch(
        "SELECT DISTINCT sku_id FROM warehousing_stock_take_lines WHERE tenant_id = %s AND stock_take_id = %s",
        (current_tenant_id(), stock_take_id),
    )
    return {row[0] for row in rows}
