"""Set-based SQL for hot paths: one statement for any number of rows.

The ORM stays the default for cold paths. These functions use psycopg's own cursor with server-side binding, which
keeps arrays binary and lets PostgreSQL reuse prepared plans; errors are still raised as Django's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import cache, lru_cache
from types import NoneType
from typing import Any

import psycopg
from django.db import connections, models
from psycopg.types.json import JsonbBinaryLoader, JsonbLoader

from banyan.kernel import statements
from banyan.kernel.tenancy import context


def _cursor() -> tuple[Any, psycopg.Cursor[Any]]:
    connection = connections[context.alias()]
    connection.ensure_connection()
    cursor = psycopg.Cursor(connection.connection)
    # Django has json columns loaded as text for its own field class; plain SQL wants the value.
    cursor.adapters.register_loader("jsonb", JsonbBinaryLoader)
    cursor.adapters.register_loader("jsonb", JsonbLoader)
    return connection, cursor


_pending: ContextVar[list[tuple[str, list[Any]]] | None] = ContextVar("banyan_writes", default=None)


@contextmanager
def together() -> Iterator[None]:
    """Run the writes of this block that nobody needs an answer of (``write``, ``insert`` without ``returning``) as one statement.

    They are sent when the block ends, or before the next statement that runs at once, in one snapshot: a write in the block
    must not depend on another one. One round trip and one plan instead of several. Blocks may nest.
    """
    if _pending.get() is not None:
        yield
        return
    token = _pending.set([])
    try:
        yield
        _flush()
    finally:
        _pending.reset(token)


def write(query: str, params: Sequence[Any] = ()) -> None:
    """Run one INSERT, UPDATE or DELETE whose count nobody needs; inside ``together`` it waits for the others.

    The statement must not begin with WITH.
    """
    waiting = _pending.get()
    if waiting is None:
        execute(query, params)
    else:
        waiting.append((query, list(params)))


def _flush() -> None:
    waiting = _pending.get()
    if not waiting:
        return
    writes = waiting[:]
    waiting.clear()
    if len(writes) == 1:
        execute(*writes[0])
        return
    parts = [f"w{number} AS ({text})" for number, (text, _) in enumerate(writes[:-1])]
    execute(f"WITH {', '.join(parts)} {writes[-1][0]}", [value for _, params in writes for value in params])


def _run(query: str, params: Sequence[Any]) -> tuple[list[tuple[Any, ...]] | None, int] | None:
    """Rows and count by the short way through libpq; None when the statement needs psycopg's cursor."""
    _flush()
    connection = connections[context.alias()]
    connection.ensure_connection()
    session = statements.session_of(connection.connection)
    if session is None:
        return None
    with connection.wrap_database_errors:
        result = session.run(query, params)
        if result is None:
            return None
        return session.rows(result), result.command_tuples or 0


def fetch(query: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run one statement and return all of its rows."""
    done = _run(query, params)
    if done is not None:
        return done[0] or []
    connection, cursor = _cursor()
    with connection.wrap_database_errors, cursor:
        cursor.execute(query, params)
        return cursor.fetchall()


def execute(query: str, params: Sequence[Any] = ()) -> int:
    """Run one statement and return how many rows it touched."""
    done = _run(query, params)
    if done is not None:
        return done[1]
    connection, cursor = _cursor()
    with connection.wrap_database_errors, cursor:
        cursor.execute(query, params)
        return cursor.rowcount


@cache
def _insert_statement(
    model: type[models.Model], columns: tuple[str, ...], on_conflict: str, returning: str
) -> tuple[str, tuple[str, ...]]:
    """The statement text and, per column, how its values are put into an array parameter."""
    connection = connections[context.alias()]
    table = model._meta.db_table
    by_column = {field.column: field for field in model._meta.concrete_fields}
    arrays, selected, kinds = [], [], []
    for column in columns:
        kind = by_column[column].db_type(connection) or "text"
        if kind == "jsonb" or kind.endswith("[]"):
            # unnest would flatten inner arrays, so these travel as text and are cast row by row.
            arrays.append("%s::text[]")
            selected.append(f"c_{column}::{kind}")
            kinds.append("json" if kind == "jsonb" else "array")
        else:
            # A cast to varchar(n) would cut silently; as text, a value that is too long is refused by the column.
            arrays.append("%s::text[]" if kind.startswith("varchar") else f"%s::{kind}[]")
            selected.append(f"c_{column}")
            kinds.append("plain")
    names = ", ".join(f'"{column}"' for column in columns)
    aliases = ", ".join(f"c_{column}" for column in columns)
    tenant_name, tenant_value = (
        ("tenant_id, ", "%s::bigint, ") if "tenant_id" in by_column and "tenant_id" not in columns else ("", "")
    )
    text = (
        f'INSERT INTO "{table}" ({tenant_name}{names}) SELECT {tenant_value}{", ".join(selected)} '
        f"FROM unnest({', '.join(arrays)}) AS u({aliases}) {on_conflict}"
    )
    return (f"{text} RETURNING {returning}" if returning else text), ((("tenant",) if tenant_name else ()) + tuple(kinds))


def array_literal(values: Iterable[Any] | None) -> str | None:
    """An array as PostgreSQL's text form: a parameter that costs a tenth of a list's adaptation; None stays None (NULL).

    Cast it where it stands: ``ANY(%s::bigint[])``, ``unnest(%s::text[])``. Takes numbers, text, moments, dates, booleans,
    bytes and None.
    """
    if values is None:
        return None
    values = list(values)
    return literal_of(values, set(map(type, values)))


def literal_of(values: list[Any], kinds: set[type]) -> str:
    """``array_literal`` for whoever knows the types of the values already."""
    if kinds <= {int} or kinds == {bool}:
        return "{" + str(values)[1:-1] + "}"  # a list's own text is written in C
    if kinds == {str}:
        joined = '","'.join(values)
        if "\\" in joined or joined.count('"') != 2 * len(values) - 2:
            joined = '","'.join([text.replace("\\", "\\\\").replace('"', '\\"') for text in values])
        return '{"' + joined + '"}'
    if kinds == {bytes}:
        return '{"\\\\x' + '","\\\\x'.join([value.hex() for value in values]) + '"}'
    if kinds == {datetime}:
        shown = {moment: f'"{moment}"' for moment in set(values)}
        return "{" + ",".join([shown[moment] for moment in values]) + "}"
    if kinds <= {int, NoneType}:
        return "{" + str(values)[1:-1].replace("None", "NULL") + "}"
    return "{" + ",".join(map(_array_element, values)) + "}"


@lru_cache(maxsize=10_000)
def tuple_literal(values: tuple[Any, ...]) -> str:
    """``array_literal`` of a tuple that comes again and again: a path, a set of tags."""
    return array_literal(values) or "{}"


FEW = 8


def few(values: Sequence[int], kind: str = "bigint") -> tuple[str, list[int]]:
    """An array of ids as SQL text and its parameters, for statements that are run for one order as for hundreds.

    Up to eight ids travel as eight parameters, padded with 0, which is nobody's id: PostgreSQL then knows the size and keeps one
    plan, where for an array of unknown size it would plan anew each time. More travel as one array.
    """
    if len(values) > FEW:
        return f"%s::{kind}[]", [values]  # type: ignore[list-item]
    return f"ARRAY[{', '.join(['%s'] * FEW)}]::{kind}[]", [*values, *[0] * (FEW - len(values))]


def _array_element(value: Any) -> str:
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, int):
        return str(int(value))
    if value is None:
        return "NULL"
    if isinstance(value, bytes | memoryview):
        return f'"\\\\x{value.hex()}"'
    text = str(value)
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def insert(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    on_conflict: str = "",
    returning: str = "",
) -> list[tuple[Any, ...]]:
    """Insert ``rows`` (tuples in the order of ``columns``, database column names) in one statement.

    ``tenant_id`` of the entered tenant is added unless named. jsonb values may be dicts or already JSON text. Returns the
    ``returning`` columns, else an empty list. No rows, no statement.
    """
    if not rows:
        return []
    text, kinds = _insert_statement(model, tuple(columns), on_conflict, returning)
    params: list[Any] = [context.current_tenant_id()] if kinds[0] == "tenant" else []
    for kind, values in zip(kinds[len(params) :], zip(*rows, strict=True), strict=True):
        if kind == "json":
            texts = (v if isinstance(v, str) or v is None else json.dumps(v, ensure_ascii=False) for v in values)
            params.append(array_literal(texts))
        elif kind == "array":
            params.append(array_literal(array_literal(v) for v in values))
        else:
            params.append(array_literal(values))
    if returning:
        return fetch(text, params)
    write(text, params)
    return []
