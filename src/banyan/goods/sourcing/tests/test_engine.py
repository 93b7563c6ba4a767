"""The choice for a batch: nothing beyond the stock, never better than the bound, close to the optimum, and explained."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from banyan.config.bench.batches import make_question
from banyan.goods.sourcing.engine.batch import decide
from banyan.goods.sourcing.engine.distances import freight_minor, road_km, zone_of
from banyan.goods.sourcing.engine.exact import solve
from banyan.goods.sourcing.engine.sheet import cost_of, lay_out, parcels_of
from banyan.goods.sourcing.queries import points
from banyan.goods.sourcing.types import (
    DEFAULT_ZONES,
    Answer,
    Demand,
    Place,
    Question,
    Shelf,
    Split,
    Wanted,
    Weights,
)

POINTS = points()


def served(question: Question, answer: Answer) -> None:
    """Every piece is served or named missing, from what is there, once; the parts of every cost add up."""
    assert [choice.order_id for choice in answer.choices] == [demand.order_id for demand in question.demands]
    used: Counter[tuple[int, int]] = Counter()
    for demand, choice in zip(question.demands, answer.choices, strict=True):
        lines = Counter({wanted.line_id: wanted.quantity for wanted in demand.lines})
        for piece in choice.chosen.pieces:
            assert piece.quantity > 0
            lines[piece.line_id] -= piece.quantity
            used[piece.sku_id, piece.warehouse_id] += piece.quantity
        for missing in choice.chosen.missing:
            lines[missing.line_id] -= missing.quantity
        assert not any(lines.values())
        if question.split is Split.NEVER:
            assert len(choice.chosen.parcels) <= 1
        if choice.runner_up is not None:
            assert set(choice.runner_up.warehouse_ids) != set(choice.chosen.warehouse_ids)
    assert all(pieces <= question.stock[sku][warehouse].pieces for (sku, warehouse), pieces in used.items())
    assert answer.bound_minor <= answer.cost_minor


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 6), st.integers(1, 12), st.sampled_from(Split), st.integers(1, 4)
)
def test_what_is_chosen_is_there(seed: int, orders: int, warehouses: int, skus: int, split: Split, plenty: int) -> None:
    question = make_question(seed, orders, warehouses, skus, split=split, plenty=plenty)
    answer = decide(question, POINTS)
    served(question, answer)
    assert decide(question, POINTS) == answer, "the same batch, the same answer"


def every_way(question: Question) -> int:
    """The least cost by trying everything: for the tiniest batches only."""
    sheet = lay_out(question, POINTS)
    free = [0] * len(sheet.capacity)

    def parts(row: tuple[int, ...], number: int, quantity: int) -> list[tuple[tuple[int, int, int], ...]]:
        amounts = itertools.product(*(range(min(quantity, there) + 1) for there in row))
        return [tuple((w, number, n) for w, n in enumerate(one) if n) for one in amounts if sum(one) <= quantity]

    ways = []
    for ask in sheet.asks:
        lines = [parts(sheet.stock[line.sku], number, line.quantity) for number, line in enumerate(ask.lines)]
        options = [tuple(itertools.chain(*one)) for one in itertools.product(*lines)]
        ways.append([o for o in options if sheet.may_split or len(parcels_of(o)) <= 1])
    best = None
    for plan in itertools.product(*ways):
        used: Counter[tuple[int, int]] = Counter()
        sent: Counter[int] = Counter()
        for ask, takes in zip(sheet.asks, plan, strict=True):
            for warehouse, number, pieces in takes:
                used[ask.lines[number].sku, warehouse] += pieces
            sent.update(parcels_of(takes))
        if any(pieces > sheet.stock[sku][warehouse] for (sku, warehouse), pieces in used.items()):
            continue
        cost = sum(cost_of(sheet, ask, takes, free) for ask, takes in zip(sheet.asks, plan, strict=True))
        cost += sum(max(0, sent[w] - c) * sheet.load for w, c in enumerate(sheet.capacity) if c is not None)
        best = cost if best is None or cost < best else best
    assert best is not None
    return best


@pytest.mark.parametrize("split", Split)
@pytest.mark.parametrize("seed", range(5))
def test_tiny_batches_are_optimal_as_trying_everything_says(seed: int, split: Split) -> None:
    question = make_question(seed, 3, 3, 3, split=split, plenty=2, lines=2)
    best = every_way(question)
    answer = decide(question, POINTS, solve)
    short = sum(choice.chosen.cost.short_pieces for choice in answer.choices)
    further = sum(max(0, len(choice.chosen.parcels) - 1) for choice in answer.choices)
    needed = 10**5 * further if split is Split.WHEN_NEEDED else 0
    assert answer.cost_minor + short * 10**7 + needed == best
    assert answer.bound_minor <= answer.cost_minor


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "skus"), [(0, 60), (1, 100), (2, 200)])
def test_fifty_orders_are_within_three_percent_of_the_optimum(seed: int, skus: int) -> None:
    """The optimum is bounded from below by a solver that looks at far more options than ours."""
    question = make_question(seed, 50, 8, skus, plenty=3, lines=3)
    answer = decide(question, POINTS, solve)
    served(question, answer)
    proven = decide(question, POINTS, partial(solve, effort=3.0, prove=True))
    assert proven.cost_minor >= proven.bound_minor >= answer.bound_minor
    assert answer.cost_minor <= proven.bound_minor * 1.03


def two(hours: int | None = 48, **more: object) -> Question:
    """One order of one piece in Hangzhou; one warehouse in Shanghai, one in Beijing."""
    demand = Demand(1, "330106", hours, (Wanted(1, 7, 1, 500),))
    places = (Place(1, "110100", 1), Place(2, "310100", 2))
    stock = {7: {1: Shelf(3), 2: Shelf(3)}}
    return replace(Question((demand,), places, stock, DEFAULT_ZONES, Weights()), **more)  # type: ignore[arg-type]


def test_a_choice_says_what_it_costs_and_what_it_was_preferred_to() -> None:
    (choice,) = decide(two(), POINTS).choices
    assert choice.chosen.warehouse_ids == (2,) and choice.chosen.cost.freight_minor == 800
    assert choice.runner_up is not None
    assert (choice.runner_up.warehouse_ids, choice.runner_up.cost.freight_minor) == ((1,), 1000)
    assert choice.runner_up.cost.late_minor == (72 - 48) * 20
    assert [option.warehouse_ids for option in choice.alone] == [(2,), (1,)]


@pytest.mark.parametrize("seed", range(6))
def test_heavy_orders_are_bounded_too(seed: int) -> None:
    """By the whole weight, not by the first kilogram: alone, an order is not far from its own bound."""
    light = make_question(seed, 3, 3, 3, plenty=2, lines=2, capacity=False)
    demands = tuple(d._replace(lines=tuple(w._replace(grams=w.grams * 40, fresh_days=0) for w in d.lines)) for d in light.demands)
    question = replace(light, demands=demands)
    answer = decide(question, POINTS, solve)
    short = sum(choice.chosen.cost.short_pieces for choice in answer.choices)
    assert answer.bound_minor + short * 10**7 <= every_way(question), "a bound"
    for demand in demands:
        assert decide(replace(question, demands=(demand,)), POINTS).gap_bp < 3000


def test_nobody_is_preferred_without_an_address() -> None:
    (choice,) = decide(two(demands=(Demand(1, "", None, (Wanted(1, 7, 1, 500),)),)), POINTS).choices
    assert choice.chosen.cost.total_minor == choice.runner_up.cost.total_minor  # type: ignore[union-attr]


def test_the_oldest_order_gets_the_last_piece() -> None:
    line = (Wanted(1, 7, 1, 500),)
    demands = tuple(Demand(order, "330106", 48, line) for order in (1, 2))
    answer = decide(two(demands=demands, stock={7: {2: Shelf(1)}}), POINTS)
    assert [choice.chosen.cost.short_pieces for choice in answer.choices] == [0, 1]


def test_what_is_held_is_never_given_up_for_something_worse() -> None:
    for seed in range(5):
        question = make_question(seed, 12, 5, 8, plenty=2)
        best = decide(question, POINTS, solve)
        held = {choice.order_id: choice.chosen.pieces for choice in best.choices}
        assert decide(replace(question, held=held), POINTS).cost_minor <= best.cost_minor


def test_distances_and_tariffs() -> None:
    km = road_km(POINTS, "110100", "310100")
    assert km is not None and 1200 < km < 1500, "about 1,210 km by road"
    assert road_km(POINTS, "330106", "330100") == 0, "a district takes its prefecture's point"
    assert road_km(POINTS, "419001", "410000") == 0, "and where that is not known, its province's"
    assert road_km(POINTS, "999999", "110100") is None
    remote, near, region, *_ = DEFAULT_ZONES
    assert zone_of(DEFAULT_ZONES, "110100", "650100", 3000) is remote
    assert zone_of(DEFAULT_ZONES, "650200", "650100", 50) is near, "remote only from elsewhere"
    assert zone_of(DEFAULT_ZONES, "110100", "", None) is DEFAULT_ZONES[-1]
    assert [freight_minor(region, grams) for grams in (0, 1000, 1001, 3000)] == [800, 800, 1000, 1200]
