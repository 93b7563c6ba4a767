"""Money that an order does not want: its payments are closed with it, and what is captured all the same goes back whole."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from banyan.kernel import clock
from banyan.trade.orders import commands, queries
from banyan.trade.orders.tests.test_paying import placed_order
from banyan.trade.orders.types import OrderState
from banyan.treasury.payments import commands as payments
from banyan.treasury.payments import ports
from banyan.treasury.payments import queries as payment_queries
from banyan.treasury.payments.tests.channel import MemoryChannel
from banyan.treasury.payments.types import CaptureNotice, Payment, PaymentState

_numbers = itertools.count(1)


@pytest.fixture
def channel() -> Iterator[MemoryChannel]:
    """A channel known under a fresh name."""
    made = MemoryChannel(f"unwanted_{next(_numbers)}")
    ports.register_channel(made.name, lambda tenant_id: made)
    yield made
    del ports._factories[made.name]


def opened(order_id: Any, channel: str) -> Payment:
    return payment_queries.get_payment(commands.open_payments([order_id], channel)[order_id])  # type: ignore[arg-type]


def capture(*paid: Payment) -> None:
    payments.capture(
        [
            CaptureNotice(one.channel, one.out_trade_no, f"unwanted{next(_numbers)}", one.amount_minor, one.currency, clock.now())
            for one in paid
        ]
    )


def read(shop: Any, payment: Payment) -> Payment:
    with shop.enter():
        return payment_queries.get_payment(payment.payment_id)


def cancel_all(order_ids: list[Any]) -> None:
    commands.cancel(order_ids, "buyer")


def expire_all(order_ids: list[Any]) -> None:
    commands.expire_due(clock.now() + timedelta(hours=1))


@pytest.mark.parametrize("end", [cancel_all, expire_all])
def test_an_order_that_ends_closes_its_payment_here_and_at_the_channel(
    tenant: Any,
    make_buyers: Any,
    channel: MemoryChannel,
    driven_clock: Callable[[datetime], None],
    end: Callable[[list[Any]], None],
) -> None:
    with tenant.enter():
        placed = placed_order(make_buyers)
        payment = opened(placed.order_id, channel.name)
        payments.open_at_channel(payment.payment_id, "o-1")
        end([placed.order_id])
        assert channel.count("close") == 0, "the channel is called by the job, never with the order locked"
        with pytest.raises(payments.PaymentNotOpen):
            payments.open_at_channel(payment.payment_id, "o-1")
    assert read(tenant, payment).state is PaymentState.CLOSED
    payments.query_due(tenant.id)
    assert channel.count("close") == 1
    clock.advance(timedelta(hours=1))
    assert payments.query_due(tenant.id) == 0
    assert tenant.verify() == []


def test_a_payment_that_is_closed_while_it_is_opened_is_closed_at_the_channel_in_the_end(
    tenant: Any, make_buyers: Any, channel: MemoryChannel, driven_clock: Callable[[datetime], None]
) -> None:
    with tenant.enter():
        placed = placed_order(make_buyers)
        payment = opened(placed.order_id, channel.name)
    open_there = channel.open

    def cancelled_meanwhile(order: Any) -> Any:
        def run() -> None:
            with tenant.enter():
                cancel_all([placed.order_id])
            payments.query_due(tenant.id)  # the channel does not know it yet
            connections.close_all()

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        return open_there(order)

    channel.open = cancelled_meanwhile  # type: ignore[method-assign]
    with tenant.enter(), pytest.raises(payments.PaymentNotOpen):
        payments.open_at_channel(payment.payment_id, "o-1")
    clock.advance(timedelta(minutes=2))
    assert payments.query_due(tenant.id) == 1
    assert channel.count("close") == 1


def test_money_that_comes_after_the_cancellation_goes_back_whole(tenant: Any, make_buyers: Any, channel: MemoryChannel) -> None:
    with tenant.enter():
        placed = placed_order(make_buyers)
        payment = opened(placed.order_id, channel.name)
        cancel_all([placed.order_id])
        capture(payment)
    tenant.drain()
    paid = read(tenant, payment)
    assert (paid.state, paid.is_extra, paid.reversible_minor) == (PaymentState.CAPTURED, True, 0)
    with tenant.enter():
        assert queries.get_order(placed.order_id).state is OrderState.CANCELLED
    assert tenant.verify() == []


@pytest.mark.parametrize("end", [cancel_all, expire_all])
def test_ending_and_paying_at_once_end_in_one_or_the_other(
    tenant: Any, make_buyers: Any, channel: MemoryChannel, end: Callable[[list[Any]], None]
) -> None:
    with tenant.enter():
        placed = [placed_order(make_buyers) for _ in range(12)]
        asked = [opened(one.order_id, channel.name) for one in placed]
    order_ids = [one.order_id for one in placed]
    start = threading.Barrier(3)
    failures: list[Exception] = []

    def run(step: Callable[[], None]) -> None:
        try:
            start.wait()
            with tenant.enter():
                step()
            tenant.drain()
        except Exception as error:  # what the test must see
            failures.append(error)
        finally:
            connections.close_all()

    steps = (lambda: end(order_ids[:8]), lambda: capture(*asked[::-1]), lambda: end(order_ids[4:][::-1]))
    threads = [threading.Thread(target=run, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    tenant.drain()
    with tenant.enter():
        states = {order_id: order.state for order_id, order in queries.list_by_ids(order_ids).items()}
    for order_id, payment in zip(order_ids, asked, strict=True):
        paid = read(tenant, payment)
        assert paid.state is PaymentState.CAPTURED
        pays = states[order_id] is OrderState.PAID
        assert (paid.is_extra, paid.reversible_minor) == (not pays, paid.amount_minor if pays else 0)
    assert tenant.verify() == []


def test_an_order_paid_twice_gives_back_the_payment_that_does_not_pay_it(tenant: Any, make_buyers: Any) -> None:
    with tenant.enter():
        placed = placed_order(make_buyers)
        first, second = opened(placed.order_id, "wechat_pay"), opened(placed.order_id, "alipay")
        assert payment_queries.get_payment(first.payment_id).state is PaymentState.CLOSED
        capture(second)
    tenant.drain()
    with tenant.enter():
        capture(first)  # the buyer had the old page open; it was captured later, so it is not the order's earliest
    tenant.drain()
    assert (read(tenant, first).reversible_minor, read(tenant, first).is_extra) == (0, True)
    assert (read(tenant, second).reversible_minor, read(tenant, second).is_extra) == (placed.total_minor, False)
    with tenant.enter():
        assert queries.list_payment_ids([placed.order_id]) == {placed.order_id: second.payment_id}
    assert tenant.verify() == []
