"""Who: the member of the frozen upline that a rule pays, or why nobody."""

from __future__ import annotations

from collections.abc import Sequence

from banyan.earnings.commission.types import TIERS, LegalCeiling, Member, Pays, Recipient, SkipReason

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
