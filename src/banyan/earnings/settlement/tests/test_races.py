"""Workers, reviewers and freezes at the same time; workers killed in the middle. Nobody is paid twice, nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import uuid
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connections

from banyan.earnings.settlement import commands, queries
from banyan.earnings.settlement.commands import claiming, opening, policies
from banyan.earnings.settlement.models import PayeeRow
from banyan.earnings.settlement.tests.making import (
    AUTOMATIC,
    at_once,
    decide,
    earn,
    hear,
    make_distributors,
    open_all,
    open_policy,
    take_away,
)
from banyan.earnings.settlement.types import Decision, PayeeAccount, ReviewRequest, StatementStatus
from banyan.kernel import clock, sql
from banyan.people.distributors import commands as distributors
from banyan.treasury.ledger import queries as ledger
from banyan.treasury.ledger.commands import InsufficientBalance
from banyan.treasury.ledger.types import AccountKind, AccountRef

APRIL = datetime(2026, 4, 1, tzinfo=UTC) - timedelta(hours=8)


@pytest.fixture(autouse=True)
def _in_march(driven_clock: Any) -> None:
    driven_clock(APRIL - timedelta(days=20))


def prepare(shop: Any, count: int, amount_minor: int = 1_000, terms: Any = AUTOMATIC) -> list[int]:
    """Distributors with one released commission each, and the month over."""
    with shop.enter():
        open_policy(terms)
        payees = make_distributors(count)
        earn([(payee, amount_minor) for payee in payees])
    clock.drive(APRIL)
    return payees


def work(shop: Any, limit: int) -> int:
    """One worker: batches in transactions of their own until nothing is due."""
    done = 0
    while True:
        with shop.enter():
            batch = commands.open_statements(clock.now(), limit)
        if not batch:
            return done
        done += batch


def stated(shop: Any) -> Counter[int]:
    """How often each commission stands in a statement."""
    with shop.enter():
        rows = sql.fetch("SELECT source_id FROM settlement_lines WHERE stands AND source_kind = 'commission_released'")
    return Counter(row[0] for row in rows)


def test_two_workers_share_the_work(tenant: Any) -> None:
    payees = prepare(tenant, 40)
    done = at_once([lambda: work(tenant, 7)] * 3)
    assert sum(done) == 40
    work(tenant, 7)  # what a worker skipped because it was locked at the very end
    assert set(stated(tenant).values()) == {1} and len(stated(tenant)) == 40
    with tenant.enter():
        assert {one.distributor_id for one in queries.list_statements(count=100)} == set(payees)
    assert tenant.verify() == []


@contextmanager
def guards_off(monkeypatch: pytest.MonkeyPatch, index: str) -> Any:
    """No skip-locked, no condition on the claim, no unique index on standing lines."""
    monkeypatch.setattr(opening, "SKIP_LOCKED", "")
    monkeypatch.setattr(claiming, "CLAIM_GUARD", "")
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT pg_get_indexdef(%s::regclass)", [index])
        (definition,) = cursor.fetchone()
        cursor.execute("SELECT pg_get_indexdef('settlement_one_statement_per_period'::regclass)")
        (period_definition,) = cursor.fetchone()
        cursor.execute(f"DROP INDEX {index}")
        cursor.execute("ALTER TABLE settlement_statements DROP CONSTRAINT settlement_one_statement_per_period")
        try:
            yield
        finally:
            cursor.execute(
                "DELETE FROM settlement_lines WHERE source_id IN (SELECT source_id FROM settlement_lines GROUP BY 1"
                " HAVING count(*) > 1)"
            )
            cursor.execute("TRUNCATE settlement_statements CASCADE")
            cursor.execute(definition)
            cursor.execute(period_definition)
            cursor.execute(
                "ALTER TABLE settlement_statements ADD CONSTRAINT settlement_one_statement_per_period"
                " UNIQUE USING INDEX settlement_one_statement_per_period"
            )


def test_negative_control_without_guards_a_commission_is_stated_twice(tenant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The race above is real: two workers who both look before either writes state the same commission twice."""
    prepare(tenant, 1)
    meet = threading.Barrier(2)
    find = opening.find_open_items

    def find_together(keys: Any) -> Any:
        found = find(keys)
        meet.wait(timeout=20)
        return found

    def one_batch() -> int:
        with tenant.enter():
            return commands.open_statements(clock.now(), 10)

    monkeypatch.setattr(opening, "find_open_items", find_together)
    monkeypatch.setattr(opening, "approve_by_itself", lambda statements: None)
    with guards_off(monkeypatch, "settlement_one_line_per_source"):
        assert at_once([one_batch] * 2) == [1, 1]
        assert list(stated(tenant).values()) == [2]


KILLED = """
import os, signal, sys
import django
django.setup()
from banyan.kernel import clock, sql, tenancy
from banyan.earnings.settlement import commands
from datetime import datetime
tenant_id, at, fatal = int(sys.argv[1]), datetime.fromisoformat(sys.argv[2]), int(sys.argv[3])
clock.drive(at)
count = 0
def dying(run):
    def statement(*args, **kwargs):
        global count
        count += 1
        if count == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return run(*args, **kwargs)
    return statement
for name in ("fetch", "execute", "insert"):
    setattr(sql, name, dying(getattr(sql, name)))
while True:
    with tenancy.enter(tenant_id, actor="test"):
        done = commands.open_statements(at, 3)
    if not done:
        break
print("survived", count)
"""


@pytest.mark.slow
def test_a_worker_killed_between_any_two_statements_leaves_nothing_half_done(tenant: Any) -> None:
    prepare(tenant, 24)
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "banyan.config.settings"}
    for fatal in (2, 11, 16, 33):
        ended = subprocess.run(
            [sys.executable, "-c", KILLED, str(tenant.id), clock.now().isoformat(), str(fatal)],
            env=environment,
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
        assert tenant.verify() == []
    at_once([lambda: work(tenant, 3)] * 2)
    work(tenant, 3)
    assert set(stated(tenant).values()) == {1} and len(stated(tenant)) == 24
    assert tenant.verify() == []


def test_eight_reviewers_at_once_book_one_statement_once(tenant: Any) -> None:
    from dataclasses import replace

    from banyan.earnings.settlement.types import Lane

    (payee,) = prepare(tenant, 1, terms=replace(AUTOMATIC, lane=Lane.REVIEWED))
    with tenant.enter():
        open_all()
        (statement,) = queries.list_statements()

    def approve(reviewer: int) -> str:
        with tenant.enter():
            outcome = decide(statement.statement_id, reviewer=reviewer)
            return outcome.status.value if outcome.status else outcome.refused

    answers = at_once([lambda n=n: approve(100 + n) for n in range(8)])
    assert sorted(answers) == ["paying"] + ["statement_state"] * 7
    with tenant.enter():
        assert queries.get_statement(statement.statement_id).attempt == 1
        assert len(queries.list_decisions(statement.statement_id)) == 1
        balances = ledger.balances([AccountRef(AccountKind.DISTRIBUTOR_AVAILABLE, payee)])
        assert set(balances.values()) == {0}
    assert tenant.verify() == []


def test_review_freeze_and_reversal_at_once_end_in_one_of_the_right_states(tenant: Any) -> None:
    """Whatever comes first: nobody frozen is paid after the freeze was known, no cent is lost or doubled."""
    from dataclasses import replace

    from banyan.earnings.settlement.types import Lane

    payees = prepare(tenant, 12, terms=replace(AUTOMATIC, lane=Lane.REVIEWED))
    with tenant.enter():
        open_all()
        found = {one.distributor_id: one.statement_id for one in queries.list_statements()}

    def approve() -> int:
        with tenant.enter():
            outcomes = commands.review([ReviewRequest(found[payee], Decision.APPROVE, 5) for payee in payees])
            return sum(1 for one in outcomes if one.status)

    def freeze() -> None:
        with tenant.enter():
            distributors.freeze(payees[:6], "调查")  # type: ignore[arg-type]

    def reverse(payee: int) -> None:
        while True:  # as commission does it: again with fresh balances where somebody took from the account meanwhile
            try:
                with tenant.enter():
                    item = take_away(payee, 300, heard=False)
                break
            except InsufficientBalance:
                continue
        with tenant.enter():  # the reaction runs in a transaction of its own
            hear([item])

    answers = at_once([approve, freeze, *[lambda p=p: reverse(p) for p in payees[4:8]]])
    assert [one for one in answers if isinstance(one, Exception)] == []
    tenant.drain()
    assert tenant.verify() == []
    with tenant.enter():
        for payee in payees:
            one = queries.get_statement(found[payee])
            assert one.status in (
                StatementStatus.PAYING,
                StatementStatus.HELD,
                StatementStatus.UNDER_REVIEW,
                StatementStatus.APPROVED,
            )
            if one.status is StatementStatus.HELD:
                assert payee in payees[:6] and one.attempt == 0


@pytest.mark.slow
def test_three_thousand_statements_are_reviewed_in_one_go(tenant: Any) -> None:
    from dataclasses import replace
    from time import perf_counter

    from banyan.earnings.settlement.types import Lane

    prepare(tenant, 3_000, terms=replace(AUTOMATIC, lane=Lane.REVIEWED))
    work(tenant, 500)
    with tenant.enter():
        waiting = queries.list_statements(count=5_000)
        assert len(waiting) == 3_000
    started = perf_counter()
    with tenant.enter():
        outcomes = commands.review([ReviewRequest(one.statement_id, Decision.APPROVE, 5) for one in waiting])
    seconds = perf_counter() - started
    assert {one.status for one in outcomes} == {StatementStatus.PAYING}
    assert seconds < 30
    print(f"3,000 statements reviewed in {seconds:.2f} s")
    assert tenant.verify() == []


ROUNDS = 20
"""How often a control is tried until the race that it lets in has happened."""


def open_at_once(shop: Any) -> list[Any]:
    def open_one() -> int:
        with shop.enter():
            return int(open_policy(AUTOMATIC))

    return at_once([open_one] * 6)


def test_people_opening_the_same_policy_at_once_leave_one_open(tenant: Any) -> None:
    answers = open_at_once(tenant)
    assert all(isinstance(answer, int) for answer in answers), answers
    with tenant.enter():
        assert len(queries.list_policies()) == 1
        assert len(queries.list_policies(with_retired=True)) == 6


def test_the_control_opens_policies_without_the_lock(tenant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Other:
        """Another word each time, so nobody waits."""

        def __format__(self, spec: str) -> str:
            return uuid.uuid4().hex

    monkeypatch.setattr(policies, "LOCK", Other())
    assert any(isinstance(answer, IntegrityError) for _ in range(ROUNDS) for answer in open_at_once(tenant))


def set_at_once(shop: Any, payees: list[int]) -> list[Any]:
    def set_all(turn: int) -> str:
        ordered = payees if turn % 2 else payees[::-1]
        with shop.enter():
            commands.set_payee_accounts([PayeeAccount(one, "wechat_pay", f"account-{turn}", f"name-{turn}") for one in ordered])
        return "set"

    return at_once([lambda turn=turn: set_all(turn) for turn in range(6)])


def test_batches_of_payee_accounts_at_once_leave_one_account_each(tenant: Any) -> None:
    with tenant.enter():
        payees = make_distributors(5, account=False)
    assert set_at_once(tenant, payees) == ["set"] * 6
    with tenant.enter():
        rows = list(PayeeRow.objects.filter(distributor_id__in=payees))
    assert sorted(row.distributor_id for row in rows) == sorted(payees)
    assert len({(row.account, row.account_name) for row in rows}) == 1, "the later batch stands for all of them"


def test_the_control_sets_payee_accounts_with_a_plain_insert(tenant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = PayeeRow.objects.bulk_create
    monkeypatch.setattr(PayeeRow.objects, "bulk_create", lambda rows, ignore_conflicts: plain(rows))

    def once() -> list[Any]:
        with tenant.enter():
            payees = make_distributors(5, account=False)
        return set_at_once(tenant, payees)

    assert any(isinstance(answer, IntegrityError) for _ in range(ROUNDS) for answer in once())
