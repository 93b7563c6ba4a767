"""Transfers and stock takes over HTTP: the warehouse's own business, suppliers see nothing of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Router, Schema

from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory.types import LotId, WarehouseId
from banyan.goods.warehousing import commands, queries
from banyan.goods.warehousing.types import (
    Arrived,
    Counted,
    NewStockTake,
    NewTransfer,
    StockTake,
    StockTakeId,
    StockTakeLine,
    StockTakeState,
    Transfer,
    TransferId,
    TransferLineId,
    TransferReceipt,
    TransferState,
    Wanted,
)
from banyan.kernel import clock
from banyan.kernel.http import ErrorBody, Page, PublicId, endpoint, page_of, principal_of
from banyan.kernel.values.errors import Forbidden

router = Router(tags=["warehousing"])
_ERRORS: dict[int, Any] = {400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody, 422: ErrorBody}
_STAFF = ("platform", "operator", "warehouse", "auditor", "finance")

WarehouseRef = Annotated[int, PublicId("whs")]
SkuRef = Annotated[int, PublicId("sku")]
LotRef = Annotated[int, PublicId("lot")]
TransferRef = Annotated[int, PublicId("trf")]
LineRef = Annotated[int, PublicId("tln")]
StockTakeRef = Annotated[int, PublicId("stk")]
UserRef = Annotated[int, PublicId("usr")]
Pieces = Annotated[int, Field(ge=0, le=1_000_000_000)]
Note = Annotated[str, Field(max_length=200)]


class OnlyStaff(Forbidden):
    """Suppliers see the stock of their own SKUs, not what the warehouses do with it."""

    code = "only_staff"
    advice = "Ask the shop's warehouse."


class TransferLineOut(Schema):
    """Pieces of one SKU, once sent of one lot; left: neither received nor lost."""

    id: LineRef
    sku_id: SkuRef
    lot_id: LotRef | None
    quantity: int
    received: int
    lost: int
    left: int


class TransferOut(Schema):
    """Goods that go from one warehouse to another."""

    id: TransferRef
    source_id: WarehouseRef
    destination_id: WarehouseRef
    state: TransferState
    note: str
    drafted_by: UserRef
    drafted_at: datetime
    sent_at: datetime | None
    closed_at: datetime | None
    lines: list[TransferLineOut]


class TransferReceiptOut(Schema):
    """What became of pieces of a line, by one receipt."""

    line_id: LineRef
    received: int
    lost: int
    reason: str
    received_by: UserRef
    received_at: datetime


class TransferDetailOut(TransferOut):
    """A transfer with its receipts, oldest first."""

    receipts: list[TransferReceiptOut]


class TransferLineIn(Schema):
    """Pieces to transfer; without a lot, what expires first goes first."""

    sku_id: SkuRef
    quantity: Annotated[int, Field(ge=1, le=1_000_000_000)]
    lot_id: LotRef | None = None


class TransferIn(Schema):
    """A transfer to draft."""

    source_id: WarehouseRef
    destination_id: WarehouseRef
    lines: Annotated[list[TransferLineIn], Field(min_length=1, max_length=1000)]
    note: Note = ""


class ArrivedIn(Schema):
    """What came in of a line, and what is lost; a loss needs its reason."""

    line_id: LineRef
    received: Pieces
    lost: Pieces = 0
    reason: Note = ""


class TransferReceiptIn(Schema):
    """One receipt; the same key twice counts once."""

    key: Annotated[str, Field(min_length=1, max_length=120)]
    lines: Annotated[list[ArrivedIn], Field(min_length=1, max_length=1000)]


class IncomingOut(Schema):
    """Pieces on the way to a warehouse."""

    warehouse_id: WarehouseRef
    sku_id: SkuRef
    quantity: int


class StockTakeOut(Schema):
    """A count in one warehouse, with how many lines there are, are counted, differ."""

    id: StockTakeRef
    warehouse_id: WarehouseRef
    state: StockTakeState
    covers_all: bool
    note: str
    opened_by: UserRef
    opened_at: datetime
    decided_by: UserRef | None
    decided_at: datetime | None
    line_count: int
    counted_count: int
    different_count: int


class StockTakeLineOut(Schema):
    """One thing to count; book: on hand by the books at the moment of the count."""

    sku_id: SkuRef
    lot_id: LotRef | None
    counted: int | None
    book: int | None
    difference: int | None
    counted_by: UserRef | None
    counted_at: datetime | None


class StockTakeIn(Schema):
    """A count to open; sku_ids null: everything that the warehouse has by the books."""

    warehouse_id: WarehouseRef
    sku_ids: Annotated[list[SkuRef], Field(min_length=1, max_length=5000)] | None = None
    note: Note = ""


class CountIn(Schema):
    """Pieces that were counted; a lot-tracked SKU needs its lot."""

    sku_id: SkuRef
    quantity: Pieces
    lot_id: LotRef | None = None


class CountsIn(Schema):
    """Counts, all or none."""

    counts: Annotated[list[CountIn], Field(min_length=1, max_length=5000)]


class LinesWrittenOut(Schema):
    """How many lines were written."""

    written: int


def _staff(request: HttpRequest) -> int:
    """The user id of somebody of the shop. Raises OnlyStaff."""
    principal = principal_of(request)
    if not principal.is_any(*_STAFF):
        raise OnlyStaff("Only the shop's own people see and move this.")
    return principal.user_id


def _transfer(one: Transfer) -> dict[str, Any]:
    return {
        "id": one.transfer_id, "source_id": one.source_id, "destination_id": one.destination_id, "state": one.state,
        "note": one.note, "drafted_by": one.drafted_by, "drafted_at": one.drafted_at, "sent_at": one.sent_at,
        "closed_at": one.closed_at,
        "lines": [
            {
                "id": line.line_id, "sku_id": line.sku_id, "lot_id": line.lot_id, "quantity": line.quantity,
                "received": line.received, "lost": line.lost, "left": line.left,
            }
            for line in one.lines
        ],
    }  # fmt: skip


def _receipt(one: TransferReceipt) -> dict[str, Any]:
    return {
        "line_id": one.line_id, "received": one.received, "lost": one.lost, "reason": one.reason,
        "received_by": one.received_by, "received_at": one.received_at,
    }  # fmt: skip


def _found(transfer_id: int) -> Transfer:
    found = queries.find_transfer(TransferId(transfer_id))
    if found is None:
        raise commands.UnknownTransfer("No such transfer.")
    return found


@router.get("/stock/transfers", response={200: Page[TransferOut], **_ERRORS})
@endpoint(scope="inventory:read")
def list_transfers(
    request: HttpRequest,
    state: TransferState | None = None,
    warehouse_id: WarehouseRef | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Any:
    """Transfers from or to a warehouse, newest first."""
    _staff(request)
    states = tuple(TransferState) if state is None else (state,)

    def read(before_id: int | None, count: int) -> list[Transfer]:
        return queries.list_transfers(states, None if warehouse_id is None else WarehouseId(warehouse_id), before_id, count)

    page = page_of(read, cursor, limit, lambda one: one.transfer_id)
    return page | {"items": [_transfer(one) for one in page["items"]]}


@router.post("/stock/transfers", response={201: TransferOut, **_ERRORS})
@endpoint(scope="inventory:write", write=True)
def draft_transfer(request: HttpRequest, body: TransferIn) -> Any:
    """Draft a transfer; nothing moves yet."""
    lines = [Wanted(SkuId(n.sku_id), n.quantity, None if n.lot_id is None else LotId(n.lot_id)) for n in body.lines]
    new = NewTransfer(WarehouseId(body.source_id), WarehouseId(body.destination_id), lines, body.note)
    return 201, _transfer(_found(commands.draft_transfer(new, _staff(request))))


@router.get("/stock/transfers/{transfer_id}", response={200: TransferDetailOut, **_ERRORS})
@endpoint(scope="inventory:read")
def get_transfer(request: HttpRequest, transfer_id: TransferRef) -> Any:
    """One transfer with its receipts."""
    _staff(request)
    one = _found(transfer_id)
    return _transfer(one) | {"receipts": [_receipt(row) for row in queries.list_receipts(one.transfer_id)]}


@router.post("/stock/transfers/{transfer_id}/send", response={200: TransferOut, **_ERRORS})
@endpoint(scope="inventory:write", write=True)
def send_transfer(request: HttpRequest, transfer_id: TransferRef) -> Any:
    """The goods leave; refused when fewer pieces are free than are to leave."""
    _staff(request)
    commands.send_transfer(TransferId(transfer_id), clock.now())
    return _transfer(_found(transfer_id))


@router.post("/stock/transfers/{transfer_id}/receive", response={200: TransferOut, **_ERRORS})
@endpoint(scope="inventory:write", write=True)
def receive_transfer(request: HttpRequest, transfer_id: TransferRef, body: TransferReceiptIn) -> Any:
    """Pieces came in or are lost; a transfer may be received in parts and closes when nothing is left on the way."""
    arrived = [Arrived(TransferLineId(n.line_id), n.received, n.lost, n.reason) for n in body.lines]
    commands.receive_transfer(TransferId(transfer_id), arrived, body.key, _staff(request), clock.now())
    return _transfer(_found(transfer_id))


@router.post("/stock/transfers/{transfer_id}/cancel", response={200: TransferOut, **_ERRORS})
@endpoint(scope="inventory:write", write=True)
def cancel_transfer(request: HttpRequest, transfer_id: TransferRef) -> Any:
    """Cancel a draft."""
    _staff(request)
    commands.cancel_transfer(TransferId(transfer_id))
    return _transfer(_found(transfer_id))


@router.get("/stock/incoming", response={200: list[IncomingOut], **_ERRORS})
@endpoint(scope="inventory:read")
def list_incoming(request: HttpRequest, sku_id: SkuRef, warehouse_id: WarehouseRef | None = None) -> Any:
    """Pieces of a SKU on the way, by the warehouse that they go to."""
    _staff(request)
    found = queries.incoming([SkuId(sku_id)], None if warehouse_id is None else WarehouseId(warehouse_id))
    return [{"warehouse_id": place, "sku_id": sku, "quantity": pieces} for (sku, place), pieces in sorted(found.items())]


def _stock_take(one: StockTake) -> dict[str, Any]:
    return {
        "id": one.stock_take_id, "warehouse_id": one.warehouse_id, "state": one.state, "covers_all": one.covers_all,
        "note": one.note, "opened_by": one.opened_by, "opened_at": one.opened_at, "decided_by": one.decided_by,
        "decided_at": one.decided_at, "line_count": one.line_count, "counted_count": one.counted_count,
        "different_count": one.different_count,
    }  # fmt: skip


def _taken(stock_take_id: int) -> StockTake:
    found = queries.find_stock_take(StockTakeId(stock_take_id))
    if found is None:
        raise commands.UnknownStockTake("No such stock take.")
    return found


@router.get("/stock/takes", response={200: Page[StockTakeOut], **_ERRORS})
@endpoint(scope="inventory:read")
def list_stock_takes(
    request: HttpRequest, state: StockTakeState | None = None, cursor: str | None = None, limit: int = 50
) -> Any:
    """Stock takes, newest first."""
    _staff(request)
    states = tuple(StockTakeState) if state is None else (state,)

    def read(before_id: int | None, count: int) -> list[StockTake]:
        return queries.list_stock_takes(states, before_id, count)

    page = page_of(read, cursor, limit, lambda one: one.stock_take_id)
    return page | {"items": [_stock_take(one) for one in page["items"]]}


@router.post("/stock/takes", response={201: StockTakeOut, **_ERRORS})
@endpoint(scope="inventory:write", write=True)
def open_stock_take(request: HttpRequest, body: StockTakeIn) -> Any:
    """Open a count of some SKUs, or of everything that a warehouse has."""
    skus = None if body.sku_ids is None else [SkuId(one) for one in body.sku_ids]
    new = NewStockTake(WarehouseId(body.warehouse_id), skus, body.note)
    return 201, _stock_take(_taken(commands.open_stock_take(new, _staff(request))))


@router.get("/stock/takes/{stock_take_id}", response={200: StockTakeOut, **_ERRORS})
@endpoint(scope="inventory:read")
def get_stock_take(request: HttpRequest, stock_take_id: StockTakeRef) -> Any:
    """One stock take."""
    _staff(request)
    return _stock_take(_taken(stock_take_id))


@router.get("/stock/takes/{stock_take_id}/lines", response={200: Page[StockTakeLineOut], **_ERRORS})
@endpoint(scope="inventory:read")
def list_stock_take_lines(
    request: HttpRequest,
    stock_take_id: StockTakeRef,
    different_only: bool = False,
    cursor: str | None = None,
    limit: int = 50,
) -> Any:
    """What there is to count and what was found."""
    _staff(request)
    one = _taken(stock_take_id)

    def read(before_id: int | None, count: int) -> list[StockTakeLine]:
        return queries.list_stock_take_lines(one.stock_take_id, different_only, before_id, count)

    page = page_of(read, cursor, limit, lambda line: line.line_id)
    items = [
        {
            "sku_id": n.sku_id, "lot_id": n.lot_id, "counted": n.counted, "book": n.book, "difference": n.difference,
            "counted_by": n.counted_by, "counted_at": n.counted_at,
        }
        for n in page["items"]
    ]  # fmt: skip
    return page | {"items": items}


@router.post("/stock/takes/{stock_take_id}/counts", response={200: LinesWrittenOut, **_ERRORS})
@endpoint(scope="inventory:write", write=True)
def count(request: HttpRequest, stock_take_id: StockTakeRef, body: CountsIn) -> Any:
    """Enter what was counted, compared with the books at this moment; a later count replaces an earlier one."""
    counts = [Counted(SkuId(n.sku_id), n.quantity, None if n.lot_id is None else LotId(n.lot_id)) for n in body.counts]
    return {"written": commands.count(StockTakeId(stock_take_id), counts, _staff(request))}


@router.post("/stock/takes/{stock_take_id}/approve", response={200: StockTakeOut, **_ERRORS})
@endpoint(scope="inventory:write", write=True)
def approve_stock_take(request: HttpRequest, stock_take_id: StockTakeRef) -> Any:
    """Write the differences; only by somebody who counted nothing of it."""
    commands.approve_stock_take(StockTakeId(stock_take_id), _staff(request), clock.now())
    return _stock_take(_taken(stock_take_id))


@router.post("/stock/takes/{stock_take_id}/cancel", response={200: StockTakeOut, **_ERRORS})
@endpoint(scope="inventory:write", write=True)
def cancel_stock_take(request: HttpRequest, stock_take_id: StockTakeRef) -> Any:
    """Give up a count; nothing is written."""
    commands.cancel_stock_take(StockTakeId(stock_take_id), _staff(request), clock.now())
    return _stock_take(_taken(stock_take_id))
