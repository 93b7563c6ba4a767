"""Waves: orders that are picked together in one warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum

from banyan.goods.catalog import queries as catalog
from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory import queries as inventory
from banyan.goods.inventory.commands import UnknownSku, UnknownWarehouse
from banyan.goods.inventory.types import WarehouseId
from banyan.goods.sourcing.queries import waiting_whole
from banyan.kernel import clock, ids, sql, tenancy
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import Conflict, Invalid
from banyan.trade.fulfillment import queries
from banyan.trade.fulfillment.commands.opening import Held, follow_stock, held_pieces, open_fulfillments
from banyan.trade.fulfillment.models import ShelfRow, WaveRow
from banyan.trade.fulfillment.types import WaveId
from banyan.trade.orders import commands as order_commands
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import OrderId

PAGE = 1000
WAVE_MAX = 2000


class NothingToPick(Conflict):
    """No paid order waits in this warehouse outside of a wave."""

    code = "nothing_to_pick"
    advice = "Wait for paid orders, or look at the waves that are open."


def check_warehouse(warehouse_id: WarehouseId) -> None:
    """Raises UnknownWarehouse."""
    if warehouse_id not in {one.warehouse_id for one in inventory.list_warehouses()}:
        raise UnknownWarehouse("No such warehouse.")


def release_wave(warehouse_id: WarehouseId, limit: int = 200) -> WaveId:
    """Pick the longest paid orders with goods in this warehouse that are in no wave yet, at most ``limit``.

    Fulfillments are made here, from what is allocated: a checkout writes none. Two that release at once share no order.
    Raises UnknownWarehouse, NothingToPick, Invalid outside of 1 to 2,000.
    """
    if not 1 <= limit <= WAVE_MAX:
        raise Invalid("A wave takes 1 to 2,000 orders.", field="limit")
    check_warehouse(warehouse_id)
    here = _waiting(warehouse_id, limit)
    if not here:
        raise NothingToPick("No paid order waits in this warehouse.")
    wave_id, entered = WaveId(ids.next_id()), tenancy.entered()
    # Written first, because its fulfillments point to it; a refusal leaves nothing behind.
    columns = ("id", "warehouse_id", "opened_at", "opened_by")
    sql.insert(WaveRow, columns, [(wave_id, warehouse_id, clock.now(), entered.actor if entered else "")])
    order_commands.lock(here)  # whoever packs, ships or picks them at this moment is first, and they are looked at again
    if not _take(here, warehouse_id, wave_id):
        raise NothingToPick("No paid order waits in this warehouse.")
    return wave_id


def _waiting(warehouse_id: WarehouseId, limit: int) -> list[OrderId]:
    """The longest paid orders that wait here and are in no wave, at most ``limit``."""
    here: list[OrderId] = []
    after: tuple[datetime, OrderId] | None = None
    while len(here) < limit:
        page = orders.list_to_ship(after, PAGE)
        if not page:
            break
        after = page[-1]
        known = _known([order_id for _, order_id in page], warehouse_id)
        free = [order_id for _, order_id in page if known.get(order_id) is not _Known.BUSY]
        stay = queries.fetched_orders(free) | waiting_whole(free)
        held = held_pieces(order_id for order_id in free if order_id not in stay)
        here += [order_id for order_id in free if (order_id, warehouse_id) in held]
    return here[:limit]


class _Known(Enum):
    """A fulfillment that there is: it may join a wave, it left and may get more pieces, or a wave has it."""

    FREE = "free"
    LEFT = "left"
    BUSY = "busy"


def _known(order_ids: Sequence[OrderId], warehouse_id: WarehouseId) -> dict[OrderId, _Known]:
    """The fulfillments that there are, by order."""
    rows = sql.fetch(
        "SELECT order_id, CASE WHEN state IN ('shipped', 'delivered', 'returned') THEN 'left' WHEN state = 'open' AND wave_id IS"
        " NULL THEN 'free' ELSE 'busy' END FROM fulfillments WHERE tenant_id = %s AND warehouse_id = %s"
        " AND order_id = ANY(%s::bigint[]) AND state <> 'cancelled'",
        (current_tenant_id(), warehouse_id, list(order_ids)),
    )
    return {OrderId(row[0]): _Known(row[1]) for row in rows}


def _take(order_ids: Sequence[OrderId], warehouse_id: WarehouseId, wave_id: WaveId) -> int:
    """Put the locked orders that still wait here into the wave. A fulfillment without a wave joins it, and so does one that left
    and has got more pieces since: what was missing came in. Whose buyer chose a store meanwhile is not picked."""
    fetched = queries.fetched_orders(order_ids)
    order_ids = [order_id for order_id in order_ids if order_id not in fetched]
    known = _known(order_ids, warehouse_id)
    follow_stock([order_id for order_id in order_ids if known.get(order_id) is _Known.LEFT])
    held = held_pieces(order_ids)
    fresh: Held = {
        (order_id, warehouse_id): held[order_id, warehouse_id]
        for order_id in order_ids
        if order_id not in known and (order_id, warehouse_id) in held
    }
    made = open_fulfillments(fresh, wave_id)
    joined = sql.fetch(
        "UPDATE fulfillments SET wave_id = %s WHERE tenant_id = %s AND warehouse_id = %s AND order_id = ANY(%s::bigint[])"
        " AND state = 'open' RETURNING id",
        (
            wave_id,
            current_tenant_id(),
            warehouse_id,
            [order_id for order_id in order_ids if known.get(order_id) in (_Known.FREE, _Known.LEFT)],
        ),
    )
    return len(made) + len(joined)


def set_shelves(warehouse_id: WarehouseId, shelves: Sequence[tuple[SkuId, str]]) -> int:
    """Say where SKUs lie in a warehouse; an empty shelf forgets it. Returns how many are known now.

    Raises UnknownWarehouse, UnknownSku, Invalid on over-long text.
    """
    check_warehouse(warehouse_id)
    wanted = dict(shelves)
    if any(len(shelf) > 40 or not shelf.isprintable() for shelf in wanted.values()):
        raise Invalid("A shelf has at most 40 printable characters.", field="shelf")
    if catalog.known_skus(wanted) != set(wanted):
        raise UnknownSku("A SKU of this batch does not exist.")
    tenant_id = current_tenant_id()
    sql.execute(
        "DELETE FROM fulfillment_shelves WHERE tenant_id = %s AND warehouse_id = %s AND sku_id = ANY(%s::bigint[])",
        (tenant_id, warehouse_id, sorted(wanted)),
    )
    kept = [(sku_id, shelf.strip()) for sku_id, shelf in sorted(wanted.items()) if shelf.strip()]
    sql.insert(
        ShelfRow, ("id", "warehouse_id", "sku_id", "shelf"),
        [(i, warehouse_id, sku_id, shelf) for i, (sku_id, shelf) in zip(ids.next_ids(len(kept)), kept, strict=True)],
    )  # fmt: skip
    return len(kept)
