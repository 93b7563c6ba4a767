"""Opening statements: in batches that several workers share, each in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from banyan.earnings.settlement.commands.booking import book, pay_out
from banyan.earnings.settlement.commands.claiming import Key, carry, claim, find_open_items, write_calendars
from banyan.earnings.settlement.commands.locking import Locked, write_statements
from banyan.earnings.settlement.engine.choice import Policies
from banyan.earnings.settlement.engine.opening import Opening, plan_opening
from banyan.earnings.settlement.engine.review import TIER_RANK
from banyan.earnings.settlement.models import StatementRow
from banyan.earnings.settlement.queries import list_policies
from banyan.earnings.settlement.types import Item, Lane, Policy, SourceKind, StatementStatus
from banyan.kernel import clock, ids, sql, tenancy
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.types import DistributorId, Status

SKIP_LOCKED = "FOR NO KEY UPDATE SKIP LOCKED"
INSUFFICIENT = "insufficient_balance"
COLUMNS = (
    "id", "distributor_id", "policy_id", "period_from", "period_to", "currency", "amount_minor", "line_count", "tier",
    "tier_rank",
    "status", "reason", "opened_at", "attempt",
)  # fmt: skip


def open_statements(at: datetime, limit: int = 500) -> int:
    """Open the statements of at most `limit` distributors whose period has ended at `at`; call again until it returns 0.

    Each distributor's calendar row is locked and skipped by others, so workers share the work; a batch is one transaction,
    so a killed worker leaves nothing half done. One statement per distributor, period and currency; each item in at most
    one standing statement, both by unique index. Automatic statements are booked and their payouts asked for at once.
    """
    due = sql.fetch(
        "SELECT distributor_id, currency, settled_until FROM settlement_calendars WHERE tenant_id = %s AND due_at <= %s"
        f" ORDER BY due_at, id LIMIT %s {SKIP_LOCKED}",
        (tenancy.current_tenant_id(), at, limit),
    )
    if not due:
        return 0
    settled = {(row[0], row[1]): row[2] for row in due}
    items, policies, now = find_open_items(settled), Policies(list_policies()), clock.now()
    zone = tenancy.get_tenant(tenancy.current_tenant_id()).zone
    standings = distributors.standings_at([DistributorId(key[0]) for key in settled], now)
    calendars: list[tuple[Key, datetime | None, datetime | None]] = []
    opened: list[tuple[Key, Policy, str, Opening]] = []
    for key, settled_until in settled.items():
        standing = standings.get(DistributorId(key[0]))
        tier = standing.tier.value if standing else ""
        policy = policies.find(key[0], tier)
        if policy is None:  # opening a policy will look again
            calendars.append((key, None, settled_until))
            continue
        # Who left is paid what is owed, but a person looks at it first.
        active = standing is not None and standing.status in (Status.ACTIVE, Status.FROZEN)
        terms = policy.terms if active else replace(policy.terms, lane=Lane.REVIEWED)
        frozen = standing is not None and standing.status is Status.FROZEN
        plan = plan_opening(items.get(key, []), settled_until, terms, zone, at, frozen)
        calendars.append((key, plan.due_at, plan.settled_until))
        if plan.draft is not None:
            opened.append((key, policy, tier, plan))
    write_calendars(calendars)
    _write(opened, now)
    return len(due)


def _write(opened: Sequence[tuple[Key, Policy, str, Opening]], now: datetime) -> None:
    if not opened:
        return
    rows: list[tuple[Any, ...]] = []
    claims: list[tuple[int, Item]] = []
    carried: list[tuple[int, Key, int, datetime]] = []
    automatic: list[Locked] = []
    for statement_id, (key, policy, tier, plan) in zip(ids.next_ids(len(opened)), opened, strict=True):
        draft, period = plan.draft, plan.period
        assert draft is not None and period is not None  # only drafted openings come here
        rows.append(
            (
                statement_id, key[0], policy.policy_id, period.start_at, period.end_at, key[1], draft.amount_minor,
                len(draft.items), tier,
                TIER_RANK.get(tier, len(TIER_RANK)), draft.status.value, draft.reason, now, 0,
            )
        )  # fmt: skip
        claims.extend((statement_id, item) for item in draft.items)
        if draft.status is StatementStatus.CARRIED:
            carried.append((statement_id, key, draft.amount_minor, period.end_at))
        if draft.status is StatementStatus.APPROVED:
            automatic.append(
                Locked(
                    statement_id, key[0], key[1], policy.policy_id, draft.amount_minor, len(draft.items),
                    StatementStatus.UNDER_REVIEW, "",
                    period.end_at, None, None, None, None, 0, None, None,
                )
            )  # fmt: skip
    sql.insert(StatementRow, COLUMNS, rows)
    claim(claims)
    carry(carried, SourceKind.CARRIED)
    approve_by_itself(automatic)


def approve_by_itself(statements: Sequence[Locked]) -> None:
    """Book and pay statements that need nobody; what the balance does not cover waits for a person with that reason."""
    refused = book(statements)
    for one in statements:
        if one.statement_id in refused:
            one.status, one.reason = StatementStatus.UNDER_REVIEW, INSUFFICIENT
    pay_out(statements)
    write_statements(statements)
