"""`banyan bench …`: speed, with every answer checked."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated, Any

import typer

ACCRUAL_BAR = 3_000
"""Paid orders a second, accrued and posted at depth 3."""


def register(app: typer.Typer) -> None:
    """Add the group; each bench is a command of it."""
    group = typer.Typer(help="Measure speed on this machine; every answer is checked.", no_args_is_help=True)
    group.command()(tree)
    group.command()(accrual)
    group.command()(orders)
    group.command()(checkout)
    group.command()(simulate)
    group.command()(recall)
    group.command()(sourcing)
    app.add_typer(group, name="bench")


def tree(
    members: Annotated[int, typer.Option(help="Members of the network, at least 12,000.")] = 1_000_000,
    as_json: Annotated[bool, typer.Option("--json", help="One flat object and nothing else.")] = False,
) -> None:
    """The network: upline of 1,000 buyers, one leaf bound, a team of 10,000 moved. Exit 1 when a bar is missed."""
    from banyan.config import runtime

    with runtime.database_ready():
        from banyan.config.bench import tree as bench

        result = bench.run(members, say=_say)
        missed = bench.misses(result)
    _show(result, missed, as_json)


def accrual(
    orders: Annotated[int, typer.Option(help="Paid orders to accrue.")] = 20_000,
    as_json: Annotated[bool, typer.Option("--json", help="One flat object and nothing else.")] = False,
) -> None:
    """Commission: paid orders decided, written and booked, to the seller and three ancestors. Exit 1 when a bar is missed."""
    from banyan.config import runtime

    with runtime.database_ready():
        from banyan.config.bench import accrual as bench

        result = bench.run(orders, say=_say)
    _show(result, _accrual_misses(result), as_json)


def _accrual_misses(result: dict[str, Any]) -> list[str]:
    rate = result["orders_per_s"]
    reached = rate >= ACCRUAL_BAR
    return [] if reached else [f"{rate:,.0f} paid orders a second are accrued and posted, wanted {ACCRUAL_BAR:,}"]


def orders(
    seconds: Annotated[float, typer.Option(help="Seconds per measurement.", min=1, max=120)] = 8.0,
    http_orders: Annotated[int, typer.Option(help="Orders placed over HTTP.", min=50, max=100_000)] = 1_000,
    as_json: Annotated[bool, typer.Option("--json", help="One flat object and nothing else.")] = False,
) -> None:
    """Orders: batches against one order per transaction, and single orders over HTTP. Exit 1 when a bar is missed."""
    from banyan.config import runtime

    with runtime.database_ready():
        from banyan.config.bench import orders as bench

        result = bench.run(seconds, http_orders, say=_say)
        missed = bench.misses(result)
    _show(result, missed, as_json)


def simulate(
    orders: Annotated[int, typer.Option(help="Paid orders to simulate.", min=2_000)] = 1_000_000,
    as_json: Annotated[bool, typer.Option("--json", help="One flat object and nothing else.")] = False,
) -> None:
    """Simulation: a draft over a year of orders, side by side with the plan in force. Exit 1 when a bar is missed."""
    from banyan.config import runtime

    with runtime.database_ready():
        from banyan.config.bench import simulation as bench

        result = bench.run(orders, say=_say)
        missed = bench.misses(result)
    _show(result, missed, as_json)


def recall(
    movements: Annotated[int, typer.Option(help="Movements among which the lot is found.", min=1_000)] = 5_000_000,
    as_json: Annotated[bool, typer.Option("--json", help="One flat object and nothing else.")] = False,
) -> None:
    """A lot is called back: out of sale everywhere, and everybody it reached listed. Exit 1 when a bar is missed."""
    from banyan.config import runtime

    with runtime.database_ready():
        from banyan.config.bench import recall as bench

        result = bench.run(movements, say=_say)
        missed = bench.misses(result)
    _show(result, missed, as_json)


def sourcing(
    orders: Annotated[int, typer.Option(help="Orders of a batch, over 20 warehouses and five SKUs for each.", min=50)] = 1_000,
    rounds: Annotated[int, typer.Option(help="How many batches; the middle counts.", min=1, max=20)] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="One flat object and nothing else.")] = False,
) -> None:
    """Sourcing: warehouses for a batch of orders, with the gap to the proven bound. Exit 1 when a bar is missed."""
    from banyan.config.bench import sourcing as bench

    result = bench.run(orders, rounds, say=_say)
    _show(result, bench.misses(result), as_json)


def checkout(
    seconds: Annotated[float, typer.Option(help="Seconds per measurement.", min=1, max=120)] = 8.0,
    rounds: Annotated[int, typer.Option(help="How often each is measured; the middle counts.", min=1, max=20)] = 3,
    workers: Annotated[int, typer.Option(help="Web processes; 0: as many as `banyan up` runs.", min=0, max=64)] = 0,
    commit_ms: Annotated[float, typer.Option(help="As on a disk whose flush takes longer by this.", min=0, max=100)] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="One flat object and nothing else.")] = False,
) -> None:
    """Checkout: orders over HTTP from 32 and 256 callers, against one order per transaction. Exit 1 when a bar is missed."""
    from banyan.config import runtime

    if commit_ms and "BANYAN_DATABASE_OWNER_URL" in os.environ:
        raise typer.BadParameter("Commits can be slowed on the home's own database only.", param_hint="--commit-ms")
    with runtime.database_ready():
        from banyan.config.bench import checkout as bench

        result = bench.run(seconds, rounds, workers, commit_ms, say=_say)
        missed = bench.misses(result)
    _show(result, missed, as_json)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _show(result: dict[str, Any], missed: list[str], as_json: bool) -> None:
    """The figures, then every bar that was missed; exits 1 when there is one."""
    if as_json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:<16} {value:,}")
    for text in missed:
        _say(text)
    if missed:
        raise typer.Exit(1)
