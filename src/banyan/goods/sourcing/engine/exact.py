"""The same choice by a solver that proves its optimum: CP-SAT of OR-Tools, loaded only when it is asked.

Every order chooses one of its options, listed cheapest first; together they take no more than there is. Listing whole
options keeps the relaxation tight, where a variable per warehouse would leave the parcels' fixed costs to guessing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from banyan.goods.sourcing.engine.sheet import SHORT, Ask, Sheet, Take, cost_of, parcels_of

ORDERS_MAX = 60
"""Larger batches are left to prices, which need no second to start."""
OPTIONS_MAX = 300
"""So many options of an order are listed; the others are worth as much as the last one, in the bound."""
NEAREST = 6
"""An order is usually served by one of so many nearest warehouses."""
EFFORT = 0.5
"""In the solver's own deterministic seconds, so that the same batch gets the same answer on every machine."""


class _Column(NamedTuple):
    """One option; ``takes`` None: all that are not listed."""

    cost: int
    takes: tuple[Take, ...] | None


def solve(
    sheet: Sheet, plan: Sequence[Sequence[Take]], bound: int, effort: float = EFFORT, prove: bool = False
) -> tuple[list[tuple[Take, ...]], int] | None:
    """A plan at least as good as ``plan``, and a proven bound; None for a batch that is too large, or without the library.

    Usually it chooses among the nearest warehouses and proves nothing new. ``prove`` lists far more and counts what is left
    out, too: for tests, on small batches.
    """
    if len(sheet.asks) > ORDERS_MAX:
        return None
    try:
        from ortools.sat.python import cp_model
    except ImportError:
        return None
    model = cp_model.CpModel()
    chosen: list[list[tuple[Any, _Column]]] = []
    used: dict[tuple[int, int], list[Any]] = {}
    sent: list[list[Any]] = [[] for _ in sheet.capacity]
    cost: Any = 0
    for ask, now in zip(sheet.asks, plan, strict=True):
        options = [(model.new_bool_var(""), column) for column in _columns(sheet, ask, tuple(now), prove)]
        model.add_exactly_one(choice for choice, _ in options)
        mine = sorted(now)
        for choice, column in options:
            model.add_hint(choice, column.takes is not None and sorted(column.takes) == mine)
            cost += choice * column.cost
            for warehouse, number, pieces in column.takes or ():
                used.setdefault((ask.lines[number].sku, warehouse), []).append(choice * pieces)
            for warehouse in parcels_of(column.takes or ()):
                sent[warehouse].append(choice)
        chosen.append(options)
    for (sku, warehouse), amounts in used.items():
        model.add(sum(amounts) <= sheet.stock[sku][warehouse])
    for capacity, leaving in zip(sheet.capacity, sent, strict=True):
        if capacity is not None and len(leaving) > capacity:
            beyond = model.new_int_var(0, len(leaving), "")
            model.add(beyond >= sum(leaving) - capacity)
            cost += beyond * sheet.load
    model.add(cost >= bound)
    model.minimize(cost)
    solver = cp_model.CpSolver()
    solver.parameters.max_deterministic_time = effort
    solver.parameters.num_workers = 1
    solver.parameters.linearization_level = 2
    solver.parameters.random_seed = 1
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    found = []
    for options, now in zip(chosen, plan, strict=True):
        picked = next(column for choice, column in options if solver.value(choice))
        found.append(tuple(now) if picked.takes is None else picked.takes)
    return found, int(solver.best_objective_bound) if prove else bound


def _columns(sheet: Sheet, ask: Ask, now: tuple[Take, ...], prove: bool) -> list[_Column]:
    """The cheapest options and what the order has now; to prove something, also one for the rest, which takes nothing and costs
    as the first one left out."""
    free = [0] * len(sheet.capacity)
    nearest = sorted(range(len(free)), key=lambda warehouse: ask.ways[warehouse].fixed)
    sources = set(nearest if prove else nearest[:NEAREST]) | parcels_of(now)
    limit = cost_of(sheet, ask, now, free) * (200 if prove else 130) // 100 + 1
    everything = sorted(set(_options(sheet, ask, limit, sources)))
    listed = everything[:OPTIONS_MAX]
    mine = _Column(cost_of(sheet, ask, now, free), tuple(sorted(now)))
    columns = list(dict.fromkeys([*listed, mine]))
    if prove:
        columns.append(_Column(everything[OPTIONS_MAX].cost if len(everything) > OPTIONS_MAX else limit, None))
    return columns


def _options(sheet: Sheet, ask: Ask, limit: int, sources: set[int]) -> Iterator[_Column]:
    """Every way to serve the order from these warehouses for less than ``limit``: line after line, costs only grow."""
    free = [0] * len(sheet.capacity)
    rows = [[there if w in sources else 0 for w, there in enumerate(sheet.stock[line.sku])] for line in ask.lines]

    def deepen(number: int, takes: tuple[Take, ...]) -> Iterator[_Column]:
        if number == len(ask.lines):
            yield _Column(cost_of(sheet, ask, takes, free), tuple(sorted(takes)))
            return
        rest = sum(line.quantity for line in ask.lines[number + 1 :]) * SHORT
        for more in _parts(rows[number], number, ask.lines[number].quantity, 0):
            several = takes + more
            if not sheet.may_split and len(parcels_of(several)) > 1:
                continue
            if cost_of(sheet, ask, several, free) - rest < limit:
                yield from deepen(number + 1, several)

    yield from deepen(0, ())


def _parts(row: Sequence[int], number: int, quantity: int, begin: int) -> Iterator[tuple[Take, ...]]:
    """Every way to take up to ``quantity`` pieces of a line from the warehouses from ``begin`` on."""
    if quantity == 0 or begin == len(row):
        yield ()
        return
    for pieces in range(min(quantity, row[begin]) + 1):
        mine: tuple[Take, ...] = ((begin, number, pieces),) if pieces else ()
        for others in _parts(row, number, quantity - pieces, begin + 1):
            yield mine + others
