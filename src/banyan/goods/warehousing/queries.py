"""Reads of warehousing. All run inside ``tenancy.enter``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from banyan.goods.catalog import queries as catalog
from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import WarehouseId
from banyan.goods.warehousing.engine.pasting import read_counts
from banyan.goods.warehousing.types import (
    Counted,
    StockTake,
    StockTakeId,
    StockTakeLine,
    StockTakeState,
    Transfer,
    TransferId,
    TransferLine,
    TransferReceipt,
    TransferState,
    TypedFault,
)
from banyan.kernel import sql
from banyan.kernel.tenancy import current_tenant_id


def read_pasted(text: str) -> tuple[list[Counted], list[TypedFault]]:
    """A pasted list of ``code, pieces`` or ``code, lot, pieces`` as counts of known SKUs and lots, and what is wrong with it."""
    typed, faults = read_counts(text)
    skus = catalog.find_skus_by_codes({one.code for one in typed})
    lots = stock.find_lots((skus[one.code], one.lot_number) for one in typed if one.lot_number and one.code in skus)
    counts: list[Counted] = []
    for one in typed:
        sku_id = skus.get(one.code)
        lot_id = None if sku_id is None or not one.lot_number else lots.get((sku_id, one.lot_number))
        if sku_id is None:
            faults.append(TypedFault(one.line_number, one.code, "No SKU has this code."))
        elif one.lot_number and lot_id is None:
            faults.append(TypedFault(one.line_number, f"{one.code} {one.lot_number}", "This SKU has no such lot."))
        else:
            counts.append(Counted(sku_id, one.quantity, lot_id))
    return counts, sorted(faults)


_TRANSFER = "id, source_id, destination_id, state, note, drafted_by, drafted_at, sent_at, closed_at"


def find_transfer(transfer_id: TransferId) -> Transfer | None:
    """One transfer with its lines."""
    rows = sql.fetch(
        f"SELECT {_TRANSFER} FROM warehousing_transfers WHERE tenant_id = %s AND id = %s", (current_tenant_id(), transfer_id)
    )
    return _with_lines(rows)[0] if rows else None


def list_transfers(
    states: Sequence[TransferState] = tuple(TransferState), warehouse_id: WarehouseId | None = None,
    before_id: int | None = None, limit: int = 50,
) -> list[Transfer]:  # fmt: skip
    """Transfers with their lines, newest first; from or to a warehouse."""
    rows = sql.fetch(
        f"SELECT {_TRANSFER} FROM warehousing_transfers WHERE tenant_id = %s AND state = ANY(%s::text[])"
        " AND (%s::bigint IS NULL OR source_id = %s::bigint OR destination_id = %s::bigint)"
        " AND (%s::bigint IS NULL OR id < %s::bigint) ORDER BY id DESC LIMIT %s",
        (
            current_tenant_id(), [one.value for one in states], warehouse_id, warehouse_id, warehouse_id, before_id, before_id,
            limit,
        ),
    )  # fmt: skip
    return _with_lines(rows)


def _with_lines(rows: Sequence[tuple[Any, ...]]) -> list[Transfer]:
    found: dict[int, list[TransferLine]] = {}
    for transfer_id, *line in sql.fetch(
        "SELECT transfer_id, id, sku_id, lot_id, quantity, received, lost FROM warehousing_transfer_lines WHERE tenant_id = %s"
        " AND transfer_id = ANY(%s::bigint[]) ORDER BY id",
        (current_tenant_id(), [row[0] for row in rows]),
    ) if rows else ():  # fmt: skip
        found.setdefault(transfer_id, []).append(TransferLine(*line))
    return [
        Transfer(
            row[0], row[1], row[2], TransferState(row[3]), row[4], row[5], row[6], row[7], row[8], tuple(found.get(row[0], ()))
        )
        for row in rows
    ]


def list_receipts(transfer_id: TransferId) -> list[TransferReceipt]:
    """What came in of a transfer and what was lost, oldest first."""
    rows = sql.fetch(
        "SELECT line_id, received, lost, reason, received_by, received_at FROM warehousing_transfer_receipts"
        " WHERE tenant_id = %s AND transfer_id = %s ORDER BY id",
        (current_tenant_id(), transfer_id),
    )
    return [TransferReceipt(*row) for row in rows]


def incoming(sku_ids: Iterable[SkuId], warehouse_id: WarehouseId | None = None) -> dict[tuple[SkuId, WarehouseId], int]:
    """Pieces on the way, by SKU and the warehouse that they go to; places that nothing goes to are left out."""
    rows = sql.fetch(
        "SELECT l.sku_id, t.destination_id, sum(l.quantity - l.received - l.lost)::bigint FROM warehousing_transfers t"
        " JOIN warehousing_transfer_lines l ON l.tenant_id = t.tenant_id AND l.transfer_id = t.id"
        " WHERE t.tenant_id = %s AND t.state IN ('sent', 'receiving') AND l.sku_id = ANY(%s::bigint[])"
        " AND (%s::bigint IS NULL OR t.destination_id = %s::bigint)"
        " GROUP BY 1, 2 HAVING sum(l.quantity - l.received - l.lost) > 0",
        (current_tenant_id(), list(set(sku_ids)), warehouse_id, warehouse_id),
    )
    return {(row[0], row[1]): row[2] for row in rows}


_STOCK_TAKE = """
SELECT k.id, k.warehouse_id, k.state, k.covers_all, k.note, k.opened_by, k.opened_at, k.decided_by, k.decided_at,
       n.lines, n.counted, n.different
FROM warehousing_stock_takes k CROSS JOIN LATERAL (
  SELECT count(*) AS lines, count(l.counted) AS counted, count(*) FILTER (WHERE l.counted <> l.book) AS different
  FROM warehousing_stock_take_lines l WHERE l.tenant_id = k.tenant_id AND l.stock_take_id = k.id
) n
WHERE k.tenant_id = %s
"""


def find_stock_take(stock_take_id: StockTakeId) -> StockTake | None:
    """One stock take, without its lines."""
    rows = sql.fetch(f"{_STOCK_TAKE} AND k.id = %s", (current_tenant_id(), stock_take_id))
    return _stock_take(rows[0]) if rows else None


def list_stock_takes(
    states: Sequence[StockTakeState] = tuple(StockTakeState), before_id: int | None = None, limit: int = 50
) -> list[StockTake]:
    """Stock takes, newest first."""
    rows = sql.fetch(
        f"{_STOCK_TAKE} AND k.state = ANY(%s::text[]) AND (%s::bigint IS NULL OR k.id < %s::bigint) ORDER BY k.id DESC LIMIT %s",
        (current_tenant_id(), [one.value for one in states], before_id, before_id, limit),
    )
    return [_stock_take(row) for row in rows]


def _stock_take(row: tuple[Any, ...]) -> StockTake:
    return StockTake(row[0], row[1], StockTakeState(row[2]), *row[3:])


def list_stock_take_lines(
    stock_take_id: StockTakeId, different_only: bool = False, before_id: int | None = None, limit: int = 200
) -> list[StockTakeLine]:
    """What there is to count and what was found, newest line first."""
    rows = sql.fetch(
        "SELECT id, sku_id, lot_id, counted, book, counted_by, counted_at FROM warehousing_stock_take_lines"
        " WHERE tenant_id = %s AND stock_take_id = %s AND (NOT %s OR counted <> book)"
        " AND (%s::bigint IS NULL OR id < %s::bigint) ORDER BY id DESC LIMIT %s",
        (current_tenant_id(), stock_take_id, different_only, before_id, before_id, limit),
    )
    return [StockTakeLine(*row) for row in rows]
