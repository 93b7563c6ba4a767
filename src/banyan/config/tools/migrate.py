"""`banyan migrate`."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(migrate)


def migrate(quiet: Annotated[bool, typer.Option(help="Say nothing when there was nothing to do.")] = False) -> None:
    """Bring the database up to date: tables, row-level security, triggers, rights. Safe to repeat."""
    from banyan.config import runtime

    with runtime.database_ready(migrate=False):
        applied = runtime.bring_up_to_date()
    for name in applied:
        print(f"applied {name}")
    if not applied and not quiet:
        print("Nothing to apply; the database rules are in place.")
