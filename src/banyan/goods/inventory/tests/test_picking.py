"""First expired, first out: pure, against a naive reading of the rule."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from banyan.goods.inventory.engine.picking import LotPieces, Shelf, Taken, order_of_picking

DAY = date(2026, 1, 1)
dates = st.none() | st.integers(0, 20).map(lambda n: DAY + timedelta(days=n))
shelves = st.lists(st.tuples(st.integers(0, 9), dates, dates, st.booleans()), max_size=8).map(
    lambda rows: [LotPieces(number, *row) for number, row in enumerate(rows, 1)]
)


@given(shelves, st.lists(st.integers(1, 12), max_size=6))
def test_what_is_taken_is_the_first_to_expire_and_never_more_than_there_is(lots: list[LotPieces], wishes: list[int]) -> None:
    shelf = Shelf(lots)
    units = [lot.lot_id for lot in sorted(lots, key=order_of_picking) if lot.may_be_picked for _ in range(lot.pieces)]
    for wish in wishes:
        taken = shelf.pick(wish)
        if len(units) < wish:
            assert taken is None
        else:
            assert taken is not None
            assert [part.lot_id for part in taken for _ in range(part.pieces)] == units[:wish]
            units = units[wish:]
    assert sum(shelf.left[lot.lot_id] for lot in lots if lot.may_be_picked) == len(units)


def test_without_a_date_last_then_by_production_then_by_age() -> None:
    lots = [
        LotPieces(1, 1, None, None),
        LotPieces(2, 1, DAY, DAY - timedelta(days=2)),
        LotPieces(3, 1, DAY, DAY - timedelta(days=9)),
        LotPieces(4, 1, DAY - timedelta(days=1), None, may_be_picked=False),
        LotPieces(5, 1, None, None),
    ]
    assert Shelf(lots).pick(4) == (Taken(3, 1), Taken(2, 1), Taken(1, 1), Taken(5, 1))
    assert Shelf(lots).pick(5) is None
