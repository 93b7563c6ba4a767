"""The money of accepted returns: which payment gives what back, how that ended, and asking again.

A return is refunded the way it was paid: from its order's payment, and for goods that an exchange sent out also from the
payments of the orders that the exchange's money came from. Each such part is a refund of its own at its channel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from banyan.kernel import events, ids, sql, tenancy
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import OrderId
from banyan.trade.returns.commands.finding import expect, find_locked, judge_each, outcomes_of
from banyan.trade.returns.commands.standing import Booking, Standing, orders_given_back
from banyan.trade.returns.events import ReturnAccepted
from banyan.trade.returns.models import DrawRow, RefundPartRow
from banyan.trade.returns.types import REFUND_KEY, Mode, ReturnId, ReturnOutcome, ReturnStatus, refund_key
from banyan.treasury.payments import commands as payments
from banyan.treasury.payments.types import NewRefund


@dataclass(frozen=True)
class Settled:
    """One return whose booking was written: what is to be paid back and told."""

    return_id: ReturnId
    mode: Mode
    booking: Booking

    def parts(self) -> dict[int, int]:
        """What goes back by order; the return's own first, orders without anything left out."""
        amounts = {self.booking.order_id: self.booking.decision.freight_minor}
        for draws in self.booking.draws.values():
            for draw in draws:
                amounts[draw.order_id] = amounts.get(draw.order_id, 0) + draw.refund_minor
        return {order_id: amount for order_id, amount in amounts.items() if amount}

    @property
    def refund_minor(self) -> int:
        """The whole refund, freight included."""
        return sum(self.parts().values())


def pay_back(settled: Sequence[Settled], standings: Mapping[int, Standing], at: datetime) -> None:
    """Write which money was taken, ask payments for the refunds, and tell everybody: all in the caller's transaction."""
    draws = [(one, line_id, draw) for one in settled for line_id, drawn in one.booking.draws.items() for draw in drawn]
    sql.insert(
        DrawRow,
        (
            "id", "return_id", "line_id", "source_order_id", "source_line_id", "refund_minor", "deducted_minor", "carried_minor",
        ),
        [
            (
                i, one.return_id, line_id, draw.order_id, draw.line_id, draw.refund_minor, draw.deducted_minor,
                draw.carried_minor,
            )
            for i, (one, line_id, draw) in zip(ids.next_ids(len(draws)), draws, strict=True)
        ],
    )  # fmt: skip
    parts = [(one, order_id, amount) for one in settled for order_id, amount in one.parts().items()]
    paying = orders.list_payment_ids(OrderId(order_id) for _, order_id, _ in parts)
    sql.insert(
        RefundPartRow,
        ("id", "return_id", "order_id", "payment_id", "amount_minor", "attempt"),
        [
            (i, one.return_id, order_id, paying.get(OrderId(order_id)), amount, 1)
            for i, (one, order_id, amount) in zip(ids.next_ids(len(parts)), parts, strict=True)
        ],
    )
    payments.request_refunds(
        [
            NewRefund(
                order_id,
                amount,
                "return",
                refund_key(one.return_id, 1, None if order_id == one.booking.order_id else order_id),
                paying.get(OrderId(order_id)),
            )
            for one, order_id, amount in parts
        ]
    )
    whole = orders_given_back({order_id for one in settled for order_id in (one.booking.order_id, *one.parts())})
    events.record([fact for one in settled for fact in _facts(one, standings, whole, at)])


def _facts(one: Settled, standings: Mapping[int, Standing], whole: set[int], at: datetime) -> list[ReturnAccepted]:
    """One fact per order whose money was given back, the return's own always among them. A line is in a fact once, with the sum
    of what was drawn from it: others keep one row per line and return."""
    booking = one.booking
    quantities = {line.line_id: line.quantity for line in booking.decision.lines}
    lines: dict[int, dict[int, int]] = {booking.order_id: {}}
    for line_id, draws in booking.draws.items():
        if not booking.is_exchange:
            lines[booking.order_id].setdefault(line_id, 0)
        for draw in draws:
            if draw.refund_minor:
                amounts = lines.setdefault(draw.order_id, {})
                amounts[draw.line_id] = amounts.get(draw.line_id, 0) + draw.refund_minor
    return [
        ReturnAccepted(
            return_id=one.return_id,
            order_id=order_id,
            lines=tuple(
                (
                    line_id,
                    quantities.get(line_id, 0) if order_id == booking.order_id and not booking.is_exchange else 0,
                    amount,
                    standings[order_id].lines[line_id].state.of_quantity,
                    standings[order_id].lines[line_id].of_minor,
                )
                for line_id, amount in sorted(amounts.items())
            ),
            occurred_at=at,
            freight_minor=booking.decision.freight_minor if order_id == booking.order_id else 0,
            buyer_id=standings[order_id].buyer_id,
            currency=standings[order_id].currency,
            mode=one.mode.value,
            is_whole=order_id in whole,
        )
        for order_id, amounts in lines.items()
    ]


def _parse_key(key: str) -> tuple[int, int, int] | None:
    """(return id, attempt, order id or 0 for the return's own) of our own keys, None for others'."""
    parts = key.removeprefix(REFUND_KEY).split("/") if key.startswith(REFUND_KEY) else []
    if not 1 <= len(parts) <= 3 or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    return int(parts[0]), int(parts[1]) if len(parts) > 1 else 1, int(parts[2]) if len(parts) > 2 else 0


def record_refunds(ended: Iterable[tuple[str, datetime, bool]]) -> int:
    """accepted → refunded or refund_failed, for refunds given as (key, ended at, completed); returns how many returns moved.

    Only the latest try of each part counts; other keys and repeats change nothing. A return is refunded when all of its parts
    are, and failed when one is. Money that arrives after all wins: refund_failed → refunded.
    """
    ours: dict[tuple[int, int, int], tuple[datetime, bool]] = {}
    for key, at, completed in ended:
        parsed = _parse_key(key)
        if parsed is not None and (parsed not in ours or (completed and not ours[parsed][1])):
            ours[parsed] = (at, completed)
    if not ours:
        return 0
    columns = [list(column) for column in zip(*((*refund, *end) for refund, end in ours.items()), strict=True)]
    tenant_id = tenancy.current_tenant_id()
    changed = sql.fetch(
        "UPDATE return_refunds p SET completed = d.completed, ended_at = d.at FROM"
        " unnest(%s::bigint[], %s::int[], %s::bigint[], %s::timestamptz[], %s::boolean[])"
        " AS d(id, attempt, order_id, at, completed) JOIN returns r ON r.id = d.id"
        " WHERE p.tenant_id = %s AND r.tenant_id = p.tenant_id AND p.return_id = d.id AND p.attempt = d.attempt"
        " AND p.order_id = CASE WHEN d.order_id = 0 THEN r.order_id ELSE d.order_id END"
        " AND (p.completed IS NULL OR (NOT p.completed AND d.completed)) RETURNING p.return_id",
        (*columns, tenant_id),
    )
    return sql.execute(
        "UPDATE returns r SET status = CASE WHEN p.failed THEN 'refund_failed' ELSE 'refunded' END,"
        " refunded_at = CASE WHEN NOT p.failed THEN p.ended_at END FROM (SELECT return_id, bool_or(completed IS FALSE) AS failed,"
        " bool_and(completed IS TRUE) AS done, max(ended_at) AS ended_at FROM return_refunds"
        "  WHERE tenant_id = %s AND return_id = ANY(%s::bigint[]) GROUP BY return_id) p"
        " WHERE r.tenant_id = %s AND r.id = p.return_id AND r.status IN ('accepted', 'refund_failed') AND (p.failed OR p.done)",
        (tenant_id, list({return_id for (return_id,) in changed}), tenant_id),
    )


def retry_refunds(return_ids: Sequence[int]) -> list[ReturnOutcome]:
    """refund_failed → accepted: ask for what failed again, as new refunds. The order's other refunds are not touched."""
    found, _ = find_locked(return_ids)
    passed, refusals = judge_each(return_ids, found, expect(ReturnStatus.REFUND_FAILED))
    tenant_id, chosen = tenancy.current_tenant_id(), [one.return_id for one in passed]
    rows = sql.fetch(
        "UPDATE return_refunds SET attempt = attempt + 1, completed = NULL, ended_at = NULL"
        " WHERE tenant_id = %s AND return_id = ANY(%s::bigint[]) AND completed IS FALSE"
        " RETURNING return_id, order_id, amount_minor, attempt",
        (tenant_id, chosen),
    )
    sql.execute("UPDATE returns SET status = 'accepted' WHERE tenant_id = %s AND id = ANY(%s::bigint[])", (tenant_id, chosen))
    paying = orders.list_payment_ids(OrderId(row[1]) for row in rows)
    payments.request_refunds(
        [
            NewRefund(
                order_id,
                amount,
                "return",
                refund_key(return_id, attempt, None if order_id == found[return_id].order_id else order_id),
                paying.get(OrderId(order_id)),
            )
            for return_id, order_id, amount, attempt in sorted(rows)
        ]
    )
    return outcomes_of(return_ids, ReturnStatus.ACCEPTED, refusals)
