"""Who referred an order, and that the answer never changes after payment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banyan.kernel import clock, ids
from banyan.people.distributors import commands as distributors
from banyan.people.distributors.types import Status, Tier
from banyan.people.network import commands as network
from banyan.people.network.types import BindRequest, BindSource
from banyan.trade.attribution import commands, queries
from banyan.trade.attribution.engine.choosing import Candidates, choose_referrer
from banyan.trade.attribution.types import Arrival, NewLink, OrderReferral, Policy, Source


def record(buyer: Any, code: str | None = None, link: str | None = None) -> tuple[int, Any]:
    """Record one new order's referral: (order id, outcome)."""
    order_id = ids.next_id()
    return order_id, commands.record([OrderReferral(order_id, buyer, code, link, clock.now())])[order_id]


def test_link_beats_code_beats_binding(tenant: Any, make_team: Any, make_buyers: Any) -> None:
    with tenant.enter():
        team = make_team(3)
        (buyer,) = make_buyers(1)
        network.bind([BindRequest(buyer, team.ids[0], BindSource.OPERATOR, clock.now())])
        (link,) = commands.create_links([NewLink(team.ids[2])])
        _, by_binding = record(buyer)
        _, by_code = record(buyer, team.codes[1])
        _, by_link = record(buyer, team.codes[1], link.token)
        _, by_nobody = record(buyer, "NOSUCH", "nosuch\x00")
        assert [(r.referrer_id, r.source) for r in (by_binding, by_code, by_link)] == [
            (team.ids[0], Source.BINDING), (team.ids[1], Source.CODE), (team.ids[2], Source.LINK),
        ]  # fmt: skip
        assert (by_nobody.source, by_nobody.note) == (Source.BINDING, "link_unusable,code_unusable")
        (stranger,) = make_buyers(1)
        assert record(stranger)[1].source is Source.NONE


def test_the_link_of_an_order_and_its_click_are_kept_for_the_explanation(
    tenant: Any, make_team: Any, make_buyers: Any, driven_clock: Any
) -> None:
    with tenant.enter():
        team = make_team(2)
        (buyer,) = make_buyers(1)
        (link,) = commands.create_links([NewLink(team.ids[0])])
        opened = clock.now()
        commands.record_clicks([(link.token, "somebody")])
        driven_clock(opened + timedelta(hours=1))
        by_link, told = record(buyer, None, link.token)
        by_code, _ = record(buyer, team.codes[1])
        driven_clock(opened + timedelta(hours=2))
        commands.record_clicks([(link.token, "later")])
        assert told.link_id == link.link_id == queries.referrals([by_link])[by_link].link_id
        arrival = queries.find_arrival(by_link)
        assert arrival == Arrival(by_link, team.ids[0], Source.LINK, "", "", link.link_id, link.token, opened)
        assert queries.find_arrival(by_code) == Arrival(by_code, team.ids[1], Source.CODE, "", team.codes[1], None, "", None)
        distributors.freeze([team.ids[0]], "审查")
        ignored, _ = record(buyer, None, link.token)
        arrival = queries.find_arrival(ignored)
        assert arrival is not None
        assert (arrival.source, arrival.note, arrival.token) == (Source.NONE, "link_unusable", link.token)
        assert queries.find_arrival(1) is None


def test_a_distributor_buys_under_his_sponsor_unless_the_shop_allows_self_purchase(tenant: Any, make_team: Any) -> None:
    with tenant.enter():
        team = make_team(2)
        top, below = team.users
        assert record(below)[1].referrer_id == team.ids[0] and record(below)[1].source is Source.SPONSOR
        own_code = record(below, team.codes[1])[1]
        assert (own_code.source, own_code.note) == (Source.SPONSOR, "code_own")
        assert record(top)[1].source is Source.NONE
        commands.set_policy(Policy(self_purchase=True))
        assert record(below)[1].referrer_id == team.ids[1] and record(below)[1].source is Source.SELF_PURCHASE
        assert record(top, team.codes[1])[1].source is Source.CODE


def test_a_frozen_distributor_refers_nobody_by_code(tenant: Any, make_team: Any, make_buyers: Any) -> None:
    with tenant.enter():
        team = make_team(1)
        (buyer,) = make_buyers(1)
        distributors.freeze([team.ids[0]], "审查")
        assert record(buyer, team.codes[0])[1].source is Source.NONE
        with pytest.raises(commands.UnknownDistributor):
            commands.create_links([NewLink(team.ids[0])])


def test_the_snapshot_never_changes(tenant: Any, make_team: Any, make_buyers: Any) -> None:
    with tenant.enter():
        team, others = make_team(3), make_team(1)
        (buyer,) = make_buyers(1)
        order_id, _ = record(buyer, team.codes[2])
        paid_at = clock.now()
        assert commands.freeze([(order_id, paid_at)]) == 1
        before = queries.frozen([order_id])[order_id]
        assert [m.distributor_id for m in before.upline] == list(reversed(team.ids))
        assert [m.depth for m in before.upline] == [0, 1, 2] and before.referrer_id == team.ids[2]
        assert {(m.tier, m.status) for m in before.upline} == {(Tier.BRONZE, Status.ACTIVE)}
    with tenant.enter():
        network.move(team.ids[2], others.ids[0], clock.now(), "换线")
        distributors.set_tiers({team.ids[1]: Tier.GOLD}, clock.now(), "升级")
        distributors.freeze([team.ids[0]], "审查")
        assert commands.freeze([(order_id, clock.now())]) == 0
        assert queries.frozen([order_id])[order_id] == before
        later, _ = record(buyer, team.codes[2])
        commands.freeze([(later, clock.now())])
        assert [m.distributor_id for m in queries.frozen([later])[later].upline] == [team.ids[2], others.ids[0]]
        # A late callback of a payment made before the move is frozen as things stood then.
        late, _ = record(buyer, team.codes[2])
        commands.freeze([(late, paid_at)])
        assert queries.frozen([late])[late].upline == before.upline


def test_orders_of_nobody_are_frozen_too(tenant: Any, make_buyers: Any) -> None:
    with tenant.enter():
        order_id, _ = record(make_buyers(1)[0])
        commands.freeze([(order_id, clock.now())])
        frozen = queries.frozen([order_id])[order_id]
        assert (frozen.referrer_id, frozen.source, frozen.upline) == (None, Source.NONE, ())


def test_links_are_made_once_and_clicks_are_counted(tenant: Any, make_team: Any) -> None:
    with tenant.enter():
        team = make_team(1)
        first = commands.create_links([NewLink(team.ids[0]), NewLink(team.ids[0], 5)])
        again = commands.create_links([NewLink(team.ids[0]), NewLink(team.ids[0], 5)])
        assert [link.token for link in first] == [link.token for link in again] and first[0].token != first[1].token
        assert commands.record_clicks([(first[0].token, "visitor-1"), ("unknown", "x"), (first[0].token, "visitor-2")]) == 2
        assert {link.token: link.click_count for link in queries.list_links(team.ids[0])} == {
            first[0].token: 2,
            first[1].token: 0,
        }


def test_a_referrer_sees_his_orders_newest_first(tenant: Any, make_team: Any, make_buyers: Any) -> None:
    with tenant.enter():
        team = make_team(1)
        (buyer,) = make_buyers(1)
        orders = [record(buyer, team.codes[0])[0] for _ in range(3)]
        assert queries.list_orders_of_referrer(team.ids[0], limit=2) == orders[:0:-1]
        assert queries.list_orders_of_referrer(team.ids[0], before_id=orders[1]) == orders[:1]


def test_another_shops_code_means_nothing(tenant: Any, make_shop: Callable[..., Any], make_team: Any, make_buyers: Any) -> None:
    with make_shop().enter():
        code = make_team(1).codes[0]
    with tenant.enter():
        assert record(make_buyers(1)[0], code)[1].source is Source.NONE


def test_a_binding_counts_as_of_placement(tenant: Any, make_team: Any, make_buyers: Any) -> None:
    with tenant.enter():
        team = make_team(1)
        (buyer,) = make_buyers(1)
        now = clock.now()
        network.bind([BindRequest(buyer, team.ids[0], BindSource.OPERATOR, now)])
        early, late = ids.next_ids(2)
        found = commands.record(
            [
                OrderReferral(early, buyer, None, None, now - timedelta(seconds=1)),
                OrderReferral(late, buyer, None, None, now + timedelta(seconds=1)),
            ]
        )
        assert [found[early].source, found[late].source] == [Source.NONE, Source.BINDING]


people = st.one_of(st.none(), st.integers(1, 4))


@given(st.builds(Candidates, people, st.booleans(), st.booleans(), people, st.booleans(), people, people, people), st.booleans())
def test_nobody_refers_himself_unless_allowed(known: Candidates, self_purchase: bool) -> None:
    if known.sponsor_id == known.buyer_distributor_id:
        return  # the network has no cycles
    referrer, source, _ = choose_referrer(known, self_purchase)
    assert (referrer is None) == (source is Source.NONE)
    if not self_purchase and known.buyer_distributor_id is not None:
        assert referrer != known.buyer_distributor_id
