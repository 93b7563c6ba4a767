"""The table of states: more final wins in every order, and each order of the same facts ends alike."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banyan.treasury.payouts.engine.transitions import OPEN, UNPAID, decide
from banyan.treasury.payouts.types import ChannelPayoutState, PayoutState, RecordResult

C = ChannelPayoutState
STORIES = [
    (C.PROCESSING, C.AWAITING_CONFIRMATION, C.PROCESSING, C.COMPLETED),
    (C.PROCESSING, C.COMPLETED, C.RETURNED),
    (C.AWAITING_CONFIRMATION, C.EXPIRED),
    (C.AWAITING_CONFIRMATION, C.PROCESSING, C.CANCELLED),
    (C.PROCESSING, C.FAILED),
]


def _tell(told: tuple[C, ...]) -> tuple[PayoutState, list[str]]:
    state, entries = PayoutState.SUBMITTING, []
    for one in told:
        step = decide(state, one)
        state = step.state
        entries += [kind.value for kind in step.entries]
    return state, sorted(entries)


@pytest.mark.parametrize("story", STORIES)
def test_every_order_and_repetition_ends_alike_with_one_set_of_entries(story: tuple[C, ...]) -> None:
    expected = _tell(story)
    assert expected[0] is PayoutState(story[-1].value)
    for order in itertools.permutations(story):
        assert _tell(order) == expected
        assert _tell(order + order) == expected


@given(st.lists(st.sampled_from([c for c in C if c is not C.NOT_FOUND]), max_size=8))
def test_the_entries_always_fit_the_state(told: list[C]) -> None:
    state, entries = _tell(tuple(told))
    expected = {PayoutState.COMPLETED: ["payout_completed"], PayoutState.RETURNED: ["payout_completed", "payout_returned"]}
    expected |= {one: ["payout_failed"] for one in UNPAID} | {one: [] for one in OPEN}
    assert entries == expected[state]


def test_paid_against_unpaid_is_for_a_person() -> None:
    for unpaid in UNPAID:
        assert decide(unpaid, C.COMPLETED).result is RecordResult.CONTRADICTION
        assert decide(PayoutState.COMPLETED, C(unpaid.value)).result is RecordResult.CONTRADICTION
    with pytest.raises(ValueError, match="not_found"):
        decide(PayoutState.PROCESSING, C.NOT_FOUND)


def test_an_older_word_does_not_move_a_running_payout_back() -> None:
    step = decide(PayoutState.PROCESSING, C.AWAITING_CONFIRMATION, is_older=True)
    assert (step.state, step.result) == (PayoutState.PROCESSING, RecordResult.OUTDATED)
    assert decide(PayoutState.PROCESSING, C.COMPLETED, is_older=True).state is PayoutState.COMPLETED
