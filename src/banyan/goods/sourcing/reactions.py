"""What happens to stock and makes orders wait, or ends their waiting."""

from __future__ import annotations

from banyan.goods.inventory.events import PromiseBroken, PromiseMended, WarehouseClosed
from banyan.goods.inventory.types import WarehouseId
from banyan.goods.sourcing import commands
from banyan.goods.sourcing.types import Broken
from banyan.kernel import clock, events


@events.reaction("sourcing.open_broken", on=(PromiseBroken,), batch=500)
def open_broken(broken: list[PromiseBroken]) -> None:
    """Paid lines whose pieces are lost wait, and the shop is told."""
    commands.open_broken([Broken(e.order_id, e.line_id, e.sku_id, e.quantity) for e in broken if e.was_paid], clock.now())


@events.reaction("sourcing.end_mended", on=(PromiseMended,), batch=500)
def end_mended(mended: list[PromiseMended]) -> None:
    """Their waiting is over."""
    commands.end_mended(sorted({e.order_id for e in mended}), clock.now())


@events.reaction("sourcing.clear_warehouse", on=(WarehouseClosed,), batch=10)
def clear_warehouse(closed: list[WarehouseClosed]) -> None:
    """What a closed warehouse holds for orders moves."""
    for warehouse_id in sorted({e.warehouse_id for e in closed}):
        commands.clear_warehouse(WarehouseId(warehouse_id), clock.now())
