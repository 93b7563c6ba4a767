"""The steps of an order after placing: every step locks the orders by id, asks the state machine, then changes all at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from banyan.goods.inventory import commands as inventory
from banyan.kernel import clock, events, ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import Invalid
from banyan.kernel.values.filled import Filled
from banyan.trade.offers import commands as offers
from banyan.trade.orders.commands.errors import BadOrder, OrderNotFound, WrongState
from banyan.trade.orders.engine.states import may_become
from banyan.trade.orders.events import OrderCancelled, OrderClosed, OrderReceived, OrderShipped
from banyan.trade.orders.models import OrderPolicy, OrderShipment
from banyan.trade.orders.queries import forget_policy, get_policy
from banyan.trade.orders.types import OrderId, OrderState, PartShipment, Policy, Refused, Shipment
from banyan.treasury.payments import commands as payments

LOCK = "SELECT id, state FROM orders_orders WHERE tenant_id = %s AND id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE"
_STAMP = {
    OrderState.SHIPPED: "shipped_at",
    OrderState.RECEIVED: "received_at",
    OrderState.CLOSED: "closed_at",
    OrderState.CANCELLED: "cancelled_at",
    OrderState.EXPIRED: "cancelled_at",
}


def lock(order_ids: Iterable[OrderId]) -> dict[OrderId, OrderState]:
    """Lock these orders until the end of the transaction, lowest id first, and tell where they stand; unknown ids are left out.

    For houses above whose work on an order must wait for others: whoever locks orders first never deadlocks.
    """
    rows = sql.fetch(LOCK, (current_tenant_id(), sorted(set(order_ids))))
    return {OrderId(row[0]): OrderState(row[1]) for row in rows}


def _turn(
    order_ids: Sequence[OrderId], into: OrderState, at: datetime, reason: str = "", only_from: OrderState | None = None
) -> tuple[list[OrderId], list[OrderId | Refused]]:
    """Lock, decide, update. Returns the orders that moved (each once) and one outcome per requested order."""
    tenant_id = current_tenant_id()
    states = {row[0]: OrderState(row[1]) for row in sql.fetch(LOCK, (tenant_id, sorted(set(order_ids))))}
    moved: list[OrderId] = []
    outcomes: list[OrderId | Refused] = []
    for order_id in order_ids:
        state = states.get(order_id)
        if state is None:
            outcomes.append(Refused(OrderNotFound("No such order.")))
        elif not may_become(state, into) or (only_from is not None and state is not only_from):
            said = Filled("A {state} order cannot become {wanted}.", state=state, wanted=into)
            outcomes.append(Refused(WrongState(said, state=state, wanted=into)))
        else:
            states[order_id] = into
            moved.append(order_id)
            outcomes.append(order_id)
    if moved:
        sql.execute(
            f"UPDATE orders_orders SET state = %s, {_STAMP[into]} = %s, cancel_reason = %s WHERE tenant_id = %s AND id ="
            f" ANY(%s::bigint[])",
            (into.value, at, reason, tenant_id, moved),
        )
    return moved, outcomes


def check_carrier(shipments: Sequence[Shipment | PartShipment]) -> None:
    """Raises BadOrder on over-long or unprintable text."""
    for shipment in shipments:
        if (
            len(shipment.carrier) > 60
            or len(shipment.tracking_number) > 80
            or not (shipment.carrier + shipment.tracking_number).isprintable()
        ):
            raise BadOrder("Carrier and tracking number have at most 60 and 80 printable characters.", field="tracking_number")


def ship(shipments: Sequence[Shipment], at: datetime | None = None) -> list[OrderId | Refused]:
    """Hand whole paid orders to their carriers: the goods leave the stock. One outcome per shipment; runs inside
    ``tenancy.enter``. What left in part goes on leaving in parts: see ``ship_parts``.

    Refusals: order_not_found, wrong_state. Raises BadOrder on over-long text.
    """
    check_carrier(shipments)
    at = at or clock.now()
    moved, outcomes = _turn([shipment.order_id for shipment in shipments], OrderState.SHIPPED, at, only_from=OrderState.PAID)
    inventory.ship(moved, at)
    by_order = {shipment.order_id: shipment for shipment in reversed(shipments)}
    sql.insert(
        OrderShipment,
        ("id", "order_id", "carrier", "tracking_number", "shipped_at"),
        [
            (identity, order_id, by_order[order_id].carrier, by_order[order_id].tracking_number, at)
            for identity, order_id in zip(ids.next_ids(len(moved)), moved, strict=True)
        ],
    )
    events.record([OrderShipped(order_id=order_id, occurred_at=at) for order_id in moved])
    return outcomes


def receive(order_ids: Sequence[OrderId], at: datetime | None = None) -> list[OrderId | Refused]:
    """The buyers have their goods. One outcome per order: order_not_found, wrong_state."""
    at = at or clock.now()
    moved, outcomes = _turn(order_ids, OrderState.RECEIVED, at)
    events.record([OrderReceived(order_id=order_id, occurred_at=at) for order_id in moved])
    return outcomes


def cancel(order_ids: Sequence[OrderId], reason: str, at: datetime | None = None) -> list[OrderId | Refused]:
    """End unpaid orders, give their goods back and close their payments. ``reason``: buyer or operator. One outcome per order.

    A paid order is refused with wrong_state: its money goes back through a refund-only return, so that commission is
    clawed back with it. Money that is captured all the same is given back by ``mark_paid``.
    """
    if reason not in ("buyer", "operator"):
        raise Invalid("The reason of a cancellation is buyer or operator.", field="reason")
    at = at or clock.now()
    moved, outcomes = _turn(order_ids, OrderState.CANCELLED, at, reason, only_from=OrderState.PLACED)
    inventory.release(moved)
    offers.end_claims(moved, at)
    payments.close_payments(moved)
    events.record([OrderCancelled(order_id=order_id, reason=reason, was_paid=False, occurred_at=at) for order_id in moved])
    return outcomes


def cancel_refunded(order_ids: Sequence[OrderId], at: datetime | None = None) -> list[OrderId | Refused]:
    """For the returns house: everything of these paid, unshipped orders was refunded, so they end and their goods are free.

    One outcome per order; a shipped order is refused with wrong_state and keeps its course.
    """
    at = at or clock.now()
    moved, outcomes = _turn(order_ids, OrderState.CANCELLED, at, "refunded", only_from=OrderState.PAID)
    inventory.release(moved)
    offers.end_claims(moved, at)
    events.record([OrderCancelled(order_id=order_id, reason="refunded", was_paid=True, occurred_at=at) for order_id in moved])
    return outcomes


def _due(state: OrderState, column: str, until: datetime, limit: int, also: str = "") -> list[OrderId]:
    rows = sql.fetch(
        f"SELECT id FROM orders_orders WHERE tenant_id = %s AND state = '{state.value}' AND {column} <= %s {also}"
        f" ORDER BY {column}, id LIMIT %s FOR UPDATE SKIP LOCKED",
        (current_tenant_id(), until, limit),
    )
    return sorted(row[0] for row in rows)


def expire_due(at: datetime | None = None, limit: int = 500) -> int:
    """End unpaid orders whose time is over, free their goods and close their payments; returns how many. What somebody else
    works on is left out."""
    at = at or clock.now()
    moved, _ = _turn(_due(OrderState.PLACED, "expires_at", at, limit), OrderState.EXPIRED, at, "expired")
    inventory.release(moved)
    offers.end_claims(moved, at)
    payments.close_payments(moved)
    events.record([OrderCancelled(order_id=order_id, reason="expired", was_paid=False, occurred_at=at) for order_id in moved])
    return len(moved)


def receive_due(at: datetime | None = None, limit: int = 500) -> int:
    """Take shipped orders as received after the tenant's number of days; returns how many. Tracked ones are left out: whoever
    follows their parcels knows better."""
    at = at or clock.now()
    until = at - timedelta(days=get_policy().receive_after_days)
    due = _due(OrderState.SHIPPED, "shipped_at", until, limit, also="AND NOT is_tracked")
    receive(due, at)
    return len(due)


def close_due(at: datetime | None = None, limit: int = 500) -> int:
    """Close received orders after the tenant's number of days; returns how many."""
    at = at or clock.now()
    due = _due(OrderState.RECEIVED, "received_at", at - timedelta(days=get_policy().close_after_days), limit)
    moved, _ = _turn(due, OrderState.CLOSED, at)
    events.record([OrderClosed(order_id=order_id, occurred_at=at) for order_id in moved])
    return len(moved)


def set_policy(policy: Policy) -> None:
    """Set the tenant's times and tariff. Raises Invalid outside of 60 s to 30 days, 0 to 365 days, or on negative freight."""
    tariff = policy.tariff
    if not 60 <= policy.payment_window_seconds <= 30 * 86_400:
        raise Invalid("The payment window lies within 60 seconds and 30 days.", field="payment_window_seconds")
    if not 0 <= policy.receive_after_days <= 365 or not 0 <= policy.close_after_days <= 365:
        raise Invalid("Days lie within 0 and 365.", field="close_after_days")
    if min(tariff.base_minor, tariff.step_minor, tariff.first_grams, tariff.free_from_minor or 0) < 0 or tariff.step_grams <= 0:
        raise Invalid("Freight amounts and weights must not be negative, the further weight not 0.", field="tariff")
    columns = (
        "id", "payment_window_seconds", "receive_after_days", "close_after_days", "freight_base_minor", "freight_first_grams",
        "freight_step_grams", "freight_step_minor", "freight_free_from_minor",
    )  # fmt: skip
    sql.insert(
        OrderPolicy,
        columns,
        [
            (
                ids.next_id(), policy.payment_window_seconds, policy.receive_after_days, policy.close_after_days,
                tariff.base_minor, tariff.first_grams, tariff.step_grams, tariff.step_minor, tariff.free_from_minor,
            )
        ],
        on_conflict="ON CONFLICT (tenant_id) DO UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in columns[1:]),
    )  # fmt: skip
    forget_policy()


def order_ids_of(outcomes: Iterable[OrderId | Refused]) -> list[OrderId]:
    """The orders that really moved, from a list of outcomes."""
    return [outcome for outcome in outcomes if not isinstance(outcome, Refused)]
