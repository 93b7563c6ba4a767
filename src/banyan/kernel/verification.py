"""The registry behind ``banyan verify``: each house replays its facts and compares every derived number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from banyan.kernel import sql


@dataclass(frozen=True)
class Finding:
    """One number that is not what the facts say. ``subject`` is a public id or a table with a row id."""

    check: str
    subject: str
    expected: Any
    actual: Any


@dataclass
class Tally:
    """How many numbers a check compared; checks add to it so that a clean report says how much it looked at."""

    compared: int = 0


CheckFunction = Callable[[Tally], Iterator[Finding]]


@dataclass(frozen=True)
class Check:
    """A named check, run with a tenant entered."""

    name: str
    run: CheckFunction


_checks: dict[str, Check] = {}


def check(name: str) -> Callable[[CheckFunction], CheckFunction]:
    """Register ``run(tally) -> Iterator[Finding]``. It adds every comparison to ``tally.compared``."""

    def register(run: CheckFunction) -> CheckFunction:
        _checks[name] = Check(name, run)
        return run

    return register


def checks() -> list[Check]:
    """All registered checks by name."""
    return [_checks[name] for name in sorted(_checks)]


def run_checks(names: set[str] | None = None) -> tuple[list[Finding], int]:
    """Run the checks for the entered tenant; returns the findings and how many numbers were compared."""
    tally = Tally()
    findings: list[Finding] = []
    with reading_everything():
        for item in checks():
            if names is None or item.name in names:
                findings.extend(item.run(tally))
    return findings, tally.compared


@contextmanager
def reading_everything() -> Iterator[None]:
    """Checks join whole tables. A shop that has grown faster than its statistics would get plans made for a dozen rows, which
    take hours for a million: inside the block PostgreSQL loops over rows only where nothing else is possible."""
    sql.execute("SELECT set_config('enable_nestloop', 'off', true)")
    yield
    sql.execute("SELECT set_config('enable_nestloop', 'on', true)")
