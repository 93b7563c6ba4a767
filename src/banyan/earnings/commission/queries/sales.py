"""Sales of the running period by distributor: personal and team, by day of the tenant's calendar.

`commission_sales` is kept only where a version in force or to come asks for figures; publishing such a version fills it for the
longest period from the accruals. `banyan verify` (commission.sales) compares it with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo

from banyan.earnings.commission.engine.periods import first_day_of
from banyan.earnings.commission.models import SalesRow
from banyan.earnings.commission.types import Member, PaidOrder, Period
from banyan.kernel import ids, sql
from banyan.kernel.tenancy import current_tenant_id

Days = dict[tuple[int, date], list[int]]
"""(distributor, day) → [personal, team] minor units."""


def read_sales(distributor_ids: Iterable[int], first: date, last: date) -> Days:
    """Sales by day of these distributors, from the first day to the last inclusive."""
    rows = sql.fetch(
        "SELECT distributor_id, day, personal_minor, team_minor FROM commission_sales"
        " WHERE tenant_id = %s AND distributor_id = ANY(%s::bigint[]) AND day BETWEEN %s AND %s",
        (current_tenant_id(), sorted(set(distributor_ids)), first, last),
    )
    return {(row[0], row[1]): [row[2], row[3]] for row in rows}


def write_sales(days: Mapping[tuple[int, date], Sequence[int]]) -> None:
    """Add to what is kept. Callers hold the lock of `commands.accrual`, so rows are never waited for crosswise."""
    numbers = ids.next_ids(len(days))
    sql.insert(
        SalesRow,
        ("id", "distributor_id", "day", "personal_minor", "team_minor"),
        [(number, *place, *days[place]) for number, place in zip(numbers, sorted(days), strict=True)],
        on_conflict="ON CONFLICT (tenant_id, distributor_id, day) DO UPDATE SET"
        " personal_minor = commission_sales.personal_minor + excluded.personal_minor,"
        " team_minor = commission_sales.team_minor + excluded.team_minor",
    )


def sales_of(order: PaidOrder, zone: tzinfo) -> Iterable[tuple[tuple[int, date], int, int]]:
    """((distributor, day), personal, team) that one order adds: the seller's personal sales, everybody's team sales."""
    base = sum(line.base_minor for line in order.lines)
    day = order.paid_at.astimezone(zone).date()
    for member in order.upline:
        yield (member.distributor_id, day), base if member.depth == 0 else 0, base


def figures_for(member: Member, names: Sequence[str], days: Days, by_person: Mapping[int, Sequence[date]], day: date) -> Member:
    """The member with his figures: the sums of his days in each period up to today."""
    figures = {}
    for name in names:
        period, team = Period(name.split("_", 1)[0]), "_team_" in name
        first = first_day_of(period, day)
        mine = [each for each in by_person.get(member.distributor_id, ()) if first <= each <= day]
        figures[name] = sum(days[member.distributor_id, each][team] for each in mine)
    return member._replace(figures=figures)


def longest_start(names: Iterable[str], moments: Sequence[datetime], zone: tzinfo) -> date:
    """The first day that any of the figures looks back to."""
    earliest = min(moments).astimezone(zone).date()
    return min(first_day_of(Period(name.split("_", 1)[0]), earliest) for name in names)
