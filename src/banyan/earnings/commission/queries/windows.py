"""What closes paid in a window of time, and what another plan's closes would have paid: read for simulations.

`open_window` gives a pure book that workers feed with pieces of orders; `close_window` decides its periods with the engine of the
live closings. `closed_live` tells what closings really paid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from banyan.earnings.commission.engine import CompiledPlan
from banyan.earnings.commission.engine.periods import first_day_of
from banyan.earnings.commission.engine.true_up import true_up_period
from banyan.earnings.commission.engine.window import (
    Back,
    TruedUp,
    Window,
    WindowBook,
    WindowClosing,
    WindowSums,
    closing_periods,
    rewards_everybody,
)
from banyan.earnings.commission.engine.window_true_up import WindowOrder
from banyan.earnings.commission.queries.closings import everybody
from banyan.earnings.commission.queries.frozen import FrozenOrder
from banyan.earnings.commission.queries.inputs import thaw_inputs
from banyan.earnings.commission.queries.plans import versions_from
from banyan.earnings.commission.types import LegalCeiling, Paid, PaidOrder, Period, Place
from banyan.kernel import sql
from banyan.kernel.tenancy import current_tenant_id, get_tenant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_ZERO = date(1970, 1, 1)


def window_of(start_at: datetime, end_at: datetime) -> Window:
    """[start_at, end_at) on the clocks of the tenant."""
    return Window(start_at, end_at, get_tenant(current_tenant_id()).zone)


# ── another plan's closes ──────────────────────────────────────────────────────────────────────────────────────────


def open_window(compiled: CompiledPlan, window: Window) -> WindowBook | None:
    """A book to count a window's orders in; None for a plan without rewards of periods: it pays nothing for them."""
    return WindowBook(compiled, window) if compiled.periodic else None


def window_orders(piece: Sequence[FrozenOrder], completed: Mapping[int, PaidOrder], hold_days: int) -> Iterator[WindowOrder]:
    """A piece of frozen orders as closes see them. `completed`: those of them with facts that were not frozen."""
    backs = _backs([each.order_id for each in piece])
    for each in piece:
        order = completed.get(each.order_id) or thaw_inputs(
            each.order_id, _EPOCH + timedelta(microseconds=each.paid_micros), each.inputs
        )
        released = _DAY_ZERO + timedelta(days=each.received_on + hold_days) if each.received_on is not None else None
        yield WindowOrder(
            order, LegalCeiling("", each.legal_depth, each.legal_bp), _with_bases(order, backs.get(each.order_id, ())), released
        )


def count_earlier(compiled: CompiledPlan, window: Window) -> WindowSums:
    """What came back in the window of orders that a version with the very same plan decided before it: as in live closes it
    lowers the period it comes back in. Returns of orders of other plans belong to those plans' closes."""
    book = WindowBook(compiled, window)
    same = [version_id for version_id, _, _, plan in versions_from(_EPOCH) if plan.plan == compiled.plan]
    rows = sql.fetch(
        "SELECT a.id, a.paid_at, a.legal_depth, a.legal_bp, a.inputs, array_agg(ARRAY[r.line_id,"
        " (extract(epoch FROM r.occurred_at) * 1000000)::bigint, r.refund_minor, r.of_minor])"
        " FROM commission_returned_lines r JOIN commission_accruals a ON a.tenant_id = r.tenant_id AND a.id = r.order_id"
        " WHERE r.tenant_id = %s AND r.plan_version_id = ANY(%s::bigint[])"
        " AND r.occurred_at >= %s AND r.occurred_at < %s AND a.paid_at < %s GROUP BY a.id, a.tenant_id",
        (current_tenant_id(), same, window.start_at, window.end_at, window.start_at),
    )
    for order_id, paid_at, depth, rate_bp, inputs, backs in rows:
        told = [Back(line_id, _EPOCH + timedelta(microseconds=at), refund, of) for line_id, at, refund, of in backs]
        book.add_earlier(thaw_inputs(order_id, paid_at, inputs), LegalCeiling("", depth, rate_bp), told)
    return book.take()


def close_window(
    compiled: CompiledPlan,
    window: Window,
    sums: WindowSums,
    paid_by_day: Mapping[date, int],
    trued: Mapping[Place, TruedUp],
) -> Iterator[Paid]:
    """What the closes of the window's periods pay and adjust by a plan. Members stand as they stood at each period's end."""
    closing = WindowClosing(compiled, window, sums, paid_by_day, trued)
    for place in closing.places():
        payees = None if rewards_everybody(compiled, place.period) else closing.payees(place)
        done = closing.close(place, everybody(payees, window.span(place).end_at))
        for each in done.rewards:
            tier = done.tiers.get(each.payee_id, "")
            yield Paid(
                place, done.end_day, each.rule_key, each.payee_id, tier, 0, done.released_on, each.amount_minor, trued=False
            )
    for place, found in trued.items():
        end_day = window.span(place).end_day
        for (rule, payee, tier, depth, released), minor in found.paid.items():
            if minor:
                yield Paid(place, end_day, rule, payee, tier, depth, released, minor, trued=True)


def trued_places(compiled: CompiledPlan, window: Window) -> list[Place]:
    """The periods of the window whose close adjusts orders by this plan."""
    period = true_up_period(compiled.plan)
    return _places(period, window) if period is not None else []


def _places(period: Period, window: Window) -> list[Place]:
    found, at = [], window.start_at
    while at < window.end_at:
        place = Place(period, first_day_of(period, at.astimezone(window.zone).date()))
        found.append(place)
        at = window.span(place).end_at
    return found


def _backs(order_ids: Sequence[int]) -> dict[int, list[Back]]:
    """What ever came back of these orders, in one statement: as it was kept for closes, or, where the plan in force had none, as
    it stands with the commission that was taken back. Then `of_minor` is 0."""
    rows = sql.fetch(
        "SELECT order_id, line_id, occurred_at, refund_minor, of_minor FROM commission_returned_lines"
        " WHERE tenant_id = %s AND order_id = ANY(%s::bigint[])"
        " UNION ALL SELECT r.order_id, c.line_id, min(r.occurred_at), max(r.returned_minor), 0 FROM commission_reversals r"
        "  JOIN commission_commissions c ON c.id = r.commission_id WHERE r.tenant_id = %s AND r.order_id = ANY(%s::bigint[])"
        "  AND r.cause <> 'true_up' AND r.returned_minor > 0 AND NOT EXISTS (SELECT 1 FROM commission_returned_lines k"
        "   WHERE k.tenant_id = r.tenant_id AND k.order_id = r.order_id) GROUP BY r.order_id, c.line_id, r.cause, r.cause_id",
        (current_tenant_id(), list(order_ids), current_tenant_id(), list(order_ids)),
    )
    found: dict[int, list[Back]] = {}
    for order_id, line_id, at, refund, of in rows:
        found.setdefault(order_id, []).append(Back(line_id, at, int(refund), of))
    return found


def _with_bases(order: PaidOrder, backs: Iterable[Back]) -> tuple[Back, ...]:
    """What came back with what each line was paid with, where that was not kept."""
    bases = {line.line_id: line.base_minor for line in order.lines}
    return tuple(each if each.of_minor else each._replace(of_minor=bases.get(each.line_id, 0)) for each in backs)


# ── what closings paid ─────────────────────────────────────────────────────────────────────────────────────────────


def closed_live(window: Window) -> list[Paid]:
    """What final closings paid for the periods that the window touches, and how they adjusted the orders paid in it, before what
    went back of those."""
    closings = sql.fetch(
        "SELECT id, period, start_at, end_at, inputs::jsonb -> 'members', raised_minor + lowered_minor FROM commission_closings"
        " WHERE tenant_id = %s AND is_final AND start_at < %s AND end_at > %s ORDER BY end_at, period, id",
        (current_tenant_id(), window.end_at, window.start_at),
    )
    if not closings:
        return []
    places, tiers = {}, {}
    for closing_id, period, start_at, end_at, members, _ in closings:
        place = Place(Period(period), start_at.astimezone(window.zone).date())
        places[closing_id] = (place, end_at.astimezone(window.zone).date())
        tiers[closing_id] = {distributor_id: tier for distributor_id, tier, _ in members}
    numbers = sorted(places)
    found = [
        Paid(*places[number], rule, payee, tiers[number].get(payee, ""), 0, _on(released, window), minor, trued=False)
        for number, rule, payee, released, minor in _live_rewards(numbers)
    ]
    adjusting = [row[0] for row in closings if row[5]]
    for number, rule, payee, tier, depth, released, minor in _live_true_ups(adjusting, window) if adjusting else ():
        place, end_day = places[number]
        on = _on(released, window)
        found.append(Paid(place, end_day, rule, payee, tier, depth, max(on, end_day) if on else None, minor, trued=True))
    return found


def open_periods(window: Window) -> set[Place]:
    """Periods that the window touches and that a version in force then pays or adjusts at their end, not closed for good yet."""
    closed = {
        (version_id, period, start_at)
        for version_id, period, start_at in sql.fetch(
            "SELECT plan_version_id, period, start_at FROM commission_closings WHERE tenant_id = %s AND is_final"
            " AND start_at < %s AND end_at > %s",
            (current_tenant_id(), window.end_at, window.start_at),
        )
    }
    found = set()
    for version_id, start_at, end_at, plan in versions_from(window.start_at):
        mine = window._replace(
            start_at=max(window.start_at, start_at), end_at=min(window.end_at, end_at) if end_at is not None else window.end_at
        )
        for period in closing_periods(plan):
            for place in _places(period, mine):
                if (version_id, period.value, window.span(place).start_at) not in closed:
                    found.add(place)
    return found


def _live_rewards(closing_ids: Sequence[int]) -> list[tuple[Any, ...]]:
    return sql.fetch(
        "SELECT k.id, c.rule_key, c.payee_id, coalesce(a.released_at, a.release_after),"
        " sum(c.amount_minor - coalesce(low.minor, 0))::bigint FROM commission_closings k"
        " JOIN commission_accruals a ON a.tenant_id = k.tenant_id AND a.id = coalesce(k.first_id, k.id) AND a.is_closing"
        " JOIN commission_commissions c ON c.tenant_id = a.tenant_id AND c.order_id = a.id"
        " LEFT JOIN LATERAL (SELECT sum(r.lowered_minor) AS minor FROM commission_reversals r"
        "  WHERE r.tenant_id = c.tenant_id AND r.commission_id = c.id) low ON true"
        " WHERE k.tenant_id = %s AND k.id = ANY(%s::bigint[]) GROUP BY k.id, k.tenant_id, c.rule_key, c.payee_id, a.released_at,"
        " a.release_after HAVING sum(c.amount_minor - coalesce(low.minor, 0)) <> 0",
        (current_tenant_id(), list(closing_ids)),
    )


def _live_true_ups(closing_ids: Sequence[int], window: Window) -> list[tuple[Any, ...]]:
    in_window = (current_tenant_id(), window.start_at, window.end_at)
    return sql.fetch(
        "WITH moves AS (SELECT a.id, c.rule_key, c.payee_id, c.depth, c.amount_minor AS minor FROM commission_accruals a"
        "  JOIN commission_commissions c ON c.tenant_id = a.tenant_id AND c.order_id = a.id AND c.kind = 'true_up'"
        "  WHERE a.tenant_id = %s AND a.paid_at >= %s AND a.paid_at < %s AND NOT a.is_closing"
        " UNION ALL SELECT a.id, c.rule_key, c.payee_id, c.depth, -r.lowered_minor FROM commission_accruals a"
        "  JOIN commission_reversals r ON r.tenant_id = a.tenant_id AND r.order_id = a.id AND r.cause = 'true_up'"
        "  JOIN commission_commissions c ON c.id = r.commission_id"
        "  WHERE a.tenant_id = %s AND a.paid_at >= %s AND a.paid_at < %s AND NOT a.is_closing)"
        " SELECT k.id, m.rule_key, m.payee_id, coalesce(up.tier, ''), m.depth, coalesce(a.released_at, a.release_after),"
        " sum(m.minor)::bigint FROM moves m JOIN commission_accruals a ON a.tenant_id = %s AND a.id = m.id"
        " JOIN commission_closings k ON k.tenant_id = a.tenant_id AND k.plan_version_id = a.plan_version_id"
        "  AND k.id = ANY(%s::bigint[]) AND k.start_at <= a.paid_at AND k.end_at > a.paid_at"
        " LEFT JOIN LATERAL (SELECT each ->> 2 AS tier FROM jsonb_array_elements(a.inputs::jsonb -> 'upline') each"
        "  WHERE (each ->> 0)::bigint = m.payee_id LIMIT 1) up ON true"
        " GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(m.minor) <> 0",
        (*in_window, *in_window, current_tenant_id(), list(closing_ids)),
    )


def _on(at: datetime | None, window: Window) -> date | None:
    return at.astimezone(window.zone).date() if at is not None else None
