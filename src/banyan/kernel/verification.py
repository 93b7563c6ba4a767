"""The registry behind ``banyan verify``: each house replays its facts and compares every derived number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


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
    for item in checks():
        if names is None or item.name in names:
            findings.extend(item.run(tally))
    return findings, tally.compared
