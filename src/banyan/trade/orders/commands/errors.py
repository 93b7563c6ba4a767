"""Why an order or a step of it is declined."""

from __future__ import annotations

from collections.abc import Sequence

from banyan.goods.inventory.types import Shortage
from banyan.kernel import ids
from banyan.kernel.values.errors import Conflict, Invalid, NotFound, Refusal


class BadOrder(Invalid):
    """An order that no state of the shop could accept."""

    code = "bad_order"
    advice = "Send 1 to 200 lines with quantities from 1, a short channel name, and text without control characters."


class UnknownSku(NotFound):
    """A SKU that this shop does not have."""

    code = "unknown_sku"
    status = 422
    advice = "List the products and use one of their SKU ids."


class NotOnSale(Conflict):
    """A SKU that is off sale."""

    code = "not_on_sale"
    advice = "Take the named SKU out of the order."


class OutOfStock(Conflict):
    """Not enough pieces for the whole order; ``details.shortages`` tells what there is."""

    code = "out_of_stock"
    advice = "Order at most the available pieces of the named SKUs."


def out_of_stock(shortages: Sequence[Shortage]) -> OutOfStock:
    """The refusal of an order that lacks these pieces."""
    lacking = [{"sku_id": ids.public("sku", s.sku_id), "requested": s.requested, "available": s.available} for s in shortages]
    return OutOfStock("There are not enough pieces for this order.", shortages=lacking)


class ClientKeyReused(Refusal):
    """The client key belongs to an order with other content."""

    code = "client_key_reused"
    status = 422
    advice = "Use a new client key for a new order; repeat the identical order for the old one."


class OrderNotFound(NotFound):
    """No such order for this caller."""

    code = "order_not_found"


class WrongState(Conflict):
    """The order is in a state in which this cannot be done."""

    code = "wrong_state"
    advice = "Read the order's state; a paid order that was not shipped is given back by a refund-only return."


class PaymentWindowOver(Conflict):
    """The time to pay this order is over."""

    code = "payment_window_over"
    advice = "Place the order again."


class NotAllocated(Conflict):
    """Fewer pieces wait in this warehouse for the order than are to leave."""

    code = "not_allocated"
    advice = "Read the order's stock again; pieces were refunded, shipped or moved to another warehouse meanwhile."
