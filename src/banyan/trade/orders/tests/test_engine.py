"""Pure rules: numbers and states."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from banyan.trade.orders.engine.numbers import id_of, number_of
from banyan.trade.orders.engine.states import TRANSITIONS, Verdict, judge_capture, may_become
from banyan.trade.orders.types import Capture, OrderState, Payable

DAY = date(2026, 11, 22)


@given(st.integers(0, 2**63 - 1))
def test_a_number_leads_back_to_its_order(order_id: int) -> None:
    number = number_of(order_id, DAY)
    assert id_of(number) == order_id and number.startswith("261122") and len(number) <= 25


@given(st.sets(st.integers(0, 10**11), min_size=2, max_size=50))
def test_numbers_never_collide(order_ids: set[int]) -> None:
    assert len({number_of(order_id, DAY) for order_id in order_ids}) == len(order_ids)


@given(st.text(max_size=30))
def test_any_text_is_a_number_or_not_but_never_an_error(text: str) -> None:
    assert id_of(text) is None or isinstance(id_of(text), int)


def test_final_states_are_final() -> None:
    for state in (OrderState.CLOSED, OrderState.CANCELLED):
        assert TRANSITIONS[state] == frozenset()
    assert set(TRANSITIONS) == set(OrderState)
    assert not may_become(OrderState.PAID, OrderState.EXPIRED)


@given(
    st.sampled_from(OrderState),
    st.integers(0, 5),
    st.integers(0, 5),
    st.sampled_from(["CNY", "USD"]),
    st.one_of(st.none(), st.integers(1, 3)),
)
def test_only_the_exact_money_pays(state: OrderState, total: int, amount: int, currency: str, payment_id: int | None) -> None:
    order = Payable(1, 2, state, total, "CNY", payment_id)  # type: ignore[arg-type]
    verdict, reason = judge_capture(order, Capture(1, 1, amount, currency, None))  # type: ignore[arg-type]
    if verdict in (Verdict.PAY, Verdict.REVIVE):
        assert (amount, currency, payment_id) == (total, "CNY", None)
        assert state is not OrderState.CANCELLED
    assert (verdict is Verdict.REFUND) == bool(reason)
    assert (verdict is Verdict.REPEAT) == (payment_id == 1)
