"""Two refunds at once: only one gets what is left; with the guards switched off both would."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections

from banyan.kernel.values.errors import Refusal
from banyan.trade.returns import commands
from banyan.trade.returns.commands import requests, standing
from banyan.trade.returns.tests.making import ask, claim, deliver, place_paid
from banyan.trade.returns.types import Mode
from banyan.treasury.payments import queries as payments


def at_once(jobs: list[Callable[[], Any]]) -> list[Any]:
    """Run every job in a thread of its own, all started together; a refusal is an answer."""
    answers: list[Any] = [None] * len(jobs)
    start = threading.Barrier(len(jobs))

    def run(position: int) -> None:
        try:
            start.wait()
            answers[position] = jobs[position]()
        except Exception as error:  # what a test must see
            answers[position] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(position,)) for position in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def accept(shop: Any, return_id: Any) -> str:
    with shop.enter():
        (outcome,) = commands.accept([return_id])
        return outcome.refusal.code if outcome.refusal else "accepted"


def two_amounts(shop: Any) -> tuple[Any, list[Any]]:
    """Two approved refund-only returns of 60 % each, as if the second had not been refused at its beginning."""
    (order,) = place_paid(shop, [(1000, 1)])
    deliver(shop, [order])
    with shop.enter(), pytest.MonkeyPatch.context() as beginning:
        beginning.setattr(requests, "_judge_asked", lambda line, claim: None)
        found = [ask(claim(order, [(0, 0, 600)], Mode.REFUND_ONLY, key=f"amount-{i}")) for i in range(2)]
        commands.approve(found, 1)
    return order, found


def test_two_refunds_that_exceed_the_paid_amount_one_is_refused(tenant: Any) -> None:
    order, found = two_amounts(tenant)
    answers = at_once([lambda one=one: accept(tenant, one) for one in found])
    assert sorted(answers) == ["accepted", "refund_exceeds_paid"]
    with tenant.enter():
        assert [one.amount_minor for one in payments.list_refunds(order_id=order.order_id)] == [600]
    assert tenant.verify() == []


def test_the_same_return_accepted_by_eight_at_once_refunds_once(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 2)])
    deliver(tenant, [order])
    with tenant.enter():
        return_id = ask(claim(order, [(0, 0, 500)], Mode.REFUND_ONLY))
        commands.approve([return_id], 1)
    answers = at_once([lambda: accept(tenant, return_id)] * 8)
    assert sorted(answers) == ["accepted"] + ["return_status"] * 7
    with tenant.enter():
        assert len(payments.list_refunds(order_id=order.order_id)) == 1
    assert tenant.verify() == []


def test_eight_requests_for_the_latest_unit_one_gets_it(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 1)])
    deliver(tenant, [order])

    def request(number: int) -> str:
        with tenant.enter():
            (outcome,) = commands.request_returns([claim(order, [(0, 1, 0)], key=f"r{number}")])
            return outcome.refusal.code if outcome.refusal else "claimed"

    answers = at_once([lambda n=n: request(n) for n in range(8)])
    assert sorted(answers) == ["claimed"] + ["return_exceeds_sold"] * 7
    assert tenant.verify() == []


@pytest.mark.parametrize("guarded", [True, False])
def test_two_requests_ask_for_at_most_what_is_left(tenant: Any, monkeypatch: pytest.MonkeyPatch, guarded: bool) -> None:
    """60 % as an amount and the only unit: without the lock each sees that nobody else asks, and both begin."""
    (order,) = place_paid(tenant, [(1000, 1)])
    deliver(tenant, [order])
    with tenant.enter():
        standing.open_orders([order])  # or the second would wait for the first one's new rows
    if not guarded:
        meet = threading.Barrier(2)
        look = requests._add_asked

        def look_together(standings: Any) -> None:
            look(standings)
            meet.wait(timeout=20)

        monkeypatch.setattr(standing, "LOCK", "")
        monkeypatch.setattr(requests, "_add_asked", look_together)
    wishes = [claim(order, [(0, 0, 600)], Mode.REFUND_ONLY, key="amount"), claim(order, [(0, 1, 0)], key="unit")]

    def request(number: int) -> str:
        with tenant.enter():
            (outcome,) = commands.request_returns([wishes[number]])
            return outcome.refusal.code if outcome.refusal else "begun"

    answers = at_once([lambda n=n: request(n) for n in range(2)])
    assert sorted(answers) == (["begun", "return_asked_already"] if guarded else ["begun", "begun"])
    assert tenant.verify() == []


def test_the_same_request_by_eight_at_once_is_one_return(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 9)])
    deliver(tenant, [order])
    request = claim(order, [(0, 1, 0)], key="mine")

    def send() -> Any:
        with tenant.enter():
            return commands.request_returns([request])[0].return_id

    assert len(set(at_once([send] * 8))) == 1
    assert tenant.verify() == []


@contextmanager
def guards_off(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No lock, no conditions, no CHECKs; every writer has read before the first one writes."""
    monkeypatch.setattr(standing, "LOCK", "")
    monkeypatch.setattr(standing, "LINE_GUARD", "")
    monkeypatch.setattr(standing, "ORDER_GUARD", "")
    checks = [("returnable_orders", "returns_order_within_paid"), ("returnable_lines", "returns_line_within_paid")]
    with connections["owner"].cursor() as cursor:
        definitions = []
        for table, name in checks:
            cursor.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", [name])
            definitions.append(cursor.fetchone()[0])
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        try:
            yield
        finally:
            for (table, name), definition in zip(checks, definitions, strict=True):
                cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition} NOT VALID")


def test_negative_control_without_guards_both_refunds_are_booked(tenant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The race above is real: with the guards off this house refunds 120 %. (Payments' own guard is taken out of the way.)"""
    _, found = two_amounts(tenant)
    meet = threading.Barrier(2)
    book = standing.book_refunds

    def book_together(decisions: Any) -> None:
        chosen = list(decisions)
        meet.wait(timeout=20)
        book(chosen)

    monkeypatch.setattr("banyan.trade.returns.commands.acceptance.book_refunds", book_together)
    monkeypatch.setattr("banyan.trade.returns.commands.acceptance.payments.request_refunds", lambda wishes: [])
    with guards_off(monkeypatch):
        assert at_once([lambda one=one: accept(tenant, one) for one in found]) == ["accepted", "accepted"]
    with tenant.enter():
        from banyan.kernel import sql

        assert sql.fetch("SELECT refunded_minor, of_minor FROM returnable_lines") == [(1200, 1000)]
    assert {finding.check for finding in tenant.verify()} >= {"returns.refunds"}


def test_payments_guard_holds_even_if_ours_did_not(tenant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Defence in depth: with this house's guards off, payments refuses what exceeds the captured amount."""
    order, found = two_amounts(tenant)
    with guards_off(monkeypatch):
        monkeypatch.setattr("banyan.trade.returns.commands.acceptance.ExceedsPaid", Refusal)
        answers = at_once([lambda one=one: accept(tenant, one) for one in found])
    assert answers.count("accepted") == 1
    with tenant.enter():
        assert [one.amount_minor for one in payments.list_refunds(order_id=order.order_id)] == [600]
