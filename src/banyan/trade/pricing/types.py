"""The words of pricing. Amounts are integer minor units of one currency, tax included (税内); rates in basis points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class LineRequest(NamedTuple):
    """One line to price. ``tax_bp`` is the tax contained in the price.

    ``discount_minor`` is what the line gives away by itself, and ``bundle_sku_id`` the bundle that it is a part of.
    """

    sku_id: int
    quantity: int
    unit_price_minor: int
    weight_grams: int = 0
    tax_bp: int = 0
    discount_minor: int = 0
    bundle_sku_id: int | None = None


class BundlePart(NamedTuple):
    """What a bundle has in it: so many pieces, each at this list price."""

    sku_id: int
    quantity: int
    price_minor: int
    weight_grams: int = 0
    tax_bp: int = 0


@dataclass(frozen=True, slots=True)
class FreightTariff:
    """Freight of one order: ``base_minor`` up to ``first_grams``, then ``step_minor`` for each begun ``step_grams``;
    nothing from ``free_from_minor`` of goods on (None: never free)."""

    base_minor: int = 0
    first_grams: int = 1000
    step_grams: int = 1000
    step_minor: int = 0
    free_from_minor: int | None = None


class PricedLine(NamedTuple):
    """One priced line. gross = unit price × quantity; payable = gross − discount; tax is contained in payable.
    ``commissionable_minor`` = payable − tax: paid minus shipping, tax and discounts."""

    sku_id: int
    quantity: int
    unit_price_minor: int
    gross_minor: int
    discount_minor: int
    payable_minor: int
    tax_minor: int
    bundle_sku_id: int | None = None

    @property
    def commissionable_minor(self) -> int:
        """What commission may be computed from. Shipping is not part of a line."""
        return self.payable_minor - self.tax_minor


class PricedOrder(NamedTuple):
    """A priced order. total = Σ payable of lines + shipping; exact, nothing is lost in rounding."""

    lines: tuple[PricedLine, ...]
    gross_minor: int
    discount_minor: int
    shipping_minor: int
    tax_minor: int
    total_minor: int
