"""Stock as one table: every SKU in every warehouse with all that is known of it. A report: reads in sets, decides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from banyan.kernel import sql, tenancy

EXPORTED = 10_000
"""Rows of an export; whoever needs more filters or uses the API."""
ONLY = {
    "": "true",
    "low": "n.quantity IS NOT NULL AND f.available < greatest(n.quantity, 1)",
    "out": "f.available <= 0",
    "incoming": "coalesce(w.incoming, 0) > 0",
    "quarantined": "s.quarantined + s.held > 0",
    "set_aside": "s.set_aside > 0",
}
"""What may be asked for, as conditions."""


@dataclass(frozen=True)
class Wanted:
    """What somebody wants to see: in one warehouse or all, by words in code or name, and of a kind (see ``ONLY``)."""

    warehouse_id: int | None = None
    words: str = ""
    only: str = ""


@dataclass(frozen=True)
class Row:
    """One SKU in one warehouse. ``withheld``: of lots that are held, expired or recalled. ``safety`` None: not watched."""

    row_id: int
    sku_id: int
    code: str
    goods: str
    warehouse_id: int
    warehouse: str
    on_hand: int
    reserved: int
    allocated: int
    quarantined: int
    withheld: int
    set_aside: int
    available: int
    incoming: int
    safety: int | None

    @property
    def tone(self) -> str:
        """bad when nothing is left of what is watched, warn when too little."""
        if self.safety is None:
            return ""
        return "bad" if self.available <= 0 else "warn" if self.available < self.safety else ""


_ROWS = """
SELECT s.id, s.sku_id, k.code, concat_ws(' ', p.name_zh, nullif(k.name, '')), s.warehouse_id, h.name, s.on_hand, s.reserved,
       s.allocated, s.quarantined, s.held, s.set_aside, f.available, coalesce(w.incoming, 0)::bigint, n.quantity
FROM inventory_stock_levels s
CROSS JOIN LATERAL (
  SELECT s.on_hand - s.quarantined - s.held - s.reserved - s.allocated - s.set_aside AS available) f
JOIN inventory_warehouses h ON h.id = s.warehouse_id
JOIN catalog_skus k ON k.id = s.sku_id
JOIN catalog_products p ON p.id = k.product_id
LEFT JOIN inventory_safety_stocks n ON n.tenant_id = s.tenant_id AND n.sku_id = s.sku_id AND n.warehouse_id = s.warehouse_id
LEFT JOIN (
  SELECT l.sku_id, t.destination_id, sum(l.quantity - l.received - l.lost) AS incoming FROM warehousing_transfers t
  JOIN warehousing_transfer_lines l ON l.tenant_id = t.tenant_id AND l.transfer_id = t.id
  WHERE t.tenant_id = %(tenant)s AND t.state IN ('sent', 'receiving') GROUP BY l.sku_id, t.destination_id
) w ON w.sku_id = s.sku_id AND w.destination_id = s.warehouse_id
WHERE s.tenant_id = %(tenant)s AND (%(warehouse)s::bigint IS NULL OR s.warehouse_id = %(warehouse)s::bigint)
  AND (%(words)s = '' OR k.code ILIKE %(like)s OR p.name_zh ILIKE %(like)s OR k.name ILIKE %(like)s)
  AND (%(before)s::bigint IS NULL OR s.id < %(before)s::bigint) AND ({only})
"""


def _params(wanted: Wanted, before: int | None = None) -> Any:
    plain = wanted.words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return {
        "tenant": tenancy.current_tenant_id(), "warehouse": wanted.warehouse_id, "words": wanted.words, "like": f"%{plain}%",
        "before": before,
    }  # fmt: skip


def _statement(wanted: Wanted) -> str:
    return _ROWS.format(only=ONLY.get(wanted.only, "true"))


def list_rows(wanted: Wanted, before: int | None = None, limit: int = 50) -> list[Row]:
    """Rows, newest place first."""
    rows = sql.fetch(f"{_statement(wanted)} ORDER BY s.id DESC LIMIT %(limit)s", _params(wanted, before) | {"limit": limit})
    return [Row(*row) for row in rows]


def totals(wanted: Wanted) -> dict[str, int]:
    """Sums of everything that the filters leave."""
    names = ("places", "on_hand", "reserved", "allocated", "quarantined", "set_aside", "available", "incoming")
    rows = sql.fetch(
        "SELECT count(*), coalesce(sum(on_hand), 0)::bigint, coalesce(sum(reserved), 0)::bigint,"
        " coalesce(sum(allocated), 0)::bigint, coalesce(sum(quarantined + held), 0)::bigint,"
        " coalesce(sum(set_aside), 0)::bigint, coalesce(sum(available), 0)::bigint, coalesce(sum(coming), 0)::bigint"
        f" FROM ({_statement(wanted)}) AS r(id, sku_id, code, goods, warehouse_id, warehouse, on_hand, reserved, allocated,"
        " quarantined, held, set_aside, available, coming, safety)",
        _params(wanted),
    )
    return dict(zip(names, rows[0], strict=True))


def exported(wanted: Wanted) -> Iterator[list[object]]:
    """The rows of an export, at most 10,000, by code and warehouse."""
    found = f"{_statement(wanted)} ORDER BY k.code, h.priority, h.id LIMIT %(limit)s"
    for values in sql.fetch(found, _params(wanted) | {"limit": EXPORTED}):
        row = Row(*values)
        yield [
            row.code, row.goods, row.warehouse, row.on_hand, row.reserved, row.allocated, row.quarantined, row.withheld,
            row.set_aside, row.available, row.incoming, "" if row.safety is None else row.safety,
        ]  # fmt: skip
