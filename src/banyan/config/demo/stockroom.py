"""What the demo's warehouses do besides orders: transfers at every stage, stock takes, a live room's stock, safety stock; and
where orders come from."""

from __future__ import annotations

from banyan.config.demo.founding import DemoShop
from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import NewChannelStock, SafetyStock, WarehouseId
from banyan.goods.sourcing import commands as sourcing
from banyan.goods.sourcing.types import Capacity, Policy
from banyan.goods.warehousing import commands, queries
from banyan.goods.warehousing.types import Arrived, Counted, NewStockTake, NewTransfer, TransferId, Wanted
from banyan.kernel import clock, tenancy


def choose_warehouses(shop: DemoShop) -> None:
    """From now on the warehouses of paid orders are chosen by cost; the southern one has its limit."""
    with tenancy.enter(shop.tenant_id, actor="demo", reason="warehouses by cost"):
        sourcing.set_policy(Policy(is_on=True, promise_hours=48))
        south = next(one for one in stock.list_warehouses() if one.code == "south")
        sourcing.set_capacities([Capacity(south.warehouse_id, 30)])


def work(shop: DemoShop) -> None:
    """One day's work in the warehouses, by the warehouse's clerk and the operator who looks after him."""
    clerk, boss = int(shop.staff["warehouse"]), int(shop.staff["operator"])
    with tenancy.enter(shop.tenant_id, actor="demo", reason="a day in the warehouses"):
        east, south, north = (one.warehouse_id for one in stock.list_warehouses())
        free = stock.available(shop.sku_ids)
        plenty = sorted(shop.sku_ids, key=lambda sku_id: (-free[sku_id], sku_id))
        _transfer(plenty[:6], east, south, north, clerk, boss)
        _count(plenty[6:10], south, clerk, boss)
        inventory.set_aside([NewChannelStock("live/spring-tea", sku_id, 30) for sku_id in plenty[10:12]])
        inventory.set_safety_stock(
            [
                *(SafetyStock(east, sku_id, 20) for sku_id in shop.sku_ids),
                *(SafetyStock(north, sku_id, stock.stock_levels([sku_id], north)[0].available + 5) for sku_id in plenty[:2]),
                SafetyStock(north, plenty[5], 10),
            ]
        )
        inventory.raise_alerts(clock.now())


def _transfer(skus: list[SkuId], east: WarehouseId, south: WarehouseId, north: WarehouseId, clerk: int, boss: int) -> None:
    """One that has come in but for a broken piece, one on the way, one drafted; and one that empties a place."""
    now = clock.now()
    arrived = _sent(skus[:2], east, south, 12, "华南补货", clerk)
    found = queries.find_transfer(arrived)
    lines = found.lines if found is not None else ()
    told = [Arrived(line.line_id, line.quantity - (1 if place == 0 else 0), 1 if place == 0 else 0, "运输破损")
            for place, line in enumerate(lines)]  # fmt: skip
    commands.receive_transfer(arrived, told, "demo", boss, now)
    on_the_way = _sent(skus[2:4], east, north, 20, "华北补货", clerk)
    found = queries.find_transfer(on_the_way)
    if found is not None:
        commands.receive_transfer(on_the_way, [Arrived(found.lines[0].line_id, 8)], "demo", boss, now)
    commands.draft_transfer(NewTransfer(south, north, [Wanted(skus[4], 15)], "待确认"), clerk)
    _sent([skus[5]], north, south, stock.stock_levels([skus[5]], north)[0].available, "华北清仓", clerk)


def _sent(skus: list[SkuId], source: WarehouseId, destination: WarehouseId, pieces: int, note: str, clerk: int) -> TransferId:
    transfer_id = commands.draft_transfer(NewTransfer(source, destination, [Wanted(sku, pieces) for sku in skus], note), clerk)
    commands.send_transfer(transfer_id, clock.now())
    return transfer_id


def _count(skus: list[SkuId], place: WarehouseId, clerk: int, boss: int) -> None:
    """One stock take that was approved, one under way."""
    decided = commands.open_stock_take(NewStockTake(place, skus[:2], "月末抽盘"), clerk)
    counts = [
        Counted(line.sku_id, stock_on_hand + (-1 if number == 0 else 0), line.lot_id)
        for number, line in enumerate(queries.list_stock_take_lines(decided))
        for stock_on_hand in [_book(place, line.sku_id, line.lot_id)]
    ]
    commands.count(decided, counts, clerk)
    commands.approve_stock_take(decided, boss, clock.now())
    open_one = commands.open_stock_take(NewStockTake(place, None, "全仓盘点"), clerk)
    some = queries.list_stock_take_lines(open_one, limit=5)
    commands.count(open_one, [Counted(n.sku_id, _book(place, n.sku_id, n.lot_id) + 1, n.lot_id) for n in some[:2]], clerk)


def _book(place: WarehouseId, sku_id: SkuId, lot_id: int | None) -> int:
    if lot_id is None:
        return stock.stock_levels([sku_id], place)[0].on_hand
    return next(one.on_hand for one in stock.lot_stock(lot_ids=[lot_id]) if one.warehouse_id == place)  # type: ignore[list-item]
