"""Refunds: never more than was captured, asked for once at the channel, booked once, in every order of events."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connections
from hypothesis import given
from hypothesis import strategies as st

from banyan.kernel import clock, sql
from banyan.kernel.events.models import OutboxEvent
from banyan.kernel.values.errors import Invalid
from banyan.treasury.ledger import queries as ledger
from banyan.treasury.ledger.types import AccountKind, AccountRef
from banyan.treasury.payments import commands, queries
from banyan.treasury.payments.commands import refunding, submitting
from banyan.treasury.payments.engine.refunds import Refundable, choose_payments
from banyan.treasury.payments.models import IncidentRow
from banyan.treasury.payments.tests.channel import AT, MemoryChannel
from banyan.treasury.payments.tests.test_capture import notice, told
from banyan.treasury.payments.types import (
    ChannelError,
    NewRefund,
    Payment,
    PaymentId,
    PaymentState,
    Refund,
    RefundNotice,
    RefundNoticeState,
    RefundResult,
    RefundState,
)

CLEARING = AccountRef(AccountKind.SALES_CLEARING)
DONE, FAILED = RefundNoticeState.COMPLETED, RefundNoticeState.FAILED


@pytest.fixture
def paid(tenant: Any, opened: Callable[..., Payment]) -> Callable[..., Payment]:
    """A function that gives a captured payment."""

    def make(order_id: int = 1, amount: int = 1000) -> Payment:
        payment = opened(order_id, amount)
        told(tenant, notice(payment, f"T{payment.payment_id}"))
        return payment

    return make


def ask(shop: Any, amount: int, key: str = "r", order_id: int = 1) -> Refund:
    with shop.enter():
        (refund_id,) = commands.request_refunds([NewRefund(order_id, amount, "why", key)])
        return queries.get_refund(refund_id)


def read(shop: Any, refund: Refund) -> Refund:
    with shop.enter():
        return queries.get_refund(refund.refund_id)


def left(shop: Any, order_id: int = 1) -> int:
    with shop.enter():
        return queries.reversible([order_id])[order_id]


def clearing(shop: Any) -> int:
    with shop.enter():
        return ledger.balances([CLEARING])[CLEARING]


def end(refund: Refund, state: RefundNoticeState, **other: Any) -> RefundNotice:
    said = {"amount_minor": refund.amount_minor, "currency": "CNY", "channel": refund.channel} | other
    return RefundNotice(out_refund_no=refund.out_refund_no, reference="R", state=state, completed_at=AT, **said)


def ended(shop: Any, *notices: RefundNotice) -> list[RefundResult]:
    with shop.enter():
        return [outcome.result for outcome in commands.complete_refunds(notices)]


def test_the_whole_way(tenant: Any, paid: Any, channel: MemoryChannel) -> None:
    payment = paid()
    refund = ask(tenant, 300)
    assert left(tenant) == 700
    assert clearing(tenant) == 1000  # nothing is booked before the channel has done it
    assert commands.submit_due_refunds(tenant.id) == 1
    assert read(tenant, refund).state is RefundState.COMPLETED
    assert clearing(tenant) == 700
    with tenant.enter():
        event = OutboxEvent.objects.get(kind="payments.refund_completed").payload
        assert (event["order_id"], event["amount_minor"], event["key"]) == (1, 300, "r")
        assert queries.get_payment(payment.payment_id).refunded_minor == 300
    assert commands.submit_due_refunds(tenant.id) == 0
    assert channel.count("refund") == 1
    assert tenant.verify(alone=True) == []


def test_keys_and_limits(tenant: Any, paid: Any) -> None:
    paid()
    first = ask(tenant, 600, "a")
    assert ask(tenant, 600, "a").refund_id == first.refund_id
    with pytest.raises(commands.RefundKeyReused):
        ask(tenant, 599, "a")
    with pytest.raises(commands.RefundTooLarge) as refusal:
        ask(tenant, 401, "b")
    assert refusal.value.details["reversible_minor"] == 400
    with pytest.raises(commands.NothingCaptured):
        ask(tenant, 1, "c", order_id=2)
    for amount in (0, -1):
        with pytest.raises(Invalid):
            ask(tenant, amount, "d")
    assert left(tenant) == 400
    assert ask(tenant, 400, "e").amount_minor == 400
    assert left(tenant) == 0
    assert tenant.verify(alone=True) == []


def test_an_open_payment_cannot_be_refunded(tenant: Any, opened: Any) -> None:
    opened()
    with pytest.raises(commands.NothingCaptured):
        ask(tenant, 1)


def _race(shop: Any, count: int) -> int:
    """So many ask at once for 600 of 1000; returns how many got it."""
    barrier, won = threading.Barrier(count), []

    def run(turn: int) -> None:
        try:
            barrier.wait(30)
            ask(shop, 600, f"k{turn}")
            won.append(turn)
        except (commands.RefundTooLarge, IntegrityError):
            pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(won)


def test_of_two_refunds_that_exceed_the_capture_one_is_refused_and_the_provider_called_once(
    tenant: Any, paid: Any, channel: MemoryChannel
) -> None:
    paid()
    assert _race(tenant, 12) == 1
    assert left(tenant) == 400
    while commands.submit_due_refunds(tenant.id):
        pass
    assert channel.count("refund") == 1
    assert tenant.verify(alone=True) == []


def test_the_control_without_lock_statement_and_check_refunds_too_much(
    tenant: Any, paid: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = paid()
    reading = threading.Barrier(8)

    def unlocked(order_ids: Any) -> list[Refundable]:
        query = (
            "SELECT id, order_id, channel, currency, amount_minor - refund_held_minor FROM payments_payments WHERE tenant_id = %s"
        )
        found = [Refundable(PaymentId(row[0]), *row[1:]) for row in sql.fetch(query, (tenant.id,))]
        reading.wait(30)
        return found

    def unguarded(held: dict[int, int]) -> int:
        query = "UPDATE payments_payments SET refund_held_minor = refund_held_minor + %s WHERE tenant_id = %s AND id = %s"
        return sum(sql.execute(query, (amount, tenant.id, payment_id)) for payment_id, amount in held.items())

    monkeypatch.setattr(refunding, "_lock_payments", unlocked)
    monkeypatch.setattr(refunding, "_hold", unguarded)
    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE payments_payments DROP CONSTRAINT refunds_within_captured")
        try:
            assert _race(tenant, 8) > 1
        finally:
            cursor.execute(
                "ALTER TABLE payments_payments ADD CONSTRAINT refunds_within_captured CHECK (refunded_minor >= 0"
                " AND refunded_minor <= refund_held_minor AND refund_held_minor <= amount_minor) NOT VALID"
            )
    with tenant.enter():
        assert queries.get_payment(payment.payment_id).reversible_minor < 0
    assert "payments.refunds" in {finding.check for finding in tenant.verify()}


def test_a_lost_answer_is_asked_for_and_never_refunded_twice(
    tenant: Any, paid: Any, channel: MemoryChannel, driven_clock: Any
) -> None:
    paid()
    refund = ask(tenant, 300)
    channel.losing = 1
    driven_clock(clock.now() + timedelta(days=400))
    commands.submit_due_refunds(tenant.id)
    assert read(tenant, refund).state is RefundState.UNKNOWN
    driven_clock(clock.now() + timedelta(minutes=5))
    commands.submit_due_refunds(tenant.id)
    assert read(tenant, refund).state is RefundState.COMPLETED
    assert (channel.count("refund"), channel.count("query_refund")) == (1, 1)
    assert tenant.verify(alone=True) == []


@pytest.mark.parametrize("moment", ["before the call", "after the call"])
def test_killed_around_the_call_it_is_refunded_once(
    tenant: Any, paid: Any, channel: MemoryChannel, driven_clock: Any, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    paid()
    refund = ask(tenant, 300)
    driven_clock(clock.now() + timedelta(days=400))

    def dies(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(submitting, "_call" if moment == "before the call" else "_record", dies)
        with pytest.raises(KeyboardInterrupt):
            commands.submit_due_refunds(tenant.id)
    assert read(tenant, refund).state is RefundState.SUBMITTING
    assert commands.submit_due_refunds(tenant.id) == 0  # the lease holds
    driven_clock(clock.now() + timedelta(minutes=3))
    commands.submit_due_refunds(tenant.id)
    assert read(tenant, refund).state is RefundState.COMPLETED
    assert channel.count("refund") == 1
    assert len(channel.refunds) == 1
    assert tenant.verify(alone=True) == []


def test_refused_for_good_frees_the_amount_and_is_pointed_out(tenant: Any, paid: Any, channel: MemoryChannel) -> None:
    paid()
    refund = ask(tenant, 1000)
    channel.refusing = True
    commands.submit_due_refunds(tenant.id)
    assert read(tenant, refund).state is RefundState.FAILED
    assert left(tenant) == 1000
    with tenant.enter():
        assert IncidentRow.objects.get().kind == "refund_failed"
        assert OutboxEvent.objects.filter(kind="payments.refund_failed").count() == 1
    assert tenant.verify(alone=True) == []


def test_a_question_that_is_refused_fails_no_refund(
    tenant: Any, paid: Any, channel: MemoryChannel, driven_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid()
    refund = ask(tenant, 300)
    driven_clock(clock.now() + timedelta(days=400))
    channel.losing = 1
    commands.submit_due_refunds(tenant.id)

    def refused(number: str) -> Any:
        raise ChannelError("no right to ask", permanent=True, code="NO_AUTH")

    monkeypatch.setattr(channel, "query_refund", refused)
    driven_clock(clock.now() + timedelta(hours=1))
    commands.submit_due_refunds(tenant.id)
    assert read(tenant, refund).state is RefundState.UNKNOWN
    assert left(tenant) == 700


def test_a_pending_refund_is_completed_by_its_notice_whoever_comes_first(tenant: Any, paid: Any, channel: MemoryChannel) -> None:
    paid()
    channel.pending = True
    slow, fast = ask(tenant, 100, "slow"), ask(tenant, 200, "fast")
    assert ended(tenant, end(fast, DONE)) == [RefundResult.COMPLETED]
    commands.submit_due_refunds(tenant.id)
    assert read(tenant, slow).state is RefundState.SUBMITTED
    assert read(tenant, fast).state is RefundState.COMPLETED
    assert ended(tenant, end(slow, DONE), end(slow, DONE), end(fast, DONE)) == [
        RefundResult.COMPLETED, RefundResult.REPEATED, RefundResult.REPEATED,
    ]  # fmt: skip
    assert clearing(tenant) == 700
    assert tenant.verify(alone=True) == []


def test_every_order_of_two_refunds_and_their_repetitions_ends_alike(tenant: Any, paid: Any) -> None:
    for turn, order in enumerate(itertools.permutations([0, 0, 1, 1])):
        paid(order_id=turn + 10)
        refunds = [ask(tenant, amount, f"{turn}:{amount}", turn + 10) for amount in (400, 600)]
        for which in order:
            ended(tenant, end(refunds[which], DONE))
        assert [read(tenant, refund).state for refund in refunds] == [RefundState.COMPLETED] * 2
        assert left(tenant, turn + 10) == 0
    assert clearing(tenant) == 0
    assert tenant.verify(alone=True) == []


def test_ten_notices_at_once_book_once(tenant: Any, paid: Any) -> None:
    paid()
    refund = ask(tenant, 1000)
    barrier = threading.Barrier(10)
    results: list[RefundResult] = []

    def run() -> None:
        try:
            barrier.wait(20)
            results.extend(ended(tenant, end(refund, DONE)))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["completed"] + ["repeated"] * 9
    assert clearing(tenant) == 0
    assert tenant.verify(alone=True) == []


def test_a_failed_refund_may_be_repaired_while_there_is_room(tenant: Any, paid: Any) -> None:
    paid()
    refund = ask(tenant, 700)
    assert ended(tenant, end(refund, FAILED), end(refund, FAILED)) == [RefundResult.FAILED, RefundResult.REPEATED]
    assert left(tenant) == 1000
    assert ended(tenant, end(refund, DONE)) == [RefundResult.COMPLETED]
    assert ended(tenant, end(refund, FAILED)) == [RefundResult.CONTRADICTION]
    other = ask(tenant, 300, "other")
    assert ended(tenant, end(other, FAILED)) == [RefundResult.FAILED]
    ask(tenant, 300, "instead")
    assert ended(tenant, end(other, DONE)) == [RefundResult.CONTRADICTION]  # its room is taken: for a person
    assert clearing(tenant) == 300
    assert tenant.verify(alone=True) == []


@pytest.mark.parametrize(
    ("other", "result"),
    [
        ({"amount_minor": 1}, RefundResult.WRONG_AMOUNT),
        ({"currency": "USD"}, RefundResult.WRONG_CURRENCY),
        ({"channel": "elsewhere"}, RefundResult.WRONG_CHANNEL),
    ],
)
def test_notices_that_do_not_fit_are_refused_and_kept(tenant: Any, paid: Any, other: Any, result: RefundResult) -> None:
    paid()
    refund = ask(tenant, 700)
    assert ended(tenant, end(refund, DONE, **other)) == [result]
    assert read(tenant, refund).state is RefundState.REQUESTED
    with tenant.enter():
        assert IncidentRow.objects.get().kind == result.value


# ── asking about payments ────────────────────────────────────────────────────────────────────────────


def test_a_payment_whose_notice_was_lost_is_found_by_asking(
    tenant: Any, opened: Any, channel: MemoryChannel, driven_clock: Any
) -> None:
    payment = opened()
    with tenant.enter():
        commands.open_at_channel(payment.payment_id, "payer")
    channel.paid[payment.out_trade_no] = "T7"
    assert commands.query_due(tenant.id) == 0  # its notice has five minutes
    driven_clock(clock.now() + timedelta(minutes=6))
    assert commands.query_due(tenant.id) == 1
    with tenant.enter():
        assert queries.get_payment(payment.payment_id).transaction_id == "T7"
    assert commands.query_due(tenant.id) == 0
    assert tenant.verify(alone=True) == []


def test_expired_and_unwanted_payments_are_closed_at_the_channel(
    tenant: Any, opened: Any, channel: MemoryChannel, driven_clock: Any
) -> None:
    expired, unwanted, never_opened = opened(order_id=1), opened(order_id=2), opened(order_id=3)
    with tenant.enter():
        for payment in (expired, unwanted):
            commands.open_at_channel(payment.payment_id)
        commands.close_payments([2])
    assert commands.query_due(tenant.id) == 1
    assert channel.closed == {unwanted.out_trade_no}
    driven_clock(clock.now() + timedelta(hours=3))
    commands.query_due(tenant.id)
    assert channel.closed == {unwanted.out_trade_no, expired.out_trade_no}
    with tenant.enter():
        states = {queries.get_payment(p.payment_id).state for p in (expired, unwanted, never_opened)}
        with pytest.raises(commands.PaymentNotOpen):
            commands.open_at_channel(expired.payment_id)
    assert states == {PaymentState.CLOSED}
    assert commands.query_due(tenant.id) == 0


def test_opening_says_what_the_channel_says(tenant: Any, opened: Any, channel: MemoryChannel) -> None:
    payment = opened()
    with tenant.enter():
        channel.refusing = True
        with pytest.raises(commands.ChannelDeclined):
            commands.open_at_channel(payment.payment_id)
        channel.refusing, channel.losing = False, 1
        with pytest.raises(commands.ChannelUnavailable):
            commands.open_at_channel(payment.payment_id)
        channel.unreachable = 1
        with pytest.raises(commands.ChannelUnavailable):
            commands.open_at_channel(payment.payment_id)
        assert commands.open_at_channel(payment.payment_id).values["package"].endswith(payment.out_trade_no)


# ── the choice itself ────────────────────────────────────────────────────────────────────────────────


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 50)), max_size=5),
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 40)), max_size=12),
)
def test_no_payment_ever_gives_more_than_it_has(payments: list[tuple[int, int]], wishes: list[tuple[int, int]]) -> None:
    refundables = [Refundable(PaymentId(n), order, "c", "CNY", amount) for n, (order, amount) in enumerate(payments)]
    asked = [NewRefund(order, amount, "", str(n)) for n, (order, amount) in enumerate(wishes)]
    chosen = choose_payments(refundables, asked)
    assert len(chosen) == len(asked)
    for payment in refundables:
        taken = sum(wish.amount_minor for wish, one in zip(asked, chosen, strict=True) if one is payment)
        assert taken <= payment.reversible_minor
    assert all(one is None or one.order_id == wish.order_id for wish, one in zip(asked, chosen, strict=True))
