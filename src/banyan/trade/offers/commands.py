"""Writes of flash sales. All run inside ``tenancy.enter``.

Lock order: the buyers of a sale (a claim), then what orders and stock lock. A place in a queue locks the sale's row alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b

from banyan.goods.catalog import queries as catalog
from banyan.goods.inventory import commands as inventory
from banyan.kernel import clock, ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import Conflict, Invalid, Refusal
from banyan.kernel.values.filled import Filled
from banyan.people.identity.types import UserId
from banyan.trade.offers.engine.admission import PUZZLE_BITS_MAX, is_admitted, is_solved, seconds_to_wait
from banyan.trade.offers.engine.limits import over_the_limit
from banyan.trade.offers.models import ClaimRow, OfferRow, PlaceRow
from banyan.trade.offers.queries import OfferNotFound, challenge_of, channel_of, find_offers, read_ticket, share_of
from banyan.trade.offers.types import Claim, NewOffer, Offer, OfferId, Phase, Ticket

LONGEST = timedelta(days=31)


class BadOffer(Invalid):
    """A flash sale that could never be sold."""

    code = "bad_offer"
    advice = "Name it, sell at least one piece, let it end after it starts and within 31 days, at most 24 puzzle bits."


class BundleOffered(Conflict):
    """A bundle has no stock of its own that could be set aside for a sale."""

    code = "bundle_offered"
    advice = "Offer one of its parts, or lower the price of the bundle itself."


class NotLive(Conflict):
    """The sale has not begun, or is over."""

    code = "offer_not_live"
    advice = "Read the sale's times; details.phase says where it is now."


class LimitReached(Conflict):
    """The buyer has taken what one person may take of this sale."""

    code = "offer_limit_reached"
    advice = "Order at most details.left pieces of the sale; pieces of cancelled orders count no more."


class NotYourTurn(Refusal):
    """The buyer has no place in the queue, or is not let in yet."""

    code = "not_your_turn"
    status = 429
    advice = "Take a place in the queue, and order with its ticket when it is let in."
    retry_after_seconds = 1


class PuzzleUnsolved(Invalid):
    """A place in this queue costs a little work, which was not done."""

    code = "puzzle_unsolved"
    advice = "Find a nonce for which SHA-256 of challenge:nonce begins with puzzle_bits zero bits; both are in the sale's answer."


def plan(offers: Sequence[NewOffer]) -> list[OfferId]:
    """Plan sales and set their pieces aside. Raises BadOffer, BundleOffered, inventory's StockPromised and UnknownSku; then none
    is planned."""
    for offer in offers:
        _check(offer)
    if catalog.parts_of([offer.sku_id for offer in offers]):
        raise BundleOffered("A bundle is sold in no flash sale.")
    made = [
        Offer(
            OfferId(offer_id), one.name.strip(), one.sku_id, one.price_minor, one.quantity, one.per_person, one.starts_at,
            one.ends_at, one.admit_per_second, one.puzzle_bits,
        )
        for offer_id, one in zip(ids.next_ids(len(offers)), offers, strict=True)
    ]  # fmt: skip
    inventory.set_aside([share_of(one) for one in made])
    columns = (
        "id", "name", "sku_id", "price_minor", "quantity", "per_person", "starts_at", "ends_at", "admit_per_second",
        "puzzle_bits", "place_count",
    )  # fmt: skip
    rows = [
        (
            one.offer_id, one.name, one.sku_id, one.price_minor, one.quantity, one.per_person, one.starts_at, one.ends_at,
            one.admit_per_second, one.puzzle_bits, 0,
        )
        for one in made
    ]  # fmt: skip
    sql.insert(OfferRow, columns, rows)
    return [one.offer_id for one in made]


def _check(offer: NewOffer) -> None:
    if not 1 <= len(offer.name.strip()) <= 80 or not offer.name.isprintable():
        raise BadOffer("A sale has a name of 1 to 80 characters.", field="name")
    for field, value, least, most in (
        ("price_minor", offer.price_minor, 0, 10**12), ("quantity", offer.quantity, 1, 10**9),
        ("per_person", offer.per_person, 1, 10**6), ("admit_per_second", offer.admit_per_second, 0, 10**6),
        ("puzzle_bits", offer.puzzle_bits, 0, PUZZLE_BITS_MAX),
    ):  # fmt: skip
        if not least <= value <= most:
            raise BadOffer(
                Filled("{field} lies within {least} and {most}.", field=Filled(field), least=least, most=most), field=field
            )
    if not offer.starts_at < offer.ends_at <= offer.starts_at + LONGEST or offer.ends_at <= clock.now():
        raise BadOffer("A sale ends after it starts, within 31 days, and not in the past.", field="ends_at")


def end(offer_ids: Iterable[OfferId], at: datetime | None = None) -> int:
    """End sales before their time and give what they have left back to everybody; returns how many. Idempotent."""
    wanted = list(offer_ids)
    ended = sql.execute(
        "UPDATE offers_offers SET ended_at = %s WHERE tenant_id = %s AND id = ANY(%s::bigint[]) AND ended_at IS NULL",
        (at or clock.now(), current_tenant_id(), wanted),
    )
    inventory.end_channels(map(channel_of, wanted))
    return ended


def claim(claims: Sequence[Claim], offers: Mapping[OfferId, Offer], at: datetime | None = None) -> dict[int, Refusal]:
    """Take what orders want of sales, within what each person may take; returns why orders are refused, which take nothing.

    ``offers``: the sales they name, as they were read. Refusals: offer_not_found, offer_not_live, not_your_turn,
    offer_limit_reached. No claims, no statement. Whether there are pieces left is asked of the stock afterwards, from the
    sale's channel.
    """
    if not claims:
        return {}
    at = at or clock.now()
    refused: dict[int, Refusal] = {}
    for one in claims:
        reason = _why_not(one, offers.get(one.offer_id), at)
        if reason is not None:
            refused.setdefault(one.order_id, reason)
    asking = [one for one in claims if one.order_id not in refused]
    if asking:
        over = over_the_limit(asking, offers, _taken_before(asking))
        for order_id, left in over.items():
            refused[order_id] = LimitReached("One person takes no more of this sale.", left=left)
    _write_claims([one for one in asking if one.order_id not in refused], at)
    return refused


def _why_not(one: Claim, offer: Offer | None, at: datetime) -> Refusal | None:
    if offer is None or offer.sku_id != one.sku_id:
        return OfferNotFound("There is no such flash sale of this SKU.")
    phase = offer.phase(at)
    if phase is not Phase.LIVE:
        return NotLive("This sale is not on now.", phase=phase.value, starts_at=offer.starts_at, ends_at=offer.ends_at)
    if offer.admit_per_second:
        ticket = read_ticket(one.ticket, offer.offer_id, one.buyer_id)
        if ticket is None:
            return NotYourTurn("This sale has a queue, and this buyer has no place in it.")
        if not is_admitted(offer, ticket.position, at):
            return NotYourTurn("This place is not let in yet.", seconds=seconds_to_wait(offer, ticket.position, at))
    return None


def _taken_before(claims: Sequence[Claim]) -> dict[tuple[OfferId, UserId], int]:
    """What each buyer has of each sale; nobody else can change it until this transaction ends."""
    tenant_id = current_tenant_id()
    pairs = sorted({(one.offer_id, one.buyer_id) for one in claims})
    locks = sorted(_lock_of(tenant_id, *pair) for pair in pairs)  # in one order, so that two batches queue
    sql.fetch("SELECT pg_advisory_xact_lock(l) FROM unnest(%s::bigint[]) AS l", (locks,))
    rows = sql.fetch(
        "SELECT c.offer_id, c.buyer_id, sum(c.quantity)::bigint FROM offers_claims c"
        " JOIN unnest(%s::bigint[], %s::bigint[]) AS u(offer_id, buyer_id) USING (offer_id, buyer_id)"
        " WHERE c.tenant_id = %s AND c.ended_at IS NULL GROUP BY c.offer_id, c.buyer_id",
        ([pair[0] for pair in pairs], [pair[1] for pair in pairs], tenant_id),
    )
    return {(OfferId(row[0]), UserId(row[1])): row[2] for row in rows}


def _lock_of(*parts: int) -> int:
    return int.from_bytes(blake2b(f"offers/{parts}".encode(), digest_size=8).digest(), "big", signed=True)


def _write_claims(claims: Sequence[Claim], at: datetime) -> None:
    totals: dict[tuple[int, int, int], int] = {}
    for one in claims:
        key = (one.offer_id, one.order_id, one.buyer_id)
        totals[key] = totals.get(key, 0) + one.quantity
    sql.insert(
        ClaimRow,
        ("id", "offer_id", "order_id", "buyer_id", "quantity", "claimed_at"),
        [(i, *key, quantity, at) for i, (key, quantity) in zip(ids.next_ids(len(totals)), totals.items(), strict=True)],
    )


def end_claims(order_ids: Iterable[int], at: datetime | None = None) -> int:
    """These orders were given up: what they took counts no more. Returns how many claims. Idempotent."""
    wanted = list(order_ids)
    if not wanted:
        return 0
    return sql.execute(
        "UPDATE offers_claims SET ended_at = %s WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) AND ended_at IS NULL",
        (at or clock.now(), current_tenant_id(), wanted),
    )


_AGAIN = """
SELECT c.order_id, c.offer_id, o.sku_id, c.buyer_id, c.quantity FROM offers_claims c JOIN offers_offers o ON o.id = c.offer_id
WHERE c.tenant_id = %s AND c.order_id = ANY(%s::bigint[]) AND c.ended_at IS NOT NULL ORDER BY c.order_id, c.id
"""


def claim_again(order_ids: Iterable[int]) -> set[int]:
    """Late money: what these orders had of sales counts again, where their buyers have not taken their due meanwhile. Returns
    the orders that may not have it; orders that claimed nothing, or still do, are not concerned.

    Neither the sale's time nor its queue is asked: the order was placed within both. Whether the sale has pieces left is asked
    of the stock, from its channel.
    """
    rows = sql.fetch(_AGAIN, (current_tenant_id(), list(order_ids)))
    asking = [Claim(*row) for row in rows]
    if not asking:
        return set()
    refused = set(over_the_limit(asking, find_offers(one.offer_id for one in asking), _taken_before(asking)))
    sql.execute(
        "UPDATE offers_claims SET ended_at = NULL WHERE tenant_id = %s AND order_id = ANY(%s::bigint[])",
        (current_tenant_id(), [one.order_id for one in asking if one.order_id not in refused]),
    )
    return refused


def join(offer_id: OfferId, buyers: Sequence[tuple[UserId, str]], at: datetime | None = None) -> list[Ticket | Refusal]:
    """Give (buyer, nonce) their places in the queue, in the order in which they came; who has one keeps it.

    Refusals: offer_not_found, offer_not_live (over), puzzle_unsolved.
    """
    at = at or clock.now()
    offer = find_offers([offer_id]).get(offer_id)
    if offer is None:
        return [OfferNotFound("No such flash sale.") for _ in buyers]
    if offer.phase(at) is Phase.OVER:
        return [NotLive("This sale is over.", phase=Phase.OVER.value) for _ in buyers]
    solved = [is_solved(challenge_of(offer_id, buyer_id), nonce, offer.puzzle_bits) for buyer_id, nonce in buyers]
    places = _places(offer_id, [buyer_id for (buyer_id, _), fine in zip(buyers, solved, strict=True) if fine], at)
    return [
        Ticket(offer_id, buyer_id, places[buyer_id]) if fine else PuzzleUnsolved("The puzzle of this sale is not solved.")
        for (buyer_id, _), fine in zip(buyers, solved, strict=True)
    ]


def _places(offer_id: OfferId, buyers: Sequence[UserId], at: datetime) -> dict[UserId, int]:
    if not buyers:
        return {}
    tenant_id = current_tenant_id()
    (row,) = sql.fetch("SELECT place_count FROM offers_offers WHERE tenant_id = %s AND id = %s FOR UPDATE", (tenant_id, offer_id))
    known = sql.fetch(
        "SELECT buyer_id, position FROM offers_places WHERE tenant_id = %s AND offer_id = %s AND buyer_id = ANY(%s::bigint[])",
        (tenant_id, offer_id, list(buyers)),
    )
    places = {UserId(buyer_id): position for buyer_id, position in known}
    new = [buyer_id for buyer_id in dict.fromkeys(buyers) if buyer_id not in places]
    if new:
        fresh = dict(zip(new, range(row[0] + 1, row[0] + 1 + len(new)), strict=True))
        sql.insert(
            PlaceRow,
            ("id", "offer_id", "buyer_id", "position", "joined_at"),
            [(i, offer_id, buyer, place, at) for i, (buyer, place) in zip(ids.next_ids(len(new)), fresh.items(), strict=True)],
        )
        sql.execute(
            "UPDATE offers_offers SET place_count = place_count + %s WHERE tenant_id = %s AND id = %s",
            (len(new), tenant_id, offer_id),
        )
        places |= fresh
    return places
