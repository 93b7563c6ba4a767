"""Money for orders: opening a payment, and what a captured payment does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory.types import ReserveLine
from banyan.goods.sourcing import commands as sourcing
from banyan.goods.sourcing.queries import get_policy as get_sourcing_policy
from banyan.goods.sourcing.types import ToSource
from banyan.kernel import clock, events, ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.trade.attribution import commands as attribution
from banyan.trade.offers import commands as selling
from banyan.trade.offers import queries as offers
from banyan.trade.orders.commands.errors import OrderNotFound, PaymentWindowOver, WrongState
from banyan.trade.orders.engine.states import Verdict, judge_capture
from banyan.trade.orders.events import OrderPaid, OrderShortfall
from banyan.trade.orders.queries import region_codes
from banyan.trade.orders.types import Capture, OrderId, OrderState, Payable
from banyan.treasury.payments import commands as payments
from banyan.treasury.payments.types import NewPayment, NewRefund, PaymentId

_PAYABLE = """
SELECT id, buyer_id, state, total_minor, currency, payment_id FROM orders_orders
WHERE tenant_id = %s AND id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE
"""


def open_payments(order_ids: Sequence[OrderId], channel: str) -> dict[OrderId, PaymentId | None]:
    """Ask payments to collect these orders' totals; asking again answers the same payment. Runs inside ``tenancy.enter``.

    An order of total 0 has nothing to collect: it is paid at once and answers None.
    Raises OrderNotFound, WrongState, PaymentWindowOver; then nothing is opened.
    """
    now = clock.now()
    rows = sql.fetch(
        "SELECT id, state, total_minor, currency, number, expires_at, buyer_id FROM orders_orders"
        " WHERE tenant_id = %s AND id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE",
        (current_tenant_id(), list(order_ids)),
    )
    if len(rows) != len(set(order_ids)):
        raise OrderNotFound("No such order.")
    for _, state, _, _, _, expires_at, _ in rows:
        if state != OrderState.PLACED:
            raise WrongState(f"A {state} order cannot be paid.", state=state)
        if expires_at <= now:
            raise PaymentWindowOver("The time to pay this order is over.")
    free = [row for row in rows if row[2] == 0]
    mark_paid([Capture(0, row[0], 0, row[3], now) for row in free])
    owed = [row for row in rows if row[2] > 0]
    opened = payments.open_payments([NewPayment(row[0], row[2], row[3], channel, row[4], row[5], row[6]) for row in owed])
    answer: dict[OrderId, PaymentId | None] = {row[0]: None for row in free}
    answer.update((row[0], payment_id) for row, payment_id in zip(owed, opened, strict=True))
    return answer


def mark_paid(captures: Sequence[Capture]) -> int:
    """What captured money does to orders; returns how many became paid. Runs inside ``tenancy.enter``; idempotent by payment.

    The full amount pays a placed order: its goods are allocated, its attribution is frozen, ``OrderPaid`` is recorded. An order
    whose time was over is served again if the goods can be had, those of a flash sale from what the sale has left for its
    buyer. All other money (wrong amount or currency, cancelled order, goods gone, paid twice) is asked back with
    ``OrderShortfall``; it never marks an order paid. Raises OrderNotFound.
    """
    rows = sql.fetch(_PAYABLE, (current_tenant_id(), list({capture.order_id for capture in captures})))
    orders = {row[0]: Payable(row[0], row[1], OrderState(row[2]), *row[3:]) for row in rows}
    pay: dict[OrderId, Capture] = {}
    revive: dict[OrderId, Capture] = {}
    refund: list[tuple[Capture, str]] = []
    for capture in captures:
        order = orders.get(capture.order_id)
        if order is None:
            raise OrderNotFound("Money was captured for an order that does not exist.", payment_id=capture.payment_id)
        first = pay.get(capture.order_id) or revive.get(capture.order_id)
        if first is not None:
            if first.payment_id != capture.payment_id:
                refund.append((capture, "paid_twice"))
            continue
        verdict, reason = judge_capture(order, capture)
        if verdict is Verdict.PAY:
            pay[capture.order_id] = capture
        elif verdict is Verdict.REVIVE:
            revive[capture.order_id] = capture
        elif verdict is Verdict.REFUND:
            refund.append((capture, reason))
    gone = _serve(pay, revive)
    paid = [capture for order_id, capture in {**pay, **revive}.items() if order_id not in gone]
    refund += [(capture, "out_of_stock") for order_id, capture in {**pay, **revive}.items() if order_id in gone]
    _write_paid(paid, orders)
    _end_unserved([order_id for order_id in pay if order_id in gone])
    _give_back(refund)
    return len(paid)


def _serve(pay: Mapping[OrderId, Capture], revive: Mapping[OrderId, Capture]) -> set[OrderId]:
    """Allocate the goods; what is no longer reserved is reserved anew. Returns the orders whose goods are gone."""
    now = clock.now()
    over = {OrderId(order_id) for order_id in selling.claim_again(revive)} if revive else set()  # locks buyers, before any stock
    stuck = _source(pay, now)
    missing = (inventory.allocate(pay, now) | set(revive)) - over
    sourcing.open_stuck(stuck - missing, now)
    if not missing:
        return over
    lines = sql.fetch(
        "SELECT order_id, id, sku_id, quantity FROM orders_lines WHERE tenant_id = %s AND order_id = ANY(%s::bigint[])"
        " ORDER BY order_id, id",
        (current_tenant_id(), list(missing)),
    )
    channels = offers.channels_of(missing)  # what was sold from a sale's share is taken from there again, or not at all
    refused = inventory.reserve(
        [
            ReserveLine(order_id, line_id, sku_id, quantity, channel=channels.get((order_id, sku_id), ""))
            for order_id, line_id, sku_id, quantity in lines
        ]
    )
    selling.end_claims(refused)
    again = missing - set(refused)
    _source([OrderId(order_id) for order_id in again], now)
    inventory.allocate(again, now)
    return over | {OrderId(order_id) for order_id in refused}


def _source(order_ids: Iterable[OrderId], at: datetime) -> set[int]:
    """Where the shop has it switched on, the warehouses are chosen for the whole batch before the goods are owed. Returns the
    orders that open warehouses cannot serve whole."""
    if not get_sourcing_policy().is_on:
        return set()
    oldest_first = sorted(order_ids)
    regions = region_codes(oldest_first)
    return set(sourcing.source([ToSource(order_id, regions.get(order_id, "")) for order_id in oldest_first], at))


def _write_paid(paid: Sequence[Capture], orders: Mapping[OrderId, Payable]) -> None:
    if not paid:
        return
    sql.execute(
        "UPDATE orders_orders o SET state = 'paid', paid_at = u.paid_at, payment_id = u.payment_id, cancelled_at ="
        " NULL, cancel_reason = ''"
        " FROM unnest(%s::bigint[], %s::timestamptz[], %s::bigint[]) AS u(id, paid_at, payment_id)"
        " WHERE o.tenant_id = %s AND o.id = u.id AND o.state IN ('placed', 'expired')",
        (
            [capture.order_id for capture in paid],
            [capture.captured_at for capture in paid],
            [capture.payment_id for capture in paid],
            current_tenant_id(),
        ),
    )
    attribution.freeze([(capture.order_id, capture.captured_at) for capture in paid])
    events.record(
        [
            OrderPaid(
                order_id=c.order_id, payment_id=c.payment_id, buyer_id=orders[c.order_id].buyer_id, total_minor=c.amount_minor,
                currency=c.currency, occurred_at=c.captured_at,
            )
            for c in paid
        ]
    )  # fmt: skip


def _end_unserved(order_ids: Sequence[OrderId]) -> None:
    """Placed orders whose goods are gone end as expired: their money is on its way back, nobody shall pay them again."""
    if order_ids:
        sql.execute(
            "UPDATE orders_orders SET state = 'expired', cancelled_at = %s, cancel_reason = 'out_of_stock'"
            " WHERE tenant_id = %s AND id = ANY(%s::bigint[]) AND state = 'placed'",
            (clock.now(), current_tenant_id(), list(order_ids)),
        )


def _give_back(refund: Sequence[tuple[Capture, str]]) -> None:
    if not refund:
        return
    payments.request_refunds(
        [
            NewRefund(
                capture.order_id,
                capture.amount_minor,
                f"shortfall: {reason}",
                f"shortfall/{ids.public('pay', capture.payment_id)}",
                PaymentId(capture.payment_id),  # the order may have another one, which pays it
                is_extra=True,
            )
            for capture, reason in refund
        ]
    )
    events.record(
        [
            OrderShortfall(
                order_id=c.order_id, payment_id=c.payment_id, amount_minor=c.amount_minor, currency=c.currency, reason=reason,
                occurred_at=clock.now(),
            )
            for c, reason in refund
        ]
    )  # fmt: skip
