"""Orders that leave in parts: some lines or pieces now, the rest later. Runs inside ``tenancy.enter``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory.queries import held_quantities
from banyan.goods.inventory.types import LeavingPieces
from banyan.kernel import clock, events, ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.filled import Filled
from banyan.trade.orders.commands.errors import NotAllocated, OrderNotFound, WrongState
from banyan.trade.orders.commands.moving import LOCK, check_carrier
from banyan.trade.orders.events import OrderPartlyShipped, OrderShipped
from banyan.trade.orders.models import OrderShipment
from banyan.trade.orders.types import OrderId, OrderState, PartShipment, Refused

OPEN = (OrderState.PAID, OrderState.PARTLY_SHIPPED)


def ship_parts(parts: Sequence[PartShipment], at: datetime | None = None) -> list[OrderId | Refused]:
    """Hand pieces of paid orders to carriers: they leave the stock. One outcome per part; an order is refused in all its parts
    or in none. An order of which nothing is left to send becomes shipped, any other partly_shipped.

    From now on the order is tracked: the caller says when it was received, the days after shipping do not.
    Refusals: order_not_found, wrong_state, not_allocated. Raises BadOrder on over-long text.
    """
    check_carrier(parts)
    at = at or clock.now()
    wanted = sorted({part.order_id for part in parts})
    states = {row[0]: OrderState(row[1]) for row in sql.fetch(LOCK, (current_tenant_id(), wanted))}
    leaving = [part for part in parts if states.get(part.order_id) in OPEN]
    short = inventory.ship_lines(
        [LeavingPieces(part.order_id, line.line_id, line.warehouse_id, line.quantity) for part in leaving for line in part.lines],
        at,
    )
    gone = [part for part in leaving if part.order_id not in short]
    _write(gone, at)
    _move({part.order_id for part in gone}, at)
    return [_outcome(part.order_id, states.get(part.order_id), short) for part in parts]


def _outcome(order_id: OrderId, state: OrderState | None, short: set[int]) -> OrderId | Refused:
    if state is None:
        return Refused(OrderNotFound("No such order."))
    if state not in OPEN:
        said = Filled("A {state} order sends nothing more.", state=state)
        return Refused(WrongState(said, state=state, wanted=OrderState.SHIPPED))
    if order_id in short:
        return Refused(NotAllocated("Fewer pieces wait in this warehouse than are to leave."))
    return order_id


def _write(gone: Sequence[PartShipment], at: datetime) -> None:
    sql.insert(
        OrderShipment,
        ("id", "order_id", "carrier", "tracking_number", "shipped_at"),
        [
            (identity, part.order_id, part.carrier, part.tracking_number, at)
            for identity, part in zip(ids.next_ids(len(gone)), gone, strict=True)
        ],
    )


def finish_shipping(order_ids: Iterable[OrderId], at: datetime | None = None) -> set[OrderId]:
    """For who takes back what had yet to leave: partly shipped orders that owe nothing more are shipped. Returns those."""
    wanted = sorted(set(order_ids))
    rows = sql.fetch(LOCK, (current_tenant_id(), wanted))
    return _move({row[0] for row in rows if row[1] == OrderState.PARTLY_SHIPPED.value}, at or clock.now())


def _move(order_ids: set[OrderId], at: datetime) -> set[OrderId]:
    """Locked orders of which something has left: shipped when nothing is left to send, pieces included that are lost and
    wait for goods to come in. Returns the shipped ones."""
    if not order_ids:
        return set()
    held = held_quantities(order_ids)
    whole = {order_id for order_id in order_ids if not {"allocated", "lost"} & held.get(order_id, {}).keys()}
    sql.execute(
        "UPDATE orders_orders SET is_tracked = true, state = CASE WHEN id = ANY(%s::bigint[]) THEN 'shipped' ELSE"
        " 'partly_shipped' END, shipped_at = CASE WHEN id = ANY(%s::bigint[]) THEN %s::timestamptz END"
        " WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (sorted(whole), sorted(whole), at, current_tenant_id(), sorted(order_ids)),
    )
    events.record(
        [
            OrderShipped(order_id=order_id, occurred_at=at)
            if order_id in whole
            else OrderPartlyShipped(order_id=order_id, occurred_at=at)
            for order_id in sorted(order_ids)
        ]
    )
    return whole
