"""Writing the ledger: post balanced entries, and move the checkpoints of the tenant's own accounts forward."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from django.db import IntegrityError, transaction

from banyan.kernel import clock, ids, sql, tenancy
from banyan.kernel.tenancy import context
from banyan.kernel.tenancy.registry import get_tenant
from banyan.kernel.values.errors import Conflict, Invalid, Refusal
from banyan.kernel.values.filled import Filled
from banyan.treasury.ledger.models import BALANCE_NOT_NEGATIVE, AccountRow, EntryRow, PostingRow
from banyan.treasury.ledger.types import GUARDED_KINDS, AccountKind, AccountRef, EntryId, NewEntry

MAX_KEY_LENGTH = 120
_ENTRY_COLUMNS = (
    "id", "kind", "reference_kind", "reference_id", "currency", "posting_count", "occurred_at", "posted_at", "key", "digest",
)  # fmt: skip
_POSTING_COLUMNS = ("id", "entry_id", "account_id", "amount_minor", "currency", "occurred_at")


class UnbalancedEntry(Invalid):
    """The postings of an entry do not add up to zero, or nothing moves."""

    code = "unbalanced_entry"
    advice = "Give at least two postings on different accounts whose amounts add up to zero."


class EntryKeyReused(Conflict):
    """A key that was posted before came with other accounts, amounts or reference."""

    code = "entry_key_reused"
    advice = "Use a new key for a new entry; facts are reversed by a new entry, never posted again differently."


class InsufficientBalance(Refusal):
    """A guarded account would fall below zero. `account` is the account by meaning."""

    code = "insufficient_balance"
    status = 409
    advice = "Read the balance and ask for at most that much."

    def __init__(self, message: str = "", *, account: AccountRef | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.account = account


_Account = tuple[str, int, str]
"""Kind, owner and currency: plain values, because thousands of them are hashed per batch."""

_SIGNS = {kind.value: kind.sign for kind in AccountKind}
_GUARDED = frozenset(kind.value for kind in GUARDED_KINDS)


@dataclass(frozen=True, slots=True)
class _Draft:
    """An entry ready to be written: one amount per account, none of them zero."""

    entry: NewEntry
    currency: str
    lines: dict[_Account, int]
    digest: bytes


def post(entries: Sequence[NewEntry]) -> list[EntryId]:
    """Post entries in a handful of set-based statements; returns their ids in the order given. Amounts in minor units.

    Idempotent by `key` (unique per tenant): content already posted under it gives the same id and changes nothing; the
    moment is not part of the content. All or nothing. Raises UnbalancedEntry, EntryKeyReused, or InsufficientBalance
    naming the guarded account that would fall below zero, and nothing of the batch is then written.
    """
    if not entries:
        return []
    own_currency = get_tenant(tenancy.current_tenant_id()).currency
    drafts: dict[str, _Draft] = {}
    for entry in entries:
        draft = _draft(entry, own_currency)
        same = drafts.setdefault(entry.key, draft)
        if same is not draft and same.digest != draft.digest:
            raise EntryKeyReused(f"The key {entry.key} appears twice in one batch with different content.", key=entry.key)
    posted = _find_posted(drafts)
    fresh = [drafts[key] for key in sorted(drafts.keys() - posted.keys())]
    if fresh:
        # Only a batch that takes from a guarded account can be refused by the database; it gets a savepoint, so that the
        # caller may catch the refusal and go on.
        with transaction.atomic(using=context.alias()) if _may_be_refused(fresh) else nullcontext():
            posted |= _write(fresh)
    return [posted[entry.key] for entry in entries]


def _draft(entry: NewEntry, own_currency: str) -> _Draft:
    """Add up the lines per account and check the entry by itself."""
    if not entry.key or len(entry.key) > MAX_KEY_LENGTH:
        raise Invalid(f"An entry key has 1 to {MAX_KEY_LENGTH} characters.", field="key")
    currency = entry.currency or own_currency
    lines: dict[_Account, int] = {}
    total = 0
    for ref, amount in entry.postings:
        account = (ref.kind._value_, ref.owner_id, currency)
        lines[account] = lines.get(account, 0) + amount
        total += amount
    if 0 in lines.values():
        lines = {account: amount for account, amount in lines.items() if amount}
    if total or len(lines) < 2:
        said = f"The entry {entry.key} adds up to {total}, not to zero, or moves nothing."
        raise UnbalancedEntry(said, key=entry.key, sum_minor=total)
    content = (entry.kind._value_, entry.reference_kind, entry.reference_id, sorted(lines.items()))
    return _Draft(entry, currency, lines, blake2b(repr(content).encode(), digest_size=16).digest())


def _find_posted(drafts: dict[str, _Draft]) -> dict[str, EntryId]:
    """Ids of the keys that are posted already; raises EntryKeyReused where the content differs."""
    rows = sql.fetch(
        "SELECT key, id, digest FROM ledger_entries WHERE tenant_id = %s AND key = ANY(%s::text[])",
        (tenancy.current_tenant_id(), sql.array_literal(drafts)),
    )
    posted: dict[str, EntryId] = {}
    for key, entry_id, digest in rows:
        if bytes(digest) != drafts[key].digest:
            raise EntryKeyReused(f"The key {key} was posted before with different content.", key=key)
        posted[key] = EntryId(entry_id)
    return posted


def _may_be_refused(drafts: Sequence[_Draft]) -> bool:
    net: defaultdict[_Account, int] = defaultdict(int)
    for draft in drafts:
        for account, amount in draft.lines.items():
            if account[0] in _GUARDED:
                net[account] += _SIGNS[account[0]] * amount
    return any(delta < 0 for delta in net.values())


def _write(drafts: Sequence[_Draft]) -> dict[str, EntryId]:
    """Insert the entries and their postings. A key that another transaction posted meanwhile is left to it."""
    accounts = _open_accounts(drafts)
    now = clock.now()
    numbered = list(zip(ids.next_ids(len(drafts)), drafts, strict=True))
    rows = [
        (i, e.kind._value_, e.reference_kind, e.reference_id, d.currency, len(d.lines), e.occurred_at, now, e.key, d.digest)
        for i, d, e in ((i, d, d.entry) for i, d in numbered)
    ]
    untouched = "ON CONFLICT (tenant_id, key) DO NOTHING"
    written = {row[0] for row in sql.insert(EntryRow, _ENTRY_COLUMNS, rows, on_conflict=untouched, returning="id")}
    posted = {d.entry.key: EntryId(i) for i, d in numbered if i in written}
    if len(written) < len(drafts):
        posted |= _find_posted({d.entry.key: d for d in drafts if d.entry.key not in posted})
    posting_ids = iter(ids.next_ids(sum(len(d.lines) for i, d in numbered if i in written)))
    lines = [
        (next(posting_ids), i, accounts[account], amount, d.currency, d.entry.occurred_at)
        for i, d in numbered
        if i in written
        for account, amount in d.lines.items()
    ]
    try:
        sql.insert(PostingRow, _POSTING_COLUMNS, lines)
    except IntegrityError as error:
        raise _explain(error, accounts) from error
    return posted


def _open_accounts(drafts: Sequence[_Draft]) -> dict[_Account, int]:
    """Ids of all accounts of the batch; those that are missing are opened, guarded ones with a balance of zero."""
    wanted = {account for draft in drafts for account in draft.lines}
    found = _find_accounts(wanted)
    missing = sorted(wanted - found.keys(), key=lambda account: (account[1], account[0], account[2]))
    if missing:
        now = clock.now()
        sql.insert(
            AccountRow,
            ("id", "kind", "owner_id", "currency", "natural_sign", "is_guarded", "opened_at"),
            [
                (i, kind, owner_id, currency, _SIGNS[kind], kind in _GUARDED, now)
                for i, (kind, owner_id, currency) in zip(ids.next_ids(len(missing)), missing, strict=True)
            ],
            on_conflict="ON CONFLICT (tenant_id, owner_id, kind, currency) DO NOTHING",
        )
        found |= _find_accounts(set(missing))
    return found


def _find_accounts(wanted: set[_Account]) -> dict[_Account, int]:
    rows = sql.fetch(
        "SELECT kind, owner_id, currency, id FROM ledger_accounts"
        " WHERE tenant_id = %s AND owner_id = ANY(%s::bigint[]) AND kind = ANY(%s::text[])",
        (
            tenancy.current_tenant_id(),
            sql.array_literal({account[1] for account in wanted}),
            sql.array_literal({account[0] for account in wanted}),
        ),
    )
    return {(kind, owner_id, currency): i for kind, owner_id, currency, i in rows if (kind, owner_id, currency) in wanted}


def _explain(error: IntegrityError, accounts: dict[_Account, int]) -> Exception:
    """The refusal behind a violated guard, or the error itself when it is a defect."""
    diagnosis = getattr(error.__cause__, "diag", None)
    if diagnosis is None or diagnosis.constraint_name != BALANCE_NOT_NEGATIVE or not diagnosis.message_detail:
        return error
    account_id, balance, delta = (int(part) for part in diagnosis.message_detail.split())
    kind, owner_id, _ = next(account for account, known in accounts.items() if known == account_id)
    return InsufficientBalance(
        Filled(
            "The account {kind} holds {balance_minor}, {asked_minor} minor units were asked for.",
            kind=AccountKind(kind),
            balance_minor=balance,
            asked_minor=-delta,
        ),
        account=AccountRef(AccountKind(kind), owner_id),
        account_id=ids.public("acc", account_id),
        kind=kind,
        balance_minor=balance,
        asked_minor=-delta,
    )


def checkpoint(minimum: int = 1000) -> int:
    """Move the checkpoints of unguarded accounts forward where at least `minimum` postings were added; returns how many.

    Safe against transactions that commit late: only postings below the snapshot's horizon are summed, and below it nothing
    is running any more. Running it twice, or twice at once, gives the same sums.
    """
    return sql.execute(
        "WITH horizon AS MATERIALIZED (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS through),"
        " due AS ("
        "  SELECT a.id, a.tenant_id, h.through, coalesce(c.balance_minor, 0) + s.total AS balance, s.line_count"
        "  FROM ledger_accounts a CROSS JOIN horizon h LEFT JOIN ledger_checkpoints c ON c.id = a.id,"
        "  LATERAL (SELECT coalesce(sum(p.amount_minor), 0)::bigint AS total, count(*) AS line_count FROM ledger_postings p"
        "   WHERE p.tenant_id = a.tenant_id AND p.account_id = a.id"
        "   AND p.commit_order >= coalesce(c.through_commit_order, 0) AND p.commit_order < h.through) s"
        "  WHERE a.tenant_id = %s AND NOT a.is_guarded)"
        " INSERT INTO ledger_checkpoints AS old (id, tenant_id, through_commit_order, balance_minor, made_at)"
        " SELECT id, tenant_id, through, balance, %s FROM due WHERE line_count >= %s ORDER BY id"
        " ON CONFLICT (id) DO UPDATE SET through_commit_order = excluded.through_commit_order,"
        "  balance_minor = excluded.balance_minor, made_at = excluded.made_at"
        " WHERE old.through_commit_order < excluded.through_commit_order",
        (tenancy.current_tenant_id(), clock.now(), minimum),
    )
