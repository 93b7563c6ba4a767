"""`banyan verify` finds planted damage of each kind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connections

from banyan.earnings.commission import commands
from banyan.earnings.commission.tests.shopfront import T0, Sales
from banyan.earnings.commission.types import Cause, ReturnedLine, Takeback
from banyan.kernel import clock


def as_owner(damage: str, order_id: int) -> None:
    """Damage as only the owner of the tables can do it, with the triggers that guard facts switched off."""
    table = next(word for word in damage.split() if word.startswith("commission_"))
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        try:
            cursor.execute(damage, (order_id,))
            assert cursor.rowcount == 1
        finally:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


SELLER_ROW = "commission_commissions SET {} WHERE order_id = %s AND rule_key = 'seller'"
DAMAGE = [
    ("commission.decisions", "UPDATE " + SELLER_ROW.format("amount_minor = amount_minor + 1")),
    ("commission.decisions", "UPDATE commission_commissions SET order_id = 1 WHERE order_id = %s AND rule_key = 'parent'"),
    ("commission.decisions", "UPDATE " + SELLER_ROW.format("payee_id = 9")),
    ("commission.decisions", "UPDATE commission_accruals SET total_minor = total_minor + 1 WHERE id = %s"),
    ("commission.inputs", "UPDATE commission_accruals SET inputs = replace(inputs, 'gold', 'silver') WHERE id = %s"),
    ("commission.entries", "UPDATE " + SELLER_ROW.format("amount_minor = amount_minor + 1")),
    ("commission.entries", "UPDATE commission_accruals SET released_at = NULL, due_at = release_after WHERE id = %s"),
    ("commission.pending", "UPDATE commission_accruals SET released_at = NULL, due_at = release_after WHERE id = %s"),
    ("commission.holds", "UPDATE commission_accruals SET release_after = release_after - interval '1 day' WHERE id = %s"),
    ("commission.entries", "DELETE FROM commission_reversals WHERE order_id = %s AND payee_id = 1"),
    ("commission.holds", "UPDATE commission_accruals SET released_at = NULL WHERE id = %s"),
    ("commission.reversals", "UPDATE commission_reversals SET amount_minor = 9999, from_available_minor = 9999,"
                             " from_pending_minor = 0, from_debt_minor = 0 WHERE order_id = %s AND payee_id = 1"),
    ("commission.entries", "UPDATE commission_reversals SET from_available_minor = from_available_minor - 1,"
                           " amount_minor = amount_minor - 1 WHERE order_id = %s AND payee_id = 1"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "damage"), DAMAGE)
def test_planted_damage_is_found(sales: Sales, driven_clock: Callable[[datetime], None], check: str, damage: str) -> None:
    sales.publish()
    order = sales.sell(10000)
    with sales.shop.enter():
        commands.accrue([order])
        commands.mark_received([(order, T0)])
    driven_clock(T0 + timedelta(days=7))
    with sales.shop.enter():
        commands.release_due(clock.now())
        commands.reverse([Takeback(Cause.RETURN, 1, order, (ReturnedLine(sales.lines(order)[0], 5000, 10000),), clock.now())])
    assert sales.shop.verify(alone=True) == []
    as_owner(damage, order)
    assert check in {finding.check for finding in sales.shop.verify(alone=True)}
