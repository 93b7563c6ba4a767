"""What ``banyan verify`` recomputes of inventory: levels are a cache of movements and open reservations."""

from __future__ import annotations

from collections.abc import Iterator

from banyan.kernel import sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.verification import Finding, Tally, check

_LEVELS = """
WITH moved AS (
  SELECT warehouse_id, sku_id, sum(quantity_change)::bigint AS on_hand FROM inventory_movements WHERE tenant_id = %(tenant)s
  GROUP BY warehouse_id, sku_id
), held AS (
  SELECT warehouse_id, sku_id, coalesce(sum(quantity) FILTER (WHERE state = 'reserved'), 0)::bigint AS reserved,
         coalesce(sum(quantity) FILTER (WHERE state = 'allocated'), 0)::bigint AS allocated
  FROM inventory_reservations WHERE tenant_id = %(tenant)s AND state IN ('reserved', 'allocated') GROUP BY warehouse_id, sku_id
), levels AS (
  SELECT warehouse_id, sku_id, on_hand, reserved, allocated FROM inventory_stock_levels WHERE tenant_id = %(tenant)s
)
SELECT warehouse_id, sku_id, coalesce(m.on_hand, 0), coalesce(h.reserved, 0), coalesce(h.allocated, 0),
       coalesce(l.on_hand, 0), coalesce(l.reserved, 0), coalesce(l.allocated, 0)
FROM levels l FULL JOIN moved m USING (warehouse_id, sku_id) FULL JOIN held h USING (warehouse_id, sku_id)
"""


@check("inventory.levels")
def levels(tally: Tally) -> Iterator[Finding]:
    """on_hand is the sum of the movements; reserved and allocated are the sums of the open reservations."""
    rows = sql.fetch(_LEVELS, {"tenant": current_tenant_id()})  # type: ignore[arg-type]
    tally.compared += 3 * len(rows)
    for warehouse_id, sku_id, *numbers in rows:
        if numbers[:3] != numbers[3:]:
            subject = f"inventory_stock_levels/warehouse {warehouse_id} sku {sku_id}"
            names = ("on_hand", "reserved", "allocated")
            expected, actual = dict(zip(names, numbers[:3], strict=True)), dict(zip(names, numbers[3:], strict=True))
            yield Finding("inventory.levels", subject, expected, actual)
