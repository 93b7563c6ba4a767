"""`banyan replay`: a real shop's stream of orders, lived again."""

from __future__ import annotations

import json as jsonlib
import os
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(replay)


def replay(
    orders: Annotated[Path, typer.Option(help="Folder with lines.parquet: the shop's order lines.")],
    network: Annotated[Path, typer.Option(help="Folder with first_join_forest.parquet: who brought whom.")],
    days: Annotated[int | None, typer.Option(min=1, help="Only the first so many trading days.")] = None,
    unmatched: Annotated[Path | None, typer.Option(help="Write the cancellations without their order to this CSV file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One flat object and nothing else.")] = False,
) -> None:
    """Replay orders, returns, commission, settlement and payout day by day, then verify; exit 0 only when nothing is wrong."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from banyan.config import runtime

    # As in the demo: a batch in a crash of the machine may be lost, the books cannot be torn; the report says so.
    os.environ.setdefault("PGOPTIONS", "-c synchronous_commit=off")
    screen, aside = Console(), Console(stderr=True, quiet=json)
    with runtime.database_ready():
        from banyan.config.replay import report, running
        from banyan.config.replay.stream import SourceMissing

        bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn(), console=aside, disable=json
        )
        with bar:
            task = bar.add_task("replay", total=None)
            try:
                done = running.replay(
                    orders,
                    network,
                    days=days,
                    say=aside.print,
                    progress=lambda day, count, text: bar.update(task, completed=day, total=count, description=text),
                )
            except SourceMissing as missing:
                bar.stop()
                typer.echo(f"banyan replay: {missing}", err=True)
                raise typer.Exit(2) from None
        if unmatched is not None:
            _write_unmatched(unmatched, done.stream.unmatched)
        if json:
            print(jsonlib.dumps(report.as_object(done)))
        else:
            report.show(done, screen)
    raise typer.Exit(0 if done.is_exact and not done.findings and not done.tally.refused else 1)


def _write_unmatched(path: Path, rows: list[tuple[str, str, int, str]]) -> None:
    import csv

    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("cancellation", "stock_code", "pieces", "reason"))
        writer.writerows(rows)
