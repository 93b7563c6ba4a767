"""Stock over HTTP. Suppliers see the stock of their own SKUs."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Schema

from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory import commands, queries
from banyan.goods.inventory.api.shared import ERRORS, Key, LotRef, Quantity, SkuRef, WarehouseRef, own_skus, router
from banyan.goods.inventory.types import (
    Adjustment,
    LotId,
    Movement,
    MovementKind,
    NewLot,
    NewWarehouse,
    Receipt,
    StockLevel,
    Warehouse,
    WarehouseId,
    WarehouseKind,
)
from banyan.kernel.http import Page, PublicId, endpoint, page_of


class WarehouseOut(Schema):
    """A warehouse; the lowest priority serves first."""

    id: WarehouseRef
    code: str
    name: str
    priority: int
    is_active: bool
    kind: WarehouseKind
    region_code: str
    address: str


class WarehouseIn(Schema):
    """A warehouse to open. region_code: six digits of China's administrative divisions, or empty."""

    code: Annotated[str, Field(min_length=1, max_length=40)]
    name: Annotated[str, Field(min_length=1, max_length=120)]
    priority: Annotated[int, Field(ge=0, le=10_000)] = 100
    kind: WarehouseKind = WarehouseKind.REGIONAL
    region_code: Annotated[str, Field(pattern=r"^([0-9]{6})?$")] = ""
    address: Annotated[str, Field(max_length=200)] = ""


class ActiveIn(Schema):
    """Whether the warehouse serves new orders."""

    is_active: bool


class StockLevelOut(Schema):
    """One SKU in one warehouse; available = on_hand − quarantined − held − reserved − allocated − set_aside.

    held: pieces of lots that are held, expired or recalled. set_aside: pieces that channels have for themselves and have not
    sold yet. Safety stock stands under /stock/safety, pieces on the way under /stock/incoming.
    """

    warehouse_id: WarehouseRef
    sku_id: SkuRef
    on_hand: int
    reserved: int
    allocated: int
    quarantined: int
    held: int
    set_aside: int
    available: int


class MovementOut(Schema):
    """One change of the pieces on hand; quarantined: of the pieces that lie apart."""

    id: Annotated[int, PublicId("mov")]
    warehouse_id: WarehouseRef
    sku_id: SkuRef
    kind: MovementKind
    quantity_change: int
    order_id: Annotated[int, PublicId("ord")] | None
    reference: str
    occurred_at: datetime
    lot_id: LotRef | None
    quarantined: bool


class ReceivedLotIn(Schema):
    """A lot as the supplier names it; one number of a SKU means one lot. It is sold up to the day before it expires."""

    number: Annotated[str, Field(min_length=1, max_length=80)]
    produced_on: date | None = None
    expires_on: date | None = None
    supplier_note: Annotated[str, Field(max_length=200)] = ""


class StockReceiptIn(Schema):
    """Goods that came in; the same ``key`` twice counts once. Lot-tracked SKUs need their lot; quarantined: to be inspected."""

    warehouse_id: WarehouseRef
    sku_id: SkuRef
    quantity: Quantity
    reference: Annotated[str, Field(max_length=200)] = ""
    key: Key | None = None
    lot: ReceivedLotIn | None = None
    quarantined: bool = False


class ReceiptsIn(Schema):
    """Receipts, all or none."""

    receipts: Annotated[list[StockReceiptIn], Field(min_length=1, max_length=1000)]


class AdjustmentIn(Schema):
    """A counted difference with its reason."""

    warehouse_id: WarehouseRef
    sku_id: SkuRef
    quantity_change: Annotated[int, Field(ge=-1_000_000_000, le=1_000_000_000)]
    reason: Annotated[str, Field(min_length=1, max_length=200)]
    key: Key | None = None
    lot_id: LotRef | None = None


class AdjustmentsIn(Schema):
    """Adjustments, all or none."""

    adjustments: Annotated[list[AdjustmentIn], Field(min_length=1, max_length=1000)]


class WrittenOut(Schema):
    """How many were new."""

    written: int


def _warehouse(warehouse: Warehouse) -> dict[str, Any]:
    return {
        "id": warehouse.warehouse_id, "code": warehouse.code, "name": warehouse.name, "priority": warehouse.priority,
        "is_active": warehouse.is_active, "kind": warehouse.kind, "region_code": warehouse.region_code,
        "address": warehouse.address,
    }  # fmt: skip


def _wanted(body: WarehouseIn) -> NewWarehouse:
    return NewWarehouse(body.code, body.name, body.priority, body.kind, body.region_code, body.address)


@router.get("/warehouses", response={200: list[WarehouseOut], **ERRORS})
@endpoint(scope="inventory:read")
def list_warehouses(request: HttpRequest) -> Any:
    """All warehouses, first choice first."""
    return [_warehouse(warehouse) for warehouse in queries.list_warehouses()]


@router.post("/warehouses", response={201: WarehouseOut, **ERRORS})
@endpoint(scope="inventory:write", write=True)
def open_warehouse(request: HttpRequest, body: WarehouseIn) -> Any:
    """Open a warehouse."""
    (created,) = commands.open_warehouses([_wanted(body)])
    return 201, next(_warehouse(w) for w in queries.list_warehouses() if w.warehouse_id == created)


@router.put("/warehouses/{warehouse_id}", response={200: WarehouseOut, **ERRORS})
@endpoint(scope="inventory:write", write=True)
def revise_warehouse(request: HttpRequest, warehouse_id: WarehouseRef, body: WarehouseIn) -> Any:
    """Say anew what a warehouse is called, what it is and where it stands; its code stays."""
    commands.revise_warehouse(WarehouseId(warehouse_id), _wanted(body))
    return next(_warehouse(w) for w in queries.list_warehouses() if w.warehouse_id == warehouse_id)


@router.put("/warehouses/{warehouse_id}/active", response={200: WarehouseOut, **ERRORS})
@endpoint(scope="inventory:write", write=True)
def set_warehouse_active(request: HttpRequest, warehouse_id: WarehouseRef, body: ActiveIn) -> Any:
    """Let a warehouse serve new orders or not; what it promised stays promised."""
    commands.set_warehouse_active(WarehouseId(warehouse_id), body.is_active)
    return next(_warehouse(w) for w in queries.list_warehouses() if w.warehouse_id == warehouse_id)


@router.get("/stock", response={200: Page[StockLevelOut], **ERRORS})
@endpoint(scope="inventory:read")
def list_stock(
    request: HttpRequest,
    sku_id: SkuRef | None = None,
    warehouse_id: WarehouseRef | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Any:
    """Stock levels, newest first."""
    own = own_skus(request)
    wanted = own if sku_id is None else [SkuId(sku_id)] if own is None or sku_id in own else []

    def read(before_id: int | None, count: int) -> list[StockLevel]:
        place = WarehouseId(warehouse_id) if warehouse_id is not None else None
        return queries.stock_levels(wanted, place, before_id, count)

    page = page_of(read, cursor, limit, lambda level: level.level_id)
    items = [
        {
            "warehouse_id": level.warehouse_id, "sku_id": level.sku_id, "on_hand": level.on_hand, "reserved": level.reserved,
            "allocated": level.allocated, "quarantined": level.quarantined, "held": level.held, "set_aside": level.set_aside,
            "available": level.available,
        }
        for level in page["items"]
    ]  # fmt: skip
    return page | {"items": items}


@router.get("/stock/movements", response={200: Page[MovementOut], **ERRORS})
@endpoint(scope="inventory:read")
def list_movements(
    request: HttpRequest,
    sku_id: SkuRef,
    warehouse_id: WarehouseRef | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Any:
    """Changes of the pieces on hand of one SKU, newest first."""
    own = own_skus(request)

    def read(before_id: int | None, count: int) -> list[Movement]:
        if own is not None and sku_id not in own:
            return []
        place = WarehouseId(warehouse_id) if warehouse_id is not None else None
        return queries.list_movements(SkuId(sku_id), place, before_id, count)

    page = page_of(read, cursor, limit, lambda movement: movement.movement_id)
    items = [
        {
            "id": m.movement_id, "warehouse_id": m.warehouse_id, "sku_id": m.sku_id, "kind": m.kind,
            "quantity_change": m.quantity_change, "order_id": m.order_id, "reference": m.reference, "occurred_at": m.occurred_at,
            "lot_id": m.lot_id, "quarantined": m.quarantined,
        }
        for m in page["items"]
    ]  # fmt: skip
    return page | {"items": items}


@router.post("/stock/receipts", response={200: WrittenOut, **ERRORS})
@endpoint(scope="inventory:write", write=True)
def receive(request: HttpRequest, body: ReceiptsIn) -> Any:
    """Receive goods."""
    receipts = [
        Receipt(
            WarehouseId(r.warehouse_id), SkuId(r.sku_id), r.quantity, r.reference, r.key,
            NewLot(r.lot.number, r.lot.produced_on, r.lot.expires_on, r.lot.supplier_note) if r.lot else None,
            quarantined=r.quarantined,
        )
        for r in body.receipts
    ]  # fmt: skip
    return {"written": commands.receive_stock(receipts)}


@router.post("/stock/adjustments", response={200: WrittenOut, **ERRORS})
@endpoint(scope="inventory:write", write=True)
def adjust(request: HttpRequest, body: AdjustmentsIn) -> Any:
    """Write counted differences."""
    adjustments = [
        Adjustment(
            WarehouseId(a.warehouse_id),
            SkuId(a.sku_id),
            a.quantity_change,
            a.reason,
            a.key,
            LotId(a.lot_id) if a.lot_id is not None else None,
        )
        for a in body.adjustments
    ]
    return {"written": commands.adjust_stock(adjustments)}
