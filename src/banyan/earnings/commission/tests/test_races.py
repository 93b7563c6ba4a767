"""Two at once, on real threads: one set of commissions, and money that adds up whoever comes first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connections

from banyan.earnings.commission import commands
from banyan.earnings.commission.commands import accrual, closing, hold, reversal, truing_up, turns
from banyan.earnings.commission.tests.shopfront import DOCUMENT, T0, Sales
from banyan.earnings.commission.tests.test_closing import APRIL, BAND, BONUS, everybody_stands, plan, sell
from banyan.earnings.commission.types import Cause, ReturnedLine, Takeback
from banyan.kernel import clock, sql
from banyan.treasury.ledger.types import AccountKind

__all__ = ["everybody_stands"]
AVAILABLE, PENDING = AccountKind.DISTRIBUTOR_AVAILABLE, AccountKind.DISTRIBUTOR_PENDING


def at_once(shop: Any, *acts: Callable[[], object]) -> None:
    """Run each act in its own thread and transaction, all starting together; the first error is raised."""
    barrier, errors = threading.Barrier(len(acts)), []

    def run(act: Callable[[], object]) -> None:
        try:
            with shop.enter():
                sql.fetch("SELECT 1")
                barrier.wait(10)
                act()
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    if errors:
        raise errors[0]


def test_accrued_by_eight_at_once_there_is_one_set(sales: Sales) -> None:
    sales.publish()
    orders = [sales.sell(10000) for _ in range(20)]
    mixed = [orders[turn:] + orders[:turn] for turn in range(8)]
    at_once(sales.shop, *[lambda batch=batch: commands.accrue(batch) for batch in mixed])
    assert sales.count("commission_commissions") == 60
    assert [sales.balance(distributor) for distributor in (1, 2, 3)] == [20000, 10000, 4000]
    assert sales.shop.verify(alone=True) == []


def test_without_the_row_of_the_order_the_database_still_refuses_a_second_set(
    sales: Sales, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: with the guard on the order's row switched off, the unique line-payee-rule catches the double."""
    from django.db import IntegrityError

    sales.publish()
    order = sales.sell(10000)
    with sales.shop.enter():
        commands.accrue([order])
    real_insert = sql.insert

    def unguarded(model: Any, columns: Any, rows: Any, **how: Any) -> Any:
        if how.get("returning") == "id" and model.__name__ == "AccrualRow":
            return [(row[0],) for row in rows]
        return real_insert(model, columns, rows, **how)

    monkeypatch.setattr("banyan.earnings.commission.commands.accrual.sql.insert", unguarded)
    with pytest.raises(IntegrityError, match="one_commission_per_line_payee_rule"), sales.shop.enter():
        commands.accrue([order])


@pytest.mark.parametrize("turn", range(6))
def test_release_and_return_at_once(sales: Sales, driven_clock: Callable[[datetime], None], turn: int) -> None:
    sales.publish()
    orders = [sales.sell(10000) for _ in range(5)]
    with sales.shop.enter():
        commands.accrue(orders)
        commands.mark_received([(order, T0) for order in orders])
    driven_clock(T0 + timedelta(days=7))
    now = clock.now()
    backs = [
        Takeback(Cause.RETURN, 100 + number, order, (ReturnedLine(sales.lines(order)[0], 5000, 10000),), now)
        for number, order in enumerate(orders)
    ]
    acts: list[Callable[[], object]] = [
        lambda: commands.release_due(now, 3),
        lambda: commands.reverse(backs),
        lambda: commands.release_due(now, 3),
        lambda: commands.reverse(list(reversed(backs))),
    ]
    at_once(sales.shop, *acts[turn % 4 :], *acts[: turn % 4])
    with sales.shop.enter():
        while commands.release_due(now, 10):
            pass
    assert [sales.balance(distributor, AVAILABLE) for distributor in (1, 2, 3)] == [2500, 1250, 500]
    assert [sales.balance(distributor, PENDING) for distributor in (1, 2, 3)] == [0, 0, 0]
    assert [sales.balance(distributor, AccountKind.DISTRIBUTOR_DEBT) for distributor in (1, 2, 3)] == [0, 0, 0]
    assert sales.count("commission_reversals") == 15
    assert sales.shop.verify(alone=True) == []


def test_partial_returns_of_one_line_at_once_sum_to_the_one_shot(sales: Sales) -> None:
    sales.publish()
    order = sales.sell(9999)
    with sales.shop.enter():
        commands.accrue([order])
    line, now = sales.lines(order)[0], clock.now()
    backs = [Takeback(Cause.RETURN, 100 + number, order, (ReturnedLine(line, 1111, 9999),), now) for number in range(9)]
    at_once(sales.shop, *[lambda back=back: commands.reverse([back]) for back in backs])
    assert [sales.balance(distributor) for distributor in (1, 2, 3)] == [0, 0, 0]
    assert sales.shop.verify(alone=True) == []


BUDGET: dict[str, Any] = {
    **DOCUMENT,
    "caps": {"total_bp": 2500, "budget_minor": 2500},
    "rules": [{"key": "seller", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 1000}}],
}


def test_batches_at_once_never_spend_a_budget_twice(sales: Sales) -> None:
    sales.publish(BUDGET)
    orders = [sales.sell(10_000) for _ in range(8)]
    at_once(sales.shop, *[lambda order=order: commands.accrue([order]) for order in orders])
    assert sales.balance(1) == 2500
    assert sales.shop.verify(alone=True) == []


def test_without_the_turns_two_batches_spend_the_same_rest(sales: Sales, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: nobody waits for his turn, and both read the budget before either has written."""
    sales.publish(BUDGET)
    orders = [sales.sell(20_000) for _ in range(2)]
    both_have_read = threading.Barrier(2)
    told = "banyan.earnings.commission.commands.accrual"
    real = accrual.take_turns

    def unguarded(turns: Any) -> Any:
        decided = real(turns)
        both_have_read.wait(10)
        return decided

    monkeypatch.setattr("banyan.earnings.commission.commands.turns.lock_accrual", lambda: None)
    monkeypatch.setattr(f"{told}.take_turns", unguarded)
    at_once(sales.shop, *[lambda order=order: commands.accrue([order]) for order in orders])
    assert sales.balance(1) == 4000


def beside_a_return(
    sales: Sales,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[], object],
    step: tuple[Any, str],
    *backs: Takeback,
    waits: bool = True,
) -> None:
    """Both go through, though the return comes in when the act has taken the step for the first time. `waits`: for the act."""
    (place, name), others = step, list[Future[Any]]()
    real = getattr(place, name)

    def taken(*args: Any) -> Any:
        found = real(*args)
        if not others:
            others.append(sales.shop.beside(lambda: commands.reverse(backs)))
            assert others[0].done() is not waits
        return found

    monkeypatch.setattr(place, name, taken)
    try:
        with sales.shop.enter():
            act()
    finally:
        wait(others)
    others[0].result()
    assert sales.shop.verify(alone=True) == []


def close_all() -> None:
    while commands.close_due(APRIL + timedelta(hours=2)):
        pass


def test_a_close_that_has_nothing_to_do_waits_for_nobody(sales: Sales) -> None:
    sales.publish(plan(BAND))
    sell(sales, 9_000)
    with sales.shop.enter():
        turns.beside_close()
        turns.lock_accrual()
        other = sales.shop.beside(lambda: commands.close_due(APRIL))
        assert other.done() and other.result() == 0
        other = sales.shop.beside(lambda: commands.close_due(APRIL + timedelta(hours=2)))
        assert not other.done()
    assert other.result() == 1


def test_a_return_beside_a_close_in_pieces_waits_and_nobody_is_turned_away(sales: Sales, monkeypatch: pytest.MonkeyPatch) -> None:
    """The close has raised the first order when the second one's return comes: both want the account and the second order."""
    sales.publish(plan(BAND))
    _, second = sell(sales, 9_000, 6_000)
    monkeypatch.setattr("banyan.earnings.commission.queries.closings.PIECE", 1)
    back = Takeback(Cause.RETURN, 1, second, (ReturnedLine(sales.lines(second)[0], 6_000, 6_000),), APRIL)
    beside_a_return(sales, monkeypatch, close_all, (truing_up, "_adjust"), back)
    assert sales.balance(1) == 720


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "without the lock"])
def test_a_return_that_is_told_before_its_payment_waits_for_a_close_beside_it(
    sales: Sales, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """The close has its turn and wants all orders of the month; the return has one of them and wants a turn to accrue another."""
    sales.publish(plan(BAND))
    (known,) = sell(sales, 9_000)
    unknown = sales.sell(6_000, paid_at=T0 + timedelta(hours=3))
    lines = [ReturnedLine(sales.lines(each)[0], 1_000, of) for each, of in ((known, 9_000), (unknown, 6_000))]
    backs = [Takeback(Cause.RETURN, 1, known, (lines[0],), APRIL), Takeback(Cause.RETURN, 2, unknown, (lines[1],), APRIL)]
    if not guarded:
        for name in ("beside_close", "lock_accrual"):
            monkeypatch.setattr(reversal, name, lambda: None)
    with nullcontext() if guarded else pytest.raises(OperationalError, match="deadlock"):
        beside_a_return(sales, monkeypatch, close_all, (closing, "count_figures"), *backs)


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "without the lock"])
def test_a_return_of_another_plans_order_beside_a_close_in_pieces_is_not_turned_away(
    sales: Sales, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """The close raises 2 and then 1; the return of an order of the plan before takes from 1 and from 2."""
    sales.publish()
    (other,) = sell(sales, 1_000, upline=(1, 2))
    with clock.driven(T0 + timedelta(minutes=30)):
        sales.publish(plan(BAND))
    orders = [sales.sell(12_000, upline=(each,), paid_at=T0 + timedelta(hours=1 + each % 2)) for each in (2, 1)]
    with sales.shop.enter():
        commands.accrue(orders)
    monkeypatch.setattr("banyan.earnings.commission.queries.closings.PIECE", 1)
    back = Takeback(Cause.RETURN, 1, other, (ReturnedLine(sales.lines(other)[0], 1_000, 1_000),), APRIL)
    if not guarded:
        monkeypatch.setattr(reversal, "beside_close", lambda: None)
    with nullcontext() if guarded else pytest.raises(OperationalError, match="deadlock"):
        beside_a_return(sales, monkeypatch, close_all, (truing_up, "_adjust"), back)
    assert [sales.balance(each) for each in (1, 2)] == [960, 960] or not guarded


def test_a_return_waits_for_a_receipt_beside_it_that_is_told_before_its_payment(
    sales: Sales, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receipt accrues one order and wants the other; the return has the other and wants the account."""
    sales.publish()
    (known,) = sell(sales, 10_000)
    unknown = sales.sell(10_000)
    back = Takeback(Cause.RETURN, 1, known, (ReturnedLine(sales.lines(known)[0], 10_000, 10_000),), T0)
    beside_a_return(sales, monkeypatch, lambda: commands.mark_received([(known, T0), (unknown, T0)]), (hold, "accrue"), back)
    assert sales.balance(1) == 1_000


def test_a_reward_that_rises_and_one_that_falls_move_beside_a_return_in_one_order(
    sales: Sales, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At midnight 2 gains and 1 loses; the return of an order takes from 1 and from 2."""
    seller = {"key": "seller", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 500}}
    parent = {"key": "parent", "pays": {"to": "ancestor", "depth": 1}, "amount": {"kind": "rate", "rate_bp": 500}}
    sales.publish(plan(seller, parent, BONUS))
    (first, both) = sell(sales, 10_000, 10_000, upline=(1, 2))
    with sales.shop.enter():
        commands.provide_due(T0 + timedelta(days=1))
        back = Takeback(Cause.RETURN, 1, first, (ReturnedLine(sales.lines(first)[0], 10_000, 10_000),), T0 + timedelta(days=1))
        commands.reverse([back])
    later = sales.sell(10_000, upline=(2,), paid_at=T0 + timedelta(days=1))
    with sales.shop.enter():
        commands.accrue([later])
    back = Takeback(Cause.RETURN, 2, both, (ReturnedLine(sales.lines(both)[0], 5_000, 10_000),), T0 + timedelta(days=1))
    beside_a_return(
        sales,
        monkeypatch,
        lambda: commands.provide_due(T0 + timedelta(days=2)),
        (closing, "_write_rises"),
        back,
        waits=False,  # no account is locked before all of them are
    )
    assert [sales.balance(each) for each in (1, 2)] == [250 + 100, 250 + 500 + 100]
