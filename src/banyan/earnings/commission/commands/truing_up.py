"""Orders of rules with `true_up` are adjusted when their period closes: what is added is a commission of its own, what is taken a
reversal with the cause `true_up`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from banyan.earnings.commission.commands.accrual import EXPENSE, REFERENCE_KIND
from banyan.earnings.commission.commands.hold import release_now
from banyan.earnings.commission.commands.reversal import Batch, Standing, Step, book_batches, read_standings
from banyan.earnings.commission.engine import CompiledPlan
from banyan.earnings.commission.engine.clawback import part_back
from banyan.earnings.commission.engine.periods import Span
from banyan.earnings.commission.engine.true_up import Difference, FigureBook, compile_for_closing, differences, true_up_period
from banyan.earnings.commission.events import CommissionReleased
from banyan.earnings.commission.models import CommissionRow
from banyan.earnings.commission.queries.closings import PeriodOrder, returned_of, stream_orders
from banyan.earnings.commission.types import Cause, CommissionKind, Period, Takeback
from banyan.kernel import events, ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.treasury.ledger import commands as ledger
from banyan.treasury.ledger.types import AccountKind, AccountRef, EntryKind, NewEntry


class Due(NamedTuple):
    """A period of a version that is over, or as much of it as is."""

    version_id: int
    plan: CompiledPlan
    period: Period
    span: Span
    """The period, or as much of it as is over."""
    is_final: bool = True


def count_figures(due: Due, currency: str) -> FigureBook | None:
    """The figures of the whole period, where its orders are trued up at its end."""
    if true_up_period(due.plan.plan) is not due.period:
        return None
    figures = FigureBook(due.plan.plan)
    for piece in stream_orders(due.version_id, due.span, currency):
        back = returned_of([sold.order.order_id for sold in piece], due.span.end_at)
        for sold in piece:
            figures.count(sold.order, back.get(sold.order.order_id, {}))
    return figures


def true_up_orders(due: Due, closing_id: int, currency: str, figures: FigureBook) -> tuple[int, int]:
    """Adjust the period's orders; returns by how much they went up and down, before returns."""
    _lock_orders(due, currency)
    at_close = compile_for_closing(due.plan.plan)
    raised = lowered = 0
    for piece in stream_orders(due.version_id, due.span, currency):
        changed = []
        for sold in piece:
            again = at_close.decide(figures.close(sold.order), sold.legal)
            changes = differences(due.plan.decide(sold.order, sold.legal), again)
            if changes:
                changed.append((sold, changes))
                raised += sum(max(each.after_minor - each.before_minor, 0) for each in changes)
                lowered += sum(max(each.before_minor - each.after_minor, 0) for each in changes)
        if changed:
            _adjust(changed, closing_id, due.span.end_at, currency)
    return raised, lowered


def _lock_orders(due: Due, currency: str) -> None:
    """All of the period's orders, as everybody locks them: in the order of ids. Pieces come by time of payment, and a
    receipt that holds an order of a later piece may want one of the first."""
    sql.fetch(
        "SELECT count(*) FROM (SELECT 1 FROM commission_accruals WHERE tenant_id = %s AND paid_at >= %s AND paid_at < %s"
        " AND plan_version_id = %s AND currency = %s AND NOT is_closing ORDER BY id FOR NO KEY UPDATE) locked",
        (current_tenant_id(), due.span.start_at, due.span.end_at, due.version_id, currency),
    )


def _adjust(changed: Sequence[tuple[PeriodOrder, list[Difference]]], closing_id: int, at: datetime, currency: str) -> None:
    order_ids = sorted(sold.order.order_id for sold, _ in changed)
    released = dict(
        sql.fetch(
            "SELECT id, released_at IS NOT NULL FROM commission_accruals WHERE tenant_id = %s AND id = ANY(%s::bigint[])"
            " ORDER BY id FOR NO KEY UPDATE",
            (current_tenant_id(), order_ids),
        )
    )
    back = returned_of(order_ids, None)
    _raise(changed, closing_id, at, currency, released)
    standings = read_standings(order_ids)
    batches = []
    for sold, changes in changed:
        order_id = sold.order.order_id
        batch = Batch(Takeback(Cause.TRUE_UP, closing_id, order_id, (), at), currency, released[order_id])
        for change in changes:
            step = _step(change, standings.get(order_id, []), back.get(order_id, {}))
            if step is not None:
                batch.steps.append(step)
        if batch.steps:
            batches.append(batch)
    book_batches(batches)


def _raise(
    changed: Sequence[tuple[PeriodOrder, list[Difference]]],
    closing_id: int,
    at: datetime,
    currency: str,
    released: dict[int, bool],
) -> None:
    """What is added is a commission of its own; of an order that was released already it is released at once."""
    rows: list[tuple[Any, ...]] = []
    entries, sums, facts = [], {}, []
    for sold, changes in changed:
        order_id, by_payee = sold.order.order_id, dict[int, int]()
        ups = [change for change in changes if change.after_minor > change.before_minor]
        numbers = ids.next_ids(len(ups)) if ups else ()
        for number, change in zip(numbers, ups, strict=True):
            share, minor = change.share, change.after_minor - change.before_minor
            rows.append(
                (number, order_id, share.line_id, share.payee_id, share.rule_key, CommissionKind.TRUE_UP.value, share.depth,
                 share.base_minor, share.rate_bp, minor)
            )  # fmt: skip
            by_payee[share.payee_id] = by_payee.get(share.payee_id, 0) + minor
        if ups:
            entries.append(accrual_entry(order_id, by_payee, at, currency, f"commission.trued_up:{closing_id}:{order_id}"))
            if released[order_id]:
                sums[order_id] = by_payee
                lines = tuple(
                    (number, change.share.payee_id, change.after_minor - change.before_minor)
                    for number, change in zip(numbers, ups, strict=True)
                )
                facts.append(CommissionReleased(order_id, currency, lines, at))
    sql.insert(
        CommissionRow,
        ("id", "order_id", "line_id", "payee_id", "rule_key", "kind", "depth", "base_minor", "rate_bp", "amount_minor"),
        rows,
    )
    ledger.post(entries)
    if sums:
        release_now(sums, currency, at, f":{closing_id}")
    waiting = sorted({row[1] for row in rows} - set(sums))
    if waiting:
        sql.execute(
            "UPDATE commission_accruals SET due_at = release_after WHERE tenant_id = %s AND id = ANY(%s::bigint[])"
            " AND due_at IS NULL AND release_after IS NOT NULL",
            (current_tenant_id(), waiting),
        )
    events.record(facts)


def _step(change: Difference, standings: Sequence[Standing], back: dict[int, tuple[int, int]]) -> Step | None:
    """What goes back: of a raised share the part of its line that was returned before, of a lowered one the difference less what
    returns took of it already."""
    share = change.share
    refund, of = back.get(share.line_id, (0, 0))
    raised = change.after_minor > change.before_minor
    kind = CommissionKind.TRUE_UP if raised else share.kind
    standing = next(
        each
        for each in standings
        if (each.line_id, each.payee_id, each.rule_key, each.kind) == (share.line_id, share.payee_id, share.rule_key, kind.value)
    )
    if raised:
        returned = min(refund, of)
        return Step(standing, returned, part_back(change.after_minor - change.before_minor, refund, of)) if returned else None
    kept = change.after_minor - part_back(change.after_minor, refund, of)
    amount = standing.amount - standing.reversed - kept
    return Step(standing, 0, amount, lowered=change.before_minor - change.after_minor)


def accrual_entry(reference_id: int, by_payee: dict[int, int], at: datetime, currency: str, key: str) -> NewEntry:
    """What is added to commission: pending of each payee, at the expense of the shop."""
    pending = [(AccountRef(AccountKind.DISTRIBUTOR_PENDING, payee_id), -minor) for payee_id, minor in by_payee.items()]
    postings = ((EXPENSE, sum(by_payee.values())), *pending)
    return NewEntry(EntryKind.COMMISSION_ACCRUED, REFERENCE_KIND, reference_id, at, postings, key, currency)
