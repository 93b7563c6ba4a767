"""What is left of orders and their lines: opened once, locked in order of order id, changed under guards.

Every write of this house takes the order's row first, so two requests, decisions or refunds of one order wait for each
other. An order that an exchange made is locked together with the orders whose money it holds; which those are is known once it
exists. The guards in the statements and the CHECKs in the tables hold even for a writer that forgot the lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from banyan.kernel import ids, sql, tenancy
from banyan.kernel.values.errors import Conflict
from banyan.trade.orders.types import Order
from banyan.trade.returns.models import ReturnableLineRow, ReturnableOrderRow
from banyan.trade.returns.types import Draw, LineState, Money, OrderState, RefundDecision

LOCK = "FOR NO KEY UPDATE"
CLAIM_GUARD = "AND l.claimed_quantity + d.quantity <= l.of_quantity"
LINE_GUARD = (
    "AND l.refunded_minor + d.refund + l.deducted_minor + d.deducted + l.carried_minor + d.carried <= l.of_minor"
    " AND l.carried_minor + d.carried >= 0 AND l.credit_used_minor + d.credit <= l.credited_minor"
    " AND l.returned_quantity + d.returned + l.exchanged_quantity + d.exchanged <= l.claimed_quantity"
)
ORDER_GUARD = (
    "AND o.refunded_minor + d.refund_minor <= o.paid_minor AND o.refunded_freight_minor + d.freight_minor <= o.freight_minor"
)
CREDIT_GUARD = "AND c.used_minor + d.used <= c.amount_minor"


class ExceedsSold(Conflict):
    """More units are claimed than are left of the line."""

    code = "return_exceeds_sold"
    advice = "Read what is left of each line and ask for at most that many units."


class ExceedsPaid(Conflict):
    """More money is asked back than is left of what was paid."""

    code = "refund_exceeds_paid"
    advice = "Read what is left of each line and ask for at most that amount."


class AskedAlready(ExceedsPaid):
    """What is left of the line is asked back already by returns that are not decided yet."""

    code = "return_asked_already"
    advice = (
        "Another return of this line is open: withdraw or reject it, or have it decided first; then ask again for what is left."
    )


@dataclass
class Line:
    """One line as locked. `state` is what the refund engine sees; `moneys` are where its worth lies, its own first.
    `asked_minor`: amounts that open returns ask for; only `commands.requests` reads them."""

    state: LineState
    sku_id: int
    claimed_quantity: int
    of_minor: int
    moneys: list[Money] = field(default_factory=list)
    asked_minor: int = 0

    def take(self, draws: Iterable[Draw]) -> None:
        """Count what was drawn, so that the next return of the batch sees it."""
        gone = {draw.line_id: draw.refund_minor + draw.deducted_minor + draw.carried_minor for draw in draws}
        self.moneys = [replace(money, left_minor=money.left_minor - gone.get(money.line_id, 0)) for money in self.moneys]


@dataclass
class Standing:
    """One order as locked."""

    order_id: int
    buyer_id: int
    currency: str
    freight_minor: int
    freight_refunded_minor: int
    lines: dict[int, Line]

    def order_state(self) -> OrderState:
        """The order as the refund engine sees it."""
        return OrderState(tuple(line.state for line in self.lines.values()), self.freight_minor, self.freight_refunded_minor)

    def is_returned_whole(self) -> bool:
        """Whether every unit of every line went back, for money or in exchange."""
        return all(line.state.returned_quantity == line.state.of_quantity for line in self.lines.values())

    def apply(self, changed: OrderState) -> None:
        """Take over the engine's result, so that the next return of the batch sees it."""
        self.freight_refunded_minor = changed.freight_refunded_minor
        for state in changed.lines:
            self.lines[state.line_id].state = state


@dataclass(frozen=True)
class Booking:
    """A decision with the money it takes: draws by the line that came back."""

    order_id: int
    decision: RefundDecision
    draws: Mapping[int, tuple[Draw, ...]]
    is_exchange: bool = False


def open_orders(orders: Iterable[Order], credited: Mapping[int, int] | None = None) -> None:
    """Make the rows of orders that have none yet, from the amounts frozen at placement. Idempotent.

    `credited`: what an exchange carried on to each line, for a replacement that has just been ordered.
    """
    found = sorted(orders, key=lambda order: order.order_id)
    lines = [(order, line) for order in found for line in order.lines]
    sql.insert(
        ReturnableOrderRow,
        ("id", "order_id", "buyer_id", "currency", "paid_minor", "freight_minor", "refunded_minor", "refunded_freight_minor"),
        [
            (i, order.order_id, order.buyer_id, order.currency, order.total_minor, order.shipping_minor, 0, 0)
            for i, order in zip(ids.next_ids(len(found)), found, strict=True)
        ],
        on_conflict="ON CONFLICT (tenant_id, order_id) DO NOTHING",
    )
    columns = (
        "id", "order_id", "line_id", "sku_id", "of_quantity", "of_minor", "claimed_quantity", "returned_quantity",
        "exchanged_quantity", "refunded_minor", "deducted_minor", "carried_minor", "credited_minor", "credit_used_minor",
    )  # fmt: skip
    sql.insert(
        ReturnableLineRow,
        columns,
        [
            (
                i, order.order_id, line.line_id, line.sku.sku_id, line.quantity, line.payable_minor, 0, 0, 0, 0, 0, 0,
                (credited or {}).get(line.line_id, 0), 0,
            )
            for i, (order, line) in zip(ids.next_ids(len(lines)), lines, strict=True)
        ],
        on_conflict="ON CONFLICT (tenant_id, line_id) DO NOTHING",
    )  # fmt: skip


def lock_orders(order_ids: Iterable[int]) -> dict[int, Standing]:
    """Lock these orders, and those whose money they hold, until the end of the transaction; lowest id first."""
    tenant_id, wanted = tenancy.current_tenant_id(), sorted(set(order_ids))
    if not wanted:
        return {}
    sources = sql.fetch(
        "SELECT DISTINCT source_order_id FROM return_credits WHERE tenant_id = %s AND line_id IN"
        " (SELECT line_id FROM returnable_lines WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]))",
        (tenant_id, tenant_id, wanted),
    )
    wanted = sorted({*wanted, *(order_id for (order_id,) in sources)})
    rows = sql.fetch(
        "SELECT order_id, buyer_id, currency, freight_minor, refunded_freight_minor FROM returnable_orders"
        f" WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) ORDER BY order_id {LOCK}",
        (tenant_id, wanted),
    )
    standings = {row[0]: Standing(row[0], row[1], row[2], row[3], row[4], {}) for row in rows}
    for order_id, line_id, sku_id, sold, of_minor, claimed, back, refunded, gone, credited, used in sql.fetch(
        "SELECT order_id, line_id, sku_id, of_quantity, of_minor, claimed_quantity, returned_quantity + exchanged_quantity,"
        " refunded_minor, deducted_minor + carried_minor, credited_minor, credit_used_minor FROM returnable_lines"
        " WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) ORDER BY line_id",
        (tenant_id, wanted),
    ):
        state = LineState(line_id, sold, of_minor + credited, back, refunded + gone + used)
        own = Money(order_id, line_id, of_minor - refunded - gone)
        standings[order_id].lines[line_id] = Line(state, sku_id, claimed, of_minor, [own])
    _add_credits(standings)
    return standings


def _add_credits(standings: Mapping[int, Standing]) -> None:
    lines = {line_id: line for standing in standings.values() for line_id, line in standing.lines.items()}
    for line_id, source_order_id, source_line_id, left in sql.fetch(
        "SELECT line_id, source_order_id, source_line_id, amount_minor - used_minor FROM return_credits"
        " WHERE tenant_id = %s AND line_id = ANY(%s::bigint[]) ORDER BY id",
        (tenancy.current_tenant_id(), list(lines)),
    ):
        lines[line_id].moneys.append(Money(source_order_id, source_line_id, left))


def orders_given_back(order_ids: Iterable[int]) -> set[int]:
    """Those of these orders of which the buyer has nothing any more: every unit came back, and what exchanges carried on to
    replacements came back with those."""
    rows = sql.fetch(
        "SELECT order_id FROM returnable_lines WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) GROUP BY order_id"
        " HAVING bool_and(returned_quantity + exchanged_quantity = of_quantity"
        "  AND (exchanged_quantity = 0 OR (of_minor > 0 AND carried_minor = 0)))",
        (tenancy.current_tenant_id(), list(order_ids)),
    )
    return {order_id for (order_id,) in rows}


def change_claims(changes: Mapping[int, int]) -> None:
    """Claim (positive) or free (negative) units by line id. Raises ExceedsSold; nothing of the batch is then kept."""
    claims = {line_id: quantity for line_id, quantity in changes.items() if quantity}
    if not claims:
        return
    changed = sql.execute(
        "UPDATE returnable_lines l SET claimed_quantity = l.claimed_quantity + d.quantity"
        " FROM unnest(%s::bigint[], %s::int[]) AS d(line_id, quantity)"
        f" WHERE l.tenant_id = %s AND l.line_id = d.line_id {CLAIM_GUARD}",
        (list(claims), list(claims.values()), tenancy.current_tenant_id()),
    )
    if changed != len(claims):
        raise ExceedsSold("Another return claimed these units first.")


def book_refunds(bookings: Iterable[Booking]) -> None:
    """Book decided refunds. Raises ExceedsPaid; nothing of the batch is then kept."""
    by_order: dict[int, list[int]] = {}
    by_line: dict[int, list[int]] = {}  # returned, exchanged, refund, deducted, carried, credit used
    credits: dict[tuple[int, int], int] = {}
    for booking in bookings:
        own = by_order.setdefault(booking.order_id, [0, 0])
        own[0] += booking.decision.freight_minor
        own[1] += booking.decision.freight_minor
        for line in booking.decision.lines:
            by_line.setdefault(line.line_id, [0] * 6)[1 if booking.is_exchange else 0] += line.quantity
        for line_id, draws in booking.draws.items():
            for draw in draws:
                by_order.setdefault(draw.order_id, [0, 0])[0] += draw.refund_minor
                gone = by_line.setdefault(draw.line_id, [0] * 6)
                gone[2] += draw.refund_minor
                gone[3] += draw.deducted_minor
                if draw.line_id == line_id:
                    gone[4] += draw.carried_minor
                else:  # it was carried on before; now it goes back, is kept, or is carried on once more
                    gone[4] -= draw.refund_minor + draw.deducted_minor
                    used = draw.refund_minor + draw.deducted_minor + draw.carried_minor
                    by_line.setdefault(line_id, [0] * 6)[5] += used
                    credits[line_id, draw.line_id] = credits.get((line_id, draw.line_id), 0) + used
    _write_bookings(by_order, by_line, credits)


def _write_bookings(
    by_order: Mapping[int, list[int]], by_line: Mapping[int, list[int]], credits: Mapping[tuple[int, int], int]
) -> None:
    tenant_id = tenancy.current_tenant_id()
    orders_changed = sql.execute(
        "UPDATE returnable_orders o SET refunded_minor = o.refunded_minor + d.refund_minor,"
        " refunded_freight_minor = o.refunded_freight_minor + d.freight_minor"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS d(order_id, refund_minor, freight_minor)"
        f" WHERE o.tenant_id = %s AND o.order_id = d.order_id {ORDER_GUARD}",
        (list(by_order), *(list(column) for column in zip(*by_order.values(), strict=True)), tenant_id),
    )
    lines_changed = sql.execute(
        "UPDATE returnable_lines l SET returned_quantity = l.returned_quantity + d.returned,"
        " exchanged_quantity = l.exchanged_quantity + d.exchanged, refunded_minor = l.refunded_minor + d.refund,"
        " deducted_minor = l.deducted_minor + d.deducted, carried_minor = l.carried_minor + d.carried,"
        " credit_used_minor = l.credit_used_minor + d.credit"
        " FROM unnest(%s::bigint[], %s::int[], %s::int[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])"
        " AS d(line_id, returned, exchanged, refund, deducted, carried, credit)"
        f" WHERE l.tenant_id = %s AND l.line_id = d.line_id {LINE_GUARD}",
        (list(by_line), *(list(column) for column in zip(*by_line.values(), strict=True)), tenant_id),
    )
    credits_changed = _use_credits(credits) if credits else 0
    if (orders_changed, lines_changed, credits_changed) != (len(by_order), len(by_line), len(credits)):
        raise ExceedsPaid("Another refund of this order came first.")


def _use_credits(credits: Mapping[tuple[int, int], int]) -> int:
    return sql.execute(
        "UPDATE return_credits c SET used_minor = c.used_minor + d.used"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS d(line_id, source_line_id, used)"
        f" WHERE c.tenant_id = %s AND c.line_id = d.line_id AND c.source_line_id = d.source_line_id {CREDIT_GUARD}",
        (
            [line_id for line_id, _ in credits], [source for _, source in credits], list(credits.values()),
            tenancy.current_tenant_id(),
        ),
    )  # fmt: skip
