"""Sales of the running period by distributor: personal and team, by day of the tenant's calendar.

`commission_sales` is kept only where a version in force or to come asks for figures; publishing such a version fills it for the
longest period from the accruals. `banyan verify` (commission.sales) compares it with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from banyan.earnings.commission.engine.figures import Days
from banyan.earnings.commission.models import SalesRow
from banyan.kernel import ids, sql
from banyan.kernel.tenancy import current_tenant_id


def read_sales(distributor_ids: Iterable[int], first: date, until: date) -> Days:
    """Sales by day of these distributors, from the first day to the last inclusive."""
    rows = sql.fetch(
        "SELECT distributor_id, day, personal_minor, team_minor FROM commission_sales"
        " WHERE tenant_id = %s AND distributor_id = ANY(%s::bigint[]) AND day BETWEEN %s AND %s",
        (current_tenant_id(), sorted(set(distributor_ids)), first, until),
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
