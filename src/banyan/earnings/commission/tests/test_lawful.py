"""Four eyes, a law that turns at midnight, and what becomes of plans that it stops."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import translation
from hypothesis import given, settings

from banyan.earnings.commission import commands, queries
from banyan.earnings.commission.commands.approving import digest_of
from banyan.earnings.commission.engine import differences, nearest_lawful, paid_range, write_plan
from banyan.earnings.commission.models import ApprovalRow
from banyan.earnings.commission.tests.shopfront import DOCUMENT, T0, Sales, seller_only, tell
from banyan.earnings.commission.tests.strategies import plans
from banyan.earnings.commission.types import DraftPlan, Plan, VersionStatus
from banyan.earnings.commission.types.starts import STARTS
from banyan.kernel import jobs
from banyan.rules.compliance import commands as compliance
from banyan.rules.compliance import ports
from banyan.rules.compliance.tests.test_feed import PUBLIC, signed, update

MIDNIGHT = datetime(2026, 3, 2, 16, tzinfo=UTC)
"""Midnight of 3 March in Manila and Shanghai."""


@pytest.fixture
def korean(make_shop: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, driven_clock: Callable[..., None]) -> Iterator[Sales]:
    """A shop whose law allows one ancestor and 35 %, and a trusted feed. The clock stands in 2031: the law is
    everybody's, and what is decreed here must not reach the shops of other tests."""
    driven_clock(datetime(2031, 11, 1, tzinfo=UTC))
    before = ports.trusted_keys()
    ports.trust_keys({"test": PUBLIC})
    yield tell(Sales(make_shop(jurisdiction="KR", timezone="Asia/Seoul")), monkeypatch)
    ports.trust_keys(before)


ONE_ABOVE = {**DOCUMENT, "title": "One above", "rules": DOCUMENT["rules"][:2]}


def _take(page: dict[str, Any]) -> int:
    update_id = compliance.receive_update(signed(page))
    assert update_id is not None
    compliance.tell_shops(update_id)
    return update_id


def test_a_rule_update_at_midnight_stops_the_plan_for_the_next_order_and_leaves_earlier_ones(
    korean: Sales, driven_clock: Callable[[datetime], None]
) -> None:
    version = korean.publish(ONE_ABOVE)
    midnight = datetime(2031, 11, 2, 15, tzinfo=UTC)  # 00:00 of 3 November in Seoul
    earlier = korean.sell(10_000, upline=(1, 2), paid_at=midnight - timedelta(seconds=1))
    with korean.shop.enter():
        commands.accrue([korean.sell(10_000, upline=(1, 2), paid_at=datetime(2031, 11, 1, tzinfo=UTC))])
    update_id = _take(update("2031-11-03T00:00:00+09:00", rate_bp=800, depth=0, code="kr"))
    korean.shop.drain()
    with korean.shop.enter():
        stopped = queries.get_version(version)
        assert (stopped.status, stopped.effective_to, stopped.ended_reason) == (
            VersionStatus.SUSPENDED,
            midnight,
            "Test Act art. 5",
        )
        (told,) = queries.list_suspensions()
        assert (told.version_id, told.suspended_from, told.law_update_id, told.told_count) == (version, midnight, update_id, 2)
        assert {each.clause for each in told.broken} == {"upline_depth", "total_rate"}
        assert [each.suspension_id for each in queries.list_suspensions(distributor_id=2)] == [told.suspension_id]
        assert queries.list_suspensions(distributor_id=3) == []
    driven_clock(midnight + timedelta(minutes=5))
    later = korean.sell(10_000, upline=(1, 2), paid_at=midnight)
    with korean.shop.enter():
        commands.accrue([earlier, later])  # the earlier one arrives late, and keeps its plan
        paid = queries.list_for_orders([earlier, later])
        assert {each.rule_key: each.amount_minor for each in paid[earlier]} == {"seller": 1000, "parent": 500}
        assert later not in paid
        assert told.variant_id is not None
        variant = queries.get_version(told.variant_id)
        assert (variant.status, variant.drafted_by, variant.plan_id) == (VersionStatus.DRAFT, "law", stopped.plan_id)
        assert variant.document["caps"]["total_bp"] == 800
        assert [rule["key"] for rule in variant.document["rules"]] == ["seller"]
        assert queries.check_document(variant.document, midnight).legal
        commands.approve_plan(told.variant_id, approved_by="usr_a")
        commands.publish_plan(told.variant_id, published_by="usr_b")
        assert commands.keep_plans_lawful() == 0


def test_a_law_that_is_already_known_ends_a_plan_that_is_published_before_it(
    korean: Sales, driven_clock: Callable[[datetime], None]
) -> None:
    driven_clock(datetime(2029, 11, 1, tzinfo=UTC))
    _take(update("2029-12-01T00:00:00+09:00", rate_bp=500, depth=0, code="kr"))
    version = korean.publish(ONE_ABOVE)
    with korean.shop.enter():
        known = queries.get_version(version)
    assert (known.status, known.effective_to) == (VersionStatus.SUSPENDED, datetime(2029, 11, 30, 15, tzinfo=UTC))


def test_news_of_the_law_that_was_lost_is_found_by_the_clock(
    korean: Sales, make_shop: Callable[..., Any], driven_clock: Callable[[datetime], None]
) -> None:
    """Elsewhere, so that no other test's shop stands under this law."""
    driven_clock(T0)
    sales = Sales(make_shop(jurisdiction="AU"))
    _take(update("2026-01-01", rate_bp=2000, code="au"))
    version = sales.publish(seller_only(500))
    compliance.receive_update(signed(update("2026-04-01", rate_bp=300, code="au")))  # kept, and then nobody was told
    assert jobs.run_job("commission.keep_lawful", [sales.shop.id]) == 1
    with sales.shop.enter():
        assert queries.get_version(version).status is VersionStatus.SUSPENDED


def test_a_lawful_plan_is_left_alone(korean: Sales) -> None:
    version = korean.publish(seller_only(500))
    _take(update("2031-11-04T00:00:00+09:00", rate_bp=800, depth=0, code="kr"))
    korean.shop.drain()
    with korean.shop.enter():
        assert queries.get_version(version).effective_to is None
        assert queries.list_suspensions() == []


def test_nobody_approves_his_own_plan_and_a_revised_one_needs_a_new_approval(chinese_sales: Sales) -> None:
    with chinese_sales.shop.enter():
        version = commands.draft_plan(DraftPlan(seller_only(), "usr_a"))
        with pytest.raises(commands.NotApproved):
            commands.publish_plan(version)
        with pytest.raises(commands.OwnPlan):
            commands.approve_plan(version, approved_by="usr_a")
        commands.approve_plan(version, approved_by="usr_b", note="seen")
        commands.approve_plan(version, approved_by="usr_b")
        assert queries.get_version(version).approved_by == "usr_b"
        commands.revise_draft(version, seller_only(900), "usr_a")
        assert queries.get_version(version).approved_by == ""
        with pytest.raises(commands.NotApproved):
            commands.publish_plan(version)
        commands.approve_plan(version, approved_by="usr_b")
        # Who takes over the writing is not a second person any more.
        commands.revise_draft(version, seller_only(900), "usr_b")
        with pytest.raises(commands.NotApproved):
            commands.publish_plan(version)
        commands.approve_plan(version, approved_by="usr_c")
        commands.publish_plan(version)
        with pytest.raises(commands.NotADraft):
            commands.approve_plan(version, approved_by="usr_d")


def test_the_database_refuses_an_approval_of_ones_own_and_of_another_document(chinese_sales: Sales) -> None:
    with chinese_sales.shop.enter():
        version = commands.draft_plan(DraftPlan(seller_only(), "usr_a"))
        own = digest_of(version)
    for by, digest in (("usr_a", None), ("usr_b", "0" * 32), ("", None)):
        with pytest.raises(IntegrityError), chinese_sales.shop.enter():
            ApprovalRow.objects.create(version_id=version, digest=digest or own, approved_by=by, approved_at=T0)


def test_a_switch_at_midnight_of_the_shops_zone(sales: Sales) -> None:
    with sales.shop.enter():
        version = commands.draft_plan(DraftPlan(seller_only(), "usr_a"))
        commands.publish_plan(version, effective_on=date(2026, 3, 3))
        assert queries.get_version(version).effective_from == MIDNIGHT
        assert queries.version_at(MIDNIGHT - timedelta(microseconds=1)) is None
        found = queries.version_at(MIDNIGHT)
        assert found is not None
        assert found.version_id == version


def test_differences_are_told_in_words(sales: Sales) -> None:
    after = {**DOCUMENT, "hold_days": 10, "rules": [{**DOCUMENT["rules"][0], "amount": {"kind": "rate", "rate_bp": 1250}},
                                                    DOCUMENT["rules"][2]]}  # fmt: skip
    with sales.shop.enter(), translation.override("en"):
        words = queries.describe_differences(DOCUMENT, after)
    assert words == [
        "Plan, days held after receipt: 7 → 10.",
        "Rule “Seller”, rate: 10% → 12.5%.",
        "Rule “parent” is gone: ancestor (indirect referrer) (depth above the seller 1), rate 5%.",
    ]
    with sales.shop.enter(), translation.override("zh-hans"):
        assert queries.describe_differences(DOCUMENT, after) == [
            "方案，收货后冻结天数：7 → 10。",
            "规则“Seller”，比例：10% → 12.5%。",
            "删除规则“parent”：上级（间推）（在推广人之上第几级 1），比例 5%。",
        ]
    assert differences(DOCUMENT, DOCUMENT) == []


def test_a_difference_says_the_words_of_the_editor_and_no_name_of_the_document(sales: Sales) -> None:
    """Between any two of the plans to begin with: what is written in small letters in the document is said in Chinese."""
    own = {"base"} | {rule["key"] for start in STARTS for rule in start.document["rules"]}
    own |= {group for start in STARTS for group in start.document.get("groups", ())}
    with sales.shop.enter(), translation.override("zh-hans"):
        for one, other in permutations(STARTS, 2):
            for said in queries.describe_differences(one.document, other.document):
                assert set(re.findall(r"[a-z_]{2,}", said)) <= own, said
        changed = {**DOCUMENT, "unqualified": "compression"}
        (said,) = queries.describe_differences({**DOCUMENT, "unqualified": "breakage"}, changed)
        assert said == "方案，上级不符合条件时：“沉淀：归店铺所有” → “紧缩：顺延给再上一级”。"


@settings(max_examples=100, deadline=None)
@given(plans())
def test_the_nearest_lawful_variant_keeps_to_depth_and_rate(plan: Plan) -> None:
    def lawful(each: Plan) -> bool:
        worst = paid_range(each)
        return worst.upline_depth <= 1 and worst.total_rate_bp <= 1500

    found = nearest_lawful(plan, 1, 1500, lawful)
    if found is not None:
        assert lawful(found)
        assert write_plan(found)["rules"]
    if lawful(plan):
        assert found == plan


def test_a_plan_beyond_the_margin_of_some_goods_is_refused_and_the_database_wants_a_proof(
    sales: Sales, monkeypatch: pytest.MonkeyPatch
) -> None:
    from banyan.earnings.commission.models import PlanVersionRow
    from banyan.goods.catalog.types import SkuFacts

    thin = SkuFacts(7, 7, (1, 12), ("eco",), None, 10_000, 8_500, "CNY", T0)  # type: ignore[arg-type]
    monkeypatch.setattr("banyan.goods.catalog.queries.thin_margins", lambda rate_bp: [thin] if rate_bp > 1_500 else [])
    with sales.shop.enter():
        too_much = commands.draft_plan(DraftPlan(seller_only(1_501), name="too much"))
        with pytest.raises(commands.PlanBeyondMargin) as refused:
            commands.publish_plan(too_much)
        assert refused.value.details["goods"][0]["worst_minor"] == 1_501
        assert refused.value.details["goods"][0]["margin_minor"] == 1_500
        floored = seller_only(1_501, caps={"total_bp": 2_000, "margin_bp": 10_000})
        commands.publish_plan(commands.draft_plan(DraftPlan(floored, name="floored")))
        proof = queries.prove_document(seller_only(1_501), T0)
        assert isinstance(proof, queries.ShopProof)
        assert (proof.is_publishable, proof.proof.exact, proof.bound_bp) == (False, True, 1_501)
    into_force = {"status": "published", "effective_from": T0, "rule_set": "x", "upline_depth_paid": 0, "total_rate_bp": 1}
    with sales.shop.enter():
        digest = digest_of(too_much)
    with pytest.raises(IntegrityError), sales.shop.enter():
        PlanVersionRow.objects.filter(pk=too_much).update(**into_force, judged_digest=digest)
