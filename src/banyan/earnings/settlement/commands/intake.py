"""What there is to settle: taken in from events, with the date on which it is due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from banyan.earnings.settlement.commands.claiming import Key, insert_items, lock_calendars, open_calendars, write_calendars
from banyan.earnings.settlement.engine.choice import Policies
from banyan.earnings.settlement.engine.periods import period_containing
from banyan.earnings.settlement.queries import list_policies
from banyan.earnings.settlement.types import NewItem
from banyan.kernel import clock, sql, tenancy
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.types import DistributorId


def take_in(items: Sequence[NewItem]) -> int:
    """Take in released commissions and reversals; returns how many were new. Idempotent by source.

    A distributor's due date becomes the end of the period, under their policy, in which the earliest open item happened.
    """
    if not items:
        return 0
    keys = {(item.distributor_id, item.currency) for item in items}
    open_calendars(keys)
    calendars = lock_calendars(keys)
    new = insert_items([item for item in items if item.amount_minor])
    earliest: dict[Key, datetime] = {}
    for item in items:
        if (item.source_kind, item.source_id) in new:
            key = (item.distributor_id, item.currency)
            earliest[key] = min(item.occurred_at, earliest.get(key, item.occurred_at))
    ends = period_ends({key: max(at, calendars[key][1] or at) for key, at in earliest.items()})
    changes = []
    for key in earliest:
        due_at, settled_until = calendars[key]
        dates = [date for date in (due_at, ends[key]) if date is not None]
        changes.append((key, min(dates, default=None), settled_until))
    write_calendars(changes)
    return len(new)


def period_ends(instants: Mapping[Key, datetime]) -> dict[Key, datetime | None]:
    """The end of the period that contains the instant, under each distributor's present policy; None without a policy."""
    zone = tenancy.get_tenant(tenancy.current_tenant_id()).zone
    policies = Policies(list_policies())
    standings = distributors.standings_at([DistributorId(key[0]) for key in instants], clock.now())
    ends: dict[Key, datetime | None] = {}
    for key, at in instants.items():
        standing = standings.get(DistributorId(key[0]))
        policy = policies.find(key[0], standing.tier.value if standing else "")
        ends[key] = period_containing(policy.terms.rhythm, zone, at).end_at if policy else None
    return ends


def look_again(distributor_ids: Iterable[int]) -> int:
    """Let the next opening recompute these distributors' periods: their tier, and so perhaps their policy, changed."""
    return sql.execute(
        "UPDATE settlement_calendars SET due_at = least(due_at, %s) WHERE tenant_id = %s AND distributor_id = ANY(%s::bigint[])"
        " AND due_at IS NOT NULL",
        (clock.now(), tenancy.current_tenant_id(), sorted(set(distributor_ids))),
    )
