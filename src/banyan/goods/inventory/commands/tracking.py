"""Which SKUs are lot-tracked, and when to warn before a lot expires. All functions run inside ``tenancy.enter``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from banyan.goods.catalog import queries as catalog
from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory.commands.lots import find_or_begin
from banyan.goods.inventory.commands.moving import Change, tracked, write_movements
from banyan.goods.inventory.commands.stocking import UnknownSku
from banyan.goods.inventory.models import LotRule
from banyan.goods.inventory.types import LotRule as Rule
from banyan.goods.inventory.types import MovementKind, NewLot
from banyan.kernel import clock, ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import Conflict, Invalid

FIRST_LOT = NewLot("OPENING")
"""Takes what lies there when a SKU becomes lot-tracked: pieces whose real lot nobody knows."""


class LotsOnHand(Conflict):
    """Pieces of lots are on hand: without their lots they could no longer be traced."""

    code = "lots_on_hand"
    advice = "Ship, scrap or adjust the pieces of the SKU's lots to zero first."


class PiecesOnTheWay(Conflict):
    """Pieces travel between warehouses with their lots, or without: they could not be received."""

    code = "pieces_on_the_way"
    advice = "Receive the transfers of this SKU first."


def track_lots(rules: Sequence[Rule], first_lot: NewLot = FIRST_LOT) -> int:
    """Make SKUs lot-tracked, or change their days of warning. Returns how many became tracked.

    What is on hand passes into ``first_lot``; levels and promises stay as they are. Raises UnknownSku, PiecesOnTheWay,
    Invalid.
    """
    _check_days(rule.near_expiry_days for rule in rules)
    skus = {rule.sku_id for rule in rules}
    if catalog.known_skus(skus) != skus:
        raise UnknownSku("A SKU of this batch does not exist.")
    fresh = sorted(skus - tracked(skus))
    lying = _lock_levels(fresh)
    _check_arrived(fresh)
    _write_rules([(rule.sku_id, rule.near_expiry_days) for rule in rules])
    lots = find_or_begin([(SkuId(sku_id), first_lot) for sku_id in sorted({row[0] for row in lying})])
    now, changes = clock.now(), []
    for sku_id, warehouse_id, on_hand, quarantined in lying:
        for pieces, apart in ((on_hand - quarantined, False), (quarantined, True)):
            if pieces:
                out = Change(warehouse_id, sku_id, MovementKind.TRACKING, -pieces, quarantined=apart)
                changes += [out, out._replace(quantity_change=pieces, lot_id=lots[SkuId(sku_id), first_lot.number])]
    write_movements(changes, now)
    return len(fresh)


def untrack_lots(sku_ids: Sequence[SkuId]) -> int:
    """Let SKUs be without lots again; what happened stays traceable. Returns how many were. Raises UnknownSku, LotsOnHand,
    PiecesOnTheWay."""
    if catalog.known_skus(sku_ids) != set(sku_ids):
        raise UnknownSku("A SKU of this batch does not exist.")
    _lock_levels(sorted(sku_ids))
    there = sql.fetch(
        "SELECT 1 FROM inventory_lot_stock WHERE tenant_id = %s AND sku_id = ANY(%s::bigint[]) AND on_hand > 0 LIMIT 1",
        (current_tenant_id(), list(sku_ids)),
    )
    if there:
        raise LotsOnHand("Pieces of lots are on hand.")
    _check_arrived(sku_ids)
    return sql.execute(
        "DELETE FROM inventory_lot_rules WHERE tenant_id = %s AND sku_id = ANY(%s::bigint[])",
        (current_tenant_id(), list(sku_ids)),
    )


def _check_arrived(sku_ids: Sequence[int]) -> None:
    """Raise PiecesOnTheWay unless all that was sent between warehouses came in. The levels are locked: nothing leaves now."""
    if sql.fetch(
        "SELECT 1 FROM inventory_movements WHERE tenant_id = %s AND sku_id = ANY(%s::bigint[])"
        " AND kind IN ('transfer_out', 'transfer_in') GROUP BY sku_id HAVING sum(quantity_change) <> 0 LIMIT 1",
        (current_tenant_id(), list(sku_ids)),
    ):
        raise PiecesOnTheWay("Pieces of this SKU are on the way.")


def set_days_of_warning(days: int | None) -> None:
    """How many days before expiry the shop is warned of a lot whose SKU has no number of its own; None: 30. Raises Invalid."""
    _check_days([days])
    _write_rules([(None, days)])


def _check_days(days: Iterable[int | None]) -> None:
    for number in days:
        if number is not None and not 0 <= number <= 3650:
            raise Invalid("Days of warning lie within 0 and 3,650.", field="near_expiry_days")


def _write_rules(rules: Sequence[tuple[int | None, int | None]]) -> None:
    sql.insert(
        LotRule,
        ("id", "sku_id", "near_expiry_days"),
        [(identity, *rule) for identity, rule in zip(ids.next_ids(len(rules)), rules, strict=True)],
        on_conflict="ON CONFLICT (tenant_id, sku_id) DO UPDATE SET near_expiry_days = excluded.near_expiry_days",
    )


def _lock_levels(sku_ids: Sequence[int]) -> list[tuple[int, int, int, int]]:
    """(SKU, warehouse, on hand, quarantined) of every level of these SKUs, locked."""
    rows = sql.fetch(
        "SELECT sku_id, warehouse_id, on_hand, quarantined FROM inventory_stock_levels WHERE tenant_id = %s"
        " AND sku_id = ANY(%s::bigint[]) ORDER BY sku_id, warehouse_id FOR UPDATE",
        (current_tenant_id(), list(sku_ids)),
    )
    return [(sku_id, warehouse_id, on_hand, quarantined) for sku_id, warehouse_id, on_hand, quarantined in rows]
