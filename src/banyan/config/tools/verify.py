"""`banyan verify`: every derived number against the facts."""

from __future__ import annotations

import json as jsonlib
from typing import Annotated

import typer

SHOWN = 200


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verify)


def verify(
    tenant: Annotated[str, typer.Option(help="Only the tenant of this slug.")] = "",
    json: Annotated[bool, typer.Option("--json", help="One flat object: findings, checked.")] = False,
) -> None:
    """Replay the facts of every tenant and compare every derived number; exit 0 only when all agree."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from banyan.config import runtime

    screen = Console(stderr=True, quiet=json)
    with runtime.database_ready():
        from banyan.config import verifying
        from banyan.kernel import tenancy

        chosen: list[int] | None = None
        if tenant:
            found = tenancy.find_tenant_by_slug(tenant)
            if found is None:
                raise typer.BadParameter(f"There is no tenant {tenant}.", param_hint="--tenant")
            chosen = [found.id]
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=screen, transient=True, disable=json) as progress:
            task = progress.add_task("verify", total=None)
            report = verifying.verify(
                chosen, lambda slug, name: progress.update(task, description=f"{slug or 'database'}: {name}")
            )
    if json:
        print(jsonlib.dumps({"findings": len(report.findings), "checked": report.checked}))
    else:
        for slug, finding in report.findings[:SHOWN]:
            print(
                f"{slug or 'database'}  {finding.check}  {finding.subject}: expected {finding.expected}, found {finding.actual}"
            )
        if len(report.findings) > SHOWN:
            print(f"… and {len(report.findings) - SHOWN} more")
        verdict = f"{len(report.findings)} findings" if report.findings else "Clean"
        print(f"{verdict}: {report.checked:,} numbers compared by {report.checks} checks over {report.tenants} tenants.")
    raise typer.Exit(1 if report.findings else 0)
