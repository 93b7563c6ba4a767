"""Reads of flash sales. All run inside ``tenancy.enter``."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b
from hmac import compare_digest

from django.conf import settings

from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory.types import NewChannelStock
from banyan.kernel import ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import NotFound
from banyan.people.identity.types import UserId
from banyan.trade.offers.engine.admission import admitted, is_admitted, seconds_to_wait
from banyan.trade.offers.types import Offer, OfferId, Standing, Ticket

__all__ = [
    "OfferNotFound", "admitted", "challenge_of", "channel_of", "channels_of", "find_offers", "get_offer", "is_admitted",
    "list_offers", "read_ticket", "seconds_to_wait", "standing", "ticket_text",
]  # fmt: skip
PREFIX = "off"
_COLUMNS = "id, name, sku_id, price_minor, quantity, per_person, starts_at, ends_at, admit_per_second, puzzle_bits, ended_at"


class OfferNotFound(NotFound):
    """No such flash sale here."""

    code = "offer_not_found"


def find_offers(offer_ids: Iterable[OfferId]) -> dict[OfferId, Offer]:
    """These sales; unknown ones are left out. One statement; none for none."""
    wanted = list(set(offer_ids))
    if not wanted:
        return {}
    rows = sql.fetch(
        f"SELECT {_COLUMNS} FROM offers_offers WHERE tenant_id = %s AND id = ANY(%s::bigint[])", (current_tenant_id(), wanted)
    )
    return {row[0]: Offer(*row) for row in rows}


def get_offer(offer_id: OfferId) -> Offer:
    """One sale. Raises OfferNotFound."""
    found = find_offers([offer_id])
    if offer_id not in found:
        raise OfferNotFound("No such flash sale.")
    return found[offer_id]


def list_offers(live_at: datetime | None = None, before_id: int | None = None, limit: int = 50) -> list[Offer]:
    """Sales, newest first; with ``live_at`` those that are not over then."""
    rows = sql.fetch(
        f"SELECT {_COLUMNS} FROM offers_offers WHERE tenant_id = %s AND id < %s"
        " AND (%s::timestamptz IS NULL OR (ended_at IS NULL AND ends_at > %s::timestamptz)) ORDER BY id DESC LIMIT %s",
        (current_tenant_id(), before_id if before_id is not None else 2**63 - 1, live_at, live_at, limit),
    )
    return [Offer(*row) for row in rows]


def standing(offer: Offer, at: datetime) -> Standing:
    """How a sale stands."""
    tenant_id = current_tenant_id()
    (row,) = sql.fetch(
        "SELECT coalesce(sum(c.quantity), 0)::bigint, count(DISTINCT c.buyer_id),"
        " (SELECT place_count FROM offers_offers WHERE tenant_id = %s AND id = %s)"
        " FROM offers_claims c WHERE c.tenant_id = %s AND c.offer_id = %s AND c.ended_at IS NULL",
        (tenant_id, offer.offer_id, tenant_id, offer.offer_id),
    )
    taken, buyers, queued = row
    upto = admitted(offer, at)
    return Standing(taken, max(0, offer.quantity - taken), buyers, queued, queued if upto < 0 else min(queued, upto))


def channel_of(offer_id: OfferId) -> str:
    """The key of the sale's share of the stock (``NewChannelStock.channel``)."""
    return f"{PREFIX}:{offer_id}"


def channels_of(order_ids: Iterable[int]) -> dict[tuple[int, SkuId], str]:
    """The sales from whose shares these orders take, by order and SKU; what was given up is left out."""
    rows = sql.fetch(
        "SELECT c.order_id, o.sku_id, o.id FROM offers_claims c JOIN offers_offers o ON o.id = c.offer_id"
        " WHERE c.tenant_id = %s AND c.order_id = ANY(%s::bigint[]) AND c.ended_at IS NULL",
        (current_tenant_id(), list(order_ids)),
    )
    return {(order_id, SkuId(sku_id)): channel_of(OfferId(offer_id)) for order_id, sku_id, offer_id in rows}


def share_of(offer: Offer) -> NewChannelStock:
    """What is set aside for a sale."""
    return NewChannelStock(channel_of(offer.offer_id), offer.sku_id, offer.quantity, ends_at=offer.ends_at)


def _signature(*parts: object) -> str:
    text = "/".join(map(str, (current_tenant_id(), *parts)))
    return blake2b(text.encode(), key=settings.SECRET_KEY.encode()[:64], digest_size=12, person=b"offers").hexdigest()


def challenge_of(offer_id: OfferId, buyer_id: UserId) -> str:
    """The puzzle of this buyer for this sale: nobody else's solution fits."""
    return _signature("puzzle", offer_id, buyer_id)


def ticket_text(ticket: Ticket) -> str:
    """The ticket as it is given to the buyer: signed, so that no look-up is needed to believe it."""
    return f"{ids.public(PREFIX, ticket.offer_id)}.{ticket.position}.{_signature('ticket', *ticket)}"


def read_ticket(text: str | None, offer_id: OfferId, buyer_id: UserId) -> Ticket | None:
    """The place that this text gives this buyer in this sale; None when it is not ours or somebody else's."""
    _, _, rest = (text or "").partition(".")
    number, _, _ = rest.partition(".")
    if not (number.isascii() and number.isdigit()) or len(number) > 15:
        return None
    ticket = Ticket(offer_id, buyer_id, int(number))
    return ticket if compare_digest(ticket_text(ticket).encode(), (text or "").encode()) else None
