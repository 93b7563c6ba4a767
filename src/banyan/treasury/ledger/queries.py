"""Reading the ledger. Balances are in each account's natural sign (what we owe is positive for what we owe)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from banyan.kernel import sql, tenancy
from banyan.kernel.tenancy.registry import get_tenant
from banyan.kernel.values.errors import NotFound
from banyan.treasury.ledger.types import (
    Account,
    AccountId,
    AccountKind,
    AccountLine,
    AccountRef,
    Entry,
    EntryId,
    EntryKind,
    Posting,
    TrialBalanceLine,
)

# Debit-positive sum of one account: the guarded balance, or the checkpoint plus what came after its horizon.
_NET = (
    "CASE WHEN a.is_guarded THEN a.natural_sign * (SELECT b.balance_minor FROM ledger_balances b WHERE b.id = a.id)"
    " ELSE coalesce((SELECT c.balance_minor FROM ledger_checkpoints c WHERE c.id = a.id), 0)"
    "  + coalesce((SELECT sum(p.amount_minor) FROM ledger_postings p WHERE p.tenant_id = a.tenant_id AND p.account_id = a.id"
    "    AND p.commit_order >= coalesce((SELECT c.through_commit_order FROM ledger_checkpoints c WHERE c.id = a.id), 0)),"
    "   0)::bigint"
    " END"
)
_ENTRY = "e.id, e.kind, e.reference_kind, e.reference_id, e.currency, e.occurred_at, e.posted_at, e.key"
_ACCOUNT = f"a.id, a.kind, a.owner_id, a.currency, (a.natural_sign * ({_NET}))::bigint, a.opened_at"


def _currency(currency: str | None) -> str:
    return currency or get_tenant(tenancy.current_tenant_id()).currency


def balances(refs: Sequence[AccountRef], currency: str | None = None) -> dict[AccountRef, int]:
    """Natural balances in minor units, 0 for accounts that were never used. `currency`: the tenant's own by default.

    Guarded accounts are one index look-up each; the tenant's accounts are summed from their latest checkpoint on.
    """
    if not refs:
        return {}
    rows = sql.fetch(
        f"SELECT a.kind, a.owner_id, (a.natural_sign * ({_NET}))::bigint FROM ledger_accounts a"
        " WHERE a.tenant_id = %s AND a.owner_id = ANY(%s::bigint[]) AND a.kind = ANY(%s::text[]) AND a.currency = %s",
        (
            tenancy.current_tenant_id(),
            list({ref.owner_id for ref in refs}),
            list({ref.kind.value for ref in refs}),
            _currency(currency),
        ),
    )
    found = {(kind, owner_id): balance for kind, owner_id, balance in rows}
    return {ref: found.get((ref.kind.value, ref.owner_id), 0) for ref in refs}


def balances_at(refs: Sequence[AccountRef], at: datetime, currency: str | None = None) -> dict[AccountRef, int]:
    """Natural balances in minor units counting the entries that occurred at or before `at`. Sums each account's lines."""
    if not refs:
        return {}
    rows = sql.fetch(
        "SELECT a.kind, a.owner_id, (a.natural_sign * coalesce(sum(p.amount_minor), 0))::bigint FROM ledger_accounts a"
        " LEFT JOIN ledger_postings p ON p.tenant_id = a.tenant_id AND p.account_id = a.id AND p.occurred_at <= %s"
        " WHERE a.tenant_id = %s AND a.owner_id = ANY(%s::bigint[]) AND a.kind = ANY(%s::text[]) AND a.currency = %s"
        " GROUP BY a.id",
        (
            at,
            tenancy.current_tenant_id(),
            list({ref.owner_id for ref in refs}),
            list({ref.kind.value for ref in refs}),
            _currency(currency),
        ),
    )
    found = {(kind, owner_id): balance for kind, owner_id, balance in rows}
    return {ref: found.get((ref.kind.value, ref.owner_id), 0) for ref in refs}


def _entries(rows: Sequence[tuple[Any, ...]]) -> list[Entry]:
    """Entries with their postings, in the order of the rows; two statements for any number of entries."""
    lines: defaultdict[int, list[Posting]] = defaultdict(list)
    found = sql.fetch(
        "SELECT p.entry_id, a.kind, a.owner_id, p.amount_minor"
        " FROM ledger_postings p JOIN ledger_accounts a ON a.id = p.account_id"
        " WHERE p.tenant_id = %s AND p.entry_id = ANY(%s::bigint[]) ORDER BY p.entry_id, p.amount_minor DESC, p.id",
        (tenancy.current_tenant_id(), [row[0] for row in rows]),
    )
    for entry_id, kind, owner_id, amount in found:
        lines[entry_id].append(Posting(AccountRef(AccountKind(kind), owner_id), amount))
    return [Entry(EntryId(r[0]), EntryKind(r[1]), r[2], r[3], r[4], r[5], r[6], r[7], tuple(lines[r[0]])) for r in rows]


def list_entries_for(reference_kind: str, reference_id: int) -> list[Entry]:
    """All entries of one fact, oldest first."""
    return list_entries_for_many(reference_kind, [reference_id])


def list_entries_for_many(reference_kind: str, reference_ids: Sequence[int]) -> list[Entry]:
    """All entries of many facts of one kind, oldest first."""
    if not reference_ids:
        return []
    rows = sql.fetch(
        f"SELECT {_ENTRY} FROM ledger_entries e"
        " WHERE e.tenant_id = %s AND e.reference_kind = %s AND e.reference_id = ANY(%s::bigint[]) ORDER BY e.occurred_at, e.id",
        (tenancy.current_tenant_id(), reference_kind, list(reference_ids)),
    )
    return _entries(rows)


def get_entry(entry_id: int) -> Entry:
    """One entry; raises NotFound."""
    params = (tenancy.current_tenant_id(), entry_id)
    rows = sql.fetch(f"SELECT {_ENTRY} FROM ledger_entries e WHERE e.tenant_id = %s AND e.id = %s", params)
    if not rows:
        raise NotFound("No such ledger entry.")
    return _entries(rows)[0]


def list_entries(*, kind: EntryKind | None = None, before: int | None = None, limit: int = 50) -> list[Entry]:
    """Entries, latest first, of one kind or all. `before`: the id of the last one seen."""
    conditions, params = ["e.tenant_id = %s"], [tenancy.current_tenant_id()]  # type: tuple[list[str], list[Any]]
    if kind is not None:
        conditions.append("e.kind = %s")
        params.append(kind.value)
    if before is not None:
        conditions.append("e.id < %s")
        params.append(before)
    rows = sql.fetch(
        f"SELECT {_ENTRY} FROM ledger_entries e WHERE {' AND '.join(conditions)} ORDER BY e.id DESC LIMIT %s",
        (*params, limit),
    )
    return _entries(rows)


def _account(row: tuple[Any, ...]) -> Account:
    return Account(AccountId(row[0]), AccountRef(AccountKind(row[1]), row[2]), row[3], row[4], row[5])


def list_accounts(
    *, owner_id: int | None = None, kind: AccountKind | None = None, before: int | None = None, limit: int = 50
) -> list[Account]:
    """Accounts with their natural balances, latest opened first. `before`: the id of the last one seen; owner 0 is the tenant."""
    conditions, params = ["a.tenant_id = %s"], [tenancy.current_tenant_id()]  # type: tuple[list[str], list[Any]]
    if before is not None:
        conditions.append("a.id < %s")
        params.append(before)
    if owner_id is not None:
        conditions.append("a.owner_id = %s")
        params.append(owner_id)
    if kind is not None:
        conditions.append("a.kind = %s")
        params.append(kind.value)
    # The page is chosen first, so that only its own balances are computed.
    rows = sql.fetch(
        f"SELECT {_ACCOUNT} FROM (SELECT * FROM ledger_accounts a WHERE {' AND '.join(conditions)} ORDER BY a.id DESC LIMIT %s) a"
        " ORDER BY a.id DESC",
        (*params, limit),
    )
    return [_account(row) for row in rows]


def get_account(account_id: int, *, owner_id: int | None = None) -> Account:
    """One account with its natural balance; raises NotFound, also when `owner_id` is given and is not its owner."""
    params = (tenancy.current_tenant_id(), account_id)
    rows = sql.fetch(f"SELECT {_ACCOUNT} FROM ledger_accounts a WHERE a.tenant_id = %s AND a.id = %s", params)
    if not rows or (owner_id is not None and rows[0][2] != owner_id):
        raise NotFound("No such account.")
    return _account(rows[0])


def list_account_lines(account_id: int, *, before: int | None = None, limit: int = 50) -> list[AccountLine]:
    """The statement of one account, latest recorded first, with the natural balance after each line. Raises NotFound.

    `before`: the posting id of the last line seen. The order is the order of recording, which never changes.
    """
    account = get_account(account_id)
    tenant_id, sign = tenancy.current_tenant_id(), account.ref.kind.sign
    place = (2**63 - 1, 2**63 - 1)
    if before is not None:
        seen = sql.fetch(
            "SELECT commit_order, id FROM ledger_postings WHERE tenant_id = %s AND account_id = %s AND id = %s",
            (tenant_id, account_id, before),
        )
        if not seen:
            raise NotFound("No such line in this account.")
        place = (seen[0][0], seen[0][1])
    rows = sql.fetch(
        "SELECT p.id, p.amount_minor, e.id, e.kind, e.reference_kind, e.reference_id, e.occurred_at"
        " FROM ledger_postings p JOIN ledger_entries e ON e.id = p.entry_id"
        " WHERE p.tenant_id = %s AND p.account_id = %s AND (p.commit_order, p.id) < (%s, %s)"
        " ORDER BY p.commit_order DESC, p.id DESC LIMIT %s",
        (tenant_id, account_id, *place, limit),
    )
    newer = sql.fetch(
        "SELECT coalesce(sum(amount_minor), 0)::bigint FROM ledger_postings"
        " WHERE tenant_id = %s AND account_id = %s AND (commit_order, id) >= (%s, %s)",
        (tenant_id, account_id, *place),
    )[0][0]
    balance = account.balance_minor - sign * int(newer)
    lines = []
    for posting_id, amount, entry_id, kind, reference_kind, reference_id, occurred_at in rows:
        lines.append(
            AccountLine(
                posting_id, EntryId(entry_id), EntryKind(kind), reference_kind, reference_id, sign * amount, balance, occurred_at
            )
        )
        balance -= sign * amount
    return lines


def trial_balance(at: datetime | None = None) -> list[TrialBalanceLine]:
    """Debit and credit totals per kind of account and currency; the two columns are equal when the ledger is whole.

    Now: from balances and checkpoints. `at`: counting the entries that occurred at or before that moment (sums all lines).
    """
    tenant_id = tenancy.current_tenant_id()
    if at is None:
        per_account = f"SELECT a.kind, a.currency, ({_NET}) AS net FROM ledger_accounts a WHERE a.tenant_id = %s"
        params: tuple[Any, ...] = (tenant_id,)
    else:
        per_account = (
            "SELECT a.kind, a.currency, coalesce(s.net, 0) AS net FROM ledger_accounts a LEFT JOIN"
            " (SELECT account_id, sum(amount_minor) AS net FROM ledger_postings WHERE tenant_id = %s AND occurred_at <= %s"
            "  GROUP BY account_id) s ON s.account_id = a.id WHERE a.tenant_id = %s"
        )
        params = (tenant_id, at, tenant_id)
    rows = sql.fetch(
        "SELECT kind, currency, count(*), coalesce(sum(net) FILTER (WHERE net > 0), 0)::bigint,"
        f" coalesce(-sum(net) FILTER (WHERE net < 0), 0)::bigint FROM ({per_account}) n GROUP BY kind, currency",
        params,
    )
    order = {kind.value: place for place, kind in enumerate(AccountKind)}
    rows.sort(key=lambda row: (row[1], order[row[0]]))
    return [
        TrialBalanceLine(AccountKind(kind), currency, count, debit, credit, AccountKind(kind).sign * (debit - credit))
        for kind, currency, count, debit, credit in rows
    ]
