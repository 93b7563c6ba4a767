"""The cheapest way to serve one order, given prices: one warehouse if that is best, else few.

Branch and bound over sets of warehouses, cheapest parcels first, without warehouses that another one beats in everything.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from banyan.goods.sourcing.engine.sheet import SHORT, Ask, Sheet, Take, Way

MOST_PARCELS = 3
"""Sets of more warehouses are only tried one after the other, not searched."""

Prices = Mapping[int, Sequence[int]]
"""Per SKU number with a price: what a piece costs extra in each warehouse, because others want it, too."""

Stock = Sequence[Sequence[int]]


class Served(NamedTuple):
    """An option with its cost at the given prices."""

    cost: int
    takes: tuple[Take, ...]


class _Row(NamedTuple):
    """One line: the stock's row, the wanted pieces, their weight, and per warehouse what a piece costs (None: nothing)."""

    have: Sequence[int]
    quantity: int
    grams: int
    unit: Sequence[int] | None


class _Candidate(NamedTuple):
    """A warehouse worth looking at: what its parcel costs at least, and the same minus what its first weight is worth."""

    fixed: int
    warehouse: int
    sloped: int


def _rows(ask: Ask, stock: Stock, prices: Prices) -> list[_Row]:
    rows = []
    for line in ask.lines:
        price = prices.get(line.sku)
        unit: Sequence[int] | None = line.stale
        if price is not None:
            unit = price if unit is None else [a + b for a, b in zip(unit, price, strict=True)]
        rows.append(_Row(stock[line.sku], line.quantity, line.grams, unit))
    return rows


def _further(way: Way, grams: int) -> int:
    """What the weight beyond the first costs."""
    zone = way.zone
    return -((zone.first_grams - grams) // zone.step_grams) * zone.step_minor if grams > zone.first_grams else 0


class _Search:
    """One order's search."""

    __slots__ = ("ask", "base", "candidates", "cost", "is_plain", "loads", "rows", "sheet", "sloped_base", "takes")

    def __init__(self, sheet: Sheet, ask: Ask, stock: Stock, prices: Prices, loads: Sequence[int]) -> None:
        self.sheet, self.ask, self.loads = sheet, ask, loads
        self.rows = _rows(ask, stock, prices)
        self.is_plain = all(row.unit is None for row in self.rows)
        self.candidates: list[_Candidate] = []
        missing = sum(row.quantity for row in self.rows) * SHORT
        self.cost = missing
        self.takes: tuple[Take, ...] = ()
        self.base = self.sloped_base = 0

    def run(self, without: Collection[int], only: Collection[int] | None) -> Served:
        self._alone(without, range(len(self.ask.ways)) if only is None else set(only))
        if self.sheet.may_split and len(self.candidates) > 1:
            self._together()
        return Served(self.cost, self.takes)

    def _alone(self, without: Collection[int], only: Collection[int]) -> None:
        """Every warehouse that no better one replaces, by itself."""
        ways, loads, rows = self.ask.ways, self.loads, self.rows
        best = -1
        for fixed, warehouse in sorted([(ways[w].fixed + loads[w], w) for w in only]):
            if warehouse in without or not any(row.have[warehouse] for row in rows):
                continue
            if self._is_beaten(warehouse, fixed):
                continue
            zone = ways[warehouse].zone
            self.candidates.append(
                _Candidate(fixed, warehouse, fixed - -(-zone.first_grams * zone.step_minor // zone.step_grams))
            )
            cost = grams = 0
            for have, quantity, weight, unit in rows:
                there = have[warehouse]
                if there < quantity:
                    cost += (quantity - there) * SHORT
                    quantity = there
                grams += quantity * weight
                if unit is not None:
                    cost += quantity * unit[warehouse]
            cost += fixed + _further(ways[warehouse], grams)
            if cost < self.cost:
                self.cost, best = cost, warehouse
        if best >= 0:
            self.takes = tuple(
                (best, number, min(row.quantity, row.have[best])) for number, row in enumerate(rows) if row.have[best]
            )

    def _is_beaten(self, warehouse: int, fixed: int) -> bool:
        """Whether a cheaper one has all of every line that this one has anything of, for no more.

        Then its pieces can move there from any option: its own parcel's cost pays for the further weight.
        """
        zone = self.ask.ways[warehouse].zone
        for other in self.candidates:
            theirs = self.ask.ways[other.warehouse].zone
            if theirs is not zone:
                steps = -(-zone.first_grams // theirs.step_grams)
                if (
                    theirs.step_minor > zone.step_minor or theirs.step_grams < zone.step_grams
                    or theirs.first_grams < zone.first_grams or fixed + self.sheet.split < steps * theirs.step_minor
                ):  # fmt: skip
                    continue
            elif fixed + self.sheet.split < -(-zone.first_grams // zone.step_grams) * zone.step_minor:
                continue
            for have, quantity, _, unit in self.rows:
                if have[warehouse] and (
                    have[other.warehouse] < quantity or (unit is not None and unit[other.warehouse] > unit[warehouse])
                ):
                    break
            else:
                return True
        return False

    def _together(self) -> None:
        ways, candidates = self.ask.ways, self.candidates
        for have, quantity, weight, unit in self.rows:
            there = 0
            least = sloped = None
            for _, warehouse, _ in candidates:
                pieces = have[warehouse]
                if pieces:
                    there += pieces
                    cost = unit[warehouse] if unit is not None else 0
                    zone = ways[warehouse].zone
                    slope = cost + weight * zone.step_minor // zone.step_grams
                    least = cost if least is None or cost < least else least
                    sloped = slope if sloped is None or slope < sloped else sloped
            got = min(there, quantity)
            self.base += got * (least or 0) + (quantity - got) * SHORT
            self.sloped_base += got * (sloped or 0) + (quantity - got) * SHORT
        if candidates[0].fixed + candidates[1].fixed + self.sheet.split + self.base >= self.cost:
            return
        if self.cost - self.base >= SHORT:
            self._cover()
        self._deepen((), 0, 0, 0)

    def _cover(self) -> None:
        """Add one warehouse after the other while that finds missing pieces: a first whole option, which ends most searches."""
        while self.cost - self.base >= SHORT:
            before = self.cost
            chosen = {take[0] for take in self.takes}
            members = tuple(one for one in self.candidates if one.warehouse in chosen)
            spent = sum(one.fixed for one in members) + len(members) * self.sheet.split
            for one in self.candidates:
                if one.warehouse not in chosen:
                    self._try((*members, one), spent + one.fixed)
            if self.cost == before:
                return

    def _deepen(self, chosen: tuple[_Candidate, ...], begin: int, spent: int, sloped: int) -> None:
        split = self.sheet.split if chosen else 0
        count = len(self.candidates)
        for index in range(begin, count):
            one = self.candidates[index]
            fixed = spent + one.fixed + split
            least = fixed
            if not chosen and index + 1 < count:
                least += self.candidates[index + 1].fixed + self.sheet.split
            if least + self.base >= self.cost:
                return  # the following ones are dearer still
            several = (*chosen, one)
            if chosen and sloped + one.sloped + split + self.sloped_base < self.cost:
                self._try(several, fixed)
            if len(several) < MOST_PARCELS:
                self._deepen(several, index + 1, fixed, sloped + one.sloped + split)

    def _try(self, chosen: tuple[_Candidate, ...], fixed: int) -> None:
        """Fill every line from these warehouses, cheapest pieces first with their weight; then pay what it really weighs."""
        ways = self.ask.ways
        takes: list[Take] = []
        grams: dict[int, int] = {}
        linear = fixed
        for number, (have, quantity, weight, unit) in enumerate(self.rows):
            order = []
            for _, warehouse, _ in chosen:
                there = have[warehouse]
                if there:
                    zone = ways[warehouse].zone
                    cost = unit[warehouse] if unit is not None else 0
                    order.append((cost + weight * zone.step_minor // zone.step_grams, cost, warehouse, there))
            if len(order) > 1:
                order.sort()
            for _, cost, warehouse, there in order:
                pieces = there if there < quantity else quantity
                quantity -= pieces
                grams[warehouse] = grams.get(warehouse, 0) + pieces * weight
                takes.append((warehouse, number, pieces))
                linear += pieces * cost
                if not quantity:
                    break
            linear += quantity * SHORT
            if self.is_plain and linear >= self.cost:
                return  # it only grows, and no line is cheaper in another parcel
        if len(grams) < len(chosen):
            return
        total = linear + sum([_further(ways[warehouse], weight) for warehouse, weight in grams.items()])
        if total > linear and len(takes) == len(self.rows):
            total = self._shift(takes, grams, total)
        if total < self.cost:
            self.cost, self.takes = total, tuple(takes)

    def _shift(self, takes: list[Take], grams: dict[int, int], cost: int) -> int:
        """Whole lines change their parcel while that saves further weight; returns the new cost."""
        ways = self.ask.ways
        counts = dict.fromkeys(grams, 0)
        for take in takes:
            counts[take[0]] += 1
        improved = True
        while improved:
            improved = False
            for position, (source, number, pieces) in enumerate(takes):
                have, quantity, weight, unit = self.rows[number]
                if counts[source] == 1:
                    continue
                for target in grams:
                    if target == source or have[target] < quantity:
                        continue
                    moved = pieces * weight
                    change = (
                        _further(ways[source], grams[source] - moved) - _further(ways[source], grams[source])
                        + _further(ways[target], grams[target] + moved) - _further(ways[target], grams[target])
                    )  # fmt: skip
                    if unit is not None:
                        change += pieces * (unit[target] - unit[source])
                    if change < 0:
                        grams[source] -= moved
                        grams[target] += moved
                        counts[source] -= 1
                        counts[target] += 1
                        takes[position] = (target, number, pieces)
                        cost += change
                        improved = True
                        break
        return cost


def serve(
    sheet: Sheet, ask: Ask, stock: Stock, prices: Prices, loads: Sequence[int], without: Collection[int] = (),
    only: Collection[int] | None = None,
) -> Served:  # fmt: skip
    """The cheapest option for one order from ``stock`` at ``prices`` and ``loads``, with no warehouse of ``without``,
    ``only`` these.

    What cannot be had is missing, at a weight that beats every amount.
    """
    return _Search(sheet, ask, stock, prices, loads).run(without, only)


def serve_otherwise(
    sheet: Sheet, ask: Ask, stock: Stock, prices: Prices, loads: Sequence[int], chosen: Collection[int]
) -> Served:
    """The cheapest option that does without at least one of the chosen warehouses."""
    return min((serve(sheet, ask, stock, prices, loads, {one}) for one in sorted(chosen)), key=lambda served: served.cost)
