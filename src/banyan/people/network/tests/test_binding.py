"""Bindings: each mode, the protect period, expiry, release, and what the past says."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banyan.people.conftest import START
from banyan.people.distributors import commands as distributors
from banyan.people.distributors.types import DistributorId, Standing, Status, Tier
from banyan.people.identity.types import UserId
from banyan.people.network import commands, queries
from banyan.people.network.engine.binding import Held, decide
from banyan.people.network.types import BindingMode, BindingSettings, BindRequest, BindResult, BindSource

DAY = timedelta(days=1)


def touch(consumer: Any, distributor: Any, days: float, source: BindSource = BindSource.LINK) -> BindRequest:
    return BindRequest(consumer, distributor, source, START + days * DAY)


def codes(outcomes: list[Any]) -> list[str]:
    return [outcome.refusal.code if outcome.refusal else outcome.result.value for outcome in outcomes]


@pytest.fixture
def people(tenant: Any, make_users: Any, make_distributors: Any) -> Any:
    with tenant.enter():
        return make_users(3), make_distributors(3)


def test_first_touch_is_never_overridden_within_the_protect_period(tenant: Any, people: Any) -> None:
    (consumer, *_), (first, second, _) = people
    with tenant.enter():
        commands.set_binding_settings(BindingSettings(BindingMode.FIRST_TOUCH, protect_days=30))
        outcomes = commands.bind(
            [
                touch(consumer, first, 0),
                touch(consumer, second, 1),
                touch(consumer, first, 2),
                touch(consumer, second, 29.99),
                touch(consumer, second, 30),
            ]
        )
        assert codes(outcomes) == ["bound", "consumer_protected", "kept", "consumer_protected", "bound"]
        assert outcomes[1].refusal is not None
        assert outcomes[1].refusal.details == {"until": (START + 30 * DAY).isoformat()}
        assert queries.referrers_at([consumer], START + 29 * DAY) == {consumer: first}
        assert queries.referrers_at([consumer], START + 30 * DAY) == {consumer: second}
        assert queries.referrers_at([consumer], START - DAY) == {}
    assert tenant.verify() == []


def test_first_touch_without_end_keeps_for_ever(tenant: Any, people: Any) -> None:
    (consumer, *_), (first, second, _) = people
    with tenant.enter():
        assert codes(commands.bind([touch(consumer, first, 0), touch(consumer, second, 5000)])) == ["bound", "consumer_protected"]


def test_sign_up_mode_binds_only_who_signs_up_and_was_never_bound(tenant: Any, people: Any) -> None:
    (consumer, other, _), (first, second, _) = people
    with tenant.enter():
        commands.set_binding_settings(BindingSettings(BindingMode.SIGN_UP, validity_days=10))
        outcomes = commands.bind(
            [
                touch(consumer, first, 0, BindSource.LINK),
                touch(other, first, 0, BindSource.SIGN_UP),
                touch(other, second, 1, BindSource.SIGN_UP),
                touch(other, second, 11, BindSource.SIGN_UP),
            ]
        )
        assert codes(outcomes) == ["only_at_sign_up", "bound", "only_at_sign_up", "only_at_sign_up"]
        assert queries.referrers_at([consumer, other], START + DAY) == {other: first}


def test_overriding_lets_the_latest_touch_win_and_an_older_one_lose(tenant: Any, people: Any) -> None:
    (consumer, *_), (first, second, third) = people
    with tenant.enter():
        commands.set_binding_settings(BindingSettings(BindingMode.OVERRIDING))
        assert codes(commands.bind([touch(consumer, first, 0)])) == ["bound"]
        outcomes = commands.bind(
            [touch(consumer, second, 5), touch(consumer, third, 4), touch(consumer, third, 5), touch(consumer, third, 6)]
        )
        assert codes(outcomes) == ["bound", "touch_out_of_order", "touch_out_of_order", "bound"]
        history = queries.list_bindings(consumer)
        assert [(b.distributor_id, b.valid_from, b.valid_to) for b in history] == [
            (first, START, START + 5 * DAY),
            (second, START + 5 * DAY, START + 6 * DAY),
            (third, START + 6 * DAY, None),
        ]
    assert tenant.verify() == []


def test_a_binding_expires_by_itself_and_a_touch_in_time_renews_it(tenant: Any, people: Any) -> None:
    (consumer, *_), (first, second, _) = people
    with tenant.enter():
        commands.set_binding_settings(BindingSettings(BindingMode.FIRST_TOUCH, validity_days=10))
        assert codes(commands.bind([touch(consumer, first, 0), touch(consumer, first, 9)])) == ["bound", "renewed"]
        assert queries.referrers_at([consumer], START + 18 * DAY) == {consumer: first}
        assert queries.referrers_at([consumer], START + 19 * DAY) == {}
        assert codes(commands.bind([touch(consumer, second, 20)])) == ["bound"]
        assert [b.ended_reason for b in queries.list_bindings(consumer)] == ["expired", ""]
        assert queries.referrers_at([consumer], START + 18 * DAY) == {consumer: first}
    assert tenant.verify() == []


def test_release_keeps_history_and_frees_the_consumer(tenant: Any, people: Any) -> None:
    (consumer, other, _), (first, second, _) = people
    with tenant.enter():
        commands.bind([touch(consumer, first, 0)])
        outcomes = commands.unbind([consumer, other, consumer], START + 3 * DAY, "asked by the consumer")
        assert [o.refusal.code if o.refusal else None for o in outcomes] == [None, "not_bound", "not_bound"]
        assert queries.referrers_at([consumer], START + 2 * DAY) == {consumer: first}
        assert queries.referrers_at([consumer], START + 3 * DAY) == {}
        assert codes(commands.bind([touch(consumer, second, 2), touch(consumer, second, 3)])) == ["touch_out_of_order", "bound"]
        assert queries.list_bindings(consumer)[0].ended_reason == "asked by the consumer"
    assert tenant.verify() == []


def test_self_binding_frozen_and_unknown_are_refused_with_the_reason(
    tenant: Any, make_users: Any, make_distributors: Any
) -> None:
    from banyan.kernel import clock
    from banyan.people.distributors.queries import find_users_of

    with clock.driven(START + DAY), tenant.enter():
        (consumer,) = make_users(1)
        first, frozen = make_distributors(2)
        himself = find_users_of([first])[first]
        distributors.freeze([frozen], "under review")
        outcomes = commands.bind(
            [
                touch(himself, first, 2),
                touch(consumer, frozen, 2),
                touch(consumer, frozen, 0.5),
                touch(consumer, DistributorId(10**15), 2),
                touch(UserId(10**15), first, 2),
            ]
        )
        assert codes(outcomes) == ["self_binding", "distributor_not_active", "bound", "unknown_distributor", "unknown_consumer"]
        assert outcomes[1].refusal is not None
        assert "frozen" in outcomes[1].refusal.message
        assert not outcomes[0].bound


def test_bad_settings_are_refused(tenant: Any) -> None:
    from banyan.kernel.values.errors import Invalid

    for settings in (BindingSettings(protect_days=-1), BindingSettings(validity_days=0), BindingSettings(validity_days=10**9)):
        with pytest.raises(Invalid), tenant.enter():
            commands.set_binding_settings(settings)
    with tenant.enter():
        assert queries.get_binding_settings() == BindingSettings()
        commands.set_binding_settings(BindingSettings(BindingMode.OVERRIDING, 7, 30))
        commands.set_binding_settings(BindingSettings(BindingMode.SIGN_UP, None, 31))
        assert queries.get_binding_settings() == BindingSettings(BindingMode.SIGN_UP, None, 31)


moments = st.integers(0, 100).map(lambda hours: START + timedelta(hours=hours))


@given(
    mode=st.sampled_from(BindingMode),
    protect=st.none() | st.integers(0, 3),
    validity=st.none() | st.integers(1, 3),
    touches=st.lists(st.tuples(st.integers(1, 3), moments, st.sampled_from(BindSource)), max_size=12),
)
def test_any_sequence_of_touches_keeps_the_promises(
    mode: BindingMode, protect: int | None, validity: int | None, touches: list[tuple[int, datetime, BindSource]]
) -> None:
    """Periods never overlap, refusals change nothing, protected consumers stay, and every accepted touch is the referrer."""
    settings = BindingSettings(mode, protect, validity)
    closed: list[Held] = []
    held: Held | None = None
    for distributor, at, source in touches:
        standing = Standing(DistributorId(distributor), Status.ACTIVE, Tier.BRONZE)
        request = BindRequest(UserId(9), DistributorId(distributor), source, at)
        decision = decide(settings, request, held, standing, None, True)
        if decision.result is BindResult.REFUSED:
            assert decision.refusal is not None
            assert decision.opened is None
            assert decision.close_at is None
            continue
        if decision.result is BindResult.KEPT:
            assert held is not None and held.distributor_id == distributor
            continue
        if decision.renewed is not None:
            assert held is not None
            assert decision.renewed.expires_at > held.expires_at  # type: ignore[operator]
            held = decision.renewed
            continue
        assert decision.opened is not None
        if held is not None:
            ended = Held(held.distributor_id, held.valid_from, decision.close_at or held.valid_to, held.expires_at)
            assert ended.ends_at is not None
            assert held.valid_from < ended.ends_at <= decision.opened.valid_from
            if held.live(at):
                assert mode is not BindingMode.SIGN_UP
                if mode is BindingMode.FIRST_TOUCH:
                    assert protect is not None
                    assert at >= held.valid_from + timedelta(days=protect)
            closed.append(ended)
        held = decision.opened
        assert held.live(at)
