"""What `banyan doctor` examines: the machine first, then the database, then what runs."""

from __future__ import annotations

from pathlib import Path

from banyan.config.checkup.answers import Answer

__all__ = ["Answer", "examine"]


def examine(home: Path, port: int = 8000) -> list[Answer]:
    """Every check in order. One that fails unexpectedly becomes a problem of its own; the rest still run."""
    from banyan.config.checkup import database, machine, running

    answers = machine.examine(home, port)
    if any(answer.state == "problem" and answer.name in machine.NEEDED for answer in answers):
        return answers
    return [*answers, *database.examine(home), *running.examine(home)]
