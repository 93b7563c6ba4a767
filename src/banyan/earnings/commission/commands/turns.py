"""Orders whose decision depends on those before them: figures of the running period, and caps by period and budget.

Batches of one tenant take turns behind a lock, and inside a batch orders are decided by time of payment, each seeing what those
before it added. What an order saw is frozen with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, time, tzinfo
from typing import NamedTuple

from banyan.earnings.commission.engine import CompiledPlan
from banyan.earnings.commission.engine.figures import Days, longest_start, people_of, sales_of
from banyan.earnings.commission.engine.periods import Span, span_of
from banyan.earnings.commission.engine.running import EVER, RunningSales, RunningSpent
from banyan.earnings.commission.queries.inputs import thaw_inputs
from banyan.earnings.commission.queries.sales import read_sales, write_sales
from banyan.earnings.commission.types import LegalCeiling, PaidOrder, Share
from banyan.kernel import sql
from banyan.kernel.tenancy import current_tenant_id, get_tenant


class Turn(NamedTuple):
    """One order with all its facts but those that depend on the orders before it."""

    order: PaidOrder
    currency: str
    ceiling: LegalCeiling
    version_id: int | None
    plan: CompiledPlan | None


def take_turns(turns: Sequence[Turn]) -> list[tuple[Turn, list[Share]]]:
    """Decide the orders that were not accrued yet one after the other; each answered with what it saw and its shares."""
    lock_accrual()
    known = accrued_of([turn.order.order_id for turn in turns])
    waiting = sorted(
        (turn for turn in turns if turn.order.order_id not in known), key=lambda turn: (turn.order.paid_at, turn.order.order_id)
    )
    if not waiting:
        return []
    zone = get_tenant(current_tenant_id()).zone
    sales, spent = _sales_before(waiting, zone), _spent_before(waiting, zone)
    decided = []
    for turn in waiting:
        order = turn.order
        shares: list[Share] = []
        if turn.plan is not None and turn.version_id is not None:
            order = sales.with_figures(order, turn.plan.needs.figures)
            order = spent.with_spent(order, turn.version_id, turn.plan)
            shares = turn.plan.decide(order, turn.ceiling)
            spent.add(order, turn.version_id, turn.plan, shares)
        sales.add(order)
        decided.append((turn._replace(order=order), shares))
    return decided


def lock_close() -> None:
    """Alone with the accounts of what was accrued: a close moves them piece by piece, in the order of its orders. Whoever moves
    them otherwise stands `beside_close`. One order for everybody: this, the turn of accrual, orders by id, accounts by id."""
    sql.fetch(
        "SELECT 1 FROM pg_advisory_xact_lock(hashtext('commission.close'), (%s::bigint %% 2147483647)::int)",
        (current_tenant_id(),),
    )


def beside_close() -> None:
    """Wait while a period is closed; any number of others may go on at once."""
    sql.fetch(
        "SELECT 1 FROM pg_advisory_xact_lock_shared(hashtext('commission.close'), (%s::bigint %% 2147483647)::int)",
        (current_tenant_id(),),
    )


def lock_accrual() -> None:
    """One batch of a tenant at a time, until its transaction ends. Whoever also locks orders asks for this before."""
    sql.fetch(
        "SELECT 1 FROM pg_advisory_xact_lock(hashtext('commission.accrue'), (%s::bigint %% 2147483647)::int)",
        (current_tenant_id(),),
    )


def add_sales(orders: Iterable[PaidOrder]) -> None:
    """Add what these orders sold to the sales that are kept."""
    zone = get_tenant(current_tenant_id()).zone
    days: Days = {}
    for order in orders:
        for place, personal, team in sales_of(order, zone):
            kept = days.setdefault(place, [0, 0])
            kept[0] += personal
            kept[1] += team
    write_sales(days)


def _sales_before(turns: Sequence[Turn], zone: tzinfo) -> RunningSales:
    """The sales that were kept of the running periods of these orders' people."""
    names = {name for turn in turns if turn.plan is not None for name in turn.plan.needs.figures}
    if not names:
        return RunningSales(zone)
    moments = [turn.order.paid_at for turn in turns]
    people = {member.distributor_id for turn in turns for member in people_of(turn.order)}
    return RunningSales(zone, read_sales(people, longest_start(names, moments, zone), max(moments).astimezone(zone).date()))


def _spent_before(turns: Sequence[Turn], zone: tzinfo) -> RunningSpent:
    """What the versions accrued, less what went back, in the cap periods of these orders and in all."""
    spans: dict[tuple[int, Span], tuple[CompiledPlan, set[int]]] = {}
    for turn in turns:
        if turn.plan is not None and turn.version_id is not None and turn.plan.needs.spent:
            place = (turn.version_id, span_of(turn.plan.plan.caps.period, turn.order.paid_at, zone))
            people = spans.setdefault(place, (turn.plan, set()))[1]
            people.update(member.distributor_id for member in people_of(turn.order))
    spent = RunningSpent(zone)
    for (version_id, span), (plan, people) in spans.items():
        spent.begin(version_id, span.first_day, _accrued_by(version_id, span.start_at, span.end_at, sorted(people)))
        caps = plan.plan.caps
        if caps.budget_minor is not None:
            bounds = (None, None) if caps.budget_is_total else (span.start_at, span.end_at)
            spent.budgets[version_id, EVER if caps.budget_is_total else span.first_day] = accrued_in_all(version_id, *bounds)
    return spent


def accrued_of(order_ids: Sequence[int]) -> set[int]:
    """Those of the orders that were accrued."""
    rows = sql.fetch(
        "SELECT id FROM commission_accruals WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (current_tenant_id(), list(order_ids)),
    )
    return {row[0] for row in rows}


_BACK = (
    "coalesce((SELECT sum(r.amount_minor) FROM commission_reversals r"
    " WHERE r.tenant_id = c.tenant_id AND r.commission_id = c.id), 0)"
)


_FOR_GOOD = "(NOT a.is_closing OR a.received_at IS NOT NULL)"
"""Rewards that a running period's closings provided are not spent."""


def _accrued_by(version_id: int, start_at: datetime, end_at: datetime, people: Sequence[int]) -> list[tuple[str, int, int]]:
    """(rule, payee, minor units less reversals) of one version's orders paid in [start, end)."""
    rows = sql.fetch(
        f"SELECT c.rule_key, c.payee_id, sum(c.amount_minor - {_BACK})::bigint FROM commission_accruals a"
        " JOIN commission_commissions c ON c.tenant_id = a.tenant_id AND c.order_id = a.id"
        " WHERE a.tenant_id = %s AND a.plan_version_id = %s AND a.paid_at >= %s AND a.paid_at < %s"
        f" AND {_FOR_GOOD} AND c.payee_id = ANY(%s::bigint[]) GROUP BY 1, 2",
        (current_tenant_id(), version_id, start_at, end_at, people),
    )
    return [(row[0], row[1], row[2]) for row in rows]


def accrued_in_all(version_id: int, start_at: datetime | None, end_at: datetime | None) -> int:
    """What one version accrued less reversals, of orders paid in [start, end) or ever."""
    rows = sql.fetch(
        f"SELECT coalesce(sum(c.amount_minor - {_BACK}), 0)::bigint FROM commission_accruals a"
        " JOIN commission_commissions c ON c.tenant_id = a.tenant_id AND c.order_id = a.id"
        f" WHERE a.tenant_id = %s AND a.plan_version_id = %s AND {_FOR_GOOD} AND (%s::timestamptz IS NULL OR a.paid_at >= %s)"
        " AND (%s::timestamptz IS NULL OR a.paid_at < %s)",
        (current_tenant_id(), version_id, start_at, start_at, end_at, end_at),
    )
    return int(rows[0][0])


def fill_sales(plan: CompiledPlan, at: datetime) -> None:
    """Before a plan that asks for figures comes into force: count the sales of its running periods from the accruals.

    What is kept of these days is replaced. Does nothing for other plans.
    """
    if not plan.needs.figures:
        return
    lock_accrual()
    zone = get_tenant(current_tenant_id()).zone
    first = longest_start(plan.needs.figures, [at], zone)
    sql.execute("DELETE FROM commission_sales WHERE tenant_id = %s AND day >= %s", (current_tenant_id(), first))
    after = (datetime.combine(first, time(), zone), 0)
    while True:
        rows = sql.fetch(
            "SELECT id, paid_at, inputs FROM commission_accruals WHERE tenant_id = %s AND paid_at >= %s"
            " AND (paid_at, id) > (%s, %s) AND NOT is_closing ORDER BY paid_at, id LIMIT 2000",
            (current_tenant_id(), after[0], *after),
        )
        if not rows:
            return
        add_sales([thaw_inputs(*row) for row in rows])
        after = (rows[-1][1], rows[-1][0])
