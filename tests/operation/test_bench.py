"""The measuring tools: their objects have exactly the agreed names, a missed bar is an exit code, and `make bench` runs all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from .conftest import clean_environment

ROOT = Path(__file__).resolve().parents[2]
KEYS = {
    "orders": {
        "floor_c8", "floor_c32", "floor_hot_c8", "batch_spread", "batch_hot", "spread_ratio", "hot_ratio", "http_orders_per_s",
        "http_cpu_ms_per_order",
    },
    "checkout": {
        "floor_c32", "floor_hot_c8", "http_c32", "http_c256", "http_hot_c32", "ratio_spread", "ratio_hot", "cpu_ms_per_order",
        "p99_ms_at_70",
    },
    "accrual": {"orders_per_s", "cpu_ms_per_order"},
    "recall": {"seconds", "movements", "buyers", "orders", "recall_ms", "list_ms", "cpu_ms"},
    "sourcing": {"seconds", "cpu_seconds", "gap_pct", "small_gap_pct", "orders", "warehouses", "skus"},
    "tree": {"members", "upline_1000_ms", "bind_ms", "move_10k_ms"},
}  # fmt: skip
SMALL = {
    "orders": ("--seconds", "1", "--http-orders", "50"),
    "checkout": ("--seconds", "1", "--rounds", "1"),
    "accrual": ("--orders", "300"),
    "recall": ("--movements", "20000"),
    "sourcing": ("--orders", "100", "--rounds", "1"),
    "tree": ("--members", "12000"),
}


def _tool(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, on the session's database: what is tested is what it says, not how it finds a server."""
    named = {name: os.environ[name] for name in ("BANYAN_DATABASE_APP_URL", "BANYAN_DATABASE_OWNER_URL")}
    return subprocess.run(
        [sys.executable, "-m", "banyan.config.cli", *arguments], env=clean_environment(home, **named), text=True,
        capture_output=True, cwd="/", timeout=240, check=False,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("bench", list(KEYS))
def test_a_bench_prints_one_flat_object_with_the_agreed_names(database: None, tmp_path: Path, bench: str) -> None:
    answer = _tool(tmp_path, "bench", bench, *SMALL[bench], "--json")
    assert answer.stdout.count("\n") == 1, answer.stdout + answer.stderr[-2000:]
    result = json.loads(answer.stdout)
    assert set(result) == KEYS[bench]
    assert all(type(value) in (int, float) for value in result.values()), result
    assert all(value > 0 for value in result.values()), result
    # So little says nothing about speed, but a bar that it does not reach is told and is the exit code.
    assert answer.returncode == (1 if ", wanted " in answer.stderr else 0), answer.stderr[-2000:]


@pytest.mark.slow
def test_commits_of_somebody_elses_server_are_not_slowed(database: None, tmp_path: Path) -> None:
    refused = _tool(tmp_path, "bench", "checkout", "--commit-ms", "2", "--json")
    assert refused.returncode == 2 and refused.stdout == ""
    assert "Commits can be slowed" in refused.stderr


@pytest.mark.slow
def test_verify_prints_one_flat_object_with_the_agreed_names(tenant: Any, tmp_path: Path) -> None:
    answer = _tool(tmp_path, "verify", "--json", "--tenant", tenant.slug)
    assert answer.returncode == 0, answer.stderr[-2000:]
    result = json.loads(answer.stdout)
    assert set(result) == {"findings", "checked"}
    assert result["findings"] == 0
    assert answer.stdout.count("\n") == 1


def test_processor_time_is_finer_than_a_tick() -> None:
    """A recall on a small shop takes less than one: it must not cost nothing."""
    from banyan.config.bench import processor

    before = processor.own_seconds()
    sum(range(10_000))
    assert 0 < processor.own_seconds() - before < 0.01


def test_every_missed_bar_is_named_and_a_reached_one_is_not() -> None:
    from banyan.config.bench import checkout, orders, tree
    from banyan.config.tools.bench import _accrual_misses

    assert tree.misses({"members": 1, "upline_1000_ms": 50.0, "bind_ms": 5.0, "move_10k_ms": 2000.0}) == []
    slow = tree.misses({"members": 1, "upline_1000_ms": 50.01, "bind_ms": 5.01, "move_10k_ms": 2000.5})
    assert [text.split(" takes ")[0] for text in slow] == [
        "the upline of 1,000 members", "binding one leaf", "moving a team of 10,000",
    ]  # fmt: skip
    assert _accrual_misses({"orders_per_s": 3000, "cpu_ms_per_order": 1}) == []
    assert len(_accrual_misses({"orders_per_s": 2999, "cpu_ms_per_order": 1})) == 1
    assert orders.misses({"spread_ratio": 2.0, "hot_ratio": 5.0, "http_cpu_ms_per_order": 3.0}) == []
    reached = {"ratio_spread": 1.0, "ratio_hot": 4.0, "cpu_ms_per_order": 1.5, "p99_ms_at_70": 100.0}
    assert checkout.misses(reached) == []
    assert len(checkout.misses({"ratio_spread": 0.99, "ratio_hot": 3.99, "cpu_ms_per_order": 1.51, "p99_ms_at_70": 100.1})) == 4
    assert len(orders.misses({"spread_ratio": 1.99, "hot_ratio": 4.99, "http_cpu_ms_per_order": 3.01})) == 3


@pytest.mark.parametrize(("failing", "code"), [("none", 0), ("orders", 2), ("recall", 2)])
def test_make_bench_runs_all_and_fails_at_the_end(tmp_path: Path, failing: str, code: int) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/setup.sh").write_text("exit 0\n")
    command = tmp_path / ".venv/bin/banyan"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\necho "ran $2"\n[ "$2" != {failing} ]\n')
    command.chmod(0o755)
    answer = subprocess.run(["make", "bench"], cwd=tmp_path, capture_output=True, text=True, check=False)
    from banyan.config.tools import bench

    app = typer.Typer()
    bench.register(app)
    every = {command.callback.__name__ for command in app.registered_groups[0].typer_instance.registered_commands}
    ran = [line.removeprefix("ran ") for line in answer.stdout.splitlines() if line.startswith("ran ")]
    assert (set(ran), len(ran)) == (every, len(every))
    assert answer.returncode == code
    assert ("Not reached: " in answer.stderr) == bool(code)
