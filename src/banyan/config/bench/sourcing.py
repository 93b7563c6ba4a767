"""`banyan bench sourcing`: warehouses for a batch of a thousand orders, and how far from the best possible the choice may be.

The decision alone is measured, from the question to the explained answer, without a database. Batches are made from a seed:
20 warehouses in real cities, buyers in all prefectures, more wanted nearby than there is.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from banyan.config.bench.batches import make_question
from banyan.goods.sourcing.queries import choose, points
from banyan.goods.sourcing.types import Answer, Question

SECONDS_BAR, SMALL_GAP_BAR = 2.0, 3.0
WAREHOUSES, SKUS_PER_ORDER, SMALL_BATCHES = 20, 5, 3


def run(orders: int = 1_000, rounds: int = 3, say: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """Decide ``rounds`` batches of ``orders`` over 20 warehouses and five SKUs per order, and three batches of 50 with the
    solver.

    Returns ``seconds, cpu_seconds`` (the middle round: wall time, and processor time of this process), ``gap_pct`` (the
    largest gap to the proven bound), ``small_gap_pct`` (the same for the batches of 50), ``orders, warehouses, skus``.
    Raises AssertionError when an answer takes more than there is or leaves a piece out.
    """
    choose(make_question(0, 20, 5, 50))  # the first one also loads libraries
    regions = tuple(code for code in points() if not code.endswith("0000"))
    walls, processor, gaps = [], [], []
    for seed in range(rounds):
        question = make_question(seed, orders, WAREHOUSES, orders * SKUS_PER_ORDER, regions=regions)
        begun, spent = time.perf_counter(), time.process_time()
        answer = choose(question)
        walls.append(time.perf_counter() - begun)
        processor.append(time.process_time() - spent)
        gaps.append(answer.gap_bp / 100)
        check(question, answer)
        say(f"batch {seed + 1}: {walls[-1]:.2f} s, of which processor {processor[-1]:.2f} s, gap {gaps[-1]:.2f} %")
    small = []
    for seed in range(SMALL_BATCHES):
        question = make_question(seed, 50, 8, 60 * (seed + 1), plenty=3, lines=3)
        answer = choose(question, with_solver=True)
        check(question, answer)
        proven = choose(question, with_solver=True, prove=True)
        small.append(max(0.0, (answer.cost_minor / proven.bound_minor - 1) * 100))
        say(f"batch of 50: at most {small[-1]:.2f} % above the optimum")
    middle = sorted(range(rounds), key=walls.__getitem__)[rounds // 2]
    return {
        "seconds": round(walls[middle], 3), "cpu_seconds": round(processor[middle], 3), "gap_pct": max(gaps),
        "small_gap_pct": round(max(small), 3), "orders": orders, "warehouses": WAREHOUSES, "skus": orders * SKUS_PER_ORDER,
    }  # fmt: skip


def misses(result: dict[str, Any]) -> list[str]:
    """Which bars a result does not reach, in words."""
    missed = []
    if result["seconds"] > SECONDS_BAR:
        missed.append(f"{result['orders']:,} orders take {result['seconds']} s, wanted {SECONDS_BAR}")
    if result["small_gap_pct"] > SMALL_GAP_BAR:
        missed.append(f"batches of 50 are {result['small_gap_pct']} % above the optimum, wanted {SMALL_GAP_BAR}")
    return missed


def check(question: Question, answer: Answer) -> None:
    """Nothing is taken twice, and nothing is left out: there is enough for everybody in these batches."""
    used: Counter[tuple[int, int]] = Counter()
    for demand, choice in zip(question.demands, answer.choices, strict=True):
        assert choice.order_id == demand.order_id and not choice.chosen.missing, choice
        got: Counter[int] = Counter()
        for piece in choice.chosen.pieces:
            used[piece.sku_id, piece.warehouse_id] += piece.quantity
            got[piece.line_id] += piece.quantity
        assert got == Counter({wanted.line_id: wanted.quantity for wanted in demand.lines})
    assert all(pieces <= question.stock[sku][warehouse].pieces for (sku, warehouse), pieces in used.items())
    assert answer.bound_minor <= answer.cost_minor
