"""The choice of warehouses never promises more than there is and never less than it could."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from banyan.goods.inventory.engine.choosing import Wish, choose

PRIORITY = [1, 2, 3]
stock = st.dictionaries(
    st.integers(10, 13), st.dictionaries(st.sampled_from([1, 2, 3, 9]), st.integers(0, 12), max_size=4), max_size=4
)
orders = st.lists(st.lists(st.tuples(st.integers(10, 14), st.integers(1, 9)), min_size=1, max_size=4), max_size=8)


@given(stock, orders)
def test_all_or_none_and_never_over(available: dict[int, dict[int, int]], wanted: list[list[tuple[int, int]]]) -> None:
    wishes = [
        Wish(number, tuple((number * 100 + i, sku, quantity) for i, (sku, quantity) in enumerate(lines)))
        for number, lines in enumerate(wanted, 1)
    ]
    choice = choose(wishes, available, PRIORITY)
    held: dict[tuple[int, int], int] = {}
    by_line: dict[int, int] = {}
    for hold in choice.holds:
        assert hold.quantity > 0 and hold.warehouse_id in PRIORITY and hold.order_id not in choice.refused
        held[hold.sku_id, hold.warehouse_id] = held.get((hold.sku_id, hold.warehouse_id), 0) + hold.quantity
        by_line[hold.line_id] = by_line.get(hold.line_id, 0) + hold.quantity
    for (sku, warehouse), quantity in held.items():
        assert quantity <= available[sku][warehouse]
    for wish in wishes:
        for line_id, _, quantity in wish.lines:
            assert by_line.get(line_id, 0) == (0 if wish.order_id in choice.refused else quantity)
    for shortages in choice.refused.values():
        assert shortages and all(have < asked for _, asked, have in shortages)


def test_the_first_warehouse_with_everything_serves_whole() -> None:
    choice = choose([Wish(1, ((11, 10, 2), (12, 20, 1)))], {10: {1: 5, 2: 5}, 20: {1: 0, 2: 9}}, PRIORITY)
    assert {(h.line_id, h.warehouse_id) for h in choice.holds} == {(11, 2), (12, 2)}


def test_splitting_goes_by_priority_only_when_nobody_has_all() -> None:
    choice = choose([Wish(1, ((11, 10, 7),))], {10: {1: 5, 2: 1, 3: 5}}, PRIORITY)
    assert [(h.warehouse_id, h.quantity) for h in choice.holds] == [(1, 5), (2, 1), (3, 1)]


def test_two_lines_of_one_sku_share_the_stock() -> None:
    choice = choose([Wish(1, ((11, 10, 3), (12, 10, 3)))], {10: {1: 5}}, PRIORITY)
    assert choice.holds == [] and choice.refused == {1: ((10, 6, 5),)}


def test_inactive_warehouses_serve_nobody() -> None:
    assert choose([Wish(1, ((11, 10, 1),))], {10: {9: 100}}, PRIORITY).refused == {1: ((10, 1, 0),)}
