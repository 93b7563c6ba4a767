"""Moving a member, with everybody below, under another sponsor."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from banyan.kernel import clock, events, ids, sql, tenancy
from banyan.kernel.values.errors import Conflict, Invalid
from banyan.people.distributors.types import DistributorId
from banyan.people.network.commands.locks import lock_tree
from banyan.people.network.engine.placing import DEPTH_MAX, OwnSponsor, TooDeep
from banyan.people.network.events import MemberMoved
from banyan.people.network.models import Sponsorship
from banyan.people.network.queries import TEAM, MemberNotFound


class Circle(Conflict):
    """The new sponsor stands below the member who is to be moved."""

    code = "circle"
    advice = "Choose a sponsor outside of the member's own team, or move that part of the team away first."


class BackdatedMove(Conflict):
    """The move is dated before the newest change it builds on."""

    code = "backdated"
    advice = "Use a moment not earlier than details.since, or leave it out to move now."


def move(distributor_id: DistributorId, new_sponsor_id: DistributorId | None, at: datetime | None, reason: str) -> int:
    """Put a member and the whole team below under ``new_sponsor_id`` (None: as a root) from ``at`` on (None: from now on).

    Returns how many members' paths changed; 0 when the member stands there already. One statement for the whole
    subtree, under the tenant's tree lock. Raises MemberNotFound, OwnSponsor, Circle, TooDeep, BackdatedMove, Invalid.
    """
    if not 1 <= len(reason.strip()) <= 200 or "\x00" in reason:
        raise Invalid("Give the reason for the move in 1 to 200 characters.", field="reason")
    if new_sponsor_id == distributor_id:
        raise OwnSponsor("Nobody stands under himself.")
    lock_tree()
    moment = at if at is not None else clock.now()
    path, old_sponsor_id, sponsored_since, _ = _member(distributor_id)
    above: list[int] = []
    if new_sponsor_id is not None:
        above, _, _, above_since = _member(new_sponsor_id)
        _check_target(distributor_id, above, above_since, moment)
    if old_sponsor_id == new_sponsor_id:
        return 0
    if moment < sponsored_since:
        raise BackdatedMove("The present sponsorship began later.", since=sponsored_since.isoformat())
    moved = _rewrite_paths(path, above, new_sponsor_id, moment)
    _count_frontlines(old_sponsor_id, new_sponsor_id)
    _write_history(distributor_id, new_sponsor_id, moment, reason.strip())
    events.record([MemberMoved(distributor_id, old_sponsor_id, new_sponsor_id, moment)])
    return moved


def _member(distributor_id: int) -> tuple[list[int], Any, datetime, datetime]:
    rows = sql.fetch(
        "SELECT path, parent_id, sponsored_since, path_since FROM network_members WHERE tenant_id = %s AND id = %s",
        (tenancy.current_tenant_id(), distributor_id),
    )
    if not rows:
        raise MemberNotFound("This distributor has no place in the network.")
    return rows[0]


def _check_target(distributor_id: int, above: list[int], above_since: datetime, moment: datetime) -> None:
    """The new upline must be free of circles, now and at ``moment``: it must not have changed in between."""
    if distributor_id in above:
        raise Circle("The new sponsor stands in the team of the member.")
    if moment < above_since:
        raise BackdatedMove("The new upline changed later than that.", since=above_since.isoformat())


def _rewrite_paths(path: list[int], above: list[int], new_sponsor_id: int | None, moment: datetime) -> int:
    member, place, tenant_id = path[-1], len(path), tenancy.current_tenant_id()
    team = (tenant_id, member, tenant_id, None)
    if len(above) > place - 1:
        deepest = sql.fetch(f"{TEAM} SELECT max(depth) FROM team", team)[0][0]
        if len(above) + deepest > DEPTH_MAX:
            raise TooDeep("The team is too deep for this sponsor.")
    return sql.execute(
        f"{TEAM} UPDATE network_members m SET path = %s::bigint[] || m.path[%s::integer:], depth = m.depth + %s,"
        " path_since = greatest(m.path_since, %s), parent_id = CASE WHEN m.id = %s THEN %s ELSE m.parent_id END,"
        " sponsored_since = CASE WHEN m.id = %s THEN %s ELSE m.sponsored_since END"
        " FROM team WHERE m.tenant_id = %s AND m.id = team.id",
        (*team, above, place, len(above) - (place - 1), moment, member, new_sponsor_id, member, moment, tenant_id),
    )


def _count_frontlines(old_sponsor_id: int | None, new_sponsor_id: int | None) -> None:
    changes = [
        (sponsor_id, change) for sponsor_id, change in ((old_sponsor_id, -1), (new_sponsor_id, 1)) if sponsor_id is not None
    ]
    sql.execute(
        "UPDATE network_members m SET frontline_count = m.frontline_count + c.more"
        " FROM unnest(%s::bigint[], %s::integer[]) AS c(id, more) WHERE m.tenant_id = %s AND m.id = c.id",
        ([sponsor_id for sponsor_id, _ in changes], [change for _, change in changes], tenancy.current_tenant_id()),
    )


def _write_history(distributor_id: int, new_sponsor_id: int | None, moment: datetime, reason: str) -> None:
    """Close the open sponsorship and open the next. One that began at this very moment held for no time and is replaced."""
    tenant_id = tenancy.current_tenant_id()
    sql.execute(
        "DELETE FROM network_sponsorships WHERE tenant_id = %s AND distributor_id = %s AND valid_to IS NULL AND valid_from = %s",
        (tenant_id, distributor_id, moment),
    )
    sql.execute(
        "UPDATE network_sponsorships SET valid_to = %s WHERE tenant_id = %s AND distributor_id = %s AND valid_to IS NULL",
        (moment, tenant_id, distributor_id),
    )
    columns = ("id", "distributor_id", "sponsor_id", "valid_from", "reason")
    sql.insert(Sponsorship, columns, [(ids.next_id(), distributor_id, new_sponsor_id, moment, reason)])
