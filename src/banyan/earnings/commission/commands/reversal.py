"""Goods come back: commission goes back in proportion, at every depth, from frozen values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from banyan.earnings.commission.commands.accrual import EXPENSE, REFERENCE_KIND, accrue
from banyan.earnings.commission.commands.turns import accrued_of, beside_close, lock_accrual
from banyan.earnings.commission.engine import reverse_line
from banyan.earnings.commission.events import CommissionReversed
from banyan.earnings.commission.models import ReturnedRow, ReversalRow
from banyan.earnings.commission.queries.plans import compiled_versions
from banyan.earnings.commission.types import Cause, Takeback
from banyan.kernel import events, ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.treasury.ledger import commands as ledger
from banyan.treasury.ledger import queries as balances
from banyan.treasury.ledger.types import AccountKind, AccountRef, EntryKind, NewEntry

ATTEMPTS = 5
"""How often a posting is tried again with fresh balances when somebody else took from the same account meanwhile."""
_COLUMNS = (
    "id", "commission_id", "order_id", "payee_id", "cause", "cause_id", "returned_minor", "amount_minor",
    "from_pending_minor", "from_available_minor", "from_debt_minor", "lowered_minor", "occurred_at",
)  # fmt: skip


@dataclass(slots=True)
class Standing:
    """One commission with what went back of it so far."""

    commission_id: int
    line_id: int
    payee_id: int
    rule_key: str
    kind: str
    amount: int
    base: int
    reversed: int
    returned: int
    causes: set[tuple[str, int]]


@dataclass(slots=True)
class Step:
    """One reversal to write; `available` and `debt` are decided with the balances at hand."""

    standing: Standing
    returned: int
    amount: int
    lowered: int = 0
    pending: int = 0
    available: int = 0
    debt: int = 0


@dataclass(slots=True)
class Batch:
    """The steps of one takeback."""

    takeback: Takeback
    currency: str
    released: bool
    steps: list[Step] = field(default_factory=list)


def reverse(takebacks: Sequence[Takeback]) -> int:
    """Take back the commission of returned lines; returns how many takebacks had an effect.

    Before the release it leaves what is pending; after it what is available, and the rest becomes a debt that the next
    release nets. Idempotent per (cause, cause_id). An order that was not accrued yet is accrued first, so the order of
    events does not matter. Raises InputsMissing for an order that was never paid.
    """
    if not takebacks:
        return 0
    order_ids = sorted({each.order_id for each in takebacks})
    beside_close()
    if len(accrued_of(order_ids)) < len(order_ids):
        lock_accrual()
    accruals = _lock(order_ids)
    missing = [order_id for order_id in order_ids if order_id not in accruals]
    if missing:
        accrue(missing)
        accruals |= _lock(missing)
    _keep_returned(takebacks, accruals)
    standings = read_standings(order_ids)
    batches = []
    for takeback in takebacks:
        currency, released, _ = accruals[takeback.order_id]
        batch = Batch(takeback, currency, released)
        for standing in standings.get(takeback.order_id, ()):
            _plan(batch, standing)
        if batch.steps:
            batches.append(batch)
    book_batches(batches)
    return len(batches)


def book_batches(batches: Sequence[Batch], beside: Sequence[NewEntry] = ()) -> None:
    """Post and write the steps of these takebacks; their orders are locked. `beside`: entries to post together with them, so that
    all accounts are locked in one order."""
    if not batches:
        ledger.post(beside)
    for currency in sorted({batch.currency for batch in batches}):
        _book([batch for batch in batches if batch.currency == currency], currency, beside)
        beside = ()
    _write(batches)


def _keep_returned(takebacks: Sequence[Takeback], accruals: dict[int, tuple[str, bool, int | None]]) -> None:
    """Keep what came back of orders whose version's periods close: it lowers the net sales of the period it came back in.

    One row per (order, line, return) is enough: returns tells one fact per return and order, and a line once in it, with what
    all its parts came to; so what is here already is the same fact told again.
    """
    plans = compiled_versions(sorted({version for _, _, version in accruals.values() if version is not None}))
    closing = {version for version, plan in plans.items() if plan.closes}
    kept = [
        (version, each.order_id, line.line_id, each.cause_id, line.refund_minor, line.of_minor, each.occurred_at)
        for each in takebacks
        if (version := accruals[each.order_id][2]) in closing
        for line in each.lines
        if line.refund_minor
    ]
    if kept:
        numbers = ids.next_ids(len(kept))
        columns = ("id", "plan_version_id", "order_id", "line_id", "cause_id", "refund_minor", "of_minor", "occurred_at")
        rows = [(number, *row) for number, row in zip(numbers, kept, strict=True)]
        sql.insert(ReturnedRow, columns, rows, on_conflict="ON CONFLICT DO NOTHING")


def _lock(order_ids: Sequence[int]) -> dict[int, tuple[str, bool, int | None]]:
    """Currency, whether it is released, and plan version of orders that are accrued; locked in the order of ids."""
    rows = sql.fetch(
        "SELECT id, currency, released_at IS NOT NULL, plan_version_id FROM commission_accruals"
        " WHERE tenant_id = %s AND id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE",
        (current_tenant_id(), list(order_ids)),
    )
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def read_standings(order_ids: Sequence[int]) -> dict[int, list[Standing]]:
    # What a period's close lowered is part of the commission no longer: returns take their part of the rest.
    rows = sql.fetch(
        "SELECT c.order_id, c.id, c.line_id, c.payee_id, c.rule_key, c.kind,"
        " c.amount_minor - coalesce(sum(r.lowered_minor), 0)::bigint, c.base_minor,"
        " coalesce(sum(r.amount_minor - r.lowered_minor), 0)::bigint, coalesce(sum(r.returned_minor), 0)::bigint,"
        " array_agg(r.cause) FILTER (WHERE r.id IS NOT NULL), array_agg(r.cause_id) FILTER (WHERE r.id IS NOT NULL)"
        " FROM commission_commissions c"
        " LEFT JOIN commission_reversals r ON r.tenant_id = c.tenant_id AND r.commission_id = c.id"
        " WHERE c.tenant_id = %s AND c.order_id = ANY(%s::bigint[]) GROUP BY c.id ORDER BY c.id",
        (current_tenant_id(), list(order_ids)),
    )
    found: dict[int, list[Standing]] = {}
    for row in rows:
        causes = set(zip(row[10] or (), row[11] or (), strict=True))
        columns: tuple[Any, ...] = (*row[1:10], causes)
        found.setdefault(row[0], []).append(Standing(*columns))
    return found


def _plan(batch: Batch, standing: Standing) -> None:
    """Decide one commission's step of a takeback and count it, so that the next takeback of the batch sees it."""
    takeback = batch.takeback
    cause = (takeback.cause.value, takeback.cause_id)
    if cause in standing.causes:
        return
    mine = [line for line in takeback.lines if line.line_id == standing.line_id]
    if not mine:
        return
    decided = reverse_line(
        standing.amount,
        of_minor=mine[0].of_minor,
        returned_before_minor=min(standing.returned, mine[0].of_minor),
        reversed_before_minor=standing.reversed,
        refund_minor=sum(line.refund_minor for line in mine),
    )
    step = Step(standing, decided.returned_minor, decided.amount_minor)
    if step.amount == 0 and step.returned == 0:
        return
    standing.causes.add(cause)
    standing.reversed += step.amount
    standing.returned += step.returned
    batch.steps.append(step)


def _book(batches: Sequence[Batch], currency: str, beside: Sequence[NewEntry]) -> None:
    """Post the batch; where an account moved meanwhile, look at the balances again. Raises InsufficientBalance in the end."""
    payees = {step.standing.payee_id for batch in batches if batch.released for step in batch.steps}
    for attempt in range(ATTEMPTS):
        available = balances.balances(
            [AccountRef(AccountKind.DISTRIBUTOR_AVAILABLE, payee) for payee in sorted(payees)], currency
        )
        left = {ref.owner_id: balance for ref, balance in available.items()}
        for batch in batches:
            for step in batch.steps:
                if batch.released:
                    step.available = min(step.amount, left.get(step.standing.payee_id, 0))
                    step.debt = step.amount - step.available
                    left[step.standing.payee_id] = left.get(step.standing.payee_id, 0) - step.available
                else:
                    step.pending = step.amount
        try:
            ledger.post([*beside, *(entry for batch in batches if (entry := _entry(batch)) is not None)])
        except ledger.InsufficientBalance:
            if attempt == ATTEMPTS - 1:
                raise
        else:
            return


def _entry(batch: Batch) -> NewEntry | None:
    takeback = batch.takeback
    lines: dict[AccountRef, int] = {}
    for step in batch.steps:
        for kind, amount in (
            (AccountKind.DISTRIBUTOR_PENDING, step.pending),
            (AccountKind.DISTRIBUTOR_AVAILABLE, step.available),
            (AccountKind.DISTRIBUTOR_DEBT, step.debt),
        ):
            if amount:
                account = AccountRef(kind, step.standing.payee_id)
                lines[account] = lines.get(account, 0) + amount
    if not lines:
        return None
    return NewEntry(
        EntryKind.COMMISSION_REVERSED,
        REFERENCE_KIND,
        takeback.order_id,
        takeback.occurred_at,
        (*lines.items(), (EXPENSE, -sum(lines.values()))),
        # One return may give money of several orders back: goods of an exchange.
        f"commission.reversed:{takeback.cause.value}:{takeback.cause_id}:{takeback.order_id}",
        batch.currency,
    )


def _write(batches: Sequence[Batch]) -> None:
    numbers = iter(ids.next_ids(sum(len(batch.steps) for batch in batches)))
    rows, facts = [], []
    for batch in batches:
        takeback, told = batch.takeback, []
        for step in batch.steps:
            number, standing = next(numbers), step.standing
            rows.append(
                (
                    number, standing.commission_id, takeback.order_id, standing.payee_id, takeback.cause.value, takeback.cause_id,
                    step.returned, step.amount, step.pending, step.available, step.debt, step.lowered, takeback.occurred_at,
                )
            )  # fmt: skip
            if step.amount:
                told.append((number, standing.commission_id, standing.payee_id, step.amount))
        if told:
            facts.append(
                CommissionReversed(
                    takeback.order_id,
                    Cause(takeback.cause).value,
                    takeback.cause_id,
                    batch.currency,
                    batch.released,
                    tuple(told),
                    takeback.occurred_at,
                )
            )
    sql.insert(ReversalRow, _COLUMNS, rows)
    events.record(facts)
