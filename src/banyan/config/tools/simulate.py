"""`banyan simulate wechat`: the other side of a payment channel, for trying things by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(no_args_is_help=True, help="Run a simulator of an outside system.")
    group.command()(wechat)
    group.callback()(lambda: None)  # keeps `wechat` a name of its own while it is the only simulator
    app.add_typer(group, name="simulate")


def wechat(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 8790,
    file: Annotated[Path | None, typer.Option(help="SQLite file that keeps the state; memory without it.")] = None,
    pay_at_once: Annotated[bool, typer.Option(help="Payers pay by themselves.")] = False,
    confirm_at_once: Annotated[bool, typer.Option(help="Payees confirm transfers by themselves.")] = False,
) -> None:
    """Run the WeChat Pay API v3 simulator until Ctrl-C. Point Banyan at it with BANYAN_WECHAT_SANDBOX_URL."""
    from banyan.adapters.simulators.wechat_pay.__main__ import run
    from banyan.kernel.supervisor import places

    run(port, places.default_home() / "secrets", file, pay_at_once, confirm_at_once)
