"""`banyan explain ID`: what stands behind an id, and the chain both ways."""

from __future__ import annotations

import json as jsonlib
from dataclasses import asdict
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(explain)


def explain(
    id: Annotated[str, typer.Argument(help="Any public id: cms_…, ent_…, ord_…, stm_…, pyo_…, pay_…, ret_…, rfd_…, crv_….")],
    json: Annotated[bool, typer.Option("--json", help="One object and nothing else.")] = False,
) -> None:
    """Say what this is, why it is so, where it came from and what came of it."""
    from banyan.config import runtime

    with runtime.database_ready():
        from banyan.config import explaining
        from banyan.kernel.values.errors import Refusal

        try:
            told = explaining.explain(id)
        except Refusal as refusal:
            typer.echo(f"banyan explain: {refusal.message}\n{' ' * 16}{refusal.advice}", err=True)
            raise typer.Exit(2) from None
    if json:
        print(jsonlib.dumps(asdict(told), ensure_ascii=False))
        return
    print(f"{told.id}: {told.kind} in {told.tenant}")
    for name, value in told.facts.items():
        print(f"  {name}: {value}")
    for sentence in told.words:
        print(f"  · {sentence}")
    for title, chain in (("came from", told.came_from), ("led to", told.led_to)):
        print(f"{title}:")
        for name, line in chain:
            print(f"  {name}  {line}")
        if not chain:
            print("  nothing")
