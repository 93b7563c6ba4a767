"""What happens to stock and makes orders wait, or ends their waiting."""

from __future__ import annotations

from banyan.goods.inventory.events import PromiseBroken, PromiseMended, WarehouseClosed
from banyan.goods.inventory.types import WarehouseId
from banyan.goods.sourcing import commands
from banyan.goods.sourcing.types import Broken
from banyan.kernel import clock, events


@events.reaction(commands.FOLLOWING, on=(PromiseBroken, PromiseMended), batch=500)
def follow_promises(told: list[PromiseBroken | PromiseMended]) -> None:
    """Paid lines whose pieces are lost wait, and the shop is told; what is held again waits no more. One reaction hears both,
    so that nothing is opened after it was mended."""
    now = clock.now()
    commands.open_broken(
        [Broken(e.order_id, e.line_id, e.sku_id, e.quantity) for e in told if isinstance(e, PromiseBroken) and e.was_paid], now
    )
    commands.end_mended(sorted({e.order_id for e in told if isinstance(e, PromiseMended)}), now)


@events.reaction("sourcing.clear_warehouse", on=(WarehouseClosed,), batch=10)
def clear_warehouse(closed: list[WarehouseClosed]) -> None:
    """What a closed warehouse holds for orders moves."""
    for warehouse_id in sorted({e.warehouse_id for e in closed}):
        commands.clear_warehouse(WarehouseId(warehouse_id), clock.now())
