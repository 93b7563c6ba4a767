"""Reads of stock for those who count it, move it and look at it place by place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory.types import LotId, MovementKind, WarehouseId
from banyan.kernel import sql
from banyan.kernel.tenancy import current_tenant_id


def places_to_count(warehouse_id: WarehouseId, sku_ids: Sequence[SkuId] | None) -> list[tuple[int, int | None]]:
    """What there is to count in a warehouse, as (SKU, lot or None): of these SKUs, or of all that it has by the books (None).

    Lot-tracked SKUs are counted by lot, one line for each that is there.
    """
    tenant_id = current_tenant_id()
    if sku_ids is None:
        rows = sql.fetch(
            "SELECT sku_id FROM inventory_stock_levels WHERE tenant_id = %s AND warehouse_id = %s AND on_hand > 0",
            (tenant_id, warehouse_id),
        )
        wanted = sorted(row[0] for row in rows)
    else:
        wanted = sorted(set(sku_ids))
    rows = sql.fetch(
        "SELECT r.sku_id, k.lot_id FROM inventory_lot_rules r LEFT JOIN inventory_lot_stock k"
        " ON k.tenant_id = r.tenant_id AND k.sku_id = r.sku_id AND k.warehouse_id = %s AND k.on_hand > 0"
        " WHERE r.tenant_id = %s AND r.sku_id = ANY(%s::bigint[]) ORDER BY r.sku_id, k.lot_id",
        (warehouse_id, tenant_id, wanted),
    )
    by_lot: dict[int, list[int | None]] = {}
    for sku_id, lot_id in rows:
        by_lot.setdefault(sku_id, []).extend([lot_id] if lot_id is not None else [])
    return [(sku_id, lot_id) for sku_id in wanted for lot_id in by_lot.get(sku_id, [None])]


def moved_pieces(kinds: Sequence[MovementKind]) -> dict[tuple[str, str, int, int, int], int]:
    """For checks: pieces moved by (kind, first word of the reference, warehouse, SKU, lot or 0). Reads all movements."""
    rows = sql.fetch(
        "SELECT kind, split_part(reference, ' ', 1), warehouse_id, sku_id, coalesce(lot_id, 0), sum(quantity_change)::bigint"
        " FROM inventory_movements WHERE tenant_id = %s AND kind = ANY(%s::text[]) GROUP BY 1, 2, 3, 4, 5",
        (current_tenant_id(), [kind.value for kind in kinds]),
    )
    return {(row[0], row[1], row[2], row[3], row[4]): row[5] for row in rows}


def lot_numbers(lot_ids: Iterable[int | None]) -> dict[int, tuple[int, str]]:
    """(SKU, number) of these lots, for lists; unknown ids and None are left out."""
    wanted = sorted({one for one in lot_ids if one is not None})
    if not wanted:
        return {}
    rows = sql.fetch(
        "SELECT id, sku_id, number FROM inventory_lots WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (current_tenant_id(), wanted),
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def find_lots(named: Iterable[tuple[int, str]]) -> dict[tuple[int, str], LotId]:
    """The lots of these (SKU, number); unknown ones are left out."""
    wanted = sorted(set(named))
    rows = sql.fetch(
        "SELECT l.sku_id, l.number, l.id FROM inventory_lots l JOIN unnest(%s::bigint[], %s::text[]) AS u(sku_id, number)"
        " USING (sku_id, number) WHERE l.tenant_id = %s",
        ([one[0] for one in wanted], [one[1] for one in wanted], current_tenant_id()),
    )
    return {(row[0], row[1]): row[2] for row in rows}
