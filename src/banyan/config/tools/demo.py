"""``banyan demo``: a seeded world through the real commands, a summary, a clean verify, then the console stays up."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    distributors: Annotated[int, typer.Option(help="How many distributors.")] = 3000,
    days: Annotated[int, typer.Option(help="How many days, ending today.")] = 90,
    orders_per_day: Annotated[int, typer.Option(help="Orders on a full day.")] = 110,
    seed: Annotated[int, typer.Option(help="The same seed makes the same world.")] = 1,
    serve: Annotated[bool, typer.Option(help="Leave the console running afterwards.")] = True,
    port: Annotated[int, typer.Option(help="Port of the console; the next free one when it is taken.")] = 8000,
) -> None:
    """Build the demo shop (once per home), show what happened, prove it, and leave the console running."""
    import os

    from banyan.config.runtime import database_ready
    from banyan.kernel.supervisor.simulator import refuse_beside_a_merchant

    refuse_beside_a_merchant(os.environ)  # said before the build: nobody waits for it in vain
    environment = dict(os.environ)
    # The build is repeatable, so its commits need not wait for the disk; what serves afterwards is a process of its own.
    os.environ.setdefault("PGOPTIONS", "-c synchronous_commit=off")
    with database_ready():
        from banyan.config.demo import founding, world
        from banyan.kernel import tenancy

        if tenancy.find_tenant_by_slug(founding.SLUG) is None:
            clean = _build(world.Scale(distributors, days, orders_per_day), seed)
        elif _logins_path().exists():
            print("The demo shop is built already (delete the home to build it again).", flush=True)
            clean = True
        else:
            print("The demo shop in this home was not finished. Delete the home (var) and run the demo again.", flush=True)
            clean = False
        doors = _read_logins()
    if not clean:
        raise typer.Exit(1)
    if serve:
        _serve(port, doors, environment)
    else:
        print(doors)


def _build(scale: Any, seed: int) -> bool:
    from django.conf import settings
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from banyan.config.demo import building, summary
    from banyan.kernel.supervisor.simulator import state_file

    screen = Console()
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=screen
    ) as bar:
        task = bar.add_task("days", total=scale.days)

        def show(done: int) -> None:
            bar.update(task, completed=done)
            if not screen.is_terminal and done % 10 == 0:
                print(f"day {done} of {scale.days}", flush=True)

        books = state_file(settings.HOME)  # the channel that serves afterwards knows what was paid here
        books.parent.mkdir(exist_ok=True, mode=0o700)
        built = building.build(scale, seed, say=screen.print, progress=show, channel_file=books)
    screen.print(summary.table(built))
    for finding in built.findings[:20]:
        screen.print(f"[red]{finding.check}[/red] {finding.subject}: expected {finding.expected}, found {finding.actual}")
    screen.print(f"verify: {len(built.findings)} findings, {built.compared:,} numbers compared")
    _keep_logins(summary.logins(built))
    return not built.findings


def _logins_path() -> Any:
    from django.conf import settings

    return settings.HOME / "secrets" / "demo-logins.txt"


def _keep_logins(text: str) -> None:
    """Readable by its owner only: these are passwords, if only of a demo."""
    from banyan.kernel.supervisor import places

    places.write_privately(_logins_path(), text)


def _read_logins() -> str:
    path = _logins_path()
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _serve(port: int, doors: str, environment: dict[str, str]) -> None:
    """Become ``banyan up``, in the environment from before the build: what was set since names a database that has stopped.

    With the channel's simulator, so that orders can be paid and approved statements are paid out."""
    import os
    import sys

    print(f"\n{doors}\n\nThe console is at /console/ and the API at /api/v1/docs of the address below.\n", flush=True)
    command = [sys.executable, "-m", "banyan.config.cli", "up", "--simulator", "--port", str(port)]
    os.execve(sys.executable, command, environment)  # noqa: S606 - our own interpreter and module, no shell wanted
