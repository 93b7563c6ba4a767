"""Paid orders in warehouses, for the tests of this house."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory.types import NewWarehouse, Receipt, WarehouseKind
from banyan.trade.fulfillment import commands, queries
from banyan.trade.fulfillment.types import OrderShipment, ParcelId
from banyan.trade.orders import commands as orders
from banyan.trade.orders.tests.test_paying import pay
from banyan.trade.orders.types import Placed, PlaceOrder, Recipient, Refused

_numbers = itertools.count(1)
RECIPIENT = Recipient("王小明", "13800000000", "杭州市西湖区 1 号", "330106")


@dataclass
class Stocked:
    """A shop with goods in its warehouses and buyers."""

    tenant: Any
    buyers: list[Any]
    skus: list[Any]
    warehouses: list[Any]

    def paid(self, *orders_of: Sequence[tuple[int, int]], buyer: int = 0) -> list[Placed]:
        """Paid orders of (position of the SKU, pieces)."""
        with self.tenant.enter():
            outcomes = orders.place_orders(
                [
                    PlaceOrder(self.buyers[buyer], tuple((self.skus[sku], n) for sku, n in lines), recipient=RECIPIENT)
                    for lines in orders_of
                ]
            )
            placed = [one for one in outcomes if isinstance(one, Placed)]
            assert len(placed) == len(orders_of), outcomes
            for one in placed:
                pay(one.order_id)
        self.tenant.drain()
        return placed

    def wave(self, warehouse: int = 0, limit: int = 200) -> Any:
        """Release a wave; the fulfillments of its orders, in their order."""
        with self.tenant.enter("usr_picker"):
            wave_id = commands.release_wave(self.warehouses[warehouse], limit)
            found = queries.list_fulfillments(wave_id=wave_id, limit=None)
            return sorted(found, key=lambda one: one.order_id)

    def sent(self, *placed: Placed, carrier: str = "顺丰") -> list[ParcelId]:
        """Whole orders sent in one parcel each, by a carrier that is not wired in unless named."""
        with self.tenant.enter():
            outcomes = commands.ship_orders(
                [OrderShipment(one.order_id, carrier, f"SF{next(_numbers):08d}", 500) for one in placed]
            )
        assert not any(isinstance(one, Refused) for one in outcomes), outcomes
        return [one for one in outcomes if not isinstance(one, Refused)]


def stock(tenant: Any, make_buyers: Any, pieces: Sequence[Sequence[int]] = ((100, 100),), stores: int = 0) -> Stocked:
    """Warehouses with so many pieces of each SKU; the last ``stores`` of them are stores."""
    with tenant.enter():
        skus = make_skus([100 * (position + 1) for position in range(len(pieces[0]))])
        kinds = [WarehouseKind.REGIONAL] * (len(pieces) - stores) + [WarehouseKind.STORE] * stores
        warehouses = inventory.open_warehouses(
            [NewWarehouse(f"w{next(_numbers)}", f"仓{i}", i, kind, "330106", "钱江路 1 号") for i, kind in enumerate(kinds)]
        )
        receipts = [
            Receipt(warehouse, sku, quantity)
            for warehouse, of_warehouse in zip(warehouses, pieces, strict=True)
            for sku, quantity in zip(skus, of_warehouse, strict=True)
            if quantity
        ]
        inventory.receive_stock(receipts)
        return Stocked(tenant, make_buyers(3), list(skus), list(warehouses))


def code_of(outcome: Any) -> str:
    """A refusal's code, or done."""
    return outcome.code if isinstance(outcome, Refused) else "done"
