"""Lots over HTTP: what there is, what expires, hold, release, recall, quarantine, trace. Suppliers see lots of their SKUs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Schema

from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory import commands, queries
from banyan.goods.inventory.api.shared import ERRORS, LotRef, Quantity, SkuRef, WarehouseRef, own_skus, router
from banyan.goods.inventory.types import (
    Lot,
    LotId,
    LotRule,
    LotState,
    LotStock,
    LotTurn,
    Movement,
    MovementKind,
    Pieces,
    WarehouseId,
)
from banyan.kernel.http import Page, PublicId, endpoint, page_of

Reason = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
Days = Annotated[int, Field(ge=0, le=3650)]


class LotOut(Schema):
    """A lot. pieces are on hand over all warehouses; only pieces of an open lot that are not quarantined can be sold."""

    id: LotRef
    sku_id: SkuRef
    number: str
    produced_on: date | None
    expires_on: date | None
    supplier_note: str
    state: LotState
    pieces: int
    quarantined: int


class ExpiringLotOut(LotOut):
    """A lot for sale whose days of warning have begun."""

    days_left: int


class LotDecisionOut(Schema):
    """One turn in the life of a lot."""

    turn: LotTurn
    reason: str
    decided_by: str
    decided_at: datetime


class LotStockOut(Schema):
    """Pieces of a lot in one warehouse."""

    lot_id: LotRef
    warehouse_id: WarehouseRef
    sku_id: SkuRef
    on_hand: int
    quarantined: int


class ShelfOut(LotStockOut):
    """Pieces of a lot in one warehouse, with what the lot is."""

    number: str
    expires_on: date | None
    state: LotState


class TraceOut(Schema):
    """Where the pieces of a lot came from and where they are now:
    came_in + counted = on_hand + with_buyers + scrapped + in_transit + lost_on_the_way."""

    lot: LotOut
    came_in: int
    counted: int
    on_hand: int
    quarantined: int
    with_buyers: int
    scrapped: int
    in_transit: int
    lost_on_the_way: int
    first_seen_at: datetime | None
    stock: list[LotStockOut]
    decisions: list[LotDecisionOut]


class LotMovementOut(Schema):
    """One change of a lot's pieces."""

    id: Annotated[int, PublicId("mov")]
    warehouse_id: WarehouseRef
    kind: MovementKind
    quantity_change: int
    quarantined: bool
    order_id: Annotated[int, PublicId("ord")] | None
    reference: str
    occurred_at: datetime


class LotDecisionIn(Schema):
    """Why."""

    reason: Reason


class TrackedSkuOut(Schema):
    """A lot-tracked SKU; near_expiry_days null: the shop's."""

    sku_id: SkuRef
    near_expiry_days: int | None


class TrackingOut(Schema):
    """The shop's days of warning before a lot expires (null: 30), and the lot-tracked SKUs with their own."""

    near_expiry_days: int | None
    skus: list[TrackedSkuOut]


class TrackingIn(Schema):
    """Whether a SKU is lot-tracked, and its days of warning before expiry; null: the shop's."""

    sku_id: SkuRef
    tracked: bool = True
    near_expiry_days: Days | None = None


class WarningIn(Schema):
    """The shop's days of warning; null: 30."""

    near_expiry_days: Days | None


class StockPiecesIn(Schema):
    """Pieces in one warehouse, with their lot where the SKU is lot-tracked; the same ``key`` twice counts once."""

    warehouse_id: WarehouseRef
    sku_id: SkuRef
    quantity: Quantity
    reason: Reason
    lot_id: LotRef | None = None
    key: Annotated[str, Field(min_length=1, max_length=110)] | None = None


class QuarantineIn(Schema):
    """Pieces, all or none."""

    pieces: Annotated[list[StockPiecesIn], Field(min_length=1, max_length=1000)]


class ScrapIn(QuarantineIn):
    """Pieces to throw away, all or none: quarantined ones, or from the shelf."""

    from_quarantine: bool = True


class DoneOut(Schema):
    """How many were new."""

    written: int


def _out(lot: Lot) -> dict[str, Any]:
    return {
        "id": lot.lot_id, "sku_id": lot.sku_id, "number": lot.number, "produced_on": lot.produced_on,
        "expires_on": lot.expires_on, "supplier_note": lot.supplier_note, "state": lot.state, "pieces": lot.pieces,
        "quarantined": lot.quarantined,
    }  # fmt: skip


def _stock_out(one: LotStock) -> dict[str, Any]:
    return {
        "lot_id": one.lot_id, "warehouse_id": one.warehouse_id, "sku_id": one.sku_id, "on_hand": one.on_hand,
        "quarantined": one.quarantined,
    }  # fmt: skip


def _visible(request: HttpRequest, lot_id: int) -> Lot:
    """The lot; raises UnknownLot also when it is of somebody else's SKU."""
    lot = queries.get_lot(LotId(lot_id))
    own = own_skus(request)
    if own is not None and lot.sku_id not in own:
        raise queries.UnknownLot("No such lot.")
    return lot


@router.get("/lots", response={200: Page[LotOut], **ERRORS}, tags=["lots"])
@endpoint(scope="inventory:read")
def list_lots(
    request: HttpRequest,
    sku_id: SkuRef | None = None,
    state: LotState | None = None,
    number: Annotated[str, Field(max_length=80)] = "",
    cursor: str | None = None,
    limit: int = 50,
) -> Any:
    """Lots, newest first; of one SKU, in one state, whose number begins so."""
    own = own_skus(request)

    def read(before_id: int | None, count: int) -> list[Lot]:
        return queries.list_lots(SkuId(sku_id) if sku_id is not None else None, state, number, before_id, count, own)

    page = page_of(read, cursor, limit, lambda lot: lot.lot_id)
    return page | {"items": [_out(lot) for lot in page["items"]]}


@router.get("/lots/expiring", response={200: list[ExpiringLotOut], **ERRORS}, tags=["lots"])
@endpoint(scope="inventory:read")
def list_expiring(request: HttpRequest) -> Any:
    """Lots for sale whose days of warning have begun, the first to expire first; at most 200."""
    return [_out(one.lot) | {"days_left": one.days_left} for one in queries.expiring_lots(sku_ids=own_skus(request))]


@router.get("/lots/tracking", response={200: TrackingOut, **ERRORS}, tags=["lots"])
@endpoint(scope="inventory:read")
def get_tracking(request: HttpRequest) -> Any:
    """Which SKUs are lot-tracked, and when to warn before expiry."""
    return _tracking(request)


def _tracking(request: HttpRequest) -> dict[str, Any]:
    own = own_skus(request)
    days, rules = queries.lot_rules()
    skus = [
        {"sku_id": rule.sku_id, "near_expiry_days": rule.near_expiry_days} for rule in rules if own is None or rule.sku_id in own
    ]
    return {"near_expiry_days": days, "skus": skus}


@router.put("/lots/tracking", response={200: TrackingOut, **ERRORS}, tags=["lots"])
@endpoint(scope="inventory:write", write=True)
def set_tracking(request: HttpRequest, body: TrackingIn) -> Any:
    """Make a SKU lot-tracked or not. What is on hand passes into the lot OPENING; back is possible when no lot has pieces."""
    if body.tracked:
        commands.track_lots([LotRule(SkuId(body.sku_id), body.near_expiry_days)])
    else:
        commands.untrack_lots([SkuId(body.sku_id)])
    return _tracking(request)


@router.put("/lots/warning", response={200: WarningIn, **ERRORS}, tags=["lots"])
@endpoint(scope="inventory:write", write=True)
def set_warning(request: HttpRequest, body: WarningIn) -> Any:
    """Set the shop's days of warning before a lot expires."""
    commands.set_days_of_warning(body.near_expiry_days)
    return {"near_expiry_days": body.near_expiry_days}


@router.get("/lots/{lot_id}", response={200: LotOut, **ERRORS}, tags=["lots"])
@endpoint(scope="inventory:read")
def get_lot(request: HttpRequest, lot_id: LotRef) -> Any:
    """One lot."""
    return _out(_visible(request, lot_id))


@router.get("/lots/{lot_id}/trace", response={200: TraceOut, **ERRORS}, tags=["lots"])
@endpoint(scope="inventory:read")
def trace(request: HttpRequest, lot_id: LotRef) -> Any:
    """Where a lot came from, where every piece is now, and what was decided about it."""
    lot = _visible(request, lot_id)
    traced = queries.trace_lot(lot.lot_id)
    staff = own_skus(request) is None
    return {
        "lot": _out(lot), "came_in": traced.came_in, "counted": traced.counted, "on_hand": traced.on_hand,
        "quarantined": traced.quarantined, "with_buyers": traced.with_buyers, "scrapped": traced.scrapped,
        "in_transit": traced.in_transit, "lost_on_the_way": traced.lost_on_the_way, "first_seen_at": traced.first_seen_at,
        "stock": [_stock_out(one) for one in queries.lot_stock(lot_ids=[lot.lot_id])],
        "decisions": [
            {"turn": d.turn, "reason": d.reason, "decided_by": d.decided_by if staff else "", "decided_at": d.decided_at}
            for d in queries.lot_decisions(lot.lot_id)
        ],
    }  # fmt: skip


@router.get("/lots/{lot_id}/movements", response={200: Page[LotMovementOut], **ERRORS}, tags=["lots"])
@endpoint(scope="inventory:read")
def list_lot_movements(request: HttpRequest, lot_id: LotRef, cursor: str | None = None, limit: int = 50) -> Any:
    """Every change of a lot's pieces, newest first. Suppliers are not told the orders."""
    lot, staff = _visible(request, lot_id), own_skus(request) is None

    def read(before_id: int | None, count: int) -> list[Movement]:
        return queries.lot_movements(lot.lot_id, before_id, count)

    page = page_of(read, cursor, limit, lambda movement: movement.movement_id)
    items = [
        {
            "id": m.movement_id, "warehouse_id": m.warehouse_id, "kind": m.kind, "quantity_change": m.quantity_change,
            "quarantined": m.quarantined, "order_id": m.order_id if staff else None, "reference": m.reference,
            "occurred_at": m.occurred_at,
        }
        for m in page["items"]
    ]  # fmt: skip
    return page | {"items": items}


@router.get("/stock/lots", response={200: Page[ShelfOut], **ERRORS}, tags=["lots"])
@endpoint(scope="inventory:read")
def list_lot_stock(
    request: HttpRequest, warehouse_id: WarehouseRef | None = None, cursor: str | None = None, limit: int = 50
) -> Any:
    """Stock by warehouse and lot, newest first."""
    own = own_skus(request)

    def read(before_id: int | None, count: int) -> list[tuple[int, LotStock, Lot]]:
        return queries.shelf_of(WarehouseId(warehouse_id) if warehouse_id is not None else None, before_id, count, own)

    page = page_of(read, cursor, limit, lambda row: row[0])
    items = [
        _stock_out(one) | {"number": lot.number, "expires_on": lot.expires_on, "state": lot.state}
        for _, one, lot in page["items"]
    ]
    return page | {"items": items}


def _decide(command: Callable[[Sequence[LotId], str], int], lot_id: int, reason: str) -> dict[str, Any]:
    command([LotId(lot_id)], reason)
    return _out(queries.get_lot(LotId(lot_id)))


@router.post("/lots/{lot_id}/hold", response={200: LotOut, **ERRORS}, tags=["lots"])
@endpoint(scope="inventory:write", write=True)
def hold(request: HttpRequest, lot_id: LotRef, body: LotDecisionIn) -> Any:
    """Quality hold: its pieces are not promised nor picked any more. Promises give way and are served again from what is left."""
    return _decide(commands.hold_lots, lot_id, body.reason)


@router.post("/lots/{lot_id}/release", response={200: LotOut, **ERRORS}, tags=["lots"])
@endpoint(scope="inventory:write", write=True)
def release(request: HttpRequest, lot_id: LotRef, body: LotDecisionIn) -> Any:
    """End a hold; a lot that is past its date is expired from then on."""
    return _decide(commands.release_lots, lot_id, body.reason)


@router.post("/lots/{lot_id}/recall", response={200: LotOut, **ERRORS}, tags=["lots"])
@endpoint(scope="inventory:write", write=True)
def recall(request: HttpRequest, lot_id: LotRef, body: LotDecisionIn) -> Any:
    """Call a lot back for ever: out of sale everywhere. Whom it reached: GET /lots/{lot_id}/buyers."""
    return _decide(commands.recall_lots, lot_id, body.reason)


def _pieces(body: QuarantineIn) -> list[Pieces]:
    return [
        Pieces(
            WarehouseId(one.warehouse_id), SkuId(one.sku_id), one.quantity, one.reason,
            LotId(one.lot_id) if one.lot_id is not None else None, one.key,
        )
        for one in body.pieces
    ]  # fmt: skip


@router.post("/stock/quarantine", response={200: DoneOut, **ERRORS}, tags=["lots"])
@endpoint(scope="inventory:write", write=True)
def quarantine(request: HttpRequest, body: QuarantineIn) -> Any:
    """Set pieces apart: they stay on hand and cannot be promised."""
    return {"written": commands.quarantine(_pieces(body))}


@router.post("/stock/quarantine/clear", response={200: DoneOut, **ERRORS}, tags=["lots"])
@endpoint(scope="inventory:write", write=True)
def clear_quarantine(request: HttpRequest, body: QuarantineIn) -> Any:
    """Put quarantined pieces back for sale."""
    return {"written": commands.clear_quarantine(_pieces(body))}


@router.post("/stock/scrap", response={200: DoneOut, **ERRORS}, tags=["lots"])
@endpoint(scope="inventory:write", write=True)
def scrap(request: HttpRequest, body: ScrapIn) -> Any:
    """Throw pieces away."""
    return {"written": commands.scrap(_pieces(body), body.from_quarantine)}
