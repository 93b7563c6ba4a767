"""Which warehouse serves which order: pure, deterministic, never more than there is.

Source of the rule: the tenant's priorities. An order goes out whole from the first warehouse that has all of it; only when
none has, it is split over the warehouses by priority. Orders are served in the order of the batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from banyan.goods.inventory.types import Held


class Wish(NamedTuple):
    """One order's lines as (line_id, sku_id, quantity)."""

    order_id: int
    lines: tuple[tuple[int, int, int], ...]


@dataclass(slots=True)
class Choice:
    """The decision for a batch: what to hold, and per refused order its (sku_id, requested, available) shortages."""

    holds: list[Held] = field(default_factory=list)
    refused: dict[int, tuple[tuple[int, int, int], ...]] = field(default_factory=dict)


Available = dict[int, dict[int, int]]
"""Pieces that can be promised, by SKU and warehouse."""


def choose(wishes: Iterable[Wish], available: Mapping[int, Mapping[int, int]], priority: Sequence[int]) -> Choice:
    """Serve ``wishes`` in their order from ``available``; ``priority`` lists the warehouses, first choice first."""
    left: Available = {sku: dict(by_warehouse) for sku, by_warehouse in available.items()}
    choice = Choice()
    for wish in wishes:
        needed: dict[int, int] = {}
        for _, sku_id, quantity in wish.lines:
            needed[sku_id] = needed.get(sku_id, 0) + quantity
        whole = _serving_whole(needed, left, priority)
        if whole is not None:
            for line_id, sku_id, quantity in wish.lines:
                left[sku_id][whole] -= quantity
                choice.holds.append(Held(wish.order_id, line_id, whole, sku_id, quantity))
            continue
        short = tuple(
            (sku_id, quantity, have) for sku_id, quantity in needed.items() if (have := _total(left, sku_id, priority)) < quantity
        )
        if short:
            choice.refused[wish.order_id] = short
        else:
            choice.holds.extend(_split(wish, left, priority))
    return choice


def _serving_whole(needed: Mapping[int, int], left: Available, priority: Sequence[int]) -> int | None:
    for warehouse in priority:
        for sku_id, quantity in needed.items():
            levels = left.get(sku_id)
            if levels is None or levels.get(warehouse, 0) < quantity:
                break
        else:
            return warehouse
    return None


def _total(left: Available, sku_id: int, priority: Sequence[int]) -> int:
    levels = left.get(sku_id, {})
    return sum(max(0, levels.get(warehouse, 0)) for warehouse in priority)


def _split(wish: Wish, left: Available, priority: Sequence[int]) -> Iterable[Held]:
    for line_id, sku_id, quantity in wish.lines:
        for warehouse in priority:
            taken = min(quantity, left[sku_id].get(warehouse, 0))
            if taken > 0:
                left[sku_id][warehouse] -= taken
                quantity -= taken
                yield Held(wish.order_id, line_id, warehouse, sku_id, taken)
