"""Stock 50, 500 buyers at once from several processes: exactly 50 sold. With the guard switched off the same test sees more."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connections

from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import NewWarehouse, Receipt
from banyan.kernel import sql
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role

pytestmark = pytest.mark.slow

BUYING = Path(__file__).with_name("buying.py")
STOCK, BUYERS, PROCESSES = 50, 500, 4
START = datetime(2026, 1, 1, tzinfo=UTC)
CHECK = "stock_never_oversold"


def _line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def _race(tenant: Any, guarded: bool) -> tuple[int, Any]:
    """How many were sold, and the SKU's level afterwards."""
    with tenant.enter():
        (sku,) = make_skus([100])
        warehouse = inventory.open_warehouses([NewWarehouse("w", "仓")])[0]
        inventory.receive_stock([Receipt(warehouse, sku, STOCK)])
        people = [NewUser(f"buyer{n}", None, "某人", None, (Role.CONSUMER,), START) for n in range(BUYERS)]
        buyers = [int(buyer) for buyer in identity.register_users(people)]
    children = [
        subprocess.Popen(
            [sys.executable, str(BUYING), str(tenant.id), str(sku), str(int(guarded)), *map(str, buyers[number::PROCESSES])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    try:
        assert [_line(child) for child in children] == ["ready"] * PROCESSES
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        sold = sum(int(_line(child)) for child in children)
    finally:
        for child in children:
            child.kill()
            child.wait()
    with tenant.enter():
        return sold, stock.stock_levels([sku])[0]


def test_exactly_the_stock_is_sold(tenant: Any) -> None:
    sold, level = _race(tenant, guarded=True)
    assert sold == STOCK
    assert (level.on_hand, level.reserved, level.available) == (STOCK, STOCK, 0)
    assert tenant.verify() == []


@pytest.fixture
def unchecked_table() -> Iterator[None]:
    """The table without its CHECK, which comes back afterwards (not looking at what the control left behind)."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", (CHECK,))
        definition = cursor.fetchone()[0]
        cursor.execute(f"ALTER TABLE inventory_stock_levels DROP CONSTRAINT {CHECK}")
    yield
    with connections["owner"].cursor() as cursor:
        cursor.execute("DELETE FROM inventory_stock_levels WHERE reserved + allocated > on_hand")
        cursor.execute(f"ALTER TABLE inventory_stock_levels ADD CONSTRAINT {CHECK} {definition}")


def test_without_the_guard_more_is_sold(tenant: Any, unchecked_table: None) -> None:
    """The negative control: the same race, the same commands, but no lock, no condition and no CHECK."""
    sold, level = _race(tenant, guarded=False)
    assert sold > STOCK
    assert level.reserved > STOCK


def test_the_check_alone_still_holds_the_line(tenant: Any) -> None:
    """Without lock and condition but with the CHECK: nothing is oversold; the losers fail instead of being told."""
    with tenant.enter():
        (sku,) = make_skus([100])
        warehouse = inventory.open_warehouses([NewWarehouse("w", "仓")])[0]
        inventory.receive_stock([Receipt(warehouse, sku, 1)])
    with tenant.enter():
        sql.execute("UPDATE inventory_stock_levels SET reserved = reserved + 1 WHERE sku_id = %s", (sku,))
    with pytest.raises(IntegrityError), tenant.enter():
        sql.execute("UPDATE inventory_stock_levels SET reserved = reserved + 1 WHERE sku_id = %s", (sku,))
