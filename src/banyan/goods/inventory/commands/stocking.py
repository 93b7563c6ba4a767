"""What is on hand: warehouses, receipts, adjustments, goods that came back. Every change comes with its movement. All functions
run inside ``tenancy.enter``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from django.db import IntegrityError, transaction

from banyan.goods.catalog import queries as catalog
from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory.models import Movement, Warehouse
from banyan.goods.inventory.types import Adjustment, MovementKind, NewWarehouse, Receipt, ReturnedGoods, WarehouseId
from banyan.kernel import clock, ids, sql
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


def open_warehouses(warehouses: Sequence[NewWarehouse]) -> list[WarehouseId]:
    """Open warehouses. Raises CodeTaken, Invalid; then none is opened."""
    for new in warehouses:
        _check_warehouse(new)
    identities = ids.next_ids(len(warehouses))
    rows = [
        (identity, w.code, w.name, w.priority, True, w.kind.value, w.region_code, w.address)
        for identity, w in zip(identities, warehouses, strict=True)
    ]
    try:
        with transaction.atomic():
            sql.insert(Warehouse, ("id", "code", "name", "priority", "is_active", "kind", "region_code", "address"), rows)
    except IntegrityError as error:
        raise CodeTaken("A warehouse code of this batch is taken or named twice.") from error
    return [WarehouseId(identity) for identity in identities]


def _check_warehouse(new: NewWarehouse) -> None:
    if not new.code.strip() or len(new.code) > 40 or not new.name.strip() or len(new.name) > 120:
        raise Invalid("A warehouse needs a code of 1 to 40 and a name of 1 to 120 characters.", field="code")
    if not re.fullmatch(r"([0-9]{6})?", new.region_code):
        raise Invalid("A region code has six digits, such as 330402.", field="region_code")
    if len(new.address) > 200:
        raise Invalid("An address has at most 200 characters.", field="address")


def revise_warehouse(warehouse_id: WarehouseId, revised: NewWarehouse) -> None:
    """Say anew what a warehouse is called, what it is and where it stands; its code stays. Raises UnknownWarehouse, Invalid."""
    _check_warehouse(revised)
    if not sql.execute(
        "UPDATE inventory_warehouses SET name = %s, priority = %s, kind = %s, region_code = %s, address = %s"
        " WHERE tenant_id = %s AND id = %s",
        (
            revised.name, revised.priority, revised.kind.value, revised.region_code, revised.address, current_tenant_id(),
            warehouse_id,
        ),
    ):  # fmt: skip
        raise UnknownWarehouse("No such warehouse.")


def set_warehouse_active(warehouse_id: WarehouseId, is_active: bool) -> None:
    """Let a warehouse serve new orders or not; what it has promised stays promised. Raises UnknownWarehouse."""
    if not sql.execute(
        "UPDATE inventory_warehouses SET is_active = %s WHERE tenant_id = %s AND id = %s",
        (is_active, current_tenant_id(), warehouse_id),
    ):
        raise UnknownWarehouse("No such warehouse.")


Change = tuple[int, int, MovementKind, int, int | None, str, str | None]
"""(warehouse_id, sku_id, kind, quantity_change, order_id, reference, key)"""


def write_movements(changes: Sequence[Change], at: datetime) -> list[tuple[int, int, int]]:
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
            moved = write_movements(changes, clock.now())
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
