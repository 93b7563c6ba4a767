"""Goods come back: commission goes back in proportion, at every depth, from frozen values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from banyan.earnings.commission.commands.accrual import EXPENSE, REFERENCE_KIND, accrue
from banyan.earnings.commission.engine import reverse_line
from banyan.earnings.commission.events import CommissionReversed
from banyan.earnings.commission.models import ReversalRow
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
    "from_pending_minor", "from_available_minor", "from_debt_minor", "occurred_at",
)  # fmt: skip


@dataclass(slots=True)
class _Standing:
    """One commission with what went back of it so far."""

    commission_id: int
    line_id: int
    payee_id: int
    amount: int
    base: int
    reversed: int
    returned: int
    causes: set[tuple[str, int]]


@dataclass(slots=True)
class _Step:
    """One reversal to write; `available` and `debt` are decided with the balances at hand."""

    standing: _Standing
    returned: int
    amount: int
    pending: int = 0
    available: int = 0
    debt: int = 0


@dataclass(slots=True)
class _Batch:
    """The steps of one takeback."""

    takeback: Takeback
    currency: str
    released: bool
    steps: list[_Step] = field(default_factory=list)


def reverse(takebacks: Sequence[Takeback]) -> int:
    """Take back the commission of returned lines; returns how many takebacks had an effect.

    Before the release it leaves what is pending; after it what is available, and the rest becomes a debt that the next
    release nets. Idempotent per (cause, cause_id). An order that was not accrued yet is accrued first, so the order of
    events does not matter. Raises InputsMissing for an order that was never paid.
    """
    if not takebacks:
        return 0
    order_ids = sorted({each.order_id for each in takebacks})
    accruals = _lock(order_ids)
    missing = [order_id for order_id in order_ids if order_id not in accruals]
    if missing:
        accrue(missing)
        accruals |= _lock(missing)
    standings = _read(order_ids)
    batches = []
    for takeback in takebacks:
        currency, released = accruals[takeback.order_id]
        batch = _Batch(takeback, currency, released)
        for standing in standings.get(takeback.order_id, ()):
            _plan(batch, standing)
        if batch.steps:
            batches.append(batch)
    for currency in sorted({batch.currency for batch in batches}):
        _book([batch for batch in batches if batch.currency == currency], currency)
    _write(batches)
    return len(batches)


def _lock(order_ids: Sequence[int]) -> dict[int, tuple[str, bool]]:
    """Currency and whether it is released, of orders that are accrued; locked in the order of ids."""
    rows = sql.fetch(
        "SELECT id, currency, released_at IS NOT NULL FROM commission_accruals"
        " WHERE tenant_id = %s AND id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE",
        (current_tenant_id(), list(order_ids)),
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def _read(order_ids: Sequence[int]) -> dict[int, list[_Standing]]:
    rows = sql.fetch(
        "SELECT c.order_id, c.id, c.line_id, c.payee_id, c.amount_minor, c.base_minor,"
        " coalesce(sum(r.amount_minor), 0)::bigint, coalesce(sum(r.returned_minor), 0)::bigint,"
        " array_agg(r.cause) FILTER (WHERE r.id IS NOT NULL), array_agg(r.cause_id) FILTER (WHERE r.id IS NOT NULL)"
        " FROM commission_commissions c"
        " LEFT JOIN commission_reversals r ON r.tenant_id = c.tenant_id AND r.commission_id = c.id"
        " WHERE c.tenant_id = %s AND c.order_id = ANY(%s::bigint[]) GROUP BY c.id ORDER BY c.id",
        (current_tenant_id(), list(order_ids)),
    )
    found: dict[int, list[_Standing]] = {}
    for row in rows:
        causes = set(zip(row[8] or (), row[9] or (), strict=True))
        found.setdefault(row[0], []).append(_Standing(row[1], row[2], row[3], row[4], row[5], row[6], row[7], causes))
    return found


def _plan(batch: _Batch, standing: _Standing) -> None:
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
    step = _Step(standing, decided.returned_minor, decided.amount_minor)
    if step.amount == 0 and step.returned == 0:
        return
    standing.causes.add(cause)
    standing.reversed += step.amount
    standing.returned += step.returned
    batch.steps.append(step)


def _book(batches: Sequence[_Batch], currency: str) -> None:
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
            ledger.post([entry for batch in batches if (entry := _entry(batch)) is not None])
        except ledger.InsufficientBalance:
            if attempt == ATTEMPTS - 1:
                raise
        else:
            return


def _entry(batch: _Batch) -> NewEntry | None:
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


def _write(batches: Sequence[_Batch]) -> None:
    numbers = iter(ids.next_ids(sum(len(batch.steps) for batch in batches)))
    rows, facts = [], []
    for batch in batches:
        takeback, told = batch.takeback, []
        for step in batch.steps:
            number, standing = next(numbers), step.standing
            rows.append(
                (
                    number, standing.commission_id, takeback.order_id, standing.payee_id, takeback.cause.value, takeback.cause_id,
                    step.returned, step.amount, step.pending, step.available, step.debt, takeback.occurred_at,
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
