"""A connection that the server cuts is an OperationalError on the short way through libpq, too: callers try again."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection

from banyan.kernel import events, sql, tenancy
from banyan.kernel.events import core


def _cut() -> None:
    """End the server process behind this thread's connection, as a crash of the database would."""
    pid = connection.connection.info.backend_pid
    with psycopg.connect(os.environ["BANYAN_DATABASE_APP_URL"], autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


def test_a_cut_connection_is_an_operational_error(tenant: Any) -> None:
    def use_cut_connection() -> None:
        with tenancy.enter(tenant.id):
            sql.fetch("SELECT %s::int", (1,))
            _cut()
            sql.fetch("SELECT %s::int", (1,))

    with pytest.raises(OperationalError):
        use_cut_connection()
    with tenancy.enter(tenant.id):
        assert sql.fetch("SELECT %s::int", (1,)) == [(1,)]


def test_a_connection_cut_in_a_reaction_poisons_nothing(tenant: Any) -> None:
    @dataclass(frozen=True)
    class Rung(events.Event):
        kind = "test.rung"

    heard = []

    @events.reaction("test.cut", on=(Rung,))
    def react(batch: list[Rung]) -> None:
        heard.append(len(batch))
        if len(heard) == 1:
            _cut()
        sql.fetch("SELECT %s::int", (1,))

    try:
        with tenant.enter():
            events.record([Rung()])
        with pytest.raises(OperationalError):
            events.drain(tenant.id, names={"test.cut"})
        connection.close()
        assert events.drain(tenant.id, names={"test.cut"}) == 1
        with tenant.enter():
            assert sql.fetch("SELECT count(*) FROM set_aside_events WHERE tenant_id = %s", (tenant.id,)) == [(0,)]
    finally:
        del core._reactions["test.cut"]
        del core._kinds["test.rung"]
