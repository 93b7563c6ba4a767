"""Every line of the data is sold, sent back, or left out for one reason; and the real files add up."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banyan.config.replay import forest, stream
from banyan.config.replay.stream import SHOP_ZONE, Line

DATA = Path(__file__).resolve().parents[6] / "shared" / "data"
START = datetime(2011, 1, 3, 9, tzinfo=SHOP_ZONE)


def _line(invoice: str, code: str = "A1", quantity: int = 1, milli: int = 1000, customer: int = 7, hours: int = 0) -> Line:
    return Line(invoice, code, code.lower(), quantity, milli, customer, START + timedelta(hours=hours))


def test_a_cancellation_hangs_on_the_newest_earlier_lines_with_pieces_left() -> None:
    built = stream.build(
        [
            _line("1", quantity=5),
            _line("2", quantity=3, hours=1),
            _line("3", quantity=9, hours=5),
            _line("C4", quantity=-4, hours=2),
            _line("C5", quantity=-6, hours=3),
        ]
    )
    assert [(back.cancellation, back.invoice, back.quantity) for back in built.returns] == [
        ("C4", "2", 3),
        ("C4", "1", 1),
        ("C5", "1", 4),
    ]
    assert built.unmatched == [("C5", "A1", 2, "no earlier sale at this price")]
    assert not built.excluded  # C5 was matched in part, so it is listed but not excluded


@pytest.mark.parametrize(
    ("cancellation", "reason"),
    [
        (_line("C2", quantity=-1, customer=8, hours=1), "no sale of these goods to this customer"),
        (_line("C2", quantity=-1, code="B", hours=1), "no sale of these goods to this customer"),
        (_line("C2", quantity=-1, milli=2000, hours=1), "no earlier sale at this price"),
        (_line("C2", quantity=-1, hours=-1), "no earlier sale at this price"),
        (_line("C2", quantity=-1, customer=0, hours=1), "no customer"),
        (_line("C2", quantity=1, hours=1), "not a return of goods"),
    ],
)
def test_what_reverses_no_known_order_is_listed_and_left_out(cancellation: Line, reason: str) -> None:
    built = stream.build([_line("1"), cancellation])
    assert built.returns == []
    assert [row[3] for row in built.unmatched] == [reason]
    assert built.excluded == {f"cancellation: {reason}": 1}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (_line("1", milli=0), "price zero"),
        (_line("1", quantity=-3), "stock correction, not a sale"),
        (_line("1", milli=1), "unit price finer than a penny"),
        (_line("1", milli=-500), "negative price"),
        (_line("A1", milli=-500), "adjustment of bad debt"),
    ],
)
def test_lines_that_are_no_sales_are_left_out_by_reason(line: Line, reason: str) -> None:
    built = stream.build([line])
    assert built.sales == [] and built.excluded == {reason: 1}


lines = st.builds(
    _line,
    invoice=st.integers(1, 12).flatmap(lambda n: st.sampled_from((str(n), f"C{n}"))),
    code=st.sampled_from(("A", "B")),
    quantity=st.integers(-5, 9),
    milli=st.sampled_from((0, 1, 1000, 2500)),
    customer=st.sampled_from((0, 7, 8)),
    hours=st.integers(0, 50),
)


@given(st.lists(lines, max_size=40))
def test_every_line_is_accounted_for_and_no_more_comes_back_than_was_sold(raw: list[Line]) -> None:
    built = stream.build(raw)
    sold = sum(len(sale.lines) for sale in built.sales)
    matched = sum(1 for line in raw if line.is_cancellation) - sum(
        n for why, n in built.excluded.items() if why.startswith("cancel")
    )
    assert sold + matched + sum(built.excluded.values()) == len(raw) == built.line_count
    back: Counter[tuple[str, int]] = Counter()
    sales = {sale.invoice: sale for sale in built.sales}
    for one in built.returns:
        assert sales[one.invoice].at < one.at and sales[one.invoice].lines[one.line_index].unit_minor == one.unit_minor
        back[one.invoice, one.line_index] += one.quantity
    assert all(count <= sales[invoice].lines[index].quantity for (invoice, index), count in back.items())
    excluded = sum(milli for why, milli in built.excluded_milli.items() if why == "unit price finer than a penny")
    assert sum(sale.total_minor for sale in built.sales) * 10 + excluded == built.sale_milli


def test_the_join_is_the_same_every_time_and_keeps_the_forest() -> None:
    everybody: dict[int, int | None] = {0: None, 1: 0, 2: 0, 3: 1, 4: 3, 5: None, 6: 5}
    hung = forest.hang([101, 102, 103], everybody)
    assert hung == forest.hang([103, 101, 102], everybody)
    assert len(set(hung.seat.values())) == 3
    places = list(hung.parent)
    for user, parent in hung.parent.items():
        assert everybody[user] == parent
        assert parent is None or places.index(parent) < places.index(user)
    assert forest._count_below(everybody) == {0: 4, 1: 2, 2: 0, 3: 1, 4: 0, 5: 1, 6: 0}


@pytest.mark.skipif(not (DATA / "online_retail" / "lines.parquet").exists(), reason="the shared order stream is not here")
def test_the_real_stream_adds_up_to_the_penny() -> None:
    pytest.importorskip("pyarrow")
    built = stream.build(stream.read_lines(DATA / "online_retail"))
    assert sum(sale.total_minor for sale in built.sales) == built.data_revenue_minor
    matched_lines = {(back.cancellation, back.unit_minor) for back in built.returns}
    assert built.line_count > 100_000 and len(matched_lines) > 1_000
    assert built.excluded["unit price finer than a penny"] == 2
