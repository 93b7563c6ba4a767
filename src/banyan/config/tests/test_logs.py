"""A person's login that PostgreSQL quotes in an error reaches no log line, whichever way the error is logged."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from django.core.handlers.exception import response_for_exception
from django.db import IntegrityError, connections
from django.test import RequestFactory

from banyan.config import logs
from banyan.kernel import ids, jobs
from banyan.kernel.http.api import answer_defect
from banyan.kernel.jobs import registry
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role

LOGIN = "planted-login"
TWICE = (
    "INSERT INTO identity_users SELECT (jsonb_populate_record(u, jsonb_build_object('id', %s::bigint))).*"
    " FROM identity_users u WHERE login = %s AND tenant_id = %s"
)


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What is written to the standard error while the test runs, by the processors and handlers of the settings."""
    sink, before = io.StringIO(), structlog.get_config()["logger_factory"]
    (handler,) = [each for each in logging.getLogger().handlers if isinstance(each.formatter, logs.Lines)]
    assert isinstance(handler, logging.StreamHandler)
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(file=sink))
    stream = handler.setStream(sink)
    yield sink
    handler.setStream(stream)
    structlog.configure(logger_factory=before)


@pytest.fixture
def twice(tenant: Any) -> Any:
    """A function that registers the same login again, below every command; as the owner, to whom PostgreSQL quotes rows."""
    with tenant.enter():
        identity.register_users([NewUser(LOGIN, None, "某人", None, (Role.CONSUMER,))])

    def again() -> int:
        with connections["owner"].cursor() as cursor:
            cursor.execute(TWICE, (ids.next_id(), LOGIN, tenant.id))
            return 0

    return again


@pytest.fixture
def violation(twice: Any) -> IntegrityError:
    """The error of registering the same login again; it quotes the login."""
    with pytest.raises(IntegrityError) as caught:
        twice()
    assert LOGIN in str(caught.value)
    return caught.value


def _only_line(written: io.StringIO) -> dict[str, Any]:
    (line,) = written.getvalue().splitlines()
    assert LOGIN not in line
    return dict(json.loads(line))


def test_a_defect_of_the_api(written: io.StringIO, violation: IntegrityError) -> None:
    assert answer_defect("/api/v1/somewhere", violation).status_code == 500
    line = _only_line(written)
    assert (line["event"], line["level"], line["error"]) == ("defect", "error", "IntegrityError")
    for part in ("test_logs.py", "in again", "UniqueViolation by ", "django.db.utils.IntegrityError"):
        assert part in line["exception"]


def test_a_failed_job(written: io.StringIO, tenant: Any, twice: Any) -> None:
    jobs.periodic("test.twice", every_seconds=60)(twice)
    try:
        jobs.run_job("test.twice", [tenant.id])
    finally:
        del registry._jobs["test.twice"]
    line = _only_line(written)
    assert (line["event"], line["job"]) == ("job_failed", "test.twice")
    assert "UniqueViolation" in line["exception"]


def test_a_page_that_fails_is_told_by_django_in_the_same_form(written: io.StringIO, violation: IntegrityError) -> None:
    assert response_for_exception(RequestFactory().get("/people/"), violation).status_code == 500
    line = _only_line(written)
    assert (line["event"], line["level"], line["logger"]) == ("Internal Server Error: /people/", "error", "django.request")
    assert "UniqueViolation" in line["exception"]


def test_libraries_that_put_the_error_into_their_words(written: io.StringIO, violation: IntegrityError) -> None:
    logging.getLogger("psycopg.pool").error("cannot connect: %s", violation)
    assert _only_line(written)["event"] == "cannot connect: IntegrityError"


def test_what_follows_from_a_database_error_is_as_silent(written: io.StringIO, violation: IntegrityError) -> None:
    try:
        raise RuntimeError(f"gave up: {violation}") from violation
    except RuntimeError as error:
        logging.getLogger("somebody").exception(error.__class__.__name__)
    assert "builtins" not in _only_line(written)["exception"]


def test_other_errors_keep_their_words(written: io.StringIO) -> None:
    structlog.get_logger("ours").error("broken", exc_info=RuntimeError("no tenant is entered"), cause=ValueError("x"))
    line = _only_line(written)
    assert (line["exception"], line["cause"]) == ("RuntimeError: no tenant is entered", "ValueError")
