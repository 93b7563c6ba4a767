"""A hundred thousand random operations, then every level and every pick against a replay of the movements alone.

The replay knows no SQL of the house: it walks the movements in the order in which they were written, keeps its own stock of lots,
and demands of every shipment that no lot which could be picked would have expired before.
"""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory import commands
from banyan.goods.inventory.types import (
    Adjustment,
    Disposition,
    LotId,
    LotRule,
    NewLot,
    NewWarehouse,
    Pieces,
    Receipt,
    ReserveLine,
    ReturnedGoods,
    WarehouseId,
)
from banyan.kernel import clock, sql

OPERATIONS = 100_000
BATCH = 500
SKUS, PLACES = 60, 3
OPENED = datetime(2026, 3, 10, 4, tzinfo=UTC)  # noon in Shanghai


class Replay:
    """Stock as the movements tell it, and which lots may be picked as the decisions tell it."""

    def __init__(self) -> None:
        self.places: dict[tuple[int, int], dict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
        """By (sku, warehouse), then lot: pieces on the shelf, pieces in quarantine."""
        self.lots: dict[int, tuple[date | None, date | None, str]] = {}
        self.seen = 0
        self.shipped = 0

    def catch_up(self, today: date, pickable: dict[int, bool]) -> None:
        """Walk the movements since the last time. ``pickable``: as it was while they were written."""
        for lot_id, expires_on, produced_on, state in sql.fetch("SELECT id, expires_on, produced_on, state FROM inventory_lots"):
            self.lots[lot_id] = (expires_on, produced_on, state)
        rows = sql.fetch(
            "SELECT id, sku_id, warehouse_id, lot_id, kind, quantity_change, quarantined FROM inventory_movements WHERE id > %s"
            " ORDER BY id",
            (self.seen,),
        )
        for identity, sku, place, lot, kind, change, apart in rows:
            assert lot is not None
            if kind == "shipment":
                self._pick(sku, place, lot, -change, today, pickable)
            self.places[sku, place][lot][apart] += change
            assert self.places[sku, place][lot][apart] >= 0
            self.seen = identity

    def _pick(self, sku: int, place: int, lot: int, pieces: int, today: date, pickable: dict[int, bool]) -> None:
        here = [
            (expires_on or date.max, produced_on or date.max, one, held[0])
            for one, held in self.places[sku, place].items()
            if held[0] > 0 and pickable.get(one)
            for expires_on, produced_on, _ in [self.lots[one]]
            if expires_on is None or expires_on > today
        ]
        first = min(here)
        assert first[2] == lot and pieces <= first[3], f"{pieces} pieces of lot {lot} left, {first} was first"
        self.shipped += pieces


class Crowd:
    """Random operations on one shop, always such that some of them can be done."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.skus: list[SkuId] = make_skus([100] * SKUS)
        self.places = commands.open_warehouses([NewWarehouse(f"w{n}", "仓", n) for n in range(PLACES)])
        commands.track_lots([LotRule(sku) for sku in self.skus])
        self.day = 0
        self.orders = 0
        self.sent: list[tuple[int, SkuId, int]] = []
        self.keys = 0

    def _somewhere(self) -> tuple[WarehouseId, SkuId]:
        return self.chance.choice(self.places), self.chance.choice(self.skus)

    def receive(self) -> int:
        receipts = []
        for _ in range(BATCH):
            place, sku = self._somewhere()
            number = self.day // 4 * 4 + self.chance.randrange(4)
            expires = OPENED.date() + timedelta(days=number + 3 + sku % 5) if number % 4 else None
            apart = self.chance.random() < 0.1
            receipts.append(
                Receipt(place, sku, self.chance.randint(1, 9), lot=NewLot(f"L{number}", None, expires), quarantined=apart)
            )
        return commands.receive_stock(receipts)

    def sell(self) -> int:
        wanted: list[ReserveLine] = []
        for _ in range(BATCH):
            self.orders += 1
            wanted.append(ReserveLine(self.orders, self.orders, self.chance.choice(self.skus), self.chance.randint(1, 6)))
        refused = commands.reserve(wanted)
        served = [line.order_id for line in wanted if line.order_id not in refused]
        paid = [order for order in served if self.chance.random() < 0.8]
        commands.allocate(paid, clock.now())
        return len(served) + len(paid)

    def ship(self) -> int:
        lost = sql.fetch("SELECT DISTINCT order_id FROM inventory_reservations WHERE state = 'lost'")
        commands.release([row[0] for row in lost])
        rows = sql.fetch(
            "SELECT order_id, sku_id, sum(quantity)::bigint FROM inventory_reservations WHERE state = 'allocated' GROUP BY 1, 2"
        )
        leaving = {row[0] for row in rows if self.chance.random() < 0.7}
        self.sent += [(row[0], row[1], row[2]) for row in rows if row[0] in leaving]
        return len(commands.ship(leaving, clock.now()))

    def take_back(self) -> int:
        self.chance.shuffle(self.sent)
        back, self.sent = self.sent[:200], self.sent[200:]
        goods = []
        for order, sku, pieces in back:
            self.keys += 1
            what = self.chance.choice((Disposition.RESTOCK, Disposition.RESTOCK, Disposition.QUARANTINE, Disposition.SCRAP))
            goods.append(ReturnedGoods(order, order, sku, self.chance.randint(1, pieces), f"r{self.keys}", disposition=what))
        return commands.restock_returns(goods)

    def inspect(self) -> int:
        rows = sql.fetch(
            "SELECT k.lot_id, k.warehouse_id, k.sku_id, k.quarantined FROM inventory_lot_stock k WHERE k.quarantined > 0"
        )
        rows = self.chance.sample(rows, min(len(rows), 150))
        pieces = [
            Pieces(WarehouseId(place), SkuId(sku), self.chance.randint(1, apart), "random", LotId(lot))
            for lot, place, sku, apart in rows
        ]
        half = len(pieces) // 2
        return commands.clear_quarantine(pieces[:half]) + commands.scrap(pieces[half:])

    def set_apart(self) -> int:
        rows = sql.fetch(
            "SELECT k.lot_id, k.warehouse_id, k.sku_id, least(k.on_hand - k.quarantined,"
            " s.on_hand - s.quarantined - s.held - s.reserved - s.allocated) FROM inventory_lot_stock k"
            " JOIN inventory_lots l ON l.id = k.lot_id AND l.state = 'open'"
            " JOIN inventory_stock_levels s ON s.sku_id = k.sku_id AND s.warehouse_id = k.warehouse_id"
        )
        places: set[tuple[int, int]] = set()
        done = 0
        apart: list[Pieces] = []
        counted: list[Adjustment] = []
        self.chance.shuffle(rows)
        for lot, place, sku, most in rows:
            if most > 0 and (sku, place) not in places and len(places) < 120:
                places.add((sku, place))
                pieces = self.chance.randint(1, most)
                if self.chance.random() < 0.5:
                    apart.append(Pieces(WarehouseId(place), SkuId(sku), pieces, "random", LotId(lot)))
                else:
                    named = LotId(lot) if self.chance.random() < 0.5 else None
                    counted.append(Adjustment(WarehouseId(place), SkuId(sku), -pieces, "random", lot_id=named))
        done += commands.quarantine(apart) + commands.adjust_stock(counted)
        return done

    def decide(self) -> int:
        rows = sql.fetch("SELECT id, state FROM inventory_lots WHERE state IN ('open', 'held')")
        done = 0
        for lot, state in self.chance.sample(rows, min(len(rows), 6)):
            if state == "open":
                done += commands.hold_lots([lot], "random")
            elif self.chance.random() < 0.8:
                done += commands.release_lots([lot], "random")
            else:
                done += commands.recall_lots([lot], "random")
        return done

    def sleep(self) -> int:
        self.day += 1
        clock.drive(OPENED + timedelta(days=self.day))
        return commands.expire_lots(clock.now(), limit=10_000)


@pytest.mark.slow
def test_levels_and_picks_equal_a_replay_of_the_movements(tenant: Any) -> None:
    clock.drive(OPENED)
    with tenant.enter():
        crowd, replay = Crowd(7), Replay()
    deeds = [crowd.receive, crowd.receive, crowd.sell, crowd.ship, crowd.sell, crowd.take_back, crowd.inspect, crowd.set_apart,
             crowd.decide, crowd.ship]  # fmt: skip
    done, turn = 0, 0
    while done < OPERATIONS:
        with tenant.enter():
            pickable = {row[0]: row[1] == "open" for row in sql.fetch("SELECT id, state FROM inventory_lots")}
            today = clock.now().date()
            done += deeds[turn % len(deeds)]()
            replay.catch_up(today, pickable)
        turn += 1
        if turn % (2 * len(deeds)) == 0:
            with tenant.enter():
                done += crowd.sleep()
    with tenant.enter():
        by_lot = {
            (sku, place, lot): [on_hand - apart, apart]
            for sku, place, lot, on_hand, apart in sql.fetch(
                "SELECT sku_id, warehouse_id, lot_id, on_hand, quarantined FROM inventory_lot_stock"
            )
        }
        replayed = {(*key, lot): held for key, lots in replay.places.items() for lot, held in lots.items()}
        assert {key: held for key, held in by_lot.items() if any(held)} == {k: held for k, held in replayed.items() if any(held)}
        states = dict(sql.fetch("SELECT id, state FROM inventory_lots"))
        levels: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0, 0])
        for (sku, place, lot), (shelf, apart) in replayed.items():
            level = levels[sku, place]
            level[0] += shelf + apart
            level[1] += apart
            level[2] += shelf if states[lot] != "open" else 0
        kept = {
            (sku, place): [on_hand, apart, held]
            for sku, place, on_hand, apart, held in sql.fetch(
                "SELECT sku_id, warehouse_id, on_hand, quarantined, held FROM inventory_stock_levels"
            )
        }
        assert kept == dict(levels)
        kinds = {row[0] for row in sql.fetch("SELECT DISTINCT kind FROM inventory_movements")}
        turns = {row[0] for row in sql.fetch("SELECT DISTINCT turn FROM inventory_lot_decisions")}
    assert kinds == {"receipt", "adjustment", "shipment", "restock", "quarantine", "scrap"}
    assert turns == {"held", "released", "expired", "recalled"} and replay.shipped > OPERATIONS // 10
    assert tenant.verify(alone=True) == []
