"""Where joining distributors stand: paths computed from the sponsors' paths, for a whole batch in any order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from banyan.kernel.values.errors import Conflict, Invalid, NotFound, Refusal
from banyan.people.network.types import Joining

DEPTH_MAX = 1000
"""A path is stored with each member, so a chain of n members costs n² / 2 ids; no real network comes near this depth."""


class OwnSponsor(Invalid):
    """Somebody was to stand under himself."""

    code = "own_sponsor"
    advice = "Name another distributor as sponsor, or none."


class SponsorNotInNetwork(NotFound):
    """The sponsor has no place in the network."""

    code = "sponsor_not_in_network"
    advice = "Let the sponsor join first, or in the same batch; sponsors in a circle can never join."


class SponsorJoinedLater(Conflict):
    """A sponsor must have been there before those who stand under him."""

    code = "sponsor_joined_later"
    advice = "Use a joining time not earlier than details.sponsor_joined_at."


class TooDeep(Conflict):
    """The network would become deeper than it may."""

    code = "network_too_deep"
    advice = f"A member stands at most {DEPTH_MAX} steps below a root; choose a sponsor higher up."


class PlaceTaken(Conflict):
    """The distributor stands in the network already, under somebody else."""

    code = "already_in_network"
    advice = "Use move to give a member another sponsor."


@dataclass(frozen=True)
class Place:
    """A member's position: ``path`` from the root down to and including the own id."""

    path: tuple[int, ...]
    joined_at: datetime
    path_since: datetime
    """Since when this very path holds: the newest of all joinings and moves on it."""

    @property
    def depth(self) -> int:
        """0 for a root."""
        return len(self.path) - 1

    @property
    def sponsor_id(self) -> int | None:
        """The direct upline."""
        return self.path[-2] if len(self.path) > 1 else None


def place_joinings(joinings: Sequence[Joining], known: Mapping[int, Place]) -> list[Place | Refusal | None]:
    """The place of each joining, a refusal, or None where the member stands there already.

    ``known`` holds the present places of all joining distributors and sponsors that are members. A sponsor may join in the
    same batch, before or after: the result does not depend on the order, save that of two joinings of one distributor
    the first counts.
    """
    answers: list[Place | Refusal | None] = [None] * len(joinings)
    places: dict[int, Place] = dict(known)
    first: dict[int, int] = {}
    for position, joining in enumerate(joinings):
        if joining.distributor_id in known or joining.distributor_id in first:
            continue
        first[joining.distributor_id] = position
    waiting: dict[int, list[int]] = {}
    ready: list[int] = []
    for position in first.values():
        joining = joinings[position]
        if joining.sponsor_id is None or joining.sponsor_id in known or joining.sponsor_id not in first:
            ready.append(position)
        else:
            waiting.setdefault(joining.sponsor_id, []).append(position)
    while ready:
        position = ready.pop()
        answer = _place(joinings[position], places)
        answers[position] = answer
        if isinstance(answer, Place):
            places[joinings[position].distributor_id] = answer
        ready += waiting.pop(joinings[position].distributor_id, ())
    for positions in waiting.values():
        for position in positions:  # only circles are left
            joining = joinings[position]
            answers[position] = OwnSponsor() if joining.sponsor_id == joining.distributor_id else SponsorNotInNetwork()
    _answer_repeated(joinings, first, places, answers)
    return answers


def _place(joining: Joining, places: Mapping[int, Place]) -> Place | Refusal:
    if joining.sponsor_id is None:
        return Place((joining.distributor_id,), joining.joined_at, joining.joined_at)
    sponsor = places.get(joining.sponsor_id)
    if joining.sponsor_id == joining.distributor_id:
        return OwnSponsor()
    if sponsor is None:
        return SponsorNotInNetwork("The sponsor has no place in the network.")
    if sponsor.joined_at > joining.joined_at:
        return SponsorJoinedLater("The sponsor joined later.", sponsor_joined_at=sponsor.joined_at.isoformat())
    if sponsor.depth >= DEPTH_MAX:
        return TooDeep("The network would become too deep.")
    return Place((*sponsor.path, joining.distributor_id), joining.joined_at, max(joining.joined_at, sponsor.path_since))


def _answer_repeated(
    joinings: Sequence[Joining], first: Mapping[int, int], places: Mapping[int, Place], answers: list[Place | Refusal | None]
) -> None:
    """Who is a member already, or twice in the batch: fine under the same sponsor, refused under another."""
    for position, joining in enumerate(joinings):
        if first.get(joining.distributor_id) == position:
            continue
        place = places.get(joining.distributor_id)
        if place is None:
            answers[position] = answers[first[joining.distributor_id]]
        elif place.sponsor_id != joining.sponsor_id:
            answers[position] = PlaceTaken("This distributor stands in the network under somebody else.")
