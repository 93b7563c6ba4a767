"""Who: the member of the frozen upline that a rule pays, or why nobody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from banyan.earnings.commission.types import TIERS, LegalCeiling, Member, PaidOrder, Pays, Recipient, SkipReason

if TYPE_CHECKING:
    from .log import TraceLog

TIER_RANK = {tier: rank for rank, tier in enumerate(TIERS)}
ACTIVE = "active"


def unfit(member: Member, min_rank: int) -> SkipReason | None:
    """Why this member cannot be paid by a rule that asks for `min_rank`, or None."""
    if member.status != ACTIVE:
        return SkipReason.NOT_ACTIVE
    if TIER_RANK.get(member.tier, -1) < min_rank:
        return SkipReason.TIER_TOO_LOW
    return None


class Seat:
    """Whom one or more rules pay. Found once per order; `skipped` tells who was passed over and why.

    Under compression depth n means the n-th eligible ancestor, none of them deeper than `reach` or than the law allows.
    The seller's own share is never passed on.
    """

    __slots__ = ("compressed", "depth", "min_rank", "reach")

    def __init__(self, pays: Pays, compressed: bool, reach: int) -> None:
        self.depth = 0 if pays.to is Recipient.SELLER else pays.depth
        self.min_rank = TIER_RANK[pays.min_tier] if pays.min_tier else 0
        self.compressed = compressed and self.depth > 0
        self.reach = reach

    @property
    def key(self) -> tuple[int, int]:
        return (self.depth, self.min_rank)

    def find(
        self, upline: Sequence[Member], legal: LegalCeiling, skipped: list[tuple[int | None, int, SkipReason]] | None
    ) -> Member | None:
        """The payee. `upline` is sorted by depth. Appends (payee_id, depth, reason) to `skipped` when it is given."""
        reason: SkipReason | None
        nth = self.depth
        for member in upline:
            if member.depth < self.depth and (not self.compressed or member.depth == 0):
                continue
            if self.compressed and member.depth > self.reach:
                reason = SkipReason.BEYOND_REACH
            elif member.depth > self.depth and not self.compressed:
                break
            elif member.depth > legal.upline_depth:
                reason = SkipReason.LEGAL_DEPTH
            else:
                reason = unfit(member, self.min_rank)
            if reason is None:
                nth -= 1
                if nth <= 0 or not self.compressed:
                    return member
                continue
            if skipped is not None:
                skipped.append((member.distributor_id, member.depth, reason))
            if not self.compressed or reason in (SkipReason.BEYOND_REACH, SkipReason.LEGAL_DEPTH):
                return None
        if skipped is not None and not skipped:
            skipped.append((None, self.depth, SkipReason.NO_SELLER if self.depth == 0 else SkipReason.NO_ANCESTOR))
        return None


Walked = list[tuple[Member, SkipReason | None]]
"""Members of the path in order, each with the reason why he cannot be paid, if there is one."""


class WideSeat:
    """Whom a rule pays that is not for one depth: a path, a generation, the buyer, a regional partner, a named person.

    Somebody who is not paid for his place, but stands above the seller all the same, is held to the law's depth like
    everybody else there: being named is no way around it.
    """

    __slots__ = ("compressed", "min_rank", "pays")

    def __init__(self, pays: Pays, compressed: bool) -> None:
        self.pays = pays
        self.min_rank = TIER_RANK[pays.min_tier] if pays.min_tier else 0
        self.compressed = compressed

    def find(
        self, order: PaidOrder, upline: Sequence[Member], legal: LegalCeiling, rule_key: str, log: TraceLog | None
    ) -> list[Member]:
        """The payees, nearest first. `upline` is sorted by depth."""
        skipped: list[tuple[int | None, int, SkipReason]] = []
        match self.pays.to:
            case Recipient.PATH:
                found = self._fit(self.walk(upline, legal), skipped)
            case Recipient.GENERATION:
                found = self._generation(upline, legal, skipped)
            case _:
                found = self._beside(order, upline, legal, skipped)
        if log is not None:
            log.seats(rule_key, self.pays.depth, found, skipped)
        return found

    def walk(self, upline: Sequence[Member], legal: LegalCeiling) -> Walked:
        """Everybody of the path's depths."""
        walked: Walked = []
        for member in upline:
            if self.pays.depth <= member.depth <= self.pays.to_depth:
                deep = member.depth > legal.upline_depth
                walked.append((member, SkipReason.LEGAL_DEPTH if deep else unfit(member, self.min_rank)))
        return walked

    def _fit(self, walked: Walked, skipped: list[tuple[int | None, int, SkipReason]]) -> list[Member]:
        skipped += [(member.distributor_id, member.depth, reason) for member, reason in walked if reason is not None]
        if not walked:
            skipped.append((None, self.pays.depth, SkipReason.NO_ANCESTOR if self.pays.depth else SkipReason.NO_SELLER))
        return [member for member, reason in walked if reason is None]

    def _generation(
        self, upline: Sequence[Member], legal: LegalCeiling, skipped: list[tuple[int | None, int, SkipReason]]
    ) -> list[Member]:
        """Lower tiers stand between generations; somebody inactive is a generation of his own only under breakage."""
        nth = self.pays.depth
        for member in upline:
            if member.depth == 0:
                continue
            reason: SkipReason | None
            if member.depth > self.pays.to_depth:
                reason = SkipReason.BEYOND_REACH
            elif member.depth > legal.upline_depth:
                reason = SkipReason.LEGAL_DEPTH
            elif TIER_RANK.get(member.tier, -1) < self.min_rank:
                reason = SkipReason.TIER_TOO_LOW
            else:
                reason = unfit(member, self.min_rank)
                if reason is None or not self.compressed:
                    nth -= 1
                if reason is None and nth == 0:
                    return [member]
            if reason is not None:
                skipped.append((member.distributor_id, member.depth, reason))
            if nth == 0 or reason in (SkipReason.BEYOND_REACH, SkipReason.LEGAL_DEPTH):
                return []
        skipped.append((None, self.pays.depth, SkipReason.NO_ANCESTOR))
        return []

    def _beside(
        self,
        order: PaidOrder,
        upline: Sequence[Member],
        legal: LegalCeiling,
        skipped: list[tuple[int | None, int, SkipReason]],
    ) -> list[Member]:
        member, nobody = _BESIDE[self.pays.to](self.pays, order)
        if member is None:
            skipped.append((None, 0, nobody))
            return []
        place = next((each.depth for each in upline if each.distributor_id == member.distributor_id), 0)
        member = member._replace(depth=place)
        reason = SkipReason.LEGAL_DEPTH if place > legal.upline_depth else unfit(member, self.min_rank)
        if reason is not None:
            skipped.append((member.distributor_id, place, reason))
            return []
        return [member]


def _buyer(_pays: Pays, order: PaidOrder) -> tuple[Member | None, SkipReason]:
    return (order.facts.buyer if order.facts is not None else None), SkipReason.NO_BUYER


def _partner(pays: Pays, order: PaidOrder) -> tuple[Member | None, SkipReason]:
    partners = order.facts.partners if order.facts is not None else ()
    return next((member for scope, member in partners if scope == pays.scope), None), SkipReason.NO_PARTNER


def _person(pays: Pays, order: PaidOrder) -> tuple[Member | None, SkipReason]:
    people = order.facts.people if order.facts is not None else ()
    return next((member for member in people if member.distributor_id == pays.distributor_id), None), SkipReason.NO_PERSON


_BESIDE: dict[Recipient, Callable[[Pays, PaidOrder], tuple[Member | None, SkipReason]]] = {
    Recipient.BUYER: _buyer,
    Recipient.REGIONAL_PARTNER: _partner,
    Recipient.PERSON: _person,
}
