"""Accrual, clawback, hold and release on a real ledger; every story ends with clean checks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError

from banyan.earnings.commission import commands, queries
from banyan.earnings.commission.tests.shopfront import DOCUMENT, T0, Sales, seller_only
from banyan.earnings.commission.types import Cause, Hold, ReturnedLine, SkipReason, Takeback
from banyan.kernel import clock, sql
from banyan.people.distributors.types import Status, Tier
from banyan.treasury.ledger import commands as ledger_commands
from banyan.treasury.ledger.types import AccountKind, AccountRef, EntryKind, NewEntry

AVAILABLE, DEBT, PENDING = AccountKind.DISTRIBUTOR_AVAILABLE, AccountKind.DISTRIBUTOR_DEBT, AccountKind.DISTRIBUTOR_PENDING


def give_back(order_id: int, line_id: int, refund: int, of: int, return_id: int) -> Takeback:
    return Takeback(Cause.RETURN, return_id, order_id, (ReturnedLine(line_id, refund, of),), clock.now())


def accrue(sales: Sales, *orders: int) -> None:
    with sales.shop.enter():
        commands.accrue(list(orders))


def receive_and_release(sales: Sales, drive: Callable[[datetime], None], *orders: int) -> None:
    with sales.shop.enter():
        commands.mark_received([(order, clock.now()) for order in orders])
    drive(clock.now() + timedelta(days=7))
    with sales.shop.enter():
        while commands.release_due(clock.now(), 2):
            pass


def balances(sales: Sales, kind: AccountKind) -> list[int]:
    return [sales.balance(distributor, kind) for distributor in (1, 2, 3)]


def test_a_paid_order_is_accrued_once_and_booked(sales: Sales) -> None:
    sales.publish()
    order, nothing = sales.sell(10000, 1999), sales.sell(10000, upline=())
    accrue(sales, order, nothing)
    assert balances(sales, PENDING) == [1000 + 199, 500 + 99, 200 + 39]
    accrue(sales, nothing, order, order)
    assert balances(sales, PENDING) == [1199, 599, 239]
    with sales.shop.enter():
        found = queries.list_for_orders([order, nothing])
        assert list(found) == [order]
        assert [(each.rule_key, each.depth, each.amount_minor, each.hold) for each in found[order]] == [
            ("grandparent", 2, 200, Hold.AWAITING_RECEIPT), ("grandparent", 2, 39, Hold.AWAITING_RECEIPT),
            ("parent", 1, 500, Hold.AWAITING_RECEIPT), ("parent", 1, 99, Hold.AWAITING_RECEIPT),
            ("seller", 0, 1000, Hold.AWAITING_RECEIPT), ("seller", 0, 199, Hold.AWAITING_RECEIPT),
        ]  # fmt: skip
        facts = sql.fetch("SELECT payload FROM outbox_events WHERE kind = 'commission.commission_accrued'")
        assert len(facts) == 1
        assert sum(line[2] for line in facts[0][0]["lines"]) == 2037
    assert sales.shop.verify(alone=True) == []


def test_an_order_that_is_not_paid_is_refused_and_nothing_of_the_batch_written(sales: Sales) -> None:
    sales.publish()
    order = sales.sell(10000)
    with pytest.raises(commands.InputsMissing), sales.shop.enter():
        commands.accrue([order, 4711])
    assert sales.count("commission_accruals") == 0


def test_each_order_uses_the_plan_of_its_moment(sales: Sales, driven_clock: Callable[[datetime], None]) -> None:
    before = sales.sell(10000, upline=(1,), paid_at=T0 - timedelta(hours=1))
    sales.publish(seller_only(1000))
    driven_clock(T0 + timedelta(days=1))
    sales.publish(seller_only(2000), name="next")
    early = sales.sell(10000, upline=(1,), paid_at=T0 + timedelta(days=1) - timedelta(microseconds=1))
    late = sales.sell(10000, upline=(1,), paid_at=T0 + timedelta(days=1))
    accrue(sales, late, before, early)
    with sales.shop.enter():
        found = queries.list_for_orders([before, early, late])
        assert {order: each[0].amount_minor for order, each in found.items()} == {early: 1000, late: 2000}
    assert sales.shop.verify(alone=True) == []


def test_the_law_cuts_a_plan_that_was_legal_when_it_was_published(chinese_sales: Sales) -> None:
    """The ceiling of the moment of payment is a second guard: here the reading that allowed one above was withdrawn."""
    from banyan.people.identity import commands as identity
    from banyan.people.identity.types import NewUser, Role
    from banyan.rules.compliance import commands as compliance
    from banyan.rules.compliance import queries as law
    from banyan.rules.compliance.types import Reading

    sales = chinese_sales
    one_above = {**DOCUMENT, "rules": DOCUMENT["rules"][:2]}
    with sales.shop.enter():
        operator = identity.register_users([NewUser("boss", "Correct-horse-9", "Boss", None, (Role.OPERATOR,))])[0]
        compliance.acknowledge_reading("practice", operator, law.reading_statements(Reading.PRACTICE, clock.now())[0])
    sales.publish(one_above)
    clock.drive(T0 + timedelta(days=1))
    allowed = sales.sell(10000, paid_at=clock.now())
    clock.drive(T0 + timedelta(days=2))
    with sales.shop.enter():
        compliance.withdraw_reading(operator, "counsel said so")
    denied = sales.sell(10000, paid_at=clock.now())
    accrue(sales, allowed, denied)
    with sales.shop.enter():
        found = queries.list_for_orders([allowed, denied])
        assert [each.rule_key for each in found[allowed]] == ["parent", "seller"]
        assert [each.rule_key for each in found[denied]] == ["seller"]
        decision = queries.decide_again(denied)
        assert [(skip.rule_key, skip.reason) for skip in decision.trace.skipped] == [("parent", SkipReason.LEGAL_DEPTH)]
        assert decision.trace.legal.rule_set.startswith("cn.letter")
        assert decision.agrees
    assert sales.shop.verify(alone=True) == []


def test_a_return_before_release_comes_from_pending_in_any_split(sales: Sales) -> None:
    sales.publish()
    order, twin = sales.sell(9999, 5000), sales.sell(9999, 5000)
    accrue(sales, order, twin)
    line, twin_line = sales.lines(order)[0], sales.lines(twin)[0]
    with sales.shop.enter():
        for number, refund in enumerate((1, 3333, 3000, 3665)):
            commands.reverse([give_back(order, line, refund, 9999, 100 + number)])
        commands.reverse([give_back(twin, twin_line, 9999, 9999, 200)])
        left = queries.list_for_orders([order, twin])
    assert (
        [each.reversed_minor for each in left[order]] == [each.reversed_minor for each in left[twin]] == [199, 0, 499, 0, 999, 0]
    )
    assert balances(sales, PENDING) == [1000, 500, 200]
    assert sales.shop.verify(alone=True) == []


def test_the_same_return_twice_counts_once(sales: Sales) -> None:
    sales.publish()
    order = sales.sell(10000)
    accrue(sales, order)
    with sales.shop.enter():
        once = give_back(order, sales.lines(order)[0], 5000, 10000, 100)
        assert commands.reverse([once, once]) == 1
        assert commands.reverse([once]) == 0
    assert balances(sales, PENDING) == [500, 250, 100]
    assert sales.shop.verify(alone=True) == []


def test_a_return_told_before_the_payment_still_takes_back(sales: Sales) -> None:
    sales.publish()
    order = sales.sell(10000)
    with sales.shop.enter():
        commands.reverse([give_back(order, sales.lines(order)[0], 10000, 10000, 100)])
    accrue(sales, order)
    assert balances(sales, PENDING) == [0, 0, 0]
    assert sales.shop.verify(alone=True) == []


def test_release_waits_for_the_hold_and_for_open_returns(sales: Sales, driven_clock: Callable[[datetime], None]) -> None:
    sales.publish()
    order, unreceived = sales.sell(10000), sales.sell(500)
    accrue(sales, order, unreceived)
    with sales.shop.enter():
        assert commands.mark_received([(order, T0 + timedelta(days=1))]) == 1
        assert commands.mark_received([(order, T0 + timedelta(days=3))]) == 0
    driven_clock(T0 + timedelta(days=8) - timedelta(microseconds=1))
    with sales.shop.enter():
        assert commands.release_due(clock.now()) == 0
    driven_clock(T0 + timedelta(days=8))
    sales.open_returns.add(order)
    with sales.shop.enter():
        assert commands.release_due(clock.now()) == 1  # looked at, and put off
        assert commands.release_due(clock.now()) == 0
    assert balances(sales, AVAILABLE) == [0, 0, 0]
    sales.open_returns.clear()
    with sales.shop.enter():
        assert commands.look_again([order]) == 1
        assert commands.release_due(clock.now()) == 1
        assert commands.release_due(clock.now() + timedelta(days=99)) == 0
        released = queries.list_released(T0, clock.now() + timedelta(seconds=1))
        assert [(each.payee_id, each.amount_minor) for each in released] == [(3, 200), (2, 500), (1, 1000)]
        assert queries.list_for_orders([order])[order][0].hold is Hold.RELEASED
    assert (balances(sales, AVAILABLE), balances(sales, PENDING)) == ([1000, 500, 200], [50, 25, 10])
    assert sales.shop.verify(alone=True) == []


def test_a_return_after_release_and_payout_becomes_debt_and_the_next_release_nets_it(
    sales: Sales, driven_clock: Callable[[datetime], None]
) -> None:
    # ── 1 March: sold, received, released ──
    sales.publish()
    first = sales.sell(10000)
    accrue(sales, first)
    receive_and_release(sales, driven_clock, first)
    assert balances(sales, AVAILABLE) == [1000, 500, 200]
    # ── the seller is paid 700 of his 1000 ──
    with sales.shop.enter():
        away = ((AccountRef(AVAILABLE, 1), 700), (AccountRef(AccountKind.DISTRIBUTOR_PAYABLE, 1), -700))
        ledger_commands.post([NewEntry(EntryKind.STATEMENT_APPROVED, "test", 1, clock.now(), away, "test:1")])
    # ── everything comes back ──
    with sales.shop.enter():
        commands.reverse([give_back(first, sales.lines(first)[0], 10000, 10000, 100)])
        reversed_later = queries.list_reversed_after_release(T0, clock.now() + timedelta(seconds=1))
        assert {each.payee_id: (each.from_available_minor, each.from_debt_minor) for each in reversed_later} == {
            1: (300, 700), 2: (500, 0), 3: (200, 0),
        }  # fmt: skip
    assert (balances(sales, AVAILABLE), balances(sales, DEBT)) == ([0, 0, 0], [700, 0, 0])
    # ── the next sales first pay the debt ──
    small, large = sales.sell(4000, paid_at=clock.now()), sales.sell(5000, paid_at=clock.now())
    accrue(sales, small, large)
    receive_and_release(sales, driven_clock, small, large)
    assert (balances(sales, AVAILABLE), balances(sales, DEBT)) == ([200, 450, 180], [0, 0, 0])
    with sales.shop.enter():
        total = queries.totals([1])[0]
        assert (total.accrued_minor, total.reversed_minor, total.pending_minor, total.released_minor) == (1900, 1000, 0, 900)
    assert sales.shop.verify(alone=True) == []


def test_a_frozen_seller_earns_nothing_and_the_reason_is_kept(sales: Sales) -> None:
    sales.publish()
    order = sales.sell(10000, upline=((1, Status.FROZEN, Tier.GOLD), 2, 3))
    accrue(sales, order)
    with sales.shop.enter():
        decision = queries.decide_again(order)
        assert [(skip.payee_id, skip.reason) for skip in decision.trace.skipped] == [(1, SkipReason.NOT_ACTIVE)]
    assert balances(sales, PENDING) == [0, 500, 200]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE commission_accruals SET inputs = replace(inputs, 'gold', 'silver')",
        "UPDATE commission_accruals SET legal_bp = 10000",
        "UPDATE commission_accruals SET total_minor = 0, due_at = NULL",
        "UPDATE commission_accruals SET hold_days = 0",
        "DELETE FROM commission_accruals",
    ],
)
def test_the_application_can_move_the_hold_of_a_decision_and_nothing_else(sales: Sales, change: str) -> None:
    sales.publish()
    order = sales.sell(10000)
    with sales.shop.enter():
        commands.accrue([order])
    with pytest.raises(DatabaseError, match="permission denied"), sales.shop.enter():
        sql.execute(f"{change} WHERE id = %s", (order,))
    with sales.shop.enter():
        assert sql.execute("UPDATE commission_accruals SET due_at = paid_at WHERE id = %s", (order,)) == 1


def test_facts_stand(sales: Sales) -> None:
    sales.publish()
    order = sales.sell(10000)
    accrue(sales, order)
    with pytest.raises(DatabaseError), sales.shop.enter():
        sql.execute("UPDATE commission_commissions SET amount_minor = 1 WHERE order_id = %s", (order,))
    with pytest.raises(DatabaseError), sales.shop.enter():
        sql.execute("DELETE FROM commission_commissions WHERE order_id = %s", (order,))


def test_no_reversal_beyond_the_commission_even_by_raw_sql(sales: Sales) -> None:
    sales.publish()
    order = sales.sell(10000)
    accrue(sales, order)
    with sales.shop.enter():
        commission = queries.list_for_orders([order])[order][0]
    with pytest.raises(DatabaseError, match="beyond its amount"), sales.shop.enter():
        sql.execute(
            "INSERT INTO commission_reversals (id, tenant_id, commission_id, order_id, payee_id, cause, cause_id, returned_minor,"
            " amount_minor, from_pending_minor, from_available_minor, from_debt_minor, occurred_at)"
            " VALUES (1, %s, %s, %s, 3, 'return', 9, 1, 201, 201, 0, 0, now())",
            (sales.shop.id, commission.commission_id, order),
        )
