"""A month of commission that was sold, provided for and closed, in a staffed shop and through the commands of the houses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from banyan.console.tests.conftest import Staffed
from banyan.earnings.commission import commands, queries
from banyan.earnings.commission.types import Closing, DraftPlan
from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory.types import NewWarehouse, Receipt
from banyan.kernel import clock, ids
from banyan.people.distributors import commands as distributors
from banyan.people.distributors import queries as sellers
from banyan.people.distributors.types import Application
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role
from banyan.trade.orders import commands as orders
from banyan.trade.orders.types import PlaceOrder
from banyan.trade.returns.tests.making import capture

MARCH, APRIL = datetime(2026, 3, 2, 2, tzinfo=UTC), datetime(2026, 3, 31, 18, tzinfo=UTC)
LADDER = {
    "kind": "whole_band", "by": "figure", "figure": "month_sales_minor", "true_up": True,
    "bands": [{"from_minor": 0, "rate_bp": 500}, {"from_minor": 20_000, "rate_bp": 800}],
}  # fmt: skip
MONTHS: dict[str, Any] = {
    "format": 1, "title": "Months", "unqualified": "breakage", "hold_days": 7, "caps": {"total_bp": 2500},
    "rules": [
        {"key": "band", "title": "Monthly ladder", "pays": {"to": "seller"}, "amount": LADDER},
        {"key": "bonus", "title": "Monthly bonus", "pays": {"to": "member", "period": "month", "min_sales_minor": 15_000},
         "amount": {"kind": "rate", "rate_bp": 100}},
        {"key": "pool", "title": "Monthly pool", "pays": {"to": "pool", "period": "month", "weight": "team_sales"},
         "amount": {"kind": "rate", "rate_bp": 200}},
    ],
}  # fmt: skip


def make_distributors(staffed: Staffed, *sponsors: int | None, drain: bool = True) -> list[int]:
    """Approved distributors; each number is the position of the sponsor among those before, None a root."""
    made: list[int] = []
    for sponsor in sponsors:
        with staffed.shop.enter():
            code = sellers.get_distributor(made[sponsor]).code if sponsor is not None else None  # type: ignore[arg-type]
            (user,) = identity.register_users([NewUser(f"d{ids.next_id()}", None, "某人", None, (Role.CONSUMER,))])
            (applied,) = distributors.apply([Application(user, code, clock.now())])
            distributors.approve([applied.distributor_id], clock.now())  # type: ignore[union-attr]
            made.append(int(applied.distributor_id))  # type: ignore[union-attr]
        if drain:
            staffed.shop.drain()
    return made


def code_of(staffed: Staffed, distributor_id: int) -> str:
    """The referral code of a distributor."""
    with staffed.shop.enter():
        return sellers.get_distributor(distributor_id).code  # type: ignore[arg-type]


def publish(staffed: Staffed, document: dict[str, Any]) -> int:
    """Draft, have approved and publish a plan now."""
    with staffed.shop.enter():
        version_id = commands.draft_plan(DraftPlan(document, "usr_a"))
        commands.approve_plan(version_id, approved_by="usr_b")
        commands.publish_plan(version_id, published_by="usr_a")
    return int(version_id)


def sell(staffed: Staffed, seller_id: int, *prices_minor: int) -> list[int]:
    """One paid order per price that this distributor referred."""
    with staffed.shop.enter():
        code = sellers.get_distributor(seller_id).code  # type: ignore[arg-type]
        skus = make_skus(list(prices_minor))
        (warehouse,) = inventory.open_warehouses([NewWarehouse(f"w{ids.next_id()}", "主仓")])
        inventory.receive_stock([Receipt(warehouse, sku, 10) for sku in skus])
        placed = orders.place_orders([PlaceOrder(staffed.people[Role.CONSUMER], ((sku, 1),), code=code) for sku in skus])  # type: ignore[arg-type]
        order_ids = [one.order_id for one in placed]  # type: ignore[union-attr]
        orders.open_payments(order_ids, "wechat_pay")
        capture(order_ids)
    staffed.shop.drain()
    return [int(one) for one in order_ids]


def close_a_month(staffed: Staffed) -> tuple[list[int], list[Closing]]:
    """Three distributors in a line sell in March: 90 and 150 yuan by the lowest, 80 by the one above. One midnight is provided
    for, then the month closes. Returns the distributors, the root first, and the closings, the final one first."""
    with clock.driven(MARCH):
        people = make_distributors(staffed, None, 0, 1)
        publish(staffed, MONTHS)
        sell(staffed, people[2], 9_000, 15_000)
        sell(staffed, people[1], 8_000)
    for at in (MARCH + timedelta(days=1), APRIL):
        with clock.driven(at), staffed.shop.enter():
            while commands.provide_due(at) + commands.close_due(at):
                pass
    with staffed.shop.enter():
        return people, queries.list_closings()
