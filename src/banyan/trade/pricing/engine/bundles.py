"""A bundle as lines of its parts: what each part is paid for. Minor units."""

from __future__ import annotations

from collections.abc import Sequence

from banyan.kernel.values.errors import Conflict
from banyan.kernel.values.money import allocate
from banyan.trade.pricing.engine.lines import AMOUNT_MAX, QUANTITY_MAX, BadAmounts
from banyan.trade.pricing.types import BundlePart, LineRequest


class BundleOverpriced(Conflict):
    """The bundle costs more than its parts bought one by one: a price has moved since the bundle was made."""

    code = "bundle_overpriced"
    advice = "Order the parts themselves, or ask the shop to lower the price of the bundle."


def expand(bundle_sku_id: int, price_minor: int, quantity: int, parts: Sequence[BundlePart]) -> list[LineRequest]:
    """``quantity`` bundles at ``price_minor`` each, as one line per part at the part's list price.

    What the lines give away is such that they cost price × quantity together to the minor unit: each part's share is in
    proportion to its list price × pieces, with largest remainders, and never above it. Raises BundleOverpriced when the
    bundle costs more than its parts, BadAmounts when the quantity or an amount is none that an order can have.
    """
    if not 0 < quantity <= QUANTITY_MAX:
        raise BadAmounts("A quantity must lie within 1 and 1,000,000,000.", field="quantity", sku_id=bundle_sku_id)
    grosses = [part.price_minor * part.quantity * quantity for part in parts]
    if price_minor < 0 or sum(grosses) > AMOUNT_MAX:
        raise BadAmounts("A line's amount is negative or beyond any order.", field="unit_price_minor", sku_id=bundle_sku_id)
    if price_minor * quantity > sum(grosses):
        raise BundleOverpriced(
            "The bundle costs more than its parts.", price_minor=price_minor, parts_minor=sum(grosses) // quantity
        )
    shares = allocate(price_minor * quantity, grosses)
    return [
        LineRequest(
            part.sku_id, part.quantity * quantity, part.price_minor, part.weight_grams, part.tax_bp, gross - share, bundle_sku_id
        )
        for part, gross, share in zip(parts, grosses, shares, strict=True)
    ]
