"""A server that the environment names: two addresses as they are, or an administrator's, from which two roles are made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from banyan.kernel.supervisor import outside
from banyan.kernel.supervisor.errors import AlreadyRunning, SupervisorError
from banyan.kernel.supervisor.postgres import PostgresChild, attach_or_start, start_postgres

NAMES = ("BANYAN_DATABASE_APP_URL", "BANYAN_DATABASE_OWNER_URL", "DATABASE_URL", "DATABASE_OWNER_URL")


@pytest.fixture
def nothing_named(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def server(open_folder: Path) -> Iterator[PostgresChild]:
    child = start_postgres(open_folder / "home", durable=False)
    yield child
    child.stop()


def test_two_addresses_are_taken_as_they_are(tmp_path: Path, nothing_named: pytest.MonkeyPatch) -> None:
    nothing_named.setenv("DATABASE_URL", "postgresql://app@h/d")
    nothing_named.setenv("DATABASE_OWNER_URL", "postgresql://owner@h/d")
    urls = outside.database_urls(tmp_path)
    assert urls is not None
    assert (urls.owner, urls.app) == ("postgresql://owner@h/d", "postgresql://app@h/d")


def test_nothing_named_means_our_own(tmp_path: Path, nothing_named: pytest.MonkeyPatch) -> None:
    assert outside.database_urls(tmp_path) is None


def test_from_an_administrators_address_two_bound_roles_are_made(
    tmp_path: Path, nothing_named: pytest.MonkeyPatch, server: PostgresChild
) -> None:
    nothing_named.setenv("DATABASE_URL", server.superuser_url)
    for _ in range(2):  # the second time they are there already
        urls = outside.database_urls(tmp_path)
        assert urls is not None
    with psycopg.connect(urls.app) as connection:
        row = connection.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        assert row == ("banyan_app", False, False, False, False)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine (id int)")
    with psycopg.connect(urls.owner) as connection:
        connection.execute("CREATE TABLE ours (id int)")
        connection.rollback()


def test_an_address_without_the_right_to_make_roles_is_told(
    tmp_path: Path, nothing_named: pytest.MonkeyPatch, server: PostgresChild
) -> None:
    with psycopg.connect(server.superuser_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE plain LOGIN PASSWORD 'plain'")
        connection.execute("GRANT CONNECT ON DATABASE banyan TO plain")
    place = server.urls.app.partition("@")[2]
    nothing_named.setenv("DATABASE_URL", f"postgresql://plain:plain@{place}")
    with pytest.raises(SupervisorError, match="may not create roles") as caught:
        outside.database_urls(tmp_path)
    assert "DATABASE_OWNER_URL" in caught.value.advice


def test_a_server_that_does_not_answer_is_told(tmp_path: Path, nothing_named: pytest.MonkeyPatch) -> None:
    nothing_named.setenv("DATABASE_URL", "postgresql://nobody:secret-word@127.0.0.1:1/x")
    with pytest.raises(SupervisorError, match="does not answer") as caught:
        outside.database_urls(tmp_path)
    assert "secret-word" not in str(caught.value)


def test_a_tool_starts_its_own_and_a_second_one_joins(open_folder: Path, nothing_named: pytest.MonkeyPatch) -> None:
    home = open_folder / "home"
    with attach_or_start(home) as first, attach_or_start(home) as second:
        assert first == second
        with psycopg.connect(second.app) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(AlreadyRunning):
            start_postgres(home)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(first.app)


def test_a_cluster_of_another_version_is_told_in_words(open_folder: Path, nothing_named: pytest.MonkeyPatch) -> None:
    start_postgres(open_folder / "home", durable=False).stop()
    (open_folder / "home/postgres/PG_VERSION").write_text("12\n")
    with pytest.raises(SupervisorError, match="made by PostgreSQL 12"):
        start_postgres(open_folder / "home", durable=False)
