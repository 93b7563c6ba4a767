"""Figures of the overview: one aggregate query each, over the tenant's own rows.

A report reads the tables of several houses at once, set-based; it writes nothing and decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from banyan.kernel import sql, tenancy
from banyan.kernel.tenancy.registry import get_tenant
from banyan.treasury.ledger import queries as ledger
from banyan.treasury.ledger.types import AccountKind, AccountRef


@dataclass(frozen=True)
class Window:
    """Half-open [start, end) in UTC, whole days of the tenant's zone."""

    start: datetime
    end: datetime
    days: int
    zone: str


@dataclass(frozen=True)
class Sales:
    """Paid orders of a window."""

    order_count: int
    gmv_minor: int
    refund_minor: int
    returned_orders: int

    @property
    def return_rate_bp(self) -> int:
        """Refunded amount as a share of the paid amount, basis points."""
        return self.refund_minor * 10_000 // self.gmv_minor if self.gmv_minor else 0


@dataclass(frozen=True)
class Day:
    """One day's paid amount and accrued commission."""

    day: date
    gmv_minor: int
    commission_minor: int


def window(days: int, now: datetime) -> Window:
    """The latest `days` days of the tenant's zone, today included."""
    tenant = get_tenant(tenancy.current_tenant_id())
    today = now.astimezone(tenant.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return Window(today - timedelta(days=days - 1), today + timedelta(days=1), days, tenant.timezone)


def sales(of: Window) -> Sales:
    """Orders paid in the window and what went back in it."""
    tenant_id = tenancy.current_tenant_id()
    count, gmv = sql.fetch(
        "SELECT count(*), coalesce(sum(total_minor), 0) FROM orders_orders"
        " WHERE tenant_id = %s AND paid_at >= %s AND paid_at < %s",
        (tenant_id, of.start, of.end),
    )[0]
    refund, returned = sql.fetch(
        "SELECT coalesce(sum(refund_minor), 0), count(DISTINCT order_id) FROM returns"
        " WHERE tenant_id = %s AND accepted_at >= %s AND accepted_at < %s",
        (tenant_id, of.start, of.end),
    )[0]
    return Sales(int(count), int(gmv), int(refund), int(returned))


def accrued_minor(of: Window) -> int:
    """Commission accrued on orders paid in the window."""
    rows = sql.fetch(
        "SELECT coalesce(sum(total_minor), 0) FROM commission_accruals WHERE tenant_id = %s AND paid_at >= %s AND paid_at < %s",
        (tenancy.current_tenant_id(), of.start, of.end),
    )
    return int(rows[0][0])


def distributor_balances() -> dict[str, int]:
    """Sums of the guarded balances now: pending, available, payable, debt."""
    rows = sql.fetch(
        "SELECT a.kind, sum(b.balance_minor) FROM ledger_balances b"
        " JOIN ledger_accounts a ON a.tenant_id = b.tenant_id AND a.id = b.id"
        " WHERE b.tenant_id = %s AND b.balance_minor <> 0 GROUP BY a.kind",
        (tenancy.current_tenant_id(),),
    )
    return {str(kind).removeprefix("distributor_"): int(total) for kind, total in rows}


def in_transit_minor() -> int:
    """Payouts asked for and neither completed nor given back: what stands in payout clearing now."""
    clearing = AccountRef(AccountKind.PAYOUT_CLEARING)
    return ledger.balances([clearing])[clearing]


def paid_out_minor(of: Window) -> int:
    """Statements whose payout was completed in the window."""
    rows = sql.fetch(
        "SELECT coalesce(sum(amount_minor), 0) FROM settlement_statements"
        " WHERE tenant_id = %s AND paid_at >= %s AND paid_at < %s",
        (tenancy.current_tenant_id(), of.start, of.end),
    )
    return int(rows[0][0])


def review_queue() -> tuple[int, int]:
    """Statements that wait for a person: how many and how much."""
    rows = sql.fetch(
        "SELECT count(*), coalesce(sum(amount_minor), 0) FROM settlement_statements"
        " WHERE tenant_id = %s AND status IN ('under_review', 'awaiting_second')",
        (tenancy.current_tenant_id(),),
    )
    return int(rows[0][0]), int(rows[0][1])


def distributor_counts() -> dict[str, int]:
    """Distributors by status."""
    rows = sql.fetch(
        "SELECT status, count(*) FROM distributors WHERE tenant_id = %s GROUP BY status", (tenancy.current_tenant_id(),)
    )
    return {str(status): int(count) for status, count in rows}


def open_set_aside() -> int:
    """Events set aside and not resolved."""
    rows = sql.fetch(
        "SELECT count(*) FROM set_aside_events WHERE tenant_id = %s AND resolved_at IS NULL", (tenancy.current_tenant_id(),)
    )
    return int(rows[0][0])


def by_day(of: Window) -> list[Day]:
    """Every day of the window, also those on which nothing happened."""
    tenant_id = tenancy.current_tenant_id()
    paid = sql.fetch(
        "SELECT (paid_at AT TIME ZONE %s)::date, sum(total_minor) FROM orders_orders"
        " WHERE tenant_id = %s AND paid_at >= %s AND paid_at < %s GROUP BY 1",
        (of.zone, tenant_id, of.start, of.end),
    )
    accrued = sql.fetch(
        "SELECT (paid_at AT TIME ZONE %s)::date, sum(total_minor) FROM commission_accruals"
        " WHERE tenant_id = %s AND paid_at >= %s AND paid_at < %s GROUP BY 1",
        (of.zone, tenant_id, of.start, of.end),
    )
    gmv = {day: int(total) for day, total in paid}
    commission = {day: int(total) for day, total in accrued}
    first = of.start.date()
    days = [first + timedelta(days=n) for n in range(of.days)]
    return [Day(day, gmv.get(day, 0), commission.get(day, 0)) for day in days]


def by_depth(of: Window) -> list[tuple[int, int, int]]:
    """(depth, commissions, amount) of orders paid in the window; depth 0 is the seller."""
    rows = sql.fetch(
        "SELECT c.depth, count(*), sum(c.amount_minor) FROM commission_accruals a"
        " JOIN commission_commissions c ON c.tenant_id = a.tenant_id AND c.order_id = a.id"
        " WHERE a.tenant_id = %s AND a.paid_at >= %s AND a.paid_at < %s GROUP BY c.depth ORDER BY c.depth",
        (tenancy.current_tenant_id(), of.start, of.end),
    )
    return [(int(depth), int(count), int(total)) for depth, count, total in rows]


def top_payees(of: Window, count: int = 10) -> list[tuple[int, int, int]]:
    """(distributor id, commission, orders) of those who earned most on orders paid in the window."""
    rows = sql.fetch(
        "SELECT c.payee_id, sum(c.amount_minor) AS total, count(DISTINCT c.order_id) FROM commission_accruals a"
        " JOIN commission_commissions c ON c.tenant_id = a.tenant_id AND c.order_id = a.id"
        " WHERE a.tenant_id = %s AND a.paid_at >= %s AND a.paid_at < %s"
        " GROUP BY c.payee_id ORDER BY total DESC, c.payee_id LIMIT %s",
        (tenancy.current_tenant_id(), of.start, of.end, count),
    )
    return [(int(payee), int(total), int(orders)) for payee, total, orders in rows]


@dataclass(frozen=True)
class Record:
    """What one distributor brought and got: paid orders that name him as referrer, consumers bound to him now, money received.

    `referred_minor` is what the buyers paid; what went back later is not taken off. A payout counts once it is completed.
    """

    order_count: int = 0
    referred_minor: int = 0
    consumer_count: int = 0
    payout_count: int = 0
    paid_minor: int = 0


def records_of(distributor_ids: list[int], now: datetime) -> dict[int, Record]:
    """The records of a page of distributors in one statement, whatever their number."""
    tenant_id = tenancy.current_tenant_id()
    rows = sql.fetch(
        """
        WITH page AS MATERIALIZED (SELECT unnest(%s::bigint[]) AS id),
        referred AS (
          SELECT r.referrer_id AS id, count(*) AS orders, sum(o.total_minor) AS minor FROM attribution_referrals r
          JOIN orders_orders o ON o.tenant_id = r.tenant_id AND o.id = r.id AND o.paid_at IS NOT NULL
          WHERE r.tenant_id = %s AND r.referrer_id = ANY(%s::bigint[]) GROUP BY r.referrer_id),
        bound AS (
          SELECT distributor_id AS id, count(*) AS consumers FROM network_bindings
          WHERE tenant_id = %s AND distributor_id = ANY(%s::bigint[]) AND valid_from <= %s
          AND (valid_to > %s OR valid_to IS NULL) AND (expires_at > %s OR expires_at IS NULL) GROUP BY distributor_id),
        paid AS (
          SELECT distributor_id AS id, count(*) AS payouts, sum(amount_minor) AS minor FROM settlement_statements
          WHERE tenant_id = %s AND distributor_id = ANY(%s::bigint[]) AND paid_at IS NOT NULL GROUP BY distributor_id)
        SELECT page.id, coalesce(r.orders, 0), coalesce(r.minor, 0), coalesce(b.consumers, 0), coalesce(p.payouts, 0),
               coalesce(p.minor, 0)
        FROM page LEFT JOIN referred r ON r.id = page.id LEFT JOIN bound b ON b.id = page.id LEFT JOIN paid p ON p.id = page.id
        """,
        (distributor_ids, tenant_id, distributor_ids, tenant_id, distributor_ids, now, now, now, tenant_id, distributor_ids),
    )
    return {int(key): Record(*(int(number) for number in numbers)) for key, *numbers in rows}


def without_place(before_id: int | None, count: int) -> list[int]:
    """Active distributors without a place in the network, newest first: somebody has to give them one."""
    rows = sql.fetch(
        "SELECT d.id FROM distributors d WHERE d.tenant_id = %s AND d.status = 'active' AND (%s::bigint IS NULL OR d.id < %s)"
        " AND NOT EXISTS (SELECT 1 FROM network_members m WHERE m.tenant_id = d.tenant_id AND m.id = d.id)"
        " ORDER BY d.id DESC LIMIT %s",
        (tenancy.current_tenant_id(), before_id, before_id, count),
    )
    return [int(key) for (key,) in rows]
