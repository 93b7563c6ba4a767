"""Statements under lock."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from banyan.earnings.settlement.commands.claiming import Key, claim, find_open_items, lock_calendars, write_calendars
from banyan.earnings.settlement.commands.intake import period_ends
from banyan.earnings.settlement.types import OPEN_STATUSES, SourceKind, StatementStatus
from banyan.kernel import clock, sql, tenancy

STATEMENT_LOCK = "FOR NO KEY UPDATE"


@dataclass
class Locked:
    """One statement as locked; commands change it in memory and write it back together."""

    statement_id: int
    distributor_id: int
    currency: str
    policy_id: int
    amount_minor: int
    line_count: int
    status: StatementStatus
    reason: str
    period_to: datetime
    first_approver_id: int | None
    approver_id: int | None
    approved_at: datetime | None
    payout_id: int | None
    attempt: int
    pay_at: datetime | None
    paid_at: datetime | None

    @property
    def key(self) -> Key:
        """Whose calendar guards it."""
        return (self.distributor_id, self.currency)


COLUMNS = (
    "id, distributor_id, currency, policy_id, amount_minor, line_count, status, reason, period_to, first_approver_id,"
    " approver_id,"
    " approved_at, payout_id, attempt, pay_at, paid_at"
)

STATUS = 6
"""Where the status stands among the columns."""


def lock_statements(statement_ids: Iterable[int]) -> dict[int, Locked]:
    """Lock the calendars of these statements' distributors, then the statements, each lowest first."""
    wanted, tenant_id = sorted(set(statement_ids)), tenancy.current_tenant_id()
    if not wanted:
        return {}
    owners = sql.fetch(
        "SELECT DISTINCT distributor_id, currency FROM settlement_statements WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (tenant_id, wanted),
    )
    lock_calendars((row[0], row[1]) for row in owners)
    rows = sql.fetch(
        f"SELECT {COLUMNS} FROM settlement_statements WHERE tenant_id = %s AND id = ANY(%s::bigint[]) ORDER BY id"
        f" {STATEMENT_LOCK}",
        (tenant_id, wanted),
    )
    return {row[0]: Locked(*_typed(row)) for row in rows}


def _typed(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*row[:STATUS], StatementStatus(row[STATUS]), *row[STATUS + 1 :])


def write_statements(changed: Collection[Locked]) -> None:
    """Write back everything that a command may change."""
    if not changed:
        return
    sql.execute(
        "UPDATE settlement_statements s SET amount_minor = d.amount_minor, line_count = d.line_count, status ="
        " d.status, reason = d.reason,"
        " first_approver_id = d.first_approver_id, approver_id = d.approver_id, approved_at = d.approved_at, payout_id"
        " = d.payout_id,"
        " attempt = d.attempt, pay_at = d.pay_at, paid_at = d.paid_at"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::text[], %s::text[], %s::bigint[], %s::bigint[],"
        " %s::timestamptz[],"
        " %s::bigint[], %s::smallint[], %s::timestamptz[], %s::timestamptz[]) AS d(id, amount_minor, line_count, status, reason,"
        " first_approver_id, approver_id, approved_at, payout_id, attempt, pay_at, paid_at)"
        " WHERE s.tenant_id = %s AND s.id = d.id",
        (
            [one.statement_id for one in changed],
            [one.amount_minor for one in changed],
            [one.line_count for one in changed],
            [one.status.value for one in changed],
            [one.reason[:500] for one in changed],
            [one.first_approver_id for one in changed],
            [one.approver_id for one in changed],
            sql.array_literal(one.approved_at for one in changed),
            [one.payout_id for one in changed],
            [one.attempt for one in changed],
            sql.array_literal(one.pay_at for one in changed),
            sql.array_literal(one.paid_at for one in changed),
            tenancy.current_tenant_id(),
        ),
    )


def pay_soon(distributor_ids: Iterable[int]) -> int:
    """Let approved statements that wait for something of these distributors be looked at now, lowest id first."""
    return sql.execute(
        "UPDATE settlement_statements SET pay_at = least(pay_at, %s) WHERE id IN (SELECT id FROM settlement_statements"
        " WHERE tenant_id = %s AND distributor_id = ANY(%s::bigint[]) AND status = 'approved' ORDER BY id FOR NO KEY UPDATE)",
        (clock.now(), tenancy.current_tenant_id(), sorted(set(distributor_ids))),
    )


def absorb_reversals(locked: Iterable[Locked]) -> list[Locked]:
    """Take what was reversed since into statements that wait for a person: the reversal already left the balance.

    A distributor's oldest waiting statement takes it. Returns the statements that changed; the caller writes them.
    """
    oldest: dict[Key, Locked] = {}
    for one in sorted(locked, key=lambda statement: statement.statement_id):
        if one.status in OPEN_STATUSES:
            oldest.setdefault(one.key, one)
    found = find_open_items(oldest, only_taking=True) if oldest else {}
    taken = [(oldest[key], item) for key, items in found.items() for item in items]
    claim([(one.statement_id, item) for one, item in taken])
    for one, item in taken:
        one.amount_minor += item.amount_minor
        one.line_count += 1
    return list({one.statement_id: one for one, _ in taken}.values())


def schedule(keys: Collection[Key]) -> None:
    """Set the due dates of locked calendars whose items became open again."""
    if not keys:
        return
    calendars, items = lock_calendars(keys), find_open_items(keys)
    begins: dict[Key, datetime] = {}
    for key, found in items.items():
        moments = [item.occurred_at for item in found if item.source_kind is not SourceKind.CARRIED]
        if moments:
            settled_until = calendars[key][1]
            begins[key] = max(min(moments), settled_until) if settled_until else min(moments)
    ends = period_ends(begins)
    write_calendars([(key, ends.get(key), calendars[key][1]) for key in sorted(calendars)])
