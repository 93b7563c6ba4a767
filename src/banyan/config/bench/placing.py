"""place_orders in batches, from twice as many processes as there are processors: each waits now and then for disk and locks.

A module of its own that imports Django late: the processes are started afresh and set Django up themselves.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import cycle
from typing import Any

BATCH = 1_000
BATCHES = 10
"""Different batches of one process, over and over: making wishes is no part of placing orders."""
WARM_UP_BATCHES = 4
_start: Any = None


def rate(tenant_id: int, skus: Sequence[int], buyers: Sequence[int], seconds: float) -> float:
    """Accepted orders per second over all processes, each order with two lines. Refusals raise."""
    spawning = multiprocessing.get_context("spawn")
    processes = 2 * (os.cpu_count() or 1)
    with ProcessPoolExecutor(processes, spawning, _prepare, (spawning.Barrier(processes),)) as pool:
        work = [pool.submit(_measure, tenant_id, list(skus), list(buyers), seconds, number) for number in range(processes)]
        done = [each.result(timeout=600) for each in work]
    elapsed = max(ended for _, _, ended in done) - min(began for _, began, _ in done)
    return sum(placed for placed, _, _ in done) / elapsed


def _prepare(start: Any) -> None:
    global _start
    _start = start
    import django

    django.setup()


def _measure(tenant_id: int, skus: list[int], buyers: list[int], seconds: float, number: int) -> tuple[int, float, float]:
    from banyan.goods.catalog.types import SkuId
    from banyan.kernel import garbage, tenancy
    from banyan.trade.orders import commands as orders
    from banyan.trade.orders.types import Placed, PlaceLine, PlaceOrder

    chance = random.Random(number)

    def batch() -> list[Any]:
        return [
            PlaceOrder(
                chance.choice(buyers),  # type: ignore[arg-type]
                [PlaceLine(SkuId(sku), 1) for sku in chance.sample(skus, 2)],
            )
            for _ in range(BATCH)
        ]

    def place(requests: list[Any]) -> int:
        with tenancy.enter(tenant_id, actor="bench"):
            outcomes = orders.place_orders(requests)
        accepted = sum(isinstance(outcome, Placed) for outcome in outcomes)
        assert accepted == len(requests), "an order was refused"
        return accepted

    wishes = cycle([batch() for _ in range(BATCHES)])
    for _ in range(WARM_UP_BATCHES):
        place(next(wishes))
    garbage.settle()
    _start.wait(300)
    began = time.monotonic()
    placed = 0
    while time.monotonic() - began < seconds:
        placed += place(next(wishes))
    return placed, began, time.monotonic()
