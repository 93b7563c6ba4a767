"""A tool brings the database up to date before it works: tables, and the rules that changed without a migration."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections

from banyan.config import runtime
from banyan.kernel import database as rules
from banyan.kernel.audit.models import AuditEntry

RULE = "CREATE OR REPLACE FUNCTION banyan_test_rule() RETURNS int LANGUAGE sql AS 'SELECT {}'"


def _told_by_the_database() -> int:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT banyan_test_rule()")
        return int(cursor.fetchone()[0])


@pytest.fixture
def changing(database: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """What the test changes in rules and environment is given back, in the database, too."""
    for name in ("BANYAN_HOME", "BANYAN_DATABASE_APP_URL", "BANYAN_DATABASE_OWNER_URL"):
        monkeypatch.setenv(name, os.environ[name])
    yield monkeypatch
    monkeypatch.undo()
    with connections["owner"].cursor() as cursor:
        cursor.execute("DROP FUNCTION IF EXISTS banyan_test_rule()")
    rules.install()


def test_a_rule_that_changed_without_a_migration_is_put_in_place(changing: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert runtime.is_up_to_date()
    for version in (1, 2):
        changing.setattr(AuditEntry, "database_rules", (RULE.format(version),), raising=False)
        assert not runtime.is_up_to_date()
        with runtime.database_ready(home=tmp_path):
            assert _told_by_the_database() == version
            assert runtime.is_up_to_date()


def test_rules_that_stand_are_left_alone(changing: pytest.MonkeyPatch, tmp_path: Path) -> None:
    changing.setattr(AuditEntry, "database_rules", (RULE.format(1),), raising=False)
    rules.install()
    with connections["owner"].cursor() as cursor:
        cursor.execute(RULE.format(3))
    with runtime.database_ready(home=tmp_path):
        assert _told_by_the_database() == 3


def test_a_database_without_a_word_about_its_rules_gets_them(changing: pytest.MonkeyPatch) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("COMMENT ON SEQUENCE banyan_ids IS NULL")
    assert not runtime.is_up_to_date()
    rules.install()
    assert runtime.is_up_to_date()
