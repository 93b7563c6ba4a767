"""A bundle's price over its parts: exact, in proportion, and never above what a part costs alone."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banyan.trade.pricing.engine.bundles import BundleOverpriced, expand
from banyan.trade.pricing.engine.lines import BadAmounts, price_order
from banyan.trade.pricing.types import BundlePart, LineRequest

prices = st.one_of(st.just(0), st.integers(1, 10), st.integers(0, 10**7))
part = st.builds(BundlePart, st.integers(1, 99), st.integers(1, 20), prices, st.just(0), st.just(1300))
sets = st.lists(part, min_size=1, max_size=8)


def whole(parts: list[BundlePart]) -> int:
    return sum(part.price_minor * part.quantity for part in parts)


@given(sets, st.integers(1, 500), st.fractions(0, 1))
def test_the_parts_of_a_bundle_cost_its_price_together(parts: list[BundlePart], quantity: int, rate: Fraction) -> None:
    price = int(whole(parts) * rate)
    lines = expand(7, price, quantity, parts)
    grosses = [line.quantity * line.unit_price_minor for line in lines]
    paid = [gross - line.discount_minor for gross, line in zip(grosses, lines, strict=True)]
    assert sum(paid) == price * quantity
    assert [(line.sku_id, line.unit_price_minor, line.quantity) for line in lines] == [
        (part.sku_id, part.price_minor, part.quantity * quantity) for part in parts
    ]
    assert {line.bundle_sku_id for line in lines} == {7}
    for gross, amount in zip(grosses, paid, strict=True):
        assert 0 <= amount <= gross
        assert abs(amount * sum(grosses) - price * quantity * gross) < max(1, sum(grosses)), "one minor unit off at most"


@given(sets, st.integers(1, 50), st.fractions(0, 1), st.fractions(0, 1))
def test_beside_other_goods_and_a_discount_no_unit_is_lost(
    parts: list[BundlePart], quantity: int, rate: Fraction, share: Fraction
) -> None:
    price = int(whole(parts) * rate)
    cost = price * quantity + 3 * 999
    discount = int(cost * share)
    order = price_order([*expand(7, price, quantity, parts), LineRequest(1, 3, 999)], discount, 800)
    assert order.total_minor == cost - discount + 800 == sum(line.payable_minor for line in order.lines) + 800
    assert order.gross_minor - order.discount_minor == cost - discount
    for line in order.lines:
        assert 0 <= line.tax_minor <= line.payable_minor <= line.gross_minor == line.payable_minor + line.discount_minor


def test_a_bundle_dearer_than_its_parts_or_of_absurd_amounts_is_refused() -> None:
    parts = [BundlePart(1, 2, 500), BundlePart(2, 1, 300)]
    assert [line.discount_minor for line in expand(7, 1300, 2, parts)] == [0, 0]
    with pytest.raises(BundleOverpriced) as refused:
        expand(7, 1301, 2, parts)
    assert refused.value.details == {"price_minor": 1301, "parts_minor": 1300}
    for price, quantity in ((1300, 0), (1300, 10**9 + 1), (-1, 1), (0, 10**9)):
        with pytest.raises(BadAmounts):
            expand(7, price, quantity, [BundlePart(1, 10_000, 10**12)] if quantity == 10**9 else parts)


def test_a_line_gives_away_no_more_than_it_costs() -> None:
    with pytest.raises(BadAmounts):
        price_order([LineRequest(1, 1, 100, discount_minor=101)])
