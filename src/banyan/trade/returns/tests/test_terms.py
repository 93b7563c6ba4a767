"""Who is reviewed, until when, for what reason, and where goods go: the pure rules as tables, then the commands with them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banyan.kernel import clock
from banyan.kernel.values.errors import Invalid, NotFound
from banyan.people.distributors import commands as distributors
from banyan.people.distributors.types import Tier
from banyan.trade.orders import commands as orders
from banyan.trade.orders import queries as order_queries
from banyan.trade.orders.types import OrderState
from banyan.trade.returns import commands, ports, queries
from banyan.trade.returns.engine.addresses import choose_address
from banyan.trade.returns.engine.deadlines import deadline_of, end_of_day, rule_in_force
from banyan.trade.returns.engine.photos import media_type_of
from banyan.trade.returns.engine.review import rule_on
from banyan.trade.returns.tests.making import ask, claim, deliver, place_paid, told
from banyan.trade.returns.types import (
    Address,
    AddressRule,
    AskerFacts,
    Exclusion,
    ExclusionKind,
    Fault,
    Mode,
    Reason,
    ReturnPolicy,
    ReturnStatus,
    ReviewTerms,
    Route,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
JPEG = b"\xff\xd8\xff\xe0" + bytes(64) + b"\xff\xd9"


def facts(**more: Any) -> AskerFacts:
    known: dict[str, Any] = {
        "tier": None, "is_active_distributor": False, "received_orders": 10, "returned_orders": 0, "risks": (),
        "worth_minor": 5_000, "is_by_amount": False,
    }  # fmt: skip
    return AskerFacts(**{**known, **more})


DIAMOND = {"tier": Tier.DIAMOND, "is_active_distributor": True}
TERMS = ReviewTerms(trusted_below_minor=1_000, claims_below_minor=500)


@pytest.mark.parametrize(
    ("asker", "route", "steps"),
    [
        (facts(**DIAMOND), Route.AUTOMATIC, ("tier:diamond",)),
        (facts(**DIAMOND, received_orders=0), Route.AUTOMATIC, ("tier:diamond",)),
        (facts(tier=Tier.DIAMOND), Route.REVIEW, ("ordinary",)),  # frozen: the tier gives nothing
        (facts(tier=Tier.GOLD, is_active_distributor=True), Route.REVIEW, ("ordinary",)),
        (facts(received_orders=2, worth_minor=1), Route.REVIEW, ("newcomer:2",)),
        (facts(received_orders=3, worth_minor=999), Route.AUTOMATIC, ("small:999",)),
        (facts(received_orders=3, worth_minor=1_000), Route.REVIEW, ("ordinary",)),
        (facts(**DIAMOND, risks=("blacklist", "wool")), Route.REVIEW, ("risk:blacklist", "risk:wool")),
        (facts(**DIAMOND, received_orders=4, returned_orders=2), Route.REVIEW, ("gives_back_much:5000",)),
        (facts(**DIAMOND, received_orders=3, returned_orders=3), Route.AUTOMATIC, ("tier:diamond",)),
        (facts(**DIAMOND, is_by_amount=True, worth_minor=500), Route.REVIEW, ("amount_without_goods:500",)),
        (facts(**DIAMOND, is_by_amount=True, worth_minor=499), Route.AUTOMATIC, ("tier:diamond",)),
        (facts(**DIAMOND, is_goodwill=True), Route.REVIEW, ("goodwill",)),
        (facts(**DIAMOND, is_on_word_alone=True), Route.REVIEW, ("word_alone",)),
    ],
)
def test_the_route_and_its_steps(asker: AskerFacts, route: Route, steps: tuple[str, ...]) -> None:
    ruling = rule_on(asker, TERMS)
    assert (ruling.route, ruling.steps) == (route, steps)


@given(
    st.sampled_from([None, *Tier]), st.booleans(), st.integers(0, 50), st.integers(0, 50), st.integers(0, 9_999), st.booleans()
)
def test_a_risk_is_always_reviewed_and_something_is_always_said(
    tier: Tier | None, active: bool, received: int, returned: int, worth: int, by_amount: bool
) -> None:
    plain = facts(
        tier=tier, is_active_distributor=active, received_orders=received, returned_orders=returned, worth_minor=worth,
        is_by_amount=by_amount,
    )  # fmt: skip
    assert rule_on(plain, TERMS).steps
    risky = facts(tier=tier, is_active_distributor=active, received_orders=received, risks=("x",), worth_minor=worth)
    assert rule_on(risky, TERMS).route is Route.REVIEW


@pytest.mark.parametrize(
    ("policy", "tier", "days", "ground"),
    [
        (ReturnPolicy(days_after_receipt=3), None, 7, "cn.return.2017-03-15"),
        (ReturnPolicy(days_after_receipt=0), None, 7, "cn.return.2017-03-15"),
        (ReturnPolicy(days_after_receipt=15), None, 15, "policy"),
        (ReturnPolicy(days_by_tier=((Tier.DIAMOND, 30),)), Tier.DIAMOND, 30, "tier"),
        (ReturnPolicy(days_by_tier=((Tier.DIAMOND, 30),)), Tier.GOLD, 7, "policy"),
        (ReturnPolicy(days_after_receipt=2, days_by_tier=((Tier.GOLD, 5),)), Tier.GOLD, 7, "cn.return.2017-03-15"),
    ],
)
def test_the_deadline_is_the_longest_of_policy_tier_and_law(
    tenant: Any, policy: ReturnPolicy, tier: Tier | None, days: int, ground: str
) -> None:
    with tenant.enter():
        law = rule_in_force(queries.statutory_returns(), date(2026, 3, 1))
    # Signed for on 1 March at 23:30 in Shanghai: the 2nd is the first day.
    received = datetime(2026, 3, 1, 15, 30, tzinfo=UTC)
    found = deadline_of(received, SHANGHAI, policy, tier, law)
    assert (found.at, found.days, found.ground) == (
        datetime(2026, 3, 2, tzinfo=SHANGHAI) + timedelta(days=days),
        days,
        ground,
    )


@given(st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)), st.integers(0, 60))
def test_whole_days_are_given(moment: datetime, days: int) -> None:
    left = end_of_day(moment, days, SHANGHAI) - moment
    assert timedelta(days=days) < left <= timedelta(days=days + 1)


def test_the_law_is_dated_and_named(make_shop: Any) -> None:
    with make_shop(jurisdiction="CN").enter():
        rules = queries.statutory_returns()
        assert rule_in_force(rules, date(2013, 1, 1)) is None
        first = rule_in_force(rules, date(2015, 1, 1))
        assert first is not None and (first.days, first.article) == (7, "第二十五条")
        assert all(rule.law and rule.article and rule.source and rule.confidence for rule in rules)


PLACES = [
    AddressRule(Address("主仓", "1", "上海"), rule_id=1),
    AddressRule(Address("换货", "1", "北京"), mode="exchange", rule_id=2),
    AddressRule(Address("茶", "1", "杭州"), category_id=7, rule_id=3),
    AddressRule(Address("浙江", "1", "宁波"), region_code="33", rule_id=4),
    AddressRule(Address("宁波", "1", "宁波"), region_code="3302", rule_id=5, priority=500),
]


@pytest.mark.parametrize(
    ("categories", "mode", "region", "name"),
    [
        ({1}, "goods_back", "", "主仓"),
        ({1}, "exchange", "", "换货"),
        ({1, 7}, "exchange", "330201", "茶"),
        ({1}, "goods_back", "330106", "浙江"),
        ({1}, "goods_back", "330201", "宁波"),
    ],
)
def test_the_most_specific_address_wins(categories: set[int], mode: str, region: str, name: str) -> None:
    rule = choose_address(PLACES, categories, mode, region)
    assert rule is not None and rule.address.name == name


def test_without_rules_there_is_no_address() -> None:
    assert choose_address([], {1}, "goods_back", "") is None


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (JPEG, "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(20) + b"\0\0\0\0IEND\xaeB`\x82", "image/png"),
        (b"RIFF\x20\0\0\0WEBP" + bytes(40), "image/webp"),
        (JPEG[:-2], ""),  # cut off
        (b"<html><script>" + bytes(40), ""),
        (b"GIF89a" + bytes(40), ""),
        (b"", ""),
    ],
)
def test_a_photo_is_what_its_bytes_say(content: bytes, kind: str) -> None:
    assert media_type_of(content) == kind


# ── the commands under these terms ──


def diamond_order(shop: Any, make_team: Any, **more: Any) -> Any:
    with shop.enter():
        team = make_team(1)
        distributors.set_tiers({team.ids[0]: Tier.DIAMOND}, clock.now(), "test")
    (order,) = place_paid(shop, [(1000, 3)], buyer_id=team.users[0], **more)
    return order


def test_a_diamond_goes_through_and_a_newcomer_waits(tenant: Any, make_team: Any) -> None:
    order = diamond_order(tenant, make_team)
    (other,) = place_paid(tenant, [(1000, 3)], buyer_id=99)
    deliver(tenant, [order, other])
    with tenant.enter():
        mine = queries.get_return(ask(claim(order, [(0, 1, 0)])))
        assert (mine.status, mine.is_automatic, mine.ruling) == (ReturnStatus.APPROVED, True, ("tier:diamond",))
        assert mine.send_back_by is not None and mine.send_back_by - mine.requested_at > timedelta(days=6)
        theirs = queries.get_return(ask(claim(other, [(0, 1, 0)])))
        assert (theirs.status, theirs.is_automatic, theirs.ruling) == (ReturnStatus.REQUESTED, False, ("newcomer:1",))


def test_a_diamonds_unshipped_goods_are_refunded_at_once(tenant: Any, make_team: Any) -> None:
    order = diamond_order(tenant, make_team)
    with tenant.enter():
        (outcome,) = commands.request_returns([claim(order, [(0, 3, 0)], Mode.UNSHIPPED)])
        assert (outcome.status, outcome.refund_minor) == (ReturnStatus.ACCEPTED, 3000)
        assert order_queries.get_order(order.order_id).state is OrderState.CANCELLED
    tenant.drain()
    assert tenant.verify() == []


def test_nobodys_word_alone_makes_the_shop_pay_the_freight_or_take_excluded_goods(tenant: Any, make_team: Any) -> None:
    """Without a reason of the catalogue there are no photos and no exclusion, so a person looks, even for a diamond."""
    order = diamond_order(tenant, make_team, shipping_minor=600)
    deliver(tenant, [order])
    with tenant.enter():
        blamed = queries.get_return(ask(claim(order, [(0, 1, 0)], key="1", fault=Fault.MERCHANT)))
        assert (blamed.status, blamed.ruling) == (ReturnStatus.REQUESTED, ("word_alone",))
        assert queries.get_return(ask(claim(order, [(0, 1, 0)], key="2"))).ruling == ("tier:diamond",)
        commands.set_exclusions([Exclusion(order.lines[0].sku.category_path[0], ExclusionKind.PERISHABLE)])
        excluded = queries.get_return(ask(claim(order, [(0, 1, 0)], key="3")))
        assert (excluded.status, excluded.ruling) == (ReturnStatus.REQUESTED, ("word_alone",))


def test_risk_overrides_a_diamond(tenant: Any, make_team: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Watch:
        def risks_of(self, user_ids: Any) -> dict[int, tuple[str, ...]]:
            return dict.fromkeys(user_ids, ("restricted",))

    monkeypatch.setattr(ports, "_risk_watches", [Watch()])
    order = diamond_order(tenant, make_team)
    deliver(tenant, [order])
    with tenant.enter():
        one = queries.get_return(ask(claim(order, [(0, 1, 0)])))
        assert (one.status, one.ruling) == (ReturnStatus.REQUESTED, ("risk:restricted",))


def test_who_gives_back_much_is_reviewed(tenant: Any, make_team: Any) -> None:
    order = diamond_order(tenant, make_team)
    found = [order, *place_paid(tenant, [(1000, 1)], buyer_id=order.buyer_id, count=3)]
    deliver(tenant, found)
    with tenant.enter():
        for one in found[:2]:
            return_id = ask(claim(one, [(0, 0, 100)], Mode.REFUND_ONLY, key=str(one.order_id)))
            told(commands.approve([return_id], 1)[0])
            told(commands.accept([return_id])[0])
        last = queries.get_return(ask(claim(found[2], [(0, 1, 0)])))
        assert last.ruling == ("gives_back_much:5000",)


def test_reasons_say_whose_fault_it_is_and_want_photos(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 4)], shipping_minor=600)
    deliver(tenant, [order])
    with tenant.enter():
        with pytest.raises(commands.UnknownReason):
            ask(claim(order, [(0, 1, 0)], key="1", reason_code="nonsense"))
        with pytest.raises(commands.UnknownReason):
            ask(claim(order, [(0, 1, 0)], key="2", reason_code="not_wanted"))  # for unshipped goods only
        with pytest.raises(commands.PhotosNeeded):
            ask(claim(order, [(0, 1, 0)], key="3", reason_code="defective"))
        with pytest.raises(commands.PhotosNeeded):
            ask(claim(order, [(0, 0, 300)], Mode.DAMAGE_CLAIM, key="4"))
        photo = commands.keep_photo(JPEG, order.buyer_id)
        strangers = commands.keep_photo(JPEG, 4711)
        with pytest.raises(commands.PhotosNeeded):
            ask(claim(order, [(0, 1, 0)], key="5", reason_code="defective", photo_ids=(strangers.photo_id,)))
        request = claim(order, [(0, 1, 0)], key="6", reason_code="defective", photo_ids=(photo.photo_id,))
        one = queries.get_return(ask(request))
        assert (one.fault.value, one.photo_ids, one.reason_code) == ("merchant", (photo.photo_id,), "defective")
        assert ask(request) == one.return_id  # the same request again is the same return, photos and all
        with pytest.raises(commands.PhotosNeeded):
            ask(claim(order, [(0, 1, 0)], key="7", reason_code="defective", photo_ids=(photo.photo_id,)))
        assert queries.read_photo(queries.get_photo(photo.photo_id, order.buyer_id)) == JPEG
        commands.set_reasons([Reason("only", "唯一", "Only")])
        assert [reason.code for reason in queries.list_reasons()] == ["only"]


def test_what_the_law_excludes_needs_a_fault(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 3)])
    deliver(tenant, [order])
    with tenant.enter():
        category = order.lines[0].sku.category_path[0]
        commands.set_exclusions([Exclusion(category, ExclusionKind.PERISHABLE)])
        with pytest.raises(commands.ExcludedByLaw) as refused:
            ask(claim(order, [(0, 1, 0)], key="1", reason_code="no_reason"))
        assert refused.value.details["article"].startswith("第二十五条")
        assert refused.value.details["grounds"] == ["perishable"]
        photo = commands.keep_photo(JPEG, order.buyer_id)
        ask(claim(order, [(0, 1, 0)], key="2", reason_code="defective", photo_ids=(photo.photo_id,)))


def test_terms_name_only_what_is_there(tenant: Any, make_shop: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 1)])
    category = order.lines[0].sku.category_path[0]
    with make_shop().enter():
        with pytest.raises(NotFound):
            commands.set_exclusions([Exclusion(category, ExclusionKind.PERISHABLE)])
        with pytest.raises(NotFound):
            commands.set_address_rules([AddressRule(Address("仓", "1", "上海"), category_id=category)])
        assert queries.list_exclusions() == [] and queries.list_address_rules() == []


@pytest.mark.parametrize(
    "rule",
    [
        AddressRule(Address("仓", "1", "上海"), region_code="３３"),  # digits, but of no region
        AddressRule(Address("仓", "1", "上海"), region_code="3301061"),
        AddressRule(Address("仓" * 61, "1", "上海")),
        AddressRule(Address("仓", "1" * 41, "上海")),
        AddressRule(Address("仓", "1", "上" * 301)),
        AddressRule(Address("仓", "1", "上海"), mode="nowhere"),
        AddressRule(Address("仓", "1", "上海"), mode="unshipped"),
    ],
)
def test_an_address_that_cannot_be_kept_is_refused(tenant: Any, rule: AddressRule) -> None:
    with tenant.enter(), pytest.raises(Invalid):
        commands.set_address_rules([rule])


def test_a_reason_that_cannot_be_kept_is_refused(tenant: Any) -> None:
    with tenant.enter(), pytest.raises(Invalid):
        commands.set_reasons([Reason("a", "甲" * 61, "A")])


def test_goods_that_are_not_sent_in_time_close_the_return(tenant: Any, driven_clock: Any) -> None:
    slow, quick = place_paid(tenant, [(1000, 1)], count=2)
    deliver(tenant, [slow, quick])
    with tenant.enter():
        commands.set_address_rules([AddressRule(Address("退货仓", "021-1", "上海市某路 1 号"))])
        found = [ask(claim(order, [(0, 1, 0)])) for order in (slow, quick)]
        commands.approve(found, 1)
        assert queries.get_return(found[0]).address == Address("退货仓", "021-1", "上海市某路 1 号")
        from banyan.trade.returns.types import Parcel

        with pytest.raises(commands.BadParcel):
            told(commands.send_back([Parcel(found[1], "顺丰", "  ")])[0])
        told(commands.send_back([Parcel(found[1], "顺丰", "SF1")])[0])
        assert commands.expire_due() == 0
    driven_clock(clock.now() + timedelta(days=7, seconds=1))
    with tenant.enter():
        assert commands.expire_due() == 1
        assert queries.get_return(found[0]).status is ReturnStatus.EXPIRED
        assert queries.get_return(found[1]).status is ReturnStatus.SENT
        assert queries.open_returns([slow.order_id, quick.order_id]) == {quick.order_id}
        (left,) = queries.list_left(order_queries.get_order(slow.order_id))
        assert left.quantity == 1
        assert orders.close_due() >= 0
    assert tenant.verify() == []
