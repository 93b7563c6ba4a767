"""What ``banyan verify`` recomputes of settlement: lines, claims, carried amounts, the ledger and the payouts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from banyan.earnings.commission.events import CommissionReleased, CommissionReversed
from banyan.kernel import events, ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.verification import Finding, Tally, check
from banyan.treasury.ledger import queries as ledger
from banyan.treasury.ledger.types import AccountKind, AccountRef, EntryKind
from banyan.treasury.payouts import queries as payouts
from banyan.treasury.payouts.events import PayoutCompleted, PayoutFailed, PayoutReturned
from banyan.treasury.payouts.types import PayoutId, PayoutState

PAGE = 1000

_LINES = """
SELECT s.id, s.amount_minor, s.line_count, coalesce(sum(l.amount_minor), 0)::bigint, count(l.id),
count(l.id) FILTER (WHERE l.stands),
       s.status
FROM settlement_statements s LEFT JOIN settlement_lines l ON l.tenant_id = s.tenant_id AND l.statement_id = s.id
WHERE s.tenant_id = %(tenant)s GROUP BY s.id
"""

_CLAIMS = """
SELECT i.source_kind, i.source_id, i.statement_id, i.amount_minor, i.distributor_id, l.statement_id, l.amount_minor,
s.distributor_id
FROM (SELECT * FROM settlement_items WHERE tenant_id = %(tenant)s AND statement_id IS NOT NULL) i
FULL JOIN (SELECT * FROM settlement_lines WHERE tenant_id = %(tenant)s AND stands) l
  ON l.source_kind = i.source_kind AND l.source_id = i.source_id
LEFT JOIN settlement_statements s ON s.id = l.statement_id
WHERE i.statement_id IS DISTINCT FROM l.statement_id OR i.amount_minor IS DISTINCT FROM l.amount_minor
   OR i.distributor_id IS DISTINCT FROM s.distributor_id
"""

_CARRIED = """
SELECT s.id, s.status, s.amount_minor, i.amount_minor, i.source_kind
FROM (SELECT * FROM settlement_statements WHERE tenant_id = %(tenant)s AND status IN ('carried',
'returned') AND amount_minor <> 0) s
FULL JOIN (SELECT * FROM settlement_items WHERE tenant_id = %(tenant)s AND source_kind IN ('carried', 'returned')) i
  ON i.source_id = s.id AND i.source_kind = s.status
WHERE s.amount_minor IS DISTINCT FROM i.amount_minor
"""

_OWED = """
WITH parts AS (
  SELECT distributor_id, currency, sum(amount_minor) AS owed, 0 AS payable FROM settlement_items
  WHERE tenant_id = %(tenant)s AND statement_id IS NULL GROUP BY 1, 2
  UNION ALL
  SELECT distributor_id, currency, sum(amount_minor), 0 FROM settlement_statements
  WHERE tenant_id = %(tenant)s AND status IN ('under_review', 'awaiting_second', 'held', 'payout_failed') GROUP BY 1, 2
  UNION ALL
  SELECT distributor_id, currency, 0, sum(amount_minor) FROM settlement_statements
  WHERE tenant_id = %(tenant)s AND status = 'approved' GROUP BY 1, 2
  UNION ALL
  SELECT distributor_id, currency, 0, 0 FROM settlement_calendars WHERE tenant_id = %(tenant)s
)
SELECT distributor_id, currency, sum(owed)::bigint, sum(payable)::bigint FROM parts GROUP BY 1, 2 ORDER BY 1, 2
"""


@check("settlement.lines")
def lines(tally: Tally) -> Iterator[Finding]:
    """A statement's amount and count are those of its lines; a rejected one's lines do not stand, all others' do."""
    rows = sql.fetch(_LINES, {"tenant": current_tenant_id()})  # type: ignore[arg-type]
    tally.compared += 3 * len(rows)
    for statement_id, amount, line_count, total, counted, standing, status in rows:
        expected = (total, counted, 0 if status == "rejected" else counted)
        if (amount, line_count, standing) != expected:
            yield Finding("settlement.lines", ids.public("stm", statement_id), expected, (amount, line_count, standing))


@check("settlement.claims")
def claims(tally: Tally) -> Iterator[Finding]:
    """Every claimed item is one standing line of the same amount in the statement of the same distributor, and the other way."""
    tenant_id = current_tenant_id()
    counted = "SELECT count(*) FROM settlement_lines WHERE tenant_id = %s AND stands"
    tally.compared += sql.fetch(counted, (tenant_id,))[0][0]
    for kind, source_id, *numbers in sql.fetch(_CLAIMS, {"tenant": tenant_id}):  # type: ignore[arg-type]
        yield Finding("settlement.claims", f"settlement_items/{kind} {source_id}", numbers[:3], numbers[3:])


@check("settlement.carried")
def carried(tally: Tally) -> Iterator[Finding]:
    """A carried or returned amount goes into a later statement exactly once."""
    tenant_id = current_tenant_id()
    counted = "SELECT count(*) FROM settlement_statements WHERE tenant_id = %s AND status IN ('carried', 'returned')"
    tally.compared += sql.fetch(counted, (tenant_id,))[0][0]
    for statement_id, status, amount, item_amount, kind in sql.fetch(_CARRIED, {"tenant": tenant_id}):  # type: ignore[arg-type]
        subject = ids.public("stm", statement_id) if statement_id else f"settlement_items/{kind}"
        yield Finding("settlement.carried", subject, (status, amount), (kind, item_amount))


@check("settlement.balances")
def balances(tally: Tally) -> Iterator[Finding]:
    """Per distributor: available − debt is what is still to be settled; payable is what is approved and not yet asked for.

    What settlement was not told yet is already in the balances, so it is added to what is to be settled.
    """
    unheard = _unheard_amounts()
    rows = [
        (distributor_id, currency, owed + unheard.get((distributor_id, currency), 0), payable)
        for distributor_id, currency, owed, payable in sql.fetch(_OWED, {"tenant": current_tenant_id()})  # type: ignore[arg-type]
    ]
    kinds = (AccountKind.DISTRIBUTOR_AVAILABLE, AccountKind.DISTRIBUTOR_DEBT, AccountKind.DISTRIBUTOR_PAYABLE)
    tally.compared += 2 * len(rows)
    for start in range(0, len(rows), PAGE):
        page = rows[start : start + PAGE]
        for currency in {row[1] for row in page}:
            ours = [row for row in page if row[1] == currency]
            found = ledger.balances([AccountRef(kind, row[0]) for row in ours for kind in kinds], currency)
            for distributor_id, _, owed, payable in ours:
                available, debt, booked = (found[AccountRef(kind, distributor_id)] for kind in kinds)
                if (owed, payable) != (available - debt, booked):
                    actual = {"owed_minor": owed, "approved_minor": payable}
                    expected = {"owed_minor": available - debt, "approved_minor": booked}
                    yield Finding("settlement.balances", ids.public("dst", distributor_id), expected, actual)


def _unheard_amounts() -> dict[tuple[int, str], int]:
    """By (distributor, currency): items that `settlement.take_in`, and failed payouts that `settlement.record_payouts`, has still
    to be told of."""
    amounts: Counter[tuple[int, str]] = Counter()
    for event in events.unheard("settlement.take_in", CommissionReleased, CommissionReversed):
        if isinstance(event, CommissionReleased):
            for _, payee_id, amount_minor in event.lines:
                amounts[payee_id, event.currency] += amount_minor
        elif isinstance(event, CommissionReversed) and event.after_release:
            for _, _, payee_id, amount_minor in event.lines:
                amounts[payee_id, event.currency] -= amount_minor
    back = {payout_id for payout_id, is_back in _unheard_payouts().items() if is_back}
    rows = sql.fetch(
        "SELECT distributor_id, currency, amount_minor FROM settlement_statements WHERE tenant_id = %s"
        " AND payout_id = ANY(%s::bigint[]) AND status IN ('paying', 'paid')",
        (current_tenant_id(), sorted(back)),
    )
    for distributor_id, currency, amount_minor in rows:
        amounts[distributor_id, currency] += amount_minor
    return dict(amounts)


def _unheard_payouts() -> dict[int, bool]:
    """Payouts of whose end settlement has still to be told, and whether their money came back."""
    ended: dict[int, bool] = {}
    for event in events.unheard("settlement.record_payouts", PayoutCompleted, PayoutFailed, PayoutReturned):
        if isinstance(event, PayoutCompleted | PayoutFailed | PayoutReturned):
            ended[event.payout_id] = ended.get(event.payout_id, False) or not isinstance(event, PayoutCompleted)
    return ended


def _pages(condition: str) -> Iterator[list[tuple[Any, ...]]]:
    """Statements that fulfil a condition, a page at a time: (id, amount, attempt, payout id, status)."""
    after = 0
    while True:
        rows = sql.fetch(
            "SELECT id, amount_minor, attempt, payout_id, status FROM settlement_statements"
            f" WHERE tenant_id = %s AND id > %s AND {condition} ORDER BY id LIMIT %s",
            (current_tenant_id(), after, PAGE),
        )
        if not rows:
            return
        after = rows[-1][0]
        yield rows


@check("settlement.ledger")
def booked(tally: Tally) -> Iterator[Finding]:
    """A statement is booked once per attempt, each time with its whole amount; others are not booked."""
    for rows in _pages("true"):
        moved: dict[int, list[int]] = {row[0]: [] for row in rows}
        for entry in ledger.list_entries_for_many("statement", list(moved)):
            if entry.kind is EntryKind.STATEMENT_APPROVED:
                amounts = [line.amount_minor for line in entry.postings if line.account.kind is AccountKind.DISTRIBUTOR_PAYABLE]
                moved[entry.reference_id].append(-sum(amounts))
        tally.compared += len(rows)
        for statement_id, amount, attempt, _, _ in rows:
            if moved[statement_id] != [amount] * attempt:
                yield Finding("settlement.ledger", ids.public("stm", statement_id), [amount] * attempt, moved[statement_id])


_ENDINGS = {
    "paid": {PayoutState.COMPLETED},
    "payout_failed": {PayoutState.FAILED, PayoutState.EXPIRED, PayoutState.CANCELLED, PayoutState.RETURNED},
    "returned": {PayoutState.FAILED, PayoutState.EXPIRED, PayoutState.CANCELLED, PayoutState.RETURNED},
}
_RUNNING = set(PayoutState) - {state for states in _ENDINGS.values() for state in states}


@check("settlement.payouts")
def paid(tally: Tally) -> Iterator[Finding]:
    """A statement's latest payout is its own, of its amount, and (once settlement was told) in a state that fits."""
    unheard = _unheard_payouts()
    for rows in _pages("payout_id IS NOT NULL"):
        found = payouts.list_payouts_by_ids([row[3] for row in rows])
        tally.compared += 2 * len(rows)
        for statement_id, amount, _, payout_id, status in rows:
            payout = found.get(PayoutId(payout_id))
            # An approved statement with a payout stands between a failed attempt and the next one.
            wanted = _ENDINGS["payout_failed"] if status == "approved" else _ENDINGS.get(status, _RUNNING)
            actual = (payout.statement_id, payout.amount_minor, payout.state.value) if payout else None
            if (
                payout is None
                or (payout.statement_id, payout.amount_minor) != (statement_id, amount)
                or (payout.state not in wanted and payout_id not in unheard)
            ):
                expected = (statement_id, amount, sorted(state.value for state in wanted))
                yield Finding("settlement.payouts", ids.public("stm", statement_id), expected, actual)
