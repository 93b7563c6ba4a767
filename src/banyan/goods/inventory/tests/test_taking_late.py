"""Large batches that want little of much take their stock last: never more than there is, whoever comes in between."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connections

from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands, queries
from banyan.goods.inventory.commands import holding
from banyan.goods.inventory.types import NewWarehouse, Promise, Receipt, ReserveLine

BATCH = holding.LATE_FROM_LINES


def stocked(pieces: int) -> Any:
    (sku,) = make_skus([100])
    warehouse = commands.open_warehouses([NewWarehouse("main", "主仓")])[0]
    commands.receive_stock([Receipt(warehouse, sku, pieces)])
    return sku


def batch_of(sku: Any, first: int, lines: int = BATCH) -> list[ReserveLine]:
    return [ReserveLine(first + n, (first + n) * 10, sku, 1) for n in range(lines)]


def promised(tenant: Any, lines: list[ReserveLine]) -> Promise:
    with tenant.enter():
        return commands.promise(lines)


def test_a_large_batch_of_plenty_is_late_and_everything_else_is_locked_first(tenant: Any) -> None:
    with tenant.enter():
        sku = stocked(holding.PLENTY + 11 * BATCH)
    assert promised(tenant, batch_of(sku, 1)).late
    assert not promised(tenant, batch_of(sku, 1, BATCH - 1)).late, "a small batch is quick anyway"
    with tenant.enter():
        commands.reserve(batch_of(sku, 1000, 2 * BATCH))
    assert not promised(tenant, batch_of(sku, 1)).late, "there is not plenty any more"


def test_stock_that_goes_between_promise_and_taking_loses_the_transaction(tenant: Any) -> None:
    with tenant.enter():
        sku = stocked(holding.PLENTY + 10 * BATCH)
    late = promised(tenant, batch_of(sku, 1))
    with tenant.enter():
        left = queries.available([sku])[sku]
        commands.reserve([ReserveLine(7, 70, sku, left - BATCH + 1)])
    with pytest.raises(commands.StockMoved), tenant.enter(), commands.hold(late):
        pass
    with tenant.enter():
        assert queries.available([sku]) == {sku: BATCH - 1}
    assert tenant.verify() == []


@pytest.mark.parametrize("guarded", [True, False])
def test_many_batches_at_once_never_promise_more_than_there_is(
    tenant: Any, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every thread believes in plenty; the guard at the end knows better. Without it the table's CHECK must refuse."""
    pieces = 10 * BATCH
    with tenant.enter():
        sku = stocked(pieces)
    monkeypatch.setattr(holding, "PLENTY", -(10**9))
    if not guarded:
        monkeypatch.setattr(holding, "GUARD", "")
    served: list[int] = []
    lost: list[str] = []
    gate = threading.Barrier(6)

    def buy(first: int) -> None:
        try:
            gate.wait(60)
            for turn in range(4):
                try:
                    with tenant.enter():
                        late = commands.promise(batch_of(sku, first + turn * BATCH))
                        with commands.hold(late):
                            pass
                    served.append(len(late.holds))
                except Exception as error:
                    lost.append(type(error).__name__)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=buy, args=(100_000 * (n + 1),)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(served) <= pieces
    with tenant.enter():
        assert queries.available([sku]) == {sku: pieces - sum(served)}
    if guarded:
        assert set(lost) <= {"StockMoved"}
    assert tenant.verify() == []
