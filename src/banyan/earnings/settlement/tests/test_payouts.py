"""How payouts end, and what becomes of their statements: paid once, tried again as a new payout, or into the next statement."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from banyan.earnings.settlement import commands, queries
from banyan.earnings.settlement.tests.making import (
    AUTOMATIC,
    at_once,
    earn,
    make_distributors,
    open_all,
    open_policy,
    take_away,
)
from banyan.earnings.settlement.types import SourceKind, Statement, StatementStatus
from banyan.kernel import clock
from banyan.people.distributors import commands as distributors
from banyan.treasury.ledger import queries as ledger
from banyan.treasury.ledger.types import AccountKind, AccountRef, EntryKind
from banyan.treasury.payouts import commands as payouts
from banyan.treasury.payouts import queries as payout_queries
from banyan.treasury.payouts.types import ChannelPayoutState, Payout, PayoutNotice

APRIL, MAY = (datetime(2026, month, 1, tzinfo=UTC) - timedelta(hours=8) for month in (4, 5))
COMPLETED, FAILED, EXPIRED, RETURNED, CANCELLED, AWAITING = (
    ChannelPayoutState.COMPLETED,
    ChannelPayoutState.FAILED,
    ChannelPayoutState.EXPIRED,
    ChannelPayoutState.RETURNED,
    ChannelPayoutState.CANCELLED,
    ChannelPayoutState.AWAITING_CONFIRMATION,
)


@pytest.fixture
def paying(tenant: Any, driven_clock: Any) -> Any:
    """A distributor whose statement of ¥10.00 is being paid; two attempts are allowed."""
    driven_clock(APRIL - timedelta(days=20))
    with tenant.enter():
        open_policy(replace(AUTOMATIC, attempt_count=2))
        (payee,) = make_distributors()
        earn([(payee, 1_000)])
        driven_clock(APRIL)
        open_all()
    return tenant, payee


def latest(shop: Any, payee: int) -> Statement:
    with shop.enter():
        return queries.get_statement(queries.list_statements(distributor_id=payee)[0].statement_id)


def payouts_of(shop: Any, payee: int) -> list[Payout]:
    with shop.enter():
        return sorted(payout_queries.list_payouts(distributor_id=payee), key=lambda one: one.payout_id)


def notice(payout: Payout, state: ChannelPayoutState) -> PayoutNotice:
    return PayoutNotice(payout.channel, payout.out_bill_no, state, "ref", payout.amount_minor, payout.currency, clock.now())


def tell(shop: Any, payout: Payout, *states: ChannelPayoutState) -> None:
    """The channel says where the payout stands, one notice after the other."""
    for state in states:
        with shop.enter():
            payouts.record_results([notice(payout, state)])
        shop.drain()


def balance(shop: Any, payee: int, kind: AccountKind) -> int:
    with shop.enter():
        return ledger.balances([AccountRef(kind, payee)])[AccountRef(kind, payee)]


def pay_due(shop: Any) -> int:
    with shop.enter():
        return commands.pay_due(clock.now())


def test_completed_is_paid_once_however_often_it_is_said(paying: Any) -> None:
    shop, payee = paying
    (payout,) = payouts_of(shop, payee)

    def say() -> None:
        with shop.enter():
            payouts.record_results([notice(payout, COMPLETED)])

    assert set(at_once([say] * 10)) == {None}
    shop.drain()
    statement = latest(shop, payee)
    assert (statement.status, statement.paid_at, statement.payout_id) == (StatementStatus.PAID, clock.now(), payout.payout_id)
    assert pay_due(shop) == 0 and len(payouts_of(shop, payee)) == 1
    assert shop.verify() == []


def test_a_failed_payout_is_tried_again_as_a_new_one_and_then_waits_for_a_person(paying: Any) -> None:
    shop, payee = paying
    (first,) = payouts_of(shop, payee)
    tell(shop, first, EXPIRED, EXPIRED)
    assert latest(shop, payee).status is StatementStatus.PAYOUT_FAILED
    assert balance(shop, payee, AccountKind.DISTRIBUTOR_AVAILABLE) == 1_000
    assert shop.verify() == []
    assert pay_due(shop) == 1
    first, second = payouts_of(shop, payee)
    assert first.out_bill_no != second.out_bill_no
    assert (latest(shop, payee).status, latest(shop, payee).attempt) == (StatementStatus.PAYING, 2)
    tell(shop, first, FAILED)  # late news of the old payout change nothing
    assert latest(shop, payee).status is StatementStatus.PAYING
    tell(shop, second, FAILED)
    assert pay_due(shop) == 0, "the attempts that the policy allows are used up"
    with shop.enter():
        commands.retry_payout([latest(shop, payee).statement_id])
    assert pay_due(shop) == 1
    tell(shop, payouts_of(shop, payee)[2], COMPLETED)
    assert latest(shop, payee).status is StatementStatus.PAID
    with shop.enter():
        booked = [
            entry
            for entry in ledger.list_entries_for("statement", latest(shop, payee).statement_id)
            if entry.kind is EntryKind.STATEMENT_APPROVED
        ]
    assert len(booked) == 3
    assert balance(shop, payee, AccountKind.DISTRIBUTOR_AVAILABLE) == 0
    assert shop.verify() == []


def test_a_payout_that_a_person_took_back_waits_for_a_person(paying: Any) -> None:
    shop, payee = paying
    (payout,) = payouts_of(shop, payee)
    with shop.enter():
        payouts.cancel_payouts([payout.payout_id], "wrong account")
    shop.drain()
    statement = latest(shop, payee)
    assert (statement.status, statement.attempt) == (StatementStatus.PAYOUT_FAILED, 1)
    assert balance(shop, payee, AccountKind.DISTRIBUTOR_AVAILABLE) == 1_000
    assert pay_due(shop) == 0 and len(payouts_of(shop, payee)) == 1, "nobody said that it may be paid again"
    with shop.enter():
        commands.retry_payout([statement.statement_id])
    assert pay_due(shop) == 1
    assert len(payouts_of(shop, payee)) == 2
    tell(shop, payouts_of(shop, payee)[1], COMPLETED)
    assert latest(shop, payee).status is StatementStatus.PAID
    assert shop.verify() == []


@pytest.mark.parametrize("end", [CANCELLED, EXPIRED], ids=str)
def test_what_a_person_took_back_is_not_tried_again_however_it_ends(paying: Any, end: ChannelPayoutState) -> None:
    shop, payee = paying
    (payout,) = payouts_of(shop, payee)
    tell(shop, payout, AWAITING)
    with shop.enter():
        payouts.cancel_payouts([payout.payout_id], "wrong account")
    tell(shop, payout, end)
    assert pay_due(shop) == 0 and len(payouts_of(shop, payee)) == 1
    assert latest(shop, payee).status is StatementStatus.PAYOUT_FAILED


def test_what_was_taken_back_at_the_channel_is_not_tried_again(paying: Any) -> None:
    shop, payee = paying
    (payout,) = payouts_of(shop, payee)
    tell(shop, payout, AWAITING, CANCELLED)
    assert pay_due(shop) == 0 and len(payouts_of(shop, payee)) == 1


def test_what_a_freeze_asked_back_goes_on_when_it_ends(paying: Any) -> None:
    shop, payee = paying
    (payout,) = payouts_of(shop, payee)
    tell(shop, payout, AWAITING)
    with shop.enter():
        distributors.freeze([payee], "调查")  # type: ignore[list-item]
    shop.drain()
    tell(shop, payout, CANCELLED)
    with shop.enter():
        distributors.unfreeze([payee])  # type: ignore[list-item]
    shop.drain()
    assert pay_due(shop) == 1 and len(payouts_of(shop, payee)) == 2
    assert shop.verify() == []


def test_reversed_meanwhile_goes_into_the_next_statement_where_the_debt_is_netted(paying: Any, driven_clock: Any) -> None:
    shop, payee = paying
    (payout,) = payouts_of(shop, payee)
    with shop.enter():
        take_away(payee, 300)  # the money is on its way, so this is debt
    assert balance(shop, payee, AccountKind.DISTRIBUTOR_DEBT) == 300
    tell(shop, payout, FAILED)
    assert pay_due(shop) == 1
    returned = latest(shop, payee)
    assert (returned.status, returned.reason) == (StatementStatus.RETURNED, "reversed_meanwhile")
    assert shop.verify() == []
    driven_clock(MAY)
    with shop.enter():
        open_all()
    paid = latest(shop, payee)
    assert (paid.amount_minor, paid.status) == (700, StatementStatus.PAYING)
    assert [(line.source_kind, line.amount_minor) for line in paid.lines] == [
        (SourceKind.COMMISSION_REVERSED, -300),
        (SourceKind.RETURNED, 1_000),
    ]
    assert balance(shop, payee, AccountKind.DISTRIBUTOR_DEBT) == 0
    assert balance(shop, payee, AccountKind.DISTRIBUTOR_AVAILABLE) == 0
    assert shop.verify() == []


def test_money_that_comes_back_after_it_was_paid_is_restored_once(paying: Any, driven_clock: Any) -> None:
    shop, payee = paying
    (payout,) = payouts_of(shop, payee)
    tell(shop, payout, COMPLETED, RETURNED, RETURNED, COMPLETED)
    statement = latest(shop, payee)
    assert statement.status is StatementStatus.PAYOUT_FAILED
    assert balance(shop, payee, AccountKind.DISTRIBUTOR_AVAILABLE) == 1_000
    assert pay_due(shop) == 0, "a person decides about returned money"
    with shop.enter():
        commands.return_to_next([statement.statement_id], "户名不符")
        with pytest.raises(commands.StatementState):
            commands.retry_payout([statement.statement_id])
    assert shop.verify() == []
    driven_clock(MAY)
    with shop.enter():
        open_all()
    assert (latest(shop, payee).amount_minor, latest(shop, payee).status) == (1_000, StatementStatus.PAYING)
    assert shop.verify() == []


@pytest.mark.parametrize("order", list(permutations([ChannelPayoutState.PROCESSING, COMPLETED, RETURNED])), ids=str)
def test_news_in_any_order_end_alike(paying: Any, order: tuple[ChannelPayoutState, ...]) -> None:
    shop, payee = paying
    (payout,) = payouts_of(shop, payee)
    with shop.enter():
        for state in order:
            payouts.record_results([notice(payout, state)] * 2)
    shop.drain()
    assert latest(shop, payee).status is StatementStatus.PAYOUT_FAILED
    assert balance(shop, payee, AccountKind.DISTRIBUTOR_AVAILABLE) == 1_000
    assert shop.verify() == []


def test_a_freeze_between_failure_and_retry_keeps_the_money_payable(paying: Any, driven_clock: Any) -> None:
    shop, payee = paying
    (payout,) = payouts_of(shop, payee)
    tell(shop, payout, FAILED)
    with shop.enter():
        distributors.freeze([payee], "调查")  # type: ignore[list-item]
    shop.drain()
    assert pay_due(shop) == 1
    assert (latest(shop, payee).status, latest(shop, payee).reason) == (StatementStatus.APPROVED, "frozen")
    assert len(payouts_of(shop, payee)) == 1
    assert shop.verify() == []
    with shop.enter():
        distributors.unfreeze([payee])  # type: ignore[list-item]
    shop.drain()
    assert pay_due(shop) == 1
    tell(shop, payouts_of(shop, payee)[1], COMPLETED)
    assert latest(shop, payee).status is StatementStatus.PAID
    assert shop.verify() == []


def test_two_workers_paying_at_once_ask_for_one_payout(paying: Any) -> None:
    shop, payee = paying
    (payout,) = payouts_of(shop, payee)
    tell(shop, payout, FAILED)
    at_once([lambda: pay_due(shop)] * 4)
    assert len(payouts_of(shop, payee)) == 2
    assert shop.verify() == []
