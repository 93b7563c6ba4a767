"""The platform's memory: SQLite, in a file when it must outlive the process, else in memory."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# All instants are whole milliseconds since 1970 (UTC); all amounts are fen.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS orders (
  out_trade_no TEXT PRIMARY KEY, digest TEXT NOT NULL, trade_type TEXT NOT NULL, description TEXT NOT NULL,
  openid TEXT NOT NULL, attach TEXT NOT NULL, total INTEGER NOT NULL CHECK (total > 0), currency TEXT NOT NULL,
  notify_url TEXT NOT NULL, prepay_id TEXT NOT NULL, transaction_id TEXT, state TEXT NOT NULL,
  created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, paid_ms INTEGER, refunded INTEGER NOT NULL DEFAULT 0,
  CHECK (refunded BETWEEN 0 AND total));
CREATE UNIQUE INDEX IF NOT EXISTS orders_transaction ON orders (transaction_id) WHERE transaction_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS refunds (
  out_refund_no TEXT PRIMARY KEY, digest TEXT NOT NULL, refund_id TEXT NOT NULL UNIQUE, out_trade_no TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount > 0), reason TEXT NOT NULL, notify_url TEXT NOT NULL, state TEXT NOT NULL,
  created_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL, completed_ms INTEGER);
CREATE INDEX IF NOT EXISTS refunds_due ON refunds (due_ms) WHERE state = 'PROCESSING';
CREATE TABLE IF NOT EXISTS transfers (
  out_bill_no TEXT PRIMARY KEY, digest TEXT NOT NULL, transfer_bill_no TEXT NOT NULL UNIQUE, openid TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount > 0), scene_id TEXT NOT NULL, remark TEXT NOT NULL, notify_url TEXT NOT NULL,
  package_info TEXT NOT NULL, state TEXT NOT NULL, fail_reason TEXT NOT NULL DEFAULT '',
  created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS transfers_due ON transfers (expires_ms) WHERE state = 'WAIT_USER_CONFIRM';
CREATE TABLE IF NOT EXISTS flows (
  id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, amount INTEGER NOT NULL, kind TEXT NOT NULL, reference TEXT NOT NULL,
  voucher TEXT NOT NULL, balance INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS callbacks (
  id INTEGER PRIMARY KEY, event_id TEXT NOT NULL, url TEXT NOT NULL, body TEXT NOT NULL, subject TEXT NOT NULL,
  due_ms INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT 'waiting', answer TEXT);
CREATE INDEX IF NOT EXISTS callbacks_due ON callbacks (due_ms) WHERE state = 'waiting';
"""

Row = sqlite3.Row


class Store:
    """One connection behind one lock: the platform does one thing at a time, so a read is never stale."""

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(str(path) if path else ":memory:", check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        if path:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(_SCHEMA)
        self._depth = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; may be nested in the same thread."""
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")

    def all(self, query: str, *values: Any) -> list[Row]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def one(self, query: str, *values: Any) -> Row | None:
        with self._lock:
            row: Row | None = self._connection.execute(query, values).fetchone()
            return row

    def run(self, query: str, *values: Any) -> int:
        with self._lock:
            return self._connection.execute(query, values).rowcount

    def insert(self, table: str, **columns: Any) -> None:
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        self.run(f"INSERT INTO {table} ({names}) VALUES ({marks})", *columns.values())

    def number(self, name: str) -> int:
        """The next number of a named counter."""
        row = self.one(
            "INSERT INTO counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value", name
        )
        assert row is not None
        return int(row[0])

    def close(self) -> None:
        with self._lock:
            self._connection.close()
