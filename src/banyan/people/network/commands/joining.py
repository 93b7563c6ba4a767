"""Taking a place in the network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from banyan.kernel import ids, sql, tenancy
from banyan.kernel.values.errors import Refusal
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.queries import DistributorNotFound
from banyan.people.distributors.types import DistributorId
from banyan.people.network.commands.locks import share_tree
from banyan.people.network.engine.placing import Place, place_joinings
from banyan.people.network.models import Member, Sponsorship
from banyan.people.network.types import Joining, JoinOutcome


def join(joinings: Sequence[Joining]) -> list[JoinOutcome]:
    """Give distributors their places, sponsors and sponsored in any order within the batch. One outcome each, in order.

    Joining again under the same sponsor is a no-op (``joined`` False, no refusal). Refusals: DistributorNotFound, OwnSponsor,
    SponsorNotInNetwork, SponsorJoinedLater, TooDeep, PlaceTaken. Whether a sponsor is active is not asked here: a
    frozen sponsor keeps the place, and the plan decides what he earns.
    """
    if not joinings:
        return []
    share_tree(joining.distributor_id for joining in joinings)
    known = distributors.find_users_of([joining.distributor_id for joining in joinings])
    places = _lock_places(joinings)
    answers: list[Place | Refusal | None] = [
        answer if joining.distributor_id in known else DistributorNotFound("No such distributor.")
        for joining, answer in zip(joinings, place_joinings(_of(joinings, known), places), strict=True)
    ]
    fresh = [(joining, answer) for joining, answer in zip(joinings, answers, strict=True) if isinstance(answer, Place)]
    _write(fresh, places)
    return [_outcome(joining, answer) for joining, answer in zip(joinings, answers, strict=True)]


def _of(joinings: Sequence[Joining], known: Collection[DistributorId]) -> list[Joining]:
    """Unknown distributors become joinings that no one else can stand under."""
    nobody = DistributorId(0)
    return [j if j.distributor_id in known else Joining(nobody, nobody, j.joined_at) for j in joinings]


def _outcome(joining: Joining, answer: Place | Refusal | None) -> JoinOutcome:
    refusal = answer if isinstance(answer, Refusal) else None
    return JoinOutcome(joining.distributor_id, isinstance(answer, Place), refusal)


def _lock_places(joinings: Sequence[Joining]) -> dict[int, Place]:
    """Present places of members and sponsors, locked in order of id because sponsors' frontlines will be counted."""
    wanted = {joining.sponsor_id for joining in joinings if joining.sponsor_id is not None}
    wanted |= {joining.distributor_id for joining in joinings}
    rows = sql.fetch(
        "SELECT id, path, joined_at, path_since FROM network_members WHERE tenant_id = %s AND id = ANY(%s)"
        " ORDER BY id FOR NO KEY UPDATE",
        (tenancy.current_tenant_id(), list(wanted)),
    )
    return {identity: Place(tuple(path), joined_at, since) for identity, path, joined_at, since in rows}


def _write(fresh: Sequence[tuple[Joining, Place]], places: dict[int, Place]) -> None:
    frontline = Counter(place.sponsor_id for _, place in fresh if place.sponsor_id is not None)
    rows = [
        (
            joining.distributor_id, place.sponsor_id, place.path, place.depth, frontline.get(joining.distributor_id, 0),
            place.joined_at, place.joined_at, place.path_since,
        )
        for joining, place in sorted(fresh, key=lambda pair: pair[1].depth)
    ]  # fmt: skip
    columns = ("id", "parent_id", "path", "depth", "frontline_count", "joined_at", "sponsored_since", "path_since")
    sql.insert(Member, columns, rows)
    identities = ids.next_ids(len(rows))
    history = [(key, row[0], row[1], row[5], "joined") for key, row in zip(identities, rows, strict=True)]
    sql.insert(Sponsorship, ("id", "distributor_id", "sponsor_id", "valid_from", "reason"), history)
    counted = sorted(sponsor_id for sponsor_id in frontline if sponsor_id in places)
    if counted:
        sql.execute(
            "UPDATE network_members m SET frontline_count = m.frontline_count + c.more"
            " FROM unnest(%s::bigint[], %s::integer[]) AS c(id, more) WHERE m.tenant_id = %s AND m.id = c.id",
            (counted, [frontline[sponsor_id] for sponsor_id in counted], tenancy.current_tenant_id()),
        )
