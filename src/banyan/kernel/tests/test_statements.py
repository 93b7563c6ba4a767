"""The short way through libpq gives what psycopg's cursor gives."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import IntEnum, StrEnum
from typing import Any

import psycopg
import pytest
from django.db import DataError, IntegrityError, connections, transaction

from banyan.kernel import sql, statements


class Word(StrEnum):
    ONE = 'it\'s {a} \\ "b"'


class Number(IntEnum):
    SEVEN = 7


AT = datetime(2026, 3, 1, 2, 30, 0, 123456, tzinfo=UTC)
VALUES = [
    ("%s::bigint", 5), ("%s::bigint", -(2**62)), ("%s::bigint", Number.SEVEN), ("%s::text", Word.ONE), ("%s::text", "ünï'\\n{\""),
    ("%s::boolean", True), ("%s::timestamptz", AT), ("%s::date", date(2026, 2, 28)), ("%s::bigint[]", [1, None, 2**40]),
    ("%s::text[]", ["a,b", None, 'q"', "\\", Word.ONE, ""]), ("%s::text[]", []), ("%s::timestamptz[]", [AT, None]),
    ("%s::boolean[]", [True, False]), ("%s::date[]", [date(2026, 1, 1)]), ("%s::text", None), ("%s::bytea", b"\x00\xff'"),
    ("%s::jsonb", '{"a": [1, "x"]}'), ("%s::float8", 1.5), ("10 %% 4 + %s::int", 3),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "value"), VALUES)
def test_every_kind_of_value_comes_back_as_by_psycopg(tenant: Any, expression: str, value: Any) -> None:
    with tenant.enter():
        raw = connections["default"].connection
        cursor = psycopg.Cursor(raw)
        cursor.execute(f"SELECT {expression}", (value,))
        expected = cursor.fetchall()
        for _ in range(3):  # unprepared, prepared, reused
            got = sql.fetch(f"SELECT {expression}", (value,))
            if "jsonb" in expression:
                assert got == [({"a": [1, "x"]},)]
            elif "bytea" in expression:
                assert bytes(got[0][0]) == bytes(expected[0][0])
            else:
                assert got == expected


def test_plans_survive_a_rolled_back_savepoint(tenant: Any) -> None:
    with tenant.enter():
        for _ in range(4):
            with pytest.raises(DataError), transaction.atomic():
                sql.fetch("SELECT 1 / %s", (0,))
            assert sql.fetch("SELECT 7 + %s", (1,)) == [(8,)]


def test_named_parameters_take_the_long_way(tenant: Any) -> None:
    with tenant.enter():
        assert sql.fetch("SELECT %(a)s + %(a)s", {"a": 2}) == [(4,)]  # type: ignore[arg-type]


def test_zero_bytes_are_refused_not_cut(tenant: Any) -> None:
    with tenant.enter(), pytest.raises((DataError, ValueError)), transaction.atomic():
        sql.fetch("SELECT %s::text", ("a\x00b",))


def test_counts_and_errors_are_djangos(tenant: Any) -> None:
    with tenant.enter():
        sql.execute("CREATE TEMP TABLE seen (id bigint PRIMARY KEY) ON COMMIT DROP")
        assert sql.execute("INSERT INTO seen SELECT unnest(%s::bigint[])", ([1, 2, 3],)) == 3
        with pytest.raises(IntegrityError), transaction.atomic():
            sql.execute("INSERT INTO seen VALUES (%s)", (1,))


def test_settings_are_quoted(tenant: Any) -> None:
    with tenant.enter(actor="o'hara\\"):
        seen = sql.fetch("SELECT current_setting('banyan.actor'), current_setting('banyan.tenant')")
        assert seen == [("o'hara\\", str(tenant.id))]


def test_a_connection_in_pipeline_mode_is_left_to_psycopg(tenant: Any) -> None:
    with tenant.enter():
        raw = connections["default"].connection
        sql.fetch("SELECT 1")
        with raw.pipeline():
            assert statements.session_of(raw) is None
            assert sql.fetch("SELECT 2") == [(2,)]


def test_a_connection_that_the_server_closed_is_noticed_without_asking_it(tenant: Any) -> None:
    with tenant.enter():
        place = connections["default"].connection.info.dsn
        secret = connections["default"].connection.info.password
    with psycopg.connect(place, password=secret) as victim, psycopg.connect(place, password=secret, autocommit=True) as other:
        statements.check_connection(victim)
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (victim.info.backend_pid,))
        with pytest.raises(psycopg.OperationalError):
            statements.check_connection(victim)
        with pytest.raises(psycopg.OperationalError):
            statements.check_connection(victim)
