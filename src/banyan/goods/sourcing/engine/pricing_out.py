"""What the pieces that several orders want are worth, and what the batch costs at least (Lagrangian relaxation, subgradient
steps).

At given prices every order decides alone, between single warehouses and pairs, and is counted with what no option of it can
undercut: its parcels' fixed costs, its pieces where they are cheapest, and the least further weight that its pieces can
cause there. Larger sets are allowed for by the three cheapest parcels and the least weight beyond
them. All orders are weighed at once in integer arrays, so that the bound is a bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from banyan.goods.sourcing.engine.sheet import SHORT, Ask, Sheet
from banyan.goods.sourcing.types import Zone

Ints = npt.NDArray[np.int64]
STEPS, PATIENCE, MILDEST = 45, 3, 0.1
"""Steps of the prices; how many may fail before they become milder; and from where on they are not worth their time."""
NEVER = 1 << 40
"""The cost of what is not there; far above any real one, far below an overflow."""
WEIGHED_STEPS = 12
"""Pairs that weigh more than the first weight and so many further ones are counted gram by gram, where a gram costs least."""


@dataclass(slots=True)
class Bound:
    """The best proven bound with the prices (SKU number by warehouse) and loads (by warehouse) that prove it.

    ``pairs``: which two warehouses (twice the same: one) each order prefers then; ``regrets``: how much dearer its second
    choice is.
    """

    value: int
    prices: Ints
    loads: Ints
    floors: Ints
    pairs: Ints
    regrets: Ints


def rates(zone: Zone) -> tuple[int, int, int]:
    """First weight, further weight, and what that costs."""
    return zone.first_grams, zone.step_grams, zone.step_minor


class _Sets:
    """All single warehouses, then all pairs: which they are, by number."""

    def __init__(self, count: int, may_split: bool) -> None:
        singles = [(one, one) for one in range(count)]
        pairs = [(one, other) for one in range(count) for other in range(one + 1, count)] if may_split else []
        self.first, self.second = (np.array(side, np.int64) for side in zip(*singles, *pairs, strict=True))
        self.are_two = self.first != self.second

    def pay(self, parcel: Ints, split: int) -> Ints:
        """What the parcels of every set cost, from what one of each warehouse costs."""
        return parcel[:, self.first] + np.where(self.are_two, parcel[:, self.second] + split, 0)


class _Market:
    """Some of the orders as arrays: a row per line, and per order and set what does not depend on prices."""

    def __init__(self, sheet: Sheet, sets: _Sets, asks: Sequence[Ask], stock: Ints) -> None:
        self.sheet, self.sets, self.stock = sheet, sets, stock
        lines = [line for ask in asks for line in ask.lines]
        sizes = [len(ask.lines) for ask in asks]
        self.starts = np.cumsum([0, *sizes])[:-1]
        self.owner = np.repeat(np.arange(len(asks)), sizes)
        self.sku = np.array([line.sku for line in lines], np.int64)
        self.quantity = np.array([line.quantity for line in lines], np.int64)
        self.grams = np.array([line.grams for line in lines], np.int64)
        self.have = np.minimum(stock[self.sku], self.quantity[:, None])
        nothing = (0,) * stock.shape[1]
        stale = np.array([line.stale or nothing for line in lines], np.int64)
        self.cost = np.where(self.have > 0, stale * self.quantity[:, None], NEVER)
        self.fixed = np.array([[way.fixed for way in ask.ways] for ask in asks], np.int64)
        tariff = [np.array([[rates(way.zone)[n] for way in ask.ways] for ask in asks], np.int64) for n in range(3)]
        self.least = self._short() + self._further(*tariff)
        self.beyond = self._beyond(*tariff)
        self.missing = np.maximum(0, self.quantity - self.have.sum(axis=1)) * SHORT

    def _short(self) -> Ints:
        """What the pieces weigh that a set does not have."""
        both = self.have[:, self.sets.first] + np.where(self.sets.are_two, self.have[:, self.sets.second], 0)
        short = np.maximum(0, self.quantity[:, None] - both) * SHORT - NEVER * (both == 0)
        return np.add.reduceat(short, self.starts, axis=0)

    def _beyond(self, first: Ints, step: Ints, price: Ints) -> Ints:
        """The least further weight of three parcels or more. A fourth parcel may save some at its own cost: so a gram is worth
        no more than that."""
        got = np.minimum(self.have.sum(axis=1), self.quantity) * self.grams
        room = first.max(axis=1)
        over = np.maximum(0, np.add.reduceat(got, self.starts) - 3 * room)
        linear = (over[:, None] * price // step).min(axis=1)
        parcel = np.sort(self.fixed, axis=1)[:, min(2, self.fixed.shape[1] - 1)] + self.sheet.split
        least: Ints = np.minimum(linear, over * parcel // np.maximum(1, room))
        return least

    def _further(self, first: Ints, step: Ints, price: Ints) -> Ints:
        """The least further weight: what only one of a pair has goes there, the rest where it costs least, to the gram."""
        one, other = self.sets.first, self.sets.second
        weight = self.have * self.grams[:, None]
        alone = np.add.reduceat(weight, self.starts, axis=0)
        shared = np.add.reduceat(np.minimum(weight[:, one], weight[:, other]), self.starts, axis=0)
        full = np.add.reduceat(
            np.minimum(weight[:, one] + weight[:, other], (self.quantity * self.grams)[:, None]), self.starts, 0
        )
        free = np.where(self.sets.are_two, alone[:, one] + alone[:, other] - full, 0)
        free = np.minimum(free, shared)
        mine, theirs = alone[:, one] - free, np.where(self.sets.are_two, alone[:, other] - free, 0)
        best = np.full(free.shape, NEVER, np.int64)
        for steps in range(WEIGHED_STEPS + 1):
            room = first[:, one] + steps * step[:, one] - mine
            over = np.maximum(0, theirs + np.maximum(0, free - room) - first[:, other])
            cost = steps * price[:, one] + -(-over // step[:, other]) * price[:, other]
            cost = np.where(self.sets.are_two, cost, steps * price[:, one])
            enough = (room >= 0) & (self.sets.are_two | (room >= free))
            best = np.where(enough, np.minimum(best, cost), best)
        over = mine + theirs + free - first[:, one] - np.where(self.sets.are_two, first[:, other], 0)
        over = np.maximum(0, over)
        linear = np.minimum(over * price[:, one] // step[:, one], over * price[:, other] // step[:, other])
        heavy = np.where(self.sets.are_two, linear, -(-over // step[:, one]) * price[:, one])
        return np.where(best == NEVER, heavy, best)

    def orders_of(self, skus: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """The orders that want one of these SKUs."""
        return np.logical_or.reduceat(skus[self.sku], self.starts)

    def part(self, orders: npt.NDArray[np.bool_]) -> _Market:
        """The same for some of the orders."""
        some = copy(self)
        lines = orders[self.owner]
        sizes = np.diff(np.append(self.starts, len(self.sku)))[orders]
        some.starts = np.cumsum(np.append(0, sizes))[:-1]
        some.owner = np.repeat(np.arange(len(sizes)), sizes)
        some.sku, some.quantity, some.have = self.sku[lines], self.quantity[lines], self.have[lines]
        some.cost, some.missing = self.cost[lines], self.missing[lines]
        some.fixed, some.least, some.beyond = self.fixed[orders], self.least[orders], self.beyond[orders]
        return some

    def weigh(self, prices: Ints, loads: Ints) -> tuple[Ints, Ints]:
        """Per order at these prices: the floor, and the number of the set it prefers."""
        total, line, parcel = self._totals(prices, loads)
        chosen = total.argmin(axis=1)
        floors = total[np.arange(len(total)), chosen]
        if self.sheet.may_split and parcel.shape[1] > 2:
            three = np.partition(parcel, 2, axis=1)[:, :3].sum(axis=1) + 2 * self.sheet.split
            cheapest = line.min(axis=1)
            more = three + self.beyond + np.add.reduceat(np.where(cheapest < NEVER, cheapest, 0) + self.missing, self.starts)
            return np.minimum(floors, more), chosen
        return floors, chosen

    def regrets(self, prices: Ints, loads: Ints) -> Ints:
        """How much dearer the second choice of every order is at these prices."""
        total = self._totals(prices, loads)[0]
        if total.shape[1] < 2:
            return np.zeros(len(total), np.int64)
        two: Ints = np.partition(total, 1, axis=1)[:, :2]
        return two[:, 1] - two[:, 0]

    def _totals(self, prices: Ints, loads: Ints) -> tuple[Ints, Ints, Ints]:
        """Every set's cost per order; a piece's per line and warehouse; a parcel's per order and warehouse."""
        line = self.cost + prices[self.sku] * self.have
        pieces = np.minimum(line[:, self.sets.first], line[:, self.sets.second])
        parcel = self.fixed + loads
        total = np.add.reduceat(pieces, self.starts, axis=0) + self.least + self.sets.pay(parcel, self.sheet.split)
        return total, line, parcel

    def use(self, chosen: Ints, prices: Ints, used: Ints, parcels: Ints) -> None:
        """Add what the preferred sets take: pieces by SKU and warehouse, parcels by warehouse."""
        first, second = self.sets.first[chosen][self.owner], self.sets.second[chosen][self.owner]
        index = np.arange(len(self.sku))
        line = self.cost + prices[self.sku] * self.have
        source = np.where(line[index, first] <= line[index, second], first, second)
        np.add.at(used, (self.sku, source), self.have[index, source])
        np.add.at(parcels, self.sets.first[chosen], 1)
        np.add.at(parcels, self.sets.second[chosen][self.sets.are_two[chosen]], 1)


class Pricing:
    """A sheet's prices, begun at nothing."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        count = len(sheet.capacity)
        self.sets = _Sets(count, sheet.may_split)
        self.stock = np.array(sheet.stock, np.int64)
        self.capacity = np.array([NEVER if capacity is None else capacity for capacity in sheet.capacity], np.int64)
        self.all = _Market(sheet, self.sets, sheet.asks, self.stock)
        prices, loads = np.zeros_like(self.stock), np.zeros(count, np.int64)
        floors, self.chosen = self.all.weigh(prices, loads)
        self.bound = Bound(int(floors.sum()), prices, loads, floors, self._members(self.chosen), self.all.regrets(prices, loads))

    def _members(self, chosen: Ints) -> Ints:
        return np.stack([self.sets.first[chosen], self.sets.second[chosen]], axis=1)

    def climb(self, cost: int) -> Bound:
        """Raise the prices of what is wanted beyond what is there, lower the others; the best bound on the way. ``cost``: of
        a plan.

        Only orders that prices concern are weighed again: those that want a SKU that was ever wanted too much.
        """
        prices, loads = self.bound.prices.copy(), self.bound.loads.copy()
        floors, chosen = self.bound.floors.copy(), self.chosen.copy()
        best, value, scale, stuck = self.bound, self.bound.value, 0.7, 0
        hot = np.zeros(len(self.stock), bool)
        active, some = np.zeros(len(floors), bool), self.all
        limited = self.capacity < NEVER
        for _ in range(STEPS):
            used, parcels = np.zeros_like(self.stock), np.zeros_like(loads)
            self.all.use(chosen, prices, used, parcels)
            slope = np.where((used > self.stock) | (prices > 0), used - self.stock, 0)
            over = np.where(limited, parcels - self.capacity, 0)
            over = np.where((over > 0) & (loads < self.sheet.load) | (over < 0) & (loads > 0), over, 0)
            steep = int((slope * slope).sum() + (over * over).sum())
            if not steep or value >= cost or scale < MILDEST:
                break
            hotter = hot | (slope > 0).any(axis=1)
            if over.any() or not active.any() or (hotter != hot).any():
                hot = hotter
                active = self.all.orders_of(hot) | over.any() | active
                some = self.all.part(active)
            step = max(1.0, scale * (cost - value) / steep)
            prices = np.maximum(0, prices + (step * slope).astype(np.int64))
            loads = np.clip(loads + (step * over).astype(np.int64), 0, self.sheet.load)
            floors[active], chosen[active] = some.weigh(prices, loads)
            value = int(floors.sum() - (prices * self.stock).sum() - (loads[limited] * self.capacity[limited]).sum())
            stuck += 1
            if value > best.value:
                best, stuck = Bound(value, prices, loads, floors.copy(), self._members(chosen), self.bound.regrets), 0
            elif stuck >= PATIENCE:
                scale, stuck = scale * 0.6, 0
        best.regrets = self.all.regrets(best.prices, best.loads)
        return best
