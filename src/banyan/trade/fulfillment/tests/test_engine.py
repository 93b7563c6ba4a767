"""The judgements of this house, without a database."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from banyan.trade.fulfillment.engine.codes import ALPHABET, LENGTH, typed, written
from banyan.trade.fulfillment.engine.packing import to_pack
from banyan.trade.fulfillment.engine.picking import LyingLot, first_expired
from banyan.trade.fulfillment.engine.tracking import standing
from banyan.trade.fulfillment.types import FulfillmentLine, ParcelState, Pieces, TrackCode, TrackEvent

START = datetime(2026, 3, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 5).map(lambda hours: START + timedelta(hours=hours))
EVENTS = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(list(TrackCode)), MOMENTS).map(
        lambda drawn: TrackEvent(f"{drawn[0]}{drawn[1]}{drawn[2]}", drawn[1], drawn[2])
    ),
    max_size=12,
)
# The first draw of a busy machine may take seconds; that says nothing about what is tested.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@patient
@given(EVENTS, st.integers(0, 10**6), st.integers(1, 10))
def test_any_order_and_any_number_of_times_is_one_state(events: list[TrackEvent], seed: int, times: int) -> None:
    told = events * times
    random.Random(seed).shuffle(told)
    assert standing(told) == standing(events)


@patient
@given(EVENTS)
def test_delivered_and_returned_stand(events: list[TrackEvent]) -> None:
    said = {event.code for event in events}
    state = standing(events).state
    assert (state is ParcelState.DELIVERED) == (TrackCode.DELIVERED in said)
    assert (state is ParcelState.RETURNED) == (TrackCode.RETURNED in said and TrackCode.DELIVERED not in said)


def test_the_newest_event_counts() -> None:
    way = [
        (TrackCode.ACCEPTED, ParcelState.IN_TRANSIT), (TrackCode.OUT_FOR_DELIVERY, ParcelState.OUT_FOR_DELIVERY),
        (TrackCode.TROUBLED, ParcelState.TROUBLED), (TrackCode.NOTE, ParcelState.TROUBLED),
        (TrackCode.OUT_FOR_DELIVERY, ParcelState.OUT_FOR_DELIVERY), (TrackCode.RETURNING, ParcelState.RETURNING),
    ]  # fmt: skip
    told: list[TrackEvent] = []
    assert standing(told).state is ParcelState.SHIPPED
    for hour, (code, state) in enumerate(way):
        told.insert(0, TrackEvent(str(hour), code, START + timedelta(hours=hour)))
        assert standing(told).state is state


LOTS = st.lists(
    st.builds(
        LyingLot,
        st.integers(1, 99),
        st.just("L"),
        st.integers(0, 9),
        st.none() | st.integers(1, 28).map(lambda day: date(2026, 3, day)),
        st.none() | st.just(date(2026, 1, 1)),
    ),
    max_size=8,
)


@patient
@given(LOTS, st.integers(0, 40))
def test_lots_are_taken_first_expired_first(lots: list[LyingLot], quantity: int) -> None:
    taken = first_expired(lots, quantity)
    assert sum(one.quantity for one in taken) == min(quantity, sum(lot.pieces for lot in lots))
    dates = [one.expires_on or date.max for one in taken]
    assert dates == sorted(dates)
    assert taken == first_expired(list(reversed(lots)), quantity) or len({lot.lot_id for lot in lots}) < len(lots)


LINES = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 4)), min_size=1, max_size=4).map(
    lambda rows: [
        FulfillmentLine(line, line, quantity, min(packed, quantity), 0)  # type: ignore[arg-type]
        for line, (quantity, packed) in enumerate(rows, 1)
    ]
)
WISHES = st.lists(st.builds(Pieces, st.integers(1, 5), st.integers(-1, 5)), max_size=5)  # type: ignore[arg-type]


@patient
@given(LINES, WISHES)
def test_never_more_than_is_left(lines: list[FulfillmentLine], wanted: list[Pieces]) -> None:
    left = {line.line_id: line.quantity - line.packed_quantity for line in lines}
    pieces = to_pack(lines, wanted)
    if pieces is None:
        return
    assert all(0 < quantity <= left[line_id] for line_id, quantity in pieces)
    assert len({line_id for line_id, _ in pieces}) == len(pieces)
    expected = sum(quantity for _, quantity in wanted) if wanted else sum(left.values())
    assert sum(quantity for _, quantity in pieces) == expected


@patient
@given(st.binary(min_size=LENGTH, max_size=LENGTH))
def test_codes_are_read_as_they_are_typed(drawn: bytes) -> None:
    code = written(drawn)
    assert set(code) <= set(ALPHABET)
    assert typed(f" {code[:4].lower()}-{code[4:]} ") == code


@pytest.mark.parametrize("text", ["", "ABCDEFG", "ABCDEFGHJ", "ABCDEFG0", "ABCDEFG\x00", "ABCDEFGİ"])
def test_what_is_no_code(text: str) -> None:
    assert typed(text) is None


def test_every_sign_is_as_likely() -> None:
    assert 256 % len(ALPHABET) == 0 and len(set(ALPHABET)) == len(ALPHABET) == 32
