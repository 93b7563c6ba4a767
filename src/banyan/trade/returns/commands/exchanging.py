"""Exchanges: the replacement is kept in stock from the approval, ordered at the acceptance, and undone when nobody pays for it.

A replacement is an order like every other: it is picked, shipped, received and returned the same ways. What the returned goods
were worth is its discount; the money stays with the payment it came by, and a credit says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory.types import ReserveLine
from banyan.kernel import clock, events, ids, sql, tenancy
from banyan.kernel.values.errors import Conflict, Refusal
from banyan.people.identity.types import UserId
from banyan.trade.orders import commands as orders_commands
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import OrderId, Placed, PlaceOrder
from banyan.trade.returns.commands.finding import Found, WrongStatus, expect, find_locked, judge_each, outcomes_of
from banyan.trade.returns.commands.refunding import Settled, pay_back
from banyan.trade.returns.commands.standing import Booking, book_refunds, lock_orders, open_orders
from banyan.trade.returns.engine.exchanges import Replacement
from banyan.trade.returns.events import GoodsExchanged
from banyan.trade.returns.models import CreditRow
from banyan.trade.returns.types import (
    OPEN_STATUSES,
    Draw,
    Mode,
    RefundDecision,
    ReturnId,
    ReturnOutcome,
    ReturnPolicy,
    ReturnStatus,
)

CHANNEL = "exchange"
DAY_SECONDS = 86_400


class ReplacementMissing(Conflict):
    """What is wanted instead is out of stock."""

    code = "replacement_out_of_stock"
    advice = "Wait for stock, or turn the exchange into a refund."


@dataclass(frozen=True)
class Exchange:
    """One exchange that is accepted: what goes out, and the money that is carried on to it."""

    return_id: ReturnId
    order_id: int
    buyer_id: int
    wanted: Replacement
    draws: tuple[Draw, ...] = field(default=())


def keep_replacements(exchanges: Sequence[Found], until: Mapping[int, datetime | None]) -> dict[int, Refusal]:
    """Hold what is wanted instead, under the return's id. Returns the refusals of those that are out of stock."""
    lines = [
        ReserveLine(one.return_id, claim.line_id, SkuId(_wanted(one, claim.line_id)), claim.quantity, until[one.return_id])
        for one in exchanges
        for claim in one.lines
    ]
    short = inventory.reserve(lines) if lines else {}
    return {return_id: ReplacementMissing("What is wanted instead is out of stock.") for return_id in short}


def _wanted(one: Found, line_id: int) -> int:
    claim = next(claim for claim in one.lines if claim.line_id == line_id)
    return claim.exchange_sku_id or one.skus[line_id]


def give_up_replacements(exchanges: Iterable[Found]) -> None:
    """Nothing is held any more for exchanges that come to nothing."""
    held = [one.return_id for one in exchanges if one.mode is Mode.EXCHANGE]
    if held:
        inventory.release(held)


def send_replacements(exchanges: Sequence[Exchange], policy: ReturnPolicy, at: datetime) -> None:
    """Order what goes out. Even or cheaper ones are paid at once and wait to be shipped; for dearer ones the buyer pays the
    difference first. Raises ReplacementMissing for the whole batch when one is out of stock at this moment."""
    inventory.release([one.return_id for one in exchanges])
    # No client key: the return's own state, locked, makes it happen once, and keys are the callers' to choose.
    recipients = orders.list_recipients((OrderId(one.order_id) for one in exchanges), whole=True)
    window = policy.difference_days * DAY_SECONDS
    outcomes = orders_commands.place_orders(
        [
            PlaceOrder(
                UserId(one.buyer_id),
                ((SkuId(one.wanted.sku_id), one.wanted.quantity, one.wanted.unit_minor),),
                shipping_minor=0,
                discount_minor=one.wanted.discount_minor,
                channel=CHANNEL,
                recipient=recipients.get(OrderId(one.order_id)),
                window_seconds=window,
            )
            for one in exchanges
        ]
    )
    placed: list[tuple[Exchange, Placed]] = []
    for one, outcome in zip(exchanges, outcomes, strict=True):
        if not isinstance(outcome, Placed):
            raise ReplacementMissing(outcome.message)
        placed.append((one, outcome))
    _write_credits(placed)
    differences = {one.return_id: order.total_minor - _refunded(one) for one, order in placed}
    sql.execute(
        "UPDATE returns r SET replacement_order_id = d.order_id, difference_minor = d.difference"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS d(id, order_id, difference)"
        " WHERE r.tenant_id = %s AND r.id = d.id",
        (
            [one.return_id for one, _ in placed],
            [order.order_id for _, order in placed],
            [differences[one.return_id] for one, _ in placed],
            tenancy.current_tenant_id(),
        ),
    )
    free = [order.order_id for _, order in placed if order.total_minor == 0]
    if free:
        orders_commands.open_payments(free, CHANNEL)
    events.record(
        [GoodsExchanged(one.return_id, one.order_id, order.order_id, differences[one.return_id], at) for one, order in placed]
    )


def _refunded(one: Exchange) -> int:
    return sum(draw.refund_minor for draw in one.draws)


def _write_credits(placed: Sequence[tuple[Exchange, Placed]]) -> None:
    """The replacement's line is worth what was carried on to it; each credit names the payment's own order."""
    found = orders.list_by_ids([order.order_id for _, order in placed])
    credited: dict[int, int] = {order.line_ids[0]: one.wanted.carried_minor for one, order in placed}
    open_orders(found.values(), credited)
    credits = [
        (order.order_id, order.line_ids[0], draw.order_id, draw.line_id, draw.carried_minor, 0)
        for one, order in placed
        for draw in one.draws
        if draw.carried_minor
    ]
    sql.insert(
        CreditRow,
        ("id", "order_id", "line_id", "source_order_id", "source_line_id", "amount_minor", "used_minor"),
        [(i, *credit) for i, credit in zip(ids.next_ids(len(credits)), credits, strict=True)],
    )


def refund_instead(return_ids: Sequence[int]) -> list[ReturnOutcome]:
    """Turn exchanges that are not accepted yet into refunds for the goods; what was held for them is free again."""
    found, _ = find_locked(return_ids)
    is_open = expect(*OPEN_STATUSES)

    def judge(one: Found) -> Refusal | None:
        return is_open(one) if one.mode is Mode.EXCHANGE else WrongStatus("The return is no exchange.", mode=one.mode.value)

    passed, refusals = judge_each(return_ids, found, judge)
    give_up_replacements(passed)
    sql.execute(
        "UPDATE returns SET mode = 'goods_back' WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (tenancy.current_tenant_id(), [one.return_id for one in passed]),
    )
    kept = {one.return_id: one.status for one in passed}
    return [
        ReturnOutcome(ReturnId(return_id), kept[ReturnId(return_id)]) if return_id not in refusals else refused
        for return_id, refused in zip(return_ids, outcomes_of(return_ids, ReturnStatus.APPROVED, refusals), strict=True)
    ]


def undo_unpaid(order_ids: Iterable[int]) -> int:
    """The difference of these replacements was never paid, so they ended: what was carried on to them goes back to the buyer.

    Other orders, and replacements whose credit is gone, change nothing: idempotent. Returns how many exchanges were undone.
    """
    tenant_id = tenancy.current_tenant_id()
    rows = sql.fetch(
        "SELECT r.id, r.order_id, r.replacement_order_id, l.line_id FROM returns r JOIN return_lines l"
        " ON l.tenant_id = r.tenant_id AND l.return_id = r.id"
        " WHERE r.tenant_id = %s AND r.replacement_order_id = ANY(%s::bigint[]) ORDER BY r.order_id, r.id",
        (tenant_id, list(set(order_ids))),
    )
    standings = lock_orders({row[1] for row in rows} | {row[2] for row in rows})
    settled = []
    for return_id, order_id, replacement_id, line_id in rows:
        (line,) = standings[replacement_id].lines.values()
        draws = tuple(Draw(money.order_id, money.line_id, money.left_minor) for money in line.moneys[1:] if money.left_minor)
        if draws:
            line.take(draws)
            booking = Booking(order_id, RefundDecision((), 0), {line.state.line_id: draws}, is_exchange=True)
            settled.append((Settled(return_id, Mode.EXCHANGE, booking), line_id))
    if settled:
        now = clock.now()
        book_refunds([one.booking for one, _ in settled])
        _write_undone(settled)
        pay_back([one for one, _ in settled], standings, now)
    return len(settled)


def _write_undone(settled: Sequence[tuple[Settled, int]]) -> None:
    tenant_id = tenancy.current_tenant_id()
    columns = ([one.return_id for one, _ in settled], [line for _, line in settled], [one.refund_minor for one, _ in settled])
    sql.execute(
        "UPDATE returns r SET status = 'accepted', refund_minor = r.refund_minor + d.refund"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS d(id, line_id, refund) WHERE r.tenant_id = %s AND r.id = d.id",
        (*columns, tenant_id),
    )
    sql.execute(
        "UPDATE return_lines l SET refund_minor = l.refund_minor + d.refund, carried_minor = l.carried_minor - d.refund"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS d(id, line_id, refund)"
        " WHERE l.tenant_id = %s AND l.return_id = d.id AND l.line_id = d.line_id",
        (*columns, tenant_id),
    )
