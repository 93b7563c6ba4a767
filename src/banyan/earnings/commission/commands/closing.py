"""Periods close: rewards of members and pools are booked, and orders of rules with `true_up` are adjusted.

While a period runs its rewards are accrued provisionally, as they come to by the shop's latest midnight; each next closing books
by how much they rose or fell. History stays as it was: what is added is a commission of its own, what is taken a reversal with
the cause `true_up`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta

import orjson

from banyan.earnings.commission.commands.reversal import Batch, Standing, Step, book_batches, read_standings
from banyan.earnings.commission.commands.truing_up import Due, accrual_entry, count_figures, true_up_orders
from banyan.earnings.commission.commands.turns import accrued_in_all, lock_accrual, lock_close
from banyan.earnings.commission.engine.closing import ClosingSums, PeriodBook, decide_closing
from banyan.earnings.commission.engine.periods import GRACE, span_of
from banyan.earnings.commission.engine.window import closing_periods, reward_periods, rewards_everybody
from banyan.earnings.commission.events import PeriodClosed
from banyan.earnings.commission.models import AccrualRow, ClosingRow, CommissionRow
from banyan.earnings.commission.queries.closings import (
    accrued_in,
    count_orders,
    everybody,
    provided_before,
    returned_in,
    stream_orders,
)
from banyan.earnings.commission.queries.inputs import ceilings_at
from banyan.earnings.commission.queries.plans import versions_from
from banyan.earnings.commission.types import Cause, ClosingDecision, Member, Period, Reward, Takeback
from banyan.kernel import clock, events, ids, sql
from banyan.kernel.tenancy import current_tenant_id, get_tenant
from banyan.treasury.ledger.types import NewEntry


def close_due(at: datetime) -> int:
    """Close one period that is over at `at`, those within others first; returns 1, or 0 when none is due: call until it is 0.

    Once per version and period. Rewards are pending for the plan's days from the period's end. A closed period is never computed
    again: an order heard of later keeps what it accrued, a return lowers the period it comes back in.
    """
    _lock_closings()
    due = next(_due(at), None)
    if due is None:
        return 0
    lock_close()
    lock_accrual()
    _close(due)
    return 1


def provide_due(at: datetime) -> int:
    """Accrue one running period's rewards provisionally, once a day; returns 1, or 0 when nothing is due.

    What members and pools would get had the period ended at the shop's latest midnight is pending from then on. The next
    midnight, and in the end the close, adjust it by what it rose or fell; nothing is released before. It is not counted as spent:
    budgets and caps by period leave to orders what they left before. A period of one day has nothing to provide.
    """
    _lock_closings()
    due = next(_running(at), None)
    if due is None:
        return 0
    _close(due)
    return 1


def _lock_closings() -> None:
    """One closing of a tenant at a time; before the lock of accrual, which orders wait for."""
    sql.fetch(
        "SELECT 1 FROM pg_advisory_xact_lock(hashtext('commission.closings'), (%s::bigint %% 2147483647)::int)",
        (current_tenant_id(),),
    )


def _due(at: datetime) -> Iterator[Due]:
    zone = get_tenant(current_tenant_id()).zone
    closed = {
        (row[0], row[1], row[2])
        for row in sql.fetch(
            "SELECT plan_version_id, period, start_at FROM commission_closings WHERE tenant_id = %s AND is_final",
            (current_tenant_id(),),
        )
    }
    for version_id, start_at, end_at, plan in versions_from(datetime.min.replace(tzinfo=zone) + timedelta(days=2)):
        for period in closing_periods(plan):
            span = span_of(period, start_at, zone)
            while span.end_at + GRACE <= at and (end_at is None or span.start_at < end_at):
                if (version_id, period.value, span.start_at) not in closed:
                    yield Due(version_id, plan, period, span)
                span = span_of(period, span.end_at, zone)


def _running(at: datetime) -> Iterator[Due]:
    zone = get_tenant(current_tenant_id()).zone
    today = span_of(Period.DAY, at - GRACE, zone)
    provided = {
        (row[0], row[1])
        for row in sql.fetch(
            "SELECT plan_version_id, period FROM commission_closings WHERE tenant_id = %s AND end_at = %s AND NOT is_final",
            (current_tenant_id(), today.start_at),
        )
    }
    for version_id, start_at, _, plan in versions_from(today.start_at - timedelta(days=1)):
        for period in reward_periods(plan):
            span = span_of(period, today.start_at, zone)
            if max(span.start_at, start_at) < today.start_at and (version_id, period.value) not in provided:
                span = span._replace(end_at=today.start_at, end_day=today.first_day)
                yield Due(version_id, plan, period, span, is_final=False)


def _close(due: Due) -> None:
    tenant = get_tenant(current_tenant_id())
    closing_id = ids.next_ids(1)[0]
    first_id = _first_closing(due, tenant.currency)
    figures = count_figures(due, tenant.currency) if due.is_final else None
    raised, lowered = true_up_orders(due, closing_id, tenant.currency, figures) if figures is not None else (0, 0)
    book, back, count = _add_up(due, tenant.currency)
    members = _members(due, book)
    decision = decide_closing(due.plan.plan, due.period, book.sums, members)
    kept = {
        "sums": asdict(book.sums),
        "members": [(each.distributor_id, each.tier, each.status) for each in members],
        **({} if due.is_final else {"back": asdict(back)}),
        "final": {str(payee_id): own for payee_id, own in figures.final.items()} if figures is not None else {},
    }
    ClosingRow.objects.create(
        pk=closing_id,
        plan_version_id=due.version_id,
        period=due.period.value,
        start_at=due.span.start_at,
        end_at=due.span.end_at,
        closed_at=clock.now(),
        currency=tenant.currency,
        order_count=count,
        reward_minor=sum(each.amount_minor for each in decision.rewards),
        raised_minor=raised,
        lowered_minor=lowered,
        inputs=orjson.dumps(kept, option=orjson.OPT_NON_STR_KEYS).decode(),
        first_id=first_id,
        is_final=due.is_final,
    )
    _book_rewards(due, closing_id, first_id or closing_id, decision)


def _first_closing(due: Due, currency: str) -> int | None:
    rows = sql.fetch(
        "SELECT coalesce(first_id, id) FROM commission_closings WHERE tenant_id = %s AND plan_version_id = %s AND period = %s"
        " AND start_at = %s AND currency = %s LIMIT 1",
        (current_tenant_id(), due.version_id, due.period.value, due.span.start_at, currency),
    )
    return rows[0][0] if rows else None


# ── rewards ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _add_up(due: Due, currency: str) -> tuple[PeriodBook, ClosingSums, int]:
    """Sums of the period's orders and returns, those of its returns alone, and how many orders there are."""
    plan = due.plan.plan
    book, count, start_at = _sold_before(due, currency)
    for piece in stream_orders(due.version_id, due.span._replace(start_at=start_at), currency):
        for sold in piece:
            book.sell(sold.order, sold.legal)
        count += len(piece)
    back = PeriodBook(plan, due.period)
    for order, legal, returned in returned_in(due.version_id, due.span, currency):
        back.give_back(order, legal, returned)
    book.sums.merge(back.sums)
    net = accrued_in(due.version_id, due.span, currency)
    if plan.caps.payee_period_minor is not None:
        book.sums.by_payee = net
    book.sums.accrued = sum(net.values()) + _closed_within(due)
    if plan.caps.budget_minor is not None:
        spent = accrued_in_all(due.version_id, None, None) if plan.caps.budget_is_total else book.sums.accrued
        book.sums.budget_left = max(plan.caps.budget_minor - spent, 0)
    return book, back.sums, count


def _sold_before(due: Due, currency: str) -> tuple[PeriodBook, int, datetime]:
    """What was sold up to the midnight that was provided for before, so that only the orders since are read; and from when on.

    Orders stay as they were frozen, so if there are as many up to that midnight as were added up then, they are the same. Where
    one was told of later, all are added up again. What came back is not part of it: one line's returns are rounded together.
    """
    book = PeriodBook(due.plan.plan, due.period)
    before = provided_before(due.version_id, due.period, due.span.start_at, currency)
    if before is None or before.end_at > due.span.end_at:
        return book, 0, due.span.start_at
    if count_orders(due.version_id, due.span._replace(end_at=before.end_at), currency) != before.order_count:
        return book, 0, due.span.start_at
    for part in (before.sums, before.back.negated()):
        book.sums.merge(replace(part, accrued=0, by_payee={}))
    return book, before.order_count, before.end_at


def _closed_within(due: Due) -> int:
    """What closes of shorter periods within this one paid by this version: they are held to its caps together. What was provided
    for a period at its midnights is not paid beside what it comes to in the end."""
    rows = sql.fetch(
        "SELECT coalesce(sum(reward_minor), 0)::bigint FROM commission_closings"
        " WHERE tenant_id = %s AND plan_version_id = %s AND start_at >= %s AND end_at <= %s AND is_final AND period <> %s",
        (current_tenant_id(), due.version_id, due.span.start_at, due.span.end_at, due.period.value),
    )
    return int(rows[0][0])


def _members(due: Due, book: PeriodBook) -> list[Member]:
    """Everybody who may take part, as he stands at the period's end."""
    if rewards_everybody(due.plan, due.period):
        return everybody(None, due.span.end_at)
    sold = {payee_id for sales in book.sums.rules.values() for payee_id in (*sales.personal, *sales.team)}
    return everybody(sorted(sold), due.span.end_at)


def _book_rewards(due: Due, closing_id: int, accrual_id: int, decision: ClosingDecision) -> None:
    """Book by how much the period's rewards rose or fell since the closing before; at the final one their hold begins."""
    tenant, at = get_tenant(current_tenant_id()), due.span.end_at
    standings: dict[tuple[str, int], list[Standing]] = {}
    for each in read_standings([accrual_id]).get(accrual_id, ()):
        standings.setdefault((each.rule_key, each.payee_id), []).append(each)
    rises, batch = [], Batch(Takeback(Cause.TRUE_UP, closing_id, accrual_id, (), at), tenant.currency, released=False)
    for reward in decision.rewards:
        before = sum(each.amount for each in standings.get((reward.rule_key, reward.payee_id), ()))
        if reward.amount_minor > before:
            rises.append((reward, reward.amount_minor - before))
    wanted = {(reward.rule_key, reward.payee_id): reward.amount_minor for reward in decision.rewards}
    for place, kept in standings.items():
        batch.steps += _falls(kept, sum(each.amount for each in kept) - wanted.get(place, 0))
    raised = [_write_rises(due, closing_id, accrual_id, rises)] if rises else []
    book_batches([batch] if batch.steps else [], raised)
    if due.is_final:
        sql.execute(
            "UPDATE commission_accruals SET received_at = %s, release_after = v.at, due_at = v.at"
            " FROM (SELECT %s::timestamptz + %s * interval '24 hours' AS at) v WHERE tenant_id = %s AND id = %s",
            (at, at, due.plan.plan.hold_days, current_tenant_id(), accrual_id),
        )


def _falls(standings: Sequence[Standing], minor: int) -> Iterator[Step]:
    """What of a reward is too much, taken off what was added to it last."""
    for standing in reversed(standings):
        part = min(minor, standing.amount)
        if part > 0:
            yield Step(standing, 0, part, lowered=part)
            minor -= part


def _write_rises(due: Due, closing_id: int, accrual_id: int, rises: Sequence[tuple[Reward, int]]) -> NewEntry:
    """What was added to rewards; returns the entry to post."""
    tenant, at = get_tenant(current_tenant_id()), due.span.end_at
    paid_at = span_of(due.period, due.span.start_at, tenant.zone).end_at - timedelta(microseconds=1)  # the period's last moment
    ceiling = ceilings_at([paid_at])[0]
    columns = (
        "id", "plan_version_id", "paid_at", "accrued_at", "currency", "rule_set", "legal_depth", "legal_bp", "inputs",
        "total_minor", "hold_days", "is_closing",
    )  # fmt: skip
    row = (
        accrual_id, due.version_id, paid_at, clock.now(), tenant.currency, ceiling.rule_set, ceiling.upline_depth,
        ceiling.total_bp, "{}", sum(minor for _, minor in rises), due.plan.plan.hold_days, True,
    )  # fmt: skip
    sql.insert(AccrualRow, columns, [row], on_conflict="ON CONFLICT (id) DO NOTHING")
    numbers = ids.next_ids(len(rises))
    sql.insert(
        CommissionRow,
        ("id", "order_id", "line_id", "payee_id", "rule_key", "kind", "depth", "base_minor", "rate_bp", "amount_minor"),
        [
            (
                number,
                accrual_id,
                closing_id,
                each.payee_id,
                each.rule_key,
                each.kind.value,
                0,
                each.base_minor,
                each.rate_bp,
                minor,
            )
            for number, (each, minor) in zip(numbers, rises, strict=True)
        ],
    )
    by_payee: dict[int, int] = {}
    for each, minor in rises:
        by_payee[each.payee_id] = by_payee.get(each.payee_id, 0) + minor
    if due.is_final:
        lines = tuple((number, each.payee_id, minor) for number, (each, minor) in zip(numbers, rises, strict=True))
        events.record([PeriodClosed(closing_id, due.version_id, due.period.value, tenant.currency, lines, at)])
    return accrual_entry(accrual_id, by_payee, at, tenant.currency, f"commission.accrued:{closing_id}")
