"""Warehouses for a whole batch that shares its stock.

Pieces that several orders want get a price, and so do warehouses beyond their capacity (Lagrangian relaxation, subgradient
steps). At given prices every order decides alone, which gives a bound for the batch; with what is really there, order after
order, it gives a plan, which local search then improves. Deterministic: no clock, no chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from banyan.goods.sourcing.engine.distances import Points
from banyan.goods.sourcing.engine.pricing_out import Bound, Pricing
from banyan.goods.sourcing.engine.serving import Served, serve, serve_otherwise
from banyan.goods.sourcing.engine.sheet import NEEDED, SHORT, Ask, Sheet, Take, cost_of, lay_out, parcels_of, told
from banyan.goods.sourcing.types import Answer, Choice, Question, Split

ROUNDS = 3
"""Rounds of local search; it ends earlier when a round finds nothing."""
TRIES = 2
"""How many holders of wanted pieces are asked to make room for an order."""
SHOWN = 3
"""So many single warehouses are told beside a choice."""

Exact = Callable[[Sheet, Sequence[Sequence[Take]], int], tuple[list[tuple[Take, ...]], int] | None]
"""A solver that may improve on a plan: (sheet, plan, bound) to a plan and a bound, or None."""


@dataclass(slots=True)
class _Plan:
    """What every order takes, what is left of the stock, and how many parcels each warehouse sends."""

    takes: list[tuple[Take, ...]]
    left: list[list[int]]
    parcels: list[int]


def decide(question: Question, points: Points, exact: Exact | None = None) -> Answer:
    """Choose warehouses for every order of the batch. ``exact`` is asked where the bound leaves a gap and may decline.

    Orders come oldest first: of a SKU that is wanted beyond what all warehouses have, the oldest get their pieces.
    """
    sheet = lay_out(question, points)
    if not sheet.asks or not question.places:
        return _answer(sheet, _empty(sheet), 0, "prices")
    pricing = Pricing(sheet)
    bound = pricing.bound
    plan = _fill(sheet, bound)
    if _cost(sheet, plan) > bound.value:
        bound = pricing.climb(_cost(sheet, plan))
        plan = min((plan, _fill(sheet, bound)), key=lambda one: _cost(sheet, one))
        _improve(sheet, plan, pricing.bound.floors.tolist())
    held = _held(sheet)
    if held is not None and _cost(sheet, held) < _cost(sheet, plan):
        plan = held
    method, value = "prices", bound.value
    if exact is not None and _cost(sheet, plan) > value:
        found = exact(sheet, plan.takes, value)
        if found is not None:
            method, value = "solver", max(value, found[1])
            better = _plan_of(sheet, found[0])
            plan = better if better is not None and _cost(sheet, better) <= _cost(sheet, plan) else plan
    return _answer(sheet, plan, min(value, _cost(sheet, plan)), method)


def _empty(sheet: Sheet) -> _Plan:
    return _Plan([()] * len(sheet.asks), [list(row) for row in sheet.stock], [0] * len(sheet.capacity))


def _put(sheet: Sheet, plan: _Plan, index: int, takes: tuple[Take, ...]) -> None:
    """Give the order back what it had and let it take these pieces instead; less than nothing may be left for a moment."""
    lines = sheet.asks[index].lines
    for warehouse, number, pieces in plan.takes[index]:
        plan.left[lines[number].sku][warehouse] += pieces
    for warehouse in parcels_of(plan.takes[index]):
        plan.parcels[warehouse] -= 1
    for warehouse, number, pieces in takes:
        plan.left[lines[number].sku][warehouse] -= pieces
    for warehouse in parcels_of(takes):
        plan.parcels[warehouse] += 1
    plan.takes[index] = takes


def _loads(sheet: Sheet, plan: _Plan) -> list[int]:
    """What one more parcel costs in each warehouse."""
    return [
        sheet.load if capacity is not None and sent >= capacity else 0
        for capacity, sent in zip(sheet.capacity, plan.parcels, strict=True)
    ]


def _cost(sheet: Sheet, plan: _Plan) -> int:
    free = [0] * len(sheet.capacity)
    overload = sum(
        max(0, sent - capacity) * sheet.load
        for capacity, sent in zip(sheet.capacity, plan.parcels, strict=True) if capacity is not None
    )  # fmt: skip
    return overload + sum(cost_of(sheet, ask, takes, free) for ask, takes in zip(sheet.asks, plan.takes, strict=True))


def _fill(sheet: Sheet, bound: Bound) -> _Plan:
    """First the orders whose wish nobody disputes; then the disputed ones, dearest second choice first, from what is left."""
    plan = _empty(sheet)
    wishes = [
        serve(sheet, ask, sheet.stock, {}, [0] * len(sheet.capacity), only=pair)
        for ask, pair in zip(sheet.asks, bound.pairs.tolist(), strict=True)
    ]
    wanted: dict[Slot, int] = {}
    for ask, wish in zip(sheet.asks, wishes, strict=True):
        for warehouse, number, pieces in wish.takes:
            slot = (ask.lines[number].sku, warehouse)
            wanted[slot] = wanted.get(slot, 0) + pieces
    short = {slot for slot, pieces in wanted.items() if pieces > sheet.stock[slot[0]][slot[1]]}
    disputed = []
    for index, (ask, wish) in enumerate(zip(sheet.asks, wishes, strict=True)):
        if any((ask.lines[number].sku, warehouse) in short for warehouse, number, _ in wish.takes) or _lacks(ask, wish.takes):
            disputed.append(index)
        else:
            _put(sheet, plan, index, wish.takes)
    prices, loads = bound.prices.tolist(), bound.loads.tolist()
    priced = {sku: row for sku, row in enumerate(prices) if any(row)}
    for index in sorted(disputed, key=lambda one: -int(bound.regrets[one])):
        now = [max(mine, theirs) for mine, theirs in zip(loads, _loads(sheet, plan), strict=True)]
        _put(sheet, plan, index, serve(sheet, sheet.asks[index], plan.left, priced, now).takes)
    return plan


def _lacks(ask: Ask, takes: Sequence[Take]) -> bool:
    return sum(take[2] for take in takes) < sum(line.quantity for line in ask.lines)


Slot = tuple[int, int]
"""(SKU number, warehouse)"""


def _improve(sheet: Sheet, plan: _Plan, floors: Sequence[int]) -> None:
    """Local search among the orders that pay more than they would alone: each chooses anew from what is left, then asks
    holders of what it wants to make room."""
    free = [0] * len(sheet.capacity)
    dreams: dict[int, Served] = {}
    for _ in range(ROUNDS):
        loads = _loads(sheet, plan)
        unhappy = [
            index for index, ask in enumerate(sheet.asks)
            if cost_of(sheet, ask, plan.takes[index], loads) > floors[index]
        ]  # fmt: skip
        moved = False
        for index in unhappy:
            moved |= _choose_anew(sheet, plan, index)
        holders = _holders(sheet, plan)
        for index in unhappy:
            if index not in dreams:
                dreams[index] = serve(sheet, sheet.asks[index], sheet.stock, {}, free)
            dream = dreams[index]
            if cost_of(sheet, sheet.asks[index], plan.takes[index], free) > dream.cost:
                moved |= _make_room(sheet, plan, index, dream.takes, holders)
        if not moved:
            return


def _choose_anew(sheet: Sheet, plan: _Plan, index: int) -> bool:
    ask, old = sheet.asks[index], plan.takes[index]
    _put(sheet, plan, index, ())
    loads = _loads(sheet, plan)
    best = serve(sheet, ask, plan.left, {}, loads)
    better = best.cost < cost_of(sheet, ask, old, loads)
    _put(sheet, plan, index, best.takes if better else old)
    return better


def _holders(sheet: Sheet, plan: _Plan) -> dict[Slot, list[int]]:
    holders: dict[Slot, list[int]] = {}
    for index, ask in enumerate(sheet.asks):
        for warehouse, number, _ in plan.takes[index]:
            holders.setdefault((ask.lines[number].sku, warehouse), []).append(index)
    return holders


def _make_room(sheet: Sheet, plan: _Plan, index: int, wanted: tuple[Take, ...], holders: dict[Slot, list[int]]) -> bool:
    """Let the order have its wish at the expense of one holder of it, if both together are better off then."""
    ask, old = sheet.asks[index], plan.takes[index]
    free = [0] * len(sheet.capacity)
    blocked = [
        (ask.lines[number].sku, warehouse) for warehouse, number, pieces in wanted
        if plan.left[ask.lines[number].sku][warehouse] + _mine(ask.lines, old, number, warehouse) < pieces
    ]  # fmt: skip
    if len(blocked) != 1:
        return False
    for other in [holder for holder in holders.get(blocked[0], ()) if holder != index][:TRIES]:
        theirs = plan.takes[other]
        before = _pair_cost(sheet, plan, index, other, free)
        _put(sheet, plan, other, ())
        _put(sheet, plan, index, ())
        best = serve(sheet, ask, plan.left, {}, _loads(sheet, plan))
        _put(sheet, plan, index, best.takes)
        rest = serve(sheet, sheet.asks[other], plan.left, {}, _loads(sheet, plan))
        _put(sheet, plan, other, rest.takes)
        if _pair_cost(sheet, plan, index, other, free) < before:
            return True
        _put(sheet, plan, other, ())
        _put(sheet, plan, index, old)
        _put(sheet, plan, other, theirs)
    return False


def _mine(lines: Sequence[object], takes: Iterable[Take], number: int, warehouse: int) -> int:
    return sum(pieces for place, line, pieces in takes if line == number and place == warehouse)


def _pair_cost(sheet: Sheet, plan: _Plan, one: int, other: int, free: list[int]) -> int:
    overload = sum(
        max(0, sent - capacity) * sheet.load
        for capacity, sent in zip(sheet.capacity, plan.parcels, strict=True) if capacity is not None
    )  # fmt: skip
    return overload + sum(cost_of(sheet, sheet.asks[index], plan.takes[index], free) for index in (one, other))


def _plan_of(sheet: Sheet, takes: Sequence[tuple[Take, ...]]) -> _Plan | None:
    """A plan from somebody else's takes; None when it takes more than there is."""
    plan = _empty(sheet)
    for index, one in enumerate(takes):
        _put(sheet, plan, index, tuple(one))
    return plan if all(pieces >= 0 for row in plan.left for pieces in row) else None


def _held(sheet: Sheet) -> _Plan | None:
    """What the orders hold now, as a plan; None when nothing is held or it is not there any more."""
    held = sheet.question.held
    if not held:
        return None
    numbers = {place.warehouse_id: number for number, place in enumerate(sheet.question.places)}
    takes = []
    for ask in sheet.asks:
        found: dict[tuple[int, int], int] = {}
        lines = {wanted.line_id: number for number, line in enumerate(ask.lines) for wanted in line.wanted}
        for piece in held.get(ask.demand.order_id, ()):
            if piece.warehouse_id not in numbers or piece.line_id not in lines:
                return None
            slot = (numbers[piece.warehouse_id], lines[piece.line_id])
            found[slot] = found.get(slot, 0) + piece.quantity
        if not sheet.may_split and len({warehouse for warehouse, _ in found}) > 1:
            return None
        takes.append(tuple((warehouse, number, pieces) for (warehouse, number), pieces in found.items()))
    return _plan_of(sheet, takes)


def _answer(sheet: Sheet, plan: _Plan, bound: int, method: str) -> Answer:
    choices = tuple(_explain(sheet, plan, index) for index in range(len(sheet.asks)))
    cost = _cost(sheet, plan)
    further = sum(max(0, len(choice.chosen.parcels) - 1) for choice in choices)
    weight = sum(choice.chosen.cost.short_pieces for choice in choices) * SHORT
    weight += further * NEEDED if sheet.question.split is Split.WHEN_NEEDED else 0
    gap = cost - bound
    return Answer(choices, cost - weight, bound - weight, gap * 10_000 // max(1, cost - weight - gap), method)


def _explain(sheet: Sheet, plan: _Plan, index: int) -> Choice:
    """The choice beside what it was preferred to, judged with what the others left."""
    ask, mine = sheet.asks[index], plan.takes[index]
    _put(sheet, plan, index, ())
    loads = _loads(sheet, plan)
    chosen = told(sheet, ask, mine, loads)
    second = serve_otherwise(sheet, ask, plan.left, {}, loads, parcels_of(mine)) if mine else None
    runner_up = told(sheet, ask, second.takes, loads) if second is not None and second.takes else None
    alone = []
    for warehouse in sorted(range(len(loads)), key=lambda one: ask.ways[one].fixed + loads[one])[: 2 * SHOWN]:
        takes = tuple(
            (warehouse, number, min(line.quantity, plan.left[line.sku][warehouse]))
            for number, line in enumerate(ask.lines) if plan.left[line.sku][warehouse] > 0
        )  # fmt: skip
        if takes:
            alone.append((cost_of(sheet, ask, takes, loads), warehouse, takes))
    _put(sheet, plan, index, mine)
    nearest = tuple(told(sheet, ask, takes, loads) for _, _, takes in sorted(alone)[:SHOWN])
    return Choice(ask.demand.order_id, chosen, runner_up, nearest)
