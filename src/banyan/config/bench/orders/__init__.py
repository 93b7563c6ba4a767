"""`banyan bench orders`: what an order costs, next to the least that it could cost on the same server in the same run.

The floor is one order per transaction in plain SQL. Against it stand `place_orders` in batches from several processes, on
10,000 SKUs and on two hot ones, and the whole way of single orders over HTTP. The bench leaves its tenant behind, so run it in
a home of its own.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any

from django.db import connections

from banyan.config.bench import placing
from banyan.config.bench.orders import floor, over_http, world
from banyan.kernel import tenancy, verification

SPREAD_BAR, HOT_BAR, CPU_BAR_MS = 2.0, 5.0, 3.0
SEED = 20260101


def run(seconds: float = 8.0, http_orders: int = 1_000, say: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """Returns orders per second of the floor (8 and 32 clients on 10,000 SKUs, 8 on two) and of the batches, their
    ratios, and the
    HTTP way: orders per second placed, and processor milliseconds of application and database per order, placed over HTTP, paid
    by the capture command, commission accrued and posted by the drain.

    Raises AssertionError when an order is missing or a check finds something. Bars: spread_ratio ≥ 2, hot_ratio ≥ 5, ≤ 3 ms.
    """
    slug = f"bench-{os.urandom(5).hex()}"
    tenant_id = tenancy.create_tenant(slug, "Bench of orders", jurisdiction="sandbox")
    chance = random.Random(SEED)
    say("people, a plan and 10,000 SKUs")
    shop = world.build(tenant_id, chance)
    say("the way over HTTP")
    rate, cpu_ms = over_http.measure(tenant_id, shop, http_orders, chance, say)
    with connections["owner"].cursor() as cursor, floor.tables(cursor):
        measured: dict[str, float] = {}
        # Floor and batches take turns, so that a busy neighbour slows both.
        say("the floor: one order per transaction, 8 and 32 clients")
        measured["floor_c8"] = floor.rate(10_000, 8, seconds)
        measured["floor_c32"] = floor.rate(10_000, 32, seconds)
        say("batches on 10,000 SKUs")
        measured["batch_spread"] = placing.rate(tenant_id, shop.skus, shop.buyers, seconds)
        say("the floor on two hot SKUs, 8 clients")
        measured["floor_hot_c8"] = floor.rate(2, 8, seconds)
        say("batches on two hot SKUs")
        measured["batch_hot"] = placing.rate(tenant_id, shop.skus[:2], shop.buyers, seconds)
    say("checking")
    _check(tenant_id)
    names = ("floor_c8", "floor_c32", "floor_hot_c8", "batch_spread", "batch_hot")
    return {name: round(measured[name]) for name in names} | {
        "spread_ratio": round(measured["batch_spread"] / max(measured["floor_c8"], measured["floor_c32"]), 2),
        "hot_ratio": round(measured["batch_hot"] / measured["floor_hot_c8"], 2),
        "http_orders_per_s": round(rate),
        "http_cpu_ms_per_order": round(cpu_ms, 3),
    }


def misses(result: dict[str, Any]) -> list[str]:
    """Which bars a result does not reach, in words."""
    bars = [
        (
            result["spread_ratio"] >= SPREAD_BAR,
            f"batches on many SKUs are {result['spread_ratio']} × the floor, wanted {SPREAD_BAR}",
        ),
        (result["hot_ratio"] >= HOT_BAR, f"batches on two SKUs are {result['hot_ratio']} × the floor, wanted {HOT_BAR}"),
        (
            result["http_cpu_ms_per_order"] <= CPU_BAR_MS,
            f"an order over HTTP takes {result['http_cpu_ms_per_order']} ms of processor, wanted {CPU_BAR_MS}",
        ),
    ]
    return [text for reached, text in bars if not reached]


def _check(tenant_id: int) -> None:
    with tenancy.enter(tenant_id, actor="bench"):
        ours = {c.name for c in verification.checks() if c.name.startswith(("orders.", "inventory.", "commission.", "ledger."))}
        findings, _ = verification.run_checks(ours)
    assert not findings, findings[:3]
