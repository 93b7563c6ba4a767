"""Goods on their way: the buyer's parcel, the inspection when it is here, and rejected goods that go back to the buyer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from banyan.goods.inventory import commands as inventory_commands
from banyan.goods.inventory import queries as inventory
from banyan.kernel import clock, ids, sql, tenancy
from banyan.kernel.values.errors import Invalid, Refusal
from banyan.kernel.values.filled import Filled
from banyan.trade.returns.commands.finding import Found, WrongStatus, expect, find_locked, judge_each, outcomes_of
from banyan.trade.returns.commands.standing import Standing
from banyan.trade.returns.engine.refunds import line_refund
from banyan.trade.returns.engine.requests import BadInspection, judge_deduction, judge_inspection
from banyan.trade.returns.models import PieceRow
from banyan.trade.returns.types import (
    AWAITED_STATUSES,
    Disposition,
    GoodsReceipt,
    Parcel,
    ReturnOutcome,
    ReturnStatus,
)

CARRIER_MAX, NUMBER_MAX = 60, 80
Judge = Callable[[Found], Refusal | None]


class BadParcel(Invalid):
    """A parcel without a number, or with an unreadable one."""

    code = "return_parcel_bad"
    advice = "Give the carrier (at most 60 characters) and its tracking number (1 to 80 printable characters)."


def send_back(parcels: Sequence[Parcel]) -> list[ReturnOutcome]:
    """approved → sent: the buyer names the parcel, which stops the deadline. Naming another one later corrects it."""
    return _parcels(parcels, expect_goods(*AWAITED_STATUSES), _SEND, ReturnStatus.SENT)


def hand_back(parcels: Sequence[Parcel]) -> list[ReturnOutcome]:
    """Goods of a rejected return are on their way back to the buyer; the return stays rejected."""

    def judge(one: Found) -> Refusal | None:
        refusal = expect(ReturnStatus.REJECTED)(one)
        return refusal or (None if one.received else WrongStatus("No goods of this return ever came."))

    return _parcels(parcels, judge, _HAND, ReturnStatus.REJECTED)


_SEND = "status = 'sent', carrier = d.carrier, tracking_number = d.number, sent_at = coalesce(r.sent_at, %s)"
_HAND = "hand_back_carrier = d.carrier, hand_back_number = d.number, handed_back_at = coalesce(r.handed_back_at, %s)"


def expect_goods(*statuses: ReturnStatus) -> Judge:
    """Judges that a return is in one of these statuses and that goods are wanted for it."""
    in_status = expect(*statuses)

    def judge(one: Found) -> Refusal | None:
        if not one.mode.wants_goods:
            said = Filled("No goods are expected for a return as {mode}; accept it directly.", mode=one.mode)
            return WrongStatus(said, mode=one.mode.value)
        return in_status(one)

    return judge


def _parcels(parcels: Sequence[Parcel], judge: Judge, assignments: str, status: ReturnStatus) -> list[ReturnOutcome]:
    by_id = {parcel.return_id: parcel for parcel in parcels}

    def judge_parcel(one: Found) -> Refusal | None:
        parcel = by_id[one.return_id]
        number = parcel.tracking_number.strip()
        readable = (parcel.carrier + number).isprintable() and len(parcel.carrier) <= CARRIER_MAX
        return judge(one) if readable and 0 < len(number) <= NUMBER_MAX else BadParcel("The parcel has no usable number.")

    return_ids = [parcel.return_id for parcel in parcels]
    found, _ = find_locked(return_ids)
    passed, refusals = judge_each(return_ids, found, judge_parcel)
    if passed:
        chosen = [by_id[one.return_id] for one in passed]
        sql.execute(
            f"UPDATE returns r SET {assignments} FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS d(id, carrier, number)"
            " WHERE r.tenant_id = %s AND r.id = d.id",
            (
                clock.now(),
                [parcel.return_id for parcel in chosen],
                [parcel.carrier.strip() for parcel in chosen],
                [parcel.tracking_number.strip() for parcel in chosen],
                tenancy.current_tenant_id(),
            ),
        )
    return outcomes_of(return_ids, status, refusals)


def receive(receipts: Sequence[GoodsReceipt]) -> list[ReturnOutcome]:
    """approved | sent → received: the goods are here and inspected, piece by piece; stock changes when the return is accepted."""
    by_id = {receipt.return_id: receipt for receipt in receipts}
    in_status = expect_goods(*AWAITED_STATUSES)
    named = any(receipt.warehouse_id is not None for receipt in receipts)
    warehouses = {warehouse.warehouse_id for warehouse in inventory.list_warehouses()} if named else set()

    lots = inventory.lot_numbers(
        group.lot_id for receipt in receipts for one in receipt.inspections for group in one.pieces if group.lot_id is not None
    )
    return_ids = [receipt.return_id for receipt in receipts]
    found, standings = find_locked(return_ids)

    def judge(one: Found) -> Refusal | None:
        receipt = by_id[one.return_id]
        if receipt.warehouse_id is not None and receipt.warehouse_id not in warehouses and one.mode.wants_goods:
            return inventory_commands.UnknownWarehouse("No such warehouse.")
        claimed = {claim.line_id: claim.quantity for claim in one.lines}
        refusal = in_status(one) or judge_inspection(claimed, receipt.inspections)
        return refusal or _judge_lots(one, receipt, lots) or _judge_deductions(one, receipt, standings)

    passed, refusals = judge_each(return_ids, found, judge)
    if passed:
        _write_receipts([by_id[one.return_id] for one in passed])
    return outcomes_of(return_ids, ReturnStatus.RECEIVED, refusals)


def _judge_lots(one: Found, receipt: GoodsReceipt, lots: Mapping[int, tuple[int, str]]) -> Refusal | None:
    """A lot that is named is one of the goods that came back; `lots` are (SKU, number) by id."""
    for inspection in receipt.inspections:
        for group in inspection.pieces:
            if group.lot_id is not None and lots.get(group.lot_id, (0, ""))[0] != one.skus[inspection.line_id]:
                return inventory_commands.UnknownLot("No such lot of these goods.")
    return None


def _judge_deductions(one: Found, receipt: GoodsReceipt, standings: Mapping[int, Standing]) -> Refusal | None:
    claims = {claim.line_id: claim for claim in one.lines}
    for inspection in receipt.inspections:
        if inspection.deducted_minor:
            state = standings[one.order_id].lines[inspection.line_id].state
            try:
                worth = line_refund(state, claims[inspection.line_id])
            except ValueError as error:
                return BadInspection(error.args[0])
            refusal = judge_deduction(inspection, worth)
            if refusal is not None:
                return refusal
    return None


def _write_receipts(receipts: Sequence[GoodsReceipt]) -> None:
    tenant_id, now = tenancy.current_tenant_id(), clock.now()
    lines = [(receipt.return_id, one) for receipt in receipts for one in receipt.inspections]
    sql.execute(
        "UPDATE return_lines l SET restock_quantity = d.restock, quarantine_quantity = d.quarantine, scrap_quantity = d.scrap,"
        " deducted_minor = d.deducted, deduction_reason = d.reason"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::int[], %s::int[], %s::bigint[], %s::text[])"
        " AS d(return_id, line_id, restock, quarantine, scrap, deducted, reason)"
        " WHERE l.tenant_id = %s AND l.return_id = d.return_id AND l.line_id = d.line_id",
        (
            [return_id for return_id, _ in lines],
            [one.line_id for _, one in lines],
            [one.count(Disposition.RESTOCK) for _, one in lines],
            [one.count(Disposition.QUARANTINE) for _, one in lines],
            [one.count(Disposition.SCRAP) for _, one in lines],
            [one.deducted_minor for _, one in lines],
            [one.deduction_reason.strip() for _, one in lines],
            tenant_id,
        ),
    )
    groups = [(return_id, one.line_id, group) for return_id, one in lines for group in one.groups]
    sql.insert(
        PieceRow,
        ("id", "return_id", "line_id", "quantity", "disposition", "lot_id", "note"),
        [
            (i, return_id, line_id, group.quantity, group.disposition.value, group.lot_id, group.note[:200])
            for i, (return_id, line_id, group) in zip(ids.next_ids(len(groups)), groups, strict=True)
        ],
    )
    sql.execute(
        "UPDATE returns r SET status = 'received', received_by = d.received_by, received_at = %s, warehouse_id = d.warehouse_id"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS d(id, received_by, warehouse_id)"
        " WHERE r.tenant_id = %s AND r.id = d.id",
        (
            now,
            [receipt.return_id for receipt in receipts],
            [receipt.received_by for receipt in receipts],
            [receipt.warehouse_id for receipt in receipts],
            tenant_id,
        ),
    )
