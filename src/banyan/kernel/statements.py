"""One statement, one round trip, straight through libpq: a fifth of the processor time of a psycopg cursor.

Parameters travel as text under fixed types (so that one plan per statement is enough), results are read by psycopg's own
loaders. From its second use on a connection a statement is prepared there. Whatever this module has no rule for (named
parameters, unknown Python types, a connection in pipeline mode) is left to psycopg's cursor by answering None.
"""

from __future__ import annotations

import re
import select
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, cast

import psycopg
from django.conf import settings
from psycopg import adapt, errors, pq
from psycopg.types.json import JsonbBinaryLoader, JsonbLoader
from psycopg_pool import ConnectionPool

PLANS_MAX = 400
"""Prepared statements kept per connection; beyond that a new statement runs unprepared."""
_INT4_MAX = 2**31
_BOOL, _INT8, _INT4, _TEXT, _FLOAT8, _DATE, _TIMESTAMPTZ = 16, 20, 23, 25, 701, 1082, 1184
_ARRAY_OF = {bool: 1000, str: 1009, datetime: 1185, date: 1182}
_INT8_ARRAY = 1016
_MARK = re.compile("%%|%s|%")


class Unfit(Exception):
    """The statement or a parameter is not of the plain kind."""


@lru_cache(maxsize=2000)
def _numbered(query: str) -> bytes:
    """``%s`` as ``$1``, ``$2`` …, ``%%`` as ``%``; raises Unfit on any other placeholder."""
    count = 0

    def number(found: re.Match[str]) -> str:
        nonlocal count
        if found[0] == "%%":
            return "%"
        if found[0] == "%":
            raise Unfit
        count += 1
        return f"${count}"

    return _MARK.sub(number, query).encode()


def _shown(value: Any) -> tuple[int, bytes | None]:
    """Type and text of one parameter. Type 0 lets PostgreSQL decide, as it does for a quoted literal."""
    kind = type(value)
    if kind is int or (isinstance(value, int) and kind is not bool):
        return (_INT4 if -_INT4_MAX <= value < _INT4_MAX else _INT8), b"%d" % value
    if isinstance(value, str):
        if "\x00" in value:
            raise Unfit  # psycopg says what is wrong with it
        return 0, str.__str__(value).encode()
    if value is None:
        return 0, None
    if kind is bool:
        return _BOOL, b"t" if value else b"f"
    if kind is datetime:
        return (_TIMESTAMPTZ, str(value).encode()) if value.tzinfo is not None else _unfit()
    if kind is bytes:
        return 0, b"\\x" + value.hex().encode()
    if kind is list or kind is tuple:
        return _shown_list(value)
    if kind is date:
        return _DATE, str(value).encode()
    return _unfit()


def _unfit() -> tuple[int, bytes | None]:
    raise Unfit


def _shown_list(values: Sequence[Any]) -> tuple[int, bytes | None]:
    from banyan.kernel.sql import literal_of

    values = values if type(values) is list else list(values)
    kinds = set(map(type, values))
    known = kinds - {type(None)}
    if not known:
        return 0, literal_of(values, kinds).encode()
    if known == {int}:
        return _INT8_ARRAY, literal_of(values, kinds).encode()
    if len(known) > 1:
        raise Unfit
    (kind,) = known
    if issubclass(kind, int) and kind is not bool:
        plain = [v if v is None else int(v) for v in values]
        return _INT8_ARRAY, literal_of(plain, set(map(type, plain))).encode()
    if issubclass(kind, str):
        texts = values if kind is str else [v if v is None else str.__str__(v) for v in values]
        shown = literal_of(texts, set(map(type, texts)) if kind is not str else kinds)
        if "\x00" in shown:
            raise Unfit
        return _ARRAY_OF[str], shown.encode()
    if kind not in _ARRAY_OF:
        raise Unfit
    return _ARRAY_OF[kind], literal_of(values, kinds).encode()


def _error_of(pgconn: pq.abc.PGconn, result: pq.abc.PGresult) -> psycopg.Error:
    """psycopg's error for a failed result. A lost connection is an OperationalError, as with psycopg's own cursor: callers
    try those again, while anything else may poison an event or become a 500."""
    if pgconn.status == pq.ConnStatus.BAD:
        return psycopg.OperationalError((result.error_message or b"the connection is lost").decode(errors="replace").strip())
    return errors.error_from_result(result, encoding="utf-8")


def _no_loader() -> Any:
    raise RuntimeError("psycopg has no loader for timestamptz")


class Session:
    """What is kept per connection: prepared plans and the loaders of results."""

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        self.raw = raw
        self.pgconn = raw.pgconn
        # psycopg must prepare nothing of its own on this connection: after a rollback it would deallocate ours, too.
        self.keeps_plans = settings.BANYAN_PREPARED_PLANS and raw.prepare_threshold is None
        self.plans: dict[tuple[bytes, tuple[int, ...]], bytes | None] = {}
        cursor = psycopg.Cursor(raw)
        # Django has json columns loaded as text for its own field class; plain SQL wants the value.
        cursor.adapters.register_loader("jsonb", JsonbBinaryLoader)
        cursor.adapters.register_loader("jsonb", JsonbLoader)
        # The session's time zone is UTC: psycopg's own loader, in C, instead of Django's in Python.
        cursor.adapters.register_loader("timestamptz", psycopg.adapters.get_loader(_TIMESTAMPTZ, pq.Format.TEXT) or _no_loader())
        self.loading = adapt.Transformer(cursor)

    def run(self, query: str, params: Sequence[Any]) -> pq.abc.PGresult | None:
        """Execute and return libpq's result, or None when this statement is not for us. Raises psycopg's errors."""
        try:
            text = _numbered(query)
            types, values = zip(*map(_shown, params), strict=True) if params else ((), ())
        except Unfit:
            return None
        self._begin()
        result = self._send(text, types, values)
        if result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
            raise _error_of(self.pgconn, result)
        return result

    def _begin(self) -> None:
        if self.pgconn.transaction_status == pq.TransactionStatus.IDLE and not self.raw.autocommit:
            result = self.pgconn.exec_(b"BEGIN")
            if result.status != pq.ExecStatus.COMMAND_OK:
                raise _error_of(self.pgconn, result)

    def _send(self, text: bytes, types: tuple[int, ...], values: Any) -> pq.abc.PGresult:
        key = (text, types)
        name = self.plans.get(key)
        if name is not None:
            return self.pgconn.exec_prepared(name, values)
        if key in self.plans:
            name = b"banyan_%d" % len(self.plans) + b"_%x" % (hash(key) & 0xFFFFFFFF)
            result = self.pgconn.prepare(name, text, types)
            if result.status != pq.ExecStatus.COMMAND_OK:
                raise _error_of(self.pgconn, result)
            self.plans[key] = name
            return self.pgconn.exec_prepared(name, values)
        if self.keeps_plans and len(self.plans) < PLANS_MAX:
            self.plans[key] = None
        return self.pgconn.exec_params(text, values, types)

    def rows(self, result: pq.abc.PGresult) -> list[tuple[Any, ...]]:
        """All rows as tuples of Python values."""
        if not result.ntuples:
            return []
        self.loading.set_pgresult(result)
        return self.loading.load_rows(0, result.ntuples, tuple)


def session_of(raw: psycopg.Connection[Any]) -> Session | None:
    """The session of a connection, made at its first use; None while it is in pipeline mode or has special transactions."""
    session = raw.__dict__.get("_banyan_session")
    if session is None:
        session = raw.__dict__["_banyan_session"] = Session(raw)
    if raw._pipeline is not None or raw.isolation_level is not None or raw.read_only is not None:
        return None
    return cast(Session, session)


def begin_with(raw: psycopg.Connection[Any], settings_of_transaction: Mapping[str, str]) -> None:
    """Set transaction-local settings, opening the transaction in the same round trip when none is open yet."""
    pgconn = raw.pgconn
    escaping = pq.Escaping(pgconn)
    parts = [
        b"set_config('" + name.encode() + b"', " + escaping.escape_literal(value.replace("\x00", "").encode()) + b", true)"
        for name, value in settings_of_transaction.items()
    ]
    start = b"BEGIN; " if pgconn.transaction_status == pq.TransactionStatus.IDLE and not raw.autocommit else b""
    result = pgconn.exec_(start + b"SELECT " + b", ".join(parts))
    if result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
        raise _error_of(pgconn, result)


def check_connection(raw: psycopg.Connection[Any]) -> None:
    """Raise when the server has closed this pooled connection. Asks the socket, and the server only if the socket has news.

    A server that was stopped or killed has closed its sockets, which is news. A network that swallows packets goes
    unnoticed here as it would a moment after any check.
    """
    if not raw.closed:
        news = select.poll()
        news.register(raw.fileno(), select.POLLIN)
        if not news.poll(0):
            return
    _ask_the_server(raw)


_ask_the_server = ConnectionPool.check_connection
