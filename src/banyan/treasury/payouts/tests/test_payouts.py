"""Payouts against real PostgreSQL: promised once, paid once, whatever gets lost, repeated or reordered."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from banyan.kernel import clock, sql
from banyan.kernel.events.models import OutboxEvent
from banyan.kernel.values.errors import Invalid
from banyan.treasury.ledger import queries as ledger
from banyan.treasury.ledger.commands import InsufficientBalance
from banyan.treasury.ledger.models import APPLY_POSTINGS_FUNCTION, BALANCE_NOT_NEGATIVE
from banyan.treasury.ledger.types import AccountKind, AccountRef
from banyan.treasury.payments.models import IncidentRow
from banyan.treasury.payouts import commands, queries
from banyan.treasury.payouts.tests.channel import AT, MemoryPayoutChannel
from banyan.treasury.payouts.types import ChannelPayoutState, NewPayout, Payout, PayoutNotice, PayoutState, RecordResult

C = ChannelPayoutState


def payable(owner: int) -> AccountRef:
    return AccountRef(AccountKind.DISTRIBUTOR_PAYABLE, owner)


def available(owner: int) -> AccountRef:
    return AccountRef(AccountKind.DISTRIBUTOR_AVAILABLE, owner)


CLEARING = AccountRef(AccountKind.PAYOUT_CLEARING)
CASH = AccountRef(AccountKind.CHANNEL_CASH)


@pytest.fixture
def asked(tenant: Any, channel: MemoryPayoutChannel, owed: Callable[..., None]) -> Callable[..., Payout]:
    """A function that makes an amount payable and asks for its payout."""

    def make(distributor_id: int = 7, amount: int = 500, key: str = "s1/1") -> Payout:
        owed(distributor_id, amount)
        with tenant.enter():
            wish = NewPayout(distributor_id, amount, "CNY", channel.name, "openid-secret", 1, key, "张三")
            (payout_id,) = commands.request_payouts([wish])
            return queries.get_payout(payout_id)

    return make


def notice(payout: Payout, state: C, minutes: int = 5, **other: Any) -> PayoutNotice:
    told = {"amount_minor": payout.amount_minor, "currency": "CNY"} | other
    return PayoutNotice(payout.channel, payout.out_bill_no, state, "W1", occurred_at=AT + timedelta(minutes=minutes), **told)


def told(shop: Any, *notices: PayoutNotice) -> list[RecordResult]:
    with shop.enter():
        return [outcome.result for outcome in commands.record_results(notices)]


def read(shop: Any, payout: Payout) -> Payout:
    with shop.enter():
        return queries.get_payout(payout.payout_id)


def money(shop: Any, owner: int = 7) -> tuple[int, int, int, int]:
    """Payable, available, clearing, cash paid out."""
    refs = [payable(owner), available(owner), CLEARING, CASH]
    with shop.enter():
        found = ledger.balances(refs)
    return found[refs[0]], found[refs[1]], found[refs[2]], -found[refs[3]]


def later(set_clock: Callable[[datetime], None], **by: int) -> None:
    set_clock(clock.now() + timedelta(**by))


def test_the_whole_way_with_confirmation(tenant: Any, asked: Any, channel: MemoryPayoutChannel) -> None:
    payout = asked()
    assert money(tenant) == (0, 0, 500, 0)
    assert commands.submit_due(tenant.id).submitted == 1
    order = channel.orders[payout.out_bill_no]
    assert (order.amount_minor, order.account, order.account_name) == (500, "openid-secret", "张三")
    waiting = read(tenant, payout)
    assert waiting.state is PayoutState.AWAITING_CONFIRMATION
    assert waiting.confirm_by == AT + timedelta(hours=24)
    with tenant.enter():
        assert queries.get_confirm_package(payout.payout_id, 7) == f"package-{payout.out_bill_no}"
        with pytest.raises(queries.PayoutNotFound):
            queries.get_confirm_package(payout.payout_id, 8)
    assert told(tenant, notice(payout, C.COMPLETED)) == [RecordResult.RECORDED]
    assert money(tenant) == (0, 0, 0, 500)
    with tenant.enter(), pytest.raises(queries.NothingToConfirm):
        queries.get_confirm_package(payout.payout_id, 7)
    with tenant.enter():
        kinds = list(OutboxEvent.objects.filter(kind__startswith="payouts").order_by("id").values_list("kind", flat=True))
    assert kinds == ["payouts.payout_awaits_confirmation", "payouts.payout_completed"]
    assert channel.count("submit") == 1
    assert commands.submit_due(tenant.id).total == 0
    assert tenant.verify() == []


def test_the_account_is_sealed_and_not_in_the_audit_log(tenant: Any, asked: Any) -> None:
    asked()
    commands.submit_due(tenant.id)
    with tenant.enter():
        stored = sql.fetch("SELECT account, account_name FROM payouts_payouts WHERE tenant_id = %s", (tenant.id,))[0]
        assert not any(b"openid" in bytes(part) or "张三".encode() in bytes(part) for part in stored)
        log = sql.fetch("SELECT before::text || after::text FROM audit_entries WHERE table_name = 'payouts_payouts'")
        assert log
        assert not any("account" in row[0] or "package" in row[0] for row in log)


def test_the_same_key_is_one_payout_and_other_content_is_refused(tenant: Any, asked: Any, channel: MemoryPayoutChannel) -> None:
    payout = asked()
    with tenant.enter():
        wish = NewPayout(7, 500, "CNY", channel.name, "openid-secret", 1, "s1/1", "张三")
        assert commands.request_payouts([wish, wish]) == [payout.payout_id] * 2
    for other in (NewPayout(7, 499, "CNY", channel.name, "x", 1, "s1/1"), NewPayout(8, 500, "CNY", channel.name, "x", 1, "s1/1")):
        with tenant.enter(), pytest.raises(commands.PayoutKeyReused):
            commands.request_payouts([other])
    assert money(tenant) == (0, 0, 500, 0)


@pytest.mark.parametrize("bad", [{"amount_minor": 0}, {"amount_minor": -5}, {"account": ""}, {"key": ""}, {"channel": "No!"}])
def test_bad_wishes_are_refused(tenant: Any, owed: Any, channel: MemoryPayoutChannel, bad: dict[str, Any]) -> None:
    owed(7, 100)
    wish = {"distributor_id": 7, "amount_minor": 5, "currency": "CNY", "channel": channel.name, "account": "o", "statement_id": 1}
    with tenant.enter(), pytest.raises(Invalid):
        commands.request_payouts([NewPayout(**({**wish, "key": "k"} | bad))])
    assert money(tenant) == (100, 0, 0, 0)


def _twenty_withdrawals(shop: Any, channel: MemoryPayoutChannel, ask: Callable[[int], None]) -> int:
    """Twenty at once take the whole balance; returns how many got it."""
    barrier, won = threading.Barrier(20), []

    def run(turn: int) -> None:
        try:
            barrier.wait(30)
            ask(turn)
            won.append(turn)
        except InsufficientBalance:
            pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(won)


def _withdraw(shop: Any, channel: MemoryPayoutChannel) -> Callable[[int], None]:
    def ask(turn: int) -> None:
        with shop.enter():
            commands.request_payouts([NewPayout(7, 1000, "CNY", channel.name, "o", 1, f"k{turn}")])

    return ask


def test_of_twenty_withdrawals_of_a_full_balance_one_wins(tenant: Any, owed: Any, channel: MemoryPayoutChannel) -> None:
    owed(7, 1000)
    assert _twenty_withdrawals(tenant, channel, _withdraw(tenant, channel)) == 1
    assert money(tenant) == (0, 0, 1000, 0)
    assert tenant.verify() == []


def test_the_control_without_the_guard_pays_more_than_once(tenant: Any, owed: Any, channel: MemoryPayoutChannel) -> None:
    """The same race with the guard switched off: several win, and verify says so."""
    owed(7, 1000)
    unguarded = APPLY_POSTINGS_FUNCTION.replace("WHERE b.balance_minor + d.delta < 0", "WHERE false")
    assert unguarded != APPLY_POSTINGS_FUNCTION
    with connections["owner"].cursor() as cursor:
        cursor.execute(unguarded)
        cursor.execute(f"ALTER TABLE ledger_balances DROP CONSTRAINT {BALANCE_NOT_NEGATIVE}")
        try:
            won = _twenty_withdrawals(tenant, channel, _withdraw(tenant, channel))
        finally:
            cursor.execute(APPLY_POSTINGS_FUNCTION)
            check = "CHECK (balance_minor >= 0) NOT VALID"
            cursor.execute(f"ALTER TABLE ledger_balances ADD CONSTRAINT {BALANCE_NOT_NEGATIVE} {check}")
    assert won > 1
    assert money(tenant)[0] == 1000 - won * 1000
    assert "ledger.balances" in {finding.check for finding in tenant.verify()}


def test_a_lost_answer_is_asked_for_and_never_paid_twice(
    tenant: Any, asked: Any, channel: MemoryPayoutChannel, driven_clock: Any
) -> None:
    payout = asked()
    channel.losing, channel.first = 1, C.COMPLETED
    assert commands.submit_due(tenant.id).unknown == 1
    assert read(tenant, payout).state is PayoutState.UNKNOWN
    assert money(tenant) == (0, 0, 500, 0)
    later(driven_clock, minutes=3)
    channel.losing = 1
    assert commands.submit_due(tenant.id).unknown == 1
    later(driven_clock, minutes=30)
    assert commands.submit_due(tenant.id).submitted == 1
    assert read(tenant, payout).state is PayoutState.COMPLETED
    assert (channel.count("submit"), channel.count("query")) == (1, 2)
    assert money(tenant) == (0, 0, 0, 500)
    assert tenant.verify() == []


def test_a_lost_question_is_asked_again_under_the_same_number(
    tenant: Any, asked: Any, channel: MemoryPayoutChannel, driven_clock: Any
) -> None:
    payout = asked()
    channel.unreachable = 2
    commands.submit_due(tenant.id)
    assert read(tenant, payout).state is PayoutState.REQUESTED
    for _ in range(3):
        later(driven_clock, hours=2)
        commands.submit_due(tenant.id)
    assert read(tenant, payout).state is PayoutState.AWAITING_CONFIRMATION
    assert {number for _, number in channel.calls} == {payout.out_bill_no}


def test_killed_between_call_and_record_the_next_one_asks_first(
    tenant: Any, asked: Any, channel: MemoryPayoutChannel, driven_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    payout = asked()
    from banyan.treasury.payouts.commands import submitting

    def dies(answers: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(submitting, "_record", dies)
        with pytest.raises(KeyboardInterrupt):
            commands.submit_due(tenant.id)
    assert read(tenant, payout).state is PayoutState.SUBMITTING
    assert commands.submit_due(tenant.id).total == 0  # the lease holds
    later(driven_clock, minutes=3)
    commands.submit_due(tenant.id)
    assert read(tenant, payout).state is PayoutState.AWAITING_CONFIRMATION
    # It asks first; then the lost package is fetched under the same number, which at the channel is the same transfer.
    assert (channel.count("submit"), channel.count("query")) == (2, 1)
    assert list(channel.bills) == [read(tenant, payout).out_bill_no]
    assert tenant.verify() == []


def test_two_workers_at_once_submit_each_payout_once(tenant: Any, asked: Any, channel: MemoryPayoutChannel) -> None:
    for number in range(12):
        asked(distributor_id=number + 1, key=f"k{number}")

    def run() -> None:
        try:
            while commands.submit_due(tenant.id, limit=3, concurrency=2).total:
                pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for verb, number in channel.calls if verb == "submit") == sorted(channel.bills)
    assert len(channel.bills) == 12


def test_refused_for_good_restores_the_balance(tenant: Any, asked: Any, channel: MemoryPayoutChannel) -> None:
    payout = asked()
    channel.refusing = True
    assert commands.submit_due(tenant.id).failed == 1
    ended = read(tenant, payout)
    assert (ended.state, ended.failure_code) == (PayoutState.FAILED, "INVALID_ACCOUNT")
    assert money(tenant) == (0, 500, 0, 0)
    assert tenant.verify() == []


def test_a_refused_repetition_of_a_lost_success_is_not_believed(
    tenant: Any, asked: Any, channel: MemoryPayoutChannel, driven_clock: Any
) -> None:
    """The first call was lost after it was done, the channel's list is late, and the repetition is refused as a duplicate."""
    payout = asked()
    channel.losing = 1
    commands.submit_due(tenant.id)
    hidden = channel.bills.pop(payout.out_bill_no)
    later(driven_clock, minutes=3)

    def refused(order: Any) -> Any:
        channel.bills[order.out_bill_no] = hidden
        from banyan.treasury.payouts.ports import ChannelError

        raise ChannelError("duplicate", permanent=True, code="ALREADY_EXISTS")

    channel.submit = refused  # type: ignore[method-assign]
    commands.submit_due(tenant.id)
    assert read(tenant, payout).state is PayoutState.AWAITING_CONFIRMATION
    assert money(tenant) == (0, 0, 500, 0)


def test_a_broken_adapter_is_unknown_and_pointed_out(tenant: Any, asked: Any, channel: MemoryPayoutChannel) -> None:
    payout = asked()
    channel.broken = True
    assert commands.submit_due(tenant.id).unknown == 1
    assert read(tenant, payout).state is PayoutState.UNKNOWN
    with tenant.enter():
        assert IncidentRow.objects.get().kind == "adapter_defect"


@pytest.mark.parametrize(
    ("story", "state", "expected"),
    [
        ((C.AWAITING_CONFIRMATION, C.COMPLETED), PayoutState.COMPLETED, (0, 0, 0, 500)),
        ((C.PROCESSING, C.COMPLETED, C.RETURNED), PayoutState.RETURNED, (0, 500, 0, 0)),
        ((C.AWAITING_CONFIRMATION, C.EXPIRED), PayoutState.EXPIRED, (0, 500, 0, 0)),
        ((C.PROCESSING, C.FAILED), PayoutState.FAILED, (0, 500, 0, 0)),
    ],
)
def test_notices_in_every_order_end_alike(
    tenant: Any, asked: Any, story: tuple[C, ...], state: PayoutState, expected: tuple[int, ...]
) -> None:
    orders = list(itertools.permutations(enumerate(story)))
    for turn, order in enumerate(orders):
        payout = asked(distributor_id=turn + 1, key=f"k{turn}")
        for minute, one in order:
            told(tenant, notice(payout, one, minute), notice(payout, one, minute))
        assert read(tenant, payout).state is state
        assert money(tenant, turn + 1)[:2] == expected[:2]
    assert money(tenant)[2:] == tuple(part * len(orders) for part in expected[2:])
    assert tenant.verify() == []


def test_each_notice_ten_times_in_parallel_is_one_set_of_postings(tenant: Any, asked: Any) -> None:
    payouts = [asked(distributor_id=n, key=f"k{n}") for n in (1, 2, 3)]
    barrier = threading.Barrier(10)

    def run(turn: int) -> None:
        try:
            barrier.wait(20)
            for payout in payouts if turn % 2 else payouts[::-1]:
                states = (C.COMPLETED, C.RETURNED) if turn % 3 else (C.RETURNED, C.COMPLETED)
                told(tenant, *(notice(payout, state) for state in states))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for payout in payouts:
        assert read(tenant, payout).state is PayoutState.RETURNED
        assert money(tenant, payout.distributor_id) == (0, 500, 0, 0)
        with tenant.enter():
            assert len(ledger.list_entries_for("payout", payout.payout_id)) == 3
    assert tenant.verify() == []


def test_notices_that_do_not_fit_change_nothing_and_are_kept(tenant: Any, asked: Any, make_shop: Any) -> None:
    payout = asked()
    assert told(tenant, notice(payout, C.COMPLETED, amount_minor=501)) == [RecordResult.WRONG_AMOUNT]
    assert told(tenant, notice(payout, C.COMPLETED, currency="USD")) == [RecordResult.WRONG_AMOUNT]
    assert told(make_shop(), notice(payout, C.COMPLETED)) == [RecordResult.UNKNOWN_NUMBER]
    assert money(tenant) == (0, 0, 500, 0)
    assert told(tenant, notice(payout, C.FAILED), notice(payout, C.COMPLETED)) == [
        RecordResult.RECORDED,
        RecordResult.CONTRADICTION,
    ]
    assert money(tenant) == (0, 500, 0, 0)
    with tenant.enter():
        assert sorted(IncidentRow.objects.values_list("kind", flat=True)) == ["contradiction", "wrong_amount", "wrong_amount"]


def test_cancelling_before_and_after_the_channel_knows(tenant: Any, asked: Any, channel: MemoryPayoutChannel) -> None:
    early = asked(key="early")
    with tenant.enter():
        assert commands.cancel_payouts([early.payout_id], "mistake") == 1
    assert read(tenant, early).state is PayoutState.CANCELLED
    late = asked(key="late")
    commands.submit_due(tenant.id)
    with tenant.enter():
        assert commands.cancel_payouts([late.payout_id], "mistake") == 1
    commands.submit_due(tenant.id)
    assert read(tenant, late).state is PayoutState.CANCELLED
    assert money(tenant) == (0, 1000, 0, 0)
    assert channel.count("cancel") == 1
    told_after = asked(key="paid")
    told(tenant, notice(told_after, C.COMPLETED))
    with tenant.enter(), pytest.raises(commands.PayoutEnded):
        commands.cancel_payouts([told_after.payout_id], "too late")
    assert tenant.verify() == []
