"""Reads of returns."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from django.db.models import Q

from banyan.kernel import sql, tenancy
from banyan.kernel.values.errors import NotFound
from banyan.trade.orders.types import Order
from banyan.trade.returns.engine.refunds import left_to_ask
from banyan.trade.returns.models import PhotoRow, PieceRow, RefundPartRow, ReturnableLineRow, ReturnLineRow, ReturnRow
from banyan.trade.returns.ports import photo_store
from banyan.trade.returns.types import (
    OPEN_STATUSES,
    Address,
    Disposition,
    Fault,
    LineClaim,
    LineState,
    Mode,
    Photo,
    PieceGroup,
    RefundPart,
    Return,
    ReturnId,
    ReturnLine,
    ReturnStatus,
    refund_key,
)


def open_returns(order_ids: Iterable[int]) -> set[int]:
    """Those of these orders that have a return which may still take money back: their commission stays on hold."""
    wanted = list(set(order_ids))
    if not wanted:
        return set()
    rows = sql.fetch(
        "SELECT DISTINCT order_id FROM returns WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) AND status ="
        " ANY(%s::text[])",
        (tenancy.current_tenant_id(), wanted, [status.value for status in OPEN_STATUSES]),
    )
    return {order_id for (order_id,) in rows}


def get_return(return_id: int, buyer_id: int | None = None) -> Return:
    """One return with its lines; with `buyer_id`, only that buyer's own. Raises NotFound."""
    found = list_returns_by_ids([return_id])
    if not found or (buyer_id is not None and found[0].buyer_id != buyer_id):
        raise NotFound("No such return.")
    return found[0]


def list_returns_by_ids(return_ids: Sequence[int]) -> list[Return]:
    """These returns with their lines, in the order of the ids; unknown ids are left out."""
    rows = {row.pk: row for row in ReturnRow.objects.filter(tenant_id=tenancy.current_tenant_id(), pk__in=return_ids)}
    return _with_lines([rows[return_id] for return_id in return_ids if return_id in rows])


def list_returns(
    *,
    before_id: int | None = None,
    count: int = 50,
    buyer_id: int | None = None,
    order_id: int | None = None,
    status: ReturnStatus | None = None,
) -> list[Return]:
    """Returns with their lines, newest first, at most `count` with an id below `before_id`."""
    wanted = Q(tenant_id=tenancy.current_tenant_id())
    if before_id is not None:
        wanted &= Q(pk__lt=before_id)
    if buyer_id is not None:
        wanted &= Q(buyer_id=buyer_id)
    if order_id is not None:
        wanted &= Q(order_id=order_id)
    if status is not None:
        wanted &= Q(status=status.value)
    return _with_lines(list(ReturnRow.objects.filter(wanted).order_by("-pk")[:count]))


def list_returned(order_ids: Iterable[int]) -> dict[int, tuple[LineState, ...]]:
    """For orders that ever had a return: every line with what was sold and what went back. Others are left out."""
    found: dict[int, list[LineState]] = {}
    rows = ReturnableLineRow.objects.filter(tenant_id=tenancy.current_tenant_id(), order_id__in=list(order_ids)).order_by(
        "line_id"
    )
    for row in rows:
        state = LineState(row.line_id, row.of_quantity, row.of_minor, row.returned_quantity, row.refunded_minor)  # own money only
        found.setdefault(row.order_id, []).append(state)
    return {order_id: tuple(lines) for order_id, lines in found.items()}


def list_left(order: Order) -> list[LineClaim]:
    """What may still be asked back of each line: units that no return claims and for which money is left, and the amount that is
    neither refunded nor asked back."""
    kept = {
        row.line_id: row
        for row in ReturnableLineRow.objects.filter(tenant_id=tenancy.current_tenant_id(), order_id=order.order_id)
    }
    asked = asked_amounts([order.order_id])
    left = []
    for line in order.lines:
        row = kept.get(line.line_id)
        state = _state_of(row) if row else LineState(line.line_id, line.quantity, line.payable_minor)
        claimed, asked_minor = row.claimed_quantity if row else 0, asked.get(line.line_id, 0)
        units = _askable_units(state, claimed, asked_minor)
        left.append(LineClaim(line.line_id, units, max(left_to_ask(state, claimed, asked_minor), 0)))
    return left


def asked_amounts(order_ids: Iterable[int]) -> dict[int, int]:
    """The minor units that open returns of these orders ask back as amounts, by line; granted ones as they were granted."""
    rows = sql.fetch(
        "SELECT l.line_id, sum(coalesce(l.granted_minor, l.amount_minor))::bigint FROM returns r"
        " JOIN return_lines l ON l.tenant_id = r.tenant_id AND l.return_id = r.id WHERE r.tenant_id = %s"
        " AND r.order_id = ANY(%s::bigint[]) AND r.status = ANY(%s::text[]) AND l.amount_minor > 0 GROUP BY l.line_id",
        (tenancy.current_tenant_id(), list(set(order_ids)), [status.value for status in OPEN_STATUSES]),
    )
    return dict(rows)


def _askable_units(state: LineState, claimed: int, asked_minor: int) -> int:
    """The most units that nobody claims and for which money is left."""
    more = range(claimed + 1, state.of_quantity + 1)
    return bisect_left(more, True, key=lambda units: left_to_ask(state, units, asked_minor) < 0)


def _state_of(row: ReturnableLineRow) -> LineState:
    back = row.returned_quantity + row.exchanged_quantity
    return LineState(row.line_id, row.of_quantity, row.of_minor + row.credited_minor, back, _gone(row))


def _gone(row: ReturnableLineRow) -> int:
    return row.refunded_minor + row.deducted_minor + row.carried_minor + row.credit_used_minor


def find_by_replacements(order_ids: Iterable[int]) -> dict[int, ReturnId]:
    """The exchanges that ordered these replacements, by order."""
    rows = sql.fetch(
        "SELECT replacement_order_id, id FROM returns WHERE tenant_id = %s AND replacement_order_id = ANY(%s::bigint[])",
        (tenancy.current_tenant_id(), list(set(order_ids))),
    )
    return {order_id: ReturnId(return_id) for order_id, return_id in rows}


def list_refund_parts(return_id: int) -> list[RefundPart]:
    """Each part of a return's refund, with the key that payments knows it under."""
    rows = RefundPartRow.objects.filter(tenant_id=tenancy.current_tenant_id(), return_row_id=return_id)
    return [
        RefundPart(
            order_id=row.order_id,
            payment_id=row.payment_id,
            amount_minor=row.amount_minor,
            attempt=row.attempt,
            key=refund_key(return_id, row.attempt, None if row.order_id == row.return_row.order_id else row.order_id),
            ended_at=row.ended_at,
            completed=row.completed,
        )
        for row in rows.select_related("return_row").order_by("order_id")
    ]


def get_photo(photo_id: int, person_id: int | None = None) -> Photo:
    """One photo; with `person_id` only one that he uploaded or that belongs to his return. Raises NotFound."""
    row = PhotoRow.objects.filter(tenant_id=tenancy.current_tenant_id(), pk=photo_id).first()
    if row is None or (person_id is not None and row.uploaded_by != person_id and not _is_of(row.return_id, person_id)):
        raise NotFound("No such photo.")
    return Photo(row.pk, row.return_id, row.media_type, row.size, row.digest, row.uploaded_by, row.uploaded_at)


def _is_of(return_id: int | None, buyer_id: int) -> bool:
    if return_id is None:
        return False
    return ReturnRow.objects.filter(tenant_id=tenancy.current_tenant_id(), pk=return_id, buyer_id=buyer_id).exists()


def read_photo(photo: Photo) -> bytes:
    """The bytes of a photo. Raises NotFound when the store has lost it."""
    try:
        return photo_store().get(tenancy.current_tenant_id(), str(photo.photo_id))
    except KeyError as error:
        raise NotFound("The photo is gone.") from error


def _with_lines(rows: Sequence[ReturnRow]) -> list[Return]:
    lines: dict[int, list[ReturnLine]] = {}
    pieces = _pieces([row.pk for row in rows])
    photos = _photos([row.pk for row in rows])
    line_rows = ReturnLineRow.objects.filter(tenant_id=tenancy.current_tenant_id(), return_row_id__in=[row.pk for row in rows])
    for line in line_rows.order_by("line_id"):
        lines.setdefault(line.return_row_id, []).append(
            ReturnLine(
                line_id=line.line_id,
                quantity=line.quantity,
                amount_minor=line.amount_minor,
                restock_quantity=line.restock_quantity,
                scrap_quantity=line.scrap_quantity,
                refund_minor=line.refund_minor,
                of_quantity=line.of_quantity,
                of_minor=line.of_minor,
                sku_id=line.sku_id,
                quarantine_quantity=line.quarantine_quantity,
                granted_minor=line.granted_minor,
                deducted_minor=line.deducted_minor,
                deduction_reason=line.deduction_reason,
                carried_minor=line.carried_minor,
                exchange_sku_id=line.exchange_sku_id,
                exchange_unit_minor=line.exchange_unit_minor,
                pieces=tuple(pieces.get((line.return_row_id, line.line_id), ())),
            )
        )
    return [
        Return(
            return_id=ReturnId(row.pk),
            order_id=row.order_id,
            buyer_id=row.buyer_id,
            status=ReturnStatus(row.status),
            mode=Mode(row.mode),
            fault=Fault(row.fault),
            goodwill=row.goodwill,
            reason=row.reason,
            decision_reason=row.decision_reason,
            currency=row.currency,
            refund_minor=row.refund_minor,
            freight_minor=row.freight_minor,
            requested_at=row.requested_at,
            decided_at=row.decided_at,
            received_at=row.received_at,
            accepted_at=row.accepted_at,
            refunded_at=row.refunded_at,
            lines=tuple(lines.get(row.pk, ())),
            reason_code=row.reason_code,
            ruling=tuple(row.ruling),
            is_automatic=row.is_automatic,
            deadline_at=row.deadline_at,
            deadline_ground=row.deadline_ground,
            send_back_by=row.send_back_by,
            address=Address(**row.address) if row.address else None,
            carrier=row.carrier,
            tracking_number=row.tracking_number,
            sent_at=row.sent_at,
            hand_back_carrier=row.hand_back_carrier,
            hand_back_number=row.hand_back_number,
            handed_back_at=row.handed_back_at,
            replacement_order_id=row.replacement_order_id,
            difference_minor=row.difference_minor,
            photo_ids=tuple(photos.get(row.pk, ())),
        )
        for row in rows
    ]


def _pieces(return_ids: Sequence[int]) -> dict[tuple[int, int], list[PieceGroup]]:
    found: dict[tuple[int, int], list[PieceGroup]] = {}
    for row in PieceRow.objects.filter(tenant_id=tenancy.current_tenant_id(), return_row_id__in=return_ids).order_by("id"):
        group = PieceGroup(row.quantity, Disposition(row.disposition), row.lot_id, row.note)
        found.setdefault((row.return_row_id, row.line_id), []).append(group)
    return found


def _photos(return_ids: Sequence[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    rows = PhotoRow.objects.filter(tenant_id=tenancy.current_tenant_id(), return_id__in=return_ids).order_by("id")
    for return_id, photo_id in rows.values_list("return_id", "id"):
        found.setdefault(return_id or 0, []).append(photo_id)
    return found
