"""Who is the referrer of an order: the first source that applies. Pure."""

from __future__ import annotations

from typing import NamedTuple

from banyan.people.distributors.types import DistributorId
from banyan.trade.attribution.types import Source


class Candidates(NamedTuple):
    """Everything known about one order's referral at placement.

    ``link_asked`` and ``code_asked`` say that the buyer brought one; the ids are None when it is unknown or its holder was
    not an active distributor.
    """

    buyer_distributor_id: DistributorId | None = None
    buyer_is_active: bool = False
    link_asked: bool = False
    link_id: DistributorId | None = None
    code_asked: bool = False
    code_id: DistributorId | None = None
    binding_id: DistributorId | None = None
    sponsor_id: DistributorId | None = None


def choose_referrer(known: Candidates, self_purchase: bool) -> tuple[DistributorId | None, Source, str]:
    """The referrer, what named him, and why something that was brought along did not count (empty when nothing was ignored).

    Explicit beats standing: link, then code. A buyer's own link or code counts only with ``self_purchase`` (自购). Without
    one, an active distributor buys for himself when the tenant allows it, else under his sponsor; everybody else under the
    binding.
    """
    ignored = []
    for asked, holder, source in (
        (known.link_asked, known.link_id, Source.LINK),
        (known.code_asked, known.code_id, Source.CODE),
    ):
        if not asked:
            continue
        if holder is None:
            ignored.append(f"{source}_unusable")
        elif holder != known.buyer_distributor_id:
            return holder, source, ",".join(ignored)
        elif not self_purchase:
            ignored.append(f"{source}_own")
    note = ",".join(ignored)
    if known.buyer_distributor_id is not None and known.buyer_is_active and self_purchase:
        return known.buyer_distributor_id, Source.SELF_PURCHASE, note
    if known.sponsor_id is not None:
        return known.sponsor_id, Source.SPONSOR, note
    if known.binding_id is not None and known.binding_id != known.buyer_distributor_id:
        return known.binding_id, Source.BINDING, note
    return None, Source.NONE, note
