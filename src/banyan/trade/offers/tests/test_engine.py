"""Judgement of flash sales, by property."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from banyan.goods.catalog.types import SkuId
from banyan.people.identity.types import UserId
from banyan.trade.offers.engine.admission import admitted, is_admitted, is_solved, seconds_to_wait
from banyan.trade.offers.engine.limits import over_the_limit
from banyan.trade.offers.types import Claim, Offer, OfferId, Phase

START = datetime(2026, 11, 11, tzinfo=UTC)


def sale(per_person: int = 2, rate: int = 10, offer_id: int = 1) -> Offer:
    hour = timedelta(hours=1)
    return Offer(OfferId(offer_id), "秒杀", SkuId(1), 99, 50, per_person, START, START + hour, rate, 0)


@given(st.integers(1, 500), st.integers(1, 5_000), st.integers(-5_000, 5_000))
def test_everybody_is_let_in_in_turn_and_when_he_was_told(rate: int, position: int, seconds: int) -> None:
    offer, at = sale(rate=rate), START + timedelta(seconds=seconds)
    wait = seconds_to_wait(offer, position, at)
    assert (wait == 0) == is_admitted(offer, position, at)
    assert is_admitted(offer, position, at + timedelta(seconds=wait)), "after waiting it is his turn"
    if wait:
        assert not is_admitted(offer, position, at + timedelta(seconds=wait - 1)), "and not much earlier"
    if is_admitted(offer, position + 1, at):
        assert is_admitted(offer, position, at), "nobody overtakes"


def test_before_the_start_nobody_is_let_in_and_without_a_queue_everybody_is() -> None:
    assert admitted(sale(), START - timedelta(seconds=1)) == 0
    assert admitted(sale(rate=0), START) == -1
    assert seconds_to_wait(sale(rate=0), 10**9, START - timedelta(milliseconds=1500)) == 2
    assert seconds_to_wait(sale(rate=0), 10**9, START) == 0


def test_the_first_moment_belongs_to_the_sale_and_the_last_does_not() -> None:
    offer = sale()
    moments = [START - timedelta(microseconds=1), START, offer.ends_at - timedelta(microseconds=1), offer.ends_at]
    assert [offer.phase(at) for at in moments] == [Phase.PLANNED, Phase.LIVE, Phase.LIVE, Phase.OVER]


claims = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 2), st.integers(1, 3), st.integers(1, 4)), max_size=12)


@given(claims, st.dictionaries(st.tuples(st.integers(1, 2), st.integers(1, 3)), st.integers(0, 4)))
def test_nobody_takes_more_than_he_may_and_nobody_is_refused_without_need(
    drawn: list[tuple[int, int, int, int]], taken: dict[tuple[int, int], int]
) -> None:
    offers = {OfferId(n): sale(per_person=3, offer_id=n) for n in (1, 2)}
    buyer_of = {order_id: buyer for order_id, _, buyer, _ in reversed(drawn)}
    asked = [
        Claim(order_id, OfferId(offer_id), SkuId(1), UserId(buyer_of[order_id]), quantity)
        for order_id, offer_id, _, quantity in drawn
    ]
    before = {(OfferId(offer), UserId(buyer)): min(3, pieces) for (offer, buyer), pieces in taken.items()}
    refused = over_the_limit(asked, offers, before)
    after = dict(before)
    for one in asked:
        if one.order_id not in refused:
            after[one.offer_id, one.buyer_id] = after.get((one.offer_id, one.buyer_id), 0) + one.quantity
    assert all(pieces <= 3 for pieces in after.values())
    for order_id in refused:
        more = dict(after)
        for one in asked:
            if one.order_id == order_id:
                more[one.offer_id, one.buyer_id] = more.get((one.offer_id, one.buyer_id), 0) + one.quantity
        assert any(pieces > 3 for pieces in more.values()), "he could have had it"


@given(st.text(max_size=20), st.integers(0, 10))
def test_a_puzzle_is_solved_by_work_alone(challenge: str, bits: int) -> None:
    nonce = next(
        text
        for text in map(str, range(1 << 20))
        if int.from_bytes(sha256(f"{challenge}:{text}".encode()).digest(), "big") < 1 << (256 - bits)
    )
    assert is_solved(challenge, nonce, bits)
    assert not is_solved(challenge, nonce, 200)
    assert is_solved(challenge, "", 0)
    assert not is_solved(challenge, "", 1)
    assert not is_solved(challenge, "9" * 41, 1)
