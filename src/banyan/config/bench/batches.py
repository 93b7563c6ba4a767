"""Batches to source, made from a seed: warehouses in real cities, more wanted nearby than there is."""

from __future__ import annotations

from random import Random

from banyan.goods.sourcing.types import DEFAULT_ZONES, Demand, Place, Question, Shelf, Split, Wanted, Weights

CITIES = (
    "110100", "310100", "440100", "330100", "420100", "510100", "610100", "210100", "370100", "350100", "410100", "430100",
    "320100", "500100", "340100", "230100", "360100", "450100", "530100", "650100",
)  # fmt: skip


def make_question(
    seed: int, orders: int, warehouses: int, skus: int, *, regions: tuple[str, ...] = CITIES, split: Split = Split.WHEN_CHEAPER,
    weights: Weights | None = None, capacity: bool = True, plenty: int = 6, lines: int = 5,
) -> Question:  # fmt: skip
    """A batch that can be served; ``plenty`` is how many pieces a warehouse has of a SKU at most. Every sixth SKU is dated,
    and fresh ones wished for."""
    chance = Random(seed)
    places = tuple(
        Place(number + 1, CITIES[number % len(CITIES)], number, (orders * 2 // warehouses) if capacity and number < 3 else None)
        for number in range(warehouses)
    )
    stock: dict[int, dict[int, Shelf]] = {}
    for sku in range(skus):
        dated = sku % 6 == 0
        stock[sku] = {
            place.warehouse_id: Shelf(chance.randint(1, plenty), chance.choice((5, 20, 60)) if dated else None)
            for place in places if chance.random() < 0.6
        }  # fmt: skip
    left = {sku: sum(shelf.pieces for shelf in shelves.values()) for sku, shelves in stock.items()}
    demands = []
    for order in range(orders):
        wanted = []
        chosen = {min(int(skus * chance.random() ** 2), skus - 1) for _ in range(chance.choice((1, 1, 2, 2, 2, 3, lines)))}
        for position, sku in enumerate(sorted(chosen)):
            fresh = 30 if sku % 6 == 0 and chance.random() < 0.5 else 0
            pieces = min(chance.choice((1, 1, 1, 2, 3)), left[sku])
            left[sku] -= pieces
            if pieces:
                wanted.append(Wanted(order * 10 + position, sku, pieces, chance.choice((100, 300, 500, 800)), fresh))
        if not wanted:
            continue
        hours = chance.choice((None, 48, 72))
        demands.append(Demand(order + 1, chance.choice(regions), hours, tuple(wanted)))
    return Question(tuple(demands), places, stock, DEFAULT_ZONES, weights or Weights(), split)
