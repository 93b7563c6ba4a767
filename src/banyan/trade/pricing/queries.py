"""Prices on request: for quotes, carts and the orders house. Nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from banyan.goods.catalog.queries import sku_facts
from banyan.goods.catalog.types import SkuFacts, SkuId
from banyan.kernel.values.errors import Invalid
from banyan.trade.pricing.engine.bundles import BundleOverpriced, expand
from banyan.trade.pricing.engine.freight import freight_of
from banyan.trade.pricing.engine.lines import price_order
from banyan.trade.pricing.types import BundlePart, FreightTariff, LineRequest, PricedOrder

__all__ = ["BundleOverpriced", "NotForSale", "expand_bundle", "freight_of", "price_order", "quote"]


class NotForSale(Invalid):
    """A SKU that does not exist in this shop or is off sale."""

    code = "not_for_sale"
    status = 409
    advice = "Take the named SKU out of the order, or ask the shop to put it on sale."


def expand_bundle(
    bundle: SkuFacts, quantity: int, facts: Mapping[SkuId, SkuFacts], price_minor: int | None = None
) -> list[LineRequest]:
    """The lines that a line of a bundle stands for, at its own price unless another is told; ``facts`` has its parts.
    Raises BundleOverpriced, BadAmounts."""
    parts = [
        BundlePart(part.sku_id, part.quantity, facts[part.sku_id].price_minor, facts[part.sku_id].weight_grams,
                   facts[part.sku_id].tax_bp)
        for part in bundle.parts
    ]  # fmt: skip
    return expand(bundle.sku_id, bundle.price_minor if price_minor is None else price_minor, quantity, parts)


def quote(wanted: Sequence[tuple[SkuId, int]], tariff: FreightTariff | None = None, discount_minor: int = 0) -> PricedOrder:
    """What these SKUs would cost now at catalog prices, with freight by ``tariff``. A bundle comes as
    lines of its parts. Raises NotForSale, BadAmounts, BundleOverpriced."""
    facts = sku_facts(sku_id for sku_id, _ in wanted)
    lines: list[LineRequest] = []
    for sku_id, quantity in wanted:
        sku = facts.get(sku_id)
        if sku is None or not sku.on_sale or not all(facts[part.sku_id].on_sale for part in sku.parts):
            raise NotForSale("A SKU of this order is not for sale.")
        if sku.parts:
            lines += expand_bundle(sku, quantity, facts)
            continue
        lines.append(LineRequest(sku_id, quantity, sku.price_minor, sku.weight_grams, sku.tax_bp))
    without_freight = price_order(lines, discount_minor)
    if tariff is None:
        return without_freight
    weight = sum(line.weight_grams * line.quantity for line in lines)
    goods = without_freight.gross_minor - without_freight.discount_minor
    return price_order(lines, discount_minor, freight_of(tariff, weight, goods))
