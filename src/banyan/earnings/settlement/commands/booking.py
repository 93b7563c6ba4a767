"""Statements become money: available → payable in the ledger, and a payout."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from banyan.earnings.settlement.commands.claiming import Key, carry, find_open_items
from banyan.earnings.settlement.commands.locking import Locked, lock_statements, schedule, write_statements
from banyan.earnings.settlement.models import PayeeRow
from banyan.earnings.settlement.queries import list_policies_by_ids
from banyan.earnings.settlement.types import PayeeAccount, PayoutEnd, PolicyId, SourceKind, StatementStatus, WaitReason
from banyan.kernel import clock, sql, tenancy
from banyan.kernel.values.errors import Conflict
from banyan.kernel.values.filled import Filled
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.types import DistributorId, Status
from banyan.treasury.ledger import commands as ledger
from banyan.treasury.ledger import queries as ledger_queries
from banyan.treasury.ledger.types import AccountKind, AccountRef, EntryKind, NewEntry
from banyan.treasury.payouts import commands as payouts
from banyan.treasury.payouts.types import NewPayout

LOOK_AGAIN = timedelta(hours=1)
REFERENCE = "statement"


class StatementState(Conflict):
    """The statement is not in a status in which this can be done."""

    code = "statement_state"
    advice = "Read the statement's present status and decide again."


def book(statements: Collection[Locked]) -> set[int]:
    """Post available → payable for each statement, as its next attempt. Returns the ids of those that the balance does not
    cover; they are unchanged. Where money that came back stands beside a debt, the debt is paid off first.

    Idempotent by statement and attempt: the ledger keeps one entry per key.
    """
    now = clock.now()
    covered, refused = _covered(statements)
    while covered:
        entries = [entry for one, net_minor in covered.values() for entry in _entries(one, net_minor, now)]
        try:
            ledger.post(entries)
            break
        except ledger.InsufficientBalance as error:
            # Somebody took from this balance between our look and our posting: leave that one out, post the others.
            owner_id = error.account.owner_id if error.account else None
            short = {statement_id for statement_id, (one, _) in covered.items() if one.distributor_id == owner_id}
            if not short:
                raise
            refused |= short
            covered = {statement_id: pair for statement_id, pair in covered.items() if statement_id not in short}
    for one, _ in covered.values():
        one.attempt += 1
        one.status, one.reason, one.pay_at = StatementStatus.APPROVED, "", now
        one.approved_at = one.approved_at or now
    return refused


def _covered(statements: Collection[Locked]) -> tuple[dict[int, tuple[Locked, int]], set[int]]:
    """Statements that the available balances cover, with the debt to pay off beside each; and the ids of the others."""
    covered: dict[int, tuple[Locked, int]] = {}
    refused: set[int] = set()
    for currency in {one.currency for one in statements}:
        ours = [one for one in statements if one.currency == currency]
        refs = [
            AccountRef(kind, one.distributor_id)
            for one in ours
            for kind in (AccountKind.DISTRIBUTOR_AVAILABLE, AccountKind.DISTRIBUTOR_DEBT)
        ]
        left = dict(ledger_queries.balances(refs, currency))
        for one in ours:
            available = AccountRef(AccountKind.DISTRIBUTOR_AVAILABLE, one.distributor_id)
            debt = AccountRef(AccountKind.DISTRIBUTOR_DEBT, one.distributor_id)
            if left[available] < one.amount_minor:
                refused.add(one.statement_id)
                continue
            left[available] -= one.amount_minor
            net_minor = min(left[available], left[debt])
            left[available] -= net_minor
            left[debt] -= net_minor
            covered[one.statement_id] = (one, net_minor)
    return covered, refused


def _entries(one: Locked, net_minor: int, now: datetime) -> Iterable[NewEntry]:
    available = AccountRef(AccountKind.DISTRIBUTOR_AVAILABLE, one.distributor_id)
    payable = AccountRef(AccountKind.DISTRIBUTOR_PAYABLE, one.distributor_id)
    key = payment_key(one.statement_id, one.attempt + 1)
    postings = ((available, one.amount_minor), (payable, -one.amount_minor))
    yield NewEntry(EntryKind.STATEMENT_APPROVED, REFERENCE, one.statement_id, now, postings, key, one.currency)
    if net_minor:
        debt = AccountRef(AccountKind.DISTRIBUTOR_DEBT, one.distributor_id)
        netting = ((available, net_minor), (debt, -net_minor))
        yield NewEntry(EntryKind.ADJUSTMENT, REFERENCE, one.statement_id, now, netting, f"{key}/debt", one.currency)


def payment_key(statement_id: int, attempt: int) -> str:
    """Names one attempt to pay one statement, in the ledger and at payouts."""
    return f"statement/{statement_id}/{attempt}"


def pay_out(statements: Collection[Locked]) -> int:
    """Ask for the payouts of approved statements; returns how many were asked for. The caller writes the statements back.

    A frozen distributor's money, and money that has nowhere to go, stays payable and is looked at again later.
    """
    waiting = [one for one in statements if one.status is StatementStatus.APPROVED]
    if not waiting:
        return 0
    now = clock.now()
    standings = distributors.standings_at([DistributorId(one.distributor_id) for one in waiting], now)
    channels = {
        policy_id: policy.terms.channel for policy_id, policy in list_policies_by_ids({one.policy_id for one in waiting}).items()
    }
    accounts = _find_accounts(waiting)
    ready: list[tuple[Locked, NewPayout]] = []
    for one in waiting:
        account = accounts.get((one.distributor_id, channels[PolicyId(one.policy_id)]))
        standing = standings.get(DistributorId(one.distributor_id))
        if standing is None or standing.status is Status.FROZEN:
            one.reason, one.pay_at = WaitReason.FROZEN.value, now + LOOK_AGAIN
        elif account is None:
            one.reason, one.pay_at = WaitReason.NO_ACCOUNT.value, now + LOOK_AGAIN
        else:
            ready.append((one, _payout(one, account)))
    for (one, _), payout_id in zip(ready, payouts.request_payouts([new for _, new in ready]), strict=True):
        one.payout_id, one.status, one.reason, one.pay_at = payout_id, StatementStatus.PAYING, "", None
    return len(ready)


def _payout(one: Locked, account: PayeeAccount) -> NewPayout:
    return NewPayout(
        distributor_id=one.distributor_id,
        amount_minor=one.amount_minor,
        currency=one.currency,
        channel=account.channel,
        account=account.account,
        statement_id=one.statement_id,
        key=payment_key(one.statement_id, one.attempt),
        account_name=account.account_name,
    )


def _find_accounts(statements: Sequence[Locked]) -> Mapping[tuple[int, str], PayeeAccount]:
    rows = PayeeRow.objects.filter(
        tenant_id=tenancy.current_tenant_id(), distributor_id__in={one.distributor_id for one in statements}
    )
    return {
        (row.distributor_id, row.channel): PayeeAccount(row.distributor_id, row.channel, row.account, row.account_name or "")
        for row in rows
    }


def pay_due(at: datetime, limit: int = 200) -> int:
    """Ask for payouts that are due: approved statements that waited, and failed payouts that may be tried again.

    A failed payout is tried again only as a new one: the old one is final, its money is back in the available balance. If
    reversals came meanwhile, the amount goes into the next statement instead, where they are netted. Returns statements done.
    """
    due = sql.fetch(
        "SELECT id FROM settlement_statements WHERE tenant_id = %s AND pay_at <= %s ORDER BY pay_at, id LIMIT %s",
        (tenancy.current_tenant_id(), at, limit),
    )
    locked = [one for one in lock_statements(row[0] for row in due).values() if one.pay_at is not None and one.pay_at <= at]
    failed = [one for one in locked if one.status is StatementStatus.PAYOUT_FAILED]
    reversed_since = _with_reversals(failed)
    short = book([one for one in failed if one.key not in reversed_since])
    for one in failed:
        if one.key in reversed_since or one.statement_id in short:
            one.reason = "reversed_meanwhile"
    give_back([one for one in failed if one.key in reversed_since or one.statement_id in short])
    pay_out(locked)
    write_statements(locked)
    return len(locked)


def _with_reversals(statements: Sequence[Locked]) -> set[Key]:
    return set(find_open_items({one.key for one in statements}, only_taking=True)) if statements else set()


def give_back(statements: Collection[Locked]) -> None:
    """payout_failed → returned: the amount goes into the next statement. The caller writes the statements back."""
    now = clock.now()
    carry([(one.statement_id, one.key, one.amount_minor, now) for one in statements], SourceKind.RETURNED)
    for one in statements:
        one.status, one.pay_at = StatementStatus.RETURNED, None
    schedule({one.key for one in statements})


def retry_payout(statement_ids: Sequence[int]) -> int:
    """A person lets failed payouts be tried again, also beyond the policy's attempts. Raises StatementState."""
    locked = _failed(statement_ids)
    for one in locked:
        one.pay_at = clock.now()
    write_statements(locked)
    return len(locked)


def return_to_next(statement_ids: Sequence[int], reason: str) -> int:
    """A person gives up on failed payouts: their amounts go into the next statements. Raises StatementState."""
    locked = _failed(statement_ids)
    for one in locked:
        one.reason = reason.strip()
    give_back(locked)
    write_statements(locked)
    return len(locked)


def _failed(statement_ids: Sequence[int]) -> list[Locked]:
    locked = lock_statements(statement_ids)
    if set(statement_ids) - locked.keys():
        raise StatementState("Some of these statements do not exist.")
    wrong = [one.status for one in locked.values() if one.status is not StatementStatus.PAYOUT_FAILED]
    if wrong:
        raise StatementState(
            Filled("Only a failed payout can be tried again or given up; a statement is {status}.", status=wrong[0])
        )
    return list(locked.values())


def record_payouts(ends: Sequence[PayoutEnd]) -> int:
    """Take over how payouts ended, in the order in which it happened: one that completed may come back later.

    Only the statement's latest payout counts, so repeats and late news change nothing. Returns the statements changed.
    """
    rows = sql.fetch(
        "SELECT id FROM settlement_statements WHERE tenant_id = %s AND payout_id = ANY(%s::bigint[])",
        (tenancy.current_tenant_id(), sorted({end.payout_id for end in ends})),
    )
    by_payout = {one.payout_id: one for one in lock_statements(row[0] for row in rows).values()}
    policies = list_policies_by_ids({one.policy_id for one in by_payout.values()})
    changed: dict[int, Locked] = {}
    for end in ends:
        one = by_payout.get(end.payout_id)
        if one is not None and _take_over(one, end, policies[PolicyId(one.policy_id)].terms.attempt_count):
            changed[one.statement_id] = one
    write_statements(changed.values())
    return len(changed)


def _take_over(one: Locked, end: PayoutEnd, attempts: int) -> bool:
    """Change the statement as its payout's end says; False where that is old news."""
    if end.paid_at is not None:
        if one.status is not StatementStatus.PAYING:
            return False
        one.status, one.paid_at, one.pay_at = StatementStatus.PAID, end.paid_at, None
        return True
    if one.status not in (StatementStatus.PAYING, StatementStatus.PAID):
        return False
    one.status, one.reason, one.paid_at = StatementStatus.PAYOUT_FAILED, end.reason, None
    one.pay_at = clock.now() if end.may_retry and one.attempt < attempts else None
    return True
