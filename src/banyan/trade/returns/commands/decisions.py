"""What happens between the request and the refund: approval, rejection, withdrawal, goods received; and the refund's end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from banyan.goods.inventory import commands as inventory_commands
from banyan.goods.inventory import queries as inventory
from banyan.kernel import clock, events, sql, tenancy
from banyan.kernel.values.errors import Conflict, NotFound, Refusal
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import OrderId
from banyan.trade.returns.commands.standing import Standing, change_claims, lock_orders
from banyan.trade.returns.engine.requests import MAX_REASON_LENGTH, ReasonMissing, judge_inspection
from banyan.trade.returns.events import ReturnClosed
from banyan.trade.returns.types import (
    REFUND_KEY,
    GoodsReceipt,
    LineClaim,
    Mode,
    Rejection,
    ReturnId,
    ReturnOutcome,
    ReturnStatus,
    refund_key,
)
from banyan.treasury.payments import commands as payments
from banyan.treasury.payments.types import NewRefund


class WrongStatus(Conflict):
    """The return is not in a status in which this can be done."""

    code = "return_status"
    advice = "Read the return's present status; what was decided stays decided."


@dataclass(frozen=True)
class Found:
    """A return under its order's lock."""

    return_id: ReturnId
    order_id: int
    status: ReturnStatus
    mode: Mode
    fault: str
    warehouse_id: int | None
    lines: tuple[LineClaim, ...]
    restocked: Mapping[int, int]


def find_locked(return_ids: Sequence[int]) -> tuple[dict[int, Found], dict[int, Standing]]:
    """Lock the orders of these returns, then read the returns: whatever changes a return holds its order's lock."""
    tenant_id = tenancy.current_tenant_id()
    order_ids = sql.fetch(
        "SELECT DISTINCT order_id FROM returns WHERE tenant_id = %s AND id = ANY(%s::bigint[])", (tenant_id, list(return_ids))
    )
    standings = lock_orders(order_id for (order_id,) in order_ids)
    lines: dict[int, list[LineClaim]] = {}
    restocked: dict[int, dict[int, int]] = {}
    for return_id, line_id, quantity, amount_minor, restock_quantity in sql.fetch(
        "SELECT return_id, line_id, quantity, amount_minor, restock_quantity FROM return_lines"
        " WHERE tenant_id = %s AND return_id = ANY(%s::bigint[]) ORDER BY line_id",
        (tenant_id, list(return_ids)),
    ):
        lines.setdefault(return_id, []).append(LineClaim(line_id, quantity, amount_minor))
        restocked.setdefault(return_id, {})[line_id] = restock_quantity
    rows = sql.fetch(
        "SELECT id, order_id, status, mode, fault, warehouse_id FROM returns WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (tenant_id, list(return_ids)),
    )
    found = {
        row[0]: Found(
            ReturnId(row[0]), row[1], ReturnStatus(row[2]), Mode(row[3]), row[4], row[5], tuple(lines[row[0]]), restocked[row[0]]
        )
        for row in rows
    }
    return found, standings


def judge_each(
    return_ids: Iterable[int], found: Mapping[int, Found], judge: Callable[[Found], Refusal | None]
) -> tuple[list[Found], dict[int, Refusal]]:
    """Split a batch into returns that pass and refusals by return id; an unknown id and a repeated one are refused."""
    passed: dict[int, Found] = {}
    refusals: dict[int, Refusal] = {}
    for return_id in return_ids:
        one = found.get(return_id)
        refusal = NotFound("No such return.") if one is None else judge(one)
        if refusal is None and one is not None:
            passed[return_id] = one
        elif refusal is not None:
            refusals[return_id] = refusal
    return list(passed.values()), refusals


def outcomes_of(return_ids: Iterable[int], status: ReturnStatus, refusals: Mapping[int, Refusal]) -> list[ReturnOutcome]:
    """One outcome per id of the batch."""
    return [
        ReturnOutcome(ReturnId(return_id), refusal=refusals[return_id])
        if return_id in refusals
        else ReturnOutcome(ReturnId(return_id), status)
        for return_id in return_ids
    ]


def expect(*statuses: ReturnStatus) -> Callable[[Found], Refusal | None]:
    """Judges that a return is in one of these statuses."""

    def judge(one: Found) -> Refusal | None:
        return None if one.status in statuses else WrongStatus(f"The return is {one.status.value}.", status=one.status.value)

    return judge


def approve(return_ids: Sequence[int], approved_by: int) -> list[ReturnOutcome]:
    """requested → approved. The buyer may now send the goods, or (unshipped, refund only) the return can be accepted."""
    found, _ = find_locked(return_ids)
    passed, refusals = judge_each(return_ids, found, expect(ReturnStatus.REQUESTED))
    _decide([(one.return_id, "") for one in passed], ReturnStatus.APPROVED, approved_by, clock.now())
    return outcomes_of(return_ids, ReturnStatus.APPROVED, refusals)


def reject(rejections: Sequence[Rejection], rejected_by: int) -> list[ReturnOutcome]:
    """requested | approved | received → rejected, with a reason for the buyer. The claimed units are free again."""
    reasons = {rejection.return_id: rejection.reason.strip() for rejection in rejections}
    in_status = expect(ReturnStatus.REQUESTED, ReturnStatus.APPROVED, ReturnStatus.RECEIVED)

    def judge(one: Found) -> Refusal | None:
        usable = 0 < len(reasons[one.return_id]) <= MAX_REASON_LENGTH
        return in_status(one) if usable else ReasonMissing("A rejection needs a reason.")

    return _close([one.return_id for one in rejections], judge, ReturnStatus.REJECTED, rejected_by, reasons)


def withdraw(return_ids: Sequence[int], withdrawn_by: int) -> list[ReturnOutcome]:
    """requested | approved → withdrawn by the buyer. The claimed units are free again."""
    judge = expect(ReturnStatus.REQUESTED, ReturnStatus.APPROVED)
    return _close(return_ids, judge, ReturnStatus.WITHDRAWN, withdrawn_by, {})


def _close(
    return_ids: Sequence[int],
    judge: Callable[[Found], Refusal | None],
    status: ReturnStatus,
    user_id: int,
    reasons: Mapping[ReturnId, str],
) -> list[ReturnOutcome]:
    found, _ = find_locked(return_ids)
    passed, refusals = judge_each(return_ids, found, judge)
    freed: Counter[int] = Counter()
    for one in passed:
        freed.update({claim.line_id: claim.quantity for claim in one.lines})
    change_claims({line_id: -quantity for line_id, quantity in freed.items()})
    now = clock.now()
    _decide([(one.return_id, reasons.get(one.return_id, "")) for one in passed], status, user_id, now)
    events.record([ReturnClosed(one.return_id, one.order_id, status.value, now) for one in passed])
    return outcomes_of(return_ids, status, refusals)


def _decide(decided: Sequence[tuple[ReturnId, str]], status: ReturnStatus, user_id: int, at: datetime) -> None:
    if not decided:
        return
    sql.execute(
        "UPDATE returns r SET status = %s, decision_reason = d.reason, decided_by = %s, decided_at = %s"
        " FROM unnest(%s::bigint[], %s::text[]) AS d(id, reason) WHERE r.tenant_id = %s AND r.id = d.id",
        (status.value, user_id, at, [one for one, _ in decided], [reason for _, reason in decided], tenancy.current_tenant_id()),
    )


def receive(receipts: Sequence[GoodsReceipt]) -> list[ReturnOutcome]:
    """approved → received: the goods are here and inspected; stock changes when the return is accepted."""
    by_id = {receipt.return_id: receipt for receipt in receipts}
    in_status = expect(ReturnStatus.APPROVED)
    named = any(receipt.warehouse_id is not None for receipt in receipts)
    warehouses = {warehouse.warehouse_id for warehouse in inventory.list_warehouses()} if named else set()

    def judge(one: Found) -> Refusal | None:
        if one.mode is not Mode.GOODS_BACK:
            return WrongStatus(
                f"No goods are expected for a return as {one.mode.value}; accept it directly.", mode=one.mode.value
            )
        warehouse_id = by_id[one.return_id].warehouse_id
        if warehouse_id is not None and warehouse_id not in warehouses:
            return inventory_commands.UnknownWarehouse("No such warehouse.")
        claimed = {claim.line_id: claim.quantity for claim in one.lines}
        return in_status(one) or judge_inspection(claimed, by_id[one.return_id].inspections)

    return_ids = [receipt.return_id for receipt in receipts]
    found, _ = find_locked(return_ids)
    passed, refusals = judge_each(return_ids, found, judge)
    if passed:
        _write_receipts([by_id[one.return_id] for one in passed])
    return outcomes_of(return_ids, ReturnStatus.RECEIVED, refusals)


def _write_receipts(receipts: Sequence[GoodsReceipt]) -> None:
    tenant_id, now = tenancy.current_tenant_id(), clock.now()
    lines = [(receipt.return_id, one) for receipt in receipts for one in receipt.inspections]
    sql.execute(
        "UPDATE return_lines l SET restock_quantity = d.restock, scrap_quantity = d.scrap"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::int[]) AS d(return_id, line_id, restock, scrap)"
        " WHERE l.tenant_id = %s AND l.return_id = d.return_id AND l.line_id = d.line_id",
        (
            [return_id for return_id, _ in lines],
            [one.line_id for _, one in lines],
            [one.restock_quantity for _, one in lines],
            [one.scrap_quantity for _, one in lines],
            tenant_id,
        ),
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


def _parse_key(key: str) -> tuple[int, int] | None:
    """(return id, attempt) of our own keys, None for others'."""
    parts = key.removeprefix(REFUND_KEY).split("/") if key.startswith(REFUND_KEY) else []
    if not 1 <= len(parts) <= 2 or not all(part.isdigit() for part in parts):
        return None
    return int(parts[0]), int(parts[1]) if len(parts) == 2 else 1


def record_refunds(ended: Iterable[tuple[str, datetime, bool]]) -> int:
    """accepted → refunded or refund_failed, for refunds given as (key, ended at, completed). Only a return's latest refund
    counts; other keys and repeats change nothing. Money that arrives after all wins: refund_failed → refunded."""
    ours: dict[tuple[int, int], tuple[datetime, bool]] = {}
    for key, at, completed in ended:
        parsed = _parse_key(key)
        if parsed is not None and (parsed not in ours or (completed and not ours[parsed][1])):
            ours[parsed] = (at, completed)
    if not ours:
        return 0
    columns = [list(column) for column in zip(*((*refund, *end) for refund, end in ours.items()), strict=True)]
    return sql.execute(
        "UPDATE returns r SET status = CASE WHEN d.completed THEN 'refunded' ELSE 'refund_failed' END,"
        " refunded_at = CASE WHEN d.completed THEN d.at END"
        " FROM unnest(%s::bigint[], %s::int[], %s::timestamptz[], %s::boolean[]) AS d(id, attempt, at, completed)"
        " WHERE r.tenant_id = %s AND r.id = d.id AND r.refund_attempt = d.attempt"
        " AND (r.status = 'accepted' OR (r.status = 'refund_failed' AND d.completed))",
        (*columns, tenancy.current_tenant_id()),
    )


def retry_refunds(return_ids: Sequence[int]) -> list[ReturnOutcome]:
    """refund_failed → accepted: ask for the refund again, as a new one. The order's other refunds are not touched."""
    found, _ = find_locked(return_ids)
    passed, refusals = judge_each(return_ids, found, expect(ReturnStatus.REFUND_FAILED))
    rows = sql.fetch(
        "UPDATE returns SET status = 'accepted', refund_attempt = refund_attempt + 1"
        " WHERE tenant_id = %s AND id = ANY(%s::bigint[]) RETURNING id, order_id, refund_minor, refund_attempt",
        (tenancy.current_tenant_id(), [one.return_id for one in passed]),
    )
    paying = orders.list_payment_ids(OrderId(row[1]) for row in rows)
    payments.request_refunds(
        [
            NewRefund(order_id, refund_minor, "return", refund_key(return_id, attempt), paying.get(OrderId(order_id)))
            for return_id, order_id, refund_minor, attempt in sorted(rows)
        ]
    )
    return outcomes_of(return_ids, ReturnStatus.ACCEPTED, refusals)
