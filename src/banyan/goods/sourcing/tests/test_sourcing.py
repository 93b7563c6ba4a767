"""The house from the payment of a batch to a served backorder, on a real database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.events import PromiseBroken
from banyan.goods.inventory.types import (
    LotRule,
    NewChannelStock,
    NewLot,
    NewWarehouse,
    Receipt,
    ReservationState,
    ReserveLine,
    ReturnedGoods,
)
from banyan.goods.sourcing import commands, queries
from banyan.goods.sourcing.commands import waiting
from banyan.goods.sourcing.events import BackorderCancelled, BackorderOpened, BackorderServed
from banyan.goods.sourcing.types import BackorderState, Capacity, Cause, Policy, Shortfall, Split, ToSource, Weights, Zone
from banyan.kernel import clock, sql
from banyan.kernel.values.errors import Invalid

NOON = datetime(2026, 3, 10, 4, tzinfo=UTC)
BEIJING, SHANGHAI, HANGZHOU, URUMQI = "110100", "310100", "330106", "650100"


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with clock.driven(NOON):
        yield


class Shop:
    """Two warehouses, the northern one first by priority; two SKUs of half a kilo."""

    def __init__(self, is_on: bool = True, **policy: Any) -> None:
        self.north, self.south = inventory.open_warehouses(
            [NewWarehouse("north", "北仓", 1, region_code=BEIJING), NewWarehouse("south", "南仓", 2, region_code=SHANGHAI)]
        )
        self.a, self.b = make_skus([1000, 2000], weight_grams=500)
        commands.set_policy(Policy(is_on=is_on, **policy))

    def receive(self, warehouse: Any, sku: Any, pieces: int) -> None:
        inventory.receive_stock([Receipt(warehouse, sku, pieces)])

    def hold(self, order: int, *lines: tuple[Any, int]) -> None:
        wanted = [ReserveLine(order, order * 10 + n, sku, pieces) for n, (sku, pieces) in enumerate(lines)]
        assert inventory.reserve(wanted) == {}

    def pay(self, *orders: tuple[int, str]) -> dict[int, Any]:
        missing = commands.source([ToSource(*order) for order in orders], NOON)
        assert inventory.allocate([order[0] for order in orders], NOON) == set()
        return missing

    def held(self, order: int) -> set[tuple[int, int, int]]:
        open_states = (ReservationState.RESERVED, ReservationState.ALLOCATED)
        rows = stock.list_reservations([order])[order]
        return {(one.warehouse_id, one.sku_id, one.quantity) for one in rows if one.state in open_states}


def recorded(kind: type[Any]) -> list[dict[str, Any]]:
    return [row[0] for row in sql.fetch("SELECT payload FROM outbox_events WHERE kind = %s ORDER BY id", (kind.kind,))]


def test_goods_are_held_near_the_buyer(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop()
        for warehouse in (shop.north, shop.south):
            shop.receive(warehouse, shop.a, 5)
        shop.hold(1, (shop.a, 2))
        assert shop.held(1) == {(shop.north, shop.a, 2)}  # by priority
        assert shop.pay((1, HANGZHOU)) == {}
        assert shop.held(1) == {(shop.south, shop.a, 2)}
        (decision,) = queries.list_decisions([1])[1]
        choice = decision.choice
        assert (decision.cause, decision.moved_pieces, decision.is_kept, decision.gap_bp) == (Cause.PAID, 2, False, 0)
        assert choice.chosen.warehouse_ids == (shop.south,) and choice.chosen.cost.freight_minor == 800
        assert choice.runner_up is not None and choice.runner_up.warehouse_ids == (shop.north,)
        assert choice.runner_up.cost.total_minor > choice.chosen.cost.total_minor
        assert stock.available([shop.a]) == {shop.a: 8}
    assert tenant.verify() == []


def test_nothing_happens_where_it_is_off_or_there_is_one_warehouse(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop(is_on=False)
        for warehouse in (shop.north, shop.south):
            shop.receive(warehouse, shop.a, 5)
        shop.hold(1, (shop.a, 2))
        shop.pay((1, HANGZHOU))
        assert shop.held(1) == {(shop.north, shop.a, 2)} and queries.list_decisions([1]) == {}
        commands.set_policy(Policy(is_on=True))
        inventory.set_warehouse_active(shop.south, False)
        shop.hold(2, (shop.a, 1))
        shop.pay((2, HANGZHOU))
        assert shop.held(2) == {(shop.north, shop.a, 1)} and queries.list_decisions([2]) == {}


def test_orders_of_a_batch_exchange_their_goods(tenant: Any) -> None:
    """Each holds the last piece that the other one needs: both move at once, and nothing is ever promised twice."""
    with tenant.enter():
        shop = Shop()
        shop.receive(shop.north, shop.a, 1)
        shop.hold(1, (shop.a, 1))
        shop.receive(shop.south, shop.a, 1)
        shop.hold(2, (shop.a, 1))
        assert (shop.held(1), shop.held(2)) == ({(shop.north, shop.a, 1)}, {(shop.south, shop.a, 1)})
        shop.pay((1, SHANGHAI), (2, BEIJING))
        assert (shop.held(1), shop.held(2)) == ({(shop.south, shop.a, 1)}, {(shop.north, shop.a, 1)})
    assert tenant.verify() == []


@pytest.mark.parametrize(("split", "parcels"), [(Split.WHEN_NEEDED, 2), (Split.WHEN_CHEAPER, 2)])
def test_an_order_is_split_when_it_must(tenant: Any, split: Split, parcels: int) -> None:
    with tenant.enter():
        shop = Shop(split=split)
        shop.receive(shop.north, shop.a, 1)
        shop.receive(shop.south, shop.b, 1)
        shop.hold(1, (shop.a, 1), (shop.b, 1))
        assert shop.pay((1, HANGZHOU)) == {}
        (decision,) = queries.list_decisions([1])[1]
        assert len(decision.choice.chosen.parcels) == parcels and decision.choice.chosen.cost.split_minor == 500


def test_capacity_sends_parcels_elsewhere(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop(weights=Weights(load_minor=5000))
        commands.set_capacities([Capacity(shop.south, 1)])
        for warehouse in (shop.north, shop.south):
            shop.receive(warehouse, shop.a, 5)
        for order in (1, 2):
            shop.hold(order, (shop.a, 1))
            shop.pay((order, HANGZHOU))
        assert [next(iter(shop.held(order)))[0] for order in (1, 2)] == [shop.south, shop.north]


def test_fresh_goods_are_worth_a_longer_way(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop(fresh_days=30, weights=Weights(fresh_minor=500))
        inventory.track_lots([LotRule(shop.a)])
        for warehouse, day in ((shop.south, 15), (shop.north, 28)):
            lot = NewLot(f"L{day}", None, datetime(2026, 3 if day == 15 else 9, day, tzinfo=UTC).date())
            inventory.receive_stock([Receipt(warehouse, shop.a, 5, lot=lot)])
        shop.hold(1, (shop.a, 1))
        shop.pay((1, HANGZHOU))
        assert shop.held(1) == {(shop.north, shop.a, 1)}
        (decision,) = queries.list_decisions([1])[1]
        assert decision.choice.runner_up is not None and decision.choice.runner_up.cost.fresh_minor > 0


def test_lost_pieces_wait_and_are_served_first_when_goods_come(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop()
        inventory.track_lots([LotRule(shop.a)])
        inventory.receive_stock([Receipt(shop.north, shop.a, 4, lot=NewLot("bad"))])
        for order in (1, 2):
            shop.hold(order, (shop.a, 2))
            shop.pay((order, HANGZHOU))
        inventory.hold_lots([stock.list_lots(shop.a)[0].lot_id], "smells")
    tenant.drain()
    with tenant.enter():
        waiting = queries.list_backorders()
        assert [(one.order_id, one.quantity, one.cause) for one in waiting] == [
            (1, 2, Cause.STOCK_SHORT),
            (2, 2, Cause.STOCK_SHORT),
        ]
        assert len(recorded(BackorderOpened)) == 2 and queries.count_open_backorders() == 2
        inventory.receive_stock([Receipt(shop.south, shop.a, 3, lot=NewLot("good"))])
        assert shop.held(1) == {(shop.south, shop.a, 2)}, "the oldest is served with the receipt itself"
        assert inventory.reserve([ReserveLine(3, 30, shop.a, 2)]) != {}, "a newcomer does not get what the first one waited for"
    tenant.drain()
    with tenant.enter():
        assert [(one.order_id, one.state) for one in queries.list_backorders(None)] == [
            (1, BackorderState.SERVED), (2, BackorderState.OPEN),
        ]  # fmt: skip
        assert [e["order_id"] for e in recorded(BackorderServed)] == [1]
        assert queries.list_decisions([1])[1][0].cause is Cause.STOCK_ARRIVED


def test_the_policy_may_cancel_what_is_missing(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop(shortfall=Shortfall.CANCEL)
        inventory.track_lots([LotRule(shop.a)])
        inventory.receive_stock([Receipt(shop.north, shop.a, 2, lot=NewLot("bad"))])
        shop.hold(1, (shop.a, 2))
        shop.pay((1, HANGZHOU))
        inventory.recall_lots([stock.list_lots(shop.a)[0].lot_id], "poison")
    tenant.drain()
    with tenant.enter():
        assert queries.list_backorders() == [] and queries.list_backorders(None)[0].state is BackorderState.CANCELLED
        assert [(e["line_id"], e["quantity"]) for e in recorded(BackorderCancelled)] == [(10, 2)]


def lost_everywhere(shop: Any, order: int, *skus: Any) -> None:
    """An order of two pieces of each, all of one bad lot each; the lots are held one after the other."""
    inventory.track_lots([LotRule(sku) for sku in skus])
    for sku in skus:
        inventory.receive_stock([Receipt(shop.north, sku, 2, lot=NewLot("bad"))])
    shop.hold(order, *((sku, 2) for sku in skus))
    shop.pay((order, HANGZHOU))
    for sku in skus:
        inventory.hold_lots([stock.list_lots(sku)[0].lot_id], "smells")


def test_a_second_loss_does_not_count_the_first_one_again(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop()
        lost_everywhere(shop, 1, shop.a, shop.b)
        assert [(e["sku_id"], e["quantity"]) for e in recorded(PromiseBroken)] == [(shop.a, 2), (shop.b, 2)]
    tenant.drain()
    with tenant.enter():
        assert [(one.sku_id, one.quantity) for one in queries.list_backorders()] == [(shop.a, 2), (shop.b, 2)]


@pytest.mark.parametrize("shortfall", Shortfall)
def test_what_was_mended_before_it_was_told_neither_waits_nor_is_cancelled(tenant: Any, shortfall: Shortfall) -> None:
    with tenant.enter():
        shop = Shop(shortfall=shortfall)
        lost_everywhere(shop, 1, shop.a)
        inventory.receive_stock([Receipt(shop.south, shop.a, 2, lot=NewLot("good"))])
    tenant.drain()
    with tenant.enter():
        assert shop.held(1) == {(shop.south, shop.a, 2)} and queries.list_backorders(None) == []


def test_what_was_given_back_by_another_way_waits_no_more(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop()
        lost_everywhere(shop, 1, shop.a)
    tenant.drain()
    with tenant.enter():
        (one,) = queries.list_backorders()
        inventory.release_lines([ReturnedGoods(1, one.line_id, one.sku_id, 1, "back")])
        assert (commands.retry_due(NOON), queries.list_backorders()[0].quantity) == (0, 1)
        inventory.release([1])
        with pytest.raises(commands.BackorderOver):
            commands.cancel_backorders([one.backorder_id])
        assert commands.retry_due(NOON) == 1 and queries.list_backorders() == []
        assert recorded(BackorderServed) == recorded(BackorderCancelled) == [], "whoever gave it back has paid for it"


def test_only_what_still_waits_is_given_up(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop()
        lost_everywhere(shop, 1, shop.a)
    tenant.drain()
    with tenant.enter():
        (one,) = queries.list_backorders()
        inventory.release_lines([ReturnedGoods(1, one.line_id, one.sku_id, 1, "back")])
        assert commands.cancel_backorders([one.backorder_id]) == 1
        assert [e["quantity"] for e in recorded(BackorderCancelled)] == [1]


def test_the_last_warehouse_closes(tenant: Any) -> None:
    """Nobody can take what it holds: it waits there, and what is sent from there after all waits no more."""
    with tenant.enter():
        shop = Shop()
        shop.receive(shop.north, shop.a, 3)
        shop.hold(1, (shop.a, 2))
        shop.pay((1, HANGZHOU))
        for warehouse in (shop.north, shop.south):
            inventory.set_warehouse_active(warehouse, False)
    tenant.drain()
    with tenant.enter():
        assert [(one.quantity, one.cause) for one in queries.list_backorders()] == [(2, Cause.WAREHOUSE_CLOSED)]
        inventory.ship([1], NOON)
        assert commands.retry_due(NOON) == 1
        assert [e["quantity"] for e in recorded(BackorderServed)] == [2]


def test_what_cannot_move_is_not_decided_every_minute(tenant: Any) -> None:
    with tenant.enter():
        shop = Shop(split=Split.NEVER)
        shop.receive(shop.south, shop.a, 3)
        shop.receive(shop.north, shop.b, 1)
        shop.hold(1, (shop.a, 3))
        shop.pay((1, HANGZHOU))
        inventory.set_warehouse_active(shop.south, False)
    tenant.drain()
    with tenant.enter():
        shop.receive(shop.north, shop.a, 1)
        shop.hold(2, (shop.a, 1))
        before = len(queries.list_decisions([1])[1])
        assert (commands.retry_due(NOON), len(queries.list_decisions([1])[1])) == (0, before), "all of it is promised"


def test_a_closed_warehouse_is_cleared(tenant: Any) -> None:
    """What another one has moves; what none has waits where it is, visibly, and moves when goods come."""
    with tenant.enter():
        shop = Shop()
        shop.receive(shop.south, shop.a, 2)
        shop.receive(shop.south, shop.b, 1)
        shop.hold(1, (shop.a, 2), (shop.b, 1))
        shop.pay((1, HANGZHOU))
        shop.receive(shop.north, shop.a, 5)
        inventory.set_warehouse_active(shop.south, False)
    tenant.drain()
    with tenant.enter():
        assert shop.held(1) == {(shop.north, shop.a, 2), (shop.south, shop.b, 1)}
        assert [(o.sku_id, o.quantity, o.cause) for o in queries.list_backorders()] == [(shop.b, 1, Cause.WAREHOUSE_CLOSED)]
        assert queries.list_decisions([1])[1][0].region_code == HANGZHOU, "where it goes is remembered"
        assert commands.retry_due(NOON) == 0
        shop.receive(shop.north, shop.b, 1)
        assert commands.retry_due(NOON) == 1
        assert shop.held(1) == {(shop.north, shop.a, 2), (shop.north, shop.b, 1)} and queries.list_backorders() == []
    assert tenant.verify() == []


def test_who_comes_late_keeps_what_he_holds(tenant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody takes the better stock between the decision and its writing: the order keeps what it has, and says so."""
    from banyan.goods.sourcing.commands import choosing

    with tenant.enter():
        shop = Shop()
        for warehouse in (shop.north, shop.south):
            shop.receive(warehouse, shop.a, 1)
        shop.hold(1, (shop.a, 1))

    decide = choosing.decide

    def slowly(*args: Any) -> Any:
        answer = decide(*args)
        rival = threading.Thread(target=take_the_south)
        rival.start()
        rival.join()
        return answer

    def take_the_south() -> None:
        with tenant.enter(), clock.driven(NOON):
            assert inventory.reserve([ReserveLine(9, 90, shop.a, 1)]) == {}

    monkeypatch.setattr(choosing, "decide", slowly)
    with tenant.enter():
        shop.pay((1, SHANGHAI))
    with tenant.enter():
        assert (shop.held(1), shop.held(9)) == ({(shop.north, shop.a, 1)}, {(shop.south, shop.a, 1)})
        assert queries.list_decisions([1])[1][0].is_kept
    assert tenant.verify() == []


def test_tariffs_are_checked(tenant: Any) -> None:
    with tenant.enter():
        near = Zone("near", "近", 100, 1000, 500, 1000, 100, 24)
        with pytest.raises(Invalid, match="any distance"):
            commands.set_zones([near])
        for bad in (("", "x"), ("near", " ")):
            with pytest.raises(Invalid):
                commands.set_zones([Zone(*bad, None, 1000, 1, 1000, 1, 1)])
        far = Zone("far", "远", None, 1000, 900, 500, 300, 96, ("65",))
        commands.set_zones([near, far, Zone("rest", "其余", None, 1000, 800, 1000, 300, 72)])
        assert queries.get_policy().zones[1] == far
        commands.set_zones([])
        assert queries.get_policy().zones[0].code == "remote"
        assert queries.region_name(HANGZHOU) == "浙江省杭州市西湖区" and queries.region_name(BEIJING) == "北京市"


def test_what_nothing_moves_stands_in_nobodys_way(tenant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest orders hold pieces of a channel's share, which stay: the youngest one moves all the same."""
    monkeypatch.setattr(waiting, "BATCH", 1)
    monkeypatch.setattr(waiting, "OPEN_MAX", 2)
    with tenant.enter():
        shop = Shop()
        shop.receive(shop.north, shop.a, 4)
        inventory.set_aside([NewChannelStock("live/1", shop.a, 3, shop.north)])
        for order in (1, 2, 3):
            assert inventory.reserve([ReserveLine(order, order * 10, shop.a, 1, channel="live/1")]) == {}
        shop.hold(4, (shop.a, 1))
        inventory.allocate([1, 2, 3, 4], NOON)
        inventory.set_warehouse_active(shop.north, False)
    tenant.drain()
    with tenant.enter():
        assert len(queries.list_backorders()) == 4
        shop.receive(shop.south, shop.a, 5)
        assert commands.retry_due(NOON) == 1
        assert shop.held(4) == {(shop.south, shop.a, 1)}
        assert commands.retry_due(NOON) == 0
    assert tenant.verify(alone=True) == []
