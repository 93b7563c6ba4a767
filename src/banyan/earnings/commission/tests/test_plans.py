"""The life of a plan, and that nothing goes around the law."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connections

from banyan.earnings.commission import commands, queries
from banyan.earnings.commission.models import PlanVersionRow
from banyan.earnings.commission.tests.shopfront import DOCUMENT, T0, Sales, seller_only
from banyan.earnings.commission.types import DraftPlan, VersionStatus
from banyan.kernel import clock, sql


def draft(document: dict[str, Any], **how: Any) -> int:
    return commands.draft_plan(DraftPlan(document, "test", **how))


def test_a_published_plan_supersedes_the_one_before_and_orders_see_their_own(
    sales: Sales, driven_clock: Callable[[datetime], None]
) -> None:
    first = sales.publish(seller_only(1000))
    driven_clock(T0 + timedelta(days=1))
    second = sales.publish(seller_only(2000), name="next")
    with sales.shop.enter():
        one, two = queries.get_version(first), queries.get_version(second)
        assert (one.status, one.effective_to) == (VersionStatus.SUPERSEDED, clock.now())
        assert (two.status, two.effective_from, two.effective_to) == (VersionStatus.PUBLISHED, clock.now(), None)
        assert (two.total_rate_bp, two.upline_depth_paid) == (2000, 0)
        at = [queries.version_at(T0 + timedelta(hours=hours)) for hours in (-1, 0, 23, 24, 99)]
        assert [each and each.version_id for each in at] == [None, first, first, second, second]


def test_a_switch_can_be_scheduled_and_something_published_in_between_ends_with_it(sales: Sales) -> None:
    sales.publish(seller_only(1000))
    with sales.shop.enter():
        later = draft(seller_only(2000), name="later")
        commands.publish_plan(later, effective_from=T0 + timedelta(days=10))
        between = draft(seller_only(1500), name="between")
        commands.publish_plan(between, effective_from=T0 + timedelta(days=5))
        in_force = [queries.version_at(T0 + timedelta(days=day)) for day in (4, 5, 9, 10)]
        assert [each.total_rate_bp for each in in_force if each] == [1000, 1500, 1500, 2000]
        with pytest.raises(commands.VersionDates):
            commands.publish_plan(draft(seller_only(100), name="same"), effective_from=T0 + timedelta(days=5))
        with pytest.raises(commands.VersionDates):
            commands.publish_plan(draft(seller_only(100), name="past"), effective_from=T0 - timedelta(seconds=1))


def test_retired_means_nothing_is_paid(sales: Sales, driven_clock: Callable[[datetime], None]) -> None:
    version = sales.publish()
    driven_clock(T0 + timedelta(days=1))
    with sales.shop.enter():
        commands.retire_plan(version, reason="season is over")
        order = sales.sell(10000, paid_at=clock.now())
        assert commands.accrue([order]) == 1
        assert queries.list_for_orders([order]) == {}
        with pytest.raises(commands.VersionDates):
            commands.retire_plan(version, reason="again")


def test_an_illegal_plan_is_refused_with_its_clause_and_stays_a_draft(chinese_sales: Sales) -> None:
    with chinese_sales.shop.enter():
        version = draft(DOCUMENT)
        with pytest.raises(commands.IllegalPlan) as refused:
            commands.publish_plan(version)
        clauses = {each["clause"]: each for each in refused.value.details["broken"]}
        assert clauses["upline_depth"]["article"] == "第七条(三)"
        assert queries.get_version(version).status is VersionStatus.DRAFT
        report = queries.check_document(DOCUMENT, clock.now())
        assert (report.legal, report.upline_depth_paid, report.total_rate_bp) == (False, 2, 1700)
        too_much = seller_only(5000, caps={"total_bp": 4000})
        assert [each.clause for each in queries.check_document(too_much, clock.now()).broken] == ["total_rate"]
        capped = draft(seller_only(5000, caps={"total_bp": 3000}), name="capped")
        commands.approve_plan(capped, approved_by="second")
        commands.publish_plan(capped)


@pytest.mark.parametrize(
    ("terms", "clause"),
    [
        ({"pays_on_recruitment": True}, "recruitment_pay"),
        ({"entry_fee_minor": 100}, "entry_fee"),
        ({"starter_purchase_required": True}, "starter_purchase"),
    ],
)
def test_heads_entry_fees_and_starter_purchases_are_banned(chinese_sales: Sales, terms: dict[str, Any], clause: str) -> None:
    with chinese_sales.shop.enter():
        with pytest.raises(commands.IllegalPlan) as refused:
            commands.publish_plan(draft(seller_only(terms=terms)))
        assert [each["clause"] for each in refused.value.details["broken"]] == [clause]


def test_no_other_way_leads_into_force(chinese_sales: Sales) -> None:
    """ORM, raw SQL, a copied verdict, a document changed after the verdict: the database refuses each."""
    shop = chinese_sales.shop
    with shop.enter():
        version = draft(DOCUMENT)
        lawful = draft(seller_only(), name="lawful")
    into_force = {"status": "published", "effective_from": T0, "rule_set": "x", "upline_depth_paid": 0, "total_rate_bp": 1}
    with pytest.raises(IntegrityError), shop.enter():
        PlanVersionRow.objects.filter(pk=version).update(**into_force)
    with shop.enter():
        plan_id = queries.get_version(version).plan_id
    with pytest.raises(IntegrityError), shop.enter():
        PlanVersionRow.objects.create(plan_id=plan_id, number=9, document=DOCUMENT, drafted_at=T0, **into_force)
    with shop.enter():
        digest = sql.fetch("SELECT md5(document::text) FROM commission_plan_versions WHERE id = %s", (lawful,))[0][0]
    with pytest.raises(IntegrityError), shop.enter():
        PlanVersionRow.objects.filter(pk=version).update(**into_force, judged_digest=digest)
    with pytest.raises(IntegrityError), shop.enter():  # lawful, but nobody else has approved it
        PlanVersionRow.objects.filter(pk=lawful).update(**into_force, judged_digest=digest)
    with shop.enter():
        commands.approve_plan(lawful, approved_by="second")
        commands.publish_plan(lawful)
    with pytest.raises(DatabaseError), shop.enter():
        sql.execute("UPDATE commission_plan_versions SET document = %s WHERE id = %s", ('{"rules": []}', lawful))
    with pytest.raises(DatabaseError), shop.enter():
        sql.execute("DELETE FROM commission_plan_versions WHERE id = %s", (lawful,))
    with pytest.raises(DatabaseError), shop.enter():
        sql.execute(
            "UPDATE commission_plan_versions SET effective_from = effective_from - interval '1 day' WHERE id = %s", (lawful,)
        )
    with shop.enter():
        assert queries.get_version(version).status is VersionStatus.DRAFT
        assert queries.get_version(lawful).document["rules"][0]["key"] == "seller"


def test_two_publications_at_once_leave_one_in_force(sales: Sales) -> None:
    with sales.shop.enter():
        drafts = [draft(seller_only(1000 + number), name=f"n{number}") for number in range(4)]
    refused = []

    def publish(version: int) -> None:
        try:
            with sales.shop.enter():
                commands.publish_plan(version)
        except commands.VersionDates as error:
            refused.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=publish, args=(version,)) for version in drafts]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    with sales.shop.enter():
        published = [each for each in queries.list_versions() if each.status is not VersionStatus.DRAFT]
        assert (len(published), len(refused)) == (1, 3)


def test_drafts_are_revised_named_once_and_told_all_their_faults(sales: Sales) -> None:
    with sales.shop.enter():
        version = draft(seller_only(), name="one")
        commands.revise_draft(version, seller_only(500))
        assert queries.get_version(version).document["rules"][0]["amount"]["rate_bp"] == 500
        plan_id = queries.get_version(version).plan_id
        assert queries.get_version(draft(seller_only(), plan_id=plan_id)).number == 2
        with pytest.raises(commands.PlanNameTaken):
            draft(seller_only(), name="one")
        with pytest.raises(commands.PlanNotFound):
            draft(seller_only(), plan_id=12345)
        with pytest.raises(commands.InvalidPlan) as refused:
            draft({**DOCUMENT, "hold_days": -1, "colour": 1})
        assert [each["path"] for each in refused.value.details["faults"]] == ["hold_days", "colour"]
        commands.publish_plan(version)
        with pytest.raises(commands.NotADraft):
            commands.revise_draft(version, seller_only())
        with pytest.raises(commands.NotADraft):
            commands.publish_plan(version)
        audited = sql.fetch(
            "SELECT operation FROM audit_entries WHERE table_name = 'commission_plan_versions' AND row_id = %s", (version,)
        )
        assert [row[0] for row in audited].count("update") >= 2
