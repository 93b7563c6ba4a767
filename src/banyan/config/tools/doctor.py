"""`banyan doctor`: says in words what is wrong and how to mend it."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(
    as_json: Annotated[
        bool, typer.Option("--json", help="One flat object: fine, problems, warnings, then a text per check.")
    ] = False,
    port: Annotated[int, typer.Option(help="The port that `banyan up` will want.")] = 8000,
) -> None:
    """Examine this installation. Exit code 0 only when nothing is wrong."""
    from banyan.config import checkup
    from banyan.kernel.supervisor import places

    answers = checkup.examine(places.default_home(), port)
    problems = [answer for answer in answers if answer.state == "problem"]
    warnings = [answer for answer in answers if answer.state == "warning"]
    if as_json:
        flat: dict[str, object] = {"fine": not problems, "problems": len(problems), "warnings": len(warnings)}
        flat |= {answer.name: answer.said for answer in answers}
        print(json.dumps(flat, ensure_ascii=False))
    else:
        for answer in answers:
            mark = {"fine": "✔", "warning": "!", "problem": "✘"}[answer.state]
            print(f"{mark} {answer.name:<22} {answer.text}")
            if answer.advice:
                print(f"  {'':<22} → {answer.advice}")
        print()
        print("Nothing is wrong." if not problems else f"{len(problems)} to mend.")
    if problems:
        raise typer.Exit(1)
