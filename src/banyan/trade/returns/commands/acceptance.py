"""Accepting returns: money, stock and the fact itself, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory.types import ReturnedGoods, WarehouseId
from banyan.kernel import clock, events, sql, tenancy
from banyan.kernel.values.errors import Conflict, Refusal
from banyan.trade.orders import commands as orders_commands
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import OrderId, OrderState, Refused
from banyan.trade.returns import queries
from banyan.trade.returns.commands.decisions import Found, expect, find_locked, judge_each
from banyan.trade.returns.commands.standing import ExceedsPaid, Standing, book_refunds
from banyan.trade.returns.engine.refunds import after, decide_refund
from banyan.trade.returns.events import ReturnAccepted
from banyan.trade.returns.types import (
    REFUND_KEY,
    Fault,
    FreightRule,
    Mode,
    RefundDecision,
    ReturnId,
    ReturnOutcome,
    ReturnStatus,
    refund_key,
)
from banyan.treasury.payments import commands as payments
from banyan.treasury.payments.types import NewRefund


class ShippedMeanwhile(Conflict):
    """The goods left the warehouse after the return was asked for as unshipped."""

    code = "shipped_meanwhile"
    advice = "Reject this return and ask for one with the goods back."


def accept(return_ids: Sequence[int]) -> list[ReturnOutcome]:
    """Accept returns: received ones with goods, approved ones otherwise; one outcome each, in order.

    Decides the refund from frozen amounts (see engine.refunds), books it under guards, puts sound goods back into stock
    (scrapped ones not), releases what never shipped, asks payments for the refund under the return's key, and records
    ReturnAccepted. Accepting an accepted return again is refused with return_status; refund_exceeds_paid where amounts
    refunded meanwhile leave too little. Raises ExceedsPaid for the whole batch only if a guard failed.
    """
    found, standings = find_locked(return_ids)
    unshipped = {OrderId(one.order_id) for one in found.values() if one.mode is Mode.UNSHIPPED}
    order_states = {order_id: order.state for order_id, order in orders.list_by_ids(sorted(unshipped)).items()}

    def judge(one: Found) -> Refusal | None:
        wrong = expect(ReturnStatus.RECEIVED if one.mode is Mode.GOODS_BACK else ReturnStatus.APPROVED)(one)
        if wrong is None and one.mode is Mode.UNSHIPPED and order_states[OrderId(one.order_id)] is not OrderState.PAID:
            return ShippedMeanwhile("The order is no longer waiting to be shipped.")
        return wrong

    passed, refusals = judge_each(return_ids, found, judge)
    decisions = _decide(passed, standings, queries.get_policy().freight_rule, refusals)
    if decisions:
        _carry_out([one for one in passed if one.return_id in decisions], decisions, standings)
    return [
        ReturnOutcome(ReturnId(return_id), refusal=refusals[return_id])
        if return_id in refusals
        else ReturnOutcome(ReturnId(return_id), ReturnStatus.ACCEPTED, decisions[ReturnId(return_id)].total_minor)
        for return_id in return_ids
    ]


def _decide(
    passed: Sequence[Found], standings: Mapping[int, Standing], rule: FreightRule, refusals: dict[int, Refusal]
) -> dict[ReturnId, RefundDecision]:
    """Decide one after the other: a later return of the same order sees the earlier one."""
    decisions: dict[ReturnId, RefundDecision] = {}
    for one in passed:
        standing = standings[one.order_id]
        state = standing.order_state()
        try:
            decision = decide_refund(state, one.lines, rule, Fault(one.fault))
        except ValueError as error:
            refusals[one.return_id] = ExceedsPaid(f"Too little is left of the order: {error}.")
            continue
        standing.apply(after(state, decision))
        decisions[one.return_id] = decision
    return decisions


def _carry_out(
    accepted: Sequence[Found], decisions: Mapping[ReturnId, RefundDecision], standings: Mapping[int, Standing]
) -> None:
    now = clock.now()
    book_refunds((one.order_id, decisions[one.return_id]) for one in accepted)
    _write(accepted, decisions, now)
    _move_stock(accepted, standings)
    paying = orders.list_payment_ids(OrderId(one.order_id) for one in accepted)
    payments.request_refunds(
        [
            NewRefund(
                one.order_id,
                decisions[one.return_id].total_minor,
                "return",
                refund_key(one.return_id, 1),
                paying.get(OrderId(one.order_id)),
            )
            for one in accepted
            if decisions[one.return_id].total_minor
        ]
    )
    events.record(
        [
            ReturnAccepted(
                return_id=one.return_id,
                order_id=one.order_id,
                lines=tuple(
                    (line.line_id, line.quantity, line.refund_minor, line.of_quantity, line.of_minor)
                    for line in decisions[one.return_id].lines
                ),
                occurred_at=now,
                freight_minor=decisions[one.return_id].freight_minor,
            )
            for one in accepted
        ]
    )


def _write(accepted: Sequence[Found], decisions: Mapping[ReturnId, RefundDecision], now: datetime) -> None:
    tenant_id = tenancy.current_tenant_id()
    # A return that refunds nothing (free goods) has no refund to wait for: it is at its end at once.
    sql.execute(
        "UPDATE returns r SET status = CASE WHEN d.refund_minor = 0 THEN 'refunded' ELSE 'accepted' END, accepted_at = %s,"
        " refunded_at = CASE WHEN d.refund_minor = 0 THEN %s END, refund_minor = d.refund_minor, freight_minor = d.freight_minor"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS d(id, refund_minor, freight_minor)"
        " WHERE r.tenant_id = %s AND r.id = d.id",
        (
            now,
            now,
            [one.return_id for one in accepted],
            [decisions[one.return_id].total_minor for one in accepted],
            [decisions[one.return_id].freight_minor for one in accepted],
            tenant_id,
        ),
    )
    lines = [(one.return_id, line) for one in accepted for line in decisions[one.return_id].lines]
    sql.execute(
        "UPDATE return_lines l SET refund_minor = d.refund_minor"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS d(return_id, line_id, refund_minor)"
        " WHERE l.tenant_id = %s AND l.return_id = d.return_id AND l.line_id = d.line_id",
        (
            [return_id for return_id, _ in lines],
            [line.line_id for _, line in lines],
            [line.refund_minor for _, line in lines],
            tenant_id,
        ),
    )


def _move_stock(accepted: Sequence[Found], standings: Mapping[int, Standing]) -> None:
    """Sound goods go back on the shelf; goods that never left are no longer held for the order.

    A paid order of which everything is given back ends here; if it is shipped at this very moment, nothing is done at all.
    """
    unshipped = [one for one in accepted if one.mode is Mode.UNSHIPPED]
    whole = {one.order_id for one in unshipped if standings[one.order_id].is_returned_whole()}
    for outcome in orders_commands.cancel_refunded(sorted(OrderId(order_id) for order_id in whole)) if whole else []:
        if isinstance(outcome, Refused):
            raise ShippedMeanwhile("The order was shipped at this moment.")
    back = [goods for one in accepted for goods in _goods(one, standings[one.order_id]) if one.mode is Mode.GOODS_BACK]
    kept = [goods for one in unshipped if one.order_id not in whole for goods in _goods(one, standings[one.order_id])]
    if back:
        inventory.restock_returns(back)
    if kept:
        inventory.release_lines(kept)


def _goods(one: Found, standing: Standing) -> Iterator[ReturnedGoods]:
    """The sound pieces of a return, line by line."""
    warehouse_id = WarehouseId(one.warehouse_id) if one.warehouse_id is not None else None
    for claim in one.lines:
        quantity = claim.quantity if one.mode is Mode.UNSHIPPED else one.restocked[claim.line_id]
        if quantity:
            sku_id, key = SkuId(standing.lines[claim.line_id].sku_id), f"{REFUND_KEY}{one.return_id}/{claim.line_id}"
            yield ReturnedGoods(one.order_id, claim.line_id, sku_id, quantity, key, warehouse_id)
