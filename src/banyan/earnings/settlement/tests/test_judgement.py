"""Properties of drafting and the table of who may decide what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banyan.earnings.settlement.engine.choice import Policies
from banyan.earnings.settlement.engine.drafting import draft
from banyan.earnings.settlement.engine.review import Case, rule
from banyan.earnings.settlement.types import (
    CarryReason,
    Cycle,
    Decision,
    Item,
    Lane,
    Period,
    Policy,
    PolicyId,
    PolicyTerms,
    Rhythm,
    Scope,
    SourceKind,
    StatementStatus,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
PERIOD = Period(START, START + timedelta(days=31))
AUTOMATIC = PolicyTerms(Rhythm(Cycle.MONTHLY), Lane.AUTOMATIC, minimum_minor=100)
REVIEWED = replace(AUTOMATIC, lane=Lane.REVIEWED)
items = st.builds(
    Item,
    st.integers(1, 10**6),
    st.sampled_from(SourceKind),
    st.integers(1, 10**6),
    st.integers(-5_000, 5_000),
    st.datetimes(START.replace(tzinfo=None), datetime(2026, 5, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)


def item(amount_minor: int, day: int = 5, kind: SourceKind = SourceKind.COMMISSION_RELEASED) -> Item:
    return Item(day, kind, day, amount_minor, START + timedelta(days=day))


@given(st.lists(items), st.booleans())
def test_a_draft_takes_what_is_due_and_its_amount_is_the_sum(found: list[Item], frozen: bool) -> None:
    decided = draft(found, PERIOD, AUTOMATIC, frozen)
    due = [one for one in found if one.occurred_at < PERIOD.end_at or one.amount_minor < 0]
    if decided is None:
        assert all(one.source_kind is SourceKind.CARRIED for one in due)
        return
    assert sorted(decided.items, key=repr) == sorted(due, key=repr)
    assert decided.amount_minor == sum(one.amount_minor for one in due)
    payable = decided.status is not StatementStatus.CARRIED
    assert payable == (decided.amount_minor >= 100)
    assert decided.status is not StatementStatus.APPROVED or not frozen


@given(st.lists(items), st.integers(0, 100_000))
def test_what_is_paid_never_exceeds_what_is_left(found: list[Item], later_minor: int) -> None:
    """Later releases are left out, later reversals are not: the amount is covered by the balance."""
    decided = draft(found, PERIOD, AUTOMATIC, frozen=False)
    if decided is not None and decided.status is StatementStatus.APPROVED:
        assert decided.amount_minor <= sum(one.amount_minor for one in found)


@pytest.mark.parametrize(
    ("found", "terms", "frozen", "status", "reason"),
    [
        ([item(500)], AUTOMATIC, False, StatementStatus.APPROVED, ""),
        ([item(500)], REVIEWED, False, StatementStatus.UNDER_REVIEW, ""),
        ([item(500)], AUTOMATIC, True, StatementStatus.HELD, "frozen"),
        ([item(99)], AUTOMATIC, False, StatementStatus.CARRIED, CarryReason.BELOW_MINIMUM),
        ([item(500), item(-700, 6)], AUTOMATIC, False, StatementStatus.CARRIED, CarryReason.NEGATIVE),
        ([item(500), item(-500, 6)], AUTOMATIC, False, StatementStatus.CARRIED, CarryReason.NOTHING_DUE),
        ([item(500), item(-100, 45)], AUTOMATIC, False, StatementStatus.APPROVED, ""),
        ([item(500)], replace(AUTOMATIC, review_minor=500), False, StatementStatus.UNDER_REVIEW, ""),
        ([item(500)], replace(AUTOMATIC, review_minor=501), False, StatementStatus.APPROVED, ""),
        ([item(500)], replace(AUTOMATIC, four_eyes_minor=500), False, StatementStatus.UNDER_REVIEW, ""),
    ],
)
def test_lanes(found: list[Item], terms: PolicyTerms, frozen: bool, status: StatementStatus, reason: str) -> None:
    decided = draft(found, PERIOD, terms, frozen)
    assert decided is not None
    assert (decided.status, decided.reason) == (status, reason)


def test_a_carried_amount_alone_is_not_stated_again() -> None:
    assert draft([item(40, kind=SourceKind.CARRIED)], PERIOD, AUTOMATIC, frozen=False) is None
    joined = draft([item(40, kind=SourceKind.CARRIED), item(70, 6)], PERIOD, AUTOMATIC, frozen=False)
    assert joined is not None and joined.amount_minor == 110 and joined.status is StatementStatus.APPROVED


CASE = Case(StatementStatus.UNDER_REVIEW, 1_000, replace(REVIEWED, four_eyes_minor=5_000), 7, 8, None, frozen=False)
LARGE = replace(CASE, amount_minor=5_000)
SECOND = replace(LARGE, status=StatementStatus.AWAITING_SECOND, first_approver_id=1)
HELD = replace(CASE, status=StatementStatus.HELD)


@pytest.mark.parametrize(
    ("case", "decision", "reviewer", "reason", "expected"),
    [
        (CASE, Decision.APPROVE, 1, "", StatementStatus.APPROVED),
        (CASE, Decision.APPROVE, 7, "", "own_policy"),
        (CASE, Decision.APPROVE, 8, "", "own_statement"),
        (replace(CASE, frozen=True), Decision.APPROVE, 1, "", "distributor_frozen"),
        (LARGE, Decision.APPROVE, 1, "", StatementStatus.AWAITING_SECOND),
        (SECOND, Decision.APPROVE, 1, "", "four_eyes"),
        (SECOND, Decision.APPROVE, 7, "", "own_policy"),
        (SECOND, Decision.APPROVE, 2, "", StatementStatus.APPROVED),
        (SECOND, Decision.REJECT, 1, "wrong plan", StatementStatus.REJECTED),
        (CASE, Decision.HOLD, 1, " ", "reason_missing"),
        (CASE, Decision.REJECT, 1, "", "reason_missing"),
        (CASE, Decision.HOLD, 1, "asks for papers", StatementStatus.HELD),
        (HELD, Decision.APPROVE, 1, "", "statement_state"),
        (HELD, Decision.RESUME, 1, "", StatementStatus.UNDER_REVIEW),
        (replace(HELD, frozen=True), Decision.RESUME, 1, "", "distributor_frozen"),
        (HELD, Decision.REJECT, 1, "fraud", StatementStatus.REJECTED),
        (replace(CASE, status=StatementStatus.PAID), Decision.REJECT, 1, "late", "statement_state"),
        (replace(CASE, status=StatementStatus.PAYING), Decision.HOLD, 1, "late", "statement_state"),
        (replace(CASE, status=StatementStatus.APPROVED), Decision.APPROVE, 1, "", "statement_state"),
    ],
)
def test_rulings(case: Case, decision: Decision, reviewer: int, reason: str, expected: StatementStatus | str) -> None:
    ruling = rule(case, decision, reviewer, reason)
    assert (ruling.status or ruling.refused) == expected
    assert bool(ruling.message) == bool(ruling.refused)


def test_the_narrowest_policy_decides() -> None:
    def policy(number: int, scope: Scope, subject: str) -> Policy:
        return Policy(PolicyId(number), scope, subject, AUTOMATIC, 1, START)

    policies = Policies([policy(1, Scope.TENANT, ""), policy(2, Scope.TIER, "gold"), policy(3, Scope.DISTRIBUTOR, "42")])
    found = [policies.find(42, "gold"), policies.find(43, "gold"), policies.find(43, "bronze")]
    assert [one.policy_id for one in found if one] == [3, 2, 1]
    assert Policies([]).find(42, "gold") is None
