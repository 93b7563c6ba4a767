"""Goods that never reached their buyers: orders that nobody fetched, parcels that came back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from banyan.trade.fulfillment import queries as fulfillment
from banyan.trade.fulfillment.types import ParcelState
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import Order, OrderId, OrderLineId, OrderState
from banyan.trade.returns.commands.acceptance import accept
from banyan.trade.returns.commands.decisions import NOBODY, approve
from banyan.trade.returns.commands.requests import RequestKeyReused, request_returns
from banyan.trade.returns.commands.standing import Standing, lock_orders, open_orders
from banyan.trade.returns.engine.refunds import worth_of
from banyan.trade.returns.types import LineClaim, Mode, RequestReturn, ReturnOutcome, ReturnStatus


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
    """Refund what is left of orders that nobody fetched and free their goods, without review: the goods never left. Returns how
    many.

    Idempotent by pickup. What was given back, is asked back or was sent meanwhile is left alone. Raises the refusal of what
    cannot be refunded, so that the event is set aside for a person to see.
    """
    wanted = list(unfetched)
    found = orders.list_by_ids(OrderId(one.order_id) for one in wanted)
    left = _left({order_id: order for order_id, order in found.items() if order.state is OrderState.PAID})
    asked = request_returns(
        [
            RequestReturn(
                one.order_id, left[one.order_id], Mode.UNSHIPPED, "逾期未自提", f"pickup/{one.pickup_id}",
                int(found[OrderId(one.order_id)].buyer_id), one.at,
            )
            for one in wanted
            if left.get(one.order_id)
        ]
    )  # fmt: skip
    _give_back(asked)
    return len(asked)


def _left(found: Mapping[OrderId, Order]) -> dict[int, tuple[LineClaim, ...]]:
    """The units of these orders that no return claims."""
    open_orders(found.values())
    lines = {order_id: standing.lines for order_id, standing in lock_orders(found).items()}
    claims = {
        order_id: [LineClaim(line_id, one.state.of_quantity - one.claimed_quantity) for line_id, one in of_order.items()]
        for order_id, of_order in lines.items()
    }
    return {order_id: tuple(claim for claim in of_order if claim.quantity) for order_id, of_order in claims.items()}


def _give_back(asked: Sequence[ReturnOutcome]) -> None:
    """Approve and accept what was asked for, without review. Raises the first refusal."""
    _raise_refused(asked)
    _raise_refused(approve([o.return_id for o in asked if o.return_id and o.status is ReturnStatus.REQUESTED], NOBODY))
    open_states = (ReturnStatus.REQUESTED, ReturnStatus.APPROVED)
    _raise_refused(accept([o.return_id for o in asked if o.return_id and o.status in open_states]))


def _raise_refused(outcomes: Iterable[ReturnOutcome]) -> None:
    for outcome in outcomes:
        if outcome.refusal is not None:
            raise outcome.refusal


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
    _give_back(asked)
    return len(asked)


def ask_for_undelivered(undelivered: Iterable[Undelivered]) -> int:
    """Ask for the money of parcels that came back, as far as it did not go back yet: the goods are in stock already, the shop
    decides whether to refund or to send again. Returns how many requests there are.

    Idempotent by parcel. Raises the refusal of what cannot be asked for, so that the event is set aside for a person to see.
    """
    wanted = list(undelivered)
    found = orders.list_by_ids(OrderId(one.order_id) for one in wanted)
    open_orders(found.values())
    standings = lock_orders(found)
    packed = _packed(found)
    requests = []
    for one in wanted:
        standing = standings.get(one.order_id)
        claims = _worth(standing, one, packed) if standing is not None else ()
        if standing is not None and claims:
            key = f"parcel/{one.parcel_id}"
            requests.append(RequestReturn(one.order_id, claims, Mode.REFUND_ONLY, "包裹退回", key, standing.buyer_id, one.at))
    # Asked for before, when more was left: that request stands.
    outcomes = [outcome for outcome in request_returns(requests) if not isinstance(outcome.refusal, RequestKeyReused)]
    _raise_refused(outcomes)
    return len(outcomes)


def _packed(order_ids: Iterable[OrderId]) -> list[tuple[int, int, int]]:
    """(parcel_id, line_id, quantity) of all that was packed for these orders and not unpacked again."""
    parcels = fulfillment.list_parcels(order_ids=order_ids, limit=None)
    return [
        (int(parcel.parcel_id), int(line_id), quantity)
        for parcel in parcels
        if parcel.state is not ParcelState.VOID
        for line_id, _, quantity in parcel.pieces
    ]


def _worth(standing: Standing, one: Undelivered, packed: Iterable[tuple[int, int, int]]) -> tuple[LineClaim, ...]:
    """What the parcel's pieces are worth on the schedules of their lines, at the place where they were packed: the parcels of a
    line add up to the whole of it, whichever comes back first. Never more than is left of the line."""
    before: Counter[int] = Counter()
    for parcel_id, line_id, quantity in packed:
        if parcel_id < one.parcel_id:
            before[line_id] += quantity
    claims = []
    for line_id, _sku_id, quantity in one.lines:
        state = standing.lines[line_id].state
        start = min(before[line_id], state.of_quantity - quantity)
        worth_minor = worth_of(state, start + quantity) - worth_of(state, start)
        amount_minor = min(worth_minor, state.of_minor - state.refunded_minor)
        if amount_minor:
            claims.append(LineClaim(line_id, 0, amount_minor))
    return tuple(claims)
