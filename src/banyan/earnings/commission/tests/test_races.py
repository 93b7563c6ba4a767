"""Two at once, on real threads: one set of commissions, and money that adds up whoever comes first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from banyan.earnings.commission import commands
from banyan.earnings.commission.commands import accrual, truing_up
from banyan.earnings.commission.tests.shopfront import DOCUMENT, T0, Sales
from banyan.earnings.commission.tests.test_closing import APRIL, BAND, plan, sell
from banyan.earnings.commission.types import Cause, ReturnedLine, Takeback
from banyan.kernel import clock, sql
from banyan.treasury.ledger.types import AccountKind

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


def test_a_return_beside_a_close_in_pieces_waits_and_nobody_is_turned_away(sales: Sales, monkeypatch: pytest.MonkeyPatch) -> None:
    """The close has raised the first order when the second one's return comes: both want the account and the second order."""
    sales.publish(plan(BAND))
    _, second = sell(sales, 9_000, 6_000)
    raised, real = threading.Event(), truing_up._adjust

    def slowly(*args: Any) -> None:
        real(*args)
        raised.set()
        time.sleep(0.3)

    monkeypatch.setattr(truing_up, "_adjust", slowly)
    monkeypatch.setattr("banyan.earnings.commission.queries.closings.PIECE", 1)
    back = Takeback(Cause.RETURN, 1, second, (ReturnedLine(sales.lines(second)[0], 6_000, 6_000),), APRIL)

    def give_back() -> None:
        assert raised.wait(10)
        commands.reverse([back])

    at_once(sales.shop, lambda: commands.close_due(APRIL + timedelta(hours=2)), give_back)
    assert sales.balance(1) == 720
    assert sales.shop.verify(alone=True) == []
