"""Safety stock and its alerts over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Schema

from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory import commands, queries
from banyan.goods.inventory.api.shared import ERRORS, SkuRef, WarehouseRef, own_skus, router
from banyan.goods.inventory.types import AlertKind, AlertState, SafetyStock, StockAlert, StockAlertId, WarehouseId
from banyan.kernel import clock
from banyan.kernel.http import Page, PublicId, endpoint, page_of, principal_of

AlertRef = Annotated[int, PublicId("alt")]


class SafetyStockOut(Schema):
    """How many pieces a warehouse should have for sale; 0: told only when nothing is left."""

    warehouse_id: WarehouseRef
    sku_id: SkuRef
    quantity: int


class SafetyStockIn(Schema):
    """A safety stock to set; quantity null: watch this place no longer."""

    warehouse_id: WarehouseRef
    sku_id: SkuRef
    quantity: Annotated[int, Field(ge=0, le=1_000_000_000)] | None


class SafetyStocksIn(Schema):
    """Safety stocks, all or none."""

    stocks: Annotated[list[SafetyStockIn], Field(min_length=1, max_length=1000)]


class PlacesChangedOut(Schema):
    """How many have changed."""

    changed: int


class StockAlertOut(Schema):
    """That too few pieces of a SKU can be sold from a warehouse."""

    id: AlertRef
    warehouse_id: WarehouseRef
    sku_id: SkuRef
    kind: AlertKind
    state: AlertState
    available: int
    safety: int
    raised_at: datetime
    seen_by: Annotated[int, PublicId("usr")] | None
    seen_at: datetime | None
    resolved_at: datetime | None


class SeenIn(Schema):
    """Alerts that somebody has seen."""

    alert_ids: Annotated[list[AlertRef], Field(min_length=1, max_length=200)]


@router.get("/stock/safety", response={200: Page[SafetyStockOut], **ERRORS})
@endpoint(scope="inventory:read")
def list_safety_stock(request: HttpRequest, sku_id: SkuRef | None = None, cursor: str | None = None, limit: int = 50) -> Any:
    """Safety stock by SKU and warehouse, newest first."""
    own = own_skus(request)
    wanted = own if sku_id is None else [SkuId(sku_id)] if own is None or sku_id in own else []

    def read(before_id: int | None, count: int) -> list[tuple[int, SafetyStock]]:
        return queries.safety_stock(wanted, before_id, count)

    page = page_of(read, cursor, limit, lambda one: one[0])
    return page | {"items": [one._asdict() for _, one in page["items"]]}


@router.put("/stock/safety", response={200: PlacesChangedOut, **ERRORS})
@endpoint(scope="inventory:write", write=True)
def set_safety_stock(request: HttpRequest, body: SafetyStocksIn) -> Any:
    """Set how many pieces warehouses should have for sale, or stop watching."""
    stocks = [
        SafetyStock(WarehouseId(s.warehouse_id), SkuId(s.sku_id), s.quantity) for s in body.stocks if s.quantity is not None
    ]
    ended = [(s.warehouse_id, s.sku_id) for s in body.stocks if s.quantity is None]
    return {"changed": commands.set_safety_stock(stocks) + commands.clear_safety_stock(ended)}


@router.get("/stock/alerts", response={200: Page[StockAlertOut], **ERRORS})
@endpoint(scope="inventory:read")
def list_alerts(
    request: HttpRequest,
    state: AlertState | None = None,
    kind: AlertKind | None = None,
    warehouse_id: WarehouseRef | None = None,
    sku_id: SkuRef | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Any:
    """Alerts, newest first; without a state those that stand."""
    own = own_skus(request)
    wanted = own if sku_id is None else [SkuId(sku_id)] if own is None or sku_id in own else []
    states = queries.STANDING if state is None else (state,)

    def read(before_id: int | None, count: int) -> list[StockAlert]:
        place = WarehouseId(warehouse_id) if warehouse_id is not None else None
        return queries.list_alerts(states, kind, place, wanted, before_id, count)

    page = page_of(read, cursor, limit, lambda one: one.alert_id)
    items = [
        {
            "id": one.alert_id, "warehouse_id": one.warehouse_id, "sku_id": one.sku_id, "kind": one.kind, "state": one.state,
            "available": one.available, "safety": one.safety, "raised_at": one.raised_at,
            "seen_by": one.seen_by if own is None else None,
            "seen_at": one.seen_at, "resolved_at": one.resolved_at,
        }
        for one in page["items"]
    ]  # fmt: skip
    return page | {"items": items}


@router.post("/stock/alerts/seen", response={200: PlacesChangedOut, **ERRORS})
@endpoint(scope="inventory:write", write=True)
def see_alerts(request: HttpRequest, body: SeenIn) -> Any:
    """Say that alerts have been seen; they stand until the stock is back."""
    seen = [StockAlertId(one) for one in body.alert_ids]
    return {"changed": commands.see_alerts(seen, principal_of(request).user_id, clock.now())}
