"""Prices are exact whatever the numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banyan.trade.pricing.engine.freight import freight_of
from banyan.trade.pricing.engine.lines import BadAmounts, contained_tax, price_order
from banyan.trade.pricing.types import FreightTariff, LineRequest

lines = st.lists(
    st.builds(
        LineRequest,
        sku_id=st.integers(1, 50),
        quantity=st.integers(1, 1000),
        unit_price_minor=st.one_of(st.just(0), st.integers(0, 10**9)),
        weight_grams=st.integers(0, 10**5),
        tax_bp=st.sampled_from([0, 600, 900, 1300, 10_000]),
        discount_minor=st.just(0),
        bundle_sku_id=st.none(),
    ),
    min_size=1,
    max_size=12,
)


@given(lines, st.fractions(0, 1), st.integers(0, 10**6))
def test_lines_sum_to_the_order(wanted: list[LineRequest], share: float, shipping: int) -> None:
    gross = sum(line.quantity * line.unit_price_minor for line in wanted)
    discount = int(gross * share)
    order = price_order(wanted, discount, shipping)
    assert order.gross_minor == gross == sum(line.gross_minor for line in order.lines)
    assert sum(line.discount_minor for line in order.lines) == discount == order.discount_minor
    assert sum(line.payable_minor for line in order.lines) + shipping == order.total_minor
    assert sum(line.tax_minor for line in order.lines) == order.tax_minor
    for line in order.lines:
        assert 0 <= line.discount_minor <= line.gross_minor
        assert 0 <= line.tax_minor <= line.payable_minor
        assert 0 <= line.commissionable_minor <= line.payable_minor
        if line.gross_minor == 0:
            assert line.discount_minor == 0
        # No line is more than one minor unit away from its exact share.
        elif gross:
            assert abs(line.discount_minor * gross - discount * line.gross_minor) < gross


@given(st.integers(0, 10**12), st.integers(0, 10_000))
def test_contained_tax_is_the_nearest_minor_unit(amount: int, tax_bp: int) -> None:
    tax = contained_tax(amount, tax_bp)
    assert abs(tax * (10_000 + tax_bp) - amount * tax_bp) * 2 <= 10_000 + tax_bp
    assert 0 <= tax <= amount


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**6))
def test_freight_grows_with_weight_and_stops_at_the_free_limit(weight: int, more: int, goods: int) -> None:
    tariff = FreightTariff(base_minor=800, first_grams=1000, step_grams=500, step_minor=150, free_from_minor=99_00)
    if goods >= 99_00:
        assert freight_of(tariff, weight, goods) == 0
    else:
        assert 800 <= freight_of(tariff, weight, goods) <= freight_of(tariff, weight + more, goods)


def test_freight_counts_begun_steps() -> None:
    tariff = FreightTariff(base_minor=800, first_grams=1000, step_grams=500, step_minor=150)
    assert [freight_of(tariff, grams, 0) for grams in (0, 1000, 1001, 1500, 1501)] == [800, 800, 950, 950, 1100]


@pytest.mark.parametrize(
    ("wanted", "discount", "shipping"),
    [
        ([], 0, 0),
        ([LineRequest(1, 0, 100)], 0, 0),
        ([LineRequest(1, -1, 100)], 0, 0),
        ([LineRequest(1, 1, -100)], 0, 0),
        ([LineRequest(1, 1, 100)], 101, 0),
        ([LineRequest(1, 1, 100)], -1, 0),
        ([LineRequest(1, 1, 100)], 0, -1),
        ([LineRequest(1, 10**9, 10**9)], 0, 0),
        ([LineRequest(1, 10**10, 1)], 0, 0),
    ],
)
def test_bad_amounts_are_refused(wanted: list[LineRequest], discount: int, shipping: int) -> None:
    with pytest.raises(BadAmounts):
        price_order(wanted, discount, shipping)
