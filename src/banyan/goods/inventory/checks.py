"""What ``banyan verify`` recomputes of inventory: levels, also those of lots, are a cache of movements, open reservations and
decisions about lots."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from banyan.kernel import ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.verification import Finding, Tally, check

_LEVELS = """
WITH moved AS (
  SELECT m.warehouse_id, m.sku_id, sum(m.quantity_change)::bigint AS on_hand,
         coalesce(sum(m.quantity_change) FILTER (WHERE m.quarantined), 0)::bigint AS quarantined,
         coalesce(sum(m.quantity_change) FILTER (WHERE NOT m.quarantined AND o.state <> 'open'), 0)::bigint AS held
  FROM inventory_movements m LEFT JOIN inventory_lots o ON o.id = m.lot_id WHERE m.tenant_id = %(tenant)s
  GROUP BY m.warehouse_id, m.sku_id
), promised AS (
  SELECT warehouse_id, sku_id, coalesce(sum(quantity) FILTER (WHERE state = 'reserved'), 0)::bigint AS reserved,
         coalesce(sum(quantity) FILTER (WHERE state = 'allocated'), 0)::bigint AS allocated
  FROM inventory_reservations WHERE tenant_id = %(tenant)s AND state IN ('reserved', 'allocated') GROUP BY warehouse_id, sku_id
), levels AS (
  SELECT warehouse_id, sku_id, on_hand, reserved, allocated, quarantined, held FROM inventory_stock_levels
  WHERE tenant_id = %(tenant)s
)
SELECT warehouse_id, sku_id, coalesce(m.on_hand, 0), coalesce(p.reserved, 0), coalesce(p.allocated, 0),
       coalesce(m.quarantined, 0), coalesce(m.held, 0),
       coalesce(l.on_hand, 0), coalesce(l.reserved, 0), coalesce(l.allocated, 0), coalesce(l.quarantined, 0), coalesce(l.held, 0)
FROM levels l FULL JOIN moved m USING (warehouse_id, sku_id) FULL JOIN promised p USING (warehouse_id, sku_id)
"""
_LEVEL_NAMES = ("on_hand", "reserved", "allocated", "quarantined", "held")


@check("inventory.levels")
def levels(tally: Tally) -> Iterator[Finding]:
    """on_hand and quarantined are sums of the movements, held is what they leave of lots not for sale; reserved and allocated
    are the sums of the open reservations."""
    rows = sql.fetch(_LEVELS, {"tenant": current_tenant_id()})  # type: ignore[arg-type]
    count = len(_LEVEL_NAMES)
    tally.compared += count * len(rows)
    for warehouse_id, sku_id, *numbers in rows:
        if numbers[:count] != numbers[count:]:
            subject = f"inventory_stock_levels/warehouse {warehouse_id} sku {sku_id}"
            expected = dict(zip(_LEVEL_NAMES, numbers[:count], strict=True))
            yield Finding("inventory.levels", subject, expected, dict(zip(_LEVEL_NAMES, numbers[count:], strict=True)))


_LOTS = """
WITH moved AS (
  SELECT lot_id, warehouse_id, sum(quantity_change)::bigint AS on_hand,
         coalesce(sum(quantity_change) FILTER (WHERE quarantined), 0)::bigint AS quarantined
  FROM inventory_movements WHERE tenant_id = %(tenant)s AND lot_id IS NOT NULL GROUP BY lot_id, warehouse_id
), stock AS (
  SELECT lot_id, warehouse_id, on_hand, quarantined FROM inventory_lot_stock WHERE tenant_id = %(tenant)s
)
SELECT lot_id, warehouse_id, coalesce(m.on_hand, 0), coalesce(m.quarantined, 0), coalesce(k.on_hand, 0),
       coalesce(k.quarantined, 0)
FROM stock k FULL JOIN moved m USING (lot_id, warehouse_id)
"""
_WITHOUT_LOT = """
SELECT m.warehouse_id, m.sku_id, sum(m.quantity_change)::bigint FROM inventory_movements m
JOIN inventory_lot_rules r ON r.tenant_id = m.tenant_id AND r.sku_id = m.sku_id
WHERE m.tenant_id = %s AND m.lot_id IS NULL GROUP BY m.warehouse_id, m.sku_id HAVING sum(m.quantity_change) <> 0
"""


@check("inventory.lots")
def lots(tally: Tally) -> Iterator[Finding]:
    """The stock of a lot is the sum of its movements, and every piece of a lot-tracked SKU belongs to a lot."""
    tenant_id = current_tenant_id()
    rows = sql.fetch(_LOTS, {"tenant": tenant_id})  # type: ignore[arg-type]
    tally.compared += 2 * len(rows)
    for lot_id, warehouse_id, *numbers in rows:
        if numbers[:2] != numbers[2:]:
            subject = f"{ids.public('lot', lot_id)}/warehouse {warehouse_id}"
            yield Finding(
                "inventory.lots",
                subject,
                *(dict(zip(("on_hand", "quarantined"), numbers[n : n + 2], strict=True)) for n in (0, 2)),
            )
    for warehouse_id, sku_id, pieces in sql.fetch(_WITHOUT_LOT, (tenant_id,)):
        yield Finding("inventory.lots", f"pieces without a lot/warehouse {warehouse_id} sku {sku_id}", 0, pieces)


_STATES = """
SELECT l.id, CASE d.turn WHEN 'released' THEN 'open' ELSE coalesce(d.turn, 'open') END, l.state
FROM inventory_lots l LEFT JOIN LATERAL (
  SELECT turn FROM inventory_lot_decisions d WHERE d.tenant_id = l.tenant_id AND d.lot_id = l.id
  ORDER BY decided_at DESC, id DESC LIMIT 1
) d ON true WHERE l.tenant_id = %s
"""
_TOO_LATE = """
SELECT m.id, l.expires_on, (m.occurred_at AT TIME ZONE t.timezone)::date FROM inventory_lots l
JOIN tenants t ON t.id = l.tenant_id
JOIN inventory_movements m ON m.tenant_id = l.tenant_id AND m.lot_id = l.id AND m.kind = 'shipment'
WHERE l.tenant_id = %s AND l.expires_on IS NOT NULL AND (m.occurred_at AT TIME ZONE t.timezone)::date >= l.expires_on
"""


@check("inventory.lot_states")
def lot_states(tally: Tally) -> Iterator[Finding]:
    """A lot's state is the last decision about it, and no piece left for a buyer past its date."""
    tenant_id = current_tenant_id()
    rows = sql.fetch(_STATES, (tenant_id,))
    tally.compared += len(rows)
    for lot_id, decided, state in rows:
        if decided != state:
            yield Finding("inventory.lot_states", ids.public("lot", lot_id), decided, state)
    for movement_id, expires_on, shipped_on in sql.fetch(_TOO_LATE, (tenant_id,)):
        subject = f"{ids.public('mov', movement_id)} left past its date"
        yield Finding("inventory.lot_states", subject, f"before {expires_on}", str(shipped_on))


_SET_ASIDE = """
WITH shares AS (
  SELECT warehouse_id, sku_id, sum(quantity - taken)::bigint AS set_aside FROM inventory_channel_stocks
  WHERE tenant_id = %(tenant)s AND ended_at IS NULL GROUP BY warehouse_id, sku_id
)
SELECT warehouse_id, sku_id, coalesce(c.set_aside, 0), coalesce(l.set_aside, 0)
FROM (SELECT warehouse_id, sku_id, set_aside FROM inventory_stock_levels WHERE tenant_id = %(tenant)s) l
FULL JOIN shares c USING (warehouse_id, sku_id)
"""
_TAKEN = """
WITH held AS (
  SELECT channel_stock_id AS id, sum(quantity)::bigint AS taken FROM inventory_reservations
  WHERE tenant_id = %(tenant)s AND channel_stock_id IS NOT NULL AND state IN ('reserved', 'allocated', 'shipped')
  GROUP BY channel_stock_id
)
SELECT c.id, coalesce(h.taken, 0), c.taken FROM inventory_channel_stocks c LEFT JOIN held h USING (id)
WHERE c.tenant_id = %(tenant)s
"""


@check("inventory.channel_stock")
def channel_stock(tally: Tally) -> Iterator[Finding]:
    """What a level has set aside is what open shares have left; what a share has given is what its channel's orders have."""
    tenant: Any = {"tenant": current_tenant_id()}
    rows = sql.fetch(_SET_ASIDE, tenant)
    tally.compared += len(rows)
    for warehouse_id, sku_id, expected, actual in rows:
        if expected != actual:
            subject = f"inventory_stock_levels/warehouse {warehouse_id} sku {sku_id} set aside"
            yield Finding("inventory.channel_stock", subject, expected, actual)
    rows = sql.fetch(_TAKEN, tenant)
    tally.compared += len(rows)
    for share_id, expected, actual in rows:
        if expected != actual:
            yield Finding("inventory.channel_stock", f"{ids.public('chs', share_id)} taken", expected, actual)
