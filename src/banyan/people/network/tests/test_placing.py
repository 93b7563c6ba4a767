"""Places of a batch do not depend on its order, and every place is the sponsor's path and the own id."""

from __future__ import annotations

import random
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from banyan.people.conftest import START
from banyan.people.distributors.types import DistributorId
from banyan.people.network.engine.placing import Place, place_joinings
from banyan.people.network.types import Joining

members = st.integers(1, 12).map(DistributorId)
joinings = st.lists(
    st.builds(Joining, members, st.none() | members, st.integers(0, 3).map(lambda hours: START + timedelta(hours=hours))),
    unique_by=lambda joining: joining.distributor_id,
    max_size=12,
)


@given(batch=joinings, seed=st.integers(0, 5))
def test_order_does_not_matter_and_paths_are_the_sponsors(batch: list[Joining], seed: int) -> None:
    known = {20: Place((20,), START, START)}
    answers = dict(zip([j.distributor_id for j in batch], place_joinings(batch, known), strict=True))
    shuffled = list(batch)
    random.Random(seed).shuffle(shuffled)
    again = dict(zip([j.distributor_id for j in shuffled], place_joinings(shuffled, known), strict=True))
    for joining in batch:
        answer = answers[joining.distributor_id]
        if not isinstance(answer, Place):
            assert type(answer) is type(again[joining.distributor_id])
            continue
        assert answer == again[joining.distributor_id]
        assert answer.path[-1] == joining.distributor_id
        assert answer.sponsor_id == joining.sponsor_id
        assert len(set(answer.path)) == len(answer.path)
        if joining.sponsor_id is not None:
            sponsor = answers[joining.sponsor_id]
            assert isinstance(sponsor, Place)
            assert answer.path[:-1] == sponsor.path
            assert answer.joined_at >= sponsor.joined_at
            assert answer.path_since == max(answer.joined_at, sponsor.path_since)


@given(batch=joinings)
def test_whoever_is_refused_has_a_reason_in_the_batch(batch: list[Joining]) -> None:
    answers = dict(zip([j.distributor_id for j in batch], place_joinings(batch, {}), strict=True))
    for joining in batch:
        answer = answers[joining.distributor_id]
        if isinstance(answer, Place):
            continue
        assert joining.sponsor_id is not None
        sponsor = answers.get(joining.sponsor_id)
        assert (
            joining.sponsor_id == joining.distributor_id
            or not isinstance(sponsor, Place)
            or sponsor.joined_at > joining.joined_at
        )
