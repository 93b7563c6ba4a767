"""Replays the parents and the history and compares every stored path, depth, count and period."""

from __future__ import annotations

from collections.abc import Iterator

from banyan.kernel import events, ids, sql, tenancy
from banyan.kernel.verification import Finding, Tally, check
from banyan.people.distributors.events import DistributorApproved

SHOWN = 1000
"""At most so many findings of one kind are listed: a broken tree would otherwise list everybody."""


@check("network.paths")
def check_paths(tally: Tally) -> Iterator[Finding]:
    """Each path is the sponsor's path and the own id; depth and frontline are what the parents say; roots have no sponsor.

    Parent links in a circle cannot be reached from a root, so their members' paths are found to be wrong.
    """
    tenant_id = tenancy.current_tenant_id()
    tally.compared += 3 * _count("network_members")
    rows = sql.fetch(
        """
        SELECT m.id, coalesce(p.path, '{}') || m.id, m.path FROM network_members m
        LEFT JOIN network_members p ON p.tenant_id = m.tenant_id AND p.id = m.parent_id
        WHERE m.tenant_id = %s AND (m.path <> coalesce(p.path, '{}') || m.id OR m.depth <> cardinality(m.path) - 1)
        ORDER BY m.id LIMIT %s
        """,
        (tenant_id, SHOWN),
    )
    for member, expected, actual in rows:
        yield Finding("network.paths", ids.public("dst", member), expected, actual)
    rows = sql.fetch(
        """
        SELECT m.id, coalesce(c.frontline, 0), m.frontline_count FROM network_members m
        LEFT JOIN (SELECT parent_id, count(*) AS frontline FROM network_members WHERE tenant_id = %s GROUP BY parent_id) c
               ON c.parent_id = m.id
        WHERE m.tenant_id = %s AND m.frontline_count <> coalesce(c.frontline, 0) ORDER BY m.id LIMIT %s
        """,
        (tenant_id, tenant_id, SHOWN),
    )
    for member, expected, actual in rows:
        yield Finding("network.frontline_count", ids.public("dst", member), expected, actual)


@check("network.sponsorships")
def check_sponsorships(tally: Tally) -> Iterator[Finding]:
    """The open sponsorship is the parent; the history begins with the joining and has neither gap nor overlap."""
    tenant_id = tenancy.current_tenant_id()
    tally.compared += 2 * _count("network_sponsorships")
    rows = sql.fetch(
        """
        SELECT m.id, m.parent_id, s.sponsor_id, m.sponsored_since, s.valid_from FROM network_members m
        LEFT JOIN network_sponsorships s ON s.tenant_id = m.tenant_id AND s.distributor_id = m.id AND s.valid_to IS NULL
        WHERE m.tenant_id = %s
              AND (s.id IS NULL OR s.sponsor_id IS DISTINCT FROM m.parent_id OR s.valid_from <> m.sponsored_since)
        ORDER BY m.id LIMIT %s
        """,
        (tenant_id, SHOWN),
    )
    for member, parent, sponsor, since, valid_from in rows:
        yield Finding("network.sponsor_of_today", ids.public("dst", member), [parent, str(since)], [sponsor, str(valid_from)])
    rows = sql.fetch(
        """
        SELECT h.id, h.distributor_id, h.valid_from, coalesce(h.before_to, m.joined_at) FROM (
          SELECT id, distributor_id, valid_from,
                 lag(valid_to) OVER (PARTITION BY distributor_id ORDER BY valid_from) AS before_to,
                 row_number() OVER (PARTITION BY distributor_id ORDER BY valid_from) AS place
          FROM network_sponsorships WHERE tenant_id = %s) h
        LEFT JOIN network_members m ON m.tenant_id = %s AND m.id = h.distributor_id
        WHERE h.valid_from IS DISTINCT FROM CASE WHEN h.place = 1 THEN m.joined_at ELSE h.before_to END
        ORDER BY h.id LIMIT %s
        """,
        (tenant_id, tenant_id, SHOWN),
    )
    for row, _, actual, expected in rows:
        yield Finding("network.sponsorship_history", f"network_sponsorships {row}", str(expected), str(actual))


@check("network.path_since")
def check_path_since(tally: Tally) -> Iterator[Finding]:
    """A path is not older than any sponsorship on it: otherwise a question about the past would get today's answer."""
    tenant_id = tenancy.current_tenant_id()
    tally.compared += _count("network_members")
    rows = sql.fetch(
        """
        SELECT m.id, greatest(m.sponsored_since, p.path_since), m.path_since FROM network_members m
        LEFT JOIN network_members p ON p.tenant_id = m.tenant_id AND p.id = m.parent_id
        WHERE m.tenant_id = %s AND m.path_since < greatest(m.sponsored_since, p.path_since) ORDER BY m.id LIMIT %s
        """,
        (tenant_id, SHOWN),
    )
    for member, expected, actual in rows:
        yield Finding("network.path_since", ids.public("dst", member), f"not before {expected}", str(actual))


@check("network.bindings")
def check_bindings(tally: Tally) -> Iterator[Finding]:
    """No consumer belongs to two distributors at once, and none to himself."""
    tenant_id = tenancy.current_tenant_id()
    tally.compared += _count("network_bindings")
    rows = sql.fetch(
        """
        SELECT b.id, b.before_to, b.valid_from FROM (
          SELECT id, valid_from,
                 lag(coalesce(valid_to, 'infinity')) OVER (PARTITION BY consumer_id ORDER BY valid_from, id) AS before_to
          FROM network_bindings WHERE tenant_id = %s) b WHERE b.before_to > b.valid_from ORDER BY b.id LIMIT %s
        """,
        (tenant_id, SHOWN),
    )
    for row, expected, actual in rows:
        yield Finding("network.bindings", f"network_bindings {row}", f"not before {expected}", str(actual))
    rows = sql.fetch(
        "SELECT b.id FROM network_bindings b JOIN distributors d ON d.tenant_id = b.tenant_id AND d.id = b.distributor_id"
        " AND d.user_id = b.consumer_id WHERE b.tenant_id = %s ORDER BY b.id LIMIT %s",
        (tenant_id, SHOWN),
    )
    for (row,) in rows:
        yield Finding("network.self_binding", f"network_bindings {row}", "another distributor", "the consumer himself")


@check("network.places")
def check_places(tally: Tally) -> Iterator[Finding]:
    """Every active distributor has a place, unless the reaction that gives it has not yet read the approval.

    A refused joining (the named sponsor has no place himself, say) leaves the application approved; an operator has to
    place him by hand, and this is how it is noticed.
    """
    tally.compared += _count("distributors")
    unread = [event.distributor_id for event in events.unheard("network.join_approved", DistributorApproved)]
    rows = sql.fetch(
        "SELECT d.id FROM distributors d LEFT JOIN network_members m ON m.tenant_id = d.tenant_id AND m.id = d.id"
        " WHERE d.tenant_id = %s AND d.status = 'active' AND m.id IS NULL AND d.id <> ALL(%s::bigint[]) ORDER BY d.id LIMIT %s",
        (tenancy.current_tenant_id(), unread, SHOWN),
    )
    for (distributor,) in rows:
        yield Finding("network.places", ids.public("dst", distributor), "a place in the network", "none")


def _count(table: str) -> int:
    rows = sql.fetch(f"SELECT count(*) FROM {table} WHERE tenant_id = %s", (tenancy.current_tenant_id(),))
    return int(rows[0][0])
