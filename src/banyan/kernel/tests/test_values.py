"""Laws of money and of public ids."""

from __future__ import annotations

import copy
import json
import pickle

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from banyan.kernel import ids
from banyan.kernel.values import money
from banyan.kernel.values.filled import Filled

amounts = st.integers(min_value=-(10**12), max_value=10**12)
weights = st.lists(st.integers(min_value=0, max_value=10**9), min_size=1, max_size=20)


@given(amounts, weights)
def test_a_split_gives_out_the_whole_and_nothing_to_zero_weights(total: int, parts: list[int]) -> None:
    if sum(parts) == 0 and total:
        with pytest.raises(ValueError, match="zero weights"):
            money.allocate(total, parts)
        return
    split = money.allocate(total, parts)
    assert sum(split) == total
    assert all(share == 0 for share, weight in zip(split, parts, strict=True) if weight == 0)
    whole = sum(parts) or 1
    assert all(abs(share * whole - total * weight) < whole for share, weight in zip(split, parts, strict=True))


@given(amounts, st.lists(st.integers(0, 50), max_size=8))
def test_any_steps_of_a_cumulative_share_sum_to_the_whole(amount: int, steps: list[int]) -> None:
    whole, done, given_out = sum(steps), 0, 0
    for step in steps:
        before = money.cumulative_share(amount, done, whole)
        done += step
        given_out += money.cumulative_share(amount, done, whole) - before
    assert given_out == (amount if whole else 0)


@given(amounts, st.integers(0, 20_000))
def test_a_rate_never_exceeds_its_exact_value(amount: int, rate_bp: int) -> None:
    share = money.rate_of(amount, rate_bp)
    assert abs(share) * 10_000 <= abs(amount) * rate_bp < (abs(share) + 1) * 10_000 or amount * rate_bp == 0


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_public_ids_return_and_do_not_cross_prefixes(identity: int) -> None:
    text = ids.public("ord", identity)
    assert ids.parse("ord", text) == identity
    with pytest.raises(ids.BadPublicId):
        ids.parse("pay", text)


@pytest.mark.parametrize("text", ["", "ord_", "ord_short", "ord_" + "z" * 13, "ord_ilou000000000", "ord_0c5m7z2k9w1ye9"])
def test_text_that_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ids.BadPublicId):
        ids.parse("ord", text)


def test_money_reads_like_money() -> None:
    assert money.format_minor(123456) == "¥1,234.56"
    assert money.format_minor(-5, "GBP") == "-£0.05"


@given(st.text(), st.integers(), st.text())
def test_a_filled_text_is_the_text_that_an_f_string_makes(name: str, count: int, inner: str) -> None:
    text = Filled("{count} of {name}: {inner}", count=count, name=name, inner=Filled(inner))
    plain = f"{count} of {name}: {inner}"
    assert text == plain and hash(text) == hash(plain) and f"{text}" == plain and str(Exception(text)) == plain
    assert json.loads(json.dumps(text)) == plain == orjson.loads(orjson.dumps(text))
    for copied in (copy.deepcopy(text), pickle.loads(pickle.dumps(text))):
        assert (copied, copied.template, copied.values) == (text, "{count} of {name}: {inner}", text.values)


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(KeyError):
        Filled("{count} of {name}", count=1)
