"""`banyan bench simulate`: a draft over a year of paid orders, side by side with the plan in force, by two worker processes.

The orders are written straight into the table of accruals, each with the total that the live engine gives on its frozen inputs;
that is not measured. Measured is `simulation.simulate` over all of them: reading, deciding each order by both plans, adding up.
Checked: every order's stored total, the whole total, and a window decided order by order by the live engine. The bench leaves its
tenant behind, so run it in a home of its own.
"""

from __future__ import annotations

import os
import random
import resource
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from django.db import connections

from banyan.earnings.commission import commands as commission
from banyan.earnings.commission import queries as plans
from banyan.earnings.commission.types import DraftPlan, LegalCeiling
from banyan.earnings.simulation import commands as simulation
from banyan.kernel import ids, sql, tenancy
from banyan.people.distributors.types import Tier

SECONDS_BAR = 60.0
"""For a million orders on two processors."""
ORDERS_BAR = 1_000_000
PEOPLE = 5_000
SKUS = 500
YEAR = timedelta(days=365)
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
SEED = 20260102
IN_FORCE: dict[str, Any] = {
    "format": 1,
    "title": "Bench: the seller and three above",
    "unqualified": "compression",
    "hold_days": 7,
    "caps": {"total_bp": 2000, "payee_minor": 500_000},
    "rules": [
        {
            "key": "seller",
            "pays": {"to": "seller"},
            "amount": {
                "kind": "progressive",
                "by": "order",
                "bands": [{"from_minor": 0, "rate_bp": 800}, {"from_minor": 50_000, "rate_bp": 1000}],
            },
        },
        {"key": "first", "pays": {"to": "ancestor", "depth": 1}, "amount": {"kind": "rate", "rate_bp": 300}},
        {"key": "second", "pays": {"to": "ancestor", "depth": 2}, "amount": {"kind": "rate", "rate_bp": 200}},
        {"key": "third", "pays": {"to": "ancestor", "depth": 3}, "amount": {"kind": "rate", "rate_bp": 100}},
    ],
}
DRAFT: dict[str, Any] = {
    **IN_FORCE,
    "title": "Bench: more to the seller, a booster on new goods",
    "hold_days": 14,
    "groups": {"base": "add", "boost": "max"},
    "rules": [
        {"key": "seller", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 1100}},
        {
            "key": "first",
            "pays": {"to": "ancestor", "depth": 1, "min_tier": "silver"},
            "amount": {"kind": "rate", "rate_bp": 250},
        },
        {
            "key": "new-goods",
            "pays": {"to": "earner"},
            "amount": {"kind": "multiplier", "of": "base", "times_bp": 15_000},
            "when": {"new_goods_days": 30},
            "group": "boost",
        },
    ],
}


def run(order_count: int = ORDERS_BAR, say: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """Returns `orders`, `seconds` (wall time) and `peak_mib` (parent and workers together).

    Raises AssertionError when an order is missing, or when a sum is not what the live engine gives.
    """
    slug = f"bench-{os.urandom(5).hex()}"
    tenant_id = tenancy.create_tenant(slug, "Bench of simulation", jurisdiction="sandbox")
    say(f"writing {order_count:,} accrued orders")
    with tenancy.enter(tenant_id, actor="bench"):
        version_id = commission.draft_plan(DraftPlan(IN_FORCE))
        commission.publish_plan(version_id)
        rows = _rows(tenant_id, int(version_id), order_count)
    _write(rows)
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE commission_accruals")
    say("simulating")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    found = simulation.simulate(tenant_id, DRAFT, BEGIN, BEGIN + YEAR)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert found is not None
    say(f"checking; the workers took {cpu:.1f} s of processor time")
    _check(tenant_id, order_count, found)
    return {"orders": order_count, "seconds": round(seconds, 2), "peak_mib": found.peak_mib}


def misses(result: dict[str, Any]) -> list[str]:
    """The bar, in proportion to the number of orders."""
    allowed = SECONDS_BAR * max(result["orders"], ORDERS_BAR // 20) / ORDERS_BAR
    if result["seconds"] < allowed:
        return []
    return [f"{result['orders']:,} orders took {result['seconds']:.1f} s, wanted {allowed:.0f} s"]


def _write(rows: Iterator[tuple[Any, ...]]) -> None:
    """As the owner: COPY does not go through row-level security."""
    columns = (
        "id, tenant_id, plan_version_id, paid_at, accrued_at, currency, rule_set, legal_depth, legal_bp, inputs, total_minor,"
        " hold_days, received_at, release_after"
    )
    raw: Any = connections["owner"]
    raw.ensure_connection()
    with raw.connection.cursor() as cursor, cursor.copy(f"COPY commission_accruals ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _rows(tenant_id: int, version_id: int, count: int) -> Iterator[tuple[Any, ...]]:
    """Paid evenly over the year; one line in two of three orders, two in the others; four people up, in their tiers."""
    chance = random.Random(SEED)
    compiled = plans.compile_document(IN_FORCE)
    tiers = [tier.value for tier in Tier]
    people = [(number, chance.choice(tiers), "frozen" if chance.random() < 0.02 else "active") for number in range(1, PEOPLE + 1)]
    goods = [
        (n, 990 + 137 * n, [1, 2 + n % 20], ["eco"] if n % 3 else [], BEGIN + timedelta(days=chance.randint(-200, 300)))
        for n in range(1, SKUS + 1)
    ]
    ceiling = LegalCeiling("sandbox", 10, 10_000)
    numbers = ids.next_ids(count * 3)
    for n in range(count):
        paid_at = BEGIN + YEAR * n / count
        lines = []
        for place, good in enumerate(chance.sample(goods, chance.choice((1, 1, 2)))):
            quantity = chance.randint(1, 3)
            lines.append((numbers[3 * n + place], good[1] * quantity, quantity, good[0], good[2], good[3], good[4]))
        upline = [(person[0], depth, person[1], person[2], None) for depth, person in enumerate(chance.sample(people, 4))]
        text = orjson.dumps({"lines": lines, "upline": upline}).decode()
        order = plans.thaw_inputs(numbers[3 * n], paid_at, text)
        total = sum([share.amount_minor for share in compiled.decide(order, ceiling)])
        received = paid_at + timedelta(days=3) if n % 20 else None
        release = received + timedelta(days=7) if received else None
        yield (
            numbers[3 * n], tenant_id, version_id, paid_at, paid_at, "CNY", "sandbox", 10, 10_000, text, total, 7, received,
            release,
        )  # fmt: skip


def _check(tenant_id: int, order_count: int, found: simulation.Simulated) -> None:
    tally = found.tally
    with tenancy.enter(tenant_id, actor="bench"):
        stored = sql.fetch("SELECT count(*), sum(total_minor) FROM commission_accruals WHERE tenant_id = %s", (tenant_id,))[0]
        rows = sql.fetch(
            "SELECT id, paid_at, inputs FROM commission_accruals WHERE tenant_id = %s AND paid_at >= %s"
            " ORDER BY paid_at LIMIT 2000",
            (tenant_id, BEGIN + YEAR / 2),
        )
    assert (tally.order_count, tally.total.old) == (order_count, int(stored[1])), "orders or totals differ"
    assert tally.differing == 0, f"{tally.differing} orders differ"
    draft, ceiling = plans.compile_document(DRAFT), LegalCeiling("sandbox", 10, 10_000)
    live = sum(share.amount_minor for row in rows for share in draft.decide(plans.thaw_inputs(row[0], row[1], row[2]), ceiling))
    window = simulation.simulate(tenant_id, DRAFT, rows[0][1], rows[-1][1] + timedelta(microseconds=1), processes=0)
    assert window is not None
    assert (window.tally.order_count, window.tally.total.new) == (len(rows), live), "the simulator and the live engine differ"
