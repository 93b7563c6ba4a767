"""Batches go in as they are: whatever text, bytes, moments and empty values the rows hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import DataError

from banyan.kernel import ids, sql
from banyan.kernel.events.models import ReactionCursor

ODD = [
    "", "NULL", "null", "{}", '{"a"}', "a,b", 'say "hi"', "back\\slash", "\\x41", "line\nbreak", "tab\t", "榕树",
    " lead", "'quote'", "%s",
]  # fmt: skip


def _back(kind: str, values: list[Any]) -> list[Any]:
    query = f"SELECT v FROM unnest(%s::{kind}[]) WITH ORDINALITY u(v, n) ORDER BY n"
    return [row[0] for row in sql.fetch(query, (sql.array_literal(values),))]


def test_arrays_come_back_as_they_went_in(tenant: Any) -> None:
    moment = datetime(2026, 3, 1, 23, 59, 59, 123456, tzinfo=UTC)
    with tenant.enter():
        assert _back("text", [*ODD, None]) == [*ODD, None]
        assert _back("text", ["plain", "", "a,b{}"]) == ["plain", "", "a,b{}"]
        assert _back("text", ['"']) == ['"']
        assert _back("bigint", [1, -(2**63), 2**63 - 1, 0]) == [1, -(2**63), 2**63 - 1, 0]
        assert _back("bigint", [1, None]) == [1, None]
        assert _back("boolean", [True, False, None]) == [True, False, None]
        assert _back("timestamptz", [moment, None]) == [moment, None]
        assert _back("timestamptz", [moment, moment.replace(fold=1), moment]) == [moment] * 3
        assert [bytes(b) for b in _back("bytea", [b"", b'\x00\xff\\"', memoryview(b"ab")])] == [b"", b'\x00\xff\\"', b"ab"]
        assert _back("bigint", []) == []
    assert sql.array_literal(None) is None


def test_text_that_is_too_long_is_refused_and_never_cut(tenant: Any) -> None:
    with pytest.raises(DataError), tenant.enter():
        sql.insert(ReactionCursor, ("id", "reaction", "commit_order", "event_id"), [(ids.next_id(), "x" * 81, 0, 0)])


def test_writes_together_are_one_statement_and_reads_see_them(tenant: Any) -> None:
    """What is written in the block is there at the next read and at its end; an error in the block leaves nothing."""

    with tenant.enter():
        sql.execute("CREATE TEMP TABLE together_seen (id bigint, word text) ON COMMIT DROP")
        insert = "INSERT INTO together_seen SELECT * FROM unnest(%s::bigint[], %s::text[])"
        with sql.together():
            sql.write(insert, ([1], ["a"]))
            with sql.together():
                sql.write(insert, ([2], ["b"]))
            assert sql.fetch("SELECT count(*) FROM together_seen") == [(2,)]
            sql.write(insert, ([3, 4], ["c", "d"]))
            sql.write("UPDATE together_seen SET word = %s WHERE id = %s", ("z", 1))
        assert sql.fetch("SELECT string_agg(word, '' ORDER BY id) FROM together_seen") == [("zbcd",)]
        try:
            with sql.together():
                sql.write(insert, ([5], ["e"]))
                raise KeyError
        except KeyError:
            pass
        assert sql.fetch("SELECT count(*) FROM together_seen") == [(4,)]
