"""Statements through the commands: periods, carry-over, review, debts; Σ lines = statement = ledger after every story."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from banyan.earnings.settlement import commands, queries
from banyan.earnings.settlement.tests.making import (
    ANNA,
    AUTOMATIC,
    BERT,
    MONTHLY,
    OPENER,
    decide,
    earn,
    make_distributors,
    open_all,
    open_policy,
    take_away,
)
from banyan.earnings.settlement.types import (
    Cycle,
    Decision,
    Lane,
    Rhythm,
    Scope,
    SourceKind,
    Statement,
    StatementStatus,
    WaitReason,
)
from banyan.kernel import clock, sql, verification
from banyan.people.distributors import commands as distributors
from banyan.people.distributors.types import Tier
from banyan.treasury.ledger import queries as ledger
from banyan.treasury.ledger.types import AccountKind, AccountRef

MARCH, APRIL, MAY = (datetime(2026, month, 1, tzinfo=UTC) - timedelta(hours=8) for month in (3, 4, 5))
"""Beginnings of months in Shanghai."""


@pytest.fixture(autouse=True)
def _in_march(driven_clock: Any) -> None:
    driven_clock(MARCH + timedelta(days=4))


def only(distributor_id: int, status: StatementStatus | None = None) -> Statement:
    (found,) = queries.list_statements(distributor_id=distributor_id, status=status)
    return queries.get_statement(found.statement_id)


def balance(distributor_id: int, kind: AccountKind) -> int:
    ref = AccountRef(kind, distributor_id)
    return ledger.balances([ref])[ref]


def test_a_month_becomes_one_statement_with_its_lines(tenant: Any, driven_clock: Any) -> None:
    with tenant.enter():
        open_policy()
        (payee,) = make_distributors()
        sources = earn([(payee, 1_000), (payee, 250)])
        driven_clock(APRIL - timedelta(seconds=1))
        sources += earn([(payee, 30)])
        assert open_all() == 0
        driven_clock(APRIL)
        earn([(payee, 7)])
        assert open_all() == 1
        statement = only(payee)
        assert (statement.period.start_at, statement.period.end_at) == (MARCH, APRIL)
        assert (statement.amount_minor, statement.status) == (1_280, StatementStatus.UNDER_REVIEW)
        assert [line.source_id for line in statement.lines] == sources
        assert open_all() == 0
        driven_clock(MAY)
        assert open_all() == 1
        later = queries.list_statements(distributor_id=payee)[0]
        assert (later.amount_minor, later.status, later.reason) == (7, StatementStatus.CARRIED, "below_minimum")
    assert tenant.verify() == []


def test_approval_books_the_ledger_and_asks_for_the_payout(tenant: Any, driven_clock: Any) -> None:
    with tenant.enter():
        open_policy()
        (payee,) = make_distributors()
        earn([(payee, 1_000)])
        driven_clock(APRIL)
        open_all()
        assert decide(only(payee).statement_id).status is StatementStatus.PAYING
        assert (balance(payee, AccountKind.DISTRIBUTOR_AVAILABLE), balance(payee, AccountKind.DISTRIBUTOR_PAYABLE)) == (0, 0)
        assert only(payee).payout_id is not None and only(payee).approver_id == ANNA
        assert decide(only(payee).statement_id).refused == "statement_state"
    assert tenant.verify() == []


def test_cycles_run_again_pay_nobody_twice(tenant: Any, driven_clock: Any) -> None:
    with tenant.enter():
        open_policy(AUTOMATIC)
        payees = make_distributors(5)
        earn([(payee, 1_000) for payee in payees])
    driven_clock(APRIL)
    for _ in range(3):
        with tenant.enter():
            open_all()
            commands.pay_due(clock.now())
    with tenant.enter():
        found = queries.list_statements()
        assert sorted(one.distributor_id for one in found) == sorted(payees)
        assert {(one.status, one.amount_minor) for one in found} == {(StatementStatus.PAYING, 1_000)}
    assert tenant.verify() == []


def test_below_minimum_and_debts_are_carried_and_netted(tenant: Any, driven_clock: Any) -> None:
    with tenant.enter():
        open_policy(AUTOMATIC)
        (payee,) = make_distributors()
        earn([(payee, 60)])
        driven_clock(APRIL)
        open_all()
        assert only(payee).reason == "below_minimum"
        assert [one.reason for one in queries.why_not_yet(payee)] == [WaitReason.BELOW_MINIMUM]
        take_away(payee, 500)
        assert balance(payee, AccountKind.DISTRIBUTOR_DEBT) == 440
        driven_clock(MAY)
        open_all()
        carried = only_latest(payee)
        assert (carried.amount_minor, carried.status, carried.reason) == (-440, StatementStatus.CARRIED, "negative")
        assert [(one.reason, one.amount_minor) for one in queries.why_not_yet(payee)] == [(WaitReason.DEBT, -440)]
        earn([(payee, 1_000)])
        assert balance(payee, AccountKind.DISTRIBUTOR_AVAILABLE) == 560
        driven_clock(MAY + timedelta(days=40))
        open_all()
        paid = only_latest(payee)
        assert (paid.amount_minor, paid.status) == (560, StatementStatus.PAYING)
        kinds = [(line.source_kind, line.amount_minor, line.cause_id) for line in paid.lines]
        assert kinds == [
            (SourceKind.CARRIED, -440, carried.statement_id),
            (SourceKind.COMMISSION_RELEASED, 1_000, 0),
        ]
        assert queries.why_not_yet(payee)[0].reason is WaitReason.BEING_PAID
    assert tenant.verify() == []


def only_latest(distributor_id: int) -> Statement:
    return queries.get_statement(queries.list_statements(distributor_id=distributor_id)[0].statement_id)


def test_every_missed_period_gets_its_own_statement(tenant: Any, driven_clock: Any) -> None:
    with tenant.enter():
        open_policy(replace(AUTOMATIC, rhythm=Rhythm(Cycle.DAILY)))
        (payee,) = make_distributors()
        for day in range(3):
            driven_clock(MARCH + timedelta(days=4 + day))
            earn([(payee, 1_000 + day)])
        driven_clock(MARCH + timedelta(days=9))
        assert open_all() == 3
        amounts = [one.amount_minor for one in queries.list_statements(distributor_id=payee)]
        assert amounts == [1_002, 1_001, 1_000]
    assert tenant.verify() == []


def test_the_narrowest_policy_and_a_change_of_rhythm(tenant: Any, driven_clock: Any) -> None:
    with tenant.enter():
        open_policy(MONTHLY)
        open_policy(AUTOMATIC, Scope.TIER, "gold")
        plain, gold, own = make_distributors(3)
        open_policy(replace(AUTOMATIC, rhythm=Rhythm(Cycle.DAILY)), Scope.DISTRIBUTOR, str(own))
        distributors.set_tiers({gold: Tier.GOLD}, clock.now(), "test")
        earn([(plain, 500), (gold, 600), (own, 700)])
        driven_clock(MARCH + timedelta(days=6))
        open_all()
        assert [one.distributor_id for one in queries.list_statements()] == [own]
        open_policy(replace(MONTHLY, rhythm=Rhythm(Cycle.WEEKLY)))
        driven_clock(MARCH + timedelta(days=10))
        open_all()
        assert only(plain).status is StatementStatus.UNDER_REVIEW
        driven_clock(APRIL)
        open_all()
        assert only(gold).status is StatementStatus.PAYING
    assert tenant.verify() == []


def test_without_any_policy_money_waits_and_says_so(tenant: Any, driven_clock: Any) -> None:
    with tenant.enter():
        (payee,) = make_distributors()
        earn([(payee, 500)])
        driven_clock(APRIL)
        assert open_all() == 0
        assert [one.reason for one in queries.why_not_yet(payee)] == [WaitReason.NO_POLICY]
        policy_id = open_policy(AUTOMATIC)
        assert open_all() == 1
        assert only(payee).amount_minor == 500
        commands.retire_policy(policy_id)
        earn([(payee, 500)])
        driven_clock(MAY)
        open_all()
        assert len(queries.list_statements(distributor_id=payee)) == 1
    assert tenant.verify() == []


def test_four_eyes_opener_and_payee(tenant: Any, driven_clock: Any) -> None:
    with tenant.enter():
        open_policy(replace(AUTOMATIC, four_eyes_minor=5_000))
        (payee,) = make_distributors()
        from banyan.people.distributors import queries as people

        (user_id,) = people.find_users_of([payee]).values()
        earn([(payee, 5_000)])
        driven_clock(APRIL)
        open_all()
        statement_id = only(payee).statement_id
        assert decide(statement_id, reviewer=OPENER).refused == "own_policy"
        assert decide(statement_id, reviewer=user_id).refused == "own_statement"
        assert decide(statement_id, reviewer=ANNA).status is StatementStatus.AWAITING_SECOND
        assert decide(statement_id, reviewer=ANNA).refused == "four_eyes"
        assert decide(statement_id, reviewer=BERT).status is StatementStatus.PAYING
        assert [one.reviewer_id for one in queries.list_decisions(statement_id)] == [ANNA, BERT]
    assert tenant.verify() == []


def test_hold_resume_reject_and_settle_again(tenant: Any, driven_clock: Any) -> None:
    with tenant.enter():
        open_policy()
        (payee,) = make_distributors()
        earn([(payee, 800)])
        driven_clock(APRIL)
        open_all()
        first = only(payee).statement_id
        assert decide(first, Decision.HOLD).refused == "reason_missing"
        assert decide(first, Decision.HOLD, reason="等资料").status is StatementStatus.HELD
        assert [one.reason for one in queries.why_not_yet(payee)] == [WaitReason.HELD]
        assert decide(first).refused == "statement_state"
        assert decide(first, Decision.RESUME).status is StatementStatus.UNDER_REVIEW
        assert decide(first, Decision.REJECT, reason="方案配置有误").status is StatementStatus.REJECTED
        assert [line.stands for line in queries.get_statement(first).lines] == [False]
        assert balance(payee, AccountKind.DISTRIBUTOR_AVAILABLE) == 800
        earn([(payee, 5)])
        driven_clock(MAY)
        open_all()
        second = only_latest(payee)
        assert (second.amount_minor, second.line_count) == (805, 2)
        assert decide(second.statement_id).status is StatementStatus.PAYING
    assert tenant.verify() == []


def test_a_reversal_joins_the_waiting_statement(tenant: Any, driven_clock: Any) -> None:
    with tenant.enter():
        open_policy()
        one, two, three = make_distributors(3)
        earn([(one, 1_000), (two, 1_000), (three, 1_000)])
        driven_clock(APRIL)
        open_all()
        take_away(one, 300)
        assert (only(one).amount_minor, only(one).line_count) == (700, 2)
        assert decide(only(one).statement_id, expected_minor=1_000).refused == "statement_changed"
        assert decide(only(one).statement_id, expected_minor=700).status is StatementStatus.PAYING
        take_away(two, 950)
        assert (only(two).amount_minor, only(two).status, only(two).reason) == (50, StatementStatus.CARRIED, "below_minimum")
        take_away(three, 1_400)
        assert (only(three).amount_minor, only(three).status, only(three).reason) == (-400, StatementStatus.CARRIED, "negative")
    assert tenant.verify() == []


def test_a_debt_that_a_sunk_statement_left_is_taken_by_the_next_one_that_waits(tenant: Any, driven_clock: Any) -> None:
    """Two statements wait; the older one sinks below zero. Whatever is then decided about the other, the debt comes off first."""
    with tenant.enter():
        open_policy(replace(MONTHLY, rhythm=Rhythm(Cycle.DAILY)))
        (payee,) = make_distributors()
        earn([(payee, 500)])
        driven_clock(clock.now() + timedelta(days=1))
        open_all()
        earn([(payee, 400)])
        driven_clock(clock.now() + timedelta(days=1))
        open_all()
        take_away(payee, 1_100)
        newer, older = queries.list_statements(distributor_id=payee)
        assert (older.status, older.amount_minor, newer.amount_minor) == (StatementStatus.CARRIED, -600, 400)
        outcome = decide(newer.statement_id, Decision.HOLD, reason="等资料")
        assert (outcome.status, outcome.refused) == (StatementStatus.CARRIED, "")
        assert queries.get_statement(newer.statement_id).amount_minor == -200
        assert balance(payee, AccountKind.DISTRIBUTOR_DEBT) == 200
    assert tenant.verify() == []


def test_a_reversal_not_heard_of_yet_cannot_be_overpaid(tenant: Any, driven_clock: Any) -> None:
    with tenant.enter():
        open_policy()
        (payee,) = make_distributors()
        earn([(payee, 1_000)])
        driven_clock(APRIL)
        open_all()
        take_away(payee, 300, heard=False)
        assert decide(only(payee).statement_id).refused == "insufficient_balance"
        assert only(payee).status is StatementStatus.UNDER_REVIEW
        assert queries.list_decisions(only(payee).statement_id) == []


def test_a_frozen_distributor_is_held_and_goes_on_afterwards(tenant: Any, driven_clock: Any) -> None:
    with tenant.enter():
        open_policy(AUTOMATIC)
        before, during = make_distributors(2)
        earn([(before, 1_000), (during, 2_000)])
        distributors.freeze([during], "调查")
    driven_clock(APRIL)
    tenant.drain()
    with tenant.enter():
        open_all()
        assert (only(during).status, only(during).reason) == (StatementStatus.HELD, "frozen")
        assert only(before).status is StatementStatus.PAYING
        assert [one.reason for one in queries.why_not_yet(during)] == [WaitReason.FROZEN]
        assert decide(only(during).statement_id, Decision.RESUME).refused == "distributor_frozen"
    assert tenant.verify() == []
    with tenant.enter():
        distributors.unfreeze([during])
    tenant.drain()
    with tenant.enter():
        assert only(during).status is StatementStatus.PAYING
    assert tenant.verify() == []


def test_a_freeze_during_review_holds_the_statement(tenant: Any, driven_clock: Any) -> None:
    with tenant.enter():
        open_policy()
        (payee,) = make_distributors()
        earn([(payee, 1_000)])
        driven_clock(APRIL)
        open_all()
        distributors.freeze([payee], "调查")
        assert decide(only(payee).statement_id).refused == "distributor_frozen"
    tenant.drain()
    with tenant.enter():
        assert only(payee).status is StatementStatus.HELD
        distributors.unfreeze([payee])
    tenant.drain()
    with tenant.enter():
        assert only(payee).status is StatementStatus.UNDER_REVIEW
        assert decide(only(payee).statement_id).status is StatementStatus.PAYING
    assert tenant.verify() == []


def test_without_an_account_the_money_stays_payable_until_there_is_one(tenant: Any, driven_clock: Any) -> None:
    from banyan.earnings.settlement.types import PayeeAccount

    with tenant.enter():
        open_policy(AUTOMATIC)
        (payee,) = make_distributors(account=False)
        earn([(payee, 1_000)])
        driven_clock(APRIL)
        open_all()
        assert (only(payee).status, only(payee).reason) == (StatementStatus.APPROVED, "no_account")
        assert balance(payee, AccountKind.DISTRIBUTOR_PAYABLE) == 1_000
        assert commands.pay_due(clock.now()) == 0
        assert [one.reason for one in queries.why_not_yet(payee)] == [WaitReason.NO_ACCOUNT]
    assert tenant.verify() == []
    with tenant.enter():
        commands.set_payee_accounts([PayeeAccount(payee, "wechat_pay", "openid-x", "张三")])
        assert commands.pay_due(clock.now()) == 1
        assert only(payee).status is StatementStatus.PAYING
    assert tenant.verify() == []


def test_the_queue_serves_higher_tiers_first_then_the_oldest(tenant: Any, driven_clock: Any) -> None:
    with tenant.enter():
        open_policy(replace(MONTHLY, rhythm=Rhythm(Cycle.DAILY)))
        old, gold, new = make_distributors(3)
        distributors.set_tiers({gold: Tier.GOLD}, clock.now(), "test")
        earn([(old, 500)])
        driven_clock(clock.now() + timedelta(days=1))
        open_all()
        earn([(new, 500), (gold, 500)])
        driven_clock(clock.now() + timedelta(days=1))
        open_all()
        assert [one.distributor_id for one in queries.list_review_queue()] == [gold, old, new]
        first = queries.list_review_queue(1)[0]
        rest = queries.list_review_queue(after=(2, first.opened_at, first.statement_id))
        assert [one.distributor_id for one in rest] == [old, new]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"minimum_minor": 0}, "minimum_minor"),
        ({"review_minor": -1}, "review_minor"),
        ({"channel": "A B"}, "channel"),
        ({"attempt_count": 0}, "attempt_count"),
        ({"rhythm": Rhythm(Cycle.WEEKLY, weekday=7)}, "rhythm"),
        ({"rhythm": Rhythm(Cycle.MONTHLY, month_day=0)}, "rhythm"),
    ],
)
def test_bad_terms_are_refused(tenant: Any, change: dict[str, Any], field: str) -> None:
    with tenant.enter(), pytest.raises(commands.BadPolicy) as refused:
        open_policy(replace(MONTHLY, **change))
    assert refused.value.details["field"] == field


@pytest.mark.parametrize(("scope", "subject"), [(Scope.TENANT, "x"), (Scope.TIER, "wood"), (Scope.DISTRIBUTOR, "me")])
def test_bad_subjects_are_refused(tenant: Any, scope: Scope, subject: str) -> None:
    with tenant.enter(), pytest.raises(commands.BadPolicy):
        open_policy(MONTHLY, scope, subject)


def test_the_account_is_sealed(tenant: Any) -> None:
    with tenant.enter():
        (payee,) = make_distributors()
        stored = sql.fetch("SELECT account FROM settlement_payees WHERE distributor_id = %s", (payee,))[0][0]
        assert f"openid-{payee}".encode() not in bytes(stored)
        assert (
            sql.fetch("SELECT after::text FROM audit_entries WHERE table_name = 'settlement_payees' AND after ? 'account'") == []
        )
        assert queries.has_payee_account(payee, "wechat_pay")


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        ("UPDATE settlement_lines SET amount_minor = amount_minor + 1", "settlement.lines"),
        ("UPDATE settlement_statements SET amount_minor = amount_minor + 1 WHERE status = 'paying'", "settlement.ledger"),
        ("UPDATE settlement_items SET statement_id = NULL", "settlement.claims"),
        ("UPDATE settlement_items SET amount_minor = amount_minor - 1 WHERE statement_id IS NULL", "settlement.balances"),
        ("DELETE FROM settlement_items WHERE source_kind = 'carried'", "settlement.carried"),
        ("UPDATE settlement_statements SET payout_id = payout_id + 1 WHERE status = 'paying'", "settlement.payouts"),
    ],
)
def test_verify_finds_planted_damage(tenant: Any, driven_clock: Any, damage: str, check: str) -> None:
    with tenant.enter():
        open_policy(AUTOMATIC)
        paid, small = make_distributors(2)
        earn([(paid, 1_000), (small, 50)])
        driven_clock(APRIL)
        open_all()
    assert tenant.verify() == []
    with tenant.enter():
        sql.execute(damage)
        found = verification.run_checks(
            {"settlement." + name for name in ("lines", "ledger", "claims", "balances", "carried", "payouts")}
        )
        assert check in {one.check for one in found[0]}


def test_lanes_and_thresholds(tenant: Any, driven_clock: Any) -> None:
    with tenant.enter():
        open_policy(replace(AUTOMATIC, review_minor=1_000))
        small, large = make_distributors(2)
        earn([(small, 999), (large, 1_000)])
        driven_clock(APRIL)
        open_all()
        assert (only(small).status, only(large).status) == (StatementStatus.PAYING, StatementStatus.UNDER_REVIEW)
        assert queries.get_policy(only(large).policy_id).terms.lane is Lane.AUTOMATIC
    assert tenant.verify() == []


def test_the_lines_of_a_source_are_found_with_their_statement(tenant: Any, driven_clock: Any) -> None:
    with tenant.enter():
        open_policy()
        (payee,) = make_distributors()
        first, second = earn([(payee, 1_000), (payee, 250)])
        driven_clock(APRIL)
        open_all()
        statement = only(payee)
        found = queries.list_lines_of(SourceKind.COMMISSION_RELEASED, [second, first + second])
        assert [(of.statement_id, line.source_id, line.amount_minor, line.stands) for of, line in found] == [
            (statement.statement_id, second, 250, True)
        ]
        assert queries.list_lines_of(SourceKind.COMMISSION_REVERSED, [second]) == []
        assert queries.list_lines_of(SourceKind.COMMISSION_RELEASED, []) == []
