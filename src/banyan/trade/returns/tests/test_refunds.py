"""Properties of the refund arithmetic: nothing is lost to rounding, nothing is paid back twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banyan.trade.returns.engine.refunds import after, decide_refund, goods_refund, left_to_ask
from banyan.trade.returns.types import Fault, FreightRule, LineClaim, LineState, OrderState

RULE = FreightRule.LATEST_GOODS_OR_MERCHANT_FAULT
lines = st.builds(LineState, st.just(1), st.integers(1, 40), st.integers(0, 100_000))


@given(lines, st.data())
def test_partial_returns_add_up_to_what_was_paid(line: LineState, draw: st.DataObject) -> None:
    order = OrderState((line,))
    while (left := line.of_quantity - order.lines[0].returned_quantity) > 0:
        quantity = draw.draw(st.integers(1, left))
        order = after(order, decide_refund(order, [LineClaim(1, quantity)], RULE, Fault.BUYER))
    assert order.lines[0].refunded_minor == line.of_minor


@given(lines, st.data())
def test_the_split_into_parts_does_not_matter(line: LineState, draw: st.DataObject) -> None:
    quantity = draw.draw(st.integers(1, line.of_quantity))
    at_once = goods_refund(line, quantity)
    order = OrderState((line,))
    for _ in range(quantity):
        order = after(order, decide_refund(order, [LineClaim(1, 1)], RULE, Fault.BUYER))
    assert order.lines[0].refunded_minor == at_once


@given(lines, st.data())
def test_amounts_and_goods_mixed_never_exceed_the_line_and_end_exactly(line: LineState, draw: st.DataObject) -> None:
    order = OrderState((line,))
    while (state := order.lines[0]).returned_quantity < state.of_quantity:
        left_minor = state.of_minor - state.refunded_minor
        if left_minor and draw.draw(st.booleans()):
            claim = LineClaim(1, 0, draw.draw(st.integers(1, left_minor)))
        else:
            claim = LineClaim(1, draw.draw(st.integers(1, state.of_quantity - state.returned_quantity)))
        decision = decide_refund(order, [claim], RULE, Fault.BUYER)
        assert 0 <= decision.lines[0].refund_minor <= left_minor
        order = after(order, decision)
    assert order.lines[0].refunded_minor == line.of_minor


@given(lines, st.data())
def test_what_may_be_asked_is_never_refused_at_its_end(line: LineState, draw: st.DataObject) -> None:
    """Whatever went back before, and in whichever order open returns are decided: together they take at most what is left."""
    order = OrderState((line,))
    for _ in range(draw.draw(st.integers(0, 3))):
        state = order.lines[0]
        if left_minor := state.of_minor - state.refunded_minor:
            order = after(
                order, decide_refund(order, [LineClaim(1, 0, draw.draw(st.integers(1, left_minor)))], RULE, Fault.BUYER)
            )
        if units := state.of_quantity - state.returned_quantity:
            order = after(order, decide_refund(order, [LineClaim(1, draw.draw(st.integers(1, units)))], RULE, Fault.BUYER))
    state = order.lines[0]
    claimed, asked_minor, claims = state.returned_quantity, 0, []
    for _ in range(draw.draw(st.integers(1, 6))):
        left_minor = left_to_ask(state, claimed, asked_minor)
        assert left_minor >= 0
        if left_minor and draw.draw(st.booleans()):
            claims.append(LineClaim(1, 0, draw.draw(st.integers(1, left_minor) | st.just(left_minor))))
        elif claimed < state.of_quantity:
            units = draw.draw(st.integers(1, state.of_quantity - claimed))
            if left_to_ask(state, claimed + units, asked_minor) < 0:
                continue
            claims.append(LineClaim(1, units))
        else:
            continue
        claimed, asked_minor = claimed + claims[-1].quantity, asked_minor + claims[-1].amount_minor
    for claim in draw.draw(st.permutations(claims)):
        order = after(order, decide_refund(order, [claim], RULE, Fault.BUYER))
    assert order.lines[0].refunded_minor <= line.of_minor


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9_999)), min_size=1, max_size=5), st.integers(0, 2_000), st.data())
def test_a_whole_order_goes_back_to_the_cent_in_any_order(
    sold: list[tuple[int, int]], freight_minor: int, draw: st.DataObject
) -> None:
    order = OrderState(tuple(LineState(i, n, p) for i, (n, p) in enumerate(sold)), freight_minor)
    total, freight_seen = 0, 0
    while any(line.returned_quantity < line.of_quantity for line in order.lines):
        open_lines = [line for line in order.lines if line.returned_quantity < line.of_quantity]
        chosen = draw.draw(st.sampled_from(open_lines))
        claim = LineClaim(chosen.line_id, draw.draw(st.integers(1, chosen.of_quantity - chosen.returned_quantity)))
        decision = decide_refund(order, [claim], RULE, Fault.BUYER)
        assert decision.freight_minor == 0 or freight_seen == 0
        freight_seen += decision.freight_minor
        total += decision.total_minor
        order = after(order, decision)
    assert total == freight_minor + sum(p for _, p in sold)


@pytest.mark.parametrize(
    ("rule", "fault", "completes_expected", "partial_expected"),
    [
        (FreightRule.LATEST_GOODS, Fault.BUYER, 800, 0),
        (FreightRule.LATEST_GOODS, Fault.MERCHANT, 800, 0),
        (FreightRule.LATEST_GOODS_OR_MERCHANT_FAULT, Fault.BUYER, 800, 0),
        (FreightRule.LATEST_GOODS_OR_MERCHANT_FAULT, Fault.MERCHANT, 800, 800),
        (FreightRule.MERCHANT_FAULT, Fault.BUYER, 0, 0),
        (FreightRule.MERCHANT_FAULT, Fault.MERCHANT, 800, 800),
        (FreightRule.NEVER, Fault.MERCHANT, 0, 0),
    ],
)
def test_freight_follows_the_rule(rule: FreightRule, fault: Fault, completes_expected: int, partial_expected: int) -> None:
    order = OrderState((LineState(1, 3, 1000),), 800)
    assert decide_refund(order, [LineClaim(1, 3)], rule, fault).freight_minor == completes_expected
    assert decide_refund(order, [LineClaim(1, 1)], rule, fault).freight_minor == partial_expected


def test_freight_goes_back_once() -> None:
    order = OrderState((LineState(1, 2, 1000),), 800)
    first = decide_refund(order, [LineClaim(1, 1)], RULE, Fault.MERCHANT)
    second = decide_refund(after(order, first), [LineClaim(1, 1)], RULE, Fault.MERCHANT)
    assert (first.freight_minor, second.freight_minor) == (800, 0)


@pytest.mark.parametrize(
    "claims",
    [[LineClaim(1, 4)], [LineClaim(2, 1)], [LineClaim(1, 1), LineClaim(1, 1)], [LineClaim(1, 0, 1001)], [LineClaim(1, 0)]],
)
def test_impossible_claims_are_refused(claims: list[LineClaim]) -> None:
    with pytest.raises(ValueError, match=r"left|not in the order"):
        decide_refund(OrderState((LineState(1, 3, 1000),)), claims, RULE, Fault.BUYER)


def test_thirds_of_one_hundred() -> None:
    order = OrderState((LineState(1, 3, 100),))
    parts = []
    for _ in range(3):
        decision = decide_refund(order, [LineClaim(1, 1)], RULE, Fault.BUYER)
        parts.append(decision.total_minor)
        order = after(order, decision)
    assert parts == [33, 33, 34]
