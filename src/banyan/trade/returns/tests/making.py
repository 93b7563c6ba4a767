"""Paid, shipped and received orders for tests, made through the commands of the houses below."""

from __future__ import annotations

from typing import Any

from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import NewWarehouse, Receipt
from banyan.kernel import clock
from banyan.trade.orders import commands as orders
from banyan.trade.orders import queries as order_queries
from banyan.trade.orders.types import Order, OrderState, Placed, PlaceOrder, Shipment
from banyan.trade.returns import commands, queries
from banyan.trade.returns.types import (
    Fault,
    GoodsReceipt,
    LineClaim,
    LineInspection,
    Mode,
    RequestReturn,
    Return,
    ReturnOutcome,
)
from banyan.treasury.payments import commands as payments
from banyan.treasury.payments import queries as payment_queries
from banyan.treasury.payments.types import CaptureNotice, RefundNotice, RefundNoticeState

OPERATOR, WAREHOUSE = 11, 12


def place_paid(
    shop: Any,
    lines: list[tuple[int, int]],
    *,
    buyer_id: int = 7,
    shipping_minor: int = 0,
    discount_minor: int = 0,
    count: int = 1,
) -> list[Order]:
    """`count` equal paid orders of (price, quantity) lines."""
    with shop.enter():
        skus = make_skus([price for price, _ in lines])
        if not stock.list_warehouses():
            inventory.open_warehouses([NewWarehouse("main", "主仓")])
        warehouse = stock.list_warehouses()[0].warehouse_id
        inventory.receive_stock([Receipt(warehouse, sku, 1000 * count) for sku in skus])
        wanted = tuple((sku, quantity) for sku, (_, quantity) in zip(skus, lines, strict=True))
        placed = orders.place_orders(
            [
                PlaceOrder(buyer_id, wanted, shipping_minor=shipping_minor, discount_minor=discount_minor)  # type: ignore[arg-type]
                for _ in range(count)
            ]
        )
        order_ids = [one.order_id for one in placed if isinstance(one, Placed)]
        assert len(order_ids) == count
        orders.open_payments(order_ids, "wechat_pay")
        capture(order_ids)
    shop.drain()
    with shop.enter():
        found = order_queries.list_by_ids(order_ids)
    assert {order.state for order in found.values()} == {OrderState.PAID}
    return [found[order_id] for order_id in order_ids]


def capture(order_ids: list[Any]) -> None:
    """The channel says that the orders' payments were captured."""
    found = payment_queries.list_payments_of(order_ids)
    notices = [
        CaptureNotice(one.channel, one.out_trade_no, f"tx{one.payment_id}", one.amount_minor, one.currency, clock.now())
        for payments_of in found.values()
        for one in payments_of
    ]
    payments.capture(notices)


def deliver(shop: Any, found: list[Order], *, receive: bool = True) -> None:
    """Ship the orders and let them be received."""
    with shop.enter():
        orders.ship([Shipment(order.order_id) for order in found])
        if receive:
            orders.receive([order.order_id for order in found])
    shop.drain()


def claim(
    order: Order,
    claims: list[tuple[int, int, int]],
    mode: Mode = Mode.GOODS_BACK,
    *,
    key: str = "",
    wanted: Any = None,
    **more: Any,
) -> RequestReturn:
    """A request for (line position, quantity, amount) claims; `wanted` is the SKU to exchange them for."""
    lines = tuple(LineClaim(order.lines[position].line_id, quantity, amount, wanted) for position, quantity, amount in claims)
    return RequestReturn(
        order_id=order.order_id,
        lines=lines,
        mode=mode,
        reason="不合适",
        key=key or f"{order.order_id}/{clock.now().timestamp()}/{claims}",
        requested_by=order.buyer_id,
        requested_at=clock.now(),
        **more,
    )


def ask(request: RequestReturn) -> Any:
    """Request one return; raises its refusal."""
    (outcome,) = commands.request_returns([request])
    return told(outcome).return_id


def told(outcome: ReturnOutcome) -> ReturnOutcome:
    """The outcome, or its refusal raised."""
    if outcome.refusal is not None:
        raise outcome.refusal
    return outcome


def take_back(request: RequestReturn, *, scrap: int = 0) -> Return:
    """The whole way of one return, to accepted."""
    return_id = ask(request)
    told(commands.approve([return_id], OPERATOR)[0])
    if request.mode.wants_goods:
        found = tuple(
            LineInspection(one.line_id, one.quantity - min(scrap, one.quantity), min(scrap, one.quantity))
            for one in request.lines
        )
        told(commands.receive([GoodsReceipt(return_id, found, WAREHOUSE)])[0])
    told(commands.accept([return_id])[0])
    return queries.get_return(return_id)


def complete_refunds(shop: Any, order_id: int, state: RefundNoticeState = RefundNoticeState.COMPLETED) -> None:
    """The channel says how every refund of the order ended."""
    with shop.enter():
        refunds = payment_queries.list_refunds(order_id=order_id)
        payments.complete_refunds(
            [
                RefundNotice(
                    one.channel, one.out_refund_no, f"ref{one.refund_id}", state, one.amount_minor, one.currency, clock.now()
                )
                for one in refunds
            ]
        )
    shop.drain()


__all__ = ["Fault", "ask", "capture", "claim", "complete_refunds", "deliver", "place_paid", "take_back", "told"]
