"""Compares each distributor's row with the dated facts it repeats."""

from __future__ import annotations

from collections.abc import Iterator

from banyan.kernel import ids, sql, tenancy
from banyan.kernel.verification import Finding, Tally, check

SHOWN = 1000


@check("distributors.status")
def check_status(tally: Tally) -> Iterator[Finding]:
    """Status on the row = the open fact; the facts have neither gap nor overlap."""
    yield from _compare(tally, "status", "distributors_status_facts")


@check("distributors.tier")
def check_tier(tally: Tally) -> Iterator[Finding]:
    """Tier on the row = the open fact; the facts have neither gap nor overlap."""
    yield from _compare(tally, "tier", "distributors_tier_facts")


def _compare(tally: Tally, column: str, table: str) -> Iterator[Finding]:
    tenant_id = tenancy.current_tenant_id()
    tally.compared += sql.fetch(f"SELECT count(*) FROM {table} WHERE tenant_id = %s", (tenant_id,))[0][0]
    tally.compared += sql.fetch("SELECT count(*) FROM distributors WHERE tenant_id = %s", (tenant_id,))[0][0]
    rows = sql.fetch(
        f"""
        SELECT d.id, f.{column}, f.valid_from, d.{column}, d.{column}_since FROM distributors d
        LEFT JOIN {table} f ON f.tenant_id = d.tenant_id AND f.distributor_id = d.id AND f.valid_to IS NULL
        WHERE d.tenant_id = %s AND (f.id IS NULL OR f.{column} <> d.{column} OR f.valid_from <> d.{column}_since)
        ORDER BY d.id LIMIT %s
        """,
        (tenant_id, SHOWN),
    )
    for identity, fact, since, stored, stored_since in rows:
        subject = ids.public("dst", identity)
        yield Finding(f"distributors.{column}", subject, [fact, str(since)], [stored, str(stored_since)])
    rows = sql.fetch(
        f"""
        SELECT h.id, h.before_to, h.valid_from FROM (
          SELECT id, valid_from,
                 lag(coalesce(valid_to, 'infinity')) OVER (PARTITION BY distributor_id ORDER BY valid_from, id) AS before_to
          FROM {table} WHERE tenant_id = %s) h
        WHERE h.before_to IS NOT NULL AND h.before_to <> h.valid_from ORDER BY h.id LIMIT %s
        """,
        (tenant_id, SHOWN),
    )
    for row, expected, actual in rows:
        yield Finding(f"distributors.{column}_history", f"{table} {row}", str(expected), str(actual))
