"""The tenant's law over time: letter, acknowledged practice, counsel, withdrawal; who may decide, and what is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError

from banyan.kernel import clock, sql
from banyan.kernel.values.errors import Invalid
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role
from banyan.rules.compliance import commands, queries
from banyan.rules.compliance.types import Clause, PlanFacts, Reading

T0 = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
ONE_ABOVE = PlanFacts(upline_depth_paid=1, total_rate_bp=2000)


def _person(*roles: Role) -> int:
    return identity.register_users([NewUser(f"p{roles[0]}", "Correct-horse-9", "Someone", None, roles)])[0]


def _practice_words() -> str:
    return queries.reading_statements(Reading.PRACTICE, clock.now())[1]


def test_china_denies_an_ancestor_until_an_operator_accepts_the_practice(tenant: Any, driven_clock: Callable[..., None]) -> None:
    driven_clock(T0)
    with tenant.enter():
        verdict = queries.judge(ONE_ABOVE, clock.now())
        assert not verdict.legal
        finding = verdict.findings[0]
        assert (finding.clause, finding.article, finding.fact_id) == (
            Clause.UPLINE_DEPTH, "第七条(三)", "cn.04.max_upline_levels_paid",
        )  # fmt: skip
        operator = _person(Role.OPERATOR)
        row_id = commands.acknowledge_reading("practice", operator, _practice_words())
    driven_clock(T0 + timedelta(days=1))
    with tenant.enter():
        assert queries.judge(ONE_ABOVE, clock.now()).legal
        assert queries.caps_at(clock.now()).upline_depth_paid == 1
        # The past stays what it was.
        assert queries.caps_at(T0 - timedelta(seconds=1)).upline_depth_paid == 0
        kept = queries.list_acknowledgements()[0]
        assert (kept.id, kept.accepted_by_id, kept.roles, kept.accepted_at) == (row_id, operator, ("operator",), T0)
        assert kept.statement == _practice_words()
        rows = sql.fetch("SELECT operation FROM audit_entries WHERE table_name = 'compliance_readingacknowledgement'")
        assert rows == [("insert",)]
        assert commands.acknowledge_reading("practice", operator, _practice_words()) == row_id  # again: no second row
        assert len(queries.list_acknowledgements()) == 1
    with tenant.enter():
        commands.withdraw_reading(operator, "counsel advised against it")
        assert not queries.judge(ONE_ABOVE, clock.now()).legal
        assert commands.withdraw_reading(operator, "again") is None


@pytest.mark.parametrize("role", [Role.FINANCE, Role.AUDITOR, Role.PLATFORM, Role.DISTRIBUTOR, Role.WAREHOUSE])
def test_nobody_but_an_operator_decides(tenant: Any, role: Role) -> None:
    with tenant.enter():
        somebody = _person(role)
        with pytest.raises(commands.NotAuthorizedToAcknowledge):
            commands.acknowledge_reading("practice", somebody, _practice_words())
        with pytest.raises(commands.NotAuthorizedToAcknowledge):
            commands.withdraw_reading(somebody, "no reason of mine")
        assert queries.list_acknowledgements() == []


def test_other_words_and_other_readings_are_refused(tenant: Any) -> None:
    with tenant.enter():
        operator = _person(Role.OPERATOR)
        with pytest.raises(commands.StatementDiffers) as refused:
            commands.acknowledge_reading("practice", operator, "ok")
        assert refused.value.details["statement_zh"] == _practice_words()
        with pytest.raises(commands.ReadingNotOffered):
            commands.acknowledge_reading("letter", operator, "x")
        with pytest.raises(Invalid):
            commands.acknowledge_reading("nonsense", operator, "x")
        with pytest.raises(commands.CounselNumbersMissing):
            commands.acknowledge_reading("practice", operator, _practice_words(), upline_depth_paid=5)
        words = queries.reading_statements(Reading.COUNSEL, clock.now())[0]
        with pytest.raises(commands.CounselNumbersMissing):  # China's law gives both numbers
            commands.acknowledge_reading("counsel", operator, words, upline_depth_paid=5)
        assert queries.list_acknowledgements() == []


def test_counsel_opens_what_the_law_leaves_open(make_shop: Callable[..., Any]) -> None:
    shop = make_shop(jurisdiction="JP", currency="JPY", timezone="Asia/Tokyo")
    plan = PlanFacts(upline_depth_paid=2, total_rate_bp=2500, currency="JPY")
    with shop.enter():
        before = queries.judge(plan, clock.now())
        assert {one.clause for one in before.findings} == {Clause.UPLINE_DEPTH, Clause.TOTAL_RATE}
        assert all("denied by default" in one.message for one in before.findings)
        operator = _person(Role.OPERATOR)
        words = queries.reading_statements(Reading.COUNSEL, clock.now())[0]
        commands.acknowledge_reading("counsel", operator, words, upline_depth_paid=2, total_rate_bp=2500)
        verdict = queries.judge(plan, clock.now())
        assert verdict.legal
        caps = queries.caps_at(clock.now())
        assert (caps.upline_depth_paid, caps.total_rate_bp) == (2, 2500)
        stored = queries.explain_rule_set(caps.rule_set)
        assert stored is not None
        assert (stored.upline_depth_paid.number, stored.total_rate_bp.number) == (2, 2500)


def test_a_jurisdiction_that_the_compilation_does_not_know_denies_everything(make_shop: Callable[..., Any]) -> None:
    with make_shop(jurisdiction="ZZ").enter():
        verdict = queries.judge(PlanFacts(0, 1), clock.now())
        assert not verdict.legal
        assert verdict.findings[0].clause is Clause.RULE_SET
        caps = queries.caps_at(clock.now())
        assert (caps.upline_depth_paid, caps.total_rate_bp) == (0, 0)


def test_before_the_law_was_in_force_everything_is_denied(tenant: Any) -> None:
    with tenant.enter():
        verdict = queries.judge(PlanFacts(0, 1), datetime(2001, 1, 1, tzinfo=UTC))
        assert [one.clause for one in verdict.findings] == [Clause.RULE_SET]


def test_the_sandbox_has_no_law_and_says_so(make_shop: Callable[..., Any], tenant: Any) -> None:
    with make_shop(jurisdiction="sandbox").enter():
        assert queries.is_simulation()
        verdict = queries.judge(PlanFacts(9, 9000, pays_on_recruitment=True, entry_fee_minor=5), clock.now())
        assert verdict.legal
        assert [one.clause for one in verdict.notes] == [Clause.SIMULATION_ONLY]
    with tenant.enter():
        assert not queries.is_simulation()


def test_an_acknowledgement_cannot_be_changed_or_deleted_even_by_sql(tenant: Any) -> None:
    with tenant.enter():
        commands.acknowledge_reading("practice", _person(Role.OPERATOR), _practice_words())
    for statement in (
        "UPDATE compliance_readingacknowledgement SET statement = 'something else'",
        "DELETE FROM compliance_readingacknowledgement",
    ):
        with pytest.raises(DatabaseError), tenant.enter():
            sql.execute(statement)
    with tenant.enter():
        assert queries.list_acknowledgements()[0].statement == _practice_words()


def test_a_stranger_sees_no_acknowledgement(tenant: Any, make_shop: Callable[..., Any]) -> None:
    with tenant.enter():
        commands.acknowledge_reading("practice", _person(Role.OPERATOR), _practice_words())
    with make_shop().enter():
        assert queries.list_acknowledgements() == []
        assert queries.caps_at(clock.now()).upline_depth_paid == 0


def test_judging_from_many_threads_gives_one_answer(tenant: Any) -> None:
    seen: list[bool] = []

    def ask() -> None:
        with tenant.enter():
            seen.append(queries.judge(ONE_ABOVE, clock.now()).legal)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [False] * 8
