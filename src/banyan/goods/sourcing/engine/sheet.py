"""A question laid out for counting: warehouses by number, costs of a way looked up once per region, stock as rows of integers.

All arithmetic is in integers, also that of prices, so that a bound is a bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from banyan.goods.sourcing.engine.distances import Points, freight_minor, road_km, zone_of
from banyan.goods.sourcing.types import Cost as CostParts
from banyan.goods.sourcing.types import Demand, Option, Parcel, Piece, Place, Question, Split, Wanted, Zone
from banyan.goods.sourcing.types import Missing as MissingPieces

SHORT = 10**7
"""What a missing piece weighs while options are compared: more than any freight, so that goods are found before money is
saved."""
NEEDED = 10**5
"""What a further parcel weighs besides its penalty where orders are split only when it must be."""

Take = tuple[int, int, int]
"""(warehouse number, line number, pieces)"""


class Way(NamedTuple):
    """From one warehouse to one region under one promise. ``fixed``: first weight, lateness and priority of a parcel."""

    zone: Zone
    km: int | None
    late_minor: int
    priority_minor: int
    fixed: int


class Line(NamedTuple):
    """What an order wants of one SKU: its row of the stock and what a piece costs for its age, by warehouse number (None:
    nothing).

    Lines of the same SKU are one here, so that they cannot count on the same pieces; ``told`` parts them again.
    """

    wanted: tuple[Wanted, ...]
    sku: int
    quantity: int
    grams: int
    stale: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Ask:
    """One order, laid out."""

    demand: Demand
    lines: tuple[Line, ...]
    ways: tuple[Way, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A whole question, laid out. ``stock`` holds a row per SKU number; rows are copied before they are drawn from."""

    question: Question
    asks: tuple[Ask, ...]
    stock: tuple[tuple[int, ...], ...]
    capacity: tuple[int | None, ...]
    split: int
    """What each further parcel of an order costs; None is not needed: see ``may_split``."""
    may_split: bool

    @property
    def load(self) -> int:
        """What a parcel beyond a warehouse's capacity costs."""
        return self.question.weights.load_minor


def lay_out(question: Question, points: Points) -> Sheet:
    """Number everything and look every way up once."""
    places = question.places
    by_sku: dict[int, int] = {}
    for demand in question.demands:
        for wanted in demand.lines:
            by_sku.setdefault(wanted.sku_id, len(by_sku))
    stock = [tuple(_pieces(question.stock.get(sku_id, {}), places)) for sku_id in by_sku]
    ways: dict[tuple[str, int | None], tuple[Way, ...]] = {}
    distances: dict[tuple[str, str], int | None] = {}
    asks = []
    for demand in question.demands:
        key = (demand.region_code[:4], demand.hours)
        if key not in ways:
            ways[key] = tuple(_way(question, place, demand, points, distances) for place in places)
        same: dict[int, list[Wanted]] = {}
        for wanted in demand.lines:
            same.setdefault(wanted.sku_id, []).append(wanted)
        lines = []
        for sku_id, group in same.items():
            stale = _stale(question, group, places, ways[key])
            lines.append(Line(tuple(group), by_sku[sku_id], sum(w.quantity for w in group), group[0].grams, stale))
        asks.append(Ask(demand, tuple(lines), ways[key]))
    needed = NEEDED if question.split is Split.WHEN_NEEDED else 0
    capacity = tuple(place.capacity for place in places)
    split = question.weights.split_minor + needed
    return Sheet(question, tuple(asks), tuple(stock), capacity, split, question.split is not Split.NEVER)


def _pieces(shelves: Mapping[int, object], places: Sequence[Place]) -> Iterable[int]:
    for place in places:
        shelf = shelves.get(place.warehouse_id)
        yield max(0, shelf.pieces) if shelf is not None else 0  # type: ignore[attr-defined]


def _way(question: Question, place: Place, demand: Demand, points: Points, distances: dict[tuple[str, str], int | None]) -> Way:
    pair = (place.region_code[:4], demand.region_code[:4])
    if pair not in distances:
        distances[pair] = road_km(points, place.region_code, demand.region_code)
    km = distances[pair]
    zone = zone_of(question.zones, place.region_code, demand.region_code, km)
    late = max(0, zone.hours - demand.hours) * question.weights.late_minor if demand.hours is not None else 0
    priority = place.priority * question.weights.priority_minor
    return Way(zone, km, late, priority, zone.first_minor + late + priority)


def _stale(question: Question, group: Sequence[Wanted], places: Sequence[Place], ways: Sequence[Way]) -> tuple[int, ...] | None:
    """Per warehouse, what one piece costs for having fewer days left on arrival than wished."""
    fresh_days = max(wanted.fresh_days for wanted in group)
    if not fresh_days:
        return None
    shelves = question.stock.get(group[0].sku_id, {})
    costs = []
    for place, way in zip(places, ways, strict=True):
        shelf = shelves.get(place.warehouse_id)
        if shelf is None or shelf.days_left is None:
            costs.append(0)
        else:
            days = shelf.days_left - -(-way.zone.hours // 24)
            costs.append(max(0, fresh_days - days) * question.weights.fresh_minor)
    return tuple(costs) if any(costs) else None


def parcels_of(takes: Iterable[Take]) -> set[int]:
    """The warehouses that send something."""
    return {take[0] for take in takes}


def cost_of(sheet: Sheet, ask: Ask, takes: Sequence[Take], loads: Sequence[int]) -> int:
    """What an option costs, with ``loads`` per parcel of each warehouse and missing pieces at their weight."""
    grams: dict[int, int] = {}
    missing = sum(line.quantity for line in ask.lines)
    cost = 0
    for warehouse, number, pieces in takes:
        line = ask.lines[number]
        grams[warehouse] = grams.get(warehouse, 0) + pieces * line.grams
        missing -= pieces
        if line.stale is not None:
            cost += pieces * line.stale[warehouse]
    for warehouse, weight in grams.items():
        way = ask.ways[warehouse]
        cost += way.fixed - way.zone.first_minor + freight_minor(way.zone, weight) + loads[warehouse]
    return cost + max(0, len(grams) - 1) * sheet.split + missing * SHORT


def told(sheet: Sheet, ask: Ask, takes: Sequence[Take], loads: Sequence[int]) -> Option:
    """An option in the words of the house, with its cost in parts."""
    places = sheet.question.places
    grams: dict[int, int] = {}
    left = [[wanted.quantity for wanted in line.wanted] for line in ask.lines]
    stale = 0
    pieces = []
    for warehouse, number, quantity in sorted(takes, key=lambda take: (take[1], take[0])):
        line = ask.lines[number]
        grams[warehouse] = grams.get(warehouse, 0) + quantity * line.grams
        stale += quantity * line.stale[warehouse] if line.stale is not None else 0
        for place, wanted in enumerate(line.wanted):
            part = min(quantity, left[number][place])
            if part:
                left[number][place] -= part
                quantity -= part
                pieces.append(Piece(wanted.line_id, wanted.sku_id, places[warehouse].warehouse_id, part))
    missing = tuple(
        MissingPieces(wanted.line_id, wanted.sku_id, quantity)
        for line, rest in zip(ask.lines, left, strict=True)
        for wanted, quantity in zip(line.wanted, rest, strict=True) if quantity
    )  # fmt: skip
    ways = [(warehouse, ask.ways[warehouse], weight) for warehouse, weight in sorted(grams.items())]
    return Option(
        tuple(pieces),
        missing,
        tuple(Parcel(places[w].warehouse_id, way.zone.code, way.km, way.zone.hours, weight) for w, way, weight in ways),
        CostParts(
            sum(freight_minor(way.zone, weight) for _, way, weight in ways),
            sum(way.late_minor for _, way, _ in ways),
            stale,
            sum(loads[w] for w, _, _ in ways),
            max(0, len(ways) - 1) * sheet.question.weights.split_minor,
            sum(way.priority_minor for _, way, _ in ways),
            sum(one.quantity for one in missing),
        ),
    )  # fmt: skip
