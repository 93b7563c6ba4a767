"""A pasted list becomes counts and faults; nothing is guessed and nothing breaks it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from banyan.goods.warehousing.engine.pasting import read_counts
from banyan.goods.warehousing.types import TypedCount


def test_the_usual_ways_of_pasting() -> None:
    text = '\ufeffSKU,数量\nA-1, 5\nA-2\tL7\t12\nA-3；0\n\n A-4   3 \n"A,5",2'
    counts, faults = read_counts(text)
    assert faults == []
    assert counts == [
        TypedCount("A-1", "", 5, 2), TypedCount("A-2", "L7", 12, 3), TypedCount("A-3", "", 0, 4), TypedCount("A-4", "", 3, 6),
        TypedCount("A,5", "", 2, 7),
    ]  # fmt: skip


def test_faults_name_their_line() -> None:
    counts, faults = read_counts("A,1\nB\nC,-1\nD,1.5\nE,,\nA,2\nF,99999999999\n,4\nG,１")
    assert counts == [TypedCount("A", "", 1, 1)]
    assert [fault.line_number for fault in faults] == [2, 3, 4, 5, 6, 7, 8, 9]


@given(st.text(max_size=80))
def test_any_text_is_read_and_every_line_is_accounted_for(text: str) -> None:
    counts, faults = read_counts(text)
    assert len(counts) + len(faults) <= len(text.splitlines())
    assert all(count.code and count.quantity >= 0 for count in counts)
    assert len({(count.code, count.lot_number) for count in counts}) == len(counts)


CODES = st.text("abcXYZ019-", max_size=12).map("A".__add__)  # no heading, whatever follows


@given(st.dictionaries(CODES, st.integers(0, 10**9), max_size=8), st.sampled_from([",", "\t", ";", "，"]))
def test_what_is_written_is_read_back(counts: dict[str, int], separator: str) -> None:
    text = "\n".join(f"{code}{separator}{pieces}" for code, pieces in counts.items())
    assert read_counts(text) == (
        [TypedCount(code, "", pieces, number) for number, (code, pieces) in enumerate(counts.items(), start=1)],
        [],
    )
