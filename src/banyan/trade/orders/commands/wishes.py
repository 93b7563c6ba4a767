"""What an order asks for, checked and priced by the facts of its SKUs: nothing is read or written here."""

from __future__ import annotations

import re
from collections.abc import Mapping

from banyan.goods.catalog.types import SkuFacts, SkuId
from banyan.kernel.values.filled import Filled
from banyan.trade.offers import queries as offers
from banyan.trade.offers.types import Offer
from banyan.trade.orders.commands.errors import BadOrder, NotOnSale, UnknownSku
from banyan.trade.orders.types import PlaceOrder
from banyan.trade.pricing.queries import expand_bundle, freight_of, price_order
from banyan.trade.pricing.types import FreightTariff, LineRequest, PricedOrder

LINES_MAX = 200
_REGION = re.compile("([1-9][0-9]{5})?", re.ASCII)


def price_request(request: PlaceOrder, facts: Mapping[SkuId, SkuFacts], tariff: FreightTariff, sale: Offer | None) -> PricedOrder:
    """The order priced, bundles as lines of their parts. Raises BadOrder, UnknownSku, NotOnSale, BadAmounts, BundleOverpriced,
    OfferNotFound."""
    _check(request)
    if request.offer_id is not None and (sale is None or all(line[0] != sale.sku_id for line in request.lines)):
        raise offers.OfferNotFound("There is no such flash sale of a SKU of this order.")
    wanted: list[LineRequest] = []
    for line in request.lines:
        wanted += _wanted(line[0], line[1], line[2] if len(line) > 2 else None, facts, sale)
    if len(wanted) > LINES_MAX:
        raise BadOrder(Filled("With the parts of its bundles an order has at most {most} lines.", most=LINES_MAX), field="lines")
    shipping_minor = request.shipping_minor
    if shipping_minor is None:
        goods_minor = sum(line.quantity * line.unit_price_minor - line.discount_minor for line in wanted)
        weight_grams = sum(line.weight_grams * line.quantity for line in wanted)
        shipping_minor = freight_of(tariff, weight_grams, goods_minor - request.discount_minor)
    return price_order(wanted, request.discount_minor, shipping_minor)


def _check(request: PlaceOrder) -> None:
    if not 0 < len(request.lines) <= LINES_MAX:
        raise BadOrder(Filled("An order has 1 to {most} lines.", most=LINES_MAX), field="lines")
    if not request.channel.isprintable() or not 0 < len(request.channel) <= 20:
        raise BadOrder("The channel has 1 to 20 printable characters.", field="channel")
    if request.client_key is not None and (not 0 < len(request.client_key) <= 120 or not request.client_key.isprintable()):
        raise BadOrder("The client key has 1 to 120 printable characters.", field="client_key")
    if request.placed_at is not None and request.placed_at.tzinfo is None:
        raise BadOrder("placed_at must name its time zone.", field="placed_at")
    if request.recipient is not None and not _REGION.fullmatch(request.recipient.region_code):
        raise BadOrder("A region is named by the six digits of its code.", field="recipient.region_code")


def _wanted(
    sku_id: SkuId, quantity: int, override: int | None, facts: Mapping[SkuId, SkuFacts], sale: Offer | None
) -> list[LineRequest]:
    """One line of the request; of a bundle, one for each of its parts."""
    sku = facts.get(sku_id)
    if sku is None:
        raise UnknownSku("A SKU of this order does not exist.", sku_id=sku_id)
    if override is None and not sku.on_sale:
        raise NotOnSale("A SKU of this order is off sale.", sku_id=sku_id)
    price_minor = sku.price_minor if override is None else override
    on_offer = sale is not None and sale.sku_id == sku_id
    if sku.parts:
        if on_offer:  # it became a bundle while the sale was planned: the sale's pieces are none of its parts
            raise offers.OfferNotFound("A bundle is sold in no flash sale.")
        for part in sku.parts:
            if override is None and not facts[part.sku_id].on_sale:
                raise NotOnSale("A part of a bundle of this order is off sale.", sku_id=part.sku_id)
        return expand_bundle(sku, quantity, facts, price_minor)
    if sale is not None and on_offer:
        price_minor = sale.price_minor
    return [LineRequest(sku_id, quantity, price_minor, sku.weight_grams, sku.tax_bp)]
