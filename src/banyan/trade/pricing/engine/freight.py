"""What carrying an order costs under a tariff. Minor units, grams."""

from __future__ import annotations

from banyan.trade.pricing.types import FreightTariff


def freight_of(tariff: FreightTariff, weight_grams: int, goods_minor: int) -> int:
    """Freight of one parcel: the base up to ``first_grams``, a step for each begun ``step_grams`` above, free from a value on."""
    if tariff.free_from_minor is not None and goods_minor >= tariff.free_from_minor:
        return 0
    above = max(0, weight_grams - tariff.first_grams)
    return tariff.base_minor + -(-above // tariff.step_grams) * tariff.step_minor
