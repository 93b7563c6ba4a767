"""What ``banyan verify`` recomputes of flash sales."""

from __future__ import annotations

from collections.abc import Iterator

from banyan.kernel import sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.verification import Finding, Tally, check


@check("offers.per_person")
def per_person(tally: Tally) -> Iterator[Finding]:
    """Nobody holds more of a sale than one person may, and the queue has as many places as it says."""
    tenant_id = current_tenant_id()
    rows = sql.fetch(
        "SELECT c.offer_id, c.buyer_id, sum(c.quantity)::bigint, o.per_person FROM offers_claims c"
        " JOIN offers_offers o ON o.id = c.offer_id WHERE c.tenant_id = %s AND c.ended_at IS NULL"
        " GROUP BY c.offer_id, c.buyer_id, o.per_person",
        (tenant_id,),
    )
    tally.compared += len(rows)
    for offer_id, buyer_id, taken, allowed in rows:
        if taken > allowed:
            yield Finding("offers.per_person", f"offers_claims/offer {offer_id} buyer {buyer_id}", allowed, taken)
    places = sql.fetch(
        "SELECT o.id, o.place_count, count(p.id), coalesce(max(p.position), 0) FROM offers_offers o"
        " LEFT JOIN offers_places p ON p.tenant_id = o.tenant_id AND p.offer_id = o.id WHERE o.tenant_id = %s GROUP BY o.id",
        (tenant_id,),
    )
    tally.compared += len(places)
    for offer_id, given, count, highest in places:
        if not given == count == highest:
            yield Finding("offers.per_person", f"offers_offers/{offer_id} queue", given, [count, highest])
