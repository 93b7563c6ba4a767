"""Paid orders as orders and attribution would tell of them, for tests of this house alone.

The journey test goes through the real houses; here orders are told directly, so that every case can be set up in a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from banyan.earnings.commission import commands
from banyan.earnings.commission.types import DraftPlan
from banyan.goods.catalog.types import SkuFacts
from banyan.kernel import ids, sql
from banyan.people.distributors.types import Status, Tier
from banyan.trade.attribution.types import FrozenAttribution, Source, UplineMember
from banyan.trade.orders.types import CommissionableLine, CommissionableOrder
from banyan.treasury.ledger import queries as ledger
from banyan.treasury.ledger.types import AccountKind, AccountRef

T0 = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
DOCUMENT: dict[str, Any] = {
    "format": 1,
    "title": "Two above",
    "unqualified": "breakage",
    "hold_days": 7,
    "caps": {"total_bp": 2500},
    "rules": [
        {
            "key": "seller",
            "priority": 100,
            "title": "Seller",
            "pays": {"to": "seller"},
            "amount": {"kind": "rate", "rate_bp": 1000},
        },
        {"key": "parent", "priority": 100, "pays": {"to": "ancestor", "depth": 1}, "amount": {"kind": "rate", "rate_bp": 500}},
        {
            "key": "grandparent",
            "priority": 100,
            "pays": {"to": "ancestor", "depth": 2},
            "amount": {"kind": "rate", "rate_bp": 200},
        },
    ],
}


def seller_only(rate_bp: int = 1000, **changes: Any) -> dict[str, Any]:
    """A plan that the letter of any law with a rate allows."""
    rules = [{"key": "seller", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": rate_bp}}]
    return {**DOCUMENT, "title": "Seller only", "rules": rules, **changes}


@dataclass
class Sales:
    """The orders that this test has sold, as the houses below would tell of them."""

    shop: Any
    orders: dict[int, CommissionableOrder] = field(default_factory=dict)
    paths: dict[int, FrozenAttribution] = field(default_factory=dict)
    open_returns: set[int] = field(default_factory=set)

    def sell(self, *amounts: int, upline: Sequence[int | tuple[int, Status, Tier]] = (1, 2, 3), paid_at: datetime = T0) -> int:
        """A paid order with one line per amount; returns its id. Distributors are ids, or (id, status, tier)."""
        order_id, *line_ids = ids.next_ids(1 + len(amounts))
        lines = tuple(
            CommissionableLine(line_id, SkuFacts(7, 7, (1, 12), ("eco",), None, amount, 0, "CNY", T0), 1, amount)  # type: ignore[arg-type]
            for line_id, amount in zip(line_ids, amounts, strict=True)
        )
        self.orders[order_id] = CommissionableOrder(order_id, 99, paid_at, "CNY", lines)  # type: ignore[arg-type]
        members = []
        for depth, one in enumerate(upline):
            distributor, status, tier = one if isinstance(one, tuple) else (one, Status.ACTIVE, Tier.GOLD)
            members.append(UplineMember(distributor, depth, tier, status))  # type: ignore[arg-type]
        referrer = members[0].distributor_id if members else None
        self.paths[order_id] = FrozenAttribution(order_id, 99, None, referrer, Source.CODE, tuple(members), paid_at)  # type: ignore[arg-type]
        return order_id

    def lines(self, order_id: int) -> list[int]:
        """The order's line ids."""
        return [line.line_id for line in self.orders[order_id].lines]

    def publish(self, document: dict[str, Any] = DOCUMENT, name: str = "") -> int:
        """Draft, have approved and publish a plan now."""
        with self.shop.enter():
            version_id = commands.draft_plan(DraftPlan(document, "test", name))
            commands.approve_plan(version_id, approved_by="second")
            commands.publish_plan(version_id, published_by="test")
        return version_id

    def balance(self, distributor_id: int, kind: AccountKind = AccountKind.DISTRIBUTOR_PENDING) -> int:
        """A balance in the ledger."""
        with self.shop.enter():
            ref = AccountRef(kind, distributor_id)
            return ledger.balances([ref])[ref]

    def count(self, table: str) -> int:
        """Rows of the shop in a table of this house."""
        with self.shop.enter():
            return int(sql.fetch(f"SELECT count(*) FROM {table} WHERE tenant_id = %s", (self.shop.id,))[0][0])


def tell(sales: Sales, monkeypatch: pytest.MonkeyPatch) -> Sales:
    """Let the house hear of these sales instead of the houses below."""

    def commissionable(order_ids: Sequence[int]) -> list[CommissionableOrder]:
        return [sales.orders[order_id] for order_id in order_ids if order_id in sales.orders]

    def frozen(order_ids: Sequence[int]) -> dict[int, FrozenAttribution]:
        return {order_id: sales.paths[order_id] for order_id in order_ids if order_id in sales.paths}

    def open_returns(order_ids: Sequence[int]) -> set[int]:
        return sales.open_returns & set(order_ids)

    told = "banyan.earnings.commission.queries.inputs"
    monkeypatch.setattr(f"{told}.orders", SimpleNamespace(commissionable=commissionable))
    monkeypatch.setattr(f"{told}.attribution", SimpleNamespace(frozen=frozen))
    monkeypatch.setattr("banyan.earnings.commission.commands.hold.returns", SimpleNamespace(open_returns=open_returns))
    return sales
