"""Adding up: each order under what was in force and under the simulated plan, into sums of bounded size."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from typing import Any, Protocol

import orjson

from banyan.earnings.commission.types import LegalCeiling, PaidOrder, Plan, Share
from banyan.earnings.simulation.types import Pair, Tally

from .known import micros
from .quick import Goods, Quick, Structure, quick_of

REMEMBERED_MAX = 50_000
"""Entries kept in each of a worker's memories of lines, uplines and structures, under 1 KiB each; a full one is emptied."""
_first = itemgetter(0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_ZERO = date(1970, 1, 1)


class Frozen(Protocol):
    """A frozen order as the commission house tells of it. Moments are microseconds, days are counted since 1970."""

    @property
    def order_id(self) -> int: ...
    @property
    def paid_micros(self) -> int: ...
    @property
    def version_id(self) -> int | None: ...
    @property
    def legal_depth(self) -> int: ...
    @property
    def legal_bp(self) -> int: ...
    @property
    def inputs(self) -> str: ...
    @property
    def total_minor(self) -> int: ...
    @property
    def paid_on(self) -> int: ...
    @property
    def received_on(self) -> int | None: ...
    @property
    def released_on(self) -> int | None: ...


class Decider(Protocol):
    """A compiled plan, as the commission house gives it out."""

    @property
    def plan(self) -> Plan: ...
    def decide(self, order: PaidOrder, legal: LegalCeiling) -> list[Share]: ...


class _Side:
    """One plan on one side: 0 what was in force, 1 the simulated one. `slots`: numbers of its rules in the sums."""

    __slots__ = ("decider", "kinds", "numbers", "quick", "shapes", "side", "slots", "structures", "uplines")

    def __init__(self, decider: Decider | None, side: int, slot_of: Callable[[int, str], int]) -> None:
        self.decider, self.side = decider, side
        self.quick: Quick | None = quick_of(decider.plan) if decider is not None else None
        self.slots = [slot_of(side, key) for key in self.quick.keys] if self.quick is not None else []
        self.uplines: dict[Any, Any] = {}
        self.shapes: dict[Any, Any] = {}
        self.structures: dict[Any, Structure] = {}
        self.kinds: list[Any] = []
        self.numbers: dict[Any, int] = {}

    def number(self, kind: Any) -> int:
        """A small number for seats or a line's shape: cheaper to compare than what it stands for."""
        found = self.numbers.get(kind)
        if found is None:
            found = self.numbers[kind] = len(self.kinds)
            self.kinds.append(kind)
        return found


class Counter:
    """Adds orders to a tally. Not shared between threads; `take` gives the sums so far and begins anew."""

    def __init__(
        self,
        in_force: Callable[[int | None], Decider | None],
        simulated: Decider,
        thaw: Callable[[int, datetime, str], PaidOrder],
    ) -> None:
        self._deciders, self._thaw = in_force, thaw
        self._slots: dict[tuple[int, str], int] = {}
        self._new = _Side(simulated, 1, self._slot)
        self._olds: dict[int | None, _Side] = {}
        self._hold = simulated.plan.hold_days
        self._listings: dict[str, int] = {}
        self._completed: Mapping[int, PaidOrder] = {}
        self._begin()

    def _begin(self) -> None:
        self._tally = Tally()
        self._paid: dict[tuple[int, int, str], int] = {}
        self._rules = [0] * len(self._slots)
        self._days: dict[int, list[int]] = {}
        self._depths: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._released: tuple[dict[int | None, int], dict[int | None, int]] = ({}, {})
        self._skus: dict[int, list[int]] = {}
        self._categories: dict[int, list[int]] = {}

    def _slot(self, side: int, key: str) -> int:
        return self._slots.setdefault((side, key), len(self._slots))

    def add(self, orders: Iterable[Frozen], completed: Mapping[int, PaidOrder] | None = None) -> None:
        """Decide each order by both plans and count it. `completed`: orders with the facts that only the simulated plan asks."""
        self._completed = completed or {}
        olds, new = self._olds, self._new
        for order in orders:
            old = olds.get(order.version_id)
            if old is None:
                old = olds[order.version_id] = _Side(self._deciders(order.version_id), 0, self._slot)
                self._rules += [0] * (len(self._slots) - len(self._rules))
            self._add_one(order, old, new)

    def _add_one(self, frozen: Frozen, old: _Side, new: _Side) -> None:
        kept = orjson.loads(frozen.inputs)
        lines, upline = kept["lines"], kept["upline"]
        if len(lines) > 1:
            lines.sort(key=_first)
        lines = [line for line in lines if line[1] > 0]
        sums = [[line[1], 0, 0] for line in lines]
        path = None
        # Somebody who stands in an upline twice is one payee; the engine knows how to go about it.
        if len(kept) == 2 and len({member[0] for member in upline}) == len(upline):
            path = (frozen.legal_depth, *[(member[1], member[2], member[3]) for member in upline])
        sold = ([line[1] for line in lines], [line[2] for line in lines])
        paid_old = self._decide(frozen, old, lines, upline, path, sums, sold)
        paid_new = self._decide(frozen, new, lines, upline, path, sums, sold)
        base = 0
        for line, (line_base, line_old, line_new) in zip(lines, sums, strict=True):
            base += line_base
            place = line[4][-1] if line[4] else 0
            for table, key in ((self._skus, line[3]), (self._categories, place)):
                into = table.get(key)
                if into is None:
                    table[key] = [line_base, line_old, line_new]
                else:
                    into[0] += line_base
                    into[1] += line_old
                    into[2] += line_new
        if paid_old != frozen.total_minor:
            self._tally.differing += 1
        day = self._days.get(frozen.paid_on)
        if day is None:
            day = self._days[frozen.paid_on] = [0, 0, 0, 0]
        day[0] += 1
        day[1] += base
        day[2] += paid_old
        day[3] += paid_new
        due = frozen.received_on + self._hold if frozen.received_on is not None else None
        released_old, released_new = self._released
        if paid_old:
            released_old[frozen.released_on] = released_old.get(frozen.released_on, 0) + paid_old
        if paid_new:
            released_new[due] = released_new.get(due, 0) + paid_new

    def _decide(
        self,
        frozen: Frozen,
        side: _Side,
        lines: list[Any],
        upline: list[Any],
        path: Any,
        sums: list[list[int]],
        sold: tuple[list[int], list[int]],
    ) -> int:
        """Decide one order on one side and count its shares; returns what it pays in all. `sold`: bases and quantities."""
        quick = side.quick
        if quick is None or path is None:
            return self._decide_fully(frozen, side, lines, sums)
        seats = side.uplines.get(path)
        if seats is None:
            seats = self._seats(side, quick, path)
        if seats < 0:
            return self._decide_fully(frozen, side, lines, sums)
        shapes: Any = len(lines)
        if quick.asks_lines:
            shapes = tuple([self._shape(side, quick, frozen.paid_micros, line) for line in lines])
        structure = side.structures.get((seats, shapes))
        if structure is None:
            structure = self._structure(side, quick, seats, shapes)
        shares = quick.decide(structure, *sold, frozen.legal_bp)
        if shares is None:
            return self._decide_fully(frozen, side, lines, sums)
        total, at = 0, side.side + 1
        paid, rules, slots, depths = self._paid, self._rules, side.slots, self._depths[side.side]
        for rule, place, line, amount in shares:
            if amount > 0:
                total += amount
                member, slot = upline[place], slots[rule]
                key = (member[0], slot, member[2])
                if key in paid:
                    paid[key] += amount
                else:
                    paid[key] = amount
                rules[slot] += amount
                sums[line][at] += amount
                depth = member[1]
                depths[depth] = depths.get(depth, 0) + amount
        return total

    def _decide_fully(self, frozen: Frozen, side: _Side, lines: list[Any], sums: list[list[int]]) -> int:
        """By the engine itself."""
        if side.decider is None:
            return 0
        given = self._completed.get(frozen.order_id) if side.side else None
        order = given or self._thaw(frozen.order_id, _EPOCH + timedelta(microseconds=frozen.paid_micros), frozen.inputs)
        tiers = {member.distributor_id: member.tier for member in order.upline}
        places = {line[0]: place for place, line in enumerate(lines)}
        total, at, depths = 0, side.side + 1, self._depths[side.side]
        for share in side.decider.decide(order, LegalCeiling("", frozen.legal_depth, frozen.legal_bp)):
            amount, slot = share.amount_minor, self._slot(side.side, share.rule_key)
            if slot >= len(self._rules):
                self._rules.append(0)
            total += amount
            key = (share.payee_id, slot, tiers.get(share.payee_id, ""))
            self._paid[key] = self._paid.get(key, 0) + amount
            self._rules[slot] += amount
            sums[places[share.line_id]][at] += amount
            depths[share.depth] = depths.get(share.depth, 0) + amount
        return total

    def _seats(self, side: _Side, quick: Quick, path: Any) -> int:
        """The number of an upline's seats; -1 where the quick way does not know them."""
        legal_depth, *members = path
        depths = [depth for depth, _, _ in members]
        seats = quick.seats(members, legal_depth) if depths == sorted(set(depths)) else None
        found = -1 if seats is None else side.number(seats)
        _remember(side.uplines, path, found)
        return found

    def _structure(self, side: _Side, quick: Quick, seats: int, shapes: Any) -> Structure:
        kinds = [quick.silence] * shapes if isinstance(shapes, int) else [side.kinds[shape] for shape in shapes]
        found = quick.structure(side.kinds[seats], kinds)
        _remember(side.structures, (seats, shapes), found)
        return found

    def _shape(self, side: _Side, quick: Quick, paid_micros: int, line: list[Any]) -> int:
        """Which conditions hold on a line: the same for all payments that no window and no new-goods span tells apart."""
        age, part = None, 0
        if quick.spans:
            listed = line[6]
            if listed is not None:
                moment = self._listings.get(listed)
                if moment is None:
                    moment = micros(datetime.fromisoformat(listed))
                    _remember(self._listings, listed, moment)
                age = paid_micros - moment
                part = -1 if age < 0 else bisect_right(quick.spans, age)
            else:
                part = -2
        edge = bisect_right(quick.edges, paid_micros) if quick.edges else 0
        key = (line[3], part, edge, *line[4], None, *line[5])
        found = side.shapes.get(key)
        if found is None:
            found = side.number(quick.truths(Goods(line[3], tuple(line[4]), tuple(line[5]), age, paid_micros)))
            _remember(side.shapes, key, found)
        return found

    def take(self) -> Tally:
        """The sums of what was added since the last time."""
        tally = self._tally
        names = {slot: name for name, slot in self._slots.items()}
        for slot, amount in enumerate(self._rules):
            if amount:
                tally.by_rule[names[slot]] = amount
        for (payee, slot, tier), amount in self._paid.items():
            side, rule = names[slot]
            put(tally.by_tier, tier, side, amount)
            key = (payee, side, rule)
            tally.paid[key] = tally.paid.get(key, 0) + amount
        for side in (0, 1):
            for depth, amount in self._depths[side].items():
                put(tally.by_depth, depth, side, amount)
            for day, amount in self._released[side].items():
                put(tally.released, "" if day is None else _day(day), side, amount)
        for day, (count, base, old, new) in self._days.items():
            tally.by_day[_day(day)] = (count, base, old, new)
            tally.order_count += count
            tally.base_minor += base
            tally.total.old += old
            tally.total.new += new
        tally.by_sku = {key: (base, old, new) for key, (base, old, new) in self._skus.items()}
        tally.by_category = {key: (base, old, new) for key, (base, old, new) in self._categories.items()}
        self._begin()
        return tally


def merge(into: Tally, part: Tally) -> None:
    """Add one tally to another."""
    into.order_count += part.order_count
    into.base_minor += part.base_minor
    into.differing += part.differing
    into.total.old += part.total.old
    into.total.new += part.total.new
    for pairs, added in ((into.by_tier, part.by_tier), (into.by_depth, part.by_depth), (into.released, part.released)):
        for key, pair in added.items():
            put(pairs, key, 0, pair.old)
            put(pairs, key, 1, pair.new)
    for sums, more in ((into.by_sku, part.by_sku), (into.by_category, part.by_category), (into.by_day, part.by_day)):
        for name, numbers in more.items():
            _add(sums, name, numbers)
    for rule, amount in part.by_rule.items():
        into.by_rule[rule] = into.by_rule.get(rule, 0) + amount
    for share, amount in part.paid.items():
        into.paid[share] = into.paid.get(share, 0) + amount


def _day(number: int) -> str:
    return (_DAY_ZERO + timedelta(days=number)).isoformat()


def _remember(memory: dict[Any, Any], key: Any, value: Any) -> None:
    if len(memory) >= REMEMBERED_MAX:
        memory.clear()
    memory[key] = value


def put(pairs: dict[Any, Pair], key: Any, side: int, amount: int) -> None:
    """Add an amount to one side of what stands under a key."""
    pair = pairs.get(key)
    if pair is None:
        pair = pairs[key] = Pair()
    if side:
        pair.new += amount
    else:
        pair.old += amount


def _add(sums: dict[Any, Any], key: Any, numbers: Sequence[int]) -> None:
    before = sums.get(key)
    sums[key] = tuple(numbers) if before is None else tuple(map(int.__add__, before, numbers))
