"""One JSON object per line on the standard error, whoever logs, and nothing of what people's rows hold.

PostgreSQL quotes the row that it refuses ("Key (login)=(…) already exists"), and pydantic the input. Of an error that has
one of theirs in its chain, type, place and name of the constraint are told; messages are not.
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any

import psycopg
import pydantic
import structlog
from django.db import Error
from structlog.typing import EventDict, Processor

QUOTING = (Error, psycopg.Error, pydantic.ValidationError)
"""Errors whose messages hold values."""


def tell_errors(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """A processor: ``exc_info`` becomes the text ``exception``; an error given as a value becomes the name of its type."""
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else (given if isinstance(given, tuple) else sys.exc_info())[1]
    for key, value in event.items():
        if isinstance(value, BaseException):
            event[key] = type(value).__name__
    if given and error is not None:
        event["exception"] = describe(error)
    return event


def describe(error: BaseException) -> str:
    """Types and frames of the whole chain, the cause first as Python does; messages only where none can hold values."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    quiet = any(isinstance(each, QUOTING) for each in chain)
    return "\nand then\n".join(_one(each, quiet) for each in reversed(chain))


def _one(error: BaseException, quiet: bool) -> str:
    frames = "".join(traceback.format_tb(error.__traceback__))
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if not quiet:
        return f"{frames}{name}: {error}"
    constraint = error.diag.constraint_name if isinstance(error, psycopg.Error) else None
    return f"{frames}{name}{f' by {constraint}' if constraint else ''}"


BEFORE: tuple[Processor, ...] = (
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    tell_errors,
)
"""What every line goes through, ours and that of libraries."""


class Lines(structlog.stdlib.ProcessorFormatter):
    """The same for everybody who logs by Python's own ``logging``: Django, psycopg, procrastinate."""

    def __init__(self) -> None:
        super().__init__(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *BEFORE],
            processors=[self.remove_processors_meta, structlog.processors.JSONRenderer()],
        )

    def format(self, record: logging.LogRecord) -> str:
        """One line; an error among the arguments is told by its type."""
        record = logging.makeLogRecord(record.__dict__)
        if isinstance(record.msg, QUOTING):
            record.msg = type(record.msg).__name__
        if isinstance(record.args, tuple):
            record.args = tuple(type(each).__name__ if isinstance(each, QUOTING) else each for each in record.args)
        return super().format(record)
