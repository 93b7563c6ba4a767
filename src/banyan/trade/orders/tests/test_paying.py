"""Money for orders: the exact amount pays once; everything else goes back and is told."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import Adjustment, NewWarehouse, Receipt, ReservationState
from banyan.kernel import clock, sql
from banyan.trade.attribution import queries as attribution
from banyan.trade.orders import commands, queries
from banyan.trade.orders.types import Capture, OrderState, PlaceOrder, Refused, Shipment
from banyan.treasury.payments import commands as payments
from banyan.treasury.payments import queries as payment_queries
from banyan.treasury.payments.types import CaptureNotice

_numbers = itertools.count(1)


def placed_order(make_buyers: Any, total: int = 1000, quantity: int = 1) -> Any:
    """A placed order of one line in a fresh warehouse with exactly its pieces."""
    (sku,) = make_skus([total // quantity])
    warehouse = inventory.open_warehouses([NewWarehouse(f"w{next(_numbers)}", "仓")])[0]
    inventory.receive_stock([Receipt(warehouse, sku, quantity)])
    (placed,) = commands.place_orders([PlaceOrder(make_buyers(1)[0], ((sku, quantity),))])
    return placed


def pay(order_id: Any, at: datetime | None = None) -> Any:
    """Open the order's payment and let the channel capture it."""
    payment_id = commands.open_payments([order_id], "wechat_pay")[order_id]
    payment = payment_queries.get_payment(payment_id)
    notice = CaptureNotice(
        "wechat_pay", payment.out_trade_no, f"tx{next(_numbers)}", payment.amount_minor, payment.currency, at or clock.now()
    )
    payments.capture([notice])
    return notice


def kinds(tenant: Any) -> list[str]:
    """The kinds of this house's events so far."""
    with tenant.enter():
        rows = sql.fetch("SELECT kind FROM outbox_events WHERE kind LIKE 'orders.%%' ORDER BY id")
    return [row[0].removeprefix("orders.order_") for row in rows]


def test_the_full_life_of_an_order(tenant: Any, make_buyers: Any, driven_clock: Callable[[datetime], None]) -> None:
    with tenant.enter():
        placed = placed_order(make_buyers)
        notice = pay(placed.order_id)
    tenant.drain()
    with tenant.enter():
        order = queries.get_order(placed.order_id)
        assert (order.state, order.paid_at) == (OrderState.PAID, notice.captured_at)
        assert stock.list_reservations([placed.order_id])[placed.order_id][0].state is ReservationState.ALLOCATED
        assert attribution.frozen([placed.order_id])[placed.order_id].upline == ()
        assert [o.order_id for o in queries.commissionable([placed.order_id])] == [placed.order_id]
        assert commands.ship([Shipment(placed.order_id, "顺丰", "SF1")]) == [placed.order_id]
        assert commands.close_due() == 0
        clock.advance(timedelta(days=10))
        assert commands.receive_due() == 1
        clock.advance(timedelta(days=7))
        assert commands.close_due() == 1
        assert queries.get_order(placed.order_id).state is OrderState.CLOSED
    assert kinds(tenant) == ["placed", "paid", "shipped", "received", "closed"]
    assert tenant.verify() == []


def test_a_capture_told_many_times_pays_once(tenant: Any, make_buyers: Any) -> None:
    with tenant.enter():
        placed = placed_order(make_buyers)
        pay(placed.order_id)
    tenant.drain()
    with tenant.enter():
        payment_id = sql.fetch("SELECT payment_id FROM orders_orders WHERE id = %s", (placed.order_id,))[0][0]
        again = Capture(payment_id, placed.order_id, placed.total_minor, "CNY", clock.now())
        assert commands.mark_paid([again, again]) == 0
    assert kinds(tenant) == ["placed", "paid"]


@pytest.mark.parametrize(("amount", "currency", "reason"), [(999, "CNY", "wrong_amount"), (1000, "USD", "wrong_currency")])
def test_wrong_money_never_pays(
    tenant: Any, make_buyers: Any, monkeypatch: pytest.MonkeyPatch, amount: int, currency: str, reason: str
) -> None:
    """Payments refuses such notices itself; should one slip through, the order still does not become paid."""
    asked: list[Any] = []
    monkeypatch.setattr(payments, "request_refunds", asked.extend)
    with tenant.enter():
        placed = placed_order(make_buyers)
        assert commands.mark_paid([Capture(77, placed.order_id, amount, currency, clock.now())]) == 0
        assert queries.get_order(placed.order_id).state is OrderState.PLACED
        assert [(w.order_id, w.amount_minor) for w in asked] == [(placed.order_id, amount)] and reason in asked[0].reason
    assert kinds(tenant) == ["placed", "shortfall"]


def test_money_after_expiry_serves_again_when_the_goods_can_be_had(
    tenant: Any, make_buyers: Any, driven_clock: Callable[[datetime], None]
) -> None:
    with tenant.enter():
        placed = placed_order(make_buyers)
        notice_at = clock.now()
        pay(placed.order_id, notice_at)
        clock.advance(timedelta(hours=1))
        assert commands.expire_due() == 1
        assert queries.get_order(placed.order_id).state is OrderState.EXPIRED
    tenant.drain()
    with tenant.enter():
        order = queries.get_order(placed.order_id)
        assert (order.state, order.cancelled_at, order.paid_at) == (OrderState.PAID, None, notice_at)
    assert kinds(tenant) == ["placed", "cancelled", "paid"]
    assert tenant.verify() == []


def test_money_after_expiry_goes_back_when_the_goods_are_gone(
    tenant: Any, make_buyers: Any, driven_clock: Callable[[datetime], None]
) -> None:
    with tenant.enter():
        placed = placed_order(make_buyers)
        pay(placed.order_id)
        clock.advance(timedelta(hours=1))
        commands.expire_due()
        sku = queries.get_order(placed.order_id).lines[0].sku.sku_id
        (other,) = commands.place_orders([PlaceOrder(make_buyers(1)[0], ((sku, 1),))])
        assert not isinstance(other, Refused)
    tenant.drain()
    with tenant.enter():
        assert queries.get_order(placed.order_id).state is OrderState.EXPIRED
        refunds = sql.fetch("SELECT amount_minor, key FROM payments_refunds WHERE order_id = %s", (placed.order_id,))
        assert len(refunds) == 1 and refunds[0][0] == placed.total_minor
    assert "shortfall" in kinds(tenant) and "paid" not in kinds(tenant)
    assert tenant.verify() == []


def test_a_reservation_that_ended_below_is_taken_again_or_refunded(
    tenant: Any, make_buyers: Any, driven_clock: Callable[[datetime], None]
) -> None:
    """The stock's own expiry ran before the order's: money that arrives in between is still never silent."""
    with tenant.enter():
        kept, lost = placed_order(make_buyers), placed_order(make_buyers)
        pay(kept.order_id), pay(lost.order_id)
        clock.advance(timedelta(hours=1))
        inventory.expire_due(clock.now())
        sku = queries.get_order(lost.order_id).lines[0].sku.sku_id
        warehouse = stock.stock_levels([sku])[0].warehouse_id
        inventory.adjust_stock([Adjustment(warehouse, sku, -1, "破损")])
    tenant.drain()
    with tenant.enter():
        found = queries.list_by_ids([kept.order_id, lost.order_id])
        assert found[kept.order_id].state is OrderState.PAID
        assert (found[lost.order_id].state, found[lost.order_id].cancel_reason) == (OrderState.EXPIRED, "out_of_stock")
        assert sql.fetch("SELECT count(*) FROM payments_refunds WHERE order_id = %s", (lost.order_id,)) == [(1,)]
    assert tenant.verify() == []


def test_money_for_a_cancelled_order_goes_back_and_it_stays_cancelled(tenant: Any, make_buyers: Any) -> None:
    with tenant.enter():
        placed = placed_order(make_buyers)
        pay(placed.order_id)
        assert commands.cancel([placed.order_id], "buyer") == [placed.order_id]
    tenant.drain()
    with tenant.enter():
        assert queries.get_order(placed.order_id).state is OrderState.CANCELLED
        assert sql.fetch("SELECT amount_minor FROM payments_refunds WHERE order_id = %s", (placed.order_id,)) == [(1000,)]
    assert kinds(tenant) == ["placed", "cancelled", "shortfall"]
    assert tenant.verify() == []


def test_the_machine_refuses_every_other_step(tenant: Any, make_buyers: Any) -> None:
    with tenant.enter():
        placed = placed_order(make_buyers)
        order_id = placed.order_id

        def refused(outcomes: list[Any]) -> str:
            return str(outcomes[0].code) if isinstance(outcomes[0], Refused) else "moved"

        assert refused(commands.ship([Shipment(order_id)])) == "wrong_state"
        assert refused(commands.receive([order_id])) == "wrong_state"
        assert refused(commands.cancel_refunded([order_id])) == "wrong_state"
        assert refused(commands.cancel([12345], "buyer")) == "order_not_found"  # type: ignore[list-item]
        pay(order_id)
    tenant.drain()
    with tenant.enter():
        assert refused(commands.cancel([order_id], "buyer")) == "wrong_state", "money goes back through returns"
        assert commands.cancel_refunded([order_id]) == [order_id]
        assert refused(commands.cancel_refunded([order_id])) == "wrong_state"
        assert stock.list_reservations([order_id])[order_id][0].state is ReservationState.RELEASED
        with pytest.raises(commands.WrongState):
            commands.open_payments([order_id], "wechat_pay")
    assert tenant.verify() == []


def test_an_order_of_nothing_is_paid_at_once(tenant: Any, make_buyers: Any) -> None:
    with tenant.enter():
        (sku,) = make_skus([500])
        warehouse = inventory.open_warehouses([NewWarehouse("w", "仓")])[0]
        inventory.receive_stock([Receipt(warehouse, sku, 5)])
        (placed,) = commands.place_orders([PlaceOrder(make_buyers(1)[0], ((sku, 1),), discount_minor=500)])
        assert commands.open_payments([placed.order_id], "wechat_pay") == {placed.order_id: None}
        assert queries.get_order(placed.order_id).state is OrderState.PAID
    assert tenant.verify() == []


def test_a_window_that_is_over_opens_no_payment(tenant: Any, make_buyers: Any, driven_clock: Callable[[datetime], None]) -> None:
    with tenant.enter():
        placed = placed_order(make_buyers)
        clock.advance(timedelta(hours=1))
        with pytest.raises(commands.PaymentWindowOver):
            commands.open_payments([placed.order_id], "wechat_pay")
