"""How much one buyer may take of a sale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from banyan.trade.offers.types import Claim, Offer, OfferId, TakenBefore


def over_the_limit(claims: Sequence[Claim], offers: Mapping[OfferId, Offer], before: TakenBefore) -> dict[int, int]:
    """The orders whose buyer would have more than his sale allows, with what he may still take. In the order in which they came:
    an order that is refused takes nothing, all its claims or none."""
    taken = dict(before)
    by_order: dict[int, list[Claim]] = {}
    for claim in claims:
        by_order.setdefault(claim.order_id, []).append(claim)
    refused: dict[int, int] = {}
    for order_id, wanted in by_order.items():
        after = dict(taken)
        for claim in wanted:
            key = (claim.offer_id, claim.buyer_id)
            left = offers[claim.offer_id].per_person - after.get(key, 0)
            if claim.quantity > left:
                refused[order_id] = max(0, left)
                break
            after[key] = after.get(key, 0) + claim.quantity
        else:
            taken = after
    return refused
