"""`banyan bench accrual`: paid orders become booked commission, through the reaction that the worker runs.

Everything before it is done with the same commands as in production and not measured: people join, orders are placed and
paid, and their events wait. Measured is the drain of `commission.accrue` alone: events, orders, the frozen uplines, the
decision, the rows and the ledger. Every order pays the seller and three ancestors. The bench leaves its tenant behind, so run
it in a home of its own.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from typing import Any

from django.db import connections

from banyan.config.bench import processor
from banyan.earnings.commission import commands as commission
from banyan.earnings.commission.types import DraftPlan
from banyan.goods.catalog import commands as catalog
from banyan.goods.catalog.types import NewCategory, NewProduct, NewSku
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory.types import NewWarehouse, Receipt
from banyan.kernel import clock, events, garbage, sql, tenancy, verification
from banyan.people.distributors import commands as distributors
from banyan.people.distributors.types import Application, Applied
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role, UserId
from banyan.people.network import commands as network
from banyan.people.network.types import BindRequest, BindSource
from banyan.trade.orders import commands as orders
from banyan.trade.orders.types import Placed, PlaceOrder
from banyan.treasury.payments import commands as payments
from banyan.treasury.payments import queries as collected
from banyan.treasury.payments.types import CaptureNotice

REACTION = "commission.accrue"
WIDTHS = (5, 25, 125, 845)
"""Distributors at each depth of the tree; the buyers are bound to the deepest, so that everybody has three ancestors."""
BUYERS = 2_000
SKUS = 500
BATCH = 1_000
CHANNEL = "bench"
SEED = 20260101
PLAN: dict[str, Any] = {
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


def run(order_count: int = 20_000, say: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """Returns `orders_per_s` (wall time) and `cpu_ms_per_order` (this process, and PostgreSQL where it runs on this machine).

    Raises AssertionError when an order was not accrued to four payees per line, or when any check of commission or of the
    ledger finds something.
    """
    tenant_id = tenancy.create_tenant(f"bench-{os.urandom(5).hex()}", "Bench of accrual", jurisdiction="sandbox")
    chance = random.Random(SEED)
    say("people, goods and a plan")
    buyers = found(tenant_id, chance)
    skus = _stock(tenant_id)
    line_count = 0
    for start in range(0, order_count, BATCH):
        line_count += _sell(tenant_id, buyers, skus, min(BATCH, order_count - start), chance)
        say(f"{start + BATCH:,} of {order_count:,} orders placed and paid")
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE")
    say("accruing")
    garbage.settle()  # as a worker does, which does not carry the garbage of having set all of this up
    server = processor.postmaster()
    cpu_before, started = _cpu_seconds(server), time.perf_counter()
    delivered = events.drain(tenant_id, names={REACTION})
    seconds, cpu = time.perf_counter() - started, _cpu_seconds(server) - cpu_before
    assert delivered == order_count, f"{delivered} of {order_count} events delivered"
    say("checking every commission against its frozen inputs, and the ledger")
    _check(tenant_id, order_count, line_count)
    return {"orders_per_s": round(order_count / seconds), "cpu_ms_per_order": round(cpu / order_count * 1000, 4)}


def found(tenant_id: int, chance: random.Random) -> list[UserId]:
    """The tree, the plan and the buyers bound to its leaves."""
    codes: list[str] = []
    leaves: list[int] = []
    for depth, width in enumerate(WIDTHS):
        with tenancy.enter(tenant_id, actor="bench"):
            users = identity.register_users([NewUser(f"d{depth}-{n}", None, "d", None, (Role.CONSUMER,)) for n in range(width)])
            sponsors = [codes[n % len(codes)] if codes else None for n in range(width)]
            outcomes = distributors.apply(
                [Application(user, sponsor, clock.now()) for user, sponsor in zip(users, sponsors, strict=True)]
            )
            joined = [one for one in outcomes if isinstance(one, Applied)]
            assert len(joined) == width, "an application was refused"
            distributors.approve([one.distributor_id for one in joined], clock.now())
        events.drain(tenant_id)
        codes, leaves = [one.code for one in joined], [one.distributor_id for one in joined]
    with tenancy.enter(tenant_id, actor="bench"):
        commission.publish_plan(commission.draft_plan(DraftPlan(PLAN)))
        buyers = identity.register_users([NewUser(f"b{n}", None, "b", None, (Role.CONSUMER,)) for n in range(BUYERS)])
        at = clock.now()
        network.bind([BindRequest(buyer, chance.choice(leaves), BindSource.SIGN_UP, at) for buyer in buyers])  # type: ignore[arg-type]
    events.drain(tenant_id)
    return buyers


def _stock(tenant_id: int) -> list[Any]:
    with tenancy.enter(tenant_id, actor="bench"):
        category = catalog.create_categories([NewCategory("bench", "压测")])[0]
        made = catalog.create_products(
            [NewProduct(f"p{n}", f"p{n}", category, (NewSku(f"p{n}", 990 + 137 * n, 500),)) for n in range(SKUS)]
        )
        skus = [sku for product in made for sku in product.sku_ids]
        warehouse = inventory.open_warehouses([NewWarehouse("w", "w", 10)])[0]
        inventory.receive_stock([Receipt(warehouse, sku, 1_000_000, "bench", f"bench/{sku}") for sku in skus])
    return skus


def _sell(tenant_id: int, buyers: list[UserId], skus: list[Any], count: int, chance: random.Random) -> int:
    """Place and pay a batch; every reaction but the measured one hears of it. Returns the number of lines."""
    wishes = [
        PlaceOrder(chance.choice(buyers), [(sku, chance.randint(1, 3)) for sku in chance.sample(skus, chance.choice((1, 1, 2)))])
        for _ in range(count)
    ]
    with tenancy.enter(tenant_id, actor="bench"):
        placed = [one for one in orders.place_orders(wishes) if isinstance(one, Placed)]
        assert len(placed) == count, "an order was refused"
        orders.open_payments([one.order_id for one in placed], CHANNEL)
        opened = collected.list_payments_of([one.order_id for one in placed])
        payments.capture(
            [
                CaptureNotice(CHANNEL, each.out_trade_no, f"x{each.out_trade_no}", each.amount_minor, each.currency, clock.now())
                for of_order in opened.values()
                for each in of_order
            ]
        )
    others = {reaction.name for reaction in events.reactions()} - {REACTION}
    events.drain(tenant_id, names=others)
    return sum(len(one.line_ids) for one in placed)


def _check(tenant_id: int, order_count: int, line_count: int) -> None:
    events.drain(tenant_id)
    with tenancy.enter(tenant_id, actor="bench"):
        counted = sql.fetch(
            "SELECT (SELECT count(*) FROM commission_accruals WHERE tenant_id = %s),"
            " (SELECT count(*) FROM commission_commissions WHERE tenant_id = %s)",
            (tenant_id, tenant_id),
        )[0]
        assert counted == (order_count, 4 * line_count), f"{counted} instead of {(order_count, 4 * line_count)}"
        ours = {check.name for check in verification.checks() if check.name.startswith(("commission.", "ledger."))}
        findings, _ = verification.run_checks(ours)
    assert not findings, findings[:3]


def _cpu_seconds(server: int | None) -> float:
    """Processor time of this process and, where it runs on this machine, of PostgreSQL."""
    return processor.own_seconds() + (processor.tree_seconds(server) if server is not None else 0.0)
