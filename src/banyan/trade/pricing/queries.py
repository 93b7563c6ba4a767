"""Prices on request: for quotes, carts and the orders house. Nothing is written."""

from __future__ import annotations

from collections.abc import Sequence

from banyan.goods.catalog.queries import sku_facts
from banyan.goods.catalog.types import SkuId
from banyan.kernel.values.errors import Invalid
from banyan.trade.pricing.engine.freight import freight_of
from banyan.trade.pricing.engine.lines import price_order
from banyan.trade.pricing.types import FreightTariff, LineRequest, PricedOrder

__all__ = ["NotForSale", "freight_of", "price_order", "quote"]


class NotForSale(Invalid):
    """A SKU that does not exist in this shop or is off sale."""

    code = "not_for_sale"
    status = 409
    advice = "Take the named SKU out of the order, or ask the shop to put it on sale."


def quote(wanted: Sequence[tuple[SkuId, int]], tariff: FreightTariff | None = None, discount_minor: int = 0) -> PricedOrder:
    """What these SKUs would cost now at catalog prices, with freight by ``tariff``. Raises NotForSale, BadAmounts."""
    facts = sku_facts(sku_id for sku_id, _ in wanted)
    lines = []
    for sku_id, quantity in wanted:
        sku = facts.get(sku_id)
        if sku is None or not sku.on_sale:
            raise NotForSale("A SKU of this order is not for sale.")
        lines.append(LineRequest(sku_id, quantity, sku.price_minor, sku.weight_grams, sku.tax_bp))
    without_freight = price_order(lines, discount_minor)
    if tariff is None:
        return without_freight
    weight = sum(line.weight_grams * line.quantity for line in lines)
    goods = without_freight.gross_minor - discount_minor
    return price_order(lines, discount_minor, freight_of(tariff, weight, goods))
