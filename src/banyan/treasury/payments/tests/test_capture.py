"""Captures: once each, whatever order and repetition the notices come in; what does not fit is refused and kept."""

from __future__ import annotations

import dataclasses
import itertools
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from hypothesis import given
from hypothesis import strategies as st

from banyan.kernel import clock, sql
from banyan.kernel.events.models import OutboxEvent
from banyan.kernel.values.errors import Invalid
from banyan.treasury.ledger import queries as ledger
from banyan.treasury.ledger.types import AccountKind, AccountRef
from banyan.treasury.payments import commands, queries
from banyan.treasury.payments.commands import asking
from banyan.treasury.payments.engine.captures import KnownPayment, judge_captures
from banyan.treasury.payments.models import IncidentRow
from banyan.treasury.payments.tests.channel import AT, MemoryChannel
from banyan.treasury.payments.types import (
    CaptureNotice,
    CaptureResult,
    IncidentKind,
    NewPayment,
    Payment,
    PaymentId,
    PaymentState,
)

RECEIVABLE = AccountRef(AccountKind.CHANNEL_RECEIVABLE)
CLEARING = AccountRef(AccountKind.SALES_CLEARING)


def notice(payment: Payment, transaction: str = "T1", **other: Any) -> CaptureNotice:
    made = CaptureNotice(payment.channel, payment.out_trade_no, transaction, payment.amount_minor, payment.currency, AT)
    return dataclasses.replace(made, **other)


def told(shop: Any, *notices: CaptureNotice) -> list[CaptureResult]:
    with shop.enter():
        return [outcome.result for outcome in commands.capture(notices)]


def booked(shop: Any) -> tuple[int, int, int]:
    """Sales clearing, number of entries, number of PaymentCaptured events."""
    with shop.enter():
        events = OutboxEvent.objects.filter(kind="payments.payment_captured").count()
        return ledger.balances([CLEARING])[CLEARING], len(ledger.list_entries(limit=1000)), events


def incidents(shop: Any) -> dict[str, int]:
    with shop.enter():
        return dict(IncidentRow.objects.values_list("kind", "seen_count"))


def test_a_capture_is_booked_posted_and_told(tenant: Any, opened: Callable[..., Payment]) -> None:
    payment = opened()
    assert told(tenant, notice(payment)) == [CaptureResult.CAPTURED]
    with tenant.enter():
        read = queries.get_payment(payment.payment_id)
        assert (read.state, read.transaction_id, read.captured_at, read.reversible_minor) == (
            PaymentState.CAPTURED,
            "T1",
            AT,
            1000,
        )
        (entry,) = ledger.list_entries_for("payment", payment.payment_id)
        assert {(p.account, p.amount_minor) for p in entry.postings} == {(RECEIVABLE, 1000), (CLEARING, -1000)}
        event = OutboxEvent.objects.get(kind="payments.payment_captured").payload
    assert event == {
        "payment_id": payment.payment_id, "order_id": 1, "amount_minor": 1000, "currency": "CNY", "captured_at": AT.isoformat(),
    }  # fmt: skip
    assert tenant.verify(alone=True) == []


def test_repeated_notices_book_once_in_one_batch_and_over_many(tenant: Any, opened: Callable[..., Payment]) -> None:
    payment = opened()
    assert told(tenant, *[notice(payment)] * 3) == [CaptureResult.CAPTURED, CaptureResult.REPEATED, CaptureResult.REPEATED]
    for _ in range(5):
        assert told(tenant, notice(payment, captured_at=AT + timedelta(hours=1))) == [CaptureResult.REPEATED]
    assert booked(tenant) == (1000, 1, 1)
    assert incidents(tenant) == {}


def test_ten_at_once_from_ten_connections_book_once(tenant: Any, opened: Callable[..., Payment]) -> None:
    payments = [opened(order_id=n) for n in range(1, 4)]
    notices = [notice(p, f"T{p.order_id}") for p in payments]
    barrier = threading.Barrier(10)
    results: list[CaptureResult] = []

    def deliver(turn: int) -> None:
        try:
            barrier.wait(20)
            results.extend(told(tenant, *(notices if turn % 2 else notices[::-1])))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=deliver, args=(n,)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["captured"] * 3 + ["repeated"] * 27
    assert booked(tenant) == (3000, 3, 3)
    assert tenant.verify(alone=True) == []


@pytest.mark.parametrize(
    ("other", "result"),
    [
        ({"amount_minor": 999}, CaptureResult.WRONG_AMOUNT),
        ({"amount_minor": 1001}, CaptureResult.WRONG_AMOUNT),
        ({"currency": "USD"}, CaptureResult.WRONG_CURRENCY),
        ({"channel": "elsewhere"}, CaptureResult.WRONG_CHANNEL),
        ({"out_trade_no": "0" * 32}, CaptureResult.UNKNOWN_NUMBER),
        ({"transaction_id": ""}, CaptureResult.CONTRADICTION),
    ],
)
def test_what_does_not_fit_is_refused_and_kept_once(
    tenant: Any, opened: Callable[..., Payment], other: dict[str, Any], result: CaptureResult
) -> None:
    payment = opened()
    wrong = notice(payment, **other)
    assert told(tenant, wrong, wrong) == [result, result]
    assert told(tenant, wrong) == [result]
    assert booked(tenant) == (0, 0, 0)
    assert incidents(tenant) == {result.value: 3}
    assert told(tenant, notice(payment)) == [CaptureResult.CAPTURED]  # the good one still lands
    assert tenant.verify(alone=True) == []


def test_another_tenants_number_is_unknown_here(make_shop: Any, opened: Callable[..., Payment], tenant: Any) -> None:
    stranger = make_shop()
    assert told(stranger, notice(opened())) == [CaptureResult.UNKNOWN_NUMBER]
    assert booked(tenant) == (0, 0, 0)
    assert booked(stranger) == (0, 0, 0)
    assert incidents(stranger) == {"unknown_number": 1}


def test_one_transaction_pays_one_payment(tenant: Any, opened: Callable[..., Payment]) -> None:
    first, second = opened(order_id=1), opened(order_id=2)
    assert told(tenant, notice(first), notice(second)) == [CaptureResult.CAPTURED, CaptureResult.CONTRADICTION]
    assert told(tenant, notice(second)) == [CaptureResult.CONTRADICTION]
    assert told(tenant, notice(first, "T2")) == [CaptureResult.CONTRADICTION]
    assert booked(tenant) == (1000, 1, 1)


def test_money_for_a_closed_payment_lands_and_a_second_payment_is_pointed_out(
    tenant: Any, opened: Callable[..., Payment]
) -> None:
    first = opened(amount=1000)
    with tenant.enter():
        assert commands.close_payments([1]) == 1
        assert commands.close_payments([1]) == 0
    second = opened(amount=900)
    assert second.payment_id != first.payment_id
    assert told(tenant, notice(first, "T1")) == [CaptureResult.CAPTURED]
    assert incidents(tenant) == {}
    assert told(tenant, notice(second, "T2")) == [CaptureResult.CAPTURED]
    assert incidents(tenant) == {"paid_twice": 1}
    assert booked(tenant) == (1900, 2, 2)
    assert tenant.verify(alone=True) == []


def test_a_batch_of_thousands(tenant: Any, channel: MemoryChannel) -> None:
    with tenant.enter():
        ids = commands.open_payments([NewPayment(n, n, "CNY", channel.name) for n in range(1, 2001)])
        assert commands.open_payments([NewPayment(n, n, "CNY", channel.name) for n in range(1, 2001)]) == ids
        read = queries.list_payments_of(range(1, 2001))
    outcomes = told(tenant, *(notice(p, f"T{n}") for n, (p,) in read.items()))
    assert outcomes == [CaptureResult.CAPTURED] * 2000
    assert booked(tenant)[0] == 2000 * 2001 // 2


def test_opening_again_returns_the_same_and_other_terms_replace_it(tenant: Any, opened: Callable[..., Payment]) -> None:
    first = opened()
    assert opened().payment_id == first.payment_id
    other = opened(amount=1200)
    assert other.payment_id != first.payment_id
    assert told(tenant, notice(other)) == [CaptureResult.CAPTURED]
    assert opened(amount=5).payment_id == other.payment_id  # paid is paid
    with tenant.enter():
        assert [p.state for p in queries.list_payments(order_id=1)] == [PaymentState.CAPTURED, PaymentState.CLOSED]


def test_opening_at_once_gives_one_payment(tenant: Any, channel: MemoryChannel) -> None:
    barrier, found = threading.Barrier(8), []

    def run() -> None:
        try:
            barrier.wait(20)
            with tenant.enter():
                found.extend(commands.open_payments([NewPayment(n, 100, "CNY", channel.name) for n in (1, 2, 3)]))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 24
    assert len(set(found)) == 3


@pytest.mark.parametrize("bad", [{"amount": 0}, {"amount": -1}, {"amount": 10**13}, {"currency": "yuan"}, {"currency": ""}])
def test_bad_wishes_are_refused(tenant: Any, opened: Callable[..., Payment], bad: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        opened(**bad)


# ── the decision itself ──────────────────────────────────────────────────────────────────────────────

STATES = (PaymentState.PENDING, PaymentState.CLOSED)
KNOWN = {str(n): KnownPayment(PaymentId(n), n // 2, "c", STATES[n % 2], "", 10 * n, "CNY", False) for n in range(1, 6)}
NOTICES = st.lists(
    st.builds(
        CaptureNotice,
        st.sampled_from(["c", "d"]),
        st.sampled_from([*KNOWN, "x"]),
        st.sampled_from(["t1", "t2", "t3"]),
        st.sampled_from([10, 20, 30, 40, 50]),
        st.sampled_from(["CNY", "USD"]),
        st.just(AT),
    ),
    max_size=12,
)


@given(NOTICES)
def test_every_notice_has_an_outcome_and_every_refusal_an_incident(notices: list[CaptureNotice]) -> None:
    verdict = judge_captures(KNOWN, {}, notices)
    assert len(verdict.outcomes) == len(notices)
    refused = [o for o in verdict.outcomes if o.result.is_refused]
    assert len([i for i in verdict.incidents if i.kind is not IncidentKind.PAID_TWICE]) == len(refused)
    numbers = [booked_notice.out_trade_no for _, booked_notice in verdict.bookings]
    transactions = [booked_notice.transaction_id for _, booked_notice in verdict.bookings]
    assert len(set(numbers)) == len(numbers) == len(set(transactions))
    for payment, fitting in verdict.bookings:
        assert (payment.amount_minor, payment.currency, payment.channel) == (
            fitting.amount_minor, fitting.currency, fitting.channel,
        )  # fmt: skip


@given(st.integers(1, 5), st.integers(0, 3))
def test_the_order_and_repetition_of_good_notices_do_not_matter(count: int, repeats: int) -> None:
    good = [CaptureNotice("c", str(n), f"t{n}", 10 * n, "CNY", AT) for n in range(1, count + 1)]
    expected = set(judge_captures(KNOWN, {}, good).bookings)
    for order in itertools.permutations(good):
        assert set(judge_captures(KNOWN, {}, list(order) * (repeats + 1)).bookings) == expected


def test_what_is_due_is_read_from_its_index(tenant: Any) -> None:
    """The index is partial: its condition must say what the question says, or every round reads all payments."""
    with tenant.enter():
        sql.execute("SET LOCAL enable_seqscan = off")
        sql.execute("SET LOCAL enable_sort = off")
        plan = "\n".join(row[0] for row in sql.fetch(f"EXPLAIN {asking.DUE}", (tenant.id, clock.now(), 10)))
    assert "payment_due" in plan, plan


def test_what_a_person_writes_about_an_incident_is_audited(tenant: Any, opened: Callable[..., Payment]) -> None:
    payment = opened()
    wrong = notice(payment, amount_minor=1)
    told(tenant, wrong)
    told(tenant, wrong)
    with tenant.enter():
        incident = IncidentRow.objects.get()
        assert incident.seen_count == 2
    with tenant.enter("user:7"):
        commands.resolve_incident(incident.pk, "the channel's test notice")
    with tenant.enter():
        rows = sql.fetch("SELECT actor, after->>'resolution' FROM audit_entries WHERE table_name = 'payment_incidents'")
    assert rows == [("user:7", "the channel's test notice")], "that it was seen once more is no change by anybody"
