"""Items and the lines that claim them. Whoever claims holds the distributor's calendar row.

Lock order: calendars by distributor, then statements by id, then (in the ledger) balances.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from banyan.earnings.settlement.models import CalendarRow, ItemRow, LineRow
from banyan.earnings.settlement.types import Item, NewItem, SourceKind
from banyan.kernel import ids, sql, tenancy
from banyan.kernel.values.errors import Conflict

CALENDAR_LOCK = "FOR NO KEY UPDATE"
CLAIM_GUARD = "AND i.statement_id IS NULL"

Key = tuple[int, str]
"""(distributor id, currency)"""


class ClaimedTwice(Conflict):
    """An item was claimed by another statement: the lock was not held. Nothing of the batch is kept."""

    code = "claimed_twice"
    advice = "Run the settlement again."


def open_calendars(keys: Iterable[Key]) -> None:
    """Insert the row before locking it. Idempotent."""
    wanted = sorted(set(keys))
    sql.insert(
        CalendarRow,
        ("id", "distributor_id", "currency"),
        [(i, *key) for i, key in zip(ids.next_ids(len(wanted)), wanted, strict=True)],
        on_conflict="ON CONFLICT (tenant_id, distributor_id, currency) DO NOTHING",
    )


def lock_calendars(keys: Iterable[Key]) -> dict[Key, tuple[datetime | None, datetime | None]]:
    """Lock by distributor and currency, lowest first; gives (due_at, settled_until)."""
    wanted = sorted(set(keys))
    rows = sql.fetch(
        "SELECT c.distributor_id, c.currency, c.due_at, c.settled_until FROM settlement_calendars c"
        " JOIN unnest(%s::bigint[], %s::text[]) AS k(distributor_id, currency)"
        " ON c.distributor_id = k.distributor_id AND c.currency = k.currency"
        f" WHERE c.tenant_id = %s ORDER BY c.distributor_id, c.currency {CALENDAR_LOCK} OF c",
        ([key[0] for key in wanted], [key[1] for key in wanted], tenancy.current_tenant_id()),
    )
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


def write_calendars(changes: Sequence[tuple[Key, datetime | None, datetime | None]]) -> None:
    """Set (due_at, settled_until) of locked calendars."""
    if not changes:
        return
    sql.execute(
        "UPDATE settlement_calendars c SET due_at = d.due_at, settled_until = d.settled_until"
        " FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[]) AS d(distributor_id, currency,"
        " due_at, settled_until)"
        " WHERE c.tenant_id = %s AND c.distributor_id = d.distributor_id AND c.currency = d.currency",
        (
            [key[0] for key, _, _ in changes],
            [key[1] for key, _, _ in changes],
            sql.array_literal(due_at for _, due_at, _ in changes),
            sql.array_literal(settled_until for _, _, settled_until in changes),
            tenancy.current_tenant_id(),
        ),
    )


def insert_items(items: Sequence[NewItem]) -> set[tuple[SourceKind, int]]:
    """Write items; those whose source is known are left alone. Returns the sources that are new."""
    written = sql.insert(
        ItemRow,
        ("id", "distributor_id", "currency", "source_kind", "source_id", "cause_id", "amount_minor", "occurred_at"),
        [
            (
                i,
                one.distributor_id,
                one.currency,
                one.source_kind.value,
                one.source_id,
                one.cause_id,
                one.amount_minor,
                one.occurred_at,
            )
            for i, one in zip(ids.next_ids(len(items)), items, strict=True)
        ],
        on_conflict="ON CONFLICT (tenant_id, source_kind, source_id) DO NOTHING",
        returning="source_kind, source_id",
    )
    return {(SourceKind(kind), source_id) for kind, source_id in written}


def find_open_items(keys: Iterable[Key], *, only_taking: bool = False) -> dict[Key, list[Item]]:
    """Items in no standing statement, by distributor and currency; with `only_taking`, only negative ones."""
    wanted = sorted(set(keys))
    rows = sql.fetch(
        "SELECT i.distributor_id, i.currency, i.id, i.source_kind, i.source_id, i.amount_minor, i.occurred_at, i.cause_id"
        " FROM settlement_items i JOIN unnest(%s::bigint[], %s::text[]) AS k(distributor_id, currency)"
        " ON i.distributor_id = k.distributor_id AND i.currency = k.currency"
        f" WHERE i.tenant_id = %s AND i.statement_id IS NULL {'AND i.amount_minor < 0' if only_taking else ''} ORDER BY"
        f" i.occurred_at, i.id",
        ([key[0] for key in wanted], [key[1] for key in wanted], tenancy.current_tenant_id()),
    )
    found: dict[Key, list[Item]] = {}
    for distributor_id, currency, item_id, kind, source_id, amount, occurred_at, cause_id in rows:
        found.setdefault((distributor_id, currency), []).append(
            Item(item_id, SourceKind(kind), source_id, amount, occurred_at, cause_id)
        )
    return found


def claim(claims: Sequence[tuple[int, Item]]) -> None:
    """Write lines, given as (statement id, item), and mark the items. Raises ClaimedTwice when one was taken meanwhile.

    The unique index on standing lines refuses the same even for a writer without lock and guard.
    """
    if not claims:
        return
    sql.insert(
        LineRow,
        ("id", "statement_id", "source_kind", "source_id", "cause_id", "amount_minor", "occurred_at", "stands"),
        [
            (i, statement_id, item.source_kind.value, item.source_id, item.cause_id, item.amount_minor, item.occurred_at, True)
            for i, (statement_id, item) in zip(ids.next_ids(len(claims)), claims, strict=True)
        ],
    )
    claimed = sql.execute(
        "UPDATE settlement_items i SET statement_id = d.statement_id FROM unnest(%s::bigint[], %s::bigint[]) AS d(id,"
        " statement_id)"
        f" WHERE i.tenant_id = %s AND i.id = d.id {CLAIM_GUARD}",
        ([item.item_id for _, item in claims], [statement_id for statement_id, _ in claims], tenancy.current_tenant_id()),
    )
    if claimed != len(claims):
        raise ClaimedTwice("Another statement claimed some of these items.")


def unclaim(statement_ids: Sequence[int]) -> None:
    """A rejected statement's lines no longer stand; their items may be settled again."""
    tenant_id = tenancy.current_tenant_id()
    sql.execute(
        "UPDATE settlement_lines SET stands = false WHERE tenant_id = %s AND statement_id = ANY(%s::bigint[]) AND stands",
        (tenant_id, list(statement_ids)),
    )
    sql.execute(
        "UPDATE settlement_items i SET statement_id = NULL FROM settlement_lines l WHERE l.tenant_id = %s"
        " AND l.statement_id = ANY(%s::bigint[]) AND i.tenant_id = l.tenant_id AND i.source_kind = l.source_kind AND"
        " i.source_id = l.source_id"
        " AND i.statement_id = l.statement_id",
        (tenant_id, list(statement_ids)),
    )


def carry(carried: Sequence[tuple[int, Key, int, datetime]], kind: SourceKind) -> None:
    """Let the amounts of statements, given as (statement id, key, amount, at), go into the next one as one item each."""
    insert_items(
        [
            NewItem(key[0], key[1], kind, statement_id, amount_minor, at, cause_id=statement_id)
            for statement_id, key, amount_minor, at in carried
            if amount_minor
        ]
    )
