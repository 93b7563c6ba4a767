"""The only source of time. Business code asks ``now()``; tests and simulations drive it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

_driven_at: datetime | None = None


def now() -> datetime:
    """The current moment, aware, UTC."""
    return _driven_at if _driven_at is not None else datetime.now(UTC)


def drive(at: datetime | None) -> None:
    """Set the clock of this whole process to ``at`` until further notice; ``None`` gives real time back."""
    global _driven_at
    if at is not None and at.tzinfo is None:
        raise ValueError("the clock takes aware moments only")
    _driven_at = at.astimezone(UTC) if at is not None else None


def advance(by: timedelta) -> datetime:
    """Move a driven clock forward and return the new moment."""
    drive(now() + by)
    return now()


@contextmanager
def driven(at: datetime) -> Iterator[None]:
    """Drive the clock within a block; process-wide, so that threads started inside see the same time."""
    before = _driven_at
    drive(at)
    try:
        yield
    finally:
        drive(before)
