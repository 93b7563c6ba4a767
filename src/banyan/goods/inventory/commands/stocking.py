"""What is on hand: warehouses, receipts, adjustments, goods that came back. Every change comes with its movement. All functions
run inside ``tenancy.enter``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction

from banyan.goods.catalog import queries as catalog
from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory.commands.lots import find_or_begin
from banyan.goods.inventory.commands.moving import Change, LotShort, Moved, Place, lock_places, raise_levels, write_movements
from banyan.goods.inventory.events import WarehouseClosed
from banyan.goods.inventory.models import Warehouse
from banyan.goods.inventory.types import Adjustment, MovementKind, NewWarehouse, Receipt, WarehouseId
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


class BundleHasNoStock(Conflict):
    """A bundle is sold from the stock of its parts."""

    code = "bundle_has_no_stock"
    advice = "Receive the parts of the bundle instead."


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
    if not is_active:
        events.record([WarehouseClosed(warehouse_id=warehouse_id, occurred_at=clock.now())])


def check_places(places: Sequence[tuple[int, int]]) -> None:
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


def receive_stock(receipts: Sequence[Receipt], also: Iterable[Place] = ()) -> int:
    """Goods came in: on_hand rises, a movement is written. Returns how many receipts were new; a known key is skipped.

    ``also``: levels that the caller will change afterwards; they are locked with those of the receipts, in one order. A lot that
    is named for the first time begins here. Raises Invalid, UnknownWarehouse, UnknownSku, BundleHasNoStock, and for lot-tracked
    SKUs LotMissing, UnknownLot, LotDiffers; then nothing is received.
    """
    for receipt in receipts:
        if not 0 < receipt.quantity <= QUANTITY_MAX:
            raise Invalid("A received quantity must lie within 1 and 1,000,000,000.", field="quantity")
    check_places([(receipt.warehouse_id, receipt.sku_id) for receipt in receipts])
    _check_no_bundle([receipt.sku_id for receipt in receipts])
    lock_places([*((int(receipt.sku_id), int(receipt.warehouse_id)) for receipt in receipts), *also])  # before lots begin
    lots = find_or_begin([(receipt.sku_id, receipt.lot) for receipt in receipts if receipt.lot is not None])
    return change_stock(
        [
            Change(
                r.warehouse_id, r.sku_id, MovementKind.RECEIPT, r.quantity, None, r.reference[:200], r.key,
                lots[r.sku_id, r.lot.number] if r.lot else r.lot_id, r.quarantined,
            )
            for r in receipts
        ]
    )  # fmt: skip


def adjust_stock(adjustments: Sequence[Adjustment]) -> int:
    """Write counted differences with their reasons. Returns how many were new; a known key is skipped.

    Raises StockPromised when fewer pieces would remain than are promised, Invalid, UnknownWarehouse, UnknownSku,
    BundleHasNoStock when a bundle would get more, and for lot-tracked SKUs LotMissing, UnknownLot, LotShort.
    """
    for adjustment in adjustments:
        if adjustment.quantity_change == 0 or abs(adjustment.quantity_change) > QUANTITY_MAX or not adjustment.reason.strip():
            raise Invalid("An adjustment needs a change other than 0 and a reason.", field="quantity_change")
    changes = [
        Change(a.warehouse_id, a.sku_id, MovementKind.ADJUSTMENT, a.quantity_change, None, a.reason[:200], a.key, a.lot_id)
        for a in adjustments
    ]
    check_places([(change.warehouse_id, change.sku_id) for change in changes])
    _check_no_bundle([a.sku_id for a in adjustments if a.quantity_change > 0])
    return change_stock(changes)


def _check_no_bundle(sku_ids: Sequence[SkuId]) -> None:
    if sku_ids and catalog.parts_of(sku_ids):
        raise BundleHasNoStock("A SKU of this batch is a bundle.")


def change_stock(changes: Sequence[Change]) -> int:
    """Write movements and change the levels with them; returns how many changes were new.

    For the commands of this house, which know that warehouses and SKUs exist. Raises StockPromised, LotShort, LotMissing,
    UnknownLot; then nothing is changed.
    """
    return len({asked for asked, _ in write_changes(changes, clock.now())}) if changes else 0


def write_changes(changes: Sequence[Change], at: datetime) -> list[Moved]:
    """Movements and levels together. Raises as ``change_stock``; then nothing is changed."""
    try:
        with transaction.atomic():  # a savepoint: a refused change leaves no movement behind
            moved = write_movements(changes, at)
            raise_levels([change for _, change in moved])
    except IntegrityError as error:
        if "lot_has_what_is_taken" in str(error):
            raise LotShort("Fewer pieces of this lot are there than are to leave.") from error
        raise StockPromised("Fewer pieces would remain than are promised to orders.") from error
    return moved
