"""Recording what a channel says about payouts: notices, answers to our questions, any number and any order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from banyan.kernel import clock, events, sql, tenancy
from banyan.treasury.ledger import commands as ledger
from banyan.treasury.ledger.types import AccountKind, AccountRef, EntryKind, NewEntry
from banyan.treasury.payments import commands as payments
from banyan.treasury.payments.types import Incident, IncidentKind
from banyan.treasury.payouts.commands.requesting import CLEARING
from banyan.treasury.payouts.engine.transitions import OPEN, decide
from banyan.treasury.payouts.events import PayoutAwaitsConfirmation, PayoutCompleted, PayoutFailed, PayoutReturned
from banyan.treasury.payouts.types import (
    ChannelPayoutState,
    PayoutId,
    PayoutNotice,
    PayoutState,
    RecordOutcome,
    RecordResult,
)

CONFIRM_WITHIN = timedelta(hours=24)
"""How long a receiver has to confirm (WeChat's rule); the channel decides, this only says when to ask it."""
ASK_AGAIN_AFTER = {
    PayoutState.PROCESSING: timedelta(minutes=5),
    PayoutState.AWAITING_CONFIRMATION: timedelta(hours=1),
}
CASH = AccountRef(AccountKind.CHANNEL_CASH)


@dataclass(slots=True)
class _Working:
    """A locked payout and what the notices of this batch make of it."""

    payout_id: PayoutId
    distributor_id: int
    statement_id: int
    channel: str
    state: PayoutState
    amount_minor: int
    currency: str
    told_at: datetime | None
    confirm_by: datetime | None
    reference: str
    failure_code: str
    failure: str
    cancel_requested_at: datetime | None
    cancel_reason: str
    entries: list[tuple[EntryKind, datetime]] = field(default_factory=list)
    ended_at: datetime | None = None
    is_changed: bool = False


def record_results(notices: Sequence[PayoutNotice]) -> list[RecordOutcome]:
    """Record notices; one outcome per notice. Amounts in minor units.

    Idempotent: repeated, late and reordered notices end in the same state with one set of postings. A more final state stands;
    only completed → returned is declared, and restores the balance once. What does not fit is recorded as an incident. Never
    raises for a bad notice.
    """
    if not notices:
        return []
    payouts = _lock([notice.out_bill_no for notice in notices])
    outcomes, incidents = [], []
    for notice in notices:
        payout = payouts.get(notice.out_bill_no)
        result = _apply(payout, notice)
        outcomes.append(
            RecordOutcome(notice.out_bill_no, result, payout.payout_id if payout else None, payout.state if payout else None)
        )
        if result in _INCIDENTS:
            incidents.append(_incident(_INCIDENTS[result], payout, notice))
    _write([payout for payout in payouts.values() if payout.is_changed])
    payments.record_incidents(incidents)
    return outcomes


_INCIDENTS = {
    RecordResult.UNKNOWN_NUMBER: IncidentKind.UNKNOWN_NUMBER,
    RecordResult.WRONG_AMOUNT: IncidentKind.WRONG_AMOUNT,
    RecordResult.CONTRADICTION: IncidentKind.CONTRADICTION,
}


def _lock(numbers: Sequence[str]) -> dict[str, _Working]:
    rows = sql.fetch(
        "SELECT out_bill_no, id, distributor_id, statement_id, channel, state, amount_minor, currency, told_at, confirm_by,"
        " reference, failure_code, failure, cancel_requested_at, cancel_reason FROM payouts_payouts"
        " WHERE tenant_id = %s AND out_bill_no = ANY(%s::text[]) ORDER BY id FOR NO KEY UPDATE",
        (tenancy.current_tenant_id(), sql.array_literal(set(numbers))),
    )
    return {row[0]: _Working(PayoutId(row[1]), row[2], row[3], row[4], PayoutState(row[5]), *row[6:]) for row in rows}


def _apply(payout: _Working | None, notice: PayoutNotice) -> RecordResult:
    """Change the working copy as the notice says."""
    if payout is None or payout.channel != notice.channel:
        return RecordResult.UNKNOWN_NUMBER
    if (notice.amount_minor, notice.currency) != (payout.amount_minor, payout.currency):
        return RecordResult.WRONG_AMOUNT
    is_older = payout.told_at is not None and notice.occurred_at < payout.told_at
    step = decide(payout.state, notice.state, is_older)
    if step.result is not RecordResult.RECORDED:
        return step.result
    payout.state = step.state
    payout.entries.extend((kind, notice.occurred_at) for kind in step.entries)
    payout.reference = notice.reference[:64] or payout.reference
    payout.told_at = max(filter(None, (payout.told_at, notice.occurred_at)))
    payout.failure_code, payout.failure = notice.failure_code[:64], notice.failure[:200]
    payout.is_changed = True
    if step.state is PayoutState.AWAITING_CONFIRMATION:
        payout.confirm_by = payout.confirm_by or notice.occurred_at + CONFIRM_WITHIN
    if step.state not in OPEN:
        payout.ended_at = notice.occurred_at
    return step.result


def _write(changed: Sequence[_Working]) -> None:
    if not changed:
        return
    now = clock.now()
    due = [now + ASK_AGAIN_AFTER[p.state] if p.state in ASK_AGAIN_AFTER else None for p in changed]
    columns = (
        [p.payout_id for p in changed], [p.state.value for p in changed], [p.reference for p in changed],
        [p.failure_code for p in changed], [p.failure for p in changed], [p.told_at for p in changed],
        [p.confirm_by for p in changed], [p.ended_at for p in changed], due,
    )  # fmt: skip
    sql.execute(
        "UPDATE payouts_payouts p SET state = u.state, reference = u.reference, failure_code = u.failure_code,"
        " failure = u.failure, told_at = u.told_at, confirm_by = u.confirm_by, ended_at = u.ended_at, due_at = u.due_at,"
        " held_reason = '', submitted_at = coalesce(p.submitted_at, u.told_at)"
        " FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[],"
        "  %s::timestamptz[], %s::timestamptz[])"
        "  AS u(id, state, reference, failure_code, failure, told_at, confirm_by, ended_at, due_at)"
        " WHERE p.tenant_id = %s AND p.id = u.id",
        (*(sql.array_literal(column) for column in columns), tenancy.current_tenant_id()),
    )
    ledger.post([_entry(payout, kind, at) for payout in changed for kind, at in payout.entries])
    events.record([event for payout in changed for event in _events(payout)])


_MOVES = {
    EntryKind.PAYOUT_COMPLETED: ("completed", CLEARING, CASH),
    EntryKind.PAYOUT_FAILED: ("failed", CLEARING, None),
    EntryKind.PAYOUT_RETURNED: ("returned", CASH, None),
}


def _entry(payout: _Working, kind: EntryKind, at: datetime) -> NewEntry:
    """Debit and credit of the table of the river of money; None stands for the distributor's available account."""
    word, debit, credit = _MOVES[kind]
    available = AccountRef(AccountKind.DISTRIBUTOR_AVAILABLE, payout.distributor_id)
    postings = ((debit, payout.amount_minor), (credit or available, -payout.amount_minor))
    key = f"payout:{payout.payout_id}:{word}"
    return NewEntry(kind, "payout", payout.payout_id, at, postings, key, payout.currency)


def _events(payout: _Working) -> list[events.Event]:
    head = (payout.payout_id, payout.distributor_id, payout.statement_id, payout.amount_minor, payout.currency)
    reason = f"{payout.state.value}: {payout.failure_code}".rstrip(": ")
    told: list[events.Event] = []
    if payout.state is PayoutState.AWAITING_CONFIRMATION and payout.confirm_by and payout.told_at:
        told.append(PayoutAwaitsConfirmation(*head, payout.confirm_by, payout.told_at))
    for kind, at in payout.entries:
        if kind is EntryKind.PAYOUT_COMPLETED:
            told.append(PayoutCompleted(*head, at))
        elif kind is EntryKind.PAYOUT_FAILED:
            told.append(PayoutFailed(*head, reason, at, _is_taken_back(payout)))
        else:
            told.append(PayoutReturned(*head, reason, at))
    return told


def _is_taken_back(payout: _Working) -> bool:
    """A person took it back, here or at the channel. What a freeze asked back goes on when the freeze ends."""
    return bool(payout.cancel_reason) or (payout.state is PayoutState.CANCELLED and payout.cancel_requested_at is None)


def _incident(kind: IncidentKind, payout: _Working | None, notice: PayoutNotice) -> Incident:
    details: dict[str, str | int] = {
        "about": "payout",
        "amount_minor": notice.amount_minor,
        "currency": notice.currency,
        "reference": notice.reference,
        "said": notice.state.value,
    }
    if payout is not None:
        details["expected_minor"] = payout.amount_minor
        details["state"] = payout.state.value
    return Incident(kind, notice.channel, notice.out_bill_no, 0, tuple(sorted(details.items())))


def notice_of_failure(channel: str, out_bill_no: str, amount_minor: int, currency: str, code: str, failure: str) -> PayoutNotice:
    """A refusal of the channel in the words of a notice, so that it is recorded the same way."""
    return PayoutNotice(
        channel, out_bill_no, ChannelPayoutState.FAILED, "", amount_minor, currency, clock.now(), code or "refused", failure
    )
