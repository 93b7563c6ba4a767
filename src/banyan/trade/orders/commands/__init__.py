"""Writes of orders, by use case; other houses import them from here."""

from banyan.trade.orders.commands.errors import (
    BadOrder,
    ClientKeyReused,
    NotAllocated,
    NotOnSale,
    OrderNotFound,
    OutOfStock,
    PaymentWindowOver,
    UnknownSku,
    WrongState,
    out_of_stock,
)
from banyan.trade.orders.commands.moving import (
    cancel,
    cancel_refunded,
    close_due,
    expire_due,
    lock,
    order_ids_of,
    receive,
    receive_due,
    set_policy,
    ship,
)
from banyan.trade.orders.commands.parting import finish_shipping, ship_parts
from banyan.trade.orders.commands.paying import mark_paid, open_payments
from banyan.trade.orders.commands.placing import place_orders

__all__ = [
    "BadOrder", "ClientKeyReused", "NotAllocated", "NotOnSale", "OrderNotFound", "OutOfStock", "PaymentWindowOver",
    "UnknownSku", "WrongState", "cancel", "cancel_refunded", "close_due", "expire_due", "finish_shipping", "lock", "mark_paid",
    "open_payments", "order_ids_of", "out_of_stock", "place_orders", "receive", "receive_due", "set_policy", "ship", "ship_parts",
]  # fmt: skip
