"""`banyan bench checkout`: single orders over HTTP, next to the least that an order could cost on the same server.

The floor is one order per transaction in plain SQL by pgbench, with neither HTTP nor tenant nor attribution. Against it stand
crowds of 32 and 256 callers who each place orders of two lines and wait for the answer. The bench leaves its tenant behind, so
run it in a home of its own.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from statistics import median
from typing import Any

import psycopg
from django.db import connections

from banyan.config.bench import processor
from banyan.config.bench.crowd import Crowd, Result, percentile
from banyan.config.bench.orders import floor, over_http, world
from banyan.kernel import ids, sql, tenancy, verification
from banyan.kernel.supervisor import places
from banyan.kernel.supervisor.programs import Web, default_workers
from banyan.people.identity import commands as identity

SPREAD_BAR, HOT_BAR, CPU_BAR_MS, P99_BAR_MS = 1.0, 4.0, 1.5, 100.0
SEED = 20260101
TOKENS = 500
LOAD = 0.7
PORT = 18_795


class _Shop:
    """The bench's tenant with its web processes, and every order that was promised to somebody."""

    def __init__(self, tenant_id: int, shop: world.BenchShop, web: Web, tokens: list[str], server: int) -> None:
        self.tenant_id, self.web, self.tokens, self.server = tenant_id, web, tokens, server
        self.skus = [ids.public("sku", sku) for sku in shop.skus]
        self.promised = 0
        self.crowds = 0

    def crowd(self, clients: int, seconds: float, skus: int, rate: float = 0.0) -> Result:
        """Send one crowd. Raises RuntimeError on any answer but an accepted order."""
        self.crowds += 1
        crowd = Crowd(self.web.port, clients, seconds, self.tokens, self.skus[:skus], f"c{self.crowds}", SEED + self.crowds, rate)
        done = subprocess.run(
            [sys.executable, "-m", "banyan.config.bench.crowd"], input=json.dumps(asdict(crowd)), capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"the crowd failed: {done.stderr[-500:]}")
        result = Result(**json.loads(done.stdout))
        if set(result.statuses) != {"201"}:
            raise RuntimeError(f"not every order was accepted: {result.statuses} {result.first_refusal}")
        self.promised += len(result.accepted_ms)
        return result

    def rate(self, clients: int, seconds: float, skus: int) -> float:
        """Accepted orders per second of this many clients."""
        result = self.crowd(clients, seconds, skus)
        return len(result.accepted_ms) / result.seconds

    def processor_seconds(self) -> float:
        """Of the web processes and of the whole PostgreSQL server until now."""
        return processor.tree_seconds(self.web.pid) + processor.tree_seconds(self.server)


def run(
    seconds: float = 8.0,
    rounds: int = 3,
    workers: int = 0,
    commit_ms: float = 0.0,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Returns orders per second of the floor (32 clients on 10,000 SKUs, 8 on two) and over HTTP (32 and 256 clients on
    10,000 SKUs, 32 on two), each the middle of ``rounds`` that take turns; the ratios; processor milliseconds of application and
    database per order placed by 32 and 256 clients; and the 99th percentile of an answer's time at 70 % of what 256 reached,
    the middle of as many rounds.

    ``workers``: web processes, 0 for as many as `banyan up` runs. ``commit_ms``: see ``_slow_commits``. Raises RuntimeError when
    an order is refused, AssertionError when one that was promised is missing or a check finds something.
    """
    tenant_id = tenancy.create_tenant(f"bench-{os.urandom(5).hex()}", "Bench of checkout", jurisdiction="sandbox")
    chance = random.Random(SEED)
    say("people, a plan and 10,000 SKUs")
    shop = world.build(tenant_id, chance)
    with tenancy.enter(tenant_id, actor="bench"):
        tokens = [identity.issue_token(buyer, ("orders:write",), "bench") for buyer in chance.sample(shop.buyers, TOKENS)]
    home = places.default_home().absolute()
    web = Web("127.0.0.1", PORT, home=home, environment=dict(os.environ), workers=workers or default_workers())
    web.start()
    try:
        web.wait_until_it_answers()
        with _slow_commits(commit_ms) if commit_ms else nullcontext():
            measured = _measure(_Shop(tenant_id, shop, web, tokens, over_http.postmaster_or_fail()), seconds, rounds, say)
    finally:
        web.stop()
    return measured


@contextmanager
def _slow_commits(milliseconds: float) -> Iterator[None]:
    """As on a disk whose flush takes longer by this: PostgreSQL sleeps before each (commit_delay), for the floor as for us.

    On the home's own server only, whose superuser we know.
    """
    secret = places.secret(places.default_home(), "postgres_superuser")
    with psycopg.connect(os.environ["BANYAN_DATABASE_OWNER_URL"], user="postgres", password=secret, autocommit=True) as server:
        for name, value in (("commit_delay", round(milliseconds * 1000)), ("commit_siblings", 0)):
            server.execute(f"ALTER SYSTEM SET {name} = {value}")
        server.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            for name in ("commit_delay", "commit_siblings"):
                server.execute(f"ALTER SYSTEM RESET {name}")
            server.execute("SELECT pg_reload_conf()")


def _measure(shop: _Shop, seconds: float, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    say("warming up")
    shop.crowd(64, max(2.0, seconds / 2), 10_000)
    rates: dict[str, list[float]] = {}
    costs: list[float] = []
    with connections["owner"].cursor() as cursor, floor.tables(cursor):
        measures: dict[str, Callable[[], float]] = {
            "floor_c32": lambda: floor.rate(10_000, 32, seconds),
            "http_c32": lambda: shop.rate(32, seconds, 10_000),
            "http_c256": lambda: shop.rate(256, seconds, 10_000),
            "floor_hot_c8": lambda: floor.rate(2, 8, seconds),
            "http_hot_c32": lambda: shop.rate(32, seconds, 2),
        }
        # All take turns, so that a busy neighbour slows each of them.
        for number in range(rounds):
            for name, measure in measures.items():
                before, promised = shop.processor_seconds(), shop.promised
                rates.setdefault(name, []).append(measure())
                if name in ("http_c32", "http_c256"):
                    costs.append((shop.processor_seconds() - before) / (shop.promised - promised) * 1000)
                    say(f"round {number + 1}: {name} {rates[name][-1]:,.0f}/s, {costs[-1]:.2f} ms of processor per order")
                else:
                    say(f"round {number + 1}: {name} {rates[name][-1]:,.0f}/s")
    middle = {name: median(found) for name, found in rates.items()}
    say(f"{LOAD:.0%} of what 256 clients reached")
    p99s = []
    for number in range(rounds):
        steady = shop.crowd(256, seconds, 10_000, rate=LOAD * middle["http_c256"])
        p99s.append(percentile(steady.accepted_ms, 0.99))
        say(f"round {number + 1}: 99 of 100 answered in {p99s[-1]:.1f} ms")
    say("checking")
    _check(shop)
    return {name: round(middle[name]) for name in ("floor_c32", "floor_hot_c8", "http_c32", "http_c256", "http_hot_c32")} | {
        "ratio_spread": round(min(middle["http_c32"], middle["http_c256"]) / middle["floor_c32"], 2),
        "ratio_hot": round(middle["http_hot_c32"] / middle["floor_hot_c8"], 2),
        "cpu_ms_per_order": round(median(costs), 3),
        "p99_ms_at_70": round(median(p99s), 1),
    }


def misses(result: dict[str, Any]) -> list[str]:
    """Which bars a result does not reach, in words."""
    bars = [
        (
            result["ratio_spread"] >= SPREAD_BAR,
            f"orders over HTTP on many SKUs are {result['ratio_spread']} × the floor, wanted {SPREAD_BAR}",
        ),
        (result["ratio_hot"] >= HOT_BAR, f"orders over HTTP on two SKUs are {result['ratio_hot']} × the floor, wanted {HOT_BAR}"),
        (
            result["cpu_ms_per_order"] <= CPU_BAR_MS,
            f"an order over HTTP takes {result['cpu_ms_per_order']} ms of processor, wanted {CPU_BAR_MS}",
        ),
        (
            result["p99_ms_at_70"] <= P99_BAR_MS,
            f"at 70 % load 99 of 100 orders are answered in {result['p99_ms_at_70']} ms, wanted {P99_BAR_MS}",
        ),
    ]
    return [text for reached, text in bars if not reached]


def _check(shop: _Shop) -> None:
    with tenancy.enter(shop.tenant_id, actor="bench"):
        kept = sql.fetch("SELECT count(*) FROM orders_orders WHERE tenant_id = %s", (shop.tenant_id,))[0][0]
        ours = {c.name for c in verification.checks() if c.name.startswith(("orders.", "inventory.", "attribution."))}
        findings, _ = verification.run_checks(ours)
    assert kept == shop.promised, f"{shop.promised} orders were promised and {kept} are there"
    assert not findings, findings[:3]
