"""Accepting returns: money, stock and the fact itself, in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory.types import LotId, ReturnedGoods, WarehouseId
from banyan.kernel import clock, sql, tenancy
from banyan.kernel.values.errors import Conflict, Refusal
from banyan.kernel.values.filled import Filled
from banyan.trade.fulfillment import commands as fulfillment
from banyan.trade.fulfillment import queries as sending
from banyan.trade.orders import commands as orders_commands
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import OrderId, OrderState, Refused
from banyan.trade.returns import queries
from banyan.trade.returns.commands.exchanging import Exchange, send_replacements
from banyan.trade.returns.commands.finding import Found, expect, find_locked, judge_each
from banyan.trade.returns.commands.refunding import Settled, pay_back
from banyan.trade.returns.commands.standing import Booking, ExceedsPaid, Standing, book_refunds
from banyan.trade.returns.engine.exchanges import exchange_line
from banyan.trade.returns.engine.moneys import draw
from banyan.trade.returns.engine.refunds import after, decide_refund
from banyan.trade.returns.types import (
    REFUND_KEY,
    FreightRule,
    Mode,
    RefundDecision,
    ReturnId,
    ReturnOutcome,
    ReturnPolicy,
    ReturnStatus,
)
from banyan.treasury.payments import commands as payments

__all__ = ["ExceedsPaid", "ShippedMeanwhile", "accept", "payments"]


class ShippedMeanwhile(Conflict):
    """The goods left the warehouse after the return was asked for as unshipped."""

    code = "shipped_meanwhile"
    advice = "Reject this return and ask for one with the goods back."


def accept(return_ids: Sequence[int]) -> list[ReturnOutcome]:
    """Accept returns: received ones with goods, approved ones otherwise; one outcome each, in order.

    Decides the refund from frozen amounts (see engine.refunds) less what the inspection keeps, books it under guards, puts the
    pieces where the inspection says, releases what never shipped, orders the replacement of an exchange, asks payments for the
    refunds under the return's keys, and records ReturnAccepted. Accepting an accepted return again is refused with
    return_status; already_packed where a parcel must be unpacked first; refund_exceeds_paid where amounts refunded meanwhile
    leave too little; replacement_out_of_stock where one cannot be had. Raises for the whole batch only where a guard failed.
    """
    found, standings = find_locked(return_ids)
    unshipped = {OrderId(one.order_id) for one in found.values() if one.mode is Mode.UNSHIPPED}
    order_states = {order_id: order.state for order_id, order in orders.list_by_ids(sorted(unshipped)).items()}
    held = (OrderState.PAID, OrderState.PARTLY_SHIPPED)
    loose = _loose(unshipped)

    def judge(one: Found) -> Refusal | None:
        wrong = expect(ReturnStatus.RECEIVED if one.mode.wants_goods else ReturnStatus.APPROVED)(one)
        if wrong is None and one.mode is Mode.UNSHIPPED and order_states[OrderId(one.order_id)] not in held:
            return ShippedMeanwhile("The order is no longer waiting to be shipped.")
        packed = any(claim.quantity > loose.get(claim.line_id, claim.quantity) for claim in one.lines)
        if wrong is None and one.mode is Mode.UNSHIPPED and packed:
            return fulfillment.AlreadyPacked("These pieces lie in a parcel.")
        return wrong

    passed, refusals = judge_each(return_ids, found, judge)
    policy = queries.get_policy()
    settled, exchanges = _decide(passed, standings, policy, refusals)
    if settled:
        _carry_out([found[one.return_id] for one in settled], settled, exchanges, standings, policy)
    amounts = {one.return_id: one.refund_minor for one in settled}
    return [
        ReturnOutcome(ReturnId(return_id), refusal=refusals[return_id])
        if return_id in refusals
        else ReturnOutcome(ReturnId(return_id), ReturnStatus.ACCEPTED, amounts[ReturnId(return_id)])
        for return_id in return_ids
    ]


def _loose(order_ids: Collection[OrderId]) -> dict[int, int]:
    """Pieces that lie in no parcel yet, by line, where the warehouse has begun with the order."""
    found: dict[int, int] = {}
    for one in sending.list_fulfillments(order_ids=order_ids, limit=None) if order_ids else []:
        for line in one.lines:
            found[line.line_id] = found.get(line.line_id, 0) + line.quantity - line.packed_quantity
    return found


def _decide(
    passed: Sequence[Found], standings: Mapping[int, Standing], policy: ReturnPolicy, refusals: dict[int, Refusal]
) -> tuple[list[Settled], list[Exchange]]:
    """Decide one after the other: a later return of the same order sees the earlier one."""
    settled: list[Settled] = []
    exchanges: list[Exchange] = []
    for one in passed:
        standing = standings[one.order_id]
        state = standing.order_state()
        # An exchange gives no freight back: the goods that go out cost none.
        rule = FreightRule.NEVER if one.mode is Mode.EXCHANGE else policy.freight_rule
        try:
            decision = decide_refund(state, one.lines, rule, one.fault, one.deductions)
        except ValueError as error:
            refusals[one.return_id] = ExceedsPaid(Filled("Too little is left of the order: {error}.", error=error.args[0]))
            continue
        exchange = None
        if one.mode is Mode.EXCHANGE:
            decision, exchange = _exchange(one, decision)
        draws = {line.line_id: tuple(draw(standing.lines[line.line_id].moneys, line)) for line in decision.lines}
        for line_id, drawn in draws.items():
            standing.lines[line_id].take(drawn)
        standing.apply(after(state, decision))
        settled.append(Settled(one.return_id, one.mode, Booking(one.order_id, decision, draws, exchange is not None)))
        if exchange is not None:
            exchanges.append(replace(exchange, draws=draws[exchange.wanted.line_id]))
    return settled, exchanges


def _exchange(one: Found, decision: RefundDecision) -> tuple[RefundDecision, Exchange]:
    (claim,), (line,) = one.lines, decision.lines
    sku_id = claim.exchange_sku_id or one.skus[claim.line_id]
    changed, wanted = exchange_line(line, sku_id, one.prices[claim.line_id])
    return RefundDecision((changed,), decision.freight_minor), Exchange(one.return_id, one.order_id, one.buyer_id, wanted)


def _carry_out(
    accepted: Sequence[Found],
    settled: Sequence[Settled],
    exchanges: Sequence[Exchange],
    standings: Mapping[int, Standing],
    policy: ReturnPolicy,
) -> None:
    now = clock.now()
    book_refunds([one.booking for one in settled])
    _write(settled, now)
    _move_stock(accepted, standings)
    if exchanges:
        send_replacements(exchanges, policy, now)
    pay_back(settled, standings, now)


def _write(settled: Sequence[Settled], now: datetime) -> None:
    tenant_id = tenancy.current_tenant_id()
    # A return that refunds nothing (free goods, an even exchange) has no refund to wait for: it is at its end at once.
    sql.execute(
        "UPDATE returns r SET status = CASE WHEN d.refund_minor > 0 THEN 'accepted' WHEN r.mode = 'exchange' THEN 'exchanged'"
        " ELSE 'refunded' END, accepted_at = %s, refunded_at = CASE WHEN d.refund_minor = 0 AND r.mode <> 'exchange' THEN %s END,"
        " refund_minor = d.refund_minor, freight_minor = d.freight_minor"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS d(id, refund_minor, freight_minor)"
        " WHERE r.tenant_id = %s AND r.id = d.id",
        (
            now,
            now,
            [one.return_id for one in settled],
            [one.refund_minor for one in settled],
            [one.booking.decision.freight_minor for one in settled],
            tenant_id,
        ),
    )
    lines = [(one.return_id, line) for one in settled for line in one.booking.decision.lines]
    sql.execute(
        "UPDATE return_lines l SET refund_minor = d.refund, deducted_minor = d.deducted, carried_minor = d.carried"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])"
        " AS d(return_id, line_id, refund, deducted, carried)"
        " WHERE l.tenant_id = %s AND l.return_id = d.return_id AND l.line_id = d.line_id",
        (
            [return_id for return_id, _ in lines],
            [line.line_id for _, line in lines],
            [line.refund_minor for _, line in lines],
            [line.deducted_minor for _, line in lines],
            [line.carried_minor for _, line in lines],
            tenant_id,
        ),
    )


def _move_stock(accepted: Sequence[Found], standings: Mapping[int, Standing]) -> None:
    """Pieces that came back go where the inspection says; goods that never left are no longer held for the order.

    A paid order of which everything is given back ends here; if it is shipped at this very moment, nothing is done at all.
    """
    unshipped = [one for one in accepted if one.mode is Mode.UNSHIPPED]
    whole = {one.order_id for one in unshipped if standings[one.order_id].is_returned_whole()}
    for outcome in orders_commands.cancel_refunded(sorted(OrderId(order_id) for order_id in whole)) if whole else []:
        if isinstance(outcome, Refused):
            raise ShippedMeanwhile("The order was shipped at this moment.")
    back = [goods for one in accepted if one.mode.wants_goods for goods in _pieces(one)]
    kept = [goods for one in unshipped if one.order_id not in whole for goods in _kept(one)]
    if back:
        inventory.restock_returns(back)
    if kept:
        fulfillment.withhold(kept)


def _pieces(one: Found) -> Iterator[ReturnedGoods]:
    """The pieces of a return that came back, group by group."""
    warehouse_id = WarehouseId(one.warehouse_id) if one.warehouse_id is not None else None
    for position, (line_id, group) in enumerate(one.pieces):
        sku_id, key = SkuId(one.skus[line_id]), f"{REFUND_KEY}{one.return_id}/{line_id}/{position}"
        yield ReturnedGoods(
            one.order_id, line_id, sku_id, group.quantity, key, warehouse_id, group.disposition,
            LotId(group.lot_id) if group.lot_id is not None else None,
        )  # fmt: skip


def _kept(one: Found) -> Iterator[ReturnedGoods]:
    for claim in one.lines:
        key = f"{REFUND_KEY}{one.return_id}/{claim.line_id}"
        yield ReturnedGoods(one.order_id, claim.line_id, SkuId(one.skus[claim.line_id]), claim.quantity, key)
