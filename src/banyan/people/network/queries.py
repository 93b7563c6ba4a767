"""Reads of the network. Those for batches are one statement for any number of ids, now or at any past moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from banyan.kernel import sql, tenancy
from banyan.kernel.values.errors import NotFound
from banyan.people.distributors.types import DistributorId
from banyan.people.identity.types import UserId
from banyan.people.network.types import (
    Binding,
    BindingMode,
    BindingSettings,
    BindSource,
    Member,
    Sponsorship,
)

_MEMBER = "m.id, m.parent_id, m.depth, m.frontline_count, m.joined_at"


class MemberNotFound(NotFound):
    """The distributor has no place in the network, or not one that the caller may see."""

    code = "member_not_found"
    advice = "Check the distributor; somebody who is not approved has no place yet."


def uplines(ids: Sequence[DistributorId]) -> dict[DistributorId, tuple[DistributorId, ...]]:
    """All ancestors of each member as of now, nearest first, own id not included; roots have (), non-members are absent.

    Costs one indexed row per member whatever the depth.
    """
    rows = sql.fetch(
        "SELECT id, path FROM network_members WHERE tenant_id = %s AND id = ANY(%s)", (tenancy.current_tenant_id(), list(ids))
    )
    return {DistributorId(identity): tuple(path[-2::-1]) for identity, path in rows}


def uplines_at(ids: Sequence[DistributorId], at: datetime) -> dict[DistributorId, tuple[DistributorId, ...]]:
    """All ancestors of each member at ``at``, any past moment, nearest first; absent: not a member at that time."""
    asked = list(dict.fromkeys(ids))
    found = uplines_at_each([(distributor_id, at) for distributor_id in asked])
    return {distributor_id: upline for distributor_id, upline in zip(asked, found, strict=True) if upline is not None}


def uplines_at_each(
    moments: Sequence[tuple[DistributorId, datetime]],
) -> list[tuple[DistributorId, ...] | None]:
    """The upline of each (distributor, moment) in order, each at its own moment; None: not a member at that time.

    The stored path answers for every moment since it holds. Only for older ones the sponsorship history is climbed, all
    of them together in one recursive statement.
    """
    rows = sql.fetch(
        "SELECT q.place, m.path_since <= q.at, CASE WHEN m.path_since <= q.at THEN m.path END"
        " FROM unnest(%s::bigint[], %s::timestamptz[]) WITH ORDINALITY AS q(id, at, place)"
        " JOIN network_members m ON m.tenant_id = %s AND m.id = q.id AND m.joined_at <= q.at",
        ([distributor_id for distributor_id, _ in moments], [at for _, at in moments], tenancy.current_tenant_id()),
    )
    answers: list[tuple[DistributorId, ...] | None] = [None] * len(moments)
    older = []
    for place, unchanged, path in rows:
        if unchanged:
            answers[place - 1] = tuple(path[-2::-1])
        else:
            older.append(place - 1)
    for place, upline in _climb([moments[place] for place in older]).items():
        answers[older[place]] = upline
    return answers


def _climb(moments: Sequence[tuple[DistributorId, datetime]]) -> dict[int, tuple[DistributorId, ...]]:
    """Uplines by position, from the sponsorship history."""
    if not moments:
        return {}
    tenant_id = tenancy.current_tenant_id()
    rows = sql.fetch(
        """
        WITH RECURSIVE climb(place, at, ancestor, depth) AS (
          SELECT q.place, q.at, s.sponsor_id, 1
          FROM unnest(%s::bigint[], %s::timestamptz[]) WITH ORDINALITY AS q(id, at, place)
          JOIN network_sponsorships s ON s.tenant_id = %s AND s.distributor_id = q.id
               AND s.valid_from <= q.at AND (s.valid_to > q.at OR s.valid_to IS NULL)
          UNION ALL
          SELECT c.place, c.at, s.sponsor_id, c.depth + 1
          FROM climb c
          JOIN network_sponsorships s ON s.tenant_id = %s AND s.distributor_id = c.ancestor
               AND s.valid_from <= c.at AND (s.valid_to > c.at OR s.valid_to IS NULL)
        )
        SELECT place, coalesce(array_agg(ancestor ORDER BY depth) FILTER (WHERE ancestor IS NOT NULL), '{}')
        FROM climb GROUP BY place
        """,
        ([distributor_id for distributor_id, _ in moments], [at for _, at in moments], tenant_id, tenant_id),
    )
    return {place - 1: tuple(ancestors) for place, ancestors in rows}


def referrers_at(consumer_ids: Sequence[UserId], at: datetime) -> dict[UserId, DistributorId]:
    """To whom each consumer belonged at ``at``, any past moment; absent: to nobody."""
    asked = list(dict.fromkeys(consumer_ids))
    found = referrers_at_each([(consumer_id, at) for consumer_id in asked])
    return {consumer_id: referrer for consumer_id, referrer in zip(asked, found, strict=True) if referrer is not None}


def referrers_at_each(moments: Sequence[tuple[UserId, datetime]]) -> list[DistributorId | None]:
    """To whom each (consumer, moment) belonged, in order, each at its own moment, in one statement."""
    rows = sql.fetch(
        "SELECT q.place, b.distributor_id FROM unnest(%s::bigint[], %s::timestamptz[]) WITH ORDINALITY AS q(id, at, place)"
        " JOIN network_bindings b ON b.tenant_id = %s AND b.consumer_id = q.id AND b.valid_from <= q.at"
        " AND (b.valid_to > q.at OR b.valid_to IS NULL) AND (b.expires_at > q.at OR b.expires_at IS NULL)",
        ([consumer_id for consumer_id, _ in moments], [at for _, at in moments], tenancy.current_tenant_id()),
    )
    answers: list[DistributorId | None] = [None] * len(moments)
    for place, distributor_id in rows:
        answers[place - 1] = DistributorId(distributor_id)
    return answers


def list_members_by_ids(ids: Sequence[DistributorId]) -> dict[DistributorId, Member]:
    """The present places of these distributors; those without a place are absent."""
    rows = sql.fetch(
        f"SELECT {_MEMBER} FROM network_members m WHERE m.tenant_id = %s AND m.id = ANY(%s)",
        (tenancy.current_tenant_id(), list(ids)),
    )
    return {DistributorId(row[0]): Member(*row) for row in rows}


def get_member(distributor_id: DistributorId) -> Member:
    """One present place; raises MemberNotFound."""
    found = list_members_by_ids([distributor_id]).get(distributor_id)
    if found is None:
        raise MemberNotFound("This distributor has no place in the network.")
    return found


def list_frontline(distributor_id: DistributorId, before_id: int | None = None, count: int = 200) -> list[Member]:
    """Those directly under a member, in descending id order, at most ``count``, with id below ``before_id``."""
    rows = sql.fetch(
        f"SELECT {_MEMBER} FROM network_members m WHERE m.tenant_id = %s AND m.parent_id = %s"
        " AND (%s::bigint IS NULL OR m.id < %s) ORDER BY m.id DESC LIMIT %s",
        (tenancy.current_tenant_id(), distributor_id, before_id, before_id, count),
    )
    return [Member(*row) for row in rows]


def list_roots(before_id: int | None = None, count: int = 200) -> list[Member]:
    """Members without a sponsor, in descending id order."""
    rows = sql.fetch(
        f"SELECT {_MEMBER} FROM network_members m WHERE m.tenant_id = %s AND m.parent_id IS NULL"
        " AND (%s::bigint IS NULL OR m.id < %s) ORDER BY m.id DESC LIMIT %s",
        (tenancy.current_tenant_id(), before_id, before_id, count),
    )
    return [Member(*row) for row in rows]


def list_organizations(layers: int, count: int = 1000) -> list[tuple[DistributorId, int, int]]:
    """(root, people, layers) of organizations of at least so many layers, the root and its layer included; the largest first."""
    return [
        (DistributorId(row[0]), int(row[1]), int(row[2]))
        for row in sql.fetch(
            "SELECT path[1], count(*), max(depth) + 1 FROM network_members WHERE tenant_id = %s GROUP BY path[1]"
            " HAVING max(depth) + 1 >= %s ORDER BY count(*) DESC, path[1] LIMIT %s",
            (tenancy.current_tenant_id(), layers, count),
        )
    ]


TEAM = """
WITH RECURSIVE team(id, depth) AS (
  SELECT m.id, 0 FROM network_members m WHERE m.tenant_id = %s AND m.id = %s
  UNION ALL
  SELECT m.id, t.depth + 1 FROM team t JOIN network_members m ON m.tenant_id = %s AND m.parent_id = t.id
  WHERE t.depth < coalesce(%s::integer, 2147483647)
)
"""
"""Everybody at or below a member, walked down the index of parents: parameters tenant, member, tenant, depth or None.

Not a range over ``path``: row-level security lets only leakproof operators use an index, and comparing arrays is none.
"""


def _require_member(distributor_id: DistributorId) -> None:
    rows = sql.fetch(
        "SELECT 1 FROM network_members WHERE tenant_id = %s AND id = %s", (tenancy.current_tenant_id(), distributor_id)
    )
    if not rows:
        raise MemberNotFound("This distributor has no place in the network.")


def list_team(
    distributor_id: DistributorId, depth: int | None = None, before_id: int | None = None, count: int = 200
) -> list[Member]:
    """Everybody below a member, at most ``depth`` steps (None: all), descending ids, own row not included.

    Raises MemberNotFound.
    """
    _require_member(distributor_id)
    tenant_id = tenancy.current_tenant_id()
    rows = sql.fetch(
        f"{TEAM} SELECT {_MEMBER} FROM network_members m WHERE m.tenant_id = %s AND m.id IN ("
        "SELECT id FROM team WHERE depth > 0 AND (%s::bigint IS NULL OR id < %s) ORDER BY id DESC LIMIT %s) ORDER BY m.id DESC",
        (tenant_id, distributor_id, tenant_id, depth, tenant_id, before_id, before_id, count),
    )
    return [Member(*row) for row in rows]


def count_team(distributor_id: DistributorId, depth: int | None = None) -> int:
    """How many stand below a member, at most ``depth`` steps (None: all). Raises MemberNotFound."""
    _require_member(distributor_id)
    tenant_id = tenancy.current_tenant_id()
    rows = sql.fetch(f"{TEAM} SELECT count(*) - 1 FROM team", (tenant_id, distributor_id, tenant_id, depth))
    return int(rows[0][0])


def is_in_team(distributor_id: DistributorId, of: DistributorId) -> bool:
    """Whether ``distributor_id`` stands somewhere below ``of``."""
    rows = sql.fetch(
        "SELECT %s = ANY(path) AND id <> %s FROM network_members WHERE tenant_id = %s AND id = %s",
        (of, of, tenancy.current_tenant_id(), distributor_id),
    )
    return bool(rows and rows[0][0])


def list_sponsorships(
    distributor_id: DistributorId, *, after: datetime | None = None, count: int | None = None
) -> list[Sponsorship]:
    """Under whom a member ever stood, oldest first: what began after a moment, at most ``count``, if asked."""
    rows = sql.fetch(
        "SELECT distributor_id, sponsor_id, valid_from, valid_to, reason FROM network_sponsorships WHERE tenant_id = %s"
        " AND distributor_id = %s AND valid_from > coalesce(%s::timestamptz, '-infinity') ORDER BY valid_from LIMIT %s::bigint",
        (tenancy.current_tenant_id(), distributor_id, after, count),
    )
    return [Sponsorship(*row) for row in rows]


_BINDING = "consumer_id, distributor_id, source, valid_from, valid_to, expires_at, ended_reason"


def _binding(row: tuple[Any, ...]) -> Binding:
    return Binding(row[0], row[1], BindSource(row[2]), *row[3:])


def list_bindings(consumer_id: UserId, *, after: datetime | None = None, count: int | None = None) -> list[Binding]:
    """To whom a consumer ever belonged, oldest first: what began after a moment, at most ``count``, if asked."""
    rows = sql.fetch(
        f"SELECT {_BINDING} FROM network_bindings WHERE tenant_id = %s AND consumer_id = %s"
        " AND valid_from > coalesce(%s::timestamptz, '-infinity') ORDER BY valid_from LIMIT %s::bigint",
        (tenancy.current_tenant_id(), consumer_id, after, count),
    )
    return [_binding(row) for row in rows]


def list_bound_consumers(
    distributor_id: DistributorId, at: datetime, before_id: int | None = None, count: int = 200
) -> list[tuple[int, Binding]]:
    """(row id, binding) of the consumers that belong to a distributor at ``at``, newest row first."""
    rows = sql.fetch(
        f"SELECT id, {_BINDING} FROM network_bindings WHERE tenant_id = %s AND distributor_id = %s AND valid_from <= %s"
        " AND (valid_to > %s OR valid_to IS NULL) AND (expires_at > %s OR expires_at IS NULL)"
        " AND (%s::bigint IS NULL OR id < %s) ORDER BY id DESC LIMIT %s",
        (tenancy.current_tenant_id(), distributor_id, at, at, at, before_id, before_id, count),
    )
    return [(row[0], _binding(row[1:])) for row in rows]


def count_bound_consumers(distributor_ids: Sequence[DistributorId], at: datetime) -> dict[DistributorId, int]:
    """How many consumers belong to each distributor at ``at``; absent: none."""
    rows = sql.fetch(
        "SELECT distributor_id, count(*) FROM network_bindings WHERE tenant_id = %s AND distributor_id = ANY(%s)"
        " AND valid_from <= %s AND (valid_to > %s OR valid_to IS NULL) AND (expires_at > %s OR expires_at IS NULL)"
        " GROUP BY distributor_id",
        (tenancy.current_tenant_id(), list(distributor_ids), at, at, at),
    )
    return {DistributorId(distributor_id): count for distributor_id, count in rows}


def get_binding_settings() -> BindingSettings:
    """The tenant's rules of binding."""
    rows = sql.fetch(
        "SELECT mode, protect_days, validity_days FROM network_binding_settings WHERE tenant_id = %s",
        (tenancy.current_tenant_id(),),
    )
    return BindingSettings(BindingMode(rows[0][0]), rows[0][1], rows[0][2]) if rows else BindingSettings()
