"""Transfers: goods leave one warehouse, are on the way, come into another, or are lost with a reason. Lock order: the transfer,
then levels as inventory locks them. All functions run inside ``tenancy.enter``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from banyan.goods.catalog import queries as catalog
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import MovementKind, StockMove
from banyan.goods.warehousing.events import TransferClosed, TransferSent
from banyan.goods.warehousing.models import TransferLineRow, TransferReceiptRow, TransferRow
from banyan.goods.warehousing.types import ON_THE_WAY, Arrived, NewTransfer, TransferId, TransferState
from banyan.kernel import clock, events, ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import Conflict, Invalid, NotFound

PIECES_MAX = 1_000_000_000
LINES_MAX = 1_000
TRANSFER = "trf"


class UnknownTransfer(NotFound):
    """No such transfer in this shop."""

    code = "unknown_transfer"
    advice = "List the transfers and use one of their ids."


class NotDrafted(Conflict):
    """The transfer has been sent or cancelled."""

    code = "transfer_not_drafted"
    advice = "Read the transfer's state; what has been sent is received or reported lost."


class NotOnTheWay(Conflict):
    """Nothing of this transfer is on the way."""

    code = "transfer_not_on_the_way"
    advice = "Read the transfer's state: only what was sent can come in."


class MoreThanSent(Conflict):
    """More pieces than are still on the way."""

    code = "more_than_sent"
    advice = "Receive what is on the way; what is found beyond it is a matter for a stock take."


def draft_transfer(new: NewTransfer, drafted_by: int) -> TransferId:
    """Draft a transfer; nothing moves and nothing is held yet. Raises Invalid, UnknownWarehouse, UnknownSku."""
    if new.source_id == new.destination_id:
        raise Invalid("A transfer goes to another warehouse.", field="destination_id")
    if not 0 < len(new.lines) <= LINES_MAX:
        raise Invalid("A transfer has 1 to 1,000 lines.", field="lines")
    if len(new.note) > 200:
        raise Invalid("A note has at most 200 characters.", field="note")
    if any(not 0 < line.quantity <= PIECES_MAX for line in new.lines):
        raise Invalid("A quantity must lie within 1 and 1,000,000,000.", field="quantity")
    if len({(line.sku_id, line.lot_id) for line in new.lines}) != len(new.lines):
        raise Invalid("A SKU, or a lot of it, is named twice.", field="lines")
    if {line.sku_id for line in new.lines if line.lot_id is None} & {line.sku_id for line in new.lines if line.lot_id}:
        raise Invalid("A SKU is named with a lot and without one.", field="lines")
    known = {one.warehouse_id for one in stock.list_warehouses()}
    if not {new.source_id, new.destination_id} <= known:
        raise inventory.UnknownWarehouse("A warehouse of this transfer does not exist.")
    skus = {line.sku_id for line in new.lines}
    if catalog.known_skus(skus) != skus:
        raise inventory.UnknownSku("A SKU of this transfer does not exist.")
    lots = stock.lot_numbers(line.lot_id for line in new.lines)
    if any(line.lot_id is not None and lots.get(line.lot_id, (0,))[0] != line.sku_id for line in new.lines):
        raise inventory.UnknownLot("No such lot of this SKU.")
    transfer_id, now = ids.next_id(), clock.now()
    sql.insert(
        TransferRow,
        ("id", "source_id", "destination_id", "state", "note", "drafted_by", "drafted_at"),
        [(transfer_id, new.source_id, new.destination_id, TransferState.DRAFT.value, new.note, drafted_by, now)],
    )
    sql.insert(
        TransferLineRow,
        _LINE_COLUMNS,
        [
            (i, transfer_id, line.sku_id, line.lot_id, line.quantity, 0, 0)
            for i, line in zip(ids.next_ids(len(new.lines)), new.lines, strict=True)
        ],
    )
    return TransferId(transfer_id)


_LINE_COLUMNS = ("id", "transfer_id", "sku_id", "lot_id", "quantity", "received", "lost")


def cancel_transfer(transfer_id: TransferId) -> None:
    """Cancel a draft. Idempotent. Raises NotDrafted once it has been sent, UnknownTransfer."""
    state = _lock(transfer_id)[2]
    if state is TransferState.CANCELLED:
        return
    if state is not TransferState.DRAFT:
        raise NotDrafted("The transfer has been sent.")
    _turn(transfer_id, TransferState.CANCELLED, closed_at=clock.now())


def send_transfer(transfer_id: TransferId, at: datetime) -> None:
    """The goods leave: on hand falls in the source, movements are written, the pieces are on the way. Idempotent.

    Of a lot-tracked SKU the lots are chosen now, first expired first, and the lines are split by them. Raises StockPromised,
    with what is missing, when fewer pieces are free than are to leave: promised ones stay. Then nothing leaves.
    """
    source_id, destination_id, state = _lock(transfer_id)
    if state in (*ON_THE_WAY, TransferState.CLOSED):
        return
    if state is not TransferState.DRAFT:
        raise NotDrafted("The transfer has been cancelled.")
    lines = sql.fetch(
        "SELECT id, sku_id, lot_id, quantity FROM warehousing_transfer_lines WHERE tenant_id = %s AND transfer_id = %s"
        " ORDER BY id",
        (current_tenant_id(), transfer_id),
    )
    reference = ids.public(TRANSFER, transfer_id)
    moved = inventory.move_stock(
        [
            StockMove(source_id, sku_id, MovementKind.TRANSFER_OUT, -quantity, reference, out_key(line_id), lot_id)
            for line_id, sku_id, lot_id, quantity in lines
        ],
        at,
        expecting=[(destination_id, sku_id) for _, sku_id, _, _ in lines],
    )
    _write_lots(transfer_id, lines, moved)
    _turn(transfer_id, TransferState.SENT, sent_at=at)
    events.record([TransferSent(transfer_id=transfer_id, occurred_at=at)])


def out_key(line_id: int) -> str:
    """The key of the movement by which a line's pieces left."""
    return f"transfer/{line_id}/out"


def _write_lots(transfer_id: int, lines: Sequence[tuple[int, ...]], moved: Sequence[tuple[int, int | None, int]]) -> None:
    """Put on each line the lot that was taken; further lots of it become lines of their own."""
    first: dict[int, tuple[int, int]] = {}
    further: dict[tuple[int, int], int] = {}
    for asked, lot_id, change in moved:
        line_id, sku_id = lines[asked][0], lines[asked][1]
        if lot_id is None or lines[asked][2] is not None:
            continue
        if line_id not in first:
            first[line_id] = (lot_id, -change)
        else:
            further[sku_id, lot_id] = -change
    tenant_id = current_tenant_id()
    if first:
        sql.execute(
            "UPDATE warehousing_transfer_lines l SET lot_id = u.lot_id, quantity = u.quantity"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS u(id, lot_id, quantity)"
            " WHERE l.tenant_id = %s AND l.id = u.id",
            (list(first), [lot for lot, _ in first.values()], [pieces for _, pieces in first.values()], tenant_id),
        )
    sql.insert(
        TransferLineRow,
        _LINE_COLUMNS,
        [
            (i, transfer_id, sku_id, lot_id, pieces, 0, 0)
            for i, ((sku_id, lot_id), pieces) in zip(ids.next_ids(len(further)), further.items(), strict=True)
        ],
        on_conflict="ON CONFLICT (tenant_id, transfer_id, sku_id, lot_id)"
        " DO UPDATE SET quantity = warehousing_transfer_lines.quantity + EXCLUDED.quantity",
    )


def receive_transfer(
    transfer_id: TransferId, arrived: Sequence[Arrived], key: str, received_by: int, at: datetime
) -> TransferState:
    """Pieces came in, or are given up as lost with a reason; may be told in several receipts. Returns the transfer's state.

    What came in is on hand in the destination at once. What is lost is booked in and out again there, so that the loss stands
    among the movements with its reason. The transfer closes when nothing of it is left on the way. Idempotent by ``key``
    (unique within the transfer). Raises MoreThanSent, NotOnTheWay, Invalid, UnknownTransfer; then nothing is received.
    """
    told = [one for one in arrived if one.received or one.lost]
    if not told or not key or len(key) > 120:
        raise Invalid("A receipt needs a key and at least one line with pieces.", field="lines")
    for one in told:
        if min(one.received, one.lost) < 0 or max(one.received, one.lost) > PIECES_MAX:
            raise Invalid("A quantity must lie within 0 and 1,000,000,000.", field="received")
        if one.lost and not one.reason.strip():
            raise Invalid("A loss needs its reason.", field="reason")
    if len({one.line_id for one in told}) != len(told):
        raise Invalid("A line is named twice.", field="lines")
    _, destination_id, state = _lock(transfer_id)
    tenant_id = current_tenant_id()
    if sql.fetch(
        "SELECT 1 FROM warehousing_transfer_receipts WHERE tenant_id = %s AND transfer_id = %s AND key = %s LIMIT 1",
        (tenant_id, transfer_id, key),
    ):
        return state
    if state not in ON_THE_WAY:
        raise NotOnTheWay("Nothing of this transfer is on the way.")
    lines = _take_off_the_way(transfer_id, told)
    _write_receipt(transfer_id, destination_id, told, lines, key, received_by, at)
    (left,) = sql.fetch(
        "SELECT coalesce(sum(quantity - received - lost), 0)::bigint FROM warehousing_transfer_lines"
        " WHERE tenant_id = %s AND transfer_id = %s",
        (tenant_id, transfer_id),
    )[0]
    if left:
        _turn(transfer_id, TransferState.RECEIVING)
        return TransferState.RECEIVING
    _turn(transfer_id, TransferState.CLOSED, closed_at=at)
    events.record([TransferClosed(transfer_id=transfer_id, occurred_at=at)])
    return TransferState.CLOSED


def _take_off_the_way(transfer_id: int, told: Sequence[Arrived]) -> dict[int, tuple[int, int | None]]:
    """Raise received and lost where so much is left; the (SKU, lot) of each line."""
    rows = sql.fetch(
        "UPDATE warehousing_transfer_lines l SET received = l.received + u.received, lost = l.lost + u.lost"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS u(id, received, lost)"
        " WHERE l.tenant_id = %s AND l.transfer_id = %s AND l.id = u.id"
        " AND l.quantity - l.received - l.lost >= u.received + u.lost RETURNING l.id, l.sku_id, l.lot_id",
        (
            [one.line_id for one in told], [one.received for one in told], [one.lost for one in told], current_tenant_id(),
            transfer_id,
        ),
    )  # fmt: skip
    if len(rows) != len(told):
        raise MoreThanSent("A line is not of this transfer, or fewer pieces of it are on the way.")
    return {row[0]: (row[1], row[2]) for row in rows}


def _write_receipt(
    transfer_id: int, destination_id: int, told: Sequence[Arrived], lines: dict[int, tuple[int, int | None]], key: str,
    received_by: int, at: datetime,
) -> None:  # fmt: skip
    receipts = list(zip(ids.next_ids(len(told)), told, strict=True))
    sql.insert(
        TransferReceiptRow,
        ("id", "transfer_id", "line_id", "received", "lost", "reason", "key", "received_by", "received_at"),
        [
            (identity, transfer_id, one.line_id, one.received, one.lost, one.reason.strip()[:200], key, received_by, at)
            for identity, one in receipts
        ],
    )
    reference, moves = ids.public(TRANSFER, transfer_id), []
    for identity, one in receipts:
        sku_id, lot_id = lines[one.line_id]
        moves.append(
            StockMove(
                destination_id, sku_id, MovementKind.TRANSFER_IN, one.received + one.lost, reference, in_key(identity), lot_id
            )
        )
        if one.lost:
            why = f"{reference} {one.reason.strip()}"[:200]
            moves.append(
                StockMove(destination_id, sku_id, MovementKind.TRANSFER_LOSS, -one.lost, why, loss_key(identity), lot_id)
            )
    inventory.move_stock(moves, at)


def in_key(receipt_id: int) -> str:
    """The key of the movement by which a receipt's pieces came in."""
    return f"transfer-receipt/{receipt_id}/in"


def loss_key(receipt_id: int) -> str:
    """The key of the movement by which a receipt's lost pieces were booked out."""
    return f"transfer-receipt/{receipt_id}/loss"


def _lock(transfer_id: int) -> tuple[int, int, TransferState]:
    rows = sql.fetch(
        "SELECT source_id, destination_id, state FROM warehousing_transfers WHERE tenant_id = %s AND id = %s FOR UPDATE",
        (current_tenant_id(), transfer_id),
    )
    if not rows:
        raise UnknownTransfer("No such transfer.")
    return rows[0][0], rows[0][1], TransferState(rows[0][2])


def _turn(transfer_id: int, state: TransferState, sent_at: datetime | None = None, closed_at: datetime | None = None) -> None:
    sql.execute(
        "UPDATE warehousing_transfers SET state = %s, sent_at = coalesce(%s::timestamptz, sent_at),"
        " closed_at = coalesce(%s::timestamptz, closed_at) WHERE tenant_id = %s AND id = %s",
        (state.value, sent_at, closed_at, current_tenant_id(), transfer_id),
    )
