"""Reads of orders. All run inside ``tenancy.enter``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from time import monotonic
from typing import Any

from banyan.goods.catalog.types import SkuFacts
from banyan.goods.inventory import queries as inventory
from banyan.goods.inventory.types import LotId
from banyan.kernel import sql
from banyan.kernel.secrets import unseal
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import NotFound
from banyan.people.identity.types import UserId
from banyan.trade.orders.engine.numbers import id_of
from banyan.trade.orders.engine.recipients import disguised, sees_whole
from banyan.trade.orders.types import (
    CommissionableLine,
    CommissionableOrder,
    LotBuyer,
    Order,
    OrderId,
    OrderLine,
    OrderState,
    Policy,
    Recipient,
    Shipment,
)
from banyan.trade.pricing.types import FreightTariff
from banyan.treasury.payments.types import PaymentId

_LINE = """
l.order_id, l.id, l.position, l.sku_id, l.product_id, l.category_path, l.tags, l.supplier_id, l.unit_price_minor,
  l.unit_cost_minor,
l.listed_at, l.is_commissionable, l.tax_bp, l.quantity, l.gross_minor, l.discount_minor, l.payable_minor, l.tax_minor,
l.commissionable_minor, l.bundle_sku_id
"""
_ORDER = """
o.id, o.number, o.buyer_id, o.state, o.currency, o.gross_minor, o.discount_minor, o.shipping_minor, o.tax_minor, o.total_minor,
o.channel, o.placed_at, o.expires_at, o.paid_at, o.shipped_at, o.received_at, o.closed_at, o.cancelled_at, o.cancel_reason
"""


def _facts(row: Sequence[Any], currency: str) -> SkuFacts:
    return SkuFacts(
        row[3], row[4], tuple(row[5]), tuple(row[6]), row[7], row[8], row[9], currency, row[10], True, row[11], row[12]
    )


def commissionable(order_ids: Iterable[OrderId]) -> list[CommissionableOrder]:
    """The paid ones of these orders with their lines' frozen facts; two queries for any number. Unpaid orders are left out."""
    wanted = list(set(order_ids))
    tenant_id = current_tenant_id()
    orders = sql.fetch(
        "SELECT id, buyer_id, paid_at, currency, number FROM orders_orders WHERE tenant_id = %s AND id = ANY(%s::bigint[])"
        " AND paid_at IS NOT NULL ORDER BY id",
        (tenant_id, wanted),
    )
    lines: dict[int, list[CommissionableLine]] = {row[0]: [] for row in orders}
    currencies = {row[0]: row[3] for row in orders}
    found = sql.fetch(
        f"SELECT {_LINE} FROM orders_lines l WHERE l.tenant_id = %s AND l.order_id = ANY(%s::bigint[]) ORDER BY"
        f" l.order_id, l.position",
        (tenant_id, list(lines)),
    )
    for row in found:
        lines[row[0]].append(CommissionableLine(row[1], _facts(row, currencies[row[0]]), row[13], row[18]))
    return [CommissionableOrder(row[0], row[1], row[2], row[3], tuple(lines[row[0]]), row[4]) for row in orders]


def list_by_ids(order_ids: Iterable[OrderId]) -> dict[OrderId, Order]:
    """These orders with their lines; unknown ids are left out. Two queries for any number."""
    wanted = list(set(order_ids))
    rows = sql.fetch(
        f"SELECT {_ORDER} FROM orders_orders o WHERE o.tenant_id = %s AND o.id = ANY(%s::bigint[])", (current_tenant_id(), wanted)
    )
    return {order.order_id: order for order in _with_lines(rows)}


def list_to_ship(after: tuple[datetime, OrderId] | None = None, limit: int = 1000) -> list[tuple[datetime, OrderId]]:
    """Orders with goods that have yet to leave, as (paid_at, id), longest paid first; those beyond ``after``."""
    beyond, params = ("AND (paid_at, id) > (%s, %s)", after) if after is not None else ("", ())
    rows = sql.fetch(
        "SELECT paid_at, id FROM orders_orders WHERE tenant_id = %s AND state IN ('paid', 'partly_shipped')"
        f" {beyond} ORDER BY paid_at, id LIMIT %s",
        (current_tenant_id(), *params, limit),
    )
    return [(row[0], OrderId(row[1])) for row in rows]


def buyers(order_ids: Iterable[OrderId]) -> dict[OrderId, UserId]:
    """Who placed these orders; unknown ids are left out."""
    rows = sql.fetch(
        "SELECT id, buyer_id FROM orders_orders WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (current_tenant_id(), list(set(order_ids))),
    )
    return {OrderId(row[0]): UserId(row[1]) for row in rows}


def channels(order_ids: Iterable[OrderId]) -> dict[OrderId, str]:
    """The sales channel of each of these orders; unknown ids are left out. No ids, no query."""
    wanted = list(set(order_ids))
    if not wanted:
        return {}
    rows = sql.fetch(
        "SELECT id, channel FROM orders_orders WHERE tenant_id = %s AND id = ANY(%s::bigint[])", (current_tenant_id(), wanted)
    )
    return {OrderId(row[0]): row[1] for row in rows}


def first_paid(order_ids: Iterable[OrderId]) -> set[OrderId]:
    """Those of these paid orders before which their buyer had paid none: by time of payment, then by id. No ids, no query."""
    wanted = list(set(order_ids))
    if not wanted:
        return set()
    rows = sql.fetch(
        "SELECT o.id FROM orders_orders o WHERE o.tenant_id = %s AND o.id = ANY(%s::bigint[]) AND o.paid_at IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM orders_orders e WHERE e.tenant_id = o.tenant_id AND e.buyer_id = o.buyer_id"
        "  AND (e.paid_at, e.id) < (o.paid_at, o.id))",
        (current_tenant_id(), wanted),
    )
    return {OrderId(row[0]) for row in rows}


def numbers(order_ids: Iterable[OrderId]) -> dict[OrderId, str]:
    """The numbers of these orders; unknown ids are left out."""
    rows = sql.fetch(
        "SELECT id, number FROM orders_orders WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (current_tenant_id(), list(set(order_ids))),
    )
    return {OrderId(row[0]): row[1] for row in rows}


def states(order_ids: Iterable[OrderId]) -> dict[OrderId, OrderState]:
    """Where these orders stand; unknown ids are left out."""
    rows = sql.fetch(
        "SELECT id, state FROM orders_orders WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (current_tenant_id(), list(set(order_ids))),
    )
    return {OrderId(row[0]): OrderState(row[1]) for row in rows}


def list_payment_ids(order_ids: Iterable[OrderId]) -> dict[OrderId, PaymentId]:
    """The payment that pays each of these orders; orders that are not paid, or cost nothing, are left out."""
    rows = sql.fetch(
        "SELECT id, payment_id FROM orders_orders WHERE tenant_id = %s AND id = ANY(%s::bigint[]) AND payment_id > 0",
        (current_tenant_id(), list(set(order_ids))),
    )
    return dict(rows)


def _with_lines(rows: Sequence[Sequence[Any]]) -> list[Order]:
    lines: dict[int, list[OrderLine]] = {row[0]: [] for row in rows}
    currencies = {row[0]: row[4] for row in rows}
    found = sql.fetch(
        f"SELECT {_LINE} FROM orders_lines l WHERE l.tenant_id = %s AND l.order_id = ANY(%s::bigint[]) ORDER BY"
        f" l.order_id, l.position",
        (current_tenant_id(), list(lines)),
    )
    for row in found:
        lines[row[0]].append(OrderLine(row[1], row[2], _facts(row, currencies[row[0]]), *row[13:20]))
    return [_order(row, lines[row[0]]) for row in rows]


def _order(row: Sequence[Any], lines: Sequence[OrderLine]) -> Order:
    values: list[Any] = [*row[:3], OrderState(row[3]), *row[4:], tuple(lines)]
    return Order(*values)


def get_order(order_id: OrderId) -> Order:
    """One order with its lines; raises NotFound."""
    found = list_by_ids([order_id])
    if order_id not in found:
        raise NotFound("No such order.")
    return found[order_id]


def list_orders(
    buyer_id: UserId | None = None, state: OrderState | None = None, before_id: OrderId | None = None, limit: int = 50
) -> list[Order]:
    """Orders in descending id order with id < ``before_id``, at most ``limit``; restricted to a buyer and a state."""
    conditions, params = ["o.tenant_id = %s"], [current_tenant_id()]
    for condition, value in (("o.buyer_id = %s", buyer_id), ("o.state = %s", state), ("o.id < %s", before_id)):
        if value is not None:
            conditions.append(condition)
            params.append(value.value if isinstance(value, OrderState) else value)  # type: ignore[arg-type]
    rows = sql.fetch(
        f"SELECT {_ORDER} FROM orders_orders o WHERE {' AND '.join(conditions)} ORDER BY o.id DESC LIMIT %s", (*params, limit)
    )
    return _with_lines(rows)


def count_received(buyer_ids: Iterable[UserId]) -> dict[UserId, int]:
    """How many orders each of these buyers has received, closed ones included; buyers without any are left out."""
    rows = sql.fetch(
        "SELECT buyer_id, count(*)::bigint FROM orders_orders WHERE tenant_id = %s AND buyer_id = ANY(%s::bigint[])"
        " AND received_at IS NOT NULL GROUP BY buyer_id",
        (current_tenant_id(), list(set(buyer_ids))),
    )
    return dict(rows)


def find_id_by_number(number: str) -> OrderId | None:
    """The order of this number, or None."""
    order_id = id_of(number)
    if order_id is None or order_id >= 2**63:
        return None
    rows = sql.fetch(
        "SELECT id FROM orders_orders WHERE tenant_id = %s AND id = %s AND number = %s",
        (current_tenant_id(), order_id, number.strip()),
    )
    return rows[0][0] if rows else None


def find_ids_by_numbers(numbers: Iterable[str]) -> dict[str, OrderId]:
    """The orders of these numbers; unknown ones are left out."""
    known = {number: order_id for number in set(numbers) if (order_id := id_of(number)) is not None and order_id < 2**63}
    rows = sql.fetch(
        "SELECT id, number FROM orders_orders WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (current_tenant_id(), sorted(known.values())),
    )
    stored = {row[0]: row[1] for row in rows}
    return {number: OrderId(order_id) for number, order_id in known.items() if stored.get(order_id) == number}


def sees_whole_recipient(has_scope: Callable[[str], bool], *, is_buyer: bool = False) -> bool:
    """Whether somebody with these scopes may ask for recipients ``whole``: the buyer, and who packs and ships."""
    return sees_whole(has_scope, is_buyer)


def get_recipient(order_id: OrderId, *, whole: bool = False) -> Recipient | None:
    """Where the order goes; None when nothing is to be sent. Masked unless ``whole``, as in ``list_recipients``."""
    return list_recipients([order_id], whole=whole).get(order_id)


def region_codes(order_ids: Iterable[OrderId]) -> dict[OrderId, str]:
    """The region that each of these orders goes to; orders whose region was not told are left out. No ids, no query."""
    wanted = list(set(order_ids))
    if not wanted:
        return {}
    rows = sql.fetch(
        "SELECT id, region_code FROM orders_recipients WHERE tenant_id = %s AND id = ANY(%s::bigint[]) AND region_code <> ''",
        (current_tenant_id(), wanted),
    )
    return dict(rows)


def list_recipients(order_ids: Iterable[OrderId], *, whole: bool = False) -> dict[OrderId, Recipient]:
    """Where these orders go; orders that send nothing are left out. Masked, with the address down to its district, unless
    ``whole``: that is for a waybill, for another order to the same place, and for whom ``sees_whole_recipient`` says. Personal:
    never log it."""
    tenant_id = current_tenant_id()
    rows = sql.fetch(
        "SELECT id, region_code, name, phone, address FROM orders_recipients WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (tenant_id, list(set(order_ids))),
    )
    opened = {OrderId(row[0]): _opened(tenant_id, row) for row in rows}
    return opened if whole else {order_id: disguised(recipient) for order_id, recipient in opened.items()}


def _opened(tenant_id: int, row: Sequence[Any]) -> Recipient:
    order_id, region_code, *sealed = row
    columns = ("name", "phone", "address")
    name, phone, address = (
        unseal(tenant_id, f"orders_recipients.{c}", order_id, bytes(v)) for c, v in zip(columns, sealed, strict=True)
    )
    return Recipient(name, phone, address, region_code)


def list_shipments(order_id: OrderId) -> list[Shipment]:
    """The parcels of an order, oldest first."""
    rows = sql.fetch(
        "SELECT order_id, carrier, tracking_number FROM orders_shipments WHERE tenant_id = %s AND order_id = %s ORDER BY id",
        (current_tenant_id(), order_id),
    )
    return [Shipment(*row) for row in rows]


def lot_buyers(lot_id: LotId, before_id: int | None = None, limit: int | None = None) -> list[LotBuyer]:
    """Whom pieces of a lot reached, the latest order first; three queries for any number."""
    found = inventory.lot_orders(lot_id, before_id, limit)
    tenant_id, order_ids = current_tenant_id(), [row.order_id for row in found]
    orders = sql.fetch(
        "SELECT id, number, state, buyer_id FROM orders_orders WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (tenant_id, order_ids),
    )
    known = {row[0]: row for row in orders}
    parcels: dict[int, list[Shipment]] = {}
    for row in sql.fetch(
        "SELECT order_id, carrier, tracking_number FROM orders_shipments WHERE tenant_id = %s AND order_id = ANY(%s::bigint[])"
        " ORDER BY id",
        (tenant_id, order_ids),
    ):
        parcels.setdefault(row[0], []).append(Shipment(*row))
    return [
        LotBuyer(
            OrderId(one.order_id), order[1], OrderState(order[2]), UserId(order[3]), one.shipped, one.returned,
            one.warehouse_ids, one.first_shipped_at, tuple(parcels.get(one.order_id, ())),
        )
        for one in found
        if (order := known.get(one.order_id)) is not None
    ]  # fmt: skip


_POLICY_SECONDS = 30.0
_policies: dict[int, tuple[float, Policy]] = {}


def get_policy() -> Policy:
    """The tenant's policy; the defaults when nothing was set. Kept in the process for half a minute."""
    tenant_id = current_tenant_id()
    kept = _policies.get(tenant_id)
    if kept is not None and kept[0] > monotonic():
        return kept[1]
    rows = sql.fetch(
        "SELECT payment_window_seconds, receive_after_days, close_after_days, freight_base_minor, freight_first_grams,"
        " freight_step_grams,"
        " freight_step_minor, freight_free_from_minor FROM orders_policies WHERE tenant_id = %s",
        (tenant_id,),
    )
    policy = Policy(rows[0][0], rows[0][1], rows[0][2], FreightTariff(*rows[0][3:])) if rows else Policy()
    _policies[tenant_id] = (monotonic() + _POLICY_SECONDS, policy)
    return policy


def forget_policy() -> None:
    """Read the tenant's policy anew the next time: after a change."""
    _policies.pop(current_tenant_id(), None)
