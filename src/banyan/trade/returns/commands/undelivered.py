"""Goods that never reached their buyers: orders that nobody fetched, parcels that came back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from banyan.trade.fulfillment import queries as fulfillment
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import Order, OrderId, OrderLineId, OrderState
from banyan.trade.returns.commands.acceptance import accept
from banyan.trade.returns.commands.decisions import NOBODY, approve
from banyan.trade.returns.commands.requests import request_returns
from banyan.trade.returns.engine.refunds import worth_of
from banyan.trade.returns.types import LineClaim, LineState, Mode, RequestReturn, ReturnStatus


class Unfetched(NamedTuple):
    """An order that waited at a store for too long."""

    pickup_id: int
    order_id: int
    at: datetime


class Undelivered(NamedTuple):
    """A parcel that came back; lines are (line_id, sku_id, quantity)."""

    parcel_id: int
    order_id: int
    lines: tuple[tuple[int, int, int], ...]
    at: datetime


def give_back_unfetched(unfetched: Iterable[Unfetched]) -> int:
    """Refund orders that nobody fetched and free their goods, without review: the goods never left. Returns how many.

    Idempotent by pickup. What was given back or sent meanwhile is left alone.
    """
    wanted = list(unfetched)
    found = orders.list_by_ids(OrderId(one.order_id) for one in wanted)
    asked = request_returns(
        [
            RequestReturn(
                one.order_id, _all_of(found[OrderId(one.order_id)]), Mode.UNSHIPPED, "逾期未自提", f"pickup/{one.pickup_id}",
                int(found[OrderId(one.order_id)].buyer_id), one.at,
            )
            for one in wanted
            if OrderId(one.order_id) in found and found[OrderId(one.order_id)].state is OrderState.PAID
        ]
    )  # fmt: skip
    ids = [outcome.return_id for outcome in asked if outcome.return_id is not None]
    waiting = [o.return_id for o in asked if o.return_id is not None and o.status is ReturnStatus.REQUESTED]
    approve(waiting, NOBODY)
    return sum(outcome.refusal is None for outcome in accept(ids))


class GivenUp(NamedTuple):
    """Pieces of a paid line that no warehouse has and that the shop will not wait for."""

    backorder_id: int
    order_id: int
    line_id: int
    quantity: int
    at: datetime


def give_back_missing(given_up: Iterable[GivenUp]) -> int:
    """Refund pieces that will not come, without review: they never left. Returns how many lines.

    Idempotent by backorder. Orders that ended meanwhile owe nothing any more. Raises the refusal of what cannot be refunded,
    so that the event is set aside for a person to see.
    """
    wanted = list(given_up)
    found = orders.list_by_ids(OrderId(one.order_id) for one in wanted)
    asked = request_returns(
        [
            RequestReturn(
                one.order_id, (LineClaim(OrderLineId(one.line_id), one.quantity),), Mode.UNSHIPPED, "缺货",
                f"backorder/{one.backorder_id}", int(found[OrderId(one.order_id)].buyer_id), one.at,
            )
            for one in wanted
            if OrderId(one.order_id) in found and found[OrderId(one.order_id)].state in (OrderState.PAID,
            OrderState.PARTLY_SHIPPED)
        ]
    )  # fmt: skip
    for outcome in asked:
        if outcome.refusal is not None:
            raise outcome.refusal
    approve([o.return_id for o in asked if o.return_id is not None and o.status is ReturnStatus.REQUESTED], NOBODY)
    open_states = (ReturnStatus.REQUESTED, ReturnStatus.APPROVED)
    waiting = [o.return_id for o in asked if o.return_id is not None and o.status in open_states]
    for done in accept(waiting):
        if done.refusal is not None:
            raise done.refusal
    return len(asked)


def _all_of(order: Order) -> tuple[LineClaim, ...]:
    return tuple(LineClaim(line.line_id, line.quantity) for line in order.lines)


def ask_for_undelivered(undelivered: Iterable[Undelivered]) -> int:
    """Ask for the money of parcels that came back: the goods are in stock already, the shop decides whether to refund or to
    send again. Returns how many requests there are. Idempotent by parcel."""
    wanted = list(undelivered)
    found = orders.list_by_ids(OrderId(one.order_id) for one in wanted)
    packed = _packed(found)
    requests = []
    for one in wanted:
        order = found.get(OrderId(one.order_id))
        claims = _worth(order, one, packed) if order is not None else ()
        if order is not None and claims:
            key = f"parcel/{one.parcel_id}"
            requests.append(RequestReturn(one.order_id, claims, Mode.REFUND_ONLY, "包裹退回", key, int(order.buyer_id), one.at))
    return sum(outcome.return_id is not None for outcome in request_returns(requests))


def _packed(order_ids: Iterable[OrderId]) -> list[tuple[int, int, int]]:
    """(parcel_id, line_id, quantity) of all that was packed for these orders."""
    parcels = fulfillment.list_parcels(order_ids=order_ids, limit=None)
    return [(int(parcel.parcel_id), int(line_id), quantity) for parcel in parcels for line_id, _, quantity in parcel.pieces]


def _worth(order: Order, one: Undelivered, packed: Iterable[tuple[int, int, int]]) -> tuple[LineClaim, ...]:
    """What the parcel's pieces are worth on the schedules of their lines, at the place where they were packed: the parcels of a
    line add up to the whole of it, whichever comes back first."""
    lines = {int(line.line_id): line for line in order.lines}
    before: Counter[int] = Counter()
    for parcel_id, line_id, quantity in packed:
        if parcel_id < one.parcel_id:
            before[line_id] += quantity
    claims = []
    for line_id, _sku_id, quantity in one.lines:
        line = lines[line_id]
        state = LineState(line.line_id, line.quantity, line.payable_minor)
        start = min(before[line_id], line.quantity - quantity)
        amount_minor = worth_of(state, start + quantity) - worth_of(state, start)
        if amount_minor:
            claims.append(LineClaim(line.line_id, 0, amount_minor))
    return tuple(claims)
